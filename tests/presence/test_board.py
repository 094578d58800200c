"""What is shown of whom, and to whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.presence.board import Board, Caller
from services.presence.feed import Feed
from services.presence.lamps import NIGHT, LampAddress
from services.presence.people import Availability, People, Person, Site
from services.presence.registrations import Registration, Registrations
from services.presence.states import Lamp
from shared.calls_up import CallState, CallsUp, Direction, Leg, LegNews
from shared.schedule import NightService

from .examples import ANNA, BERND, CLARA, DEVICES, DOMAIN, ULF

BERLIN = Site(1, 11, "Berlin", night=NightService("22"))


class House:
    def __init__(self, *persons: Person) -> None:
        self.calls, self.registrations = CallsUp(), Registrations()
        self.board = Board(self.calls, self.registrations)
        self.feed = Feed(self.board)
        self.board.take_people(People(
            persons or (ANNA, BERND, CLARA, ULF), DEVICES, {101: {1: 102, 2: 103}, 102: {1: 101}}, [BERLIN]))
        for device in DEVICES:
            self.board.refresh_devices(
                self.registrations.take(Registration(device.device_id, "c"), present=True, now=0.0))
        self.sequence = 0

    def ring(self, person: Person = BERND, number: str | None = "+493012345", name: str | None = "Clara Conrad",
             withheld: bool = False, state: CallState = CallState.RINGING,
             direction: Direction = Direction.OUTBOUND, uuid: str = "a") -> frozenset[int]:
        self.sequence += 1
        leg = Leg(uuid, state, direction, person.presence_id, caller_number=number, caller_name=name,
                  caller_withheld=withheld)
        return self.board.refresh_presences(self.calls.take(LegNews(leg, self.sequence, "run"), float(self.sequence)))

    def lamp(self, watcher: Person = ANNA) -> dict:
        return self.feed.snapshot_of(watcher.subscriber_id)["lamps"][0]


def in_group(*people: Person, group: int | None = 5) -> tuple[Person, ...]:
    return tuple(replace(one, pickup_group_id=group) for one in people)


def test_settings_are_shown_without_where_calls_go():
    house = House()
    away = replace(BERND, availability=Availability(forwarded=True, remote_office=True))
    assert house.board.take_some({102}, People((away,), DEVICES, {102: {1: 101}})) == {102}
    lamp = house.lamp()
    assert (lamp["state"], lamp["lamp"], lamp["because"]) == ("away", "confirmed", ["forwarded", "remote_office"])
    assert house.board.take_some({102}, People((BERND,), DEVICES, {})) == {102}
    assert house.lamp()["state"] == "idle"


def test_somebody_who_is_gone_is_told_of_once():
    house = House()
    nobody = People((), (), {})
    assert house.board.take_some({102}, nobody) == {102}
    assert house.board.take_some({102}, nobody) == frozenset()
    assert [lamp["position"] for lamp in house.feed.snapshot_of(101)["lamps"]] == [2]


# ----- P5: who rings


def test_who_rings_is_shown_to_the_own_pickup_group():
    house = House(*in_group(ANNA, BERND), CLARA)
    house.ring()
    assert house.lamp()["caller"] == {"number": "+493012345", "name": "Clara Conrad"}


@pytest.mark.parametrize("persons", [
    (ANNA, BERND),
    (*in_group(ANNA), BERND),
    (ANNA, *in_group(BERND)),
    (*in_group(ANNA), *in_group(BERND, group=6)),
])
def test_who_rings_is_shown_to_nobody_else(persons: tuple[Person, ...]):
    house = House(*persons, CLARA)
    house.ring()
    assert (house.lamp()["state"], house.lamp()["caller"]) == ("ringing", None)


def test_a_group_of_another_company_with_the_same_number_is_another_group():
    ulf, bernd = in_group(ULF, BERND)
    house = House(ulf, bernd)
    house.ring()
    assert house.board.caller_for(ulf, bernd) is None
    assert house.board.caller_for(bernd, bernd) is not None


@pytest.mark.parametrize(("number", "name", "withheld"), [
    ("+493012345", "Clara Conrad", True),
    ("anonymous", "anonymous", False),         # as routing writes a number that is withheld
    ("Anonymous", "Clara Conrad", False),
    ("", "Clara Conrad", False),
    (None, "Clara Conrad", False),
    ("1", "Clara Conrad", False),
])
def test_who_withholds_his_number_has_no_name_either(number: str | None, name: str, withheld: bool):
    house = House(*in_group(ANNA, BERND), CLARA)
    house.ring(number=number, name=name, withheld=withheld)
    assert (house.lamp()["state"], house.lamp()["caller"]) == ("ringing", None)


def test_a_number_is_no_name():
    house = House(*in_group(ANNA, BERND), CLARA)
    house.ring(name="+493012345")
    assert house.lamp()["caller"] == {"number": "+493012345", "name": None}


def test_with_whom_somebody_talks_is_shown_to_nobody():
    house = House(*in_group(ANNA, BERND), CLARA)
    house.ring()
    house.ring(state=CallState.ACTIVE)
    assert (house.lamp()["state"], house.lamp()["caller"]) == ("on_a_call", None)
    house.ring(state=CallState.HANGUP)
    house.ring(direction=Direction.INBOUND, uuid="b")
    assert (house.lamp()["state"], house.lamp()["caller"]) == ("on_a_call", None)


def test_another_caller_is_news_and_the_lamp_of_a_handset_never_names_one():
    house = House(*in_group(ANNA, BERND), CLARA)
    address = LampAddress("21", 1, "annadeskkey", DOMAIN)
    assert house.ring() == {102}
    before = house.board.picture_at(address)
    assert (before.lamp, before.number, before.name) == (Lamp.EARLY, "22", "Bernd Bauer")
    house.ring(uuid="b", number="+49309999", name="Somebody")
    assert house.ring(state=CallState.HANGUP) == {102}
    assert house.lamp()["caller"] == {"number": "+49309999", "name": "Somebody"}
    assert house.board.picture_at(address) == before


def test_a_caller_known_from_the_list_alone_may_be_one_who_withholds():
    house = House(*in_group(ANNA, BERND), CLARA)
    listed = Leg("a", CallState.RINGING, Direction.OUTBOUND, BERND.presence_id, caller_number="+493012345")
    house.board.refresh_presences(house.calls.resync([listed], asked_at=1.0, now=1.0).changed)
    assert (house.lamp()["state"], house.lamp()["caller"]) == ("ringing", None)


def test_what_an_event_said_of_the_caller_stays_when_the_list_is_asked():
    house = House(*in_group(ANNA, BERND), CLARA)
    house.ring()
    house.calls.contact_lost(50.0)
    listed = Leg("a", CallState.RINGING, Direction.OUTBOUND, BERND.presence_id, caller_number="+493012345",
                 caller_name="Clara Conrad")
    house.board.refresh_presences(house.calls.resync([listed], asked_at=60.0, now=60.0).changed)
    assert house.board.look_of(102).caller == Caller("+493012345", "Clara Conrad")


# ----- night service (P3)


def test_night_service_lights_its_lamp_and_is_told_with_everybody_of_the_site():
    house = House(replace(ANNA, site_id=11), replace(BERND, site_id=11), replace(CLARA, site_id=12))
    lamp = LampAddress("21", NIGHT, "annadeskkey", DOMAIN)
    assert house.board.picture_at(lamp).lamp is Lamp.TERMINATED
    assert house.board.take_nights({11}) == {11}
    assert house.board.refresh(house.board.people.people_at(11)) == {101, 102}
    assert house.board.picture_at(lamp).lamp is Lamp.CONFIRMED
    assert house.board.picture_at(replace(lamp, key="bernddeskkey")).lamp is Lamp.TERMINATED
    assert (house.lamp()["state"], house.lamp()["because"]) == ("idle", ["night_service"])
    assert house.feed.night_of(101) == {"site_id": 11, "site": "Berlin", "on": True}
    assert house.feed.night_of(103) is None
    assert house.board.take_nights(()) == {11}
