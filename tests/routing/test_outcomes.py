"""What the switch reports -> busy, no answer, not reachable."""

from dataclasses import replace

import pytest

from services.routing.outcomes import (
    TRUNK_REFUSED,
    Report,
    is_over,
    next_step,
    outcome_of,
    read_report,
    trunks_that_failed,
)
from services.routing.plan import Announce, DeviceLeg, Outcome, Reject, Ring, TrunkLeg

OWN = DeviceLeg("anna-desk", 21, "21")
PLACE = DeviceLeg("anna-home", 21, "21", silenced_alone=True)
MOBILE = TrunkLeg("musterbau-1", "+491715550199", "+493055500021", 21)
ONE = "5f0f9b7e-0001-4000-8000-000000000001"
TWO = "5f0f9b7e-0002-4000-8000-000000000002"

REPORTS = [
    # disposition              causes of the legs made                     outcome
    ("USER_BUSY",              ["USER_BUSY"],                              "busy"),
    ("CALL_REJECTED",          ["CALL_REJECTED"],                          "busy"),
    ("USER_BUSY",              ["USER_BUSY", "USER_BUSY"],                 "busy"),
    ("USER_BUSY",              ["USER_BUSY", "CALL_REJECTED"],             "busy"),
    ("CALL_REJECTED",          ["CALL_REJECTED", "ORIGINATOR_CANCEL"],     "busy"),
    ("CALL_REJECTED",          ["CALL_REJECTED", "NO_ANSWER"],             "busy"),
    ("NO_ANSWER",              ["NO_ANSWER"],                              "no_answer"),
    ("ALLOTTED_TIMEOUT",       ["NO_ANSWER", "USER_BUSY"],                 "no_answer"),
    ("ALLOTTED_TIMEOUT",       ["ALLOTTED_TIMEOUT", "ALLOTTED_TIMEOUT"],   "no_answer"),
    ("NO_USER_RESPONSE",       ["NO_USER_RESPONSE"],                       "no_answer"),
    ("USER_NOT_REGISTERED",    [],                                         "not_reachable"),
    ("SUBSCRIBER_ABSENT",      [],                                         "not_reachable"),
    ("NORMAL_TEMPORARY_FAILURE", ["NORMAL_TEMPORARY_FAILURE"],             "not_reachable"),
    ("RECOVERY_ON_TIMER_EXPIRE", ["RECOVERY_ON_TIMER_EXPIRE"],             "not_reachable"),
    # A redirect, which is not followed.
    ("REQUESTED_CHAN_UNAVAIL", ["REQUESTED_CHAN_UNAVAIL"],                 "not_reachable"),
    ("REDIRECTION_TO_NEW_DESTINATION", ["REDIRECTION_TO_NEW_DESTINATION"], "not_reachable"),
    ("USER_BUSY",              ["USER_BUSY", "NORMAL_TEMPORARY_FAILURE"],  "busy"),
    ("NORMAL_TEMPORARY_FAILURE", ["USER_BUSY", "NORMAL_TEMPORARY_FAILURE"], "busy"),
    ("NORMAL_TEMPORARY_FAILURE", ["NO_ANSWER", "NORMAL_TEMPORARY_FAILURE"], "no_answer"),
    (None,                     [],                                         "not_reachable"),
]


@pytest.mark.parametrize(("disposition", "causes", "expected"), REPORTS)
def test_the_outcome_is_decided_leg_by_leg(disposition, causes, expected):
    assert outcome_of(Report(disposition or "NONE", tuple(causes))) is Outcome(expected)


@pytest.mark.parametrize(("legs", "causes", "expected"), [
    ((OWN, PLACE),  ["CALL_REJECTED", "NO_ANSWER"],                        "busy"),
    ((OWN, PLACE),  ["NO_ANSWER", "CALL_REJECTED"],                        "no_answer"),
    ((PLACE, OWN),  ["CALL_REJECTED", "ALLOTTED_TIMEOUT"],                 "no_answer"),
    ((PLACE,),      ["CALL_REJECTED"],                                     "busy"),
    ((PLACE, PLACE), ["CALL_REJECTED", "ALLOTTED_TIMEOUT"],                "no_answer"),
    ((PLACE, PLACE), ["CALL_REJECTED", "CALL_REJECTED"],                   "busy"),
    ((OWN, MOBILE), ["ALLOTTED_TIMEOUT", "CALL_REJECTED"],                 "no_answer"),
    ((OWN, MOBILE), ["CALL_REJECTED", "NO_ANSWER"],                        "busy"),
    # One telephone was not registered: whose the rejection is nobody knows, so it counts as his own.
    ((OWN, OWN, PLACE), ["CALL_REJECTED", "NO_ANSWER"],                    "busy"),
    ((PLACE, PLACE, PLACE), ["CALL_REJECTED", "NO_ANSWER"],                "no_answer"),
])
def test_a_rejection_ends_all_ringing_only_at_ones_own_telephone(legs, causes, expected):
    assert outcome_of(Report("NO_ANSWER" if "NO_ANSWER" in causes else causes[0], tuple(causes)), legs) \
        is Outcome(expected)


