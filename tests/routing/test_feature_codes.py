"""What a dialled string means as a feature code: the whole of it, the longest code, nothing left over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.codes.matching import Dialled, Refused, Wrong, is_code, read
from services.routing.codes.meaning import meaning
from services.routing.facts import CodeDialled
from services.routing.feature_codes import BY_FUNCTION, STANDARD, TABLE, clashes, table_of

KEYS = st.text(alphabet="0123456789*#+", max_size=14)
DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=14)


def dialled(text, *, mobile=False, changed=None):
    """function and argument, or what is wrong."""
    found = read(text, table_of(changed or {}), mobile=mobile)
    return found.why if isinstance(found, Refused) else (found.code.function, found.argument)


@pytest.mark.parametrize(("text", "means"), [
    ("*72", ("forward_always_on", "")),
    ("*720171234567", ("forward_always_on", "0171234567")),
    ("*72+49171234567", ("forward_always_on", "+49171234567")),
    ("*720171234567#", ("forward_always_on", "0171234567")),
    ("*21", ("mailbox_always_on", "")),
    ("*21#", ("mailbox_always_on", "")),
    ("*21*", ("forward_always_query", "")),
    ("*21*#", ("forward_always_query", "")),
    ("*6722", ("suppress_number_once", "22")),
    ("*67*", ("forward_busy_query", "")),
    ("*61*", ("forward_no_answer_query", "")),
    ("*6100", ("forward_no_answer_rings", "0")),
    ("*6102", ("forward_no_answer_rings", "2")),
    ("*61020", ("forward_no_answer_rings", "20")),
    ("*8007", ("speed_dial", "07")),
    ("#31", ("suppress_number_off", "")),
    ("#80", ("night_service_on", "")),
    ("*67112", ("suppress_number_once", "112")),
])
def test_a_code_with_what_it_takes(text, means):
    assert dialled(text) == means


@pytest.mark.parametrize(("text", "wrong"), [
    ("*21*0301234567#", Wrong.LEFT_OVER),       # not *21, not a forward either
    ("*21##", Wrong.LEFT_OVER),
    ("*781", Wrong.LEFT_OVER),
    ("*73030", Wrong.LEFT_OVER),
    ("*72030*5", Wrong.LEFT_OVER),
    ("*72+", Wrong.LEFT_OVER),
    ("*72++49", Wrong.LEFT_OVER),
    ("*70", Wrong.NUMBER_MISSING),
    ("*67#", Wrong.NUMBER_MISSING),
    ("*610", Wrong.RINGS),
    ("*6101", Wrong.RINGS),
    ("*61021", Wrong.RINGS),
    ("*61005", Wrong.RINGS),
    ("*80", Wrong.TWO_DIGITS),
    ("*801", Wrong.TWO_DIGITS),
    ("*80123", Wrong.TWO_DIGITS),
    ("*61", Wrong.UNKNOWN),
    ("*", Wrong.UNKNOWN),
    ("#", Wrong.UNKNOWN),
    ("**", Wrong.UNKNOWN),
    ("*4711", Wrong.UNKNOWN),
    ("72", Wrong.UNKNOWN),
    ("#72030", Wrong.UNKNOWN),
    ("*9721", Wrong.NOT_AVAILABLE),
    ("#61", Wrong.NOT_AVAILABLE),
    ("#63", Wrong.NOT_AVAILABLE),
    ("*2215", Wrong.NOT_AVAILABLE),
])
def test_what_is_wrong_is_said(text, wrong):
    assert dialled(text) == wrong


@pytest.mark.parametrize(("text", "means"), [
    ("78843", ("call_waiting_on", "")),
    ("7887203012345", ("forward_always_on", "03012345")),
    ("78821", ("mailbox_always_on", "")),
    ("78867022", ("suppress_number_once", "022")),
    ("78880#", Wrong.TWO_DIGITS),
    ("7888007", ("speed_dial", "07")),
    ("78821*", Wrong.LEFT_OVER),
    ("78861", Wrong.UNKNOWN),
    ("7886105", Wrong.UNKNOWN),
    ("*43", ("call_waiting_on", "")),
    ("#43", ("call_waiting_off", "")),
])
def test_an_integrated_mobile_dials_788_for_the_star(text, means):
    assert dialled(text, mobile=True) == means


def test_only_an_integrated_mobile_dials_codes_with_788():
    assert is_code("78843", mobile=True)
    assert not is_code("78843", mobile=False)
    assert meaning("78843", STANDARD, mobile=False, speed_dials={}) is None


def test_codes_with_a_hash_or_a_second_star_and_610_have_no_mobile_form():
    without = {one.code for one in TABLE if one.mobile_code is None}
    assert without == {one.code for one in TABLE if "#" in one.code or one.code.count("*") > 1} | {"*610"}


@given(KEYS, st.booleans())
def test_anything_dialled_is_no_code_a_code_or_refused(text, mobile):
    if not is_code(text, mobile=mobile):
        assert not text.startswith(("*", "#"))
        return
    found = read(text, STANDARD, mobile=mobile)
    if isinstance(found, Dialled):
        star, mobiles = found.code.code + found.argument, f"{found.code.mobile_code}{found.argument}"
        assert text in (star, f"{star}#") or (mobile and text in (mobiles, f"{mobiles}#"))
        assert found.code.since is not None


@given(st.sampled_from([one for one in TABLE if one.since]), DIGITS)
def test_a_code_is_never_taken_for_another_one(code, digits):
    found = read(code.code + digits, STANDARD, mobile=False)
    assert found.code is not None
    assert found.code == code or found.code.code.startswith(code.code)


@given(st.sampled_from([one for one in TABLE if one.mobile_code and one.since]), DIGITS)
def test_both_forms_mean_the_same(code, digits):
    assert read(f"{code.mobile_code}{digits}", STANDARD, mobile=True) == read(code.code + digits, STANDARD, mobile=True)


CHANGED = st.dictionaries(
    st.sampled_from(sorted(BY_FUNCTION)), st.from_regex(r"[*#][0-9]{2,3}", fullmatch=True), max_size=6)


@given(CHANGED, KEYS)
def test_codes_a_company_changed_are_refused_or_leave_no_doubt(changed, text):
    if list(clashes(changed)):
        return
    table = table_of(changed)
    fitting = [one for one in table.codes if text.startswith(one.code)]
    assert len(fitting) <= 1 or {one.code.rstrip("*") for one in fitting} == {fitting[0].code.rstrip("*")}
    assert table.begins(text) == max(fitting, key=lambda one: len(one.code), default=None)


@pytest.mark.parametrize(("changed", "functions"), [
    ({"do_not_disturb_on": "*123"}, []),
    ({"do_not_disturb_on": "*78"}, []),
    ({"do_not_disturb_on": "*79"}, ["do_not_disturb_on"]),
    ({"do_not_disturb_on": "*790"}, ["do_not_disturb_on"]),         # *79 begins it
    ({"do_not_disturb_on": "*79", "do_not_disturb_off": "*78"}, []),
    ({"do_not_disturb_on": "*610"}, ["do_not_disturb_on"]),
    ({"do_not_disturb_on": "*61"}, ["do_not_disturb_on"]),           # it begins *610
    ({"forward_always_query": "*21"}, ["forward_always_query"]),
    ({"do_not_disturb_on": "*7"}, ["do_not_disturb_on"] * 2),
    ({"do_not_disturb_on": "78"}, ["do_not_disturb_on"]),
    ({"do_not_disturb_on": "*1234"}, ["do_not_disturb_on"] * 2),
    ({"do_not_disturb_on": "*12*"}, ["do_not_disturb_on"]),
    ({"dance": "*12"}, ["dance"]),
])
def test_clashes_are_named(changed, functions):
    found = [clash.function for clash in clashes(changed)]
    assert set(found) == set(functions)
    assert bool(found) == bool(functions)


def test_a_changed_code_takes_the_place_of_the_standard_one():
    changed = {"do_not_disturb_on": "*123"}
    assert dialled("*123", changed=changed) == ("do_not_disturb_on", "")
    assert dialled("*78", changed=changed) == Wrong.UNKNOWN
    assert dialled("788123", changed=changed, mobile=True) == ("do_not_disturb_on", "")


def test_a_speed_dial_becomes_its_number_or_its_code():
    dials = {"07": "+493012345", "08": "*78", "09": "*8007"}
    def what(text):
        return meaning(text, STANDARD, mobile=False, speed_dials=dials)
    assert what("*8007") == CodeDialled("speed_dial", "07", number="+493012345")
    assert what("*8008") == CodeDialled("do_not_disturb_on")
    assert what("*8009") == CodeDialled("speed_dial", "07", refused="speed-dial-nothing-stored")
    assert what("*8010") == CodeDialled("speed_dial", "10", refused="speed-dial-nothing-stored")


def test_once_codes_call_the_number_behind_them():
    code = meaning("*67030123", STANDARD, mobile=False, speed_dials={})
    assert (code.number, code.presentation.value) == ("030123", "suppressed_once")
    code = meaning("*65030123", STANDARD, mobile=False, speed_dials={})
    assert (code.number, code.presentation.value) == ("030123", "shown_once")
