"""Who calls, as the mailbox is told and as it is written down: whatever leg he speaks on, and in whatever form."""

from __future__ import annotations

import pytest

from services.routing import ends
from services.routing.call import Answers
from services.routing.facts import Mailbox
from services.routing.plan_state import from_variable
from services.routing.ringing import Ringing
from services.routing.trunk_legs import NothingKnown
from services.routing.trunks import Trunk
from shared.esl.events import Event
from shared.phone_number import PhoneNumber
from tests.routing.build import forward, person
from tests.routing.test_call import LEG, OTHER_LEG, Office, again, answers, asked, from_anna, from_outside

BEGAN, ANSWERED, ENDED = 1_000_000_000_000_000, 1_000_000_005_000_000, 1_000_000_065_000_000
UNKNOWN = {"pbx_caller": "unknown", "pbx_caller_name": "", "pbx_caller_subscriber": ""}
ANNA = {"pbx_caller": "21", "pbx_caller_name": "Anna Amsel", "pbx_caller_subscriber": "21"}
AT_ONCE, LATER = Mailbox(always=True), Mailbox(no_answer=True, busy=True, rings=2)
TRANSFERRED = {"Answer-State": "answered", "Call-Direction": "outbound", "variable_pbx_company": "7",
               "Caller-Channel-Answered-Time": str(ANSWERED), "variable_pbx_call_id": OTHER_LEG}


def told(variables):
    return {name: variables[name] for name in UNKNOWN}


# ----- to the mailbox


def test_the_mailbox_is_told_who_calls_at_once_and_after_ringing():
    assert told(answers(person(21), person(22, mailbox=AT_ONCE)).answer(from_anna("22")).variables) == ANNA
    office = answers(person(21), person(22, mailbox=LATER))
    rung = office.answer(from_anna("22")).variables
    assert "pbx_caller" not in rung, "a call that only rings needs none of it"
    assert told(office.answer(again(rung, "NO_ANSWER")).variables) == ANNA


@pytest.mark.parametrize(("dialled", "suppressed"), [("*6722", False), ("22", True)])
@pytest.mark.parametrize("mailbox", [AT_ONCE, LATER])
def test_a_colleague_who_withholds_his_number_is_nobody_there_and_his_plan_names_him_neither(
    dialled, suppressed, mailbox,
):
    office = answers(person(21, number_suppressed=suppressed), person(22, mailbox=mailbox))
    answer = office.answer(from_anna(dialled))
    given = answer.variables
    if mailbox is LATER:
        assert from_variable(given["pbx_plan"]).caller_id is None
        given = office.answer(again(given, "NO_ANSWER")).variables
    assert told(given) == UNKNOWN
    assert (answer.record["withheld"], answer.record["caller_id"]) == (True, 21)


def test_a_short_ring_shows_what_the_ringing_shows():
    office = answers(person(21), person(22, forward_always=forward("23"), forward_always_splash=True), person(23))
    assert "=21" in str(office.answer(from_anna("22")).splash)
    assert "anonymous" in str(office.answer(from_anna("*6722")).splash)


def test_a_click_is_his_who_clicked_whatever_the_first_leg_is_dialled_by():
    first_leg = {"variable_pbx_acting_subscriber": "21", "variable_pbx_company": "7", "Answer-State": "answered",
                 "Caller-Caller-ID-Number": "+491715550199", "variable_pbx_attempt": "a"}
    given = answers(person(21), person(22, mailbox=AT_ONCE)).answer(asked("22", **first_leg)).variables
    assert told(given) == ANNA
    assert given["pbx_was_answered"] == "true"


def test_an_outside_caller_is_told_as_e164_with_the_name_the_company_knows():
    office = answers(person(22, mailbox=AT_ONCE), caller_name="Karl Klein")
    given = office.answer(from_outside("+493055500022", "4930123456")).variables
    assert told(given) == {"pbx_caller": "+4930123456", "pbx_caller_name": "Karl Klein", "pbx_caller_subscriber": ""}
    hidden = {"Caller-Privacy-Hide-Number": "true"}
    assert told(office.answer(from_outside("+493055500022", "4930123456", **hidden)).variables) == UNKNOWN


# ----- a leg that was rung, and transferred on