@pytest.mark.parametrize(("variable", "causes"), [
    (None, ()),
    (f"{ONE};USER_BUSY", ("USER_BUSY",)),
    (f"ARRAY::{ONE};USER_BUSY|:{TWO};NO_ANSWER", ("USER_BUSY", "NO_ANSWER")),
])
def test_the_causes_are_read_as_the_switch_writes_them(variable, causes):
    assert read_report("X", variable).leg_causes == causes


END = Announce("not-reachable", "de", "NETWORK_OUT_OF_ORDER", "x")


def over(trunk, then):
    return Ring((TrunkLeg(trunk, "+491715550100", "+4930", 1),), 120, Reject("USER_BUSY", "b"),
                Reject("NO_ANSWER", "n"), then, "outside")


def test_a_failed_trunk_is_followed_by_the_next():
    second = over("two", END)
    assert next_step(over("one", second), Report("NORMAL_TEMPORARY_FAILURE", ("NORMAL_TEMPORARY_FAILURE",))) is second


def test_a_number_that_does_not_exist_is_not_tried_over_the_next_trunk():
    assert next_step(over("one", over("two", END)), Report("UNALLOCATED_NUMBER", ("UNALLOCATED_NUMBER",))) is END


def emergency(trunk, then):
    return replace(over(trunk, then), reason="emergency")


REFUSALS = [("401", "MANDATORY_IE_MISSING"), ("402", "CALL_REJECTED"), ("403", "CALL_REJECTED"),
            ("407", "MANDATORY_IE_MISSING")]


@pytest.mark.parametrize(("status", "cause"), REFUSALS)
def test_a_carrier_that_does_not_let_us_call_is_followed_by_the_next_and_noted(status, cause):
    second = over("two", END)
    first = over("one", second)
    told = read_report(cause, f"{ONE};{cause}", status, first.legs)
    assert outcome_of(told, first.legs) is Outcome.NOT_REACHABLE
    assert next_step(first, told) is second
    assert trunks_that_failed(told, first.legs) == {"one": TRUNK_REFUSED}


@pytest.mark.parametrize(("legs", "status"), [
    ((MOBILE,), "603"), ((MOBILE,), None), ((OWN,), "403"), ((OWN, MOBILE), "403"), ((), "403")])
def test_who_is_called_may_reject_too_and_of_several_legs_nobody_knows_who_did(legs, status):
    told = read_report("CALL_REJECTED", f"{ONE};CALL_REJECTED", status, legs)
    assert outcome_of(told, legs) is Outcome.BUSY
    assert trunks_that_failed(told, legs) == {}


def test_what_a_refusal_says_of_the_number_holds():
    first = over("one", over("two", END))
    assert next_step(first, read_report("UNALLOCATED_NUMBER", f"{ONE};UNALLOCATED_NUMBER", "403", first.legs)) is END


@pytest.mark.parametrize(("cause", "status"), [
    ("USER_BUSY", "486"), ("CALL_REJECTED", "603"), ("CALL_REJECTED", "403"), ("UNALLOCATED_NUMBER", "404"),
    ("INVALID_NUMBER_FORMAT", "484"), ("NO_USER_RESPONSE", "480"), ("NO_ANSWER", "480"), ("ALLOTTED_TIMEOUT", "480"),
    ("NORMAL_TEMPORARY_FAILURE", "503"), ("RECOVERY_ON_TIMER_EXPIRE", None), ("INVALID_GATEWAY", None),
])
def test_an_emergency_call_takes_no_carriers_word_for_the_last(cause, status):
    second = emergency("two", END)
    first = emergency("one", second)
    causes = f"{ONE};{cause}" if status else None
    assert next_step(first, read_report(cause, causes, status, first.legs)) is second


def test_an_emergency_call_that_rang_until_time_was_up_or_found_every_trunk_busy_ends():
    second = emergency("two", END)
    rang = read_report("NO_ANSWER", f"{ONE};NO_ANSWER", None, second.legs)
    assert next_step(emergency("one", second), rang) == Reject("NO_ANSWER", "n")
    busy = read_report("USER_BUSY", f"{ONE};USER_BUSY", "486", second.legs)
    assert next_step(second, busy) == Reject("USER_BUSY", "b")
    assert next_step(second, read_report("CALL_REJECTED", f"{ONE};CALL_REJECTED", "403", second.legs)) is END


