"""An executive's calls ring at his assistants (rung 10)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, registered, set_to
from tests.scenarios.stage import Stage

FILTER = {"enabled": True, "internal": True, "external": True, "assistants": ["23", "24"]}


@proves("R10")
def test_an_assistant_who_rejects_silences_only_himself(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "executive_filter", "bernd", **FILTER):
        call = telephones["anna"].dial("22")
        clara, david = telephones["clara"].wait_for_ring(), telephones["david"].wait_for_ring()
        clara.reject(603)
        assert david.up
        david.answer()
        call.wait_for("answered").hangup()
        assert telephones["bernd"].stays_silent()


@proves("R10", "R2")
def test_an_executive_who_rings_too_and_rejects_ends_all_ringing(stage: Stage) -> None:
    telephones = registered(stage, "anna", "bernd", "clara", "david", "emma")
    with set_to(stage, "executive_filter", "bernd", **FILTER, executive_rings=True), \
            set_to(stage, "forwardings", "bernd", busy={"enabled": True, "target": "25"}):
        call = telephones["anna"].dial("22")
        clara, david = telephones["clara"].wait_for_ring(), telephones["david"].wait_for_ring()
        telephones["bernd"].wait_for_ring().reject(603)
        clara.wait_for("ended")
        david.wait_for("ended")
        telephones["emma"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R6")
def test_an_assistant_with_do_not_disturb_is_skipped_and_his_own_calls_come_through(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "executive_filter", "bernd", **FILTER), set_to(stage, "do_not_disturb", "clara", enabled=True):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        telephones["david"].wait_for_ring().answer()
        assert telephones["clara"].stays_silent()
        call.wait_for("answered").hangup()
        call = telephones["clara"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
