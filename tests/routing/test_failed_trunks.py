"""Which trunks are tried last, for how long, and what counts as a trunk's failure (O4)."""

from __future__ import annotations

import pytest

from services.routing.failed_trunks import LAST_FOR_S, FailedTrunks
from services.routing.outcomes import Report, trunks_that_failed
from services.routing.plan import DeviceLeg, TrunkLeg

ORDER = ("amsel-1", "amsel-2", "amsel-3")
DESK = DeviceLeg("bernd-desk", 22, "22")
MOBILE = TrunkLeg("amsel-1", "+491715550123", "+49305550022", 22)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_that_failed_is_tried_last_for_a_minute() -> None:
    clock = Clock()
    failed = FailedTrunks(clock)
    assert failed.last(ORDER) is ORDER
    failed.note({"amsel-1": "GATEWAY_DOWN"})
    assert failed.last(ORDER) == ("amsel-2", "amsel-3", "amsel-1")
    assert failed.last(("amsel-2", "amsel-1")) == ("amsel-2", "amsel-1")
    clock.now += LAST_FOR_S - 1
    failed.note({"amsel-2": "NETWORK_OUT_OF_ORDER"})
    assert failed.last(ORDER) == ("amsel-3", "amsel-1", "amsel-2")
    clock.now += 2
    assert failed.last(ORDER) == ("amsel-1", "amsel-3", "amsel-2")
    clock.now += LAST_FOR_S
    assert failed.last(ORDER) is ORDER


def test_when_all_fail_their_order_stays() -> None:
    failed = FailedTrunks(Clock())
    failed.note(dict.fromkeys(reversed(ORDER), "GATEWAY_DOWN"))
    assert failed.last(ORDER) is ORDER
    assert failed.last(()) == ()


def test_of_several_that_failed_the_one_comes_first_whose_failure_is_longest_ago() -> None:
    """Its carrier has had the most time to come back: one that failed a moment ago is not asked first again."""
    clock, down = Clock(), {"amsel-2"}
    failed = FailedTrunks(clock, down.__contains__)
    failed.note({"amsel-3": "GATEWAY_DOWN"})
    clock.now += 1
    failed.note({"amsel-1": "GATEWAY_DOWN"})
    assert failed.last(ORDER) == ("amsel-3", "amsel-1", "amsel-2")


def test_an_emergency_call_passes_over_those_alone_that_did_not_answer() -> None:
    failed = FailedTrunks(Clock())
    failed.note({"amsel-1": "NORMAL_TEMPORARY_FAILURE", "amsel-2": "RECOVERY_ON_TIMER_EXPIRE"})
    assert failed.last(ORDER) == ("amsel-3", "amsel-1", "amsel-2")
    assert failed.last(ORDER, only_silent=True) == ("amsel-1", "amsel-3", "amsel-2")


def test_one_that_the_switch_knows_to_be_down_is_tried_last_as_long_as_that_lasts() -> None:
    down = {"amsel-1"}
    failed = FailedTrunks(Clock(), down.__contains__)
    assert failed.last(ORDER) == failed.last(ORDER, only_silent=True) == ("amsel-2", "amsel-3", "amsel-1")
    down.clear()
    assert failed.last(ORDER) is ORDER


@pytest.mark.parametrize("cause", ["RECOVERY_ON_TIMER_EXPIRE", "NORMAL_TEMPORARY_FAILURE", "NETWORK_OUT_OF_ORDER",
                                   "GATEWAY_DOWN", "INVALID_GATEWAY"])
def test_a_carrier_that_does_not_take_the_call_has_failed(cause: str) -> None:
    assert trunks_that_failed(Report(cause, (cause,)), (MOBILE,)) == {"amsel-1": cause}
    assert trunks_that_failed(Report(cause), (MOBILE,)) == {"amsel-1": cause}
    assert trunks_that_failed(Report("NO_ANSWER", ("NO_ANSWER", cause)), (DESK, MOBILE)) == {"amsel-1": cause}


@pytest.mark.parametrize("cause", ["USER_BUSY", "CALL_REJECTED", "NO_ANSWER", "NO_USER_RESPONSE", "UNALLOCATED_NUMBER",
                                   "ORIGINATOR_CANCEL", "NORMAL_CLEARING", "SUCCESS", "NONE",
                                   "INCOMPATIBLE_DESTINATION", "EXCHANGE_ROUTING_ERROR", "NO_ROUTE_DESTINATION",
                                   "DESTINATION_OUT_OF_ORDER", "MANAGER_REQUEST"])
def test_what_is_said_of_the_number_or_the_person_is_no_failure_of_the_trunk(cause: str) -> None:
    assert trunks_that_failed(Report(cause, (cause,)), (MOBILE,)) == {}
    assert trunks_that_failed(Report(cause), (MOBILE,)) == {}


FAILS = "NORMAL_TEMPORARY_FAILURE"


@pytest.mark.parametrize(("legs", "causes", "failed"), [
    ((DESK,), (FAILS,), False),
    # One leg was not made, and nobody knows whose the cause is: either way the mobile's trunk did not take the call.
    ((DESK, MOBILE), (FAILS,), True),
    ((DESK, DESK, MOBILE), (FAILS,), True),
    ((DESK, DESK, MOBILE), ("USER_BUSY", FAILS), True),
    # Here the cause may be the mobile's own.
    ((DESK, MOBILE), ("USER_BUSY",), False),
    ((DESK, MOBILE), ("UNALLOCATED_NUMBER",), False),
    ((DESK, DESK, MOBILE), (FAILS, "NO_ANSWER"), False),
    # More causes than legs are not of this ring.
    ((MOBILE,), (FAILS, FAILS), False),
])
def test_a_trunk_failed_when_whatever_its_leg_can_have_been_is_a_failure(legs, causes, failed) -> None:  # type: ignore[no-untyped-def]
    assert trunks_that_failed(Report(causes[0], causes), legs) == ({"amsel-1": FAILS} if failed else {})


def test_when_no_leg_was_made_the_last_refusal_is_the_trunks() -> None:
    assert trunks_that_failed(Report("GATEWAY_DOWN"), (DESK, MOBILE)) == {"amsel-1": "GATEWAY_DOWN"}
    assert trunks_that_failed(Report("USER_NOT_REGISTERED"), (DESK, MOBILE)) == {}
