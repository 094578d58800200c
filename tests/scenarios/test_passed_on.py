"""A telephone that passes a call on: by redirecting it before it rang, or by transferring it afterwards."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.test_calls import forwarding

DEARER = "09001234567"


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
