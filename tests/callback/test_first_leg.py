"""The one command: what rings, what it shows, and that nothing can be smuggled into it."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.callback.first_leg import ENDS_ALL, Errand, FirstLeg, Way, display, originate
from shared.dialling import UndiallableError
from shared.esl.errors import UnsafeArgument

ATTEMPT = UUID("11111111-1111-4111-8111-111111111111")
DESK = FirstLeg(UUID("22222222-2222-4222-8222-222222222222"), "anna-desk")
SOFT = FirstLeg(UUID("33333333-3333-4333-8333-333333333333"), "anna-soft")
ERRAND = Errand(
    attempt_id=ATTEMPT, company_id=7, subscriber_id=42, extension="21", sip_domain="musterbau.example",
    legs=[DESK, SOFT], destination="22", shown_name="Bernd Bäcker", shown_number="22", ring_s=30,
    site_number="+49305551100", gateway="backstube-1",
)


def test_all_devices_ring_together_each_under_its_own_leg_id_and_show_the_target():
    command = originate(ERRAND)
    assert command.line == (
        "bgapi originate '{pbx_attempt=11111111-1111-4111-8111-111111111111,export_vars=pbx_attempt,pbx_company=7,"
        "pbx_acting_subscriber=42,pbx_leg_subscriber=42,presence_id=21@musterbau.example,"
        "ignore_early_media=true,hangup_after_bridge=true,domain_name=musterbau.example,pbx_language=de,"
        "pbx_site_number=+49305551100,pbx_gateway=backstube-1,"
        "origination_caller_id_name=Bernd Bäcker,origination_caller_id_number=22,originate_timeout=31,"
        "fail_on_single_reject=CALL_REJECTED,outbound_redirect_fatal=true,presence_privacy=true}"
        "[origination_uuid=22222222-2222-4222-8222-222222222222,pbx_leg_device=anna-desk,pbx_acting_device=anna-desk,"
        "leg_timeout=30]sofia/internal/anna-desk%musterbau.example,"
        "[origination_uuid=33333333-3333-4333-8333-333333333333,pbx_leg_device=anna-soft,pbx_acting_device=anna-soft,"
        "leg_timeout=30]"
        "sofia/internal/anna-soft%musterbau.example' 22 XML internal"
    )
    assert command.headers == (("Job-UUID", str(ATTEMPT)),)


MOBILE = FirstLeg(UUID("44444444-4444-4444-8444-444444444444"), number="+491715550100")
OVER_THE_NEXT = FirstLeg(UUID("55555555-5555-4555-8555-555555555555"), number="+491715550100", position=1)
WAYS = [
    Way("backstube-1", "+491715550100", {"origination_caller_id_number": "+49305551122", "group_confirm_key": "1"}),
    Way("backstube-2", "01715550100", {"origination_caller_id_number": "0305551122", "group_confirm_key": "1"}),
]


def test_a_number_outside_rings_over_one_trunk_after_the_other_and_shows_the_targets_name_under_ones_own_number():
    line = originate(replace(ERRAND, legs=[MOBILE, OVER_THE_NEXT]), WAYS).line
    first, second = line.split("|")
    assert "origination_caller_id_number=22" not in line
    for part, leg, number in ((first, MOBILE, "+49305551122"), (second, OVER_THE_NEXT, "0305551122")):
        assert f"origination_uuid={leg.leg_uuid}" in part
        assert f"origination_caller_id_number={number}," in part
        assert "sip_from_display=Bernd Bäcker" in part
        assert "leg_timeout=30" in part
        assert "pbx_first_leg=outside" in part
        assert "group_confirm_key=1" in part
    assert "]sofia/gateway/backstube-1/+491715550100" in first
    assert second.endswith("]sofia/gateway/backstube-2/01715550100' 22 XML internal")
    assert f"fail_on_single_reject={','.join(ENDS_ALL)}" in line
    assert "originate_timeout" not in line


def test_what_was_chosen_for_this_call_travels_with_it():
    line = originate(replace(ERRAND, business_number="+49305551123", presentation="suppressed_once")).line
    assert "pbx_shown_number=+49305551123" in line
    assert "pbx_presentation=suppressed_once" in line


def test_what_routing_says_cannot_change_the_commands_shape():
    for way in (Way("x/y", "0171", {}), Way("backstube-1", "0171,22", {}),
                Way("backstube-1", "0171", {"api_on_x": "1"}),
                Way("backstube-1", "0171", {"pbx_leg_cents": "1,api_on_answer=shutdown"})):
        with pytest.raises(UndiallableError):
            originate(replace(ERRAND, legs=[MOBILE]), [way])


def test_a_name_of_the_directory_is_shown_a_number_as_people_write_it():
    assert display("Bernd O'Neil <b>", "22", "22") == ("Bernd ONeil b", "22")
    assert display("", "030 123456", "+4930123456") == ("030 123456", "+4930123456")
    assert display("", "112", "112") == ("112", "112")


@given(st.text(max_size=80), st.sampled_from(["22", "+4930123456"]))
def test_no_name_makes_a_command_of_another_shape(name: str, destination: str):
    shown_name, shown_number = display(name, destination, destination)
    try:
        line = originate(replace(ERRAND, shown_name=shown_name, shown_number=shown_number)).line
    except (UndiallableError, UnsafeArgument):
        return
    assert line.count("'") == 2
    assert line.count("{") == line.count("}") == 1
    assert line.endswith("' 22 XML internal")


@pytest.mark.parametrize("field", ["shown_name", "shown_number", "sip_domain", "extension"])
def test_what_could_change_the_command_is_refused(field: str):
    with pytest.raises(UndiallableError):
        originate(replace(ERRAND, **{field: "x,api_on_answer=shutdown"}))


def test_without_a_leg_there_is_no_command():
    with pytest.raises(UndiallableError):
        originate(replace(ERRAND, legs=[]))
