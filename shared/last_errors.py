"""The last errors of all processes of a suite, in one file of its run folder: what the operator's page shows.

    logs.configure -> Keeper(folder) -> <folder>/errors.jsonl, one short line each -> last(folder, 100)

A file and not the database or a queue, because errors are mostly about those; and it outlives the process that
wrote last before it died. Lines are appended whole; a full file becomes errors.jsonl.1, so at most twice
KEPT_BYTES lie there. The log itself has all of it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = "errors.jsonl"
KEPT_BYTES = 256 * 1024
_LINE_BYTES = 2000
_TEXT = 400
_OWN = ("timestamp", "service", "level", "event", "exception", "logger")


class Keeper:
    """Appends; an error that cannot be kept is in the log all the same."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME

    def keep(self, entry: dict[str, Any]) -> None:
        """entry: a log line as structlog renders it, with timestamp, service, level, event."""
        line = _line(entry)
        with suppress(OSError):
            if self._file.exists() and self._file.stat().st_size > KEPT_BYTES:
                os.replace(self._file, self._file.with_name(f"{NAME}.1"))
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)


def _line(entry: dict[str, Any]) -> bytes:
    reason = str(entry.get("reason") or "")
    if not reason and entry.get("exception"):
        reason = str(entry["exception"]).strip().splitlines()[-1]
    details = {name: str(value)[:_TEXT] for name, value in entry.items() if name not in (*_OWN, "reason", "call_id")}
    kept = {
        "at": str(entry.get("timestamp", "")), "service": str(entry.get("service", "")),
        "level": str(entry.get("level", "")), "event": str(entry.get("event", ""))[:_TEXT],
        "reason": reason[:_TEXT] or None, "call_id": str(entry["call_id"])[:64] if entry.get("call_id") else None,
        "details": details,
    }
    line = json.dumps(kept)
    if len(line) > _LINE_BYTES:
        line = json.dumps({**kept, "details": {}})
    return line.encode() + b"\n"


def last(folder: Path, limit: int) -> list[dict[str, Any]]:
    """The newest first. What is no line of ours is left out."""
    found: list[dict[str, Any]] = []
    for name in (NAME, f"{NAME}.1"):
        try:
            lines = (folder / name).read_bytes().splitlines()
        except FileNotFoundError:
            continue
        for line in reversed(lines):
            if len(found) == limit:
                return found
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and {"at", "service", "event"} <= entry.keys():
                    found.append(entry)
    return found
