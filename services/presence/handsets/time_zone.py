"""When clocks change, as handsets want to be told: a rule of month, week and weekday. Core.

    "Europe/Berlin", 2026 -> ClockRule(3600 s from UTC, 3600 s more from the last Sunday of March, 2:00, to …)
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LAST_WEEK = 5
_YEARS = 8
"""So many are looked at to tell the fourth Sunday of a month from the last."""


@dataclass(frozen=True, slots=True)
class Change:
    month: int
    week: int
    """1 to 4 counted from the first of the month, LAST_WEEK for the last."""
    weekday: int
    """1 Monday to 7 Sunday."""
    hour: int
    """By the clock that is changed."""


@dataclass(frozen=True, slots=True)
class ClockRule:
    offset_s: int
    """Standard time, seconds east of UTC."""
    summer_s: int = 0
    """More in summer; 0: clocks are not changed."""
    begins: Change | None = None
    ends: Change | None = None


@lru_cache(maxsize=256)
def rule_of(zone_name: str, year: int) -> ClockRule:
    """The rule of the next years; where there is none, what fits this one: a handset asks again every day. Clocks that
    change otherwise than twice a year count as not changed."""
    zone = ZoneInfo(zone_name)
    changes = [list(_changes(zone, one)) for one in range(year, year + _YEARS)]
    offset_s = min(_offset_s(zone, datetime(year, month, 1, tzinfo=UTC)) for month in (1, 7))
    if any(len(of_year) != 2 for of_year in changes):
        return ClockRule(offset_s)
    begins = [next((at for at, more_s in of_year if more_s > 0), None) for of_year in changes]
    ends = [next((at for at, more_s in of_year if more_s < 0), None) for of_year in changes]
    first, last = _in_common(begins), _in_common(ends)
    if first is None or last is None:
        return ClockRule(offset_s)
    summer_s = max(more_s for _, more_s in changes[0])
    return ClockRule(offset_s, summer_s, first, last)


def _offset_s(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, int]]:
    """(clock time that is changed, seconds it is put forward)."""
    at = datetime(year, 1, 1, tzinfo=UTC)
    while at.year == year:
        until = at + timedelta(days=1)
        if _offset_s(zone, at) != _offset_s(zone, until):
            yield _exactly(zone, at, until)
        at = until


def _exactly(zone: ZoneInfo, at: datetime, until: datetime) -> tuple[datetime, int]:
    before_s = _offset_s(zone, at)
    while until - at > timedelta(minutes=1):
        middle = at + (until - at) / 2
        if _offset_s(zone, middle) == before_s:
            at = middle
        else:
            until = middle
    clock = (until + timedelta(seconds=before_s)).replace(tzinfo=None)
    # The halving ends within a minute after the change.
    return clock.replace(minute=0, second=0, microsecond=0), _offset_s(zone, until) - before_s


def _in_common(changes: list[datetime | None]) -> Change | None:
    """The first one as a rule: by the last week of the month if all of them lie in it. None: not in every year."""
    known = [one for one in changes if one is not None]
    if len(known) < len(changes):
        return None
    in_last = all(one.day + 7 > monthrange(one.year, one.month)[1] for one in known)
    first = known[0]
    return Change(first.month, LAST_WEEK if in_last else (first.day - 1) // 7 + 1, first.isoweekday(), first.hour)
