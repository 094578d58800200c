"""Targets in every form people and programs write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.callback.targets import Allowed, InvalidTarget, NotAllowed, Place, Target, allow, country_of, read
from shared.barring import Range
from shared.dialling import NumberClass

BERLIN = Place("DE", "30")
EXTENSIONS = {"22", "4711"}
OWN = {"+49305550022"}


def target(text: str, place: Place = BERLIN) -> Target:
    return read(text, place, EXTENSIONS.__contains__, OWN.__contains__)


@pytest.mark.parametrize("text", [
    "+49 171 1234567", "0049 171 1234567", "0171/1234567", "0171-123 45 67", " +49 (0)171 1234567 ",
    "tel:+49-171-1234567", "TEL:+491711234567", "callto:+491711234567", "callto://+491711234567",
    "tel:%2B49%20171%201234567", "tel:+491711234567;ext=12", "tel:1711234567;phone-context=+49",
    "tel:+491711234567?call", "+49171\u00a01234567",
])
def test_one_number_in_many_forms(text: str):
    assert target(text) == Target("+491711234567", NumberClass.MOBILE, "0171 1234567")


@pytest.mark.parametrize("text", ["22", " 2 2 ", "tel:22", "callto:22", "tel:22;phone-context=musterbau.example"])
def test_an_extension_is_internal(text: str):
    assert target(text) == Target("22", NumberClass.INTERNAL, "22")


def test_two_stars_take_over_what_rings_at_a_colleague():
    assert target("**22") == Target("**22", NumberClass.INTERNAL, "22")


def test_a_local_number_is_read_with_the_sites_area_code():
    assert target("1234567").destination == "+49301234567"
    assert target("1234567", Place("DE", "89")).destination == "+49891234567"
    assert target("01 234567", Place("AT", "1")).destination == "+431234567"


def test_a_number_of_ones_own_company_is_internal():
    assert target("030 5550022").number_class is NumberClass.INTERNAL


@pytest.mark.parametrize(("text", "destination", "number_class"), [
    ("115", "+49115", NumberClass.NATIONAL), ("116 117", "+49116117", NumberClass.NATIONAL),
    ("tel:11833", "+4911833", NumberClass.PREMIUM), ("19222", "+493019222", NumberClass.NATIONAL),
])
def test_a_short_number_is_no_local_one(text: str, destination: str, number_class: NumberClass):
    short = target(text)
    assert (short.destination, short.number_class) == (destination, number_class)


def test_an_extension_goes_before_a_short_number():
    assert read("115", BERLIN, {"115"}.__contains__, OWN.__contains__).number_class is NumberClass.INTERNAL


@pytest.mark.parametrize(("text", "number_class"), [
    ("110", NumberClass.EMERGENCY), ("tel:112", NumberClass.EMERGENCY), ("1-1-2", NumberClass.EMERGENCY),
    ("0900 1234567", NumberClass.PREMIUM), ("+44 20 7946 0018", NumberClass.INTERNATIONAL),
    ("+881612345678", NumberClass.SATELLITE), ("030 123456", NumberClass.NATIONAL),
])
def test_the_class_decides_what_may_be_called(text: str, number_class: NumberClass):
    assert target(text).number_class is number_class


@pytest.mark.parametrize("text", [
    "", "   ", "tel:", "99", "**99", "**22#", "***22", "*62", "#31#0301234567", "sip:anna@example.com",
    "http://example.com", "javascript:1",
    "anna", "+49171123456712345678", "+", "22,33", "22|23", "{api_on_answer=shutdown}22", "${system(id)}", "0171\r\n1",
    "tel:22\x00", "+49171123456７",
])
def test_what_is_no_target_is_refused_with_a_rule(text: str):
    with pytest.raises(InvalidTarget) as refused:
        target(text)
    assert refused.value.rule


@given(st.text(max_size=60))
def test_whatever_is_given_either_is_refused_or_can_be_dialled(text: str):
    try:
        destination = target(text).destination
    except InvalidTarget:
        return
    assert destination.lstrip("+").isascii()
    assert destination.lstrip("+").isdigit()


def test_emergency_and_internal_calls_need_no_permission():
    nothing = Allowed([], [Range("+", allowed=False)], [frozenset({"FR"})])
    allow(target("112"), nothing)
    allow(target("22"), nothing)
    allow(target("030 5550022"), nothing)
    allow(target("0171 1234567"), Allowed(["mobile"]))


@pytest.mark.parametrize(("text", "allowed", "rule"), [
    ("0171 1234567", Allowed(["national"]), "mobile numbers may not be called"),
    ("0171 1234567", Allowed(["mobile"], [Range("+49171", allowed=False)]), "barred"),
    ("+44 20 7946 0018", Allowed(["international"], countries=[{"DE", "AT"}]), "calls to GB"),
    ("+44 20 7946 0018", Allowed(["international"], countries=[{"GB"}, {"DE"}]), "calls to GB"),
    ("+881612345678", Allowed(["satellite"], countries=[{"DE"}]), "numbers of no country"),
])
def test_class_barring_and_country_each_refuse_by_name(text: str, allowed: Allowed, rule: str):
    with pytest.raises(NotAllowed) as refused:
        allow(target(text), allowed)
    assert rule in refused.value.rule


def test_a_range_that_is_allowed_opens_its_class_and_every_list_of_countries_must_hold_the_number():
    allow(target("0900 1234567"), Allowed([], [Range("+49900", allowed=True)]))
    allow(target("+44 20 7946 0018"), Allowed(["international"], countries=[{"GB"}, {"DE", "GB"}]))


@pytest.mark.parametrize(("number", "country"), [
    ("+491711234567", "DE"), ("+442079460018", "GB"), ("+12125550100", "US"), ("+881612345678", ""),
])
def test_a_numbers_country(number: str, country: str):
    assert country_of(number) == country
