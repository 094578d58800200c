"""Where it is night, and when that changes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import gevent
import pytest

from services.presence.nights import next_look, nights_at
from services.presence.people import People, Site
from services.presence.switch_events import SwitchEvents
from shared.esl.client import InboundClient
from shared.schedule import Hours, NightService, Period, Times

from .examples import ANNA, BERND, DEVICES

EVENINGS = Times(weekly=tuple(Hours(day, 18 * 60, 8 * 60) for day in range(7)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def site(**night: object) -> Site:
    return Site(1, 11, "Berlin", night=NightService(**{"target": "22", **night}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("night", "now", "is_night", "changes"), [
    (NightService(), "2026-01-05T20:00", False, None),
    (NightService("22"), "2026-01-05T20:00", False, None),
    (NightService("22", scheduled=True, times=EVENINGS), "2026-01-05T20:00", True, "2026-01-06T07:00"),
    (NightService("22", scheduled=True, times=EVENINGS), "2026-01-05T12:00", False, "2026-01-05T17:00"),
    # As on the ladder: without a target it is never night.
    (NightService("", scheduled=True, times=EVENINGS), "2026-01-05T20:00", False, None),
    (NightService("22", by_hand=True, by_hand_at=at("2026-01-05T12:00")), "2026-01-05T13:00", True, None),
    # By hand until the schedule changes next: from its evening on the schedule says.
    (NightService("22", True, EVENINGS, True, at("2026-01-05T12:00")), "2026-01-05T13:00", True, "2026-01-05T17:00"),
    (NightService("22", True, EVENINGS, False, at("2026-01-05T20:00")), "2026-01-05T21:00", False, "2026-01-06T07:00"),
])
def test_the_night_of_a_site(night: NightService, now: str, is_night: bool, changes: str | None):
    one = Site(1, 11, "Berlin", night=night)
    assert nights_at([one], at(now)) == (frozenset({11}) if is_night else frozenset())
    assert next_look([one], at(now)) == (at(changes) if changes else None)


def test_the_first_change_of_all_sites_counts():
    late = Site(1, 12, "Lissabon", time_zone="Europe/Lisbon", country="PT",
                night=NightService("22", scheduled=True, times=EVENINGS))
    assert next_look([late, site(scheduled=True, times=EVENINGS), site()], at("2026-01-05T12:00")) == at(
        "2026-01-05T17:00")
    assert next_look([], at("2026-01-05T12:00")) is None


def test_the_schedule_switches_the_lamps_by_itself():
    there = datetime.now(UTC).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    soon = Times(periods=(Period(there + timedelta(seconds=0.3), there + timedelta(seconds=0.9)),))
    people = People([replace(one, site_id=11) for one in (ANNA, BERND)], DEVICES, {101: {1: 102}},
                    [site(scheduled=True, times=soon)])
    client = InboundClient("127.0.0.1", 1, "nobody answers there", name="test")
    presence = SwitchEvents(client, read_people=lambda: people)
    endless = presence.start()
    try:
        night = presence.feed.night_of(101)
        assert night is not None
        assert night["on"] is False
        for on in (True, False):
            with gevent.Timeout(5):
                while presence.feed.night_of(101) != {**night, "on": on}:
                    gevent.sleep(0.02)
            assert presence.feed.snapshot_of(101)["lamps"][0]["because"] == (["night_service"] if on else [])
    finally:
        gevent.killall(endless)
        client.stop()
