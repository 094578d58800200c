"""Routing away: killed, stopped, hung. Colleagues still reach each other, emergency calls still go out (O5, X1)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.event_socket import event_socket
from tests.scenarios.stage import Stage

KILLED_S = 2.0
HUNG_S = 7.0


def look_at(stage: Stage, *entries: str) -> None:
    """Routing shows these to the switch after a registration; on a loaded machine that may still be on its way."""
    with event_socket(stage.env) as client:
        for entry in entries:
            client.api("user_data", entry, "var", "pbx_company")


@pytest.fixture(scope="class")
def routing_is_away(whole_stage: Stage) -> Iterator[None]:
    """Stopped once for all stories of a class; who was registered before is known to the switch."""
    telephones = whole_stage.telephones
    telephones.reset()
    for name in ("anna", "bernd"):
        telephones[name].register()
    telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring()
    telephones.reset()
    look_at(whole_stage, "22@musterbau.example", "+49305550022@numbers.invalid")
    instances.stop_process(whole_stage.instance, "routing")
    try:
        yield
    finally:
        telephones.reset()
        instances.start_process(whole_stage.instance, "routing")
        instances.wait_until_healthy(whole_stage.instance, ["routing"], timeout_s=60)


@pytest.mark.usefixtures("routing_is_away")
class TestRoutingAway:
    @proves("O5")
    def test_an_emergency_call_goes_out_at_once_with_the_sites_number(self, stage: Stage) -> None:
        began = time.monotonic()
        call = stage.telephones["anna"].dial("112")
        outside = stage.telephones.carrier.wait_for_ring()
        assert time.monotonic() - began < KILLED_S
        assert (outside.number, outside.shown_number) == ("112", "+49305550000")
        outside.answer()
        call.wait_for("answered")

    @proves("X1")
    def test_colleagues_still_reach_each_other(self, stage: Stage) -> None:
        call = stage.telephones["anna"].dial("22")
        ringing = stage.telephones["bernd"].wait_for_ring(timeout_s=KILLED_S)
        assert ringing.shown_number == "21"
        ringing.answer()
        call.wait_for("answered")

    @proves("X1")
    def test_callers_from_outside_still_reach_the_handset(self, stage: Stage) -> None:
        stage.telephones.carrier.dial("+49305550022", from_number="+491715550123")
        stage.telephones["bernd"].wait_for_ring(timeout_s=KILLED_S)

    @proves("X1")
    def test_nothing_else_goes_out_so_no_barring_is_got_round(self, stage: Stage) -> None:
        stage.telephones["anna"].dial("01715550123").wait_for("ended", timeout_s=15)
        assert stage.telephones.carrier.stays_silent()

    @proves("X1")
    def test_a_telephone_registers_again_without_routing(self, stage: Stage) -> None:
        stage.telephones["anna"].unregister()
        stage.telephones["anna"].register()


@proves("X1", "O5")
def test_a_hung_routing_is_ended_and_its_callers_go_on(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    anna.dial("22").wait_for("ringing").hangup()
    stage.telephones.reset()
    look_at(stage, "anna-desk@musterbau.example", "bernd-desk@musterbau.example", "22@musterbau.example")
    os.kill(instances.pid(stage.instance, "routing"), signal.SIGSTOP)
    began = time.monotonic()
    try:
        call = anna.dial("22")
        ringing = bernd.wait_for_ring(timeout_s=HUNG_S)
        assert time.monotonic() - began < HUNG_S
        ringing.answer()
        call.wait_for("answered")
    finally:
        instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)


@proves("X1")
def test_calls_that_are_up_outlive_routing(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    ringing = bernd.wait_for_ring()
    ringing.answer()
    call.wait_for("answered")
    os.kill(instances.pid(stage.instance, "routing"), signal.SIGKILL)
    instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)
    assert call.up
    assert ringing.up
    call.send_digits("5")
    ringing.wait_for_digits("5")
