"""Trunks that could not take a call are tried last for a minute, so that only the first call waits for a dead carrier;
of several the one first whose failure is longest ago.

A carrier that says nothing at all costs a call the time of SIP's timer B (freeswitch/conf/profiles/external.xml), and
a number that rings along (ring_along.py) as much of its ringing: both want the one that works first. An emergency call
passes over those alone that did not answer at all. In memory: after a restart the first call finds out again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import structlog

from services.routing.outcomes import SILENT
from shared.metrics import Counter

log = structlog.get_logger()

FAILURES = Counter("pbx_routing_trunk_failures_total", "Calls a trunk could not take", ["trunk"])
LAST_FOR_S = 60.0


class FailedTrunks:
    def __init__(
        self, clock: Callable[[], float] = time.monotonic, is_down: Callable[[str], bool] = lambda trunk: False,
    ) -> None:
        """is_down: the switch itself knows that it can make no leg there, and fails at once."""
        self._clock = clock
        self._is_down = is_down
        self._known: dict[str, tuple[float, str]] = {}
        """Trunk -> until when, and why."""

    def note(self, causes: Mapping[str, str]) -> None:
        """By trunk: the cause its leg ended with (outcomes.trunks_that_failed)."""
        now = self._clock()
        for trunk, cause in causes.items():
            FAILURES.labels(trunk).inc()
            if self._known.get(trunk, (0.0, ""))[0] <= now:
                log.warning("trunk failed, tried last for a minute", trunk=trunk, cause=cause)
            self._known[trunk] = (now + LAST_FOR_S, cause)

    def last(self, trunks: tuple[str, ...], *, only_silent: bool = False) -> tuple[str, ...]:
        """The same in the order they are to be tried now; the very same when none of them failed."""
        if self._known:
            now = self._clock()
            self._known = {trunk: known for trunk, known in self._known.items() if known[0] > now}
        failed = [trunk for trunk in trunks if self._is_down(trunk) or (trunk in self._known
                  and not (only_silent and self._known[trunk][1] not in SILENT))]
        if not failed:
            return trunks
        ordered = (*(trunk for trunk in trunks if trunk not in failed), *sorted(failed, key=self._ends))
        return trunks if ordered == trunks else ordered

    def _ends(self, trunk: str) -> float:
        return math.inf if self._is_down(trunk) else self._known[trunk][0]
