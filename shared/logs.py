"""JSON logs, one line a decision, each with the call's id where there is a call.

    logs.configure("routing", level="info")
    log = structlog.get_logger(); log.info("call routed", call_id=…, rung="forward always", to=masked(number))

Numbers are masked by `masked` unless the level is debug; secrets are never passed to a logger. Warnings and errors
are counted, and errors are kept beside the log for the operator's page, if PBX_RUN names a folder (last_errors.py).
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import structlog

from shared import metrics
from shared.last_errors import Keeper

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
LEVELS = tuple(_LEVELS)
_COUNTED = ("warning", "error", "critical")
_KEPT = ("error", "critical")
_show_numbers = False


def configure(service: str, level: str = "info") -> None:
    """Everything to stdout as JSON, also what libraries log."""
    global _show_numbers
    _show_numbers = level == "debug"
    run_folder = os.environ.get("PBX_RUN")
    keeper = Keeper(Path(run_folder)) if run_folder else None

    def name_service(_logger: object, _method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
        entry["service"] = service  # a context variable would not reach new greenlets
        return entry

    def count_and_keep(_logger: object, method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
        severity = str(entry.get("level") or method)
        if severity in _COUNTED:
            metrics.LOG_ENTRIES.labels(service, severity).inc()
        if keeper is not None and severity in _KEPT:
            keeper.keep(dict(entry))
        return entry

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared, structlog.processors.format_exc_info, count_and_keep, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        processor=structlog.processors.JSONRenderer(),
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info, count_and_keep],
    ))
    logging.basicConfig(handlers=[handler], level=max(_LEVELS[level], logging.WARNING), force=True)


def masked(number: str | None) -> str:
    """+4930123456 -> +4930…56: enough to find a call, too little to call back."""
    if number is None:
        return ""
    if _show_numbers or len(number) <= 6:
        return number
    return f"{number[:5]}…{number[-2:]}"
