"""What snom and Yealink telephones are told, read as they read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.presence.handsets import snom, yealink
from services.presence.handsets.configuration import (
    MAILBOX_CODE,
    MOST_CONTACTS,
    Account,
    Configuration,
    Contact,
    lamp_keys,
    phone_book,
)
from services.presence.handsets.time_zone import Change, ClockRule, rule_of
from services.presence.lamps import parse_address
from services.routing.feature_codes import TABLE
from shared.handset_secrets import TOKEN_LENGTH, new_token, sip_password
from tests.presence.fetched import read_snom, read_yealink, read_yealink_contacts

ACCOUNT = Account("anna-desk", "musterbau.example", "s3cret", "Anna Ahrens", "21", "10.0.0.1:5060")
KEYS = lamp_keys("21", "annadeskkey", "musterbau.example", {1: "Bernd Bauer", 3: 'Clara <Chef> & "Co"'})
BOOK = (Contact("Zoe", "+491715550123", personal=True, kind="mobile"), Contact("Bernd Bauer", "22", personal=False))
CONFIGURATION = Configuration(ACCOUNT, KEYS, BOOK, "*86", rule_of("Europe/Berlin", 2026), "de", "DE")
URL = "http://10.0.0.1:17083/handsets/yealink/contacts.xml"


def test_a_snom_finds_account_keys_phone_book_and_clock():
    found = read_snom(snom.render(CONFIGURATION))
    assert (found.user, found.password, found.domain, found.server) == (
        "anna-desk", "s3cret", "musterbau.example", "10.0.0.1:5060")
    assert found.mailbox == "*86"
    assert found.lamps[1] == ("Bernd Bauer", "lamp+21-1-annadeskkey@musterbau.example")
    assert [found.lamps[n][0] for n in range(1, 9)] == [
        "Bernd Bauer", "2", 'Clara <Chef> & "Co"', "4", "5", "6", "7", "8"]
    assert found.contacts == [("Zoe", "+491715550123"), ("Bernd Bauer", "22")]
    settings = found.settings
    assert (settings["language"], settings["tone_scheme"]) == ("Deutsch", "GER")
    assert settings["reject_calls_with_603"] == "on"
    assert (settings["timezone"], settings["utc_offset"]) == ("", "+3600")
    assert settings["dst"] == "3600 03.05.07 02:00:00 10.05.07 03:00:00"
    root = ElementTree.fromstring(snom.render(CONFIGURATION))
    assert all(key.text.endswith("|**") for key in root.iter("fkey"))
    assert [item.get("type") for item in root.iter("item")] == ["friends", "colleagues"]


def test_a_yealink_finds_the_same():
    found = read_yealink(yealink.render(CONFIGURATION, URL))
    assert (found.user, found.password, found.domain, found.server) == (
        "anna-desk", "s3cret", "musterbau.example", "10.0.0.1:5060")
    assert found.mailbox == "*86"
    assert found.lamps[1] == ("Bernd Bauer", "lamp+21-1-annadeskkey@musterbau.example")
    assert found.settings["linekey.2.extension"] == "**lamp+21-1-annadeskkey"
    assert found.settings["local_contact.data.url"] == URL
    assert found.settings["lang.gui"] == "German"
    assert found.settings["features.normal_refuse_code"] == "603"
    clock = {name: value for name, value in found.settings.items() if name.startswith("local_time.")}
    assert clock == {
        "local_time.time_zone": "+1", "local_time.summer_time": "1", "local_time.dst_time_type": "1",
        "local_time.start_time": "3/5/7/2", "local_time.end_time": "10/5/7/3", "local_time.offset_time": "60"}
    assert read_yealink_contacts(yealink.contacts(CONFIGURATION)) == [
        ("Zoe", "+491715550123", "Eigene"), ("Bernd Bauer", "22", "Firma")]


def test_english_without_a_mailbox_and_without_summer_time():
    other = replace(CONFIGURATION, language="en", country="US", mailbox_code=None, clock=ClockRule(-12_600))
    settings = read_snom(snom.render(other)).settings
    assert (settings["language"], settings["tone_scheme"], settings["user_mailbox"]) == ("English", "USA", "")
    assert (settings["utc_offset"], settings["dst"]) == ("-12600", "")
    settings = read_yealink(yealink.render(other, URL)).settings
    assert (settings["voice_mail.number.1"], settings["lang.gui"]) == ("%NULL%", "English")
    assert (settings["local_time.time_zone"], settings["local_time.summer_time"]) == ("-3:30", "0")
    assert read_yealink_contacts(yealink.contacts(other))[0][2] == "My own"


def test_each_lamp_key_is_one_the_server_answers():
    for key in KEYS:
        address = parse_address(key.address)
        assert (address.extension, address.shows, address.key) == ("21", key.position, "annadeskkey")


def test_the_mailbox_key_dials_the_code_of_the_table():
    assert MAILBOX_CODE in {(code.function, code.code) for code in TABLE}


def test_the_phone_book_has_ones_own_first_then_the_company_and_an_end():
    own = [Contact("Zoe", "1", personal=True), Contact("adam", "2", personal=True)]
    company = [Contact(f"Person {n:04}", str(n), personal=False) for n in range(MOST_CONTACTS)]
    book = phone_book(own, reversed(company))
    assert [one.name for one in book[:3]] == ["adam", "Zoe", "Person 0000"]
    assert len(book) == MOST_CONTACTS


@given(st.text(max_size=40), st.text(max_size=40))
@example("Anna\u2028account.1.password = x", "")
def test_no_name_breaks_a_file_or_adds_a_setting(name: str, number: str):
    keys = lamp_keys("21", "annadeskkey", "musterbau.example", {1: name})
    book = phone_book([Contact(name, number, personal=True)], [])
    written = replace(CONFIGURATION, lamp_keys=keys, contacts=book)
    usual = replace(CONFIGURATION, contacts=BOOK[:1])
    assert read_snom(snom.render(written)).settings.keys() == read_snom(snom.render(usual)).settings.keys()
    assert read_yealink(yealink.render(written, URL)).settings.keys() == read_yealink(
        yealink.render(usual, URL)).settings.keys()
    assert len(read_yealink_contacts(yealink.contacts(written))) == 1


@pytest.mark.parametrize(("zone", "offset_s", "begins", "ends"), [
    ("Europe/Berlin", 3600, Change(3, 5, 7, 2), Change(10, 5, 7, 3)),
    ("Europe/London", 0, Change(3, 5, 7, 1), Change(10, 5, 7, 2)),
    ("America/New_York", -18_000, Change(3, 2, 7, 2), Change(11, 1, 7, 2)),
    ("Australia/Sydney", 36_000, Change(10, 1, 7, 2), Change(4, 1, 7, 3)),
    ("Asia/Kolkata", 19_800, None, None),
    ("UTC", 0, None, None),
])
def test_the_rule_of_a_time_zone(zone: str, offset_s: int, begins: Change | None, ends: Change | None):
    for year in (2026, 2027, 2031):
        rule = rule_of(zone, year)
        assert (rule.offset_s, rule.begins, rule.ends) == (offset_s, begins, ends)
        assert rule.summer_s == (3600 if begins else 0)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Lisbon", "America/Chicago", "Pacific/Auckland"])
def test_a_clock_that_follows_the_rule_shows_the_right_time_all_year(zone: str):
    rule = rule_of(zone, 2027)
    for month in range(1, 13):
        at = datetime(2027, month, 15, 12, tzinfo=ZoneInfo(zone))
        summer = _in_summer(rule, month)
        assert at.utcoffset().total_seconds() == rule.offset_s + (rule.summer_s if summer else 0), month


def _in_summer(rule: ClockRule, month: int) -> bool:
    """In the middle of the month; the changes are at its ends or beginnings, so their month counts by the week."""
    begins = rule.begins.month + (rule.begins.week > 2)
    ends = rule.ends.month + (rule.ends.week > 2)
    return begins <= month < ends if begins < ends else not ends <= month < begins


def test_the_password_follows_from_token_device_and_domain_and_nothing_else():
    token = new_token()
    assert len(token) == TOKEN_LENGTH
    assert new_token() != token
    known = sip_password(token, "anna-desk", "musterbau.example")
    assert known == sip_password(token, "anna-desk", "musterbau.example")
    others = {sip_password(token, "anna-soft", "musterbau.example"), sip_password(token, "anna-desk", "other.example"),
              sip_password(new_token(), "anna-desk", "musterbau.example")}
    assert len({known, *others}) == 4
