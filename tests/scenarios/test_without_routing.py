"""Routing away: killed, stopped, hung. Colleagues still reach each other, emergency calls still go out (O5, X1)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.stage import Stage

KILLED_S = 2.0
HUNG_S = 7.0


@pytest.fixture
def without_routing(stage: Stage) -> Iterator[Stage]:
    """Who was registered before is known to the switch."""
    for name in ("anna", "bernd"):
        stage.telephones[name].register()
    anna, bernd = stage.telephones["anna"], stage.telephones["bernd"]
    call = anna.dial("22")
    bernd.wait_for_ring()
    call.hangup()
    stage.telephones.reset()
    instances.stop_process(stage.instance, "routing")
    try:
        yield stage
    finally:
        stage.telephones.reset()
        instances.start_process(stage.instance, "routing")
        instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=30)


@proves("O5")
def test_an_emergency_call_goes_out_at_once_with_the_sites_number(without_routing: Stage) -> None:
    began = time.monotonic()
    call = without_routing.telephones["anna"].dial("112")
    outside = without_routing.telephones.carrier.wait_for_ring()
    assert time.monotonic() - began < KILLED_S
    assert (outside.number, outside.shown_number) == ("112", "+49305550000")
    outside.answer()
    call.wait_for("answered")


@proves("X1")
def test_colleagues_still_reach_each_other(without_routing: Stage) -> None:
    call = without_routing.telephones["anna"].dial("22")
    ringing = without_routing.telephones["bernd"].wait_for_ring(timeout_s=KILLED_S)
    assert ringing.shown_number == "21"
    ringing.answer()
    call.wait_for("answered")


@proves("X1")
def test_callers_from_outside_still_reach_the_handset(without_routing: Stage) -> None:
    without_routing.telephones.carrier.dial("+49305550022", from_number="+491715550123")
    without_routing.telephones["bernd"].wait_for_ring(timeout_s=KILLED_S)


@proves("X1")
def test_nothing_else_goes_out_so_no_barring_is_got_round(without_routing: Stage) -> None:
    without_routing.telephones["anna"].dial("01715550123").wait_for("ended", timeout_s=15)
    assert without_routing.telephones.carrier.stays_silent()


@proves("X1")
def test_a_telephone_registers_again_without_routing(without_routing: Stage) -> None:
    without_routing.telephones["anna"].unregister()
    without_routing.telephones["anna"].register()


@proves("X1", "O5")
def test_a_hung_routing_is_ended_and_its_callers_go_on(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    anna.dial("22").wait_for("ringing").hangup()
    stage.telephones.reset()
    os.kill(instances.pid(stage.instance, "routing"), signal.SIGSTOP)
    began = time.monotonic()
    try:
        call = anna.dial("22")
        ringing = bernd.wait_for_ring(timeout_s=HUNG_S)
        assert time.monotonic() - began < HUNG_S
        ringing.answer()
        call.wait_for("answered")
    finally:
        instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=30)


@proves("X1")
def test_calls_that_are_up_outlive_routing(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    ringing = bernd.wait_for_ring()
    ringing.answer()
    call.wait_for("answered")
    os.kill(instances.pid(stage.instance, "routing"), signal.SIGKILL)
    instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=30)
    assert call.up
    assert ringing.up
    call.send_digits("5")
    ringing.wait_for_digits("5")
