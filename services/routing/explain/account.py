"""Use case: the account of a call, imagined or past: the ladder rung by rung, and what came or would come of it.

An imagined call is decided by the same Answers as real ones (call.py), with another clock; nothing is climbed here a
second time. A past call is what was stored when it was decided, and what the switch said afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.routing import call_log
from services.routing.call import Answers, Decided
from services.routing.directory import Unknown
from services.routing.explain import imagined
from services.routing.explain.calendar import calendar
from services.routing.explain.imagined import EntryOf, Imagined, NobodyThere, Place
from services.routing.explain.privacy import OUTGOING, as_seen_by
from services.routing.explain.way import Registered, devices_of, way
from services.routing.facts import Site, Subscriber
from services.routing.ladder import LADDER
from services.routing.memory import Asked, Found
from services.routing.plan import Looked
from shared.database import Database, Row, Transaction

Account = dict[str, Any]

_NUMBERS = {rung.name: rung.number for rung in LADDER}
_OF_OLD: Mapping[str, Any] = {"sent_on": 0, "decides": False}
MOMENTARY = ("calls_up", "registrations", "limits")
"""What holds at this moment only, and is not known of another."""


@dataclass(frozen=True, slots=True)
class AtAnotherTime:
    """The directory as it stands, without what is true at this moment only."""

    directory: Any

    def look_up(self, asked: Asked) -> Found:
        found: Found = self.directory.look_up(asked)
        return replace(found, people={one: _at_rest(person) for one, person in found.people.items()},
                       caller=_at_rest(found.caller) if found.caller else None)

    def trunks_known(self, company_id: int | None) -> tuple[str, ...]:
        known: tuple[str, ...] = self.directory.trunks_known(company_id)
        return known


def _at_rest(person: Subscriber) -> Subscriber:
    return replace(person, calls_up=0) if person.calls_up else person


def decided_by(answers: Answers, call: Imagined) -> Decided:
    """Raises NobodyThere, directory.NotKnownNow."""
    try:
        return answers.decided(call.question)
    except Unknown:
        raise NobodyThere("not_found", "callee", f"callee: nobody in this company has {call.question.dialled}",
                          "from outside only its extensions and numbers can be called") from None


class Explainer:
    """entry_of: what the switch would get of a telephone (switch_directory.py); registered: which handsets are now."""

    def __init__(self, database: Database, answers: Answers, entry_of: EntryOf, registered: Registered) -> None:
        self._database = database
        self._answers = answers
        self._entry_of = entry_of
        self._registered = registered

    def imagine(self, company_id: int, caller: str, callee: str) -> Imagined:
        """Raises NotUnderstood."""
        with self._database.company(company_id) as tx:
            return imagined.imagine(tx, company_id, caller, callee, self._entry_of)

    def account(self, call: Imagined, at: str | None) -> Account:
        """at: ISO, None: now. Raises NotUnderstood, directory.NotKnownNow."""
        now = self._answers.now() if at is None else imagined.moment(at, call.site.time_zone)
        decided = self.decided(call, now, at_rest=at is not None)
        people = decided.found.people if decided.found else {}
        names = {one.extension: one.name for one in people.values()}
        step = decided.decision.step
        registered = self._registered(devices_of(step), decided.domain) if at is None else None
        return {
            "kind": "imagined",
            "caller": _caller(decided, call),
            "dialled": call.question.dialled,
            "callee": _person(call),
            "at": now.astimezone(ZoneInfo(call.site.time_zone)).isoformat(timespec="seconds"),
            "calendar": calendar(_site(call, people), call.site.name, now),
            "not_known": [] if at is None else list(MOMENTARY),
            "from_memory": bool(decided.found and decided.found.from_memory),
            "rung": decided.decision.rung,
            "rungs": told(map(Looked.as_json, decided.decision.trace), names),
            "plan": way(step, people, registered),
            "limit": self._answers.limits.would_stop(step, decided.company_id) or None if at is None else None,
        }

    def decided(self, call: Imagined, now: datetime, *, at_rest: bool) -> Decided:
        directory: Any = AtAnotherTime(self._answers.directory) if at_rest else self._answers.directory
        return decided_by(replace(self._answers, directory=directory, now=lambda: now), call)

    def past(self, company_id: int, call_id: UUID, viewer: int | None) -> Account | None:
        """viewer: the subscriber who asks, if only his own calls and rungs may be shown. None: no such call for him."""
        with self._database.company(company_id) as tx:
            row = call_log.one(tx, call_id, viewer)
            if row is None:
                return None
            account = _past(tx, company_id, row)
            if viewer is None:
                return account
            return _seen(tx, company_id, viewer, account, calls=row.caller_subscriber_id == viewer)

    def seen_by(self, company_id: int, viewer: int, account: Account, *, calls: bool) -> Account:
        with self._database.company(company_id) as tx:
            return _seen(tx, company_id, viewer, account, calls=calls)


def _seen(tx: Transaction, company_id: int, viewer: int, account: Account, *, calls: bool) -> Account:
    person = imagined.of_subscriber(tx, company_id, viewer)
    devices = tx.rows("SELECT device_id FROM directory.devices WHERE company_id = :company_id AND subscriber_id = :id",
                      company_id=company_id, id=viewer)
    return as_seen_by(account, person.extension if person else "", [one.device_id for one in devices], calls=calls)


def _past(tx: Transaction, company_id: int, row: Row) -> Account:
    callee, caller = (
        imagined.of_subscriber(tx, company_id, one) if one else None
        for one in (row.callee_subscriber_id, row.caller_subscriber_id))
    answers = [(datetime.fromisoformat(one["at"]), imagined.of_subscriber(tx, company_id, one["subscriber_id"])
                if one["subscriber_id"] else None) for one in row.answers]
    answered_by = next((person for _, person in answers if person), None)
    someone = callee or caller
    zone = ZoneInfo(someone.site.time_zone) if someone else UTC

    def there(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat(timespec="seconds") if at else None

    trace, later = row.trace or [], [one["trace"] or [] for one in row.later]
    names = tx.rows(
        "SELECT extension, btrim(first_name || ' ' || last_name) AS name FROM directory.subscribers"
        " WHERE company_id = :company_id AND extension = ANY (:places)", company_id=company_id,
        places=sorted({line["place"] for lines in (trace, *later) for line in lines}))
    named = {one.extension: one.name for one in names}
    return {
        "kind": "past",
        "call_id": str(row.call_id),
        "caller": {"number": row.caller_number, "name": row.caller_name or "",
                   "withheld": row.caller_withheld or row.caller_number is None},
        "dialled": row.dialled,
        "callee": {"subscriber_id": row.callee_subscriber_id, "extension": row.callee_number,
                   "name": row.callee_name or ""} if row.callee_number else None,
        "at": there(row.started_at),
        "direction": row.direction,
        "from_memory": row.from_memory,
        "rung": row.rung,
        "rungs": told(trace, named),
        "later": [{"at": there(datetime.fromisoformat(one["at"])), "dialled": one["dialled"], "rung": one["rung"],
                   "rungs": told(lines, named)} for one, lines in zip(row.later, later, strict=True)],
        "happened": [{**step, "at": there(datetime.fromisoformat(step["at"]))} for step in row.steps],
        "answered_at": there(row.answered_at),
        "answered_by": _named(answered_by),
        "answers": [{"at": there(at), "by": _named(person)} for at, person in answers],
        "ended_at": there(row.ended_at),
        "cause": row.cause,
    }


def _named(person: imagined.Person | None) -> dict[str, str] | None:
    return {"extension": person.extension, "name": person.name} if person else None


def told(trace: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The trace with the number of each rung on the ladder, and the name of whose rung it is."""
    return [{"number": None if line["place"] == OUTGOING else _NUMBERS.get(line["rung"]),
             **_OF_OLD, **line, "name": names.get(line["place"], "")} for line in trace]


def _caller(decided: Decided, call: Imagined) -> dict[str, Any]:
    """Emergency calls look nobody up, so what they know of the caller is what was imagined."""
    caller, person = decided.caller, call.caller
    number = caller.extension or caller.number or (person.extension if person else "")
    return {"number": number or None, "name": caller.name or (person.name if person else ""),
            "withheld": caller.withheld}


def _person(call: Imagined) -> dict[str, Any] | None:
    callee = call.callee
    if callee is None:
        return None
    return {"subscriber_id": callee.subscriber_id, "extension": callee.extension, "name": callee.name}


def _site(call: Imagined, people: Mapping[int, Subscriber]) -> Site:
    """As the ladder knows it; that of a call to nobody has no calendar of its own."""
    someone = call.callee or call.caller
    known = people.get(someone.subscriber_id) if someone else None
    return known.site if known else _plain(call.site)


def _plain(place: Place) -> Site:
    return Site(place.site_id, place.country, place.area_code, time_zone=place.time_zone, region=place.region)
