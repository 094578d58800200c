"""What a lamp may show: the states of a subscriber in order of priority, the first that applies wins; why he is in
it; and the states of what is no person.

The order is by what the watcher does next: a ringing colleague can be picked up, whatever else he does;
a call that is up counts before one on hold; and settings matter only while nobody is on the telephone.
Park places, groups and shared lines join as further facts and states of this one place.
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
    """All his calls go elsewhere (R1)."""
    mailbox: bool = False
    """All his calls go to his mailbox (R11)."""
    intercepted: bool = False
    """Callers hear that he left (G9)."""
    remote_office: bool = False
    """His calls ring at the remote number: his own telephones may be off (R9)."""
    night_service: bool = False
    """Calls from outside to his site go to its night target (G6)."""


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


def rings(legs: tuple[Leg, ...]) -> Leg | None:
    """The leg that rings at him longest."""
    return next(filter(_rings, legs), None)


def is_on_it(leg: Leg) -> bool:
    """The subscriber is on this call, talking or holding."""
    return leg.state is CallState.HELD or _is_up(leg)


RINGING = State("ringing", Lamp.EARLY, lambda facts: any(map(_rings, facts.legs)))
ON_A_CALL = State("on_a_call", Lamp.CONFIRMED, lambda facts: any(map(_is_up, facts.legs)))
HELD = State("held", Lamp.CONFIRMED, lambda facts: any(leg.state is CallState.HELD for leg in facts.legs))
DO_NOT_DISTURB = State("do_not_disturb", Lamp.CONFIRMED, lambda facts: facts.do_not_disturb)
AWAY = State("away", Lamp.CONFIRMED, lambda facts: facts.forwarded or facts.mailbox or facts.intercepted)
NOT_REGISTERED = State(
    "not_registered", Lamp.TERMINATED, lambda facts: not facts.registered and not facts.remote_office)
IDLE = State("idle", Lamp.TERMINATED, lambda facts: True)

STATES: tuple[State, ...] = (RINGING, ON_A_CALL, HELD, DO_NOT_DISTURB, AWAY, NOT_REGISTERED, IDLE)


def state_of(facts: SubscriberFacts) -> State:
    """The first that applies; the last always does."""
    return next(state for state in STATES if state.applies(facts))


REASONS: tuple[tuple[str, Callable[[SubscriberFacts], bool]], ...] = (
    ("intercepted", lambda facts: facts.intercepted),
    ("forwarded", lambda facts: facts.forwarded),
    ("mailbox", lambda facts: facts.mailbox),
    ("do_not_disturb", lambda facts: facts.do_not_disturb),
    ("remote_office", lambda facts: facts.remote_office),
    ("night_service", lambda facts: facts.night_service),
)
"""Where calls to him go or what becomes of them, in the order the ladder looks: all that apply are told, and where they
go is told to nobody."""


def because_of(facts: SubscriberFacts) -> tuple[str, ...]:
    return tuple(name for name, applies in REASONS if applies(facts))


def night_lamp(*, is_night: bool) -> Lamp:
    """The lamp of a site's night service: lit at night."""
    return Lamp.CONFIRMED if is_night else Lamp.TERMINATED
