"""What the switch reports -> busy, no answer, not reachable."""

import pytest

from services.routing.outcomes import Report, next_step, outcome_of, read_report
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
