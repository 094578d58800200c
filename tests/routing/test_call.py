"""From the switch's question to the variables handed back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.routing import commands, question
from services.routing.call import Answers
from services.routing.directory import Directory, NotKnownNow, Unknown
from services.routing.facts import Company, Mailbox
from services.routing.memory import Asked, Found
from services.routing.plan import Act
from services.routing.plan_state import from_variable
from services.routing.ringing import Ringing
from services.routing.trunk_legs import NothingKnown
from shared.esl.events import Event
from shared.schedule import NightService
from tests.routing.build import BERLIN, COMPANY, forward, person

LEG = "5f0f9b7e-0001-4000-8000-000000000001"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
OTHER_LEG = "5f0f9b7e-0002-4000-8000-000000000002"
ANNAS_DEVICE = {
    "variable_pbx_device": "anna-desk", "variable_pbx_subscriber": "21", "variable_pbx_company": "7",
    "variable_pbx_country": "DE", "variable_pbx_area_code": "30", "variable_pbx_site_number": "+49305550000",
    "variable_pbx_gateway": "musterbau-1",
}


def asked(dialled, leg_uuid=LEG, context="internal", **headers):
    return question.read(Event.of({
        "Event-Name": "CHANNEL_DATA", "Unique-ID": leg_uuid, "Caller-Context": context,
        "Caller-Destination-Number": dialled, "Caller-Caller-ID-Number": "21", **headers}))


def from_anna(dialled, leg_uuid=LEG, **headers):
    return asked(dialled, leg_uuid, **ANNAS_DEVICE, **headers)


def from_outside(dialled, number="+491715550100", **headers):
    return asked(dialled, context="public", **{"Caller-Caller-ID-Number": number, **headers})


def again(variables, disposition, causes=None, **headers):
    event = {"variable_pbx_plan": variables["pbx_plan"], "variable_originate_disposition": disposition, **headers}
    if causes:
        event["variable_originate_causes"] = causes
    return asked("again", context="steps", **ANNAS_DEVICE, **event)


class Office(Directory):
    """People as written down, instead of a database."""

    def __init__(self, *people, company: Company = COMPANY, **more) -> None:
        self.people = {one.subscriber_id: one for one in people}
        self.company = company
        self.more = more
        self.asked: list[Asked] = []

    def look_up(self, asked: Asked) -> Found:
        self.asked.append(asked)
        owners = {key: one.subscriber_id for one in self.people.values() for key in (one.extension, one.main_number)}
        caller = self.people.get(21) if asked.device_id or asked.acting_subscriber_id else None
        owner = owners.get(asked.dialled) or owners.get(asked.dialled_number or "")
        return Found(self.company, caller, owner, self.people, owners, **self.more)

    def trunks_known(self, company_id):
        return self.company.trunks


class Away(Office):
    def look_up(self, asked: Asked) -> Found:
        raise NotKnownNow


class Strangers(Office):
    def look_up(self, asked: Asked) -> Found:
        raise Unknown


def answers(*people, **more):
    return Answers(Office(*people, **more), Ringing())


def test_a_colleague_is_rung_with_one_dial_string_and_few_variables():
    given = answers(person(21), person(22)).answer(from_anna("22")).variables
    assert given["pbx_dial"] == (
        f"{{pbx_call_id={LEG},pbx_company=7,force_transfer_context=internal,outbound_redirect_fatal=true,presence_privacy=true}}"
        "[presence_id=22@musterbau.example,pbx_leg_subscriber=22,"
        "origination_caller_id_number=21,origination_caller_id_name=Anna Amsel]"
        "sofia/internal/bernd-desk%musterbau.example")
    assert set(given) == {"pbx_step", "pbx_call_id", "pbx_company", "pbx_dial", "pbx_plan", "call_timeout",
                          "continue_on_fail", "hangup_after_bridge", "force_transfer_context", "max_forwards",
                          "originate_causes"}
    assert (given["pbx_step"], given["call_timeout"]) == ("bridge", "120")


@pytest.mark.parametrize(("brought", "given"), [(None, "10"), ("70", "10"), ("11", "10"), ("10", None), ("1", None),
                                                ("0", None), ("many", "10")])
def test_a_call_has_ten_hops_and_keeps_a_smaller_count_it_brings(brought, given):
    question = from_anna("22") if brought is None else from_anna("22", variable_max_forwards=brought)
    assert answers(person(21), person(22)).answer(question).variables.get("max_forwards") == given


def test_every_answer_can_be_said_in_one_command():
    everything = person(22, mailbox=Mailbox(True, True, True), forward_busy=forward("+491715550199"))
    for one in (from_anna("22"), from_anna("99"), from_anna("*99"), from_anna("0171 5550100"), from_outside("+1")):
        command = commands.hand_back(answers(person(21), everything).answer(one).variables)
        assert command.headers[1] == ("execute-app-name", "multiset")


@pytest.mark.parametrize(("dialled", "number"), [
    ("115", "115"), ("116117", "116117"), ("+49115", "115"), ("19222", "+493019222"),
])
def test_a_short_number_goes_out_as_it_is(dialled, number):
    given = answers(person(21)).answer(from_anna(dialled)).variables
    assert given["pbx_dial"].endswith(f"sofia/gateway/musterbau-1/{number}")


@pytest.mark.parametrize("dialled", ["11833", "+4911833"])
def test_directory_enquiries_cost_and_are_barred(dialled):
    given = answers(person(21)).answer(from_anna(dialled)).variables
    assert (given["pbx_step"], given["pbx_prompt"]) == ("announce", "number-barred")


def test_an_extension_of_the_company_goes_before_a_short_number():
    given = answers(person(21), replace(person(22), extension="115")).answer(from_anna("115")).variables
    assert "bernd-desk" in given["pbx_dial"]


@pytest.mark.parametrize(("dialled", "number"), [
    ("01715550100", "+491715550100"), ("+491715550100", "+491715550100"), ("00491715550100", "+491715550100"),
    ("5550199", "+49305550199"), ("0305550199", "+49305550199"),
])
def test_numbers_outside_are_read_as_dialled_at_the_callers_site(dialled, number):
    given = answers(person(21)).answer(from_anna(dialled)).variables
    assert given["pbx_dial"].endswith(f"sofia/gateway/musterbau-1/{number}")
    assert "origination_caller_id_number=+493055500021" in given["pbx_dial"]


def test_nobody_answered_and_the_plan_goes_on_without_a_look_at_the_settings():
    office = answers(person(21), person(22, forward_no_answer=forward("23", 2)), person(23))
    first = office.answer(from_anna("22")).variables
    assert first["call_timeout"] == "11"
    office.directory = Away()
    second = office.answer(again(first, "NO_ANSWER", f"{OTHER_LEG};NO_ANSWER")).variables
    assert "clara-desk" in second["pbx_dial"]
    assert second["sip_h_Diversion"] == '"Bernd Buche" <sip:22@musterbau.example>;reason=no-answer'
    assert second["sip_h_History-Info"] == (
        "<sip:22@musterbau.example>;index=1, <sip:23@musterbau.example;cause=408>;index=1.1")
    assert second["export_vars"] == "sip_h_Diversion,sip_h_History-Info"
    third = office.answer(again(second, "NO_ANSWER", f"{OTHER_LEG};NO_ANSWER")).variables
    assert (third["pbx_step"], third["pbx_cause"]) == ("reject", "NO_ANSWER")


def test_two_forwards_show_who_was_called_first_and_who_forwarded_last():
    office = answers(person(21), person(22, forward_always=forward("23")), person(23, forward_busy=forward("24")),
                     person(24))
    first = office.answer(from_anna("22")).variables
    second = office.answer(again(first, "USER_BUSY", f"{OTHER_LEG};USER_BUSY")).variables
    assert [part.split(">")[0].split("<")[1] for part in second["sip_h_Diversion"].split(", ")] == [
        "sip:23@musterbau.example", "sip:22@musterbau.example"]


def test_what_the_leg_exports_already_stays_exported():
    office = answers(person(21), person(22, forward_always=forward("23")), person(23))
    given = office.answer(from_anna("22", variable_export_vars="pbx_attempt")).variables
    assert given["export_vars"] == "pbx_attempt,sip_h_Diversion,sip_h_History-Info"


def test_the_mailbox_is_told_who_calls_and_why_it_came():
    office = answers(person(21), person(22, mailbox=Mailbox(busy=True)))
    first = office.answer(from_anna("22")).variables
    given = office.answer(again(first, "USER_BUSY", f"{OTHER_LEG};USER_BUSY")).variables
    assert {name: given[name] for name in ("pbx_step", "pbx_mailbox", "pbx_reason", "pbx_language", "pbx_company")} == {
        "pbx_step": "voicemail", "pbx_mailbox": "22", "pbx_reason": "busy", "pbx_language": "de", "pbx_company": "7"}


def test_the_portal_is_told_whose_telephone_it_is_and_which_mailbox_may_be_asked_for():
    office = answers(person(21), person(22))
    for dialled, which in (("*86", "own"), ("*62", "any"), ("*62#", "any")):
        given = office.answer(from_anna(dialled)).variables
        assert {name: given[name] for name in ("pbx_step", "pbx_portal", "pbx_mailbox", "pbx_company")} == {
            "pbx_step": "portal", "pbx_portal": which, "pbx_mailbox": "21", "pbx_company": "7"}


def test_a_mailbox_is_transferred_to_and_its_number_is_never_an_emergency():
    office = answers(person(21), person(22))
    given = office.answer(from_anna("*5522")).variables
    assert {name: given[name] for name in (
            "pbx_step", "pbx_mailbox", "pbx_reason", "pbx_caller", "pbx_caller_name", "pbx_caller_subscriber")} == {
        "pbx_step": "voicemail", "pbx_mailbox": "22", "pbx_reason": "direct", "pbx_caller": "21",
        "pbx_caller_name": "Anna Amsel", "pbx_caller_subscriber": "21"}
    assert office.answer(from_anna("*55112")).variables["pbx_say"] == "number-not-assigned.wav"


def test_a_call_that_was_answered_and_ended_is_over():
    office = answers(person(21), person(22, forward_busy=forward("23")), person(23))
    first = office.answer(from_anna("22")).variables
    given = office.answer(again(first, "SUCCESS", f"{OTHER_LEG};SUCCESS")).variables
    assert (given["pbx_step"], given["pbx_cause"]) == ("reject", "NORMAL_CLEARING")


def test_an_emergency_call_asks_nobody():
    office = Answers(Away(person(21)), Ringing())
    given = office.answer(from_anna("112")).variables
    assert given["pbx_dial"].endswith("sofia/gateway/musterbau-1/112")
    assert "origination_caller_id_number=+49305550000" in given["pbx_dial"]


def test_an_emergency_call_goes_over_the_next_trunk_when_the_first_fails():
    office = answers(person(21), company=Company(7, "musterbau.example", ("musterbau-1", "musterbau-2")))
    first = office.answer(from_anna("112")).variables
    second = office.answer(again(first, "NORMAL_TEMPORARY_FAILURE", f"{OTHER_LEG};NORMAL_TEMPORARY_FAILURE")).variables
    assert second["pbx_dial"].endswith("sofia/gateway/musterbau-2/112")


def test_an_emergency_call_goes_by_the_order_of_the_trunks_as_it_now_is():
    """The channel names the trunk that was the first when the telephone registered."""
    class Outside(NothingKnown):
        def of_company(self, company_id):
            return ("musterbau-3", "musterbau-1")

    office = answers(person(21), company=Company(7, "musterbau.example", ("musterbau-1", "musterbau-2")))
    office.outside = Outside()
    given = office.answer(from_anna("112")).variables
    for trunk in ("musterbau-3", "musterbau-1", "musterbau-2"):
        assert given["pbx_dial"].endswith(f"sofia/gateway/{trunk}/112")
        failed = again(given, "NORMAL_TEMPORARY_FAILURE", f"{OTHER_LEG};NORMAL_TEMPORARY_FAILURE")
        given = office.answer(failed).variables


def test_with_nothing_known_the_switch_goes_on_alone():
    assert Answers(Away(), Ringing()).answer(from_anna("22")).variables == {"pbx_step": "fallback"}


def test_a_plan_nobody_can_read_is_left_to_the_switch():
    assert answers().answer(again({"pbx_plan": "jAAAA"}, "USER_BUSY")).variables == {"pbx_step": "fallback"}
    assert answers().answer(again({"pbx_plan": ""}, "USER_BUSY")).variables == {"pbx_step": "fallback"}


def test_a_call_from_outside_rings_the_owner_and_shows_the_number():
    given = answers(person(22)).answer(from_outside("+493055500022")).variables
    assert "origination_caller_id_number=+491715550100" in given["pbx_dial"]


def test_a_known_mobile_shows_its_owners_name():
    given = answers(person(22), caller_name="Anna Amsel").answer(from_outside("+493055500022")).variables
    assert "origination_caller_id_name=Anna Amsel" in given["pbx_dial"]


@pytest.mark.parametrize("headers", [
    {"number": "anonymous"}, {"number": "0171"[:1]}, {"Caller-Privacy-Hide-Number": "true"},
    {"number": "${system(id)}"}, {"number": "%24%7Bsystem%7D"},
])
def test_a_withheld_or_unusable_number_shows_as_anonymous(headers):
    given = answers(person(22)).answer(from_outside("+493055500022", **headers)).variables
    assert "origination_caller_id_number=anonymous" in given["pbx_dial"]


def test_a_caller_from_outside_does_not_dial_outside():
    given = answers(person(22)).answer(from_outside("+491715550100")).variables
    assert (given["pbx_step"], given["pbx_prompt"]) == ("announce", "number-not-assigned")


def test_a_number_nobody_has_is_announced():
    given = Answers(Strangers(), Ringing()).answer(from_outside("+49305559999")).variables
    assert (given["pbx_prompt"], given["pbx_cause"]) == ("number-not-assigned", "UNALLOCATED_NUMBER")


def test_identity_is_what_the_directory_put_on_the_channel_not_what_the_caller_says():
    office = Office(person(21), person(22))
    Answers(office, Ringing()).answer(asked("22", **{"variable_sip_from_user": "anna-desk"}))
    assert (office.asked[0].device_id, office.asked[0].acting_subscriber_id) == (None, None)


def test_a_call_from_the_trunk_never_acts_for_a_subscriber():
    office = Office(person(22))
    pretender = {**ANNAS_DEVICE, "variable_pbx_acting_subscriber": "21"}
    Answers(office, Ringing()).answer(from_outside("+493055500022", **pretender))
    assert office.asked[0] == Asked(dialled="+493055500022", dialled_number="+493055500022",
                                    caller_number="+491715550100")


def test_a_leg_the_suite_originated_calls_for_its_subscriber():
    office = Office(person(21), person(22))
    given = Answers(office, Ringing()).answer(
        asked("22", variable_pbx_acting_subscriber="21", variable_pbx_company="7")).variables
    assert office.asked[0].acting_subscriber_id == 21
    assert "origination_caller_id_name=Anna Amsel" in given["pbx_dial"]


def test_a_lamp_key_picks_up_what_rings_there_and_else_calls():
    office = answers(person(21), person(22), person(23), lamp_owner_id=22)
    key = from_anna("lamp+21-1-abcdefghijkl")
    assert office.answer(key).variables["pbx_step"] == "bridge"
    clara = asked("22", OTHER_LEG, **{**ANNAS_DEVICE, "variable_pbx_device": "clara-desk"})
    ring = office.answer(clara)
    office.ringing.begins(OTHER_LEG, 23, ring.ring)
    picked = office.answer(key).variables
    assert (picked["pbx_step"], picked["pbx_pickup"]) == ("pickup", OTHER_LEG)
    gone = office.answer(again(picked, "NONE")).variables
    assert "bernd-desk" in gone["pbx_dial"]
    office.ringing.ends(OTHER_LEG)
    assert office.answer(key).variables["pbx_step"] == "bridge"


@pytest.mark.parametrize("pressed", ["lamp+21-1-abcdefghijkl", "**lamp+21-1-abcdefghijkl", "**21-1-abcdefghijkl"])
def test_a_lamps_address_is_dialled_as_telephones_make_it(pressed):
    answer = answers(person(21), person(22), lamp_owner_id=22).answer(from_anna(pressed))
    assert "bernd-desk" in answer.variables["pbx_dial"]
    assert answer.record is not None
    assert "abcdefghijkl" not in str(answer.record), "the key's secret stays out of the log"


def test_the_lamp_of_a_plain_extension_is_pressed_the_same_way():
    office = answers(person(21), person(22), person(23))
    assert "bernd-desk" in office.answer(from_anna("**22")).variables["pbx_dial"]
    clara = asked("22", OTHER_LEG, **{**ANNAS_DEVICE, "variable_pbx_device": "clara-desk"})
    office.ringing.begins(OTHER_LEG, 23, office.answer(clara).ring)
    picked = office.answer(from_anna("**22")).variables
    assert (picked["pbx_step"], picked["pbx_pickup"]) == ("pickup", OTHER_LEG)
    assert office.answer(from_anna("22")).variables["pbx_step"] == "bridge", "dialled, it is called"
    assert office.answer(from_anna("**29")).variables["pbx_prompt"] == "number-not-assigned"


def test_nobody_outside_presses_a_lamp():
    assert from_outside("**22").dialled == "**22"
    assert not from_outside("**22").plain_lamp


@pytest.mark.parametrize(("night", "pressed", "says"), [
    (NightService("22"), "lamp+21-night-abcdefghijkl", "night_service_on"),
    (NightService("22"), "**21-night-abcdefghijkl", "night_service_on"),
    (NightService("22", by_hand=True, by_hand_at=LONG_AGO), "lamp+21-night-abcdefghijkl", "night_service_off"),
    (NightService("22", scheduled=True), "lamp+21-night-abcdefghijkl", "night_service_off"),
    (NightService(), "lamp+21-night-abcdefghijkl", "night_service_on"),     # refused further on: there is no target
    (NightService("22"), "lamp+22-night-abcdefghijkl", "code-not-available"),
])
def test_the_key_of_the_night_service_switches_what_its_lamp_shows(night, pressed, says):
    anna = person(21)
    anna = replace(anna, site=replace(anna.site, night=night))
    decided = answers(anna, person(22)).decided(from_anna(pressed))
    step = decided.decision.step
    assert (step.function if isinstance(step, Act) else step.prompts[0]) == says


def test_ones_own_call_is_not_picked_up():
    office = answers(person(21), person(22), lamp_owner_id=22)
    office.ringing.begins(OTHER_LEG, 21, office.answer(from_anna("22", OTHER_LEG)).ring)
    assert office.answer(from_anna("lamp+21-1-abcdefghijkl")).variables["pbx_step"] == "bridge"


def test_the_plan_travels_with_the_call():
    given = answers(person(21), person(22)).answer(from_anna("22")).variables
    assert from_variable(given["pbx_plan"]).call_id == LEG


def test_the_record_tells_who_called_whom_and_what_decided():
    record = answers(person(21), person(22)).answer(from_anna("22")).record
    assert (record["direction"], record["caller_id"], record["callee_id"], record["rung"], record["rang"]) == (
        "internal", 21, 22, "devices", [22])
    assert record["trace"][-1] == {
        "place": "22", "rung": "devices", "saw": {"devices": 1, "places": 0, "numbers": 0}, "said": "ring",
        "sent_on": 0, "decides": True}


@pytest.mark.parametrize("dialled", ["${system(id)}", "22'", "22 23", "x" * 40, "sip:22", "22|23", ""])
def test_what_cannot_be_dialled_goes_nowhere(dialled):
    given = answers(person(21), person(22)).answer(from_anna(dialled or "-")).variables
    assert (given["pbx_step"], given["pbx_prompt"]) == ("announce", "number-not-assigned")


def test_where_a_transferred_caller_was_answered_stays_with_his_leg():
    """The night target, exempt from night service, hands on what he answered; so does who has it from him."""
    night = replace(BERLIN, night=NightService("24", by_hand=True, by_hand_at=LONG_AGO))
    office = answers(*(replace(person(one), site=night) for one in (22, 23, 24)))
    first = office.answer(from_outside("+493055500022")).variables
    assert "david-desk" in first["pbx_dial"]

    def transferred(to, **variables):
        leg = {f"variable_{name}": value for name, value in {"pbx_company": "7", **variables}.items()}
        return office.answer(asked(to, **{"Caller-Caller-ID-Number": "+491715550100", **leg})).variables

    assert "david-desk" in transferred("22")["pbx_dial"]
    second = transferred("22", pbx_plan=first["pbx_plan"])
    assert ("bernd-desk" in second["pbx_dial"], second["pbx_handed_on"]) == (True, "24")
    third = transferred("23", pbx_plan=second["pbx_plan"], pbx_handed_on="24")
    assert ("clara-desk" in third["pbx_dial"], third["pbx_handed_on"]) == (True, "22,24")
    assert "david-desk" in transferred("22", pbx_plan="jnonsense", pbx_handed_on="24;x")["pbx_dial"]
