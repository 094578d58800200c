"""Numbers as people write them, their classes, and dial strings nobody can inject into."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dialling import (
    Endpoint,
    Leg,
    NumberClass,
    UndiallableError,
    dial_string,
    is_emergency,
    is_short_for_outside,
    number_class,
    short_form,
    short_number,
    showable_name,
)
from shared.phone_number import InvalidNumber, PhoneNumber, number_prefix


@pytest.mark.parametrize(
    "written",
    ["+493055500021", "+49 30 55500021", "+49 (0)30 5550-0021", "0049 30 55500021", "030/55500021", "55500021",
     "tel:+49-30-55500021", " 030.555.00021 "],
)
def test_every_usual_form_is_the_same_number(written: str) -> None:
    assert PhoneNumber.parse(written, "DE", "30").e164 == "+493055500021"


@pytest.mark.parametrize("written", ["", "abc", "+", "12345678901234567890", "030 55500021; drop", "++49", "\r\n"])
def test_what_is_no_number_is_refused_with_a_rule(written: str) -> None:
    with pytest.raises(InvalidNumber) as refused:
        PhoneNumber.parse(written, "DE", "30")
    assert refused.value.rule


@pytest.mark.parametrize(("written", "country", "begins"), [
    ("+", "DE", "+"), ("0", "DE", "+49"), ("0171", "DE", "+49171"), (" 0171 / 55 ", "DE", "+4917155"),
    ("0043 1", "DE", "+431"), ("+43", "AT", "+43"), ("0900", "AT", "+43900"), ("011 49", "US", "+49"),
    ("1 212", "US", "+1212"), ("+39 06", "IT", "+3906"), ("0011 49", "AU", "+49"),
])
def test_the_beginning_of_numbers_is_read_as_at_the_site(written: str, country: str, begins: str) -> None:
    assert number_prefix(written, country) == begins


@pytest.mark.parametrize("written", ["", "00", "171", "+0", "abc", "+49a", "0" + "1" * 20, "+1234567890123456", "0;"])
def test_what_is_no_beginning_of_numbers_is_refused_with_a_rule(written: str) -> None:
    with pytest.raises(InvalidNumber) as refused:
        number_prefix(written, "DE")
    assert refused.value.rule


def test_a_number_is_shown_nationally_at_home_and_internationally_abroad() -> None:
    number = PhoneNumber("+493055500021")
    assert number.shown_in("DE") == "030 55500021"
    assert number.shown_in("AT") == "+49 30 55500021"


@pytest.mark.parametrize(
    ("e164", "expected"),
    [("+499001234567", "premium"), ("+491371234567", "premium"), ("+491801234567", "premium"), ("+4911833", "premium"),
     ("+979123456789", "premium"), ("+881612345678", "satellite"), ("+870123456789", "satellite"),
     ("+491711234567", "mobile"), ("+493012345678", "national"), ("+12125550100", "international"),
     ("+441632960000", "international")],
)
def test_number_classes_seen_from_germany(e164: str, expected: str) -> None:
    assert number_class(e164, "DE") is NumberClass(expected)


def test_emergency_numbers_are_the_sites_and_110_and_112_everywhere() -> None:
    assert is_emergency("112", "US")
    assert is_emergency("110", "DE")
    assert is_emergency("911", "US")
    assert not is_emergency("911", "DE")
    assert not is_emergency("1122", "DE")


def test_legs_ring_together_and_trunks_follow_one_another() -> None:
    first = Leg(Endpoint.DEVICE, "anna-desk", "m.example", variables={"presence_id": "21@m.example"})
    assert dial_string([first, Leg(Endpoint.TRUNK, "t-1", number="+4912345")]) == (
        "{outbound_redirect_fatal=true,presence_privacy=true}"
        "[presence_id=21@m.example]sofia/internal/anna-desk%m.example,sofia/gateway/t-1/+4912345"
    )
    assert dial_string(
        [Leg(Endpoint.TRUNK, "t-1", number="112")], then=[[Leg(Endpoint.TRUNK, "t-2", number="112")]],
        variables={"pbx_call_id": "c"},
    ) == "{pbx_call_id=c,outbound_redirect_fatal=true,presence_privacy=true}sofia/gateway/t-1/112|sofia/gateway/t-2/112"


@pytest.mark.parametrize(
    "leg",
    [Leg(Endpoint.DEVICE, "x,loopback/1", "m.example"), Leg(Endpoint.DEVICE, "x", "m|y"), Leg(Endpoint.DEVICE, "x", ""),
     Leg(Endpoint.TRUNK, "t", number="1:_:2"), Leg(Endpoint.TRUNK, "t", number=""),
     Leg(Endpoint.TRUNK, "t", number="${system(id)}"), Leg(Endpoint.TRUNK, "t", number="1" * 33),
     Leg(Endpoint.TRUNK, "t", number="1", variables={"api_on_answer": "x"}),
     Leg(Endpoint.TRUNK, "t", number="1", variables={"pbx_call_id": "a,b"})],
)
def test_a_part_that_breaks_its_rule_is_refused(leg: Leg) -> None:
    with pytest.raises(UndiallableError):
        dial_string([leg])


def test_no_leg_at_all_is_refused() -> None:
    with pytest.raises(UndiallableError, match="at least one"):
        dial_string([])


@given(value=st.text(max_size=40))
def test_no_value_can_change_what_is_dialled(value: str) -> None:
    try:
        leg = Leg(Endpoint.DEVICE, "anna", "m.example", variables={"origination_caller_id_name": value})
        dialled = dial_string([leg])
    except UndiallableError:
        return
    assert dialled == (
        f"{{outbound_redirect_fatal=true,presence_privacy=true}}[origination_caller_id_name={value}]sofia/internal/anna%m.example")
    assert not set(value) & set("{}[]<>,|'\"\\^=:$\r\n\0")


@given(name=st.text(max_size=80))
def test_a_showable_name_fits_a_dial_string(name: str) -> None:
    shown = showable_name(name)
    dial_string([Leg(Endpoint.DEVICE, "anna", "m.example", variables={"origination_caller_id_name": shown})])
    assert len(shown) <= 64


def test_a_name_that_would_be_decoded_twice_is_dropped() -> None:
    assert showable_name("Jörg Müller-Lüdenscheidt") == "Jörg Müller-Lüdenscheidt"
    assert showable_name("%24%7Bsystem(id)%7D") == ""


@pytest.mark.parametrize(("e164", "country", "expected"), [
    ("+43900123456", "AT", "premium"), ("+43820123456", "AT", "premium"), ("+43118899", "AT", "premium"),
    ("+436641234567", "AT", "mobile"), ("+4315550123", "AT", "national"), ("+4930123456", "AT", "international"),
    ("+41900123456", "CH", "premium"), ("+41848123456", "CH", "premium"), ("+411811", "CH", "premium"),
    ("+41791234567", "CH", "mobile"), ("+41446681800", "CH", "national"), ("+43900123456", "DE", "premium"),
    ("+447011234567", "GB", "premium"), ("+447911123456", "GB", "mobile"), ("+808123456789", "CH", "premium"),
    ("+881612345678", "AT", "satellite"), ("+498001234567", "DE", "national"), ("+491921234567", "DE", "premium"),
])
def test_number_classes_seen_from_elsewhere(e164: str, country: str, expected: str) -> None:
    assert number_class(e164, country) is NumberClass(expected)


@pytest.mark.parametrize(("dialled", "country", "expected"), [
    ("110", "DE", True), ("133", "AT", True), ("144", "AT", True), ("117", "CH", True), ("144", "CH", True),
    ("911", "US", True), ("999", "GB", True), ("112", "JP", True), ("110", "BR", True), ("115", "DE", False),
])
def test_emergency_numbers_are_the_countrys_and_two_everywhere(dialled: str, country: str, expected: bool) -> None:
    assert is_emergency(dialled, country) is expected


@pytest.mark.parametrize(("digits", "country", "stored", "its_class"), [
    ("115", "DE", "+49115", "national"), ("116117", "DE", "+49116117", "national"),
    ("116116", "DE", "+49116116", "national"), ("11833", "DE", "+4911833", "premium"),
    ("1450", "AT", "+431450", "national"), ("118218", "FR", "+33118218", "premium"),
])
def test_short_numbers_of_a_country_are_dialled_as_they_are(
    digits: str, country: str, stored: str, its_class: str,
) -> None:
    assert short_number(digits, country) == stored
    assert short_form(stored, country) == digits
    assert number_class(stored, country) is NumberClass(its_class)
    assert PhoneNumber.parse(digits, country, "30").e164 == stored
    assert is_short_for_outside(digits, country)


@pytest.mark.parametrize(
    "digits", ["112", "110", "22", "4711", "1", "555", "22044", "0115", "+49115", "116118", "１１５", ""])
def test_emergency_numbers_extensions_and_texts_are_no_short_numbers(digits: str) -> None:
    assert short_number(digits, "DE") == ""
    assert not is_short_for_outside(digits, "DE")


def test_only_short_numbers_have_a_short_form_and_only_at_home() -> None:
    for number in ("+493055500021", "+491715550123", "+4930115"):
        assert short_form(number, "DE") == ""
    assert short_form("+49115", "AT") == ""
    assert number_class("+49115", "AT") is NumberClass.INTERNATIONAL
    assert number_class("+4911833", "AT") is NumberClass.PREMIUM


def test_the_ambulance_for_the_sick_is_the_one_of_the_place() -> None:
    assert is_short_for_outside("19222", "DE")
    assert PhoneNumber.parse("19222", "DE", "30").e164 == "+493019222"
    assert not is_short_for_outside("19222", "AT")
