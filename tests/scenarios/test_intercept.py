"""Calls of people who left are caught (G9), and rules of the company (G10)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, is_told, registered, rule, set_to
from tests.scenarios.stage import Stage


@proves("G9")
def test_the_caller_hears_an_announcement_and_that_is_all(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "intercept", "bernd", incoming=True, action="announce", target=None):
        is_told(stage, telephones["anna"].dial("22"), "number-not-in-service", "NUMBER_CHANGED", rung="intercept")
        assert telephones["bernd"].stays_silent()


@proves("G9")
def test_after_the_announcement_an_alternate_rings(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "intercept", "bernd", incoming=True, action="announce_then_transfer", target="23"):
        call = telephones["anna"].dial("22").wait_for("early")
        ringing = telephones["clara"].wait_for_ring(timeout_s=20)
        assert "sip:22@" in ringing.diversion[0]
        ringing.answer()
        call.wait_for("answered").hangup()


@proves("G9")
def test_an_alternate_rings_at_once(stage: Stage) -> None:
    telephones = registered(stage, "anna", "bernd", "clara")
    with set_to(stage, "intercept", "bernd", incoming=True, action="ring", target="23"):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("G9", "O3")
def test_calls_he_makes_are_caught_too(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "intercept", "bernd", outgoing=True, action="announce", target=None):
        is_told(stage, telephones["bernd"].dial("23"), "call-not-permitted", "OUTGOING_CALL_BARRED")
        assert telephones["clara"].stays_silent()
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("G9", "G10", "P1")
def test_a_lamp_key_gets_nobody_around_what_holds_for_his_calls(stage: Stage) -> None:
    telephones = registered(stage)
    key = stage.lamp_address("anna-desk", 1)  # Bernd's
    nobody = [rule("Nobody", internal=True, action="announce")]
    call = telephones["clara"].dial("22")
    rings = telephones["bernd"].wait_for_ring()
    for setting, whose, fields in (
            ("intercept", "anna", {"outgoing": True, "action": "announce", "target": None}),
            ("enterprise_rules", "company", {"outgoing": nobody})):
        with set_to(stage, setting, whose, **fields):
            for pressed in (key, "**22"):
                is_told(stage, telephones["anna"].dial(pressed), "call-not-permitted", "OUTGOING_CALL_BARRED")
    assert rings.up
    assert "answered" not in call.states
    assert telephones["bernd"].stays_silent()
    call.hangup()


@proves("G10")
def test_rules_of_the_company_reject_announce_send_elsewhere_and_let_through(stage: Stage) -> None:
    telephones = registered(stage)
    rules = [
        rule("This one is fine", numbers=["+491715550900"], action="allow"),
        rule("Refused", numbers=["+491715550901"], action="reject"),
        rule("Told so", numbers=["+491715550902"], action="announce"),
        rule("To Clara", prefixes=["+491715550"], action="send_to", target="23"),
    ]
    with set_to(stage, "enterprise_rules", "company", incoming=rules):
        def dial(number: str):  # type: ignore[no-untyped-def]
            return telephones.carrier.dial("+49305550022", from_number=number)

        call = dial("+491715550900")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
        assert dial("+491715550901").wait_for("ended").end_cause == "CALL_REJECTED"
        is_told(stage, dial("+491715550902"), "call-not-permitted", "CALL_REJECTED", rung="enterprise rule")
        call = dial("+491715550903")
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
