"""The life of an attempt, from accepted to its end: facts in, state out.

Facts come from the worker, from events, from looks at the switch after a gap, and from the subscriber, in any
order and more than once. TRANSITIONS is all there is to know: a fact not listed for a state changes nothing,
so a late one never turns a state back. UNKNOWN means that nobody knows; the first real fact ends that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from services.callback.reasons import Reason


class State(StrEnum):
    ACCEPTED = "accepted"
    DIALLING = "dialling"
    """The command is being given to the switch, or was; for the subscriber this is still "accepted"."""
    RINGING_FIRST = "ringing_first"
    FIRST_ANSWERED = "first_answered"
    RINGING_TARGET = "ringing_target"
    CONNECTED = "connected"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


FINAL = frozenset({State.ENDED, State.FAILED, State.CANCELLED})
SETTLED = FINAL | {State.UNKNOWN}
"""Nothing needs to be done about these; UNKNOWN may still learn better."""


class Fact(StrEnum):
    CLAIMED = "claimed"
    """A worker is about to give the one command."""
    EXPIRED = "expired"
    """No worker took it in time."""
    NOT_SENT = "not sent"
    """The worker that claimed it knows that its command never left."""
    FIRST_RANG = "first rang"
    FIRST_NOT_CONNECTED = "first not connected"
    """None of the first legs answered, or the switch refused the command."""
    FIRST_ANSWERED = "first answered"
    TARGET_RANG = "target rang"
    TARGET_LEG_ENDED = "target leg ended"
    """One of perhaps several; only its reason is kept."""
    CONNECTED = "connected"
    HUNG_UP_UNCONNECTED = "hung up unconnected"
    """The first leg, once answered, has ended and never talked to anybody."""
    HUNG_UP = "hung up"
    """The first leg has ended after talking (or after leaving a message)."""
    OUTCOME_LOST = "outcome lost"
    """Nobody knows whether the command ran."""
    GONE = "gone"
    """The switch has none of the first legs any more, and how they ended was not seen."""
    CANCELLED = "cancelled"


_ANSWERED_OR_LATER: Mapping[Fact, State] = {
    Fact.HUNG_UP: State.ENDED,
    Fact.HUNG_UP_UNCONNECTED: State.FAILED,
    Fact.GONE: State.UNKNOWN,
    Fact.CANCELLED: State.CANCELLED,
}

TRANSITIONS: Mapping[State, Mapping[Fact, State]] = {
    State.ACCEPTED: {
        Fact.CLAIMED: State.DIALLING,
        Fact.EXPIRED: State.FAILED,
        Fact.CANCELLED: State.CANCELLED,
    },
    State.DIALLING: {
        Fact.FIRST_RANG: State.RINGING_FIRST,
        Fact.FIRST_ANSWERED: State.FIRST_ANSWERED,
        Fact.FIRST_NOT_CONNECTED: State.FAILED,
        Fact.TARGET_RANG: State.RINGING_TARGET,
        Fact.CONNECTED: State.CONNECTED,
        Fact.NOT_SENT: State.FAILED,
        Fact.OUTCOME_LOST: State.UNKNOWN,
        **_ANSWERED_OR_LATER,
    },
    State.RINGING_FIRST: {
        Fact.FIRST_ANSWERED: State.FIRST_ANSWERED,
        Fact.FIRST_NOT_CONNECTED: State.FAILED,
        Fact.TARGET_RANG: State.RINGING_TARGET,
        Fact.CONNECTED: State.CONNECTED,
        **_ANSWERED_OR_LATER,
    },
    State.FIRST_ANSWERED: {
        Fact.TARGET_RANG: State.RINGING_TARGET,
        Fact.CONNECTED: State.CONNECTED,
        **_ANSWERED_OR_LATER,
    },
    State.RINGING_TARGET: {
        Fact.CONNECTED: State.CONNECTED,
        **_ANSWERED_OR_LATER,
    },
    State.CONNECTED: {
        Fact.HUNG_UP: State.ENDED,
        Fact.HUNG_UP_UNCONNECTED: State.ENDED,
        Fact.GONE: State.ENDED,
        Fact.CANCELLED: State.CANCELLED,
    },
    State.UNKNOWN: {
        Fact.FIRST_RANG: State.RINGING_FIRST,
        Fact.FIRST_ANSWERED: State.FIRST_ANSWERED,
        Fact.FIRST_NOT_CONNECTED: State.FAILED,
        Fact.TARGET_RANG: State.RINGING_TARGET,
        Fact.CONNECTED: State.CONNECTED,
        Fact.HUNG_UP: State.ENDED,
        Fact.HUNG_UP_UNCONNECTED: State.FAILED,
        Fact.CANCELLED: State.CANCELLED,
    },
    State.ENDED: {},
    State.FAILED: {},
    State.CANCELLED: {},
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is."""

    state: State
    reason: Reason | None = None
    target_reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    fact: Fact
    reason: Reason | None = None


def after(progress: Progress, seen: Observation) -> Progress:
    """progress once this was seen; the same object when it changes nothing."""
    if seen.fact is Fact.TARGET_LEG_ENDED:
        if seen.reason is None or progress.state in FINAL:
            return progress
        return replace(progress, target_reason=seen.reason)
    state = TRANSITIONS[progress.state].get(seen.fact)
    if state is None:
        return progress
    return replace(progress, state=state, reason=_reason(state, progress, seen))


def _reason(state: State, progress: Progress, seen: Observation) -> Reason | None:
    if state is State.UNKNOWN:
        return Reason.OUT_OF_SIGHT
    if state is not State.FAILED:
        return None
    if seen.fact in (Fact.EXPIRED, Fact.NOT_SENT):
        return Reason.NOT_DIALLED_IN_TIME
    if seen.fact is Fact.FIRST_NOT_CONNECTED:
        return seen.reason or Reason.FIRST_FAILED
    # The target's own words count more than how the first leg was taken down afterwards.
    return progress.target_reason or seen.reason or Reason.HUNG_UP_BEFORE_TARGET


_LIVE = frozenset({Fact.FIRST_RANG, Fact.FIRST_ANSWERED, Fact.TARGET_RANG, Fact.CONNECTED})


def must_hang_up(state: State, seen: Observation) -> bool:
    """A leg shows itself though the attempt was cancelled: the command and the cancelling crossed."""
    return state is State.CANCELLED and seen.fact in _LIVE


def shown(state: State) -> State:
    return State.ACCEPTED if state is State.DIALLING else state
