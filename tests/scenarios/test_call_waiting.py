"""A second call for somebody who is on one (R7, rung 12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from operations.story_report import proves
from tests.scenarios.settings import in_the_log, registered, set_to, wait_until_on_a_call
from tests.scenarios.stage import Stage


@contextmanager
def on_a_call(stage: Stage) -> Iterator[None]:
    """Bernd talks with David."""
    call = stage.telephones["david"].dial("22")
    stage.telephones["bernd"].wait_for_ring().answer()
    call.wait_for("answered")
    wait_until_on_a_call(stage, "bernd")
    yield
    call.hangup()
    wait_until_on_a_call(stage, "bernd", 0)


@proves("R7")
def test_with_call_waiting_the_second_call_rings_too(stage: Stage) -> None:
    telephones = registered(stage)
    with on_a_call(stage):
        call = telephones["anna"].dial("22").wait_for("ringing")
        telephones["bernd"].wait_for_ring().reject(486)
        call.hangup()


@proves("R7")
def test_without_call_waiting_the_second_caller_gets_busy_until_the_call_is_over(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "call_waiting", "bernd", enabled=False), \
            set_to(stage, "mailbox_conditions", "bernd", busy=False):
        with on_a_call(stage):
            call = telephones["anna"].dial("22").wait_for("ended")
            assert call.end_cause == "USER_BUSY"
            assert in_the_log(stage, "bernd", "busy")["kind"] == "missed"
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R7")
def test_one_more_call_than_the_limit_gets_busy(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "calls_at_once", "bernd", calls=1), on_a_call(stage), \
            set_to(stage, "mailbox_conditions", "bernd", busy=False):
        call = telephones["anna"].dial("22").wait_for("ended")
        assert call.end_cause == "USER_BUSY"
        assert telephones["bernd"].stays_silent()


@proves("R7", "F1")
def test_call_waiting_can_be_off_for_one_call(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "mailbox_conditions", "bernd", busy=False):
        call = telephones["bernd"].dial("*7024")
        telephones["david"].wait_for_ring().answer()
        call.wait_for("answered")
        wait_until_on_a_call(stage, "bernd")
        second = telephones["anna"].dial("22").wait_for("ended")
        assert second.end_cause == "USER_BUSY"
        call.hangup()
        wait_until_on_a_call(stage, "bernd", 0)
    with on_a_call(stage):
        telephones["anna"].dial("22").wait_for("ringing")
        telephones["bernd"].wait_for_ring().reject(486)
