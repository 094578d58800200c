"""Legs that are up, put together to calls. Core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.calls_up import CallState, Direction, Leg

RINGING = "ringing"
TALKING = "talking"
HELD = "held"
CALL_STATES = (RINGING, TALKING, HELD)


@dataclass(frozen=True, slots=True)
class CallUp:
    call_id: str
    """UUID of the first leg, which the switch gives to every leg it rings for it as the call's."""
    legs: tuple[Leg, ...]
    """The first leg first, then those that were rung."""

    @property
    def state(self) -> str:
        states = {leg.state for leg in self.legs}
        if CallState.HELD in states:
            return HELD
        return TALKING if states & {CallState.ACTIVE, CallState.UNHELD} else RINGING


def calls_of(legs: Iterable[Leg]) -> list[CallUp]:
    """In the order of the calls' ids."""
    by_call: dict[str, list[Leg]] = {}
    for leg in legs:
        by_call.setdefault(leg.call_uuid or leg.leg_uuid, []).append(leg)
    return [CallUp(call_id, tuple(sorted(found, key=lambda leg: _first_leg_first(leg, call_id))))
            for call_id, found in sorted(by_call.items())]


def _first_leg_first(leg: Leg, call_id: str) -> tuple[bool, bool, str]:
    return leg.leg_uuid != call_id, leg.direction is Direction.OUTBOUND, leg.leg_uuid
