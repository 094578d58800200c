"""Numbers outside that ring with the telephones (R8), and who may silence what (R10)."""

from __future__ import annotations

from typing import Any

import pytest

from operations.story_report import proves
from tests.scenarios.outside import company_setting
from tests.scenarios.settings import MOBILE, registered, set_to, wait_until_on_a_call
from tests.scenarios.stage import Stage

SECOND_MOBILE = "+491715550101"


def numbers(*numbers: str, confirm: bool = False) -> dict[str, Any]:
    return {"enabled": True, "numbers": [{"number": number, "confirm": confirm} for number in numbers]}


@proves("R8")
def test_desk_and_mobile_ring_together_and_who_answers_first_has_the_call(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
        call = telephones["anna"].dial("22")
        desk, mobile = telephones["bernd"].wait_for_ring(), telephones.carrier.wait_for_ring()
        assert (mobile.number, mobile.shown_number) == (MOBILE, "+49305550022")
        mobile.answer()
        desk.wait_for("ended")
        call.wait_for("answered").hangup()
        mobile.wait_for("ended")


@proves("R8")
def test_a_mobile_mailbox_that_presses_nothing_never_has_the_call(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE, confirm=True)):
        call = telephones["anna"].dial("22")
        desk, mobile = telephones["bernd"].wait_for_ring(), telephones.carrier.wait_for_ring()
        mobile.answer()
        mobile.send_digits("2")
        assert desk.up
        assert "answered" not in call.states
        mobile.hangup()
        assert desk.up
        desk.answer()
        call.wait_for("answered").hangup()


@proves("R8")
def test_pressing_1_accepts(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE, confirm=True)):
        call = telephones["anna"].dial("22")
        desk, mobile = telephones["bernd"].wait_for_ring(), telephones.carrier.wait_for_ring()
        mobile.answer()
        stage.wait_until(lambda: "answered" in call.states or not mobile.send_digits("1"), 10, "the call")
        desk.wait_for("ended")
        call.wait_for("answered").hangup()


@proves("R8", "R2")
def test_a_mobile_mailbox_alone_counts_as_no_answer(stage: Stage) -> None:
    telephones = registered(stage)
    telephones["bernd"].unregister()
    try:
        with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE, confirm=True)), \
                set_to(stage, "forwardings", "bernd", no_answer={"enabled": True, "target": "23", "rings": 3}):
            call = telephones["anna"].dial("22")
            telephones.carrier.wait_for_ring().answer().hangup()
            telephones["clara"].wait_for_ring(timeout_s=20).answer()
            call.wait_for("answered").hangup()
    finally:
        telephones["bernd"].register()


@proves("R8")
def test_not_when_already_on_a_call(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", not_when_on_a_call=True, **numbers(MOBILE)):
        first = telephones["bernd"].dial("24")
        telephones["david"].wait_for_ring().answer()
        wait_until_on_a_call(stage, "bernd")
        call = telephones["anna"].dial("22").wait_for("ringing")
        telephones["bernd"].wait_for_ring()
        assert telephones.carrier.stays_silent()
        call.hangup()
        first.hangup()


@proves("R10", "R8")
def test_turned_down_at_the_desk_ends_all_ringing_as_busy(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)), \
            set_to(stage, "forwardings", "bernd", busy={"enabled": True, "target": "23"}):
        call = telephones["anna"].dial("22")
        desk, mobile = telephones["bernd"].wait_for_ring(), telephones.carrier.wait_for_ring()
        desk.reject(603)
        mobile.wait_for("ended")
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R10", "R8")
@pytest.mark.parametrize("sip_status", [486, 603])
def test_turned_down_at_the_mobile_the_desk_rings_on(stage: Stage, sip_status: int) -> None:
    telephones = registered(stage)
    with set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
        call = telephones["anna"].dial("22")
        desk, mobile = telephones["bernd"].wait_for_ring(), telephones.carrier.wait_for_ring()
        mobile.reject(sip_status)
        assert desk.up
        desk.answer()
        call.wait_for("answered").hangup()


@proves("R8")
def test_a_sixth_number_is_refused_and_nothing_is_changed(stage: Stage) -> None:
    six = [f"+49171555010{n}" for n in range(6)]
    answer = stage.http("routing", "PATCH", "/v1/settings/simultaneous_ring", token="bernd",
                        json_body=numbers(*six))
    assert answer.status == 422
    assert answer.body["field"].startswith("numbers")
    assert stage.http("routing", "GET", "/v1/settings/simultaneous_ring", token="bernd").body["numbers"] == []


@proves("R8")
def test_each_number_that_rings_along_counts_against_what_may_leave_and_the_desk_rings_on(stage: Stage) -> None:
    """Ida's, whom no other story lets call outside: a minute of somebody else's may be full."""
    telephones = registered(stage, "anna", "ida")
    with (set_to(stage, "simultaneous_ring", "ida", **numbers(MOBILE, SECOND_MOBILE)),
          company_setting(stage, "call_limits", per_subscriber_per_minute=1)):
        call = telephones["anna"].dial("29")
        desk = telephones["ida"].wait_for_ring()
        assert telephones.carrier.wait_for_ring().number == MOBILE
        assert telephones.carrier.stays_silent()
        desk.answer()
        call.wait_for("answered").hangup()
