"""What may not go out: classes and profiles for every leg, interception, the company's rules, limits."""

from __future__ import annotations

import pytest

from operations.story_report import proves
from tests.scenarios.outside import (
    MOBILE,
    company_setting,
    hears_an_announcement,
    setting,
    site_setting,
    wait_until_over,
    written_down,
)
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_forwarding import forwarding

DIALLED = "01715550123"
LONGEST_S = 10


def is_barred(stage: Stage, call: Call, rung: str = "barring") -> None:
    """The caller hears why, the carrier nothing, and the log says which rung it was."""
    call.wait_for("early", timeout_s=5)
    call.hangup()
    assert stage.telephones.carrier.stays_silent()
    written_down(stage, "anna", rung)


def goes_out(stage: Stage, call: Call, number: str = MOBILE) -> None:
    assert stage.telephones.carrier.wait_for_ring().number == number
    call.hangup()


@proves("N5", "O3")
@pytest.mark.parametrize("number", [
    "09001234567", "01371234567", "01805123456", "11833", "+979812345678", "+881612345678", "0043155501234",
    "+33155501234",
])
def test_premium_satellite_and_foreign_numbers_are_barred_until_allowed(stage: Stage, number: str) -> None:
    call = stage.telephones["anna"].register().dial(number)
    if number == "11833":  # as dialled from here it is no number of the area
        hears_an_announcement(call)
        assert stage.telephones.carrier.stays_silent()
    else:
        is_barred(stage, call)


@proves("N5", "O3", "O1")
def test_a_barred_caller_hears_an_announcement_to_its_end_and_the_log_says_why(stage: Stage) -> None:
    call = stage.telephones["anna"].register().dial("0900 1234567".replace(" ", ""))
    hears_an_announcement(call)
    written_down(stage, "anna", "barring", "barred")


@proves("O1")
@pytest.mark.parametrize("number", ["01715550123", "+491715550123", "00491715550123"])
def test_numbers_go_out_in_national_and_international_form(stage: Stage, number: str) -> None:
    goes_out(stage, stage.telephones["anna"].register().dial(number))


@proves("N5")
def test_what_the_company_allows_goes_out(stage: Stage) -> None:
    with company_setting(stage, "number_classes", allowed=["national", "mobile", "international"]):
        goes_out(stage, stage.telephones["anna"].register().dial("0043155501234"), "+43155501234")


PROFILE = {
    "name": "Story", "incoming": [],
    "outgoing": [{"prefix": "+49171", "allowed": False}, {"prefix": MOBILE, "allowed": True},
                 {"prefix": "+43", "allowed": True}],
    "forwarded": [{"prefix": "+49171", "allowed": False}],
}


@proves("N5", "O3")
def test_the_longest_prefix_of_the_profile_decides(stage: Stage) -> None:
    with company_setting(stage, "barring_profiles", profiles=[PROFILE]), setting(
            stage, "anna", "barring", profile="Story"):
        anna = stage.telephones["anna"].register()
        goes_out(stage, anna.dial(DIALLED))
        goes_out(stage, anna.dial("0043155501234"), "+43155501234")  # by name, whatever its class
        is_barred(stage, anna.dial("01715550124"))


@proves("N5")
def test_without_a_profile_of_his_own_the_sites_holds(stage: Stage) -> None:
    with company_setting(stage, "barring_profiles", profiles=[PROFILE]), site_setting(
            stage, stage.site_id("anna"), "barring", profile="Story"):
        is_barred(stage, stage.telephones["anna"].register().dial("01715550124"))


