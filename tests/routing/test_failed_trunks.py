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


def test_an_emergency_call_passes_over_those_alone_that_did_not_answer() -> None:
    failed = FailedTrunks(Clock())
    failed.note({"amsel-1": "NORMAL_TEMPORARY_FAILURE", "amsel-2": "RECOVERY_ON_TIMER_EXPIRE"})
    assert failed.last(ORDER) == ("amsel-3", "amsel-1", "amsel-2")
    assert failed.last(ORDER, only_silent=True) == ("amsel-1", "amsel-3", "amsel-2")


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


def test_a_handset_is_no_trunk_and_nobody_is_guessed() -> None:
    assert trunks_that_failed(Report("NORMAL_TEMPORARY_FAILURE", ("NORMAL_TEMPORARY_FAILURE",)), (DESK,)) == {}
    assert trunks_that_failed(Report("NORMAL_TEMPORARY_FAILURE", ("NORMAL_TEMPORARY_FAILURE",)), (DESK, MOBILE)) == {}
