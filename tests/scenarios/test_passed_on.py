"""A telephone that passes a call on: by redirecting it before it rang, or by transferring it afterwards."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.test_calls import forwarding

DEARER = "09001234567"
OUTSIDE = "+491715550123"


@proves("R2", "N5")
def test_a_handset_that_redirects_is_not_reachable_and_nobody_calls_what_it_named(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    with forwarding(stage, "bernd", "not_reachable", "23"):
        anna.dial("22")
        bernd.wait_for_ring().redirect(DEARER)
        clara.wait_for_ring()
    assert stage.telephones.carrier.stays_silent()


@proves("N5")
def test_a_carrier_that_redirects_is_not_followed(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("01715550123")
    stage.telephones.carrier.wait_for_ring().redirect("22")
    call.wait_for("ended", timeout_s=15)
    assert bernd.stays_silent()


@proves("R13")
def test_a_caller_from_outside_is_transferred_to_a_colleague(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    outside = stage.telephones.carrier.dial("+49305550021", from_number=OUTSIDE)
    answered = anna.wait_for_ring().answer()
    outside.wait_for("answered")
    answered.transfer("22")
    ringing = bernd.wait_for_ring()
    assert OUTSIDE[-7:] in ringing.shown_number
    ringing.answer()
    outside.send_digits("7")
    ringing.wait_for_digits("7")


@proves("N5")
def test_a_caller_from_outside_cannot_be_transferred_outside(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    outside = stage.telephones.carrier.dial("+49305550021", from_number=OUTSIDE)
    answered = anna.wait_for_ring().answer()
    outside.wait_for("answered")
    answered.transfer("01715550199")
    outside.wait_for("ended", timeout_s=15)
    assert stage.telephones.carrier.stays_silent()


@proves("R13")
def test_whoever_was_called_can_be_transferred_too(stage: Stage) -> None:
    anna, clara = stage.telephones["anna"].register(), stage.telephones["clara"].register()
    call = anna.dial("01715550123")
    outside = stage.telephones.carrier.wait_for_ring().answer()
    call.wait_for("answered").transfer("23")
    ringing = clara.wait_for_ring().answer()
    outside.send_digits("7")
    ringing.wait_for_digits("7")


@proves("R1")
def test_a_transferred_caller_goes_where_the_colleagues_settings_say(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    outside = stage.telephones.carrier.dial("+49305550021", from_number=OUTSIDE)
    answered = anna.wait_for_ring().answer()
    outside.wait_for("answered")
    with forwarding(stage, "bernd", "busy", "23"):
        answered.transfer("22")
        bernd.wait_for_ring().reject(486)
        clara.wait_for_ring()