@pytest.mark.parametrize(("disposition", "status", "answered", "over"), [
    ("SUCCESS", "404", False, False),    # an announcement, and the refusal behind it
    ("SUCCESS", None, False, True), ("SUCCESS", "404", True, True), ("SUCCESS", "487", False, True),
    ("ORIGINATOR_CANCEL", "404", False, True), ("USER_BUSY", "486", False, False),
])
def test_a_carriers_announcement_ends_no_emergency_call(disposition, status, answered, over):
    second = emergency("two", END)
    first = emergency("one", second)
    told = read_report(disposition, f"{ONE};NONE", status, first.legs)
    assert is_over(told, first, answered=answered) is over
    if not over and disposition == "SUCCESS":
        assert next_step(first, told) is second
    assert is_over(told, replace(first, reason="outside"), answered=answered) is (over or disposition == "SUCCESS")


SECOND = TrunkLeg("musterbau-1", "+491715550198", "+493055500021", 21)
BUSY, UNANSWERED = Reject("USER_BUSY", "busy"), Reject("NO_ANSWER", "no_answer")
FAILED = "NORMAL_TEMPORARY_FAILURE"


def along(*legs, trunks=("musterbau-2", "musterbau-3")):
    """Rings together, as the ladder plans it: the numbers outside have further trunks."""
    further = END
    for trunk in reversed(trunks):
        outside = tuple(leg.over(trunk) for leg in legs if isinstance(leg, TrunkLeg))
        further = Ring(outside, 21, BUSY, UNANSWERED, further, "devices")
    return Ring(legs, 21, BUSY, UNANSWERED, further, "devices")


def ways(step):
    """Trunk and number of each leg, ring by ring, and what is behind the last."""
    found = []
    while isinstance(step, Ring):
        found.append(" ".join(f"{leg.trunk}:{leg.number}" for leg in step.legs))
        step = step.not_reachable
    return found, step


ONE_BY_ONE = [f"{trunk}:{MOBILE.number}" for trunk in ("musterbau-2", "musterbau-3")]


@pytest.mark.parametrize(("causes", "expected"), [
    ([FAILED, FAILED],                      (ONE_BY_ONE, END)),
    ([FAILED],                              (ONE_BY_ONE, END)),    # nobody registered at the desk, or gateway down
    (["USER_BUSY", FAILED],                 (ONE_BY_ONE, BUSY)),   # the desk's busy counts when nothing else is reached
    (["NO_ANSWER", FAILED],                 ([], UNANSWERED)),     # rang out
    (["CALL_REJECTED", FAILED],             ([], BUSY)),           # R10
    ([FAILED, "USER_BUSY"],                 ([], BUSY)),
    (["USER_NOT_REGISTERED", "UNALLOCATED_NUMBER"], ([], END)),
])
def test_a_number_that_rang_along_over_a_trunk_that_failed_is_tried_over_the_next(causes, expected):
    assert ways(next_step(along(OWN, MOBILE), Report(causes[-1], tuple(causes)))) == expected


def test_only_numbers_whose_trunk_failed_are_tried_again_and_each_trunk_once():
    step = next_step(along(OWN, MOBILE, SECOND), Report(FAILED, ("USER_NOT_REGISTERED", "UNALLOCATED_NUMBER", FAILED)))
    assert ways(step) == ([f"{trunk}:{SECOND.number}" for trunk in ("musterbau-2", "musterbau-3")], END)
    step = next_step(step, Report(FAILED, (FAILED,)))
    assert ways(step) == ([f"musterbau-3:{SECOND.number}"], END)
    assert next_step(step, Report(FAILED, (FAILED,))) is END


def test_two_numbers_go_over_the_next_trunk_together():
    step = next_step(along(MOBILE, SECOND), Report(FAILED, (FAILED, FAILED)))
    assert len(step.legs) == 2
    assert ways(next_step(step, Report(FAILED, ("USER_BUSY", FAILED)))) == ([f"musterbau-3:{SECOND.number}"], BUSY)


def test_a_forward_to_the_same_number_is_no_further_trunk():
    forwarded = Ring((MOBILE, SECOND), 21, BUSY, UNANSWERED, END, "forward_not_reachable")
    ring = Ring((OWN, MOBILE), 21, BUSY, UNANSWERED, forwarded, "devices")
    assert ring.over_further_trunks() == ()


def test_a_number_that_a_limit_took_out_is_not_tried_over_the_next_trunk():
    ring = along(OWN, MOBILE, SECOND)
    step = next_step(replace(ring, legs=(OWN, SECOND)), Report(FAILED, (FAILED,)))
    assert ways(step) == ([f"{trunk}:{SECOND.number}" for trunk in ("musterbau-2", "musterbau-3")], END)
    assert next_step(replace(ring, legs=(OWN,)), Report("USER_NOT_REGISTERED")) is END
