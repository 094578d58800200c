"""Night service of a site (G6): every call from outside goes to one target."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, registered, set_to
from tests.scenarios.stage import Stage


@proves("G6")
def test_at_night_calls_from_outside_go_to_the_target_colleagues_are_rung(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "night_service", "site", target="24"), set_to(stage, "night_service", "site", by_hand=True):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        ringing = telephones["david"].wait_for_ring()
        assert "sip:22@" in ringing.diversion[0]
        ringing.answer()
        call.wait_for("answered").hangup()
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
        exempt = telephones.carrier.dial("+49305550024", from_number=MOBILE)
        telephones["david"].wait_for_ring().answer()
        exempt.wait_for("answered").hangup()


@proves("G6", "R6")
def test_night_service_comes_before_do_not_disturb(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "night_service", "site", target="24"), set_to(stage, "night_service", "site", by_hand=True), \
            set_to(stage, "do_not_disturb", "bernd", enabled=True):
        call = telephones.carrier.dial("+49305550022", from_number=MOBILE)
        telephones["david"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
