"""What an open page is told."""

from __future__ import annotations

import json

import pytest

from services.presence.board import Board
from services.presence.feed import PAGES_PER_SUBSCRIBER, Feed, TooManyPages
from services.presence.people import People
from services.presence.registrations import Registration, Registrations
from shared.calls_up import CallState, CallsUp, Direction, Leg, LegNews

from .examples import ANNA, BERND, CLARA, DEVICES, PEOPLE

PING = "event: ping\ndata: {}\n\n"


class House:
    def __init__(self) -> None:
        self.calls, self.registrations = CallsUp(), Registrations()
        self.board = Board(self.calls, self.registrations)
        self.feed = Feed(self.board)
        self.board.take_people(PEOPLE)
        for device in DEVICES:
            changed = self.registrations.take(Registration(device.device_id, "c"), present=True, now=0.0)
            self.board.refresh_devices(changed)
        self.sequence = 0

    def call(self, state: CallState, presence_id: str = BERND.presence_id) -> None:
        self.sequence += 1
        leg = Leg(presence_id, state, Direction.OUTBOUND, presence_id)
        for subscriber_id in self.board.refresh_presences(
                self.calls.take(LegNews(leg, self.sequence, "run"), float(self.sequence))):
            self.feed.state_changed(subscriber_id)


def told(message: str) -> tuple[str, dict]:
    lines = dict(line.split(": ", 1) for line in message.strip().splitlines())
    assert lines["id"].isdecimal()
    return lines["event"], json.loads(lines["data"])


@pytest.fixture
def house() -> House:
    return House()


def test_the_snapshot_comes_first_then_each_change(house: House):
    stream = house.feed.stream(ANNA.subscriber_id)
    kind, data = told(next(stream))
    assert kind == "snapshot"
    assert [(lamp["position"], lamp["extension"], lamp["state"]) for lamp in data["lamps"]] == [
        (1, "22", "idle"), (2, "23", "idle")]
    house.call(CallState.RINGING)
    assert told(next(stream)) == ("lamp", {
        "position": 1, "subscriber_id": 102, "extension": "22", "name": "Bernd Bauer", "state": "ringing",
        "lamp": "early", "because": [], "caller": None})


def test_a_slow_reader_gets_what_is_true_now_not_what_was(house: House):
    stream = house.feed.stream(ANNA.subscriber_id)
    next(stream)
    for _ in range(1000):
        house.call(CallState.RINGING)
        house.call(CallState.ACTIVE)
        house.call(CallState.HANGUP)
    house.call(CallState.ACTIVE, CLARA.presence_id)
    assert told(next(stream))[1]["extension"] == "23"
    assert next(house.feed.stream(ANNA.subscriber_id)).startswith("id: ")


def test_a_quiet_stream_says_that_it_is_alive(house: House):
    stream = house.feed.stream(ANNA.subscriber_id, ping_every_s=0.01)
    next(stream)
    assert next(stream) == PING


def test_a_changed_list_is_a_new_snapshot(house: House):
    stream = house.feed.stream(ANNA.subscriber_id)
    next(stream)
    house.board.take_people(People((ANNA, BERND, CLARA), DEVICES, {101: {1: 103}}))
    house.feed.lists_changed()
    assert [lamp["extension"] for lamp in told(next(stream))[1]["lamps"]] == ["23"]


def test_a_list_that_is_the_same_is_not_told_again(house: House):
    stream = house.feed.stream(ANNA.subscriber_id, ping_every_s=0.01)
    next(stream)
    house.feed.lists_changed()
    assert next(stream) == PING


def test_nobody_hears_of_those_he_does_not_watch(house: House):
    stream = house.feed.stream(BERND.subscriber_id, ping_every_s=0.01)
    next(stream)
    house.call(CallState.RINGING, CLARA.presence_id)
    assert next(stream) == PING


def test_streams_are_counted_and_given_back(house: House):
    streams = [house.feed.stream(ANNA.subscriber_id) for _ in range(PAGES_PER_SUBSCRIBER)]
    for stream in streams:
        next(stream)
    with pytest.raises(TooManyPages):
        house.feed.stream(ANNA.subscriber_id)
    for stream in streams:
        stream.close()
    assert house.feed.page_count == 0
    next(house.feed.stream(ANNA.subscriber_id))


def test_a_switch_that_is_lost_is_told_at_once_and_what_changed_before_it_is_back(house: House):
    house.feed.step_changed(True)
    stream = house.feed.stream(ANNA.subscriber_id, ping_every_s=0.01)
    assert told(next(stream))[1]["in_step"] is True
    house.feed.step_changed(False)
    assert told(next(stream)) == ("in_step", {"in_step": False})
    assert house.feed.snapshot_of(ANNA.subscriber_id)["in_step"] is False
    house.call(CallState.RINGING)
    house.feed.step_changed(True)
    assert told(next(stream))[0] == "lamp"
    assert told(next(stream)) == ("in_step", {"in_step": True})
    assert next(stream) == PING


def test_a_line_that_comes_and_goes_unseen_is_no_news(house: House):
    house.feed.step_changed(True)
    stream = house.feed.stream(ANNA.subscriber_id, ping_every_s=0.01)
    next(stream)
    house.feed.step_changed(False)
    house.feed.step_changed(True)
    assert next(stream) == PING
