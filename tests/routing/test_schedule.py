"""When something holds, to the minute, by the clocks of the site."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.facts import Site
from shared.schedule import (
    Hours,
    NightService,
    Period,
    Times,
    changes_between,
    holds,
    holidays_of,
    is_night,
    next_change,
)

BERLIN = Site(1, "DE", "30", region="BE")
AUCKLAND = Site(2, "NZ", "9", time_zone="Pacific/Auckland")
LORD_HOWE = Site(3, "AU", "2", time_zone="Australia/Lord_Howe")  # puts its clocks on by half an hour
EVERY_DAY = range(7)


def daily(begin: int, end: int, **more) -> Times:
    return Times(tuple(Hours(day, begin, end) for day in EVERY_DAY), **more)


def at(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_nothing_set_is_always():
    assert holds(Times(), utc("2026-08-12T12:00"), BERLIN)
    assert next_change(Times(), utc("2026-08-12T12:00"), BERLIN) is None


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-08-12T05:59:59", False),   # 7:59:59 in Berlin, a Wednesday in summer
    ("2026-08-12T06:00", True),
    ("2026-08-12T15:29:59", True),
    ("2026-08-12T15:30", False),
    ("2026-08-13T06:00", False),      # Thursday
    ("2026-12-09T06:59:59", False),   # winter: 7:59:59
    ("2026-12-09T07:00", True),
])
def test_weekly_hours_hold_from_their_first_minute_and_not_in_their_last(now, expected):
    wednesdays = Times((Hours(2, at("8:00"), at("17:30")),))
    assert holds(wednesdays, utc(now), BERLIN) is expected


def test_a_day_may_end_at_24_hours():
    whole_day = Times((Hours(2, 0, at("24:00")),))
    assert holds(whole_day, utc("2026-08-12T21:59"), BERLIN)
    assert not holds(whole_day, utc("2026-08-12T22:00"), BERLIN)
    assert next_change(whole_day, utc("2026-08-12T12:00"), BERLIN) == utc("2026-08-12T22:00")


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-08-16T19:59", False),  # Sunday 21:59
    ("2026-08-16T20:00", True),
    ("2026-08-16T23:30", True),   # Monday 1:30
    ("2026-08-17T03:59", True),
    ("2026-08-17T04:00", False),
    ("2026-08-17T20:00", False),  # Monday evening is not Sunday's
])
def test_hours_past_midnight_go_on_into_the_next_day_also_from_sunday_to_monday(now, expected):
    assert holds(Times((Hours(6, at("22:00"), at("6:00")),)), utc(now), BERLIN) is expected


# ----- both days on which the clocks change

SPRING, AUTUMN = "2026-03-29", "2026-10-25"  # in Berlin at 01:00 UTC


@pytest.mark.parametrize(("begin", "end", "now", "expected"), [
    # In spring 2:00 is 3:00. Each clock one hour before, at, and one hour after the change.
    ("1:00", "2:00", f"{SPRING}T00:00", True),
    ("1:00", "2:00", f"{SPRING}T00:59", True),
    ("1:00", "2:00", f"{SPRING}T01:00", False),
    ("1:00", "2:30", f"{SPRING}T01:00", False),   # 2:30 never comes: over with the change
    ("2:00", "3:00", f"{SPRING}T00:59", False),   # an hour that never comes
    ("2:00", "3:00", f"{SPRING}T01:00", False),
    ("2:30", "4:00", f"{SPRING}T00:59", False),
    ("2:30", "4:00", f"{SPRING}T01:00", True),    # begins with the change
    ("2:30", "4:00", f"{SPRING}T01:59", True),
    ("2:30", "4:00", f"{SPRING}T02:00", False),
    ("8:00", "9:00", f"{SPRING}T05:59", False),
    ("8:00", "9:00", f"{SPRING}T06:00", True),
    ("8:00", "9:00", f"{SPRING}T06:59", True),
    ("8:00", "9:00", f"{SPRING}T07:00", False),
    # In autumn 2:00 to 3:00 comes twice.
    ("2:00", "2:30", f"{AUTUMN}T00:00", True),
    ("2:00", "2:30", f"{AUTUMN}T00:30", False),
    ("2:00", "2:30", f"{AUTUMN}T01:00", True),
    ("2:00", "2:30", f"{AUTUMN}T01:29", True),
    ("2:00", "2:30", f"{AUTUMN}T01:30", False),
    ("1:00", "3:00", f"{AUTUMN}T00:59", True),
    ("1:00", "3:00", f"{AUTUMN}T01:59", True),
    ("1:00", "3:00", f"{AUTUMN}T02:00", False),
    ("8:00", "9:00", f"{AUTUMN}T06:59", False),
    ("8:00", "9:00", f"{AUTUMN}T07:00", True),
    ("8:00", "9:00", f"{AUTUMN}T08:00", False),
])
def test_hours_are_those_of_the_clock_on_the_wall_when_berlin_changes_its_clocks(begin, end, now, expected):
    assert holds(daily(at(begin), at(end)), utc(now), BERLIN) is expected


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-04-04T19:59", False),  # 5 April, 7:59 after going back from 3:00 to 2:00
    ("2026-04-04T20:00", True),
    ("2026-04-03T18:59", False),  # the day before, in summer: 7:59
    ("2026-04-03T19:00", True),
    ("2026-09-26T18:59", False),  # 27 September, 7:59 after going on from 2:00 to 3:00
    ("2026-09-26T19:00", True),
    ("2026-09-25T19:59", False),  # the day before, in winter
    ("2026-09-25T20:00", True),
])
def test_where_summer_is_winter_the_hours_hold_as_well(now, expected):
    assert holds(daily(at("8:00"), at("9:00")), utc(now), AUCKLAND) is expected


@pytest.mark.parametrize(("begin", "end", "first", "last"), [
    (f"{AUTUMN}T02:30", f"{AUTUMN}T04:00", f"{AUTUMN}T00:30", f"{AUTUMN}T02:59"),
    (f"{AUTUMN}T01:00", f"{AUTUMN}T02:30", f"{AUTUMN}T00:29", None),
    (f"{SPRING}T02:30", f"{SPRING}T04:00", f"{SPRING}T01:00", f"{SPRING}T01:59"),
    (f"{SPRING}T01:00", f"{SPRING}T02:30", f"{SPRING}T00:59", None),
])
def test_a_period_is_one_stretch_also_when_the_clock_goes_back_within_it(begin, end, first, last):
    times = Times(periods=(Period(wall(begin), wall(end)),))
    midnight = utc(first).replace(hour=0, minute=0) - timedelta(hours=3)
    minutes = [midnight + timedelta(minutes=n) for n in range(600)]
    held = [minute for minute in minutes if holds(times, minute, BERLIN)]
    assert held == [held[0] + timedelta(minutes=n) for n in range(len(held))]
    assert utc(first) in (held[0], held[-1])
    assert last is None or held[-1] == utc(last)


# ----- periods and holidays


def test_a_period_holds_besides_the_weekly_hours():
    times = Times((Hours(0, at("8:00"), at("9:00")),), (Period(wall("2026-12-24T12:00"), wall("2026-12-27T00:00")),))
    assert not holds(times, utc("2026-12-24T10:59"), BERLIN)
    assert holds(times, utc("2026-12-24T11:00"), BERLIN)
    assert holds(times, utc("2026-12-26T22:59"), BERLIN)
    assert not holds(times, utc("2026-12-26T23:00"), BERLIN)
    assert holds(times, utc("2026-12-28T07:00"), BERLIN)  # a Monday


@pytest.mark.parametrize(("day", "where"), [
    ("2026-03-08", {"DE-BE", "DE-MV"}),                           # women's day
    ("2026-01-06", {"DE-BW", "DE-BY", "DE-ST", "AT"}),            # Epiphany
    ("2026-06-04", {"DE-BW", "DE-BY", "DE-HE", "DE-NW", "DE-RP", "DE-SL", "AT"}),  # Corpus Christi moves with Easter
    ("2026-11-18", {"DE-SN"}),                                    # day of prayer and repentance
    ("2026-10-03", {"DE-BE", "DE-BW", "DE-BY", "DE-HE", "DE-MV", "DE-NW", "DE-RP", "DE-SL", "DE-SN", "DE-ST", "DE-HH"}),
    ("2026-10-26", {"AT", "NZ"}),                                 # Austria's national day; New Zealand's labour day
    ("2026-07-14", {"FR"}),
])
def test_holidays_are_those_of_the_federal_state_or_country(day, where):
    regions = ["DE-BE", "DE-BW", "DE-BY", "DE-HE", "DE-MV", "DE-NW", "DE-RP", "DE-SL", "DE-SN", "DE-ST", "DE-HH",
               "AT", "FR", "NZ"]
    noon = wall(f"{day}T12:00").replace(tzinfo=UTC) - timedelta(hours=2)
    times = [Times(on_holidays=True, holiday_region=region) for region in regions]
    assert {one.holiday_region for one in times if holds(one, noon, BERLIN)} == where


def test_without_a_region_of_their_own_times_have_the_holidays_of_the_site():
    womens_day = utc("2026-03-08T12:00")
    assert holds(Times(on_holidays=True), womens_day, BERLIN)
    assert not holds(Times(on_holidays=True), womens_day, replace(BERLIN, region="BY"))


def test_a_holiday_begins_and_ends_at_midnight_of_the_site():
    christmas = Times(on_holidays=True)
    assert not holds(christmas, utc("2026-12-24T22:59"), BERLIN)
    assert holds(christmas, utc("2026-12-24T23:00"), BERLIN)
    assert next_change(christmas, utc("2026-12-24T23:00"), BERLIN) == utc("2026-12-26T23:00")


def test_hours_that_do_not_hold_on_holidays():
    office = daily(at("8:00"), at("18:00"), not_on_holidays=True)
    assert holds(office, utc("2026-05-13T10:00"), BERLIN)
    assert not holds(office, utc("2026-05-14T10:00"), BERLIN)  # Ascension day
    assert next_change(office, utc("2026-05-13T10:00"), BERLIN) == utc("2026-05-13T16:00")
    assert next_change(office, utc("2026-05-13T20:00"), BERLIN) == utc("2026-05-15T06:00")


def test_only_not_on_holidays_is_every_other_day():
    times = Times(not_on_holidays=True)
    assert holds(times, utc("2026-05-13T10:00"), BERLIN)
    assert not holds(times, utc("2026-05-14T10:00"), BERLIN)


def test_a_state_nobody_knows_has_the_holidays_of_its_country_and_a_country_nobody_knows_none():
    assert holidays_of("DE", "XX", 2026) == holidays_of("DE", "", 2026) != frozenset()
    assert holidays_of("XX", "", 2026) == frozenset()


# ----- the next change

MINUTES = st.integers(0, 24 * 60)
WEEKLY = st.lists(st.builds(Hours, st.integers(0, 6), MINUTES.filter(lambda m: m < 1440), MINUTES), max_size=3)
SITES = st.sampled_from([BERLIN, AUCKLAND, LORD_HOWE])
NEAR_A_CHANGE = st.builds(
    lambda day, minutes: utc(day) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-28", "2026-10-24", "2026-04-04", "2026-09-26", "2026-10-03", "2026-12-24"]),
    st.integers(0, 2 * 1440))
PERIODS = st.lists(st.builds(
    lambda begin, minutes: Period(begin.replace(tzinfo=None), begin.replace(tzinfo=None) + timedelta(minutes=minutes)),
    NEAR_A_CHANGE, st.integers(1, 3000)), max_size=2)
TIMES = st.builds(
    Times, WEEKLY.map(tuple), PERIODS.map(tuple), st.booleans(), st.booleans(), st.sampled_from(["", "DE-BY"]))


@settings(max_examples=60, deadline=None)
@given(TIMES, NEAR_A_CHANGE, SITES)
def test_the_next_change_is_the_first_minute_that_says_something_else(times, after, site):
    now_so = holds(times, after, site)
    minutes = (after + timedelta(minutes=n) for n in range(1, 2 * 1440))
    first = next((minute for minute in minutes if holds(times, minute, site) is not now_so), None)
    found = next_change(times, after, site)
    assert found == first or (first is None and (found is None or found >= after + timedelta(minutes=2 * 1440)))


@settings(max_examples=40, deadline=None)
@given(TIMES, NEAR_A_CHANGE, SITES)
def test_all_changes_of_a_stretch_are_the_next_ones_one_after_the_other(times, after, site):
    end = after + timedelta(days=4)
    found, moment = [], next_change(times, after, site)
    while moment is not None and moment < end:
        found.append(moment)
        moment = next_change(times, moment, site)
    assert changes_between(times, after, end, site) == found


def test_a_period_of_years_to_come_is_still_the_next_change():
    times = Times(periods=(Period(wall("2031-01-01T08:00"), wall("2031-01-02T08:00")),))
    assert next_change(times, utc("2026-08-12T12:00"), BERLIN) == utc("2031-01-01T07:00")


# ----- night service

NIGHTS = daily(at("18:00"), at("8:00"), on_holidays=True)


def night(now: str, by_hand: bool | None = None, by_hand_at: str = "", *, scheduled: bool = True) -> bool:
    service = NightService("24", scheduled, NIGHTS, by_hand, utc(by_hand_at) if by_hand_at else None)
    return is_night(replace(BERLIN, night=service), utc(now))


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-08-12T15:59", False), ("2026-08-12T16:00", True), ("2026-08-13T05:59", True), ("2026-08-13T06:00", False),
    ("2026-12-25T11:00", True),   # a holiday
])
def test_night_comes_and_goes_by_the_schedule(now, expected):
    assert night(now) is expected


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-08-12T12:00", True), ("2026-08-12T15:59", True),
    ("2026-08-12T16:00", True),   # the schedule's own night begins: what was switched by hand is over
    ("2026-08-13T06:00", False),
])
def test_switched_to_night_by_hand_at_noon_it_is_day_again_the_next_morning(now, expected):
    assert night(now, True, "2026-08-12T11:00") is expected


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-08-12T18:00", False), ("2026-08-13T05:59", False), ("2026-08-13T06:00", False), ("2026-08-13T16:00", True),
])
def test_switched_to_day_by_hand_in_the_evening_it_is_night_again_the_next_evening(now, expected):
    assert night(now, False, "2026-08-12T17:00") is expected


def test_without_a_schedule_what_was_switched_by_hand_holds_until_it_is_switched_back():
    assert night("2027-01-01T12:00", True, "2026-08-12T11:00", scheduled=False)
    assert not night("2027-01-01T23:00", False, "2026-08-12T11:00", scheduled=False)
    assert not night("2026-08-12T23:00", scheduled=False)


def test_by_hand_in_the_very_minute_of_a_change_counts_from_there():
    assert not night("2026-08-12T20:00", False, "2026-08-12T16:00")
    assert night("2026-08-12T20:00", False, "2026-08-12T15:59")


def test_switched_by_hand_in_the_hour_that_comes_twice_it_ends_with_the_next_change_of_the_schedule():
    service = NightService("24", True, daily(at("2:00"), at("2:30")), False, utc(f"{AUTUMN}T00:10"))
    site = replace(BERLIN, night=service)
    assert not is_night(site, utc(f"{AUTUMN}T00:29"))
    assert not is_night(site, utc(f"{AUTUMN}T00:59"))
    assert is_night(site, utc(f"{AUTUMN}T01:00"))  # 2:00 once more
