"""Calls our own service begins for somebody: the number chosen for one of them, what an answered caller hears, and the
ways to a telephone outside that is to ring first.
"""

from __future__ import annotations

import orjson
import pytest

from services.routing.call import Answers
from services.routing.facts import CallerRule, Company
from services.routing.limits import CallLimits, Limits
from services.routing.ringing import Ringing
from services.routing.ways import Asked, Ways, door, ways
from shared.barring import Range
from tests.routing.build import COMPANY, person
from tests.routing.test_call import LEG, OTHER_LEG, Away, Office, Strangers, again, answers, asked, from_anna

MOBILE = "+491715550100"
OWN, OTHER_OWN = "+493055500021", "+493055500121"
CLICKED = {"variable_pbx_acting_subscriber": "21", "variable_pbx_company": "7", "Answer-State": "answered"}


def clicked(dialled, **more):
    return asked(dialled, **CLICKED, **more)


# ----- O2, for one call


@pytest.mark.parametrize(("chosen", "shown"), [(OTHER_OWN, OTHER_OWN), ("+4930999", OWN), ("me", OWN), ("", OWN)])
def test_a_number_of_ones_own_can_be_shown_for_one_call_and_no_other(chosen, shown):
    anna = person(21, numbers=(OWN, OTHER_OWN))
    given = answers(anna).answer(clicked("+491715550199", variable_pbx_shown_number=chosen)).variables
    assert f"origination_caller_id_number={shown}," in given["pbx_dial"]


@pytest.mark.parametrize(("said", "is_set", "hidden"), [
    ("suppressed_once", False, True), ("shown_once", True, False), ("as_set", True, True), ("nonsense", False, False),
])
def test_the_number_can_be_withheld_or_shown_for_one_call(said, is_set, hidden):
    given = answers(person(21, number_suppressed=is_set)).answer(
        clicked("+491715550199", variable_pbx_presentation=said)).variables
    assert ("hide_number" in given["pbx_dial"]) == hidden


def test_a_handset_chooses_nothing_by_such_variables():
    anna = person(21, numbers=(OWN, OTHER_OWN))
    given = answers(anna).answer(from_anna(
        "+491715550199", variable_pbx_shown_number=OTHER_OWN, variable_pbx_presentation="suppressed_once")).variables
    assert f"origination_caller_id_number={OWN}," in given["pbx_dial"]
    assert "hide_number" not in given["pbx_dial"]


# ----- what is heard


@pytest.mark.parametrize(("disposition", "prompt"), [("USER_BUSY", "callee-busy"), ("NO_ANSWER", "callee-no-answer")])
def test_who_was_answered_before_is_told_in_words_instead_of_by_a_tone(disposition, prompt):
    office = answers(person(21), person(22))
    first = office.answer(clicked("22")).variables
    assert first["transfer_ringback"]
    answer = office.answer(again(
        first, disposition, f"{OTHER_LEG};{disposition}", **{"Answer-State": "answered"},
        variable_pbx_language="en"))
    given = answer.variables
    assert (given["pbx_step"], given["pbx_prompt"], given["pbx_cause"], given["pbx_language"]) == (
        "tell", prompt, disposition, "en")
    assert answer.record["step"]["do"] == "announce"


def test_who_rings_yet_still_gets_the_tone():
    office = answers(person(21), person(22))
    first = office.answer(from_anna("22")).variables
    assert "transfer_ringback" not in first
    assert office.answer(again(first, "USER_BUSY", f"{OTHER_LEG};USER_BUSY")).variables["pbx_step"] == "reject"


def test_announcements_are_told_to_an_answered_caller_after_a_pause():
    barred = person(21, barring_outgoing=(Range("+49171", allowed=False),))
    given = answers(barred).answer(clicked("+491715550199")).variables
    assert (given["pbx_step"], given["pbx_prompt"], given["pbx_cause"]) == (
        "tell", "number-barred", "OUTGOING_CALL_BARRED")
    office = Answers(Strangers(), Ringing())
    assert office.answer(clicked("22")).variables["pbx_step"] == "tell"


def test_nothing_is_said_when_the_caller_is_gone():
    office = answers(person(21), person(22))
    first = office.answer(clicked("22")).variables
    gone = office.answer(again(
        first, "ORIGINATOR_CANCEL", f"{OTHER_LEG};ORIGINATOR_CANCEL", **{"Answer-State": "answered"})).variables
    assert (gone["pbx_step"], gone["pbx_cause"]) == ("reject", "NORMAL_CLEARING")


