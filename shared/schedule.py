"""When something holds: hours of the week, periods and holidays, as clocks at the site show them; night service.

Pure: whoever asks says for which moment, so that a question about next Tuesday gets next Tuesday's answer.

On the two days a year the clock changes, hours of the week are those a clock on the wall shows: what lies in the hour
that is skipped never comes, what begins in it begins with the change, and an hour that comes twice counts twice. A
period is one stretch of time whatever the clock does: it begins and ends when its time is first reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import holidays

_DAY_MINUTES = 24 * 60
# Every weekday meets every holiday that moves with Easter within that time, and a leap year more.
_LOOK_AHEAD_DAYS = 400


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of the week; weekday 0 is Monday, minutes count from midnight at the site."""

    weekday: int
    from_minute: int
    to_minute: int


@dataclass(frozen=True, slots=True)
class Period:
    """From a date and time to another one, both as clocks at the site show them (naive)."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True)
class Times:
    """When something holds, in the site's time zone. Nothing set: always.

    It holds within an hour of the week (not on holidays, if so set), within a period, or on a holiday, if so set.
    """

    weekly: tuple[Hours, ...] = ()
    periods: tuple[Period, ...] = ()
    on_holidays: bool = False
    not_on_holidays: bool = False
    holiday_region: str = ""
    """`DE-BE`, `AT`; empty: where the site is."""

    @property
    def always(self) -> bool:
        return not (self.weekly or self.periods or self.on_holidays or self.not_on_holidays)


ALWAYS = Times()


@dataclass(frozen=True, slots=True)
class NightService:
    """G6, as it is set; whether it is night now, is_night says."""

    target: str = ""
    scheduled: bool = False
    times: Times = ALWAYS
    """When it is night by the schedule."""
    by_hand: bool | None = None
    """Switched by hand last: to night, to day, or never."""
    by_hand_at: datetime | None = None
    """When that was; the schedule's next change after it ends it."""


NO_NIGHT_SERVICE = NightService()


