"""Services that meet one another where it rings, from the executive filter down, each meeting as a sentence.
Where nothing else is said, Anna or a customer calls Bernd.

What each rung does alone, and the order of them all, stands in test_ladder.py; what holds for all combinations in
test_every_combination.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.routing.facts import (
    Assistant,
    Caller,
    CallerRule,
    EmergencyCall,
    ExecutiveFilter,
    HandedOutBy,
    Intercept,
    InterceptAction,
    Mailbox,
    SimultaneousNumber,
)
from services.routing.ladder import decide
from services.routing.plan import Announce, DeviceLeg, Onward, Ring, Splash, splashes
from shared.barring import Range
from tests.routing.build import ANNA, BERLIN, COMPANY, NOON, OUTSIDE, WITHHELD, forward, incoming, person
from tests.routing.plans import (
    EVERYONE,
    MOBILE,
    PREMIUM,
    after,
    in_words,
    rings_at,
    rule,
    rung_of,
    said_of,
    selective,
    step_of,
)

SECOND_MOBILE = "+491715550188"
BUSY = {"calls_up": 1, "call_waiting": False}
CLARA_ASSISTS = (Assistant(23, "23", ("clara-desk",)),)
EXECUTIVE = ExecutiveFilter(assistants=CLARA_ASSISTS)
ALONG = (SimultaneousNumber(SECOND_MOBILE),)


# ----- executive and assistants (E1)


def test_an_executives_calls_ring_at_his_assistants():
    ring = step_of(person(22, executive_filter=EXECUTIVE), person(23))
    assert (rings_at(ring), ring.reason) == (["clara-desk"], "executive_filter")
    assert all(leg.silenced_alone for leg in ring.legs)


def test_a_filtered_call_nobody_takes_gets_the_executives_no_answer_however_it_ended():
    bernd = person(22, executive_filter=EXECUTIVE, forward_no_answer=forward("24", 3), forward_busy=forward("25"))
    ring = step_of(bernd, person(23), person(24), person(25))
    assert ring.ring_timeout_s == 16
    assert {in_words(one) for one in (ring.busy, ring.no_answer, ring.not_reachable)} == {"ring david-desk"}


def test_assistants_forwards_and_mailboxes_take_no_filtered_call():
    clara = person(23, forward_always=forward("24"), mailbox=Mailbox(True, True, True))
    ring = step_of(person(22, executive_filter=EXECUTIVE), clara, person(24))
    assert rings_at(ring) == ["clara-desk"]
    assert in_words(ring.no_answer) == "NO_ANSWER"


def test_an_assistant_with_do_not_disturb_is_left_out():
    two = (*CLARA_ASSISTS, Assistant(24, "24", ("david-desk",), do_not_disturb=True))
    assert rings_at(step_of(person(22, executive_filter=ExecutiveFilter(assistants=two)), person(23))) == ["clara-desk"]


def test_with_no_assistant_left_the_executives_no_answer_follows_at_once():
    quiet = (Assistant(23, "23", ("clara-desk",), do_not_disturb=True),)
    bernd = person(22, executive_filter=ExecutiveFilter(assistants=quiet), mailbox=Mailbox(no_answer=True))
    assert in_words(step_of(bernd, person(23))) == "mailbox 22"


def test_an_assistant_reaches_her_executive():
    clara = Caller(23, "23", name="Clara Clemens")
    assert rings_at(step_of(person(22, executive_filter=EXECUTIVE), caller=clara)) == ["bernd-desk"]


def test_an_executive_with_screening_hears_his_filtered_calls_unless_he_wants_none():
    screening = replace(EXECUTIVE, also_rings_the_executive=True)
    assert rings_at(step_of(person(22, executive_filter=screening))) == ["clara-desk", "bernd-desk"]
    for quiet in ({"do_not_disturb": True}, BUSY):
        assert rings_at(step_of(person(22, executive_filter=screening, **quiet))) == ["clara-desk"]


def test_an_executive_who_rejects_a_call_he_hears_ring_sends_it_to_his_busy_forward():
    screening = replace(EXECUTIVE, also_rings_the_executive=True)
    bernd = person(22, executive_filter=screening, forward_busy=forward("24"))
    assert rings_at(after(step_of(bernd, person(24)), "busy")) == ["david-desk"]


def test_a_filter_for_outside_callers_leaves_colleagues_to_the_executive():
    outside_only = replace(EXECUTIVE, internal=False)
    assert rung_of(person(22, executive_filter=outside_only), caller=ANNA) == "devices"
    assert rung_of(person(22, executive_filter=outside_only), caller=OUTSIDE) == "executive filter"


def test_a_filter_by_rules_diverts_whom_they_name_and_leaves_the_exceptions_to_the_executive():
    family = CallerRule("family", numbers=frozenset({MOBILE}), is_exception=True)
    by_rules = replace(EXECUTIVE, internal=False, external=False, rules=(rule(), family))
    assert rung_of(person(22, executive_filter=by_rules), caller=OUTSIDE) == "executive filter"
    assert rung_of(person(22, executive_filter=by_rules), caller=Caller(number=MOBILE)) == "devices"
    assert rung_of(person(22, executive_filter=by_rules), caller=ANNA) == "devices"


def test_a_filter_is_stronger_than_do_not_disturb_and_call_waiting():
    for settings in ({"do_not_disturb": True}, BUSY):
        assert rung_of(person(22, executive_filter=EXECUTIVE, **settings)) == "executive filter"


def test_forward_always_goes_before_the_executive_filter():
    bernd = person(22, executive_filter=EXECUTIVE, forward_always=forward("24"))
    assert rings_at(step_of(bernd, person(24))) == ["david-desk"]


# ----- do not disturb and busy (R6, R7)


def test_do_not_disturb_goes_to_the_busy_forward_before_the_mailbox():
    settings = {"do_not_disturb": True, "forward_busy": forward("23"), "mailbox": Mailbox(busy=True)}
    assert rings_at(step_of(person(22, **settings), person(23))) == ["clara-desk"]


def test_a_barred_busy_forward_falls_to_the_mailbox_and_the_trace_says_so():
    facts = incoming(person(22, do_not_disturb=True, forward_busy=forward(PREMIUM), mailbox=Mailbox(busy=True)))
    assert in_words(decide(facts).step) == "mailbox 22"
    assert said_of(facts, "when busy") == (
        f"forward to {PREMIUM}: refused, class premium not allowed; mailbox of 22")


def test_do_not_disturb_silences_remote_office_and_simultaneous_ring():
    bernd = person(22, do_not_disturb=True, remote_office=MOBILE, simultaneous_ring=ALONG)
    assert in_words(step_of(bernd)) == "USER_BUSY"


def test_the_reminder_of_do_not_disturb_rings_the_desk_shortly_while_the_caller_hears_busy():
    step = decide(incoming(person(22, do_not_disturb=True, dnd_reminder=True))).step
    assert isinstance(step, Splash)
    assert ([leg.device_id for leg in step.legs], in_words(step)) == (["bernd-desk"], "USER_BUSY")


def test_no_reminder_in_remote_office_and_none_for_calls_a_group_hands_out():
    bernd = person(22, do_not_disturb=True, dnd_reminder=True)
    assert splashes(decide(incoming(replace(bernd, remote_office=MOBILE))).step) == ()
    assert splashes(decide(incoming(bernd, handed_out_by=HandedOutBy.QUEUE)).step) == ()


def test_a_second_call_waits_where_call_waiting_is_on():
    assert rung_of(person(22, calls_up=1)) == "devices"


def test_call_waiting_switched_off_for_one_call_makes_it_busy():
    assert rung_of(person(22, calls_up=1, call_waiting_off_once=True)) == "busy"


def test_at_the_limit_of_calls_the_line_is_busy_also_with_call_waiting():
    assert rung_of(person(22, calls_up=3, call_limit=3)) == "busy"
    assert rung_of(person(22, calls_up=2, call_limit=3)) == "devices"


def test_busy_goes_to_the_busy_forward_and_a_loop_of_busy_people_ends_in_the_announcement():
    bernd = person(22, forward_busy=forward("23"), **BUSY)
    assert rings_at(step_of(bernd, person(23))) == ["clara-desk"]
    clara = person(23, forward_busy=forward("22"), **BUSY)
    assert in_words(step_of(bernd, clara)) == "announce too-many-forwards"


# ----- Remote Office (R9)


def test_remote_office_silences_telephones_places_and_numbers_that_ring_along():
    bernd = person(22, remote_office=MOBILE, simultaneous_ring=ALONG, shared_line_device_ids=("bernd-home",))
    assert rings_at(step_of(bernd)) == [MOBILE]


def test_in_remote_office_no_number_has_a_ring_of_its_own():
    bernd = person(22, remote_office=MOBILE, distinctive_rings={"+493055500922": "bellcore-2"})
    assert step_of(bernd, dialled="+493055500922").alert_info == ""


def test_in_remote_office_the_no_answer_forward_cancels_the_remote_number():
    ring = step_of(person(22, remote_office=MOBILE, forward_no_answer=forward("23", 3)), person(23))
    assert (rings_at(ring), ring.ring_timeout_s, in_words(ring.no_answer)) == ([MOBILE], 16, "ring clara-desk")


def test_a_remote_number_that_cannot_be_reached_is_tried_over_each_trunk_and_then_the_not_reachable_forward_follows():
    two = replace(COMPANY, trunks=("one", "two"))
    ring = step_of(person(22, remote_office=MOBILE, forward_not_reachable=forward("23")), person(23), company=two)
    assert ring.not_reachable.legs == (replace(ring.legs[0], trunk="two"),)
    assert ring.legs[0].trunk == "one"
    assert in_words(after(ring, "not_reachable", "not_reachable")) == "ring clara-desk"
    assert in_words(after(ring, "not_reachable", "busy")) == "USER_BUSY"


def test_a_remote_number_that_may_not_be_called_is_not_reachable_and_the_trace_says_why():
    facts = incoming(person(22, remote_office=PREMIUM, forward_not_reachable=forward("23")), person(23))
    assert in_words(decide(facts).step) == "ring clara-desk"
    assert said_of(facts, f"ring {PREMIUM}") == "refused, class premium not allowed"


def test_a_busy_remote_number_is_busy():
    ring = step_of(person(22, remote_office=MOBILE, forward_busy=forward("23")), person(23))
    assert in_words(ring.busy) == "ring clara-desk"


def test_in_remote_office_the_anonymous_are_still_rejected():
    assert rung_of(person(22, remote_office=MOBILE, rejects_anonymous=True), caller=WITHHELD) == "anonymous rejection"


# ----- devices, simultaneous ring, shared places (R8, R10)


def test_a_number_that_rings_along_may_have_to_be_confirmed():
    ring = step_of(person(22, simultaneous_ring=(SimultaneousNumber(SECOND_MOBILE, True), SimultaneousNumber(MOBILE))))
    assert [getattr(leg, "confirm", None) for leg in ring.legs] == [None, True, False]


def test_on_a_call_the_numbers_stay_silent_if_so_set_and_the_telephones_ring_on():
    bernd = person(22, simultaneous_ring=ALONG, simultaneous_ring_not_when_busy=True)
    assert rings_at(step_of(replace(bernd, calls_up=1))) == ["bernd-desk"]
    assert rings_at(step_of(bernd)) == ["bernd-desk", SECOND_MOBILE]


def test_a_number_that_may_not_be_called_does_not_ring_along_and_the_trace_says_why():
    barred = {"barring_forwarded": (Range("+49171", False),)}
    facts = incoming(person(22, simultaneous_ring=(SimultaneousNumber(MOBILE),), **barred))
    assert rings_at(decide(facts).step) == ["bernd-desk"]
    assert said_of(facts, f"ring {MOBILE}") == "refused, barred"


def test_without_a_telephone_the_numbers_that_ring_along_are_enough():
    ring = step_of(person(22, device_ids=(), simultaneous_ring=ALONG, forward_not_reachable=forward("23")), person(23))
    assert rings_at(ring) == [SECOND_MOBILE]
    assert in_words(ring.not_reachable) == "ring clara-desk"


def test_a_rejection_counts_for_all_at_ones_own_telephone_and_for_itself_at_a_shared_place():
    ring = step_of(person(22, shared_line_device_ids=("bernd-home",)))
    assert [leg.silenced_alone for leg in ring.legs if isinstance(leg, DeviceLeg)] == [False, True]


# ----- groups (G2)


def test_a_call_a_group_hands_out_rings_neither_places_nor_numbers_and_follows_no_forward():
    bernd = person(22, simultaneous_ring=ALONG, shared_line_device_ids=("bernd-home",), forward_always=forward("23"),
                   executive_filter=EXECUTIVE, mailbox=Mailbox(True, True, True), **selective(EVERYONE))
    ring = step_of(bernd, person(23), handed_out_by=HandedOutBy.GROUP_CALL)
    assert rings_at(ring) == ["bernd-desk"]
    assert [in_words(one) for one in (ring.busy, ring.no_answer, ring.not_reachable)] == [
        "USER_BUSY", "NO_ANSWER", "announce not-reachable"]


def test_a_call_a_group_hands_out_rings_the_remote_number_alone_and_asks_do_not_disturb():
    bernd = person(22, remote_office=MOBILE, simultaneous_ring=ALONG)
    assert rings_at(step_of(bernd, handed_out_by=HandedOutBy.HUNT_GROUP)) == [MOBILE]
    quiet = replace(bernd, do_not_disturb=True, forward_busy=forward("23"))
    assert in_words(step_of(quiet, person(23), handed_out_by=HandedOutBy.HUNT_GROUP)) == "USER_BUSY"


def test_a_call_a_group_hands_out_is_still_rejected_by_the_members_own_list():
    bernd = person(22, negative_list_on=True, negative_list=(EVERYONE,))
    assert rung_of(bernd, handed_out_by=HandedOutBy.HUNT_GROUP) == "negative list"


# ----- emergency calls back (N5)

CLARA_CALLED = replace(BERLIN, last_emergency_call=EmergencyCall(23, NOON - timedelta(minutes=30)))


def test_a_call_back_to_the_sites_number_rings_the_last_emergency_caller_and_then_whose_number_it_is():
    clara = person(23, do_not_disturb=True, forward_always=forward("24"))
    facts = incoming(person(22), clara, person(24), caller=OUTSIDE, called_site=CLARA_CALLED)
    ring = decide(facts).step
    assert (rings_at(ring), ring.ring_timeout_s) == (["clara-desk"], 31)
    assert {in_words(one) for one in (ring.busy, ring.no_answer, ring.not_reachable)} == {"ring bernd-desk"}


def test_a_call_back_to_a_number_that_is_only_the_sites_ends_with_the_emergency_callers_own_outcomes():
    facts = replace(incoming(person(23, forward_not_reachable=forward(MOBILE)), caller=OUTSIDE,
                             called_site=CLARA_CALLED), callee_id=None)
    ring = decide(facts).step
    assert rings_at(ring) == ["clara-desk"]
    assert in_words(ring.not_reachable) == f"ring {MOBILE}"


def test_a_number_that_is_only_the_sites_is_nobodys_an_hour_later_and_for_colleagues():
    facts = replace(incoming(person(23), caller=OUTSIDE, called_site=CLARA_CALLED), callee_id=None)
    for other in ({"now": NOON + timedelta(minutes=31)}, {"caller": ANNA}, {"called_site": BERLIN}):
        assert in_words(decide(replace(facts, **other)).step) == "announce number-not-assigned"


def test_an_emergency_centre_rings_before_any_forward_or_mailbox_takes_the_call():
    back = Caller(number="112", calls_back_an_emergency_call=True)
    bernd = person(22, forward_no_answer=forward("23", 0), mailbox=Mailbox(no_answer=True, rings=2), **BUSY)
    ring = step_of(bernd, person(23), caller=back)
    assert (rings_at(ring), ring.ring_timeout_s, in_words(ring.no_answer)) == (["bernd-desk"], 31, "ring clara-desk")


def test_an_emergency_centre_is_led_in_no_circle():
    back = Caller(number="112", calls_back_an_emergency_call=True)
    bernd = person(22, device_ids=(), forward_not_reachable=forward("23"))
    clara = person(23, device_ids=(), forward_not_reachable=forward("22"))
    assert in_words(step_of(bernd, clara, caller=back)) == "announce too-many-forwards"


# ----- who sees what (R13)


def test_a_colleague_who_hides_his_number_is_shown_to_nobody():
    hidden = replace(ANNA, withheld=True)
    assert step_of(person(22), caller=hidden).shown.withheld


def test_a_forward_outside_shows_the_number_the_forwarder_chose_among_his_own():
    bernd = person(22, forward_always=forward(MOBILE), shown_number="+493055500922")
    ring = step_of(bernd, caller=OUTSIDE)
    assert isinstance(ring, Ring)
    assert ring.legs[0].shown_number == "+493055500922"


def test_who_never_shows_his_number_hides_it_where_he_forwards_to():
    bernd = person(22, forward_always=forward(MOBILE), number_suppressed=True)
    assert step_of(bernd, caller=OUTSIDE).legs[0].withheld


def test_after_an_announcement_the_forwarder_is_named_as_after_any_other_forward():
    caught = Intercept(InterceptAction.ANNOUNCE_THEN_TRANSFER, "23")
    step = step_of(person(22, intercept_incoming=caught), person(23))
    assert isinstance(step, Announce)
    assert isinstance(step.then, Onward)
    assert step.then.redirection.number == "+493055500022"
