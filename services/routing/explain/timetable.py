"""Use case: where calls to somebody go in a week, from minute to minute.

The settings are read once; then the same Answers as real calls get decide at every moment at which anything they
look at may change (schedule.py says when), and equal answers in a row become one stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from services.routing.call import Answers, Decided
from services.routing.explain.account import AtAnotherTime, decided_by
from services.routing.explain.imagined import Imagined
from services.routing.explain.week import Day
from services.routing.facts import NETWORK_RING_LIMIT_S, Site, Subscriber
from services.routing.memory import Asked, Found
from services.routing.plan import (
    Announce,
    Decision,
    DeviceLeg,
    Onward,
    PickUp,
    Reject,
    Ring,
    Splash,
    Step,
    ToMailbox,
    TrunkLeg,
    landing,
)
from shared.schedule import Times, by_hand_until, changes_between

MOST_DECISIONS = 3_000

DEVICES, ASSISTANTS, REMOTE_OFFICE, MAILBOX = "devices", "assistants", "remote_office", "mailbox"
FORWARD, NIGHT, ANNOUNCEMENT, REJECTED, BUSY, OUTSIDE = (
    "forward", "night", "announcement", "rejected", "busy", "outside")
KINDS = (DEVICES, ASSISTANTS, REMOTE_OFFICE, FORWARD, NIGHT, MAILBOX, ANNOUNCEMENT, REJECTED, BUSY, OUTSIDE)
_OF_RINGS = {"devices": DEVICES, "executive_filter": ASSISTANTS, "remote_office": REMOTE_OFFICE}
_REJECTING = ("incoming barring", "enterprise rule", "negative list", "positive list", "anonymous rejection")
_BUSY_RUNGS = ("do not disturb", "busy")


class TooManyChanges(Exception):
    """The settings change more often within the week than is looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody of the company, or a number outside."""

    extension: str = ""
    name: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Goes:
    """Where a call goes at one moment."""

    kind: str
    rung: str
    to: Place | None = None
    """Where it is sent, or rings instead; None: at his own place."""
    lands: str = ""
    """What it comes to there in the end: kind, or empty when that is not shown."""
    then: str = ""
    """Kind of what follows when nobody answers; empty: it rings until the caller gives up."""
    then_to: Place | None = None
    after_s: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    begins: datetime
    """UTC."""
    ends: datetime
    goes: Goes


@dataclass(slots=True)
class _Kept:
    """Looks up once what is asked again and again."""

    directory: Any
    known: dict[Asked, Found] = field(default_factory=dict)

    def look_up(self, asked: Asked) -> Found:
        if asked not in self.known:
            self.known[asked] = self.directory.look_up(asked)
        return self.known[asked]

    def trunks_known(self, company_id: int | None) -> tuple[str, ...]:
        known: tuple[str, ...] = self.directory.trunks_known(company_id)
        return known


def stretches(
    call: Imagined, begins: datetime, ends: datetime, answers: Answers, *, others_shown: bool,
    pause: Callable[[], None] = lambda: None,
) -> list[Stretch]:
    """pause is called between decisions: other work of the process goes first.

    others_shown False: what colleagues do with a call sent on to them is their own matter. Raises NotUnderstood,
    NotKnownNow, TooManyChanges.
    """
    directory: Any = _Kept(AtAnotherTime(answers.directory))

    def decided(moment: datetime) -> Decided:
        return decided_by(replace(answers, directory=directory, now=lambda: moment), call)

    first = decided(begins)
    people = first.found.people if first.found else {}
    moments = switch_points(people.values(), begins, ends, pause)
    if len(moments) > MOST_DECISIONS:
        raise TooManyChanges
    told = [Stretch(begins, ends, _goes(first.decision, people, call, others_shown))]
    for moment in moments:
        pause()
        goes = _goes(decided(moment).decision, people, call, others_shown)
        if goes != told[-1].goes:
            told[-1:] = [replace(told[-1], ends=moment), Stretch(moment, ends, goes)]
    return told


def switch_points(
    people: Iterable[Subscriber], begins: datetime, ends: datetime, pause: Callable[[], None] = lambda: None,
) -> list[datetime]:
    """Every moment in between at which a decision about these people may become another."""
    wanted: set[tuple[Times, Site]] = set()
    moments: set[datetime] = set()
    for person in people:
        wanted.update((times, person.site) for times in _times_in(person))
        by_hand = (person.site.night.by_hand_at, by_hand_until(person.site))
        moments.update(moment for moment in by_hand if moment is not None and begins < moment < ends)
    for times, site in wanted:
        moments.update(changes_between(times, begins, ends, site))
        pause()
    return sorted(moments)


def _times_in(value: object) -> Iterator[Times]:
    """All times anywhere in somebody's settings."""
    if isinstance(value, Times):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _times_in(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _times_in(getattr(value, one.name))


def within(day: Day, told: Iterable[Stretch]) -> list[Stretch]:
    """What of the stretches lies within the day."""
    return [replace(one, begins=max(one.begins, day.begins), ends=min(one.ends, day.ends))
            for one in told if one.begins < day.ends and one.ends > day.begins]


# ----- a decision in one word


def _goes(decision: Decision, people: Mapping[int, Subscriber], call: Imagined, others_shown: bool) -> Goes:
    step = decision.step
    own = call.callee.extension if call.callee else ""
    hop = _hop(decision, own, people)
    end = landing(_past_the_prompt(step))[0]
    kind, to = _kind(decision, step, end, people)
    leaves = hop is not None and hop.extension not in ("", own)
    if kind in (FORWARD, NIGHT):
        to = hop or to
    lands = _kind_of(end) if kind in (FORWARD, NIGHT) else ""
    if lands and to is None:  # round in circles: it comes to nobody
        return Goes(lands, decision.rung)
    if leaves and not others_shown:
        return Goes(kind, decision.rung, to)
    then, then_to, after_s = _unanswered(end, people, own, others_shown)
    return Goes(kind, decision.rung, to, lands, then, then_to, after_s)


def _past_the_prompt(step: Step) -> Step:
    while isinstance(step, Announce) and step.then is not None:
        step = step.then
    return step


def _kind(
    decision: Decision, step: Step, end: Step, people: Mapping[int, Subscriber],
) -> tuple[str, Place | None]:
    step = _past_the_prompt(step)
    while isinstance(step, Splash):
        step = step.step
    if isinstance(step, Onward):
        return (NIGHT if decision.rung == "night service" else FORWARD), _place(end, people)
    if isinstance(step, (Announce, Reject)):
        if decision.rung in _BUSY_RUNGS:
            return BUSY, None
        return (REJECTED if decision.rung in _REJECTING else ANNOUNCEMENT), None
    if isinstance(step, Ring) and step.reason == "devices":
        return DEVICES, None
    return _kind_of(step), _place(step, people)


def _kind_of(step: Step) -> str:
    if isinstance(step, Ring):
        return _OF_RINGS.get(step.reason, OUTSIDE)
    if isinstance(step, ToMailbox):
        return MAILBOX
    if isinstance(step, Reject):
        return BUSY
    if isinstance(step, PickUp):
        return DEVICES
    return ANNOUNCEMENT


def _place(step: Step, people: Mapping[int, Subscriber]) -> Place | None:
    """Where a step takes place: a person, or a number outside."""
    if isinstance(step, ToMailbox):
        return _person(people.get(step.subscriber_id))
    if not isinstance(step, Ring) or not step.legs:
        return None
    leg = step.legs[0]
    if isinstance(leg, TrunkLeg):
        return Place(number=leg.number)
    assert isinstance(leg, DeviceLeg)
    return _person(people.get(leg.subscriber_id))


def _person(person: Subscriber | None) -> Place | None:
    return Place(person.extension, person.name) if person else None


def _hop(decision: Decision, own: str, people: Mapping[int, Subscriber]) -> Place | None:
    """To whom of the company it is sent on first: his lines follow the one that decided."""
    lines = iter(decision.trace)
    for line in lines:
        if line.place == own and line.decides:
            break
    onward = next((line.place for line in lines if line.sent_on == 1 and line.place != own), None)
    if onward is None or not isinstance(_past_the_prompt(_unsplashed(decision.step)), Onward):
        return None
    return next((_person(one) for one in people.values() if one.extension == onward), None)


def _unsplashed(step: Step) -> Step:
    while isinstance(step, Splash):
        step = step.step
    return step


def _unanswered(
    end: Step, people: Mapping[int, Subscriber], own: str, others_shown: bool,
) -> tuple[str, Place | None, int]:
    if not isinstance(end, Ring) or end.ring_timeout_s >= NETWORK_RING_LIMIT_S:
        return "", None, 0
    next_step = _unsplashed(end.no_answer)
    last = landing(next_step)[0]
    kind = FORWARD if isinstance(next_step, Onward) else _kind_of(last)
    place = _place(last, people)
    if kind == FORWARD and not others_shown and place and place.extension not in ("", own):
        place = None
    return kind, place, end.ring_timeout_s
