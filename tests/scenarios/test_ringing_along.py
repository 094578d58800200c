"""A number that rings along is not lost with its trunk: it rings over the next one in the same call (R8, O4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operations.story_report import proves
from tests.scenarios.outside import MOBILE, dead_port, second_carrier_port, trunk
from tests.scenarios.settings import nobody_is_on_a_call, registered, set_to, wait_until_on_a_call
from tests.scenarios.stage import Sound, Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_call_log import emptied, newest
from tests.scenarios.test_simultaneous_ring import SECOND_MOBILE, numbers

SECOND_RINGS_WITHIN_S = 5


@contextmanager
def refused_by_the_first_trunk(stage: Stage, *also: str, confirm: bool = False) -> Iterator[tuple[Call, Call, Call]]:
    """Anna's call, at Bernd's desk and, as the first carrier could not take it, at his mobile over the second."""
    telephones = registered(stage, "anna", "bernd", "clara")
    with trunk(stage, port=second_carrier_port(stage), position=1), \
            set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE, *also, confirm=confirm)):
        call = telephones["anna"].dial("22")
        desk = telephones["bernd"].wait_for_ring()
        telephones["carrier-2"].wait_for_ring().reject(503)
        mobile = telephones.carrier.wait_for_ring(SECOND_RINGS_WITHIN_S)
        yield call, desk, mobile


def hear_each_other(stage: Stage, one: Call, other: Call) -> None:
    for speaker, hz in ((one, 440), (other, 660)):
        speaker.speak(f"tone:{hz}")
    for hz, path in ((660, one.record()), (440, other.record())):
        stage.wait_until(lambda hz=hz, path=path: Sound.so_far(path).seconds_of(hz) > 0.3, 10, f"a tone of {hz} Hz")


@proves("R8", "O4")
def test_the_mobile_rings_over_the_next_trunk_while_the_desk_rings_on(stage: Stage) -> None:
    with refused_by_the_first_trunk(stage) as (call, desk, mobile):
        assert (mobile.number, mobile.shown_number) == (MOBILE, "+49305550022")
        assert desk.up
        emptied(stage, "anna", "bernd")
        mobile.answer()
        desk.wait_for("ended")
        assert desk.sip_status == 487
        call.wait_for("answered")
        wait_until_on_a_call(stage, "bernd")
        hear_each_other(stage, call, mobile)
        mobile.hangup()
        call.wait_for("ended")
        assert newest(stage, "bernd", kind="received", number="21")["rung"] == "devices"
        assert newest(stage, "anna", kind="placed", number="22")["duration_s"] >= 0


@proves("R8", "O4")
def test_answered_at_the_desk_the_mobile_stops_ringing(stage: Stage) -> None:
    with refused_by_the_first_trunk(stage) as (call, desk, mobile):
        desk.answer()
        mobile.wait_for("ended")
        call.wait_for("answered")
        hear_each_other(stage, call, desk)
        call.hangup()
        desk.wait_for("ended")
        newest(stage, "bernd", kind="received", number="21")


@proves("R8", "O4")
def test_a_caller_who_gives_up_ends_it_at_the_mobile_too(stage: Stage) -> None:
    with refused_by_the_first_trunk(stage) as (call, desk, mobile):
        call.hangup()
        desk.wait_for("ended")
        mobile.wait_for("ended")
        newest(stage, "bernd", kind="missed", number="21")


@proves("R8", "O4", "R10")
def test_turned_down_at_the_desk_the_mobile_stops_ringing_and_the_call_goes_on(stage: Stage) -> None:
    with set_to(stage, "forwardings", "bernd", busy={"enabled": True, "target": "23"}), \
            refused_by_the_first_trunk(stage) as (call, desk, mobile):
        desk.reject(603)
        mobile.wait_for("ended")
        stage.telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R8", "O4")
def test_over_the_next_trunk_too_pressing_1_accepts_and_nothing_else_does(stage: Stage) -> None:
    with refused_by_the_first_trunk(stage, confirm=True) as (call, desk, mobile):
        mobile.answer()
        mobile.send_digits("2")
        assert desk.up
        assert "answered" not in call.states
        stage.wait_until(lambda: "answered" in call.states or not mobile.send_digits("1"), 10, "the call")
        desk.wait_for("ended")
        hear_each_other(stage, call, mobile)


@proves("R8", "O4")
def test_a_mobile_that_is_busy_is_not_called_over_the_next_trunk(stage: Stage) -> None:
    telephones = registered(stage, "anna", "bernd")
    with trunk(stage, port=second_carrier_port(stage), position=1), \
            set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE, SECOND_MOBILE)):
        call = telephones["anna"].dial("22")
        desk = telephones["bernd"].wait_for_ring()
        at_first = [telephones["carrier-2"].wait_for_ring() for _ in range(2)]
        busy, failed = sorted(at_first, key=lambda one: one.number != MOBILE)
        busy.reject(486)
        failed.reject(503)
        assert telephones.carrier.wait_for_ring(SECOND_RINGS_WITHIN_S).number == SECOND_MOBILE
        assert telephones.carrier.stays_silent()
        desk.answer()
        call.wait_for("answered").hangup()


@proves("R8", "O4")
@pytest.mark.parametrize("how", ["the carrier fails", "nobody listens", "it never registered"])
def test_with_no_desk_the_mobile_rings_over_the_next_trunk(stage: Stage, how: str) -> None:
    telephones = registered(stage, "anna")
    telephones["bernd"].unregister()
    port = second_carrier_port(stage) if how == "the carrier fails" else dead_port(stage)
    login = {"register": True, "username": "benutzer", "password": "geheim"} if how == "it never registered" else {}
    with trunk(stage, port=port, position=1, **login), set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
        call = telephones["anna"].dial("22")
        if how == "the carrier fails":
            telephones["carrier-2"].wait_for_ring().reject(503)
        mobile = telephones.carrier.wait_for_ring(SECOND_RINGS_WITHIN_S).answer()
        call.wait_for("answered").hangup()
        mobile.wait_for("ended")
        stage.wait_until(lambda: nobody_is_on_a_call(stage), 10, "everybody off the telephone")


@proves("R8", "O4")
def test_a_desk_that_is_busy_leaves_the_mobile_its_next_trunk(stage: Stage) -> None:
    telephones = registered(stage, "anna", "bernd")
    with trunk(stage, port=second_carrier_port(stage), position=1), \
            set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().reject(486)
        telephones["carrier-2"].wait_for_ring().reject(503)
        telephones.carrier.wait_for_ring(SECOND_RINGS_WITHIN_S).answer()
        call.wait_for("answered").hangup()


@proves("R8", "O4")
def test_a_trunk_that_never_registered_is_not_the_one_a_number_rings_along_over(stage: Stage) -> None:
    telephones = registered(stage, "anna", "bernd")
    with trunk(stage, port=dead_port(stage), position=1, register=True, username="benutzer", password="geheim"), \
            set_to(stage, "simultaneous_ring", "bernd", **numbers(MOBILE)):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring()
        telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered").hangup()
