"""Addresses of lamps and the event that shows one."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.presence.lamps import (
    DARK,
    NIGHT,
    LampAddress,
    Picture,
    nobody_at,
    parse_address,
    picture_of,
    presence_headers,
    xml_text,
)
from services.presence.states import Lamp
from shared.esl.commands import send_event

from .examples import ANNA, PEOPLE, ULF

ADDRESS = LampAddress("21", 1, "annadeskkey", "musterbau.example")


def test_the_address_of_a_probe_is_read():
    assert parse_address("lamp+21-1-annadeskkey@Musterbau.example") == ADDRESS
    assert ADDRESS.user == "21-1-annadeskkey"


@pytest.mark.parametrize("text", [
    "lamp+21-9-annadeskkey@musterbau.example", "lamp+21-0-annadeskkey@musterbau.example",
    "lamp+21-1@musterbau.example", "lamp+21-1-annadeskkey", "park+21-1-annadeskkey@musterbau.example",
    "21-1-annadeskkey@musterbau.example", "lamp+21-1-ANNADESKKEY@musterbau.example", "lamp+@x", "", "@",
    "lamp+21-1-annadeskkey@", "lamp+21-1-annadeskkey'--@musterbau.example",
])
def test_anything_else_is_no_lamp(text: str):
    assert parse_address(text) is None
    assert re.fullmatch(r"x@[A-Za-z0-9.-]+", nobody_at(text))


def test_the_address_of_a_night_service_is_read():
    address = parse_address("lamp+21-night-annadeskkey@musterbau.example")
    assert address == LampAddress("21", NIGHT, "annadeskkey", "musterbau.example")
    assert address.user == "21-night-annadeskkey"
    assert PEOPLE.owner_of(address) == ANNA
    assert PEOPLE.person_on(address) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str):
    assert parse_address(text) is None


def test_the_key_names_the_handset_and_its_owner():
    assert PEOPLE.owner_of(ADDRESS) == ANNA
    assert PEOPLE.owner_of(LampAddress("22", 1, "annadeskkey", "musterbau.example")) is None
    assert PEOPLE.owner_of(LampAddress("21", 1, "annadeskkey", "konkurrenz.example")) is None
    assert PEOPLE.owner_of(LampAddress("21", 1, "guessedkey0", "musterbau.example")) is None


def test_a_foreign_handset_is_told_from_the_owners():
    assert PEOPLE.may_watch_as("anna-soft", ANNA)
    assert PEOPLE.may_watch_as("21", ANNA)
    assert not PEOPLE.may_watch_as("bernd-desk", ANNA)
    assert not PEOPLE.may_watch_as("", ANNA)
    assert not PEOPLE.may_watch_as("anna-desk", ULF)


def test_both_handsets_of_a_subscriber_have_the_lamp():
    assert {address.key for address in PEOPLE.addresses_showing(102)} == {"annadeskkey", "annasoftkey"}


def test_lamps_with_a_person_come_before_the_empty_ones():
    addresses = tuple(PEOPLE.all_addresses())
    assert len(addresses) == 8 * 3
    assert {(address.key, address.shows) for address in addresses[:5]} == {
        ("annadeskkey", 1), ("annadeskkey", 2), ("annasoftkey", 1), ("annasoftkey", 2), ("bernddeskkey", 1)}


def test_a_dark_lamp_shows_nobody():
    assert picture_of(Lamp.TERMINATED, "22", "Bernd") == DARK
    headers = presence_headers("21-1-annadeskkey@musterbau.example", DARK)
    assert headers["answer-state"] == "terminated"
    assert not [name for name in headers if name.startswith("Caller")]


def test_a_lit_lamp_names_the_watched_person():
    headers = presence_headers("21-1-annadeskkey@musterbau.example", Picture(Lamp.EARLY, "22", "Bernd Bauer"))
    assert headers["proto"] == "lamp"
    assert headers["from"] == headers["login"] == "21-1-annadeskkey@musterbau.example"
    assert (headers["answer-state"], headers["channel-state"]) == ("early", "CS_ROUTING")
    assert headers["Presence-Call-Direction"] == "outbound"
    assert (headers["Caller-Caller-ID-Number"], headers["Caller-Caller-ID-Name"]) == ("22", "Bernd Bauer")
    assert "-" not in headers["unique-id"]


@given(st.text(max_size=60))
def test_whatever_somebody_is_called_stays_text(name: str):
    written = xml_text(name)
    parsed = ElementTree.fromstring(f'<identity display="{written}"/>')
    assert parsed.attrib["display"] == "".join(
        character for character in name if character.isprintable() or character in parsed.attrib["display"])
    send_event("PRESENCE_IN", presence_headers("21-1-annadeskkey@musterbau.example", Picture(Lamp.EARLY, "22", name)))
