"""A plan step as the switch is told it: rings of several places, short rings, announcements that go on."""

from __future__ import annotations

from dataclasses import replace

from services.routing import commands, ends
from services.routing.plan import Announce, DeviceLeg, Reject, Ring, Shown, TrunkLeg
from services.routing.plan_state import Travelling, from_variable
from services.routing.trunk_legs import NothingKnown

DESK = DeviceLeg("anna-desk", 21, "21")
SOFT = DeviceLeg("anna-soft", 21, "21")
ASSISTANT = DeviceLeg("bernd-desk", 22, "22", silenced_alone=True)
MOBILE = TrunkLeg("musterbau-1", "+491715550100", "+49305550021", 21, extension="21")
END = Reject("NO_ANSWER", "no_answer")
LEG = "5f0f9b7e-0001-4000-8000-000000000001"
OTHER_LEG = "5f0f9b7e-0002-4000-8000-000000000002"


def said(*legs, ring_timeout_s: int = 21) -> str:
    ring = Ring(legs, ring_timeout_s, END, END, END, "devices", 21)
    return commands.variables_for(Travelling(LEG, 7, "musterbau.example", 1, ring))["pbx_dial"]


def test_the_switch_itself_ends_all_ringing_of_ones_own_telephones():
    dialled = said(DESK, SOFT)
    assert "fail_on_single_reject=CALL_REJECTED" in dialled
    assert dialled.count("leg_timeout=20") == 2
    assert "pbx_own_place" not in dialled


def test_beside_other_places_ones_own_telephones_are_marked_and_time_is_counted_for_all():
    for other in (MOBILE, ASSISTANT):
        common, *legs = said(DESK, other).split("[")
        assert "fail_on_single_reject" not in common
        assert "ignore_early_media=true" in common
        assert ["pbx_own_place=true" in leg for leg in legs] == [True, False]
        assert not any("leg_timeout" in leg for leg in legs)


def test_one_telephone_needs_none_of_that():
    assert not {"fail_on", "leg_timeout", "early_media", "own_place"}.intersection(said(DESK).split("="))
    assert "ignore_early_media" not in said(DESK)


def test_a_number_outside_that_is_left_after_a_while_gives_no_early_media():
    assert "ignore_early_media=true" in said(MOBILE)
    assert "ignore_early_media" not in said(MOBILE, ring_timeout_s=120)


def test_a_number_that_must_be_accepted_is_asked_for_a_key():
    dialled = said(DESK, replace(MOBILE, confirm=True))
    assert "group_confirm_key=1" in dialled
    assert "group_confirm_key" not in said(DESK, MOBILE)


def test_a_call_at_the_remote_office_is_one_he_is_on():
    assert "presence_id=21@musterbau.example" in said(MOBILE)
    assert "presence_id" not in said(replace(MOBILE, extension=""))


def test_an_announcement_that_goes_on_carries_the_plan():
    step = Announce("number-not-in-service", "de", "NUMBER_CHANGED", "intercepted", then=END)
    variables = commands.variables_for(Travelling(LEG, 7, "musterbau.example", 1, step))
    assert variables["pbx_step"] == "announce-then"
    assert from_variable(variables["pbx_plan"]).step == step


def test_one_short_ring_is_an_originate_of_its_own():
    text = commands.splash(DESK, Shown("22", "Bernd Köhler"), "musterbau.example").line
    assert text.startswith("bgapi originate '{originate_timeout=2,")
    assert "sofia/internal/anna-desk%musterbau.example" in text
    assert "&hangup(NORMAL_CLEARING)" in text


class Event(dict):
    def variable(self, name: str) -> str | None:
        return self.get(f"variable_{name}")


def test_a_rejection_at_a_marked_place_tells_whose_ringing_ends():
    rejected = Event({"variable_pbx_own_place": "true", "variable_originator": LEG, "Hangup-Cause": "CALL_REJECTED",
                      "variable_pbx_leg_subscriber": "21"})
    assert ends.rejected_for_all(rejected) == (LEG, 21)
    assert ends.rejected_for_all(Event({**rejected, "Hangup-Cause": "USER_BUSY"})) is None
    assert ends.rejected_for_all(Event({**rejected, "Caller-Channel-Answered-Time": "1766000000000000"})) is None
    assert ends.rejected_for_all(Event({"variable_originator": LEG, "Hangup-Cause": "CALL_REJECTED"})) is None


CONFIRMED = replace(MOBILE, confirm=True)
OVER_TWO = Ring((MOBILE.over("musterbau-2"),), 21, END, END, END, "devices")
ALONG = Travelling(LEG, 7, "musterbau.example", 3, Ring((DESK, MOBILE), 21, END, END, OVER_TWO, "devices"))


def test_a_number_that_rings_along_is_marked_when_there_is_another_trunk_for_it():
    assert "pbx_ring_along=3-1" in commands.variables_for(ALONG)["pbx_dial"]
    one_trunk = replace(ALONG, step=Ring((DESK, MOBILE), 21, END, END, END, "devices"))
    alone = replace(ALONG, step=Ring((MOBILE,), 21, END, END, OVER_TWO, "devices"))
    for travelling in (one_trunk, alone):
        assert "pbx_ring_along" not in commands.variables_for(travelling)["pbx_dial"]


def test_the_leg_over_the_next_trunk_is_the_same_and_takes_only_whom_nobody_has():
    leg = CONFIRMED.over("musterbau-2")
    dialled = commands.dial_along(
        leg, ALONG, NothingKnown(), leg_uuid=OTHER_LEG, ring_timeout_s=17, hops=8, answered=False)
    assert dialled.startswith("'{")
    assert dialled.endswith("sofia/gateway/musterbau-2/+491715550100'")
    assert "pbx_ring_along" not in dialled
    for said in (f"pbx_call_id={LEG}", "pbx_company=7", "pbx_leg_subscriber=21", "pbx_leg_cents=10",
                 "execute_on_answer=sched_hangup +14400 ALLOTTED_TIMEOUT", "group_confirm_key=1",
                 "presence_id=21@musterbau.example", "originate_timeout=17", "max_forwards=8",
                 f"origination_uuid={OTHER_LEG}", "ignore_early_media=true", "intercept_unbridged_only=true",
                 "intercept_unanswered_only=true", "outbound_redirect_fatal=true"):
        assert said in dialled
    answered = commands.dial_along(
        leg, ALONG, NothingKnown(), leg_uuid=OTHER_LEG, ring_timeout_s=17, hops=8, answered=True)
    assert "intercept_unanswered_only" not in answered


def test_a_trunk_that_failed_a_leg_along_is_told_and_nothing_else_is():
    failed = Event({"variable_pbx_ring_along": "3-1", "variable_originator": LEG,
                    "Hangup-Cause": "NORMAL_TEMPORARY_FAILURE", "Caller-Channel-Answered-Time": "0"})
    assert ends.failed_along(failed) == (LEG, "3-1", "NORMAL_TEMPORARY_FAILURE")
    for other in ({"Hangup-Cause": "USER_BUSY"}, {"Hangup-Cause": "UNALLOCATED_NUMBER"}, {"variable_originator": None},
                  {"variable_pbx_ring_along": None}, {"Caller-Channel-Answered-Time": "1766000000000000"}):
        assert ends.failed_along(Event({**failed, **other})) is None
