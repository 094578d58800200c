"""Use case: somebody's timetable of a week, as data: day by day, for callers from outside and from inside.

    {"week": "2026-W52", "subscriber": {...}, "callers": [{"kind": "outside", ...}, ...],
     "days": [{"date": "2026-12-21", "holiday": None, "minutes": 1440, "runs": [[0, 1440]],
               "lanes": [[{"begins": "…", "ends": "…", "kind": "night", …}], …]}]}     a lane for each caller
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.routing.call import Answers
from services.routing.explain import imagined
from services.routing.explain.calendar import holiday_name
from services.routing.explain.imagined import SOMEBODY_OUTSIDE, EntryOf, Imagined, NotUnderstood, Person
from services.routing.explain.timetable import Place, Stretch, TooManyChanges, stretches, within
from services.routing.explain.week import Day, NoSuchWeek, days_from, first_day, name_of
from shared.database import Database, Transaction

Timetable = dict[str, Any]

INSIDE, OUTSIDE = "inside", "outside"


class Timetables:
    """pause: lets other work of the process go first."""

    def __init__(
        self, database: Database, answers: Answers, entry_of: EntryOf, pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._answers = answers
        self._entry_of = entry_of
        self._pause = pause

    def of(
        self, company_id: int, subscriber_id: int, *, week: str | None = None, caller: str | None = None,
        language: str | None = None, others_shown: bool = True,
    ) -> Timetable | None:
        """None: no such subscriber. Raises NotUnderstood, directory.NotKnownNow."""
        with self._database.company(company_id) as tx:
            person = imagined.of_subscriber(tx, company_id, subscriber_id)
            if person is None:
                return None
            calls = self._calls(tx, company_id, person, caller)
        zone = ZoneInfo(person.site.time_zone)
        monday = self._monday(week, zone)
        days = days_from(monday.date(), zone)
        lanes = [self._stretches(call, days, others_shown) for call in calls]
        said_in = language or person.language
        return {
            "subscriber": {"subscriber_id": person.subscriber_id, "extension": person.extension, "name": person.name},
            "week": name_of(monday.date()), "site": person.site.name, "time_zone": person.site.time_zone,
            "language": said_in, "callers": [_caller(call) for call in calls],
            "days": [_day(day, lanes, person, zone, said_in) for day in days],
        }

    def _calls(self, tx: Transaction, company_id: int, person: Person, caller: str | None) -> list[Imagined]:
        def call(who: str) -> Imagined:
            return imagined.imagine(tx, company_id, who, person.extension, self._entry_of)

        if caller is not None:
            return [call(caller)]
        calls = []
        try:
            calls.append(call(SOMEBODY_OUTSIDE))
        except NotUnderstood as error:
            if error.error != imagined.NO_NUMBER:
                raise
        colleague = imagined.some_colleague(tx, company_id, person)
        if colleague is not None:
            calls.append(call(colleague.extension))
        return calls

    def _monday(self, week: str | None, zone: ZoneInfo) -> datetime:
        try:
            text = week if week is not None else name_of(self._answers.now().astimezone(zone).date())
            return datetime.combine(first_day(text), datetime.min.time(), zone)
        except NoSuchWeek as error:
            raise NotUnderstood("invalid_field", "week", f"week: {error}", "2026-W52") from None

    def _stretches(self, call: Imagined, days: tuple[Day, ...], others_shown: bool) -> list[Stretch]:
        try:
            return stretches(call, days[0].begins, days[-1].ends, self._answers, others_shown=others_shown,
                             pause=self._pause)
        except TooManyChanges:
            raise NotUnderstood("too_many_changes", "week", "week: these settings change too often to be shown",
                                "ask about single moments instead: /v1/explain") from None


def _caller(call: Imagined) -> dict[str, Any]:
    if call.caller is not None:
        return {"kind": INSIDE, "number": call.caller.extension, "name": call.caller.name}
    return {"kind": OUTSIDE, "number": call.caller_number or None, "name": ""}


def _day(day: Day, lanes: list[list[Stretch]], person: Person, zone: ZoneInfo, language: str) -> dict[str, Any]:
    site = person.site
    return {
        "date": day.date.isoformat(),
        "holiday": holiday_name(day.date, site.country, site.region, language) or None,
        "minutes": day.minutes,
        "runs": [[run.from_minute, run.to_minute] for run in day.runs],
        "lanes": [[_stretch(one, day, zone) for one in within(day, lane)] for lane in lanes],
    }


def _stretch(one: Stretch, day: Day, zone: ZoneInfo) -> dict[str, Any]:
    goes = one.goes
    return {
        "begins": one.begins.astimezone(zone).isoformat(timespec="minutes"),
        "ends": one.ends.astimezone(zone).isoformat(timespec="minutes"),
        "walls": _walls(one, day),
        "kind": goes.kind, "rung": goes.rung, "to": _place(goes.to), "lands": goes.lands or None,
        "then": {"kind": goes.then, "to": _place(goes.then_to), "after_s": goes.after_s} if goes.then else None,
    }


def _walls(one: Stretch, day: Day) -> list[list[int]]:
    """[run, from, to]: which minutes of the clock on the wall it covers, run by run of the day."""
    covered = []
    for number, run in enumerate(day.runs):
        begins, ends = max(one.begins, run.begins), min(one.ends, run.ends)
        if begins < ends:
            first = run.from_minute + round((begins - run.begins).total_seconds() / 60)
            covered.append([number, first, first + round((ends - begins).total_seconds() / 60)])
    return covered


def _place(place: Place | None) -> dict[str, str] | None:
    return asdict(place) if place else None
