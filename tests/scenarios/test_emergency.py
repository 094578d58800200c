"""Emergency calls: always out, with the site's number, and called back where they came from."""

from __future__ import annotations

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.event_socket import event_socket
from tests.scenarios.outside import (
    MOBILE,
    company_setting,
    dead_port,
    second_carrier_port,
    setting,
    trunk,
)
from tests.scenarios.stage import Stage

BERLIN = "+49305550000"
MUENCHEN = "+49895550000"
EVERYTHING_DENIED = {"name": "Story", "incoming": [], "outgoing": [{"prefix": "+", "allowed": False}], "forwarded": []}


@pytest.fixture(autouse=True, scope="module")
def nobody_called_yet(whole_stage: Stage) -> None:
    """Neither by what is written nor by what routing remembers."""
    with whole_stage.database.platform() as tx:
        tx.execute("DELETE FROM routing.emergency_calls")
    instances.restart(whole_stage.instance, "routing")
    instances.wait_until_healthy(whole_stage.instance, ["routing"], timeout_s=60)


@proves("N5")
def test_nobody_is_called_back_at_the_other_site(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    anna.dial("112").wait_for("ringing").hangup()
    stage.telephones.carrier.dial(MUENCHEN, from_number=MOBILE).wait_for("ended", timeout_s=15)
    assert anna.stays_silent()


@proves("N5")
def test_an_hour_later_the_sites_number_is_as_it_was(stage: Stage) -> None:
    greta = stage.telephones["greta"].register()
    with stage.database.platform() as tx:
        tx.execute("INSERT INTO routing.emergency_calls (company_id, site_id, subscriber_id, called_at)"
                   " VALUES (:company, :site, :who, now() - interval '61 min')", company=stage.company_id(),
                   site=stage.site_id("greta"), who=stage.subscriber_id("greta"))
    stage.telephones.carrier.dial(MUENCHEN, from_number=MOBILE).wait_for("ended", timeout_s=15)
    assert greta.stays_silent()


@proves("N3", "O5", "N5")
@pytest.mark.parametrize(("who", "site_number"), [("anna", BERLIN), ("greta", MUENCHEN)])
@pytest.mark.parametrize("number", ["112", "110"])
def test_it_goes_out_with_the_number_of_the_site(stage: Stage, who: str, site_number: str, number: str) -> None:
    call = stage.telephones[who].register().dial(number)
    outside = stage.telephones.carrier.wait_for_ring()
    assert (outside.number, outside.shown_number) == (number, site_number)
    assert f"sip:{site_number}@" in outside.headers["From"]
    outside.answer()
    call.wait_for("answered").hangup()


@proves("N3", "O5", "O3", "O2")
def test_nothing_that_is_set_keeps_it_in(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    with (
        company_setting(stage, "barring_profiles", profiles=[EVERYTHING_DENIED]),
        setting(stage, "anna", "barring", profile="Story"),
        setting(stage, "anna", "intercept", incoming=True, outgoing=True, action="announce", target=None),
        setting(stage, "anna", "shown_number", suppressed=True),
        company_setting(stage, "number_classes", allowed=[]),
        company_setting(stage, "call_limits", daily_budget_cents=0, per_subscriber_per_minute=1),
        company_setting(stage, "enterprise_rules", outgoing=[
            {"name": "nothing", "external": True, "internal": True, "action": "reject"}]),
    ):
        anna.dial("01715550123").wait_for("early").hangup()
        for number in ("112", "110", "112"):
            call = anna.dial(number)
            outside = stage.telephones.carrier.wait_for_ring()
            assert (outside.number, outside.shown_number) == (number, BERLIN)
            assert "Privacy" not in outside.headers
            call.hangup()


@proves("O4", "O5")
@pytest.mark.parametrize("how", ["nobody listens", "the carrier fails"])
def test_with_the_first_trunk_dead_it_goes_over_the_next(stage: Stage, how: str) -> None:
    port = dead_port(stage) if how == "nobody listens" else second_carrier_port(stage)
    with trunk(stage, port=port, position=1):
        call = stage.telephones["anna"].register().dial("112")
        if how == "the carrier fails":
            stage.telephones["carrier-2"].wait_for_ring().reject(503)
        outside = stage.telephones.carrier.wait_for_ring(timeout_s=10)
        assert (outside.number, outside.shown_number) == ("112", BERLIN)
        call.hangup()


@proves("N3", "O5", "O4")
@pytest.mark.parametrize("status", [403, 404, 480, 486, 603])
def test_whatever_the_first_carrier_says_it_goes_over_the_next(stage: Stage, status: int) -> None:
    """A blocked account, 112 not led there: to a carrier that does not reach the centre the number is busy, or none."""
    with trunk(stage, port=second_carrier_port(stage), position=1):
        call = stage.telephones["anna"].register().dial("112")
        stage.telephones["carrier-2"].wait_for_ring().reject(status)
        outside = stage.telephones.carrier.wait_for_ring(timeout_s=10)
        assert (outside.number, outside.shown_number) == ("112", BERLIN)
        outside.answer()
        call.wait_for("answered").hangup()


@proves("N3", "O5", "O4")
def test_a_carriers_announcement_is_not_the_end_of_it(stage: Stage) -> None:
    """"The number you have dialled", and then a refusal."""
    with trunk(stage, port=second_carrier_port(stage), position=1):
        call = stage.telephones["anna"].register().dial("112")
        refusing = stage.telephones["carrier-2"].wait_for_ring().announce()
        call.wait_for("early")
        refusing.reject(404)
        stage.telephones.carrier.wait_for_ring(timeout_s=10).answer()
        call.wait_for("answered").hangup()


@proves("N5", "R6")
def test_a_call_back_to_the_site_rings_who_called_last_whatever_he_switched_on(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    for handset in (bernd, anna):
        handset.dial("112").wait_for("ringing").hangup()
    with setting(stage, "anna", "do_not_disturb", enabled=True):
        back = stage.telephones.carrier.dial(BERLIN, from_number=MOBILE)
        ringing = anna.wait_for_ring()
        assert ringing.shown_number == MOBILE
        assert bernd.stays_silent()
        ringing.answer()
        back.wait_for("answered").hangup()


@proves("O5", "O4")
def test_with_routing_and_the_first_trunk_dead_it_still_goes_over_the_next(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    with trunk(stage, port=dead_port(stage), position=1) as made:
        stage.wait_until(lambda: known_gateway(stage, "anna-desk") == made["gateway"], 20, "the entry that names it")
        instances.stop_process(stage.instance, "routing")
        try:
            call = anna.dial("112")
            outside = stage.telephones.carrier.wait_for_ring(timeout_s=10)
            assert (outside.number, outside.shown_number) == ("112", BERLIN)
            call.hangup()
        finally:
            instances.start_process(stage.instance, "routing")
            instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)


@proves("O5", "O4")
def test_a_switch_that_starts_without_routing_knows_its_gateways(stage: Stage) -> None:
    """And from routing, once that is there, who may register and call."""
    instances.stop_process(stage.instance, "routing")
    try:
        instances.restart(stage.instance, "switch")
        stage.wait_until(lambda: "musterbau-1" in gateways(stage), 20, "the gateway")
    finally:
        instances.start_process(stage.instance, "routing")
        instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)
    for name in ("anna", "bernd"):
        stage.telephones[name].registered = False
    anna = stage.telephones["anna"].register()
    call = anna.dial("112")
    assert stage.telephones.carrier.wait_for_ring(timeout_s=10).shown_number == BERLIN
    call.hangup()


def gateways(stage: Stage) -> str:
    return ask(stage, "sofia", "xmlstatus", "gateway")


def known_gateway(stage: Stage, device: str) -> str:
    """Which one the switch itself would call an emergency centre over."""
    return ask(stage, "user_data", f"{device}@musterbau.example", "var", "pbx_gateway").strip()


def ask(stage: Stage, *words: str) -> str:
    with event_socket(stage.env) as client:
        return client.api(*words) if client.connected else ""
