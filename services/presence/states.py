"""What a subscriber's lamp may show: the states in order of priority, the first that applies wins.

The order is by what the watcher does next: a ringing colleague can be picked up, whatever else he does;
a call that is up counts before one on hold; and settings matter only while nobody is on the telephone.
Park places, groups and shared lines join as further facts and states of this one table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from shared.calls_up import CallState, Direction, Leg


class Lamp(StrEnum):
    """What a handset's key can show, in the words of dialog-info (RFC 4235)."""

    TERMINATED = "terminated"
    EARLY = "early"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class SubscriberFacts:
    legs: tuple[Leg, ...] = ()
    registered: bool = True
    do_not_disturb: bool = False
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class State:
    name: str
    lamp: Lamp
    applies: Callable[[SubscriberFacts], bool]


def _rings(leg: Leg) -> bool:
    """A leg towards the subscriber that is not answered. One he dialled himself is his call from the start."""
    return leg.direction is Direction.OUTBOUND and leg.state in (CallState.RINGING, CallState.EARLY)


def _is_up(leg: Leg) -> bool:
    # DIALING towards him: his telephone has not said that it rings.
    return leg.state is not CallState.HELD and not _rings(leg) and (
        leg.direction is Direction.INBOUND or leg.state is not CallState.DIALING)


def is_on_it(leg: Leg) -> bool:
    """The subscriber is on this call, talking or holding."""
    return leg.state is CallState.HELD or _is_up(leg)


RINGING = State("ringing", Lamp.EARLY, lambda facts: any(map(_rings, facts.legs)))
ON_A_CALL = State("on_a_call", Lamp.CONFIRMED, lambda facts: any(map(_is_up, facts.legs)))
HELD = State("held", Lamp.CONFIRMED, lambda facts: any(leg.state is CallState.HELD for leg in facts.legs))
DO_NOT_DISTURB = State("do_not_disturb", Lamp.CONFIRMED, lambda facts: facts.do_not_disturb)
AWAY = State("away", Lamp.CONFIRMED, lambda facts: facts.forwarded)
NOT_REGISTERED = State("not_registered", Lamp.TERMINATED, lambda facts: not facts.registered)
IDLE = State("idle", Lamp.TERMINATED, lambda facts: True)

STATES: tuple[State, ...] = (RINGING, ON_A_CALL, HELD, DO_NOT_DISTURB, AWAY, NOT_REGISTERED, IDLE)


def state_of(facts: SubscriberFacts) -> State:
    """The first that applies; the last always does."""
    return next(state for state in STATES if state.applies(facts))