def test_a_colleague_who_was_rung_and_transferred_on_is_who_he_is_and_may_dial_no_more_than_before():
    bernd = {**TRANSFERRED, "variable_pbx_leg_subscriber": "21", "Caller-Privacy-Hide-Number": "true"}
    office = answers(person(21), person(23, mailbox=AT_ONCE))
    answer = office.answer(asked("23", **bernd))
    assert told(answer.variables) == ANNA
    assert (answer.left["call_id"], answer.left["subscriber_id"], answer.left["answered_at"][:19]) == (
        OTHER_LEG, 21, "2001-09-09T01:46:45")
    outside = office.answer(asked("01715550199", **bernd)).variables
    assert (outside["pbx_step"], outside["pbx_prompt"]) == ("tell", "number-barred")


def test_somebody_outside_who_was_called_and_transferred_on_is_his_number():
    stranger = {**TRANSFERRED, "Caller-Caller-ID-Number": "01715550199"}
    office = answers(person(21), person(23, mailbox=AT_ONCE))
    answer = office.answer(asked("23", **stranger))
    assert answer.variables["pbx_caller"] == "+491715550199"
    assert answer.left["subscriber_id"] is None
    [looked_up] = office.directory.asked
    assert looked_up.caller_number == "+491715550199", "so that his name is found"


# ----- a carrier's numbers


@pytest.mark.parametrize(("text", "plain", "e164"), [
    ("+491715550100", False, "+491715550100"), ("01715550100", False, "+491715550100"),
    ("491715550100", False, "+491715550100"), ("4930123456", False, "+4930123456"),
    ("00431234567", False, "+431234567"), ("431234567", True, "+431234567"), ("1715550100", False, "+491715550100"),
])
def test_a_carriers_number_is_read_in_whatever_form(text, plain, e164):
    assert PhoneNumber.from_carrier(text, "DE", plain=plain).e164 == e164


def test_a_trunk_that_writes_numbers_plainly_is_read_so():
    class Plain(NothingKnown):
        def trunk(self, name):
            return Trunk(name, number_format="plain")

    office = Answers(Office(person(22, mailbox=AT_ONCE)), Ringing(), outside=Plain())
    asks = from_outside("493055500022", "431234567", variable_pbx_trunk="musterbau-1")
    assert office.answer(asks).variables["pbx_caller"] == "+431234567"


# ----- written down


def test_the_same_leg_asking_again_is_written_as_such_and_a_call_back_as_one_anew():
    office = answers(person(21), person(22), person(23))
    asks = from_anna("23", **{"Answer-State": "answered", "variable_pbx_call_id": LEG})
    again_asked = office.answer(asks)
    assert (again_asked.record["kind"], again_asked.record["anew"]) == ("decided_again", False)
    assert "pbx_was_answered" not in again_asked.variables
    acting = {"Answer-State": "answered", "variable_pbx_call_id": LEG, "variable_pbx_acting_subscriber": "21",
              "variable_pbx_company": "7"}
    assert office.answer(asked("23", **acting)).record["anew"]
    assert not office.answer(asked("23", **acting, variable_pbx_attempt="a")).record["anew"]


def test_a_mailbox_takes_a_caller_who_was_answered_before_when_it_is_reached():
    office = answers(person(21), person(22, mailbox=AT_ONCE))
    click = {"variable_pbx_acting_subscriber": "21", "variable_pbx_company": "7", "Answer-State": "answered"}
    assert office.answer(asked("22", **click)).record["answered_at"] is not None
    assert office.answer(from_anna("22")).record["answered_at"] is None


def ended(leg=LEG, **variables):
    return ends.read(Event.of({
        "Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": leg, "variable_pbx_call_id": LEG,
        "variable_pbx_company": "7", "Hangup-Cause": "NORMAL_CLEARING", "Caller-Channel-Created-Time": str(BEGAN),
        "Caller-Channel-Answered-Time": str(ANSWERED), "Caller-Channel-Hangup-Time": str(ENDED),
        **{f"variable_{name}": value for name, value in variables.items()}}))


def test_the_answer_of_a_first_leg_is_the_calls_but_for_one_that_was_answered_before():
    assert ended()["answered_at"].startswith("2001-09-09T01:46:45")
    before = ended(pbx_was_answered="true")
    assert (before["answered_at"], before["began_at"], before["kind"]) == (None, None, "ended")


def test_a_leg_is_answered_by_whose_place_it_is_or_by_nobody_of_the_company():
    assert ended(OTHER_LEG, pbx_leg_subscriber="22")["subscriber_id"] == 22
    assert ended(OTHER_LEG)["subscriber_id"] is None