# ----- ways to a telephone outside that rings first


def wanted(number=MOBILE, confirm=False, urgent=False):
    return Asked(7, 21, number, LEG, confirm, urgent)


def test_one_way_for_each_trunk_with_all_a_leg_to_the_outside_must_carry():
    company = Company(7, "musterbau.example", ("musterbau-1", "musterbau-2"), frozenset({"mobile"}))
    first, second = ways(wanted(confirm=True), answers(person(21), company=company)).legs
    assert (first.target, second.target, first.number) == ("musterbau-1", "musterbau-2", MOBILE)
    for leg in (first, second):
        said = dict(leg.variables)
        assert said["origination_caller_id_number"] == OWN
        assert said["group_confirm_key"] == "1"
        assert said["execute_on_answer"].startswith("sched_hangup +")
        assert int(said["pbx_leg_cents"]) > 0
        assert said["presence_id"] == "21@musterbau.example"
    assert "group_confirm_key" not in ways(wanted(), answers(person(21))).legs[0].variables


def test_ones_own_telephone_sees_the_number_though_it_is_withheld_from_others():
    [leg] = ways(wanted(), answers(person(21, number_suppressed=True))).legs
    assert "hide" not in leg.variables["origination_privacy"]


@pytest.mark.parametrize(("anna", "refused"), [
    (person(21, barring_outgoing=(Range("+49171", allowed=False),)), "barred"),
    (person(21, enterprise_outgoing=(CallerRule("no mobiles", prefixes=("+49171",), action="reject"),)), "barred"),
    (person(21, enterprise_outgoing=(CallerRule("to Bernd", external=True, target="22", action="send_to"),)), "barred"),
])
def test_what_he_may_not_dial_does_not_ring_first_either(anna, refused):
    assert ways(wanted(), answers(anna, person(22))) == Ways(refused=refused)


def test_the_class_holds_for_the_first_leg():
    assert ways(wanted("+447911123456"), answers(person(21))).refused == "barred"


def test_without_a_trunk_it_cannot_be_reached():
    company = Company(7, "musterbau.example", (), frozenset({"mobile"}))
    assert ways(wanted(), answers(person(21), company=company)).refused == "not_reachable"


@pytest.mark.parametrize("directory", [Strangers(), Away()])
def test_whom_nobody_knows_nobody_rings(directory):
    assert ways(wanted(), Answers(directory, Ringing())).refused == "unknown"


def test_it_counts_as_a_call_to_the_outside_and_its_limit_holds():
    office = Answers(Office(person(21)), Ringing(),
                     limits=Limits(lambda company_id: CallLimits(per_subscriber_per_minute=2)))
    assert ways(wanted(), office).legs
    assert ways(wanted(), office).legs
    assert ways(wanted(), office).refused == "limit"
    assert office.answer(clicked("+491715550199")).variables["pbx_reason"] == "limit_per_subscriber_per_minute"


def test_before_an_emergency_call_nothing_is_barred_and_no_limit_holds():
    office = Answers(Office(person(21, barring_outgoing=(Range("+", allowed=False),))), Ringing(),
                     limits=Limits(lambda company_id: CallLimits(per_subscriber_per_minute=0)))
    assert [leg.number for leg in ways(wanted(urgent=True), office).legs] == [MOBILE]


def test_the_door_takes_json_and_says_what_is_wrong_with_it():
    opened = door(answers(person(21), company=COMPANY))
    asked = {"company_id": 7, "subscriber_id": 21, "number": MOBILE, "leg_uuid": LEG}
    status, said = opened(orjson.dumps(asked))
    assert (status, [way["trunk"] for way in orjson.loads(said)["ways"]]) == (200, ["musterbau-1"])
    assert orjson.loads(opened(orjson.dumps({**asked, "number": "+447911123456"}))[1]) == {"refused": "barred"}
    for wrong in (b"", b"{", b"[]", b"7", orjson.dumps({**asked, "number": "0171 5550100"}),
                  orjson.dumps({**asked, "leg_uuid": "x"}), orjson.dumps({**asked, "company_id": "7"})):
        assert opened(wrong)[0] == 422, wrong
