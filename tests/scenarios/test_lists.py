"""Callers who are not let through, and callers who are sent elsewhere: lists with conditions (R3, R4, R5)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, in_the_log, is_told, registered, rule, set_to
from tests.scenarios.stage import Stage

NOT_NOW = {"weekly": [], "periods": [{"from": "2020-01-01T00:00", "to": "2020-01-02T00:00"}]}


@proves("R4", "L1")
def test_a_caller_on_the_negative_list_hears_so_and_the_attempt_is_logged(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "negative_list", "bernd", enabled=True, rules=[rule("Nuisance", numbers=[MOBILE])]):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        is_told(stage, call, "caller-rejected", "CALL_REJECTED", rung="negative list")
        assert telephones["bernd"].stays_silent()
        assert in_the_log(stage, "bernd", "negative list")["kind"] == "missed"
        other = telephones.carrier.dial("+49305550022", from_number="+491715550777")
        telephones["bernd"].wait_for_ring().answer()
        other.wait_for("answered").hangup()


@proves("R4", "R3")
def test_an_exception_and_a_time_that_is_over_let_the_caller_through(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "negative_list", "bernd", enabled=True, rules=[
            rule("All mobiles", prefixes=["+49171"]), rule("But this one", numbers=[MOBILE], is_exception=True),
            rule("Long ago", external=True, times=NOT_NOW)]):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R4")
def test_who_is_not_on_the_positive_list_is_rejected(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "positive_list", "bernd", enabled=True, rules=[rule("Colleagues", internal=True)]):
        is_told(stage, telephones.carrier.dial("+49305550022", from_number=MOBILE), "caller-rejected",
                "CALL_REJECTED", rung="positive list")
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R5")
def test_callers_without_a_number_are_rejected_colleagues_never(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "anonymous_rejection", "bernd", enabled=True):
        is_told(stage, telephones.carrier.dial("+49305550022", from_number=None), "anonymous-rejected",
                "CALL_REJECTED", rung="anonymous rejection")
        with set_to(stage, "shown_number", "anna", suppressed=True):
            call = telephones["anna"].dial("22")
            telephones["bernd"].wait_for_ring().answer()
            call.wait_for("answered").hangup()


@proves("R3", "R13")
def test_selected_callers_are_forwarded_at_their_times_and_others_are_not(stage: Stage) -> None:
    telephones = registered(stage)
    rules = [rule("Outside", external=True), rule("Anna, long ago", numbers=["21"], times=NOT_NOW)]
    with set_to(stage, "selective_forwarding", "bernd", enabled=True, target="23", rules=rules):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        ringing = telephones["clara"].wait_for_ring()
        assert "sip:22@" in ringing.diversion[0]
        ringing.answer()
        call.wait_for("answered").hangup()
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R14", "R4")
def test_a_rule_holds_by_extension_by_number_by_transfer_and_by_lamp_key(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "negative_list", "bernd", enabled=True, rules=[rule("Anna", numbers=["21"])]):
        for dialled in ("22", "0305550022", stage.lamp_address("anna-desk", 1)):
            is_told(stage, telephones["anna"].dial(dialled), "caller-rejected", "CALL_REJECTED")
        call = telephones["anna"].dial("24")
        ringing = telephones["david"].wait_for_ring().answer()
        call.wait_for("answered")
        ringing.transfer("22")
        call.wait_for("ended", timeout_s=30)
        assert telephones["bernd"].stays_silent()
        call = telephones["david"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
