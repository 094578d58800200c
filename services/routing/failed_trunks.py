"""Trunks that could not take a call are tried last for a minute, so that only the first call waits for a dead carrier.

A carrier that says nothing at all costs a call the time of SIP's timer B (freeswitch/conf/profiles/external.xml), and a
number that rings along with others is dialled over one trunk only: both want the one that works first. In memory:
after a restart the first call finds out again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import structlog

from shared.metrics import Counter

log = structlog.get_logger()

FAILURES = Counter("pbx_routing_trunk_failures_total", "Calls a trunk could not take", ["trunk"])
LAST_FOR_S = 60.0


class FailedTrunks:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def note(self, trunks: Iterable[str]) -> None:
        now = self._clock()
        for trunk in trunks:
            FAILURES.labels(trunk).inc()
            if self._until.get(trunk, 0.0) <= now:
                log.warning("trunk failed, tried last for a minute", trunk=trunk)
            self._until[trunk] = now + LAST_FOR_S

    def last(self, trunks: tuple[str, ...]) -> tuple[str, ...]:
        """The same in the order they are to be tried now; the very same when none of them failed."""
        if not self._until:
            return trunks
        now = self._clock()
        self._until = {trunk: until for trunk, until in self._until.items() if until > now}
        failed = tuple(trunk for trunk in trunks if trunk in self._until)
        if not failed or trunks[-len(failed):] == failed:
            return trunks
        return (*(trunk for trunk in trunks if trunk not in failed), *failed)