class Where(Protocol):
    """What of a site its clocks and holidays hang on."""

    @property
    def time_zone(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def region(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Place:
    time_zone: str = "Europe/Berlin"
    country: str = "DE"
    region: str = ""
    """Federal state or the like, within the country (`BE`)."""


class NightPlace(Where, Protocol):
    @property
    def night(self) -> NightService: ...


def times_in(kept: Mapping[str, Any]) -> Times:
    """The shape of schemas/times.py, as it is kept: only what was set."""
    if not kept:
        return ALWAYS
    return Times(
        weekly=tuple(Hours(one["weekday"], _minute(one["from"]), _minute(one["to"])) for one in kept.get("weekly", ())),
        periods=tuple(
            Period(datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["to"]))
            for one in kept.get("periods", ())),
        on_holidays=kept.get("on_holidays", False), not_on_holidays=kept.get("not_on_holidays", False),
        holiday_region=kept.get("holiday_region") or "",
    )


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def holds(times: Times, now: datetime, site: Where) -> bool:
    """now: aware. Weekly hours, periods and holidays are alternatives; with none of them it holds always."""
    if times.always:
        return True
    there = now.astimezone(_zone(site.time_zone))
    if times.on_holidays and is_holiday(there.date(), times, site):
        return True
    if times.periods and any(_within(period, there) for period in times.periods):
        return True
    if not _in_the_weekly_hours(times, there):
        return False
    return not (times.not_on_holidays and is_holiday(there.date(), times, site))


def _in_the_weekly_hours(times: Times, there: datetime) -> bool:
    """Without weekly hours: on every day, unless periods or holidays say when."""
    if not times.weekly:
        return not (times.periods or times.on_holidays)
    minute, today = there.hour * 60 + there.minute, there.weekday()
    for hours in times.weekly:
        if hours.from_minute < hours.to_minute:
            if hours.weekday == today and hours.from_minute <= minute < hours.to_minute:
                return True
        elif hours.from_minute > hours.to_minute:  # past midnight: 22:00 to 6:00 of the next day
            if hours.weekday == today and minute >= hours.from_minute:
                return True
            if (hours.weekday + 1) % 7 == today and minute < hours.to_minute:
                return True
    return False


def _within(period: Period, there: datetime) -> bool:
    return _reached(period.from_at, there) and not _reached(period.to_at, there)


def _reached(wall: datetime, there: datetime) -> bool:
    """A time of an hour that comes twice is reached the first time; one of an hour that is skipped with the change."""
    return there.replace(tzinfo=None) >= wall or there.astimezone(UTC) >= wall.replace(tzinfo=there.tzinfo)


def is_holiday(day: date, times: Times, site: Where) -> bool:
    country, region = site.country, site.region
    if times.holiday_region:
        country, _, region = times.holiday_region.partition("-")
    return day in holidays_of(country, region, day.year)


@lru_cache(maxsize=2048)
def holidays_of(country: str, region: str, year: int) -> frozenset[date]:
    """country as in ISO 3166-1 (`DE`), region as in 3166-2 without the country (`BE`). A region nobody knows has
    the holidays of the whole country, a country nobody knows has none."""
    for subdivision in (region or None, None):
        try:
            return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
        except NotImplementedError:
            continue
    return frozenset()


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# ----- when that changes


def next_change(times: Times, after: datetime, site: Where) -> datetime | None:
    """The first moment later than `after` at which holds() says something else; None: not in the next year."""
    return _next_change(times, after.astimezone(UTC), site.time_zone, site.country, site.region)


@lru_cache(maxsize=4096)
def _next_change(times: Times, after: datetime, time_zone: str, country: str, region: str) -> datetime | None:
    if times.always:
        return None
    site = Place(time_zone, country, region)
    now_so = holds(times, after, site)
    first = after.astimezone(_zone(time_zone)).date()
    days = [first + timedelta(days) for days in range(-1, _LOOK_AHEAD_DAYS)]
    edges = {edge.date() for one in times.periods for edge in (one.from_at, one.to_at)}
    days += sorted(day for day in edges if day > days[-1])
    for day in days:
        for moment in sorted(set(_edges(times, day, _zone(time_zone)))):
            if moment > after and holds(times, moment, site) is not now_so:
                return moment
    return None


def changes_between(times: Times, begin: datetime, end: datetime, site: Where) -> list[datetime]:
    """Every moment (UTC) later than begin and earlier than end at which holds() says something else, in order."""
    if times.always:
        return []
    zone = _zone(site.time_zone)
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    days = [first + timedelta(days) for days in range(-1, (last - first).days + 1)]
    now_so = holds(times, begin, site)
    changes: list[datetime] = []
    for moment in sorted({edge for day in days for edge in _edges(times, day, zone) if begin < edge < end}):
        if holds(times, moment, site) is not now_so:
            now_so = not now_so
            changes.append(moment)
    return changes


def _edges(times: Times, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Moments (UTC) of this day at which something may begin or end."""
    midnight = datetime.combine(day, time())
    minutes = {0} | {
        minute % _DAY_MINUTES for hours in times.weekly for minute in (hours.from_minute, hours.to_minute)}
    walls = [midnight + timedelta(minutes=minute) for minute in minutes]
    walls += [edge for one in times.periods for edge in (one.from_at, one.to_at) if edge.date() == day]
    for wall in walls:
        for fold in (0, 1):
            yield wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    changed = clock_change(midnight.replace(tzinfo=zone).astimezone(UTC), zone)
    if changed:
        yield changed


def clock_change(start: datetime, zone: ZoneInfo) -> datetime | None:
    """The minute (UTC) within the day from start at which the clock is put forward or back."""
    def offset(minutes: int) -> timedelta | None:
        return (start + timedelta(minutes=minutes)).astimezone(zone).utcoffset()

    low, high = 0, _DAY_MINUTES + 60
    if offset(low) == offset(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
    return start + timedelta(minutes=high)


# ----- night service


def is_night(site: NightPlace, now: datetime) -> bool:
    """G6: what was switched by hand holds until the schedule changes next, and for good where there is none."""
    night = site.night
    if holds_by_hand(site, now):
        return bool(night.by_hand)
    return night.scheduled and holds(night.times, now, site)


def holds_by_hand(site: NightPlace, now: datetime) -> bool:
    if site.night.by_hand is None or site.night.by_hand_at is None or now < site.night.by_hand_at:
        return False
    ends = by_hand_until(site)
    return ends is None or now < ends


def by_hand_until(site: NightPlace) -> datetime | None:
    """When the schedule takes over again from the hand; None: never."""
    night = site.night
    if not night.scheduled or night.by_hand_at is None:
        return None
    return next_change(night.times, night.by_hand_at, site)
