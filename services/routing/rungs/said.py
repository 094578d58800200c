"""What a rung answers: what it looked at, and what it wants, best first. No wish: the next rung is asked.

A rung only wishes. Whether a forward may be made (barring, loop guard) and where it leads is found out by the
ladder, which falls to the next wish, or the next rung, when it may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from services.routing.facts import ForwardReason, SimultaneousNumber
from services.routing.plan import Announce, DeviceLeg, Leg, Outcome, Reject, ToMailbox

Saw = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Forward:
    target: str
    reason: ForwardReason
    announced: Announce | None = None
    """Played to the caller before he is sent on."""
    splash: tuple[DeviceLeg, ...] = ()
    """Telephones that ring once meanwhile (R1)."""


@dataclass(frozen=True, slots=True)
class GoesTo:
    """Straight to an outcome, as if it had rung and ended so."""

    outcome: Outcome
    splash: tuple[DeviceLeg, ...] = ()
    """Telephones that ring once meanwhile (R6)."""


@dataclass(frozen=True, slots=True)
class RingAt:
    """Where it rings: own legs, and outside numbers reached through a trunk each."""

    legs: tuple[Leg, ...] = ()
    numbers: tuple[SimultaneousNumber, ...] = ()
    alert_info: str = ""
    reason: str = "devices"
    untaken_is_no_answer: bool = False
    """E1: however ringing ends there, to the executive's caller it was not answered."""


Wish = Forward | GoesTo | RingAt | Announce | Reject | ToMailbox


class Said(NamedTuple):
    saw: Saw
    wishes: tuple[Wish, ...] = ()


def nothing(**saw: object) -> Said:
    return Said(tuple(saw.items()))


OFF = nothing(on=False)
"""Of a service nobody has switched on, which is the answer of most rungs to most calls."""


def wants(*wishes: Wish, **saw: object) -> Said:
    return Said(tuple(saw.items()), wishes)
