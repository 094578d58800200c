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


def _rings(stage: Stage, who: str) -> None:
    call = stage.telephones.carrier.dial("+49305550022", from_number=MOBILE)
    stage.telephones[who].wait_for_ring().answer()
    call.wait_for("answered").hangup()


@proves("G6")
def test_by_its_schedule_the_site_is_on_night_until_somebody_switches_to_day_by_hand(stage: Stage) -> None:
    registered(stage)
    now, over = ({"periods": [{"from": "2020-01-01T00:00", "to": f"{year}-01-01T00:00"}]} for year in (2090, 2021))
    with set_to(stage, "night_service", "site", target="24", scheduled=True, times=now):
        _rings(stage, "david")
        with set_to(stage, "night_service", "site", by_hand=False):
            _rings(stage, "bernd")
    with set_to(stage, "night_service", "site", target="24", scheduled=True, times=over):
        _rings(stage, "bernd")
        with set_to(stage, "night_service", "site", by_hand=True):
            _rings(stage, "david")
