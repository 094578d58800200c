"""Asks `python -m services.routing.apply` and waits without holding anybody up: at most one such process at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import gevent
import structlog
from gevent import Timeout
from gevent.lock import BoundedSemaphore
from gevent.subprocess import PIPE, Popen

log = structlog.get_logger()

LIMIT_S = 300.0
_WAIT_FOR_TURN_S = 20.0
_STAYS_S = 120.0
_LARGE = 1_000_000
_NICENESS = 5
"""Calls come first on a machine that does both."""


class Busy(Exception):
    """Another order is being worked on."""


class Failed(Exception):
    """The process ended without an answer, or took too long and was ended."""


class Worker:
    """The process is started for the first piece of work and stays a while for the next."""

    def __init__(self, database_url: str) -> None:
        self._env = {**os.environ, "PBX_DATABASE_URL_ROUTING": database_url}
        self._turn = BoundedSemaphore(1)
        self._process: Popen[bytes] | None = None
        self._pieces = 0

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """{"status": …, "body": …}. Raises Busy, Failed."""
        if not self._turn.acquire(timeout=_WAIT_FOR_TURN_S):
            raise Busy
        try:
            return self._ask(json.dumps(request).encode())
        finally:
            self._turn.release()

    def _ask(self, request: bytes) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = Popen([sys.executable, "-m", "services.routing.apply"], env=self._env,
                                            stdin=PIPE, stdout=PIPE, preexec_fn=_step_back)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with Timeout(LIMIT_S, Failed(f"no answer within {LIMIT_S:g} s")):
                process.stdin.write(request + b"\n")
                process.stdin.flush()
                said = process.stdout.readline()
            if not said:
                raise Failed("the process ended")
        except BaseException as error:
            log.error("work with a company file failed", reason=str(error))
            process.kill()
            self._process = None
            if isinstance(error, OSError):
                raise Failed(str(error)) from error
            raise
        answer: dict[str, Any] = json.loads(said)
        self._pieces += 1
        if len(request) > _LARGE:       # it has grown with it
            self._end()
        else:
            gevent.spawn_later(_STAYS_S, self._end_if_idle_since, self._pieces)
        return answer

    def _end_if_idle_since(self, pieces: int) -> None:
        if pieces == self._pieces and self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()       # it reads the end and goes
            process.wait()


def _step_back() -> None:
    os.nice(_NICENESS)
