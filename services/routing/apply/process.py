"""Asks `python -m services.routing.apply` and waits without holding anybody up: at most one such process at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from gevent import Timeout
from gevent.lock import BoundedSemaphore
from gevent.subprocess import PIPE, Popen

log = structlog.get_logger()

LIMIT_S = 300.0
_WAIT_FOR_TURN_S = 20.0
_NICENESS = 5
"""Calls come first on a machine that does both."""


class Busy(Exception):
    """Another order is being worked on."""


class Failed(Exception):
    """The process ended without an answer, or took too long and was ended."""


class Worker:
    def __init__(self, database_url: str) -> None:
        self._env = {**os.environ, "PBX_DATABASE_URL_ROUTING": database_url}
        self._turn = BoundedSemaphore(1)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """{"status": …, "body": …}. Raises Busy, Failed."""
        if not self._turn.acquire(timeout=_WAIT_FOR_TURN_S):
            raise Busy
        try:
            return self._ask(request)
        finally:
            self._turn.release()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = Popen([sys.executable, "-m", "services.routing.apply"], env=self._env, stdin=PIPE, stdout=PIPE,
                        preexec_fn=_step_back)
        try:
            with Timeout(LIMIT_S, Failed(f"no answer within {LIMIT_S:g} s")):
                said, _ = process.communicate(json.dumps(request).encode())
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            log.error("work with a company file failed", status=process.returncode)
            raise Failed(f"ended with status {process.returncode}")
        answer: dict[str, Any] = json.loads(said)
        return answer


def _step_back() -> None:
    os.nice(_NICENESS)
