"""Ends callers left over by a pickup that was given up at once.

When the one who takes a call hangs up before the switch has joined both (about 50 ms), the caller stays
alone in CS_SOFT_EXECUTE, answered and silent (switch_ivr_bridge.c, switch_ivr_uuid_bridge; seen on 1.11.2). So the
end of a taker's leg that comes that early ends the caller's leg, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from services.routing.memory import Bounded

log = structlog.get_logger()

_TOO_EARLY_S = 1.0
_MOST = 10_000


class Pickups:
    """end: hangs up a leg; called from events, so it must not wait."""

    def __init__(self, end: Callable[[str], object], now: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._now = now
        self._taken: Bounded[str, tuple[str, float]] = Bounded(_MOST)

    def begins(self, taker_leg_uuid: str, caller_leg_uuid: str) -> None:
        self._taken.keep(taker_leg_uuid, (caller_leg_uuid, self._now()))

    def failed(self, leg_uuid: str) -> None:
        """It asked again, so there was nothing to take."""
        self._taken.pop(leg_uuid, None)

    def ended(self, leg_uuid: str) -> None:
        caller_leg_uuid, began = self._taken.pop(leg_uuid, ("", 0.0))
        if caller_leg_uuid and self._now() - began < _TOO_EARLY_S:
            log.info("pickup given up at once, caller released", call_id=caller_leg_uuid, taker=leg_uuid)
            self._end(caller_leg_uuid)
