"""Which devices are registered."""

from __future__ import annotations

import pytest

from services.presence.registrations import (
    NotARegistrationList,
    Registration,
    Registrations,
    registration_of,
    rows_of,
)
from shared.esl.errors import MissingHeader
from shared.esl.events import Event

DESK = Registration("anna-desk", "call-1")


def test_a_device_comes_and_goes():
    registrations = Registrations()
    assert registrations.take(DESK, present=True, now=1.0) == {"anna-desk"}
    assert registrations.take(DESK, present=True, now=2.0) == frozenset()
    assert registrations.is_registered("anna-desk")
    assert registrations.take(DESK, present=False, now=3.0) == {"anna-desk"}
    assert not registrations.is_registered("anna-desk")


def test_a_device_with_two_registrations_is_there_until_both_are_gone():
    registrations = Registrations()
    registrations.take(DESK, present=True, now=1.0)
    registrations.take(Registration("anna-desk", "call-2"), present=True, now=1.0)
    assert registrations.take(DESK, present=False, now=2.0) == frozenset()
    assert registrations.is_registered("anna-desk")


def test_a_registration_replaced_without_an_event_is_ended_by_the_list():
    registrations = Registrations()
    registrations.take(DESK, present=True, now=1.0)
    registrations.take(Registration("anna-desk", "call-2"), present=True, now=5.0)
    registrations.take(Registration("anna-desk", "call-2"), present=False, now=9.0)
    assert registrations.resync([], asked_at=11.0) == {"anna-desk"}


def test_what_was_just_heard_beats_the_list():
    registrations = Registrations()
    registrations.take(DESK, present=True, now=9.9)
    assert registrations.resync([], asked_at=10.0) == frozenset()
    assert registrations.is_registered("anna-desk")
    registrations.take(DESK, present=False, now=10.1)
    assert registrations.resync([DESK], asked_at=10.2) == frozenset()
    assert not registrations.is_registered("anna-desk")


def test_the_list_brings_what_was_missed():
    registrations = Registrations()
    assert registrations.resync([DESK], asked_at=10.0) == {"anna-desk"}
    assert registrations.resync([], asked_at=70.0) == {"anna-desk"}
    assert registrations.device_count == 0


def test_register_and_expire_name_the_device_differently():
    assert registration_of(Event.of({"Event-Name": "CUSTOM", "from-user": "anna-desk", "call-id": "call-1"})) == DESK
    assert registration_of(Event.of({"Event-Name": "CUSTOM", "user": "anna-desk", "call-id": "call-1"})) == DESK
    with pytest.raises(MissingHeader):
        registration_of(Event.of({"Event-Name": "CUSTOM", "call-id": "call-1"}))


def test_the_list_is_read():
    assert rows_of('{"row_count":1,"rows":[{"reg_user":"anna-desk","realm":"x","token":"call-1"}]}') == [DESK]
    assert rows_of('{"row_count": 0}\n') == []
    with pytest.raises(NotARegistrationList):
        rows_of("-ERR")
