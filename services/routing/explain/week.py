"""A week of a site: its days, as long as they are, their holidays, and the days on which the clock changes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.schedule import clock_change

_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})")


class NoSuchWeek(ValueError):
    """The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a day in which the clock on the wall just runs: two on a day it is put forward or back, else one."""

    begins: datetime
    ends: datetime
    from_minute: int
    """Of the clock on the wall, counted from midnight."""

    @property
    def to_minute(self) -> int:
        return self.from_minute + round((self.ends - self.begins).total_seconds() / 60)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    begins: datetime
    """UTC."""
    ends: datetime
    runs: tuple[Run, ...]

    @property
    def minutes(self) -> int:
        return round((self.ends - self.begins).total_seconds() / 60)


def first_day(text: str) -> date:
    """The Monday of a week as ISO 8601 writes it, 2026-W52. Raises NoSuchWeek."""
    match = _WEEK.fullmatch(text.strip())
    if match is None:
        raise NoSuchWeek("must be a week as in 2026-W52")
    year, week = map(int, match.groups())
    if not 1971 <= year < 2200:
        raise NoSuchWeek("must lie between 1971 and 2199")
    try:
        return date.fromisocalendar(year, week, 1)
    except ValueError:
        raise NoSuchWeek(f"{year} has no week {week}") from None


def name_of(monday: date) -> str:
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def days_from(monday: date, zone: ZoneInfo) -> tuple[Day, ...]:
    return tuple(_day(monday + timedelta(days), zone) for days in range(7))


def _day(one: date, zone: ZoneInfo) -> Day:
    begins, ends = _midnight(one, zone), _midnight(one + timedelta(1), zone)
    changed = clock_change(begins, zone)
    if changed is None or not begins < changed < ends:
        return Day(one, begins, ends, (Run(begins, ends, 0),))
    there = changed.astimezone(zone)
    return Day(one, begins, ends, (Run(begins, changed, 0), Run(changed, ends, there.hour * 60 + there.minute)))


def _midnight(one: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(one, time(), zone).astimezone(UTC)
