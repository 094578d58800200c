"""The processor for calls first: a process that answers calls waits in the same queue as the switch itself.

FreeSWITCH puts itself into the real-time class SCHED_FIFO, priority 1, where the system lets it (switch_core.c,
set_realtime_priority): an ordinary process then runs only when none of the switch's threads wants to, which on a
busy machine is what most of a call's set-up time is spent on. Measured on two cores at 20 calls a second: 12 ms more
than the switch alone from an ordinary process, 8 ms from one in its class.

Only the thread that asks is in that class, not its children; and not while it does what may take long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger()

_PRIORITY = 1  # the switch's own; more would go before its audio

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class CallsFirst:
    def __init__(self) -> None:
        self._allowed = False
        self._behind = 0

    def begin(self) -> bool:
        """From now on as the switch. False where the system does not let us: all goes on as before."""
        self._allowed = True
        try:
            self._go_first()
        except OSError as error:
            self._allowed = False
            log.info("calls are answered with ordinary priority", reason=error.strerror)
        return self._allowed

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Inside, work that calls need not wait for: ordinary priority until the last of it is done."""
        self._behind += 1
        if self._allowed and self._behind == 1:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        try:
            yield
        finally:
            self._behind -= 1
            if self._allowed and self._behind == 0:
                self._go_first()

    def wsgi(self, app: Wsgi) -> Wsgi:
        """The same application, behind the calls."""

        def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
            with self.behind():
                answer = app(environ, start_response)
                try:
                    yield from answer
                finally:
                    close = getattr(answer, "close", None)  # PEP 3333: of answers that hold something open
                    if close is not None:
                        close()

        return run

    def _go_first(self) -> None:
        # Threads and children (password hashing, SMTP) start as ordinary ones.
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
