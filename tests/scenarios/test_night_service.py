"""Night service of a site (G6): every call from outside goes to one target."""

from __future__ import annotations

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.settings import MOBILE, in_the_log, registered, set_to
from tests.scenarios.stage import Stage

BERLIN = "+49305550000"
ON_CALL = "+491715550199"


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


@proves("G6")
def test_at_night_numbers_of_the_site_that_nobody_has_go_to_the_target_too(stage: Stage) -> None:
    no_emergency_call_is_remembered(stage)
    telephones = registered(stage)
    with stage.database.platform() as tx:
        free = tx.one("SELECT p.last_number AS number FROM directory.number_pools p JOIN directory.sites t"
                      " ON t.site_id = p.site_id WHERE t.company_id = :c AND t.name = 'Berlin' ORDER BY 1 DESC LIMIT 1",
                      c=stage.company_id()).number
    for number in (BERLIN, free):
        assert telephones.carrier.dial(number, from_number=MOBILE).wait_for(
            "ended", timeout_s=15).end_cause == "UNALLOCATED_NUMBER"
    with set_to(stage, "night_service", "site", target="24"), set_to(stage, "night_service", "site", by_hand=True):
        for number in (BERLIN, free):
            call = telephones.carrier.dial(number, from_number=MOBILE)
            ringing = telephones["david"].wait_for_ring()
            assert f"sip:{number}@" in ringing.diversion[0]
            ringing.answer()
            call.wait_for("answered").hangup()
            call.wait_for("ended")
    with set_to(stage, "night_service", "site", target=ON_CALL), \
            set_to(stage, "night_service", "site", by_hand=True):
        telephones.carrier.dial(free, from_number=MOBILE)
        assert telephones.carrier.wait_for_ring().shown_number == BERLIN


@proves("G6", "R14", "M1")
@pytest.mark.parametrize("dialled", ["+49305550022", "+49305550024"])
def test_whoever_takes_the_calls_of_the_night_hands_them_to_colleagues(stage: Stage, dialled: str) -> None:
    telephones = registered(stage)
    with set_to(stage, "night_service", "site", target="24"), set_to(stage, "night_service", "site", by_hand=True):
        customer = telephones.carrier.dial(dialled, from_number=MOBILE)
        at_night = telephones["david"].wait_for_ring()
        at_night.answer()
        customer.wait_for("answered")
        at_night.transfer("23")
        handed = telephones["clara"].wait_for_ring()
        handed.answer()
        handed.transfer("22")
        telephones["bernd"].wait_for_ring().answer()
        assert telephones["david"].stays_silent()
        customer.hangup()


@proves("G6", "V1")
def test_at_night_a_mailbox_takes_the_calls_and_no_telephone_rings(stage: Stage) -> None:
    no_emergency_call_is_remembered(stage)
    telephones = registered(stage)
    with set_to(stage, "night_service", "site", target="mailbox:24"), \
            set_to(stage, "night_service", "site", by_hand=True):
        for number in ("+49305550022", "+49305550024", BERLIN):
            call = telephones.carrier.dial(number, from_number=MOBILE)
            call.wait_for("answered").hangup()
            call.wait_for("ended")
        assert telephones["david"].stays_silent()
        assert telephones["bernd"].stays_silent()
        in_the_log(stage, "bernd", "night service")


def no_emergency_call_is_remembered(stage: Stage) -> None:
    """For an hour after one a call to the site's number is its call back (N5), whatever the hour of the day."""
    with stage.database.platform() as tx:
        remembered = tx.execute("DELETE FROM routing.emergency_calls")
    if remembered:
        instances.restart(stage.instance, "routing")
        instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)


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
