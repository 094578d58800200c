"""Do not disturb: the caller gets busy, or what busy leads to (R6)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import in_the_log, registered, set_to
from tests.scenarios.stage import Stage
from tests.scenarios.test_forwarding import forwarding


@proves("R6", "L1")
def test_the_caller_gets_busy_and_the_call_is_missed(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "do_not_disturb", "bernd", enabled=True), \
            set_to(stage, "mailbox_conditions", "bernd", busy=False):
        call = telephones["anna"].dial("22").wait_for("ended")
        assert (call.end_cause, call.sip_status) == ("USER_BUSY", 486)
        assert telephones["bernd"].stays_silent()
        assert in_the_log(stage, "bernd", "do not disturb")["kind"] == "missed"


@proves("R6", "R2")
def test_forwarding_on_busy_applies(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "do_not_disturb", "bernd", enabled=True), forwarding(stage, "bernd", busy="23"):
        call = telephones["anna"].dial("22")
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
        assert telephones["bernd"].stays_silent()


@proves("R6")
def test_a_ring_reminder_is_one_short_ring_and_the_caller_gets_busy_at_once(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "do_not_disturb", "bernd", enabled=True, ring_reminder=True), \
            set_to(stage, "mailbox_conditions", "bernd", busy=False):
        call = telephones["anna"].dial("22").wait_for("ended")
        assert call.end_cause == "USER_BUSY"
        reminder = telephones["bernd"].wait_for_ring()
        assert reminder.shown_number == "21"
        reminder.wait_for("ended")
        assert "answered" not in reminder.states


@proves("R1")
def test_a_ring_splash_rings_shortly_at_the_desk_while_the_call_goes_on(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", always="23"), \
            set_to(stage, "forwardings", "bernd", always={"enabled": True, "target": "23", "ring_splash": True}):
        call = telephones["anna"].dial("22")
        ringing = telephones["clara"].wait_for_ring()
        splash = telephones["bernd"].wait_for_ring()
        splash.wait_for("ended")
        assert "answered" not in splash.states
        ringing.answer()
        call.wait_for("answered").hangup()
