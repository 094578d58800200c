"""What the switch says about an attempt's legs -> observations.

The first legs are known by the ids minted for them. Every other leg that carries the attempt's id is one of
the target's: the id is exported to whatever the first leg is bridged to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from services.callback import reasons
from services.callback.attempt import Fact, Observation
from services.callback.first_leg import ENDS_ALL, OUTSIDE
from shared.esl.events import Event

EVENTS = (
    "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE",
    "BACKGROUND_JOB",
)


def attempt_of(event: Event) -> UUID | None:
    """The attempt this event is about, or None when it is about none."""
    if event.name == "BACKGROUND_JOB":
        named = event.get("Job-UUID") if event.get("Job-Command") == "originate" else None
    else:
        named = event.variable("pbx_attempt")
    if named is None:
        return None
    try:
        return UUID(named)
    except ValueError:
        return None


def says_little(event: Event) -> bool:
    """The answer to a command whose cause may stand for another one: nobody pressed 1, or the number was busy
    (first_leg.py)."""
    return event.name == "BACKGROUND_JOB" and (event.body or "").strip() in ("-ERR NORMAL_CLEARING", "-ERR NO_ANSWER")


def read(event: Event, first_legs: Collection[UUID]) -> Observation | None:
    """What this event says about the attempt it belongs to; None: nothing of interest."""
    if event.name == "BACKGROUND_JOB":
        return _job(event.body or "")
    is_first = UUID(event.leg_uuid) in first_legs
    match event.name:
        case "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA":
            return Observation(Fact.FIRST_RANG if is_first else Fact.TARGET_RANG)
        case "CHANNEL_ANSWER":
            return Observation(Fact.FIRST_ANSWERED) if is_first and not _must_press_1(event) else None
        case "CHANNEL_BRIDGE":
            return Observation(Fact.CONNECTED)
        case "CHANNEL_HANGUP_COMPLETE":
            return _first_leg_ended(event) if is_first else _target_leg_ended(event)
        case _:
            return None


def read_refusal(reply: str) -> Observation:
    """The switch did not take the command, or could not do it: "-ERR USER_BUSY"."""
    cause = reply.removeprefix("-ERR").strip()
    return Observation(Fact.FIRST_NOT_CONNECTED, reasons.of_first_leg(cause))


def read_dump(leg: Event) -> Observation | None:
    """A first leg that is up, as uuid_dump shows it: for after a gap in the events."""
    state = leg.get("Answer-State")
    if state == "answered" and _must_press_1(leg):
        return Observation(Fact.FIRST_RANG)
    if state == "answered":
        return Observation(Fact.CONNECTED if leg.variable("last_bridge_to") else Fact.FIRST_ANSWERED)
    if state in ("ringing", "early"):
        return Observation(Fact.FIRST_RANG)
    return None


def furthest(legs: Iterable[Event]) -> Observation:
    """What a look at the switch says: the leg that got furthest, or that all of them are gone."""
    seen = [observation for observation in map(read_dump, legs) if observation is not None]
    return max(seen, key=lambda observation: _FAR.index(observation.fact), default=Observation(Fact.GONE))


_FAR = (Fact.FIRST_RANG, Fact.FIRST_ANSWERED, Fact.CONNECTED)


def _job(answer: str) -> Observation:
    if answer.startswith("+OK"):
        return Observation(Fact.FIRST_ANSWERED)
    return read_refusal(answer)


def _first_leg_ended(event: Event) -> Observation | None:
    cause = event.get("Hangup-Cause") or ""
    answered = (event.get("Caller-Channel-Answered-Time") or "0") != "0"
    if event.variable("pbx_first_leg") == OUTSIDE and (not answered or _must_press_1(event)):
        return _number_not_connected(cause, answered)
    if not answered and cause == "CALL_REJECTED":  # it ends the others as well (first_leg.py)
        return Observation(Fact.FIRST_NOT_CONNECTED, reasons.Reason.FIRST_REJECTED)
    if not answered or cause == "LOSE_RACE":
        return None  # one of several telephones; how all of them fared is the job's answer
    # last_bridge_to is set when a bridge begins (switch_ivr_multi_threaded_bridge in switch_ivr_bridge.c).
    if event.variable("last_bridge_to") or event.variable("pbx_step") == "voicemail":
        return Observation(Fact.HUNG_UP)
    # Routing ends it with the cause of its refusal, OUTGOING_CALL_BARRED for one; whoever hangs up while he is told so
    # was told so.
    if event.variable("pbx_step") == "tell":
        cause = event.variable("pbx_cause") or cause
    return Observation(Fact.HUNG_UP_UNCONNECTED, reasons.of_target(cause))


def _number_not_connected(cause: str, answered: bool) -> Observation | None:
    """One that failed otherwise is tried over the next trunk; how it all ended is the job's answer then."""
    if answered:
        return Observation(Fact.FIRST_NOT_CONNECTED, reasons.Reason.FIRST_NOT_CONFIRMED)
    if cause in ENDS_ALL:
        return Observation(Fact.FIRST_NOT_CONNECTED, reasons.of_first_leg(cause))
    return None


def _must_press_1(leg: Event) -> bool:
    """Answered, but asked for the key; once it was pressed the switch unsets this (switch_ivr_originate.c,
    check_channel_status)."""
    return bool(leg.variable("group_confirm_key"))


def _target_leg_ended(event: Event) -> Observation:
    return Observation(Fact.TARGET_LEG_ENDED, reasons.of_target(event.get("Hangup-Cause") or ""))