@proves("N5")
def test_a_barred_forward_falls_to_the_next_rung(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    with forwarding(stage, "bernd", always=MOBILE), company_setting(
            stage, "barring_profiles", profiles=[PROFILE]), setting(stage, "bernd", "barring", profile="Story"):
        call = stage.telephones["anna"].register().dial("22")
        bernd.wait_for_ring()
        assert stage.telephones.carrier.stays_silent()
        call.hangup()


@proves("N5", "R8")
def test_a_barred_number_does_not_ring_with_the_telephones(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    with setting(stage, "bernd", "simultaneous_ring", enabled=True, numbers=[{"number": MOBILE}]), company_setting(
            stage, "number_classes", allowed=["national"]):
        call = stage.telephones["anna"].register().dial("22")
        bernd.wait_for_ring()
        assert stage.telephones.carrier.stays_silent()
        call.hangup()


@proves("N5", "M1")
def test_a_transfer_is_no_way_round(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    caller = stage.telephones.carrier.dial("+49305550022", from_number=MOBILE)
    ringing = bernd.wait_for_ring()
    ringing.answer()
    caller.wait_for("answered")
    ringing.transfer("09001234567")
    caller.wait_for("ended", timeout_s=20)
    assert stage.telephones.carrier.stays_silent()


@proves("O3")
def test_speed_dials_are_his_own_and_under_them_his_sites_and_barred_like_any_number(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    own = [{"code": "07", "number": MOBILE}, {"code": "09", "number": "09001234567"}]
    of_site = [{"code": "07", "number": "+491715550999"}, {"code": "08", "number": "+491715550888"}]
    with setting(stage, "anna", "speed_dials", entries=own), site_setting(
            stage, stage.site_id("anna"), "speed_dials", entries=of_site):
        goes_out(stage, anna.dial("*8007"))
        goes_out(stage, anna.dial("*8008"), "+491715550888")
        is_barred(stage, anna.dial("*8009"))
        anna.dial("*8006").wait_for("ended", timeout_s=15)
        assert stage.telephones.carrier.stays_silent()


@proves("G9", "O3")
@pytest.mark.parametrize("action", ["announce", "announce_then_transfer", "ring"])
def test_the_calls_of_somebody_intercepted_are_caught(stage: Stage, action: str) -> None:
    anna, clara = stage.telephones["anna"].register(), stage.telephones["clara"].register()
    target = None if action == "announce" else "23"
    with setting(stage, "anna", "intercept", incoming=False, outgoing=True, action=action, target=target):
        call = anna.dial(DIALLED)
        if action == "announce":
            is_barred(stage, call, "intercept")
            is_barred(stage, anna.dial("22"), "intercept")
        else:
            clara.wait_for_ring(timeout_s=15).answer()
            call.wait_for("answered").hangup()
            assert stage.telephones.carrier.stays_silent()


@proves("G9")
def test_a_whole_site_is_intercepted(stage: Stage) -> None:
    with site_setting(stage, stage.site_id("anna"), "intercept", incoming=False, outgoing=True, action="announce",
                      target=None):
        is_barred(stage, stage.telephones["anna"].register().dial(DIALLED), "intercept")


def rule(action: str, **more: object) -> dict[str, object]:
    return {"name": action, "prefixes": ["+49171"], "action": action, **more}


@proves("G10")
@pytest.mark.parametrize(("rules", "ends"), [
    ([rule("reject")], "rejected"),
    ([rule("announce")], "announced"),
    ([rule("send_to", target="23")], "sent"),
    ([rule("allow", numbers=[MOBILE], prefixes=[]), rule("reject")], "out"),
    ([rule("reject"), rule("announce", name="spared", is_exception=True, numbers=[MOBILE], prefixes=[])], "out"),
    ([rule("reject", internal=True, prefixes=[])], "out"),
])
def test_the_companys_rules_look_at_whom_one_calls(
    stage: Stage, rules: list[dict[str, object]], ends: str,
) -> None:
    anna, clara = stage.telephones["anna"].register(), stage.telephones["clara"].register()
    with company_setting(stage, "enterprise_rules", outgoing=rules):
        call = anna.dial(DIALLED)
        if ends == "out":
            goes_out(stage, call)
        elif ends == "sent":
            clara.wait_for_ring().answer()
            call.wait_for("answered").hangup()
        elif ends == "announced":
            is_barred(stage, call, "enterprise rule")
        else:
            call.wait_for("ended")
            assert call.sip_status == 603
            assert "early" not in call.states
    assert stage.telephones.carrier.stays_silent()


@proves("O3")
def test_more_calls_a_minute_than_allowed_are_stopped_but_not_to_an_emergency_centre(stage: Stage) -> None:
    david = stage.telephones["david"].register()
    with company_setting(stage, "call_limits", per_subscriber_per_minute=2):
        for _ in range(2):
            goes_out(stage, david.dial(DIALLED))
        hears_an_announcement(david.dial(DIALLED))
        assert stage.telephones.carrier.stays_silent()
        written_down(stage, "david", "external number", "limit_per_subscriber_per_minute")
        goes_out(stage, david.dial("112"), "112")


@proves("O3")
def test_no_more_forwards_at_a_time_than_allowed(stage: Stage) -> None:
    with company_setting(stage, "call_limits", forwarded_at_once=1), forwarding(stage, "emma", always=MOBILE):
        first = stage.telephones["anna"].register().dial("25")
        stage.telephones.carrier.wait_for_ring().answer()
        first.wait_for("answered")
        second = stage.telephones["bernd"].register().dial("25")
        hears_an_announcement(second)
        assert stage.telephones.carrier.stays_silent()
        first.hangup()
        wait_until_over(stage, "anna")
        third = stage.telephones["bernd"].dial("25")
        stage.telephones.carrier.wait_for_ring()
        third.hangup()


@proves("O3")
def test_when_the_days_budget_is_used_nothing_more_goes_out_but_emergency_calls(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    with company_setting(stage, "call_limits", daily_budget_cents=0):
        call = anna.dial(DIALLED)
        hears_an_announcement(call)
        assert stage.telephones.carrier.stays_silent()
        written_down(stage, "anna", "external number", "limit_daily_budget")
        goes_out(stage, anna.dial("110"), "110")


@proves("O3")
def test_a_call_to_the_outside_ends_after_the_longest_time_whatever_becomes_of_routing(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    with company_setting(stage, "call_limits", longest_call_s=LONGEST_S):
        call = anna.dial(DIALLED)
        stage.telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered")
        call.wait_for("ended", timeout_s=LONGEST_S + 5)
