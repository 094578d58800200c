"""Services that meet one another, each meeting as a sentence.
Where nothing else is said, Anna or a customer calls Bernd.

What each rung does alone, and the order of them all, stands in test_ladder.py; what holds for all combinations in
test_every_combination.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.routing.facts import (
    Caller,
    CallerRule,
    ForwardReason,
    Intercept,
    InterceptAction,
    Mailbox,
    Subscriber,
)
from services.routing.ladder import decide
from services.routing.plan import Onward, Ring, Splash, ToMailbox, TrunkLeg, landing, splashes
from shared.barring import Range
from shared.schedule import Hours, NightService, Times
from tests.routing.build import ANNA, BERLIN, NOON, OUTSIDE, WITHHELD, forward, incoming, person
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

NIGHT_TO_DAVID = replace(BERLIN, night=NightService("24", by_hand=True, by_hand_at=NOON))


# ----- intercept (G9)


def test_who_left_is_announced_and_the_call_ends():
    step = step_of(person(22, intercept_incoming=Intercept()))
    assert (step.prompt, step.cause, step.then) == ("number-not-in-service", "NUMBER_CHANGED", None)


def test_who_left_is_announced_and_then_his_successor_rings():
    caught = Intercept(InterceptAction.ANNOUNCE_THEN_TRANSFER, "23")
    step = step_of(person(22, intercept_incoming=caught), person(23))
    assert in_words(step) == "announce number-not-in-service"
    ring, redirections = landing(step.then)
    assert rings_at(ring) == ["clara-desk"]
    assert [one.place for one in redirections] == ["22"]


def test_who_left_is_replaced_by_one_who_rings_at_once():
    caught = Intercept(InterceptAction.RING, "23")
    assert rings_at(step_of(person(22, intercept_incoming=caught), person(23))) == ["clara-desk"]


def test_an_intercept_whose_successor_may_not_be_called_is_the_announcement_alone():
    caught = Intercept(InterceptAction.ANNOUNCE_THEN_TRANSFER, PREMIUM)
    step = step_of(person(22, intercept_incoming=caught))
    assert (in_words(step), step.then) == ("announce number-not-in-service", None)


def test_a_site_that_closed_catches_the_calls_of_all_its_people_but_not_of_whom_it_names():
    closed = replace(BERLIN, intercept_incoming=Intercept(InterceptAction.RING, "24"))
    bernd, david = person(22, site=closed), person(24, site=closed)
    assert rings_at(step_of(bernd, david)) == ["david-desk"]
    assert rung_of(david, bernd) == "devices"


def test_a_persons_own_intercept_goes_before_his_sites():
    closed = replace(BERLIN, intercept_incoming=Intercept(InterceptAction.RING, "24"))
    bernd = person(22, site=closed, intercept_incoming=Intercept(InterceptAction.RING, "23"))
    assert rings_at(step_of(bernd, person(23), person(24))) == ["clara-desk"]


def test_whoever_takes_a_closed_sites_calls_may_send_them_on_within_the_site():
    closed = replace(BERLIN, intercept_incoming=Intercept(InterceptAction.RING, "24"))
    david = person(24, site=closed, forward_always=forward("23"))
    assert rings_at(step_of(person(22, site=closed), david, person(23, site=closed))) == ["clara-desk"]


def test_an_intercept_is_stronger_than_night_service_and_every_forward():
    bernd = person(22, intercept_incoming=Intercept(), site=NIGHT_TO_DAVID, forward_always=forward("23"))
    assert rung_of(bernd, person(23), person(24), caller=OUTSIDE) == "intercept"


# ----- barring of callers (N5)


def test_of_barred_ranges_the_longest_prefix_decides_who_may_call():
    profile = (Range("+49171", False), Range("+4917155501", True))
    assert rung_of(person(22, barring_incoming=profile), caller=OUTSIDE) == "devices"
    assert rung_of(person(22, barring_incoming=profile), caller=Caller(number="+491719990000")) == "incoming barring"


def test_when_every_number_is_barred_so_is_a_withheld_one():
    assert rung_of(person(22, barring_incoming=(Range("+", False),)), caller=WITHHELD) == "incoming barring"


def test_when_some_numbers_are_barred_a_withheld_one_is_in_none_of_them():
    assert rung_of(person(22, barring_incoming=(Range("+49171", False),)), caller=WITHHELD) == "devices"


def test_when_all_but_a_few_numbers_are_barred_a_withheld_one_is_not_of_the_few():
    profile = (Range("+", False), Range("+4930", True))
    assert rung_of(person(22, barring_incoming=profile), caller=WITHHELD) == "incoming barring"
    assert rung_of(person(22, barring_incoming=profile), caller=Caller(number="+49305551234")) == "devices"


def test_a_withheld_number_the_network_tells_us_is_barred_by_its_range():
    hidden = Caller(number="+491715550100", withheld=True)
    assert rung_of(person(22, barring_incoming=(Range("+49171", False),)), caller=hidden) == "incoming barring"


def test_colleagues_are_barred_by_no_range():
    assert rung_of(person(22, barring_incoming=(Range("+", False),)), caller=ANNA) == "devices"


# ----- enterprise rules (G10)


def test_the_first_rule_that_matches_decides_his_own_before_his_sites_before_the_companys():
    rules = (rule("own", action="announce"), rule("the site's", action="reject"))
    assert in_words(step_of(person(22, enterprise_incoming=rules), caller=OUTSIDE)) == "announce call-not-permitted"


def test_an_enterprise_rule_that_allows_hides_those_behind_it_and_no_other_rung():
    rules = (rule("own", action="allow"), rule("the company's", action="reject"))
    settings = {"enterprise_incoming": rules, "negative_list_on": True, "negative_list": (EVERYONE,)}
    assert rung_of(person(22, **settings), caller=OUTSIDE) == "negative list"


def test_an_exception_among_the_enterprise_rules_is_looked_at_first():
    rules = (rule("all", action="reject"), rule("but these", prefixes=("+49171",), external=False, is_exception=True,
                                                action="allow"))
    assert rung_of(person(22, enterprise_incoming=rules), caller=OUTSIDE) == "devices"


def test_an_enterprise_rule_sends_the_call_to_somebody_else():
    rules = (rule(action="send_to", target="23"),)
    assert rings_at(step_of(person(22, enterprise_incoming=rules), person(23), caller=OUTSIDE)) == ["clara-desk"]


def test_an_enterprise_rule_that_sends_where_nobody_may_call_leaves_the_call_to_the_next_rung():
    rules = (rule(action="send_to", target=PREMIUM),)
    facts = incoming(person(22, enterprise_incoming=rules, do_not_disturb=True), caller=OUTSIDE)
    assert decide(facts).rung == "do not disturb"
    assert said_of(facts, "enterprise rule") == f"forward to {PREMIUM}: refused, class premium not allowed"


def test_an_enterprise_rule_rejects_before_night_service_takes_the_call():
    bernd = person(22, site=NIGHT_TO_DAVID, enterprise_incoming=(rule(action="reject"),))
    assert in_words(step_of(bernd, person(24), caller=OUTSIDE)) == "CALL_REJECTED"


# ----- night service (G6)


FREE = "+49305550099"


def to_nobody(night, *people, caller=OUTSIDE, **more):
    nobody = Subscriber(0, "", site=replace(BERLIN, night=night), shown_number=BERLIN.main_number, **more)
    return replace(incoming(*people, caller=caller), callee_id=None, dialled=FREE, nobody=nobody)


def test_at_night_a_number_that_nobody_has_goes_to_the_target():
    decision = decide(to_nobody(NIGHT_TO_DAVID.night, person(24, site=NIGHT_TO_DAVID)))
    step, redirections = landing(decision.step)
    assert step.legs[0].device_id == "david-desk"
    assert [(one.place, one.number) for one in redirections] == [(FREE, FREE)]
    assert decision.rung == "night service"


def test_to_a_number_outside_it_shows_the_sites_number_and_keeps_to_its_barring():
    night = NightService("+491715550199", by_hand=True, by_hand_at=NOON)
    ring = landing(decide(to_nobody(night, person(24))).step)[0]
    assert ring.legs == (TrunkLeg("musterbau-1", "+491715550199", BERLIN.main_number, 0),)
    barred = decide(to_nobody(night, person(24), barring_forwarded=(Range("+49171", False),)))
    assert barred.step.prompt == "number-not-assigned"


@pytest.mark.parametrize("night", [NightService(), NightService("24"), NightService("mailbox:77", by_hand=True)])
def test_by_day_or_without_a_target_it_is_not_assigned(night):
    assert decide(to_nobody(night, person(24))).step.prompt == "number-not-assigned"


@pytest.mark.parametrize(("target", "handed_on_by", "rings"), [
    ("24", {"24"}, "bernd-desk"), ("24", {"23", "24"}, "bernd-desk"), ("+493055500024", {"24"}, "bernd-desk"),
    ("24", {"23"}, "david-desk"), ("24", set(), "david-desk"),
])
def test_what_the_night_target_hands_on_is_not_fetched_back(target, handed_on_by, rings):
    site = replace(BERLIN, night=NightService(target, by_hand=True, by_hand_at=NOON))
    facts = incoming(person(22, site=site), person(24, site=site), caller=OUTSIDE, handed_on_by=frozenset(handed_on_by))
    assert rings_at(landing(decide(facts).step)[0]) == [rings]


@pytest.mark.parametrize("callee", [22, 24])
def test_a_mailbox_as_night_target_takes_the_call_and_rings_nowhere(callee):
    site = replace(BERLIN, night=NightService("mailbox:24", by_hand=True, by_hand_at=NOON))
    facts = incoming(person(callee, site=site), person(24, site=site), caller=OUTSIDE)
    facts = replace(facts, owners={**facts.owners, "mailbox:24": 24})
    assert decide(facts).step == ToMailbox(24, "24", "de", "night")
    assert decide(replace(facts, caller=ANNA)).rung == "devices"


def test_night_service_is_stronger_than_do_not_disturb():
    bernd = person(22, site=NIGHT_TO_DAVID, do_not_disturb=True)
    assert rings_at(step_of(bernd, person(24), caller=OUTSIDE)) == ["david-desk"]


def test_night_service_is_stronger_than_remote_office_and_the_positive_list():
    bernd = person(22, site=NIGHT_TO_DAVID, remote_office=MOBILE, positive_list_on=True)
    assert rings_at(step_of(bernd, person(24), caller=OUTSIDE)) == ["david-desk"]


def test_whoever_has_night_duty_may_send_his_calls_on_within_the_site():
    david = person(24, site=NIGHT_TO_DAVID, forward_no_answer=forward("22", 3))
    facts = incoming(person(23, site=NIGHT_TO_DAVID), david, person(22, site=NIGHT_TO_DAVID), caller=OUTSIDE)
    assert rings_at(landing(decide(facts).step)[0]) == ["david-desk"]
    assert rings_at(after(decide(facts).step, "no_answer")) == ["bernd-desk"]


def test_whoever_has_night_duty_is_met_by_any_of_his_numbers():
    by_number = replace(BERLIN, night=NightService("+493055500924", by_hand=True, by_hand_at=NOON))
    david = person(24, site=by_number, numbers=("+493055500024", "+493055500924"))
    assert rung_of(david, caller=OUTSIDE) == "devices"


def test_a_colleague_who_forwards_a_customer_to_a_site_on_night_reaches_its_night_target():
    bernd = person(22, forward_always=forward("23"))
    facts = incoming(bernd, person(23, site=NIGHT_TO_DAVID), person(24), caller=OUTSIDE)
    step, redirections = landing(decide(facts).step)
    assert rings_at(step) == ["david-desk"]
    assert [one.reason for one in redirections] == [ForwardReason.ALWAYS, ForwardReason.NIGHT]


def test_a_night_target_that_may_not_be_called_leaves_the_call_with_whom_it_was_for():
    forbidden = replace(BERLIN, night=NightService(PREMIUM, by_hand=True, by_hand_at=NOON))
    assert rung_of(person(22, site=forbidden), caller=OUTSIDE) == "devices"


def test_switched_on_by_hand_without_a_target_night_service_changes_nothing():
    nowhere = replace(BERLIN, night=NightService(by_hand=True, by_hand_at=NOON))
    assert rung_of(person(22, site=nowhere), caller=OUTSIDE) == "devices"


# ----- lists (R4, R5)


def test_a_negative_list_that_is_switched_off_rejects_nobody():
    assert rung_of(person(22, negative_list=(EVERYONE,))) == "devices"


def test_a_caller_on_both_lists_is_rejected():
    settings = {"negative_list_on": True, "negative_list": (EVERYONE,),
                "positive_list_on": True, "positive_list": (EVERYONE,)}
    assert rung_of(person(22, **settings), caller=OUTSIDE) == "negative list"


def test_an_exception_of_the_negative_list_does_not_open_the_positive_list():
    but_him = CallerRule("but him", numbers=frozenset({OUTSIDE.number}), is_exception=True)
    settings = {"negative_list_on": True, "negative_list": (EVERYONE, but_him), "positive_list_on": True}
    assert rung_of(person(22, **settings), caller=OUTSIDE) == "positive list"


def test_the_positive_list_lets_in_whom_it_names_and_anonymous_rejection_still_counts():
    settings = {"positive_list_on": True, "positive_list": (CallerRule("hidden", anonymous=True),)}
    assert rung_of(person(22, **settings), caller=WITHHELD) == "devices"
    assert rung_of(person(22, **settings, rejects_anonymous=True), caller=WITHHELD) == "anonymous rejection"
    assert rung_of(person(22, **settings), caller=OUTSIDE) == "positive list"


def test_a_rejected_caller_reaches_no_forward_and_no_mailbox():
    settings = {"negative_list_on": True, "negative_list": (EVERYONE,), "forward_always": forward("23"),
                "mailbox": Mailbox(True, True, True), "remote_office": MOBILE}
    assert in_words(step_of(person(22, **settings), person(23))) == "announce caller-rejected"


def test_a_rule_by_number_does_not_give_away_who_hides_it():
    listed = CallerRule("him", numbers=frozenset({"+491715550100"}))
    hidden = Caller(number="+491715550100", withheld=True)
    assert rung_of(person(22, negative_list_on=True, negative_list=(listed,)), caller=hidden) == "devices"


def test_a_list_holds_only_in_its_hours():
    morning = replace(EVERYONE, times=Times((Hours(2, 8 * 60, 12 * 60),)))
    settings = {"negative_list_on": True, "negative_list": (morning,)}
    assert rung_of(person(22, **settings), now=NOON - timedelta(hours=3)) == "negative list"
    assert rung_of(person(22, **settings), now=NOON - timedelta(hours=2)) == "devices"  # 12:00 in Berlin


# ----- selective forwarding, forward always, mailbox always (R1, R3, R11)


def test_a_rule_without_a_target_of_its_own_forwards_to_the_common_one():
    settings = selective(rule(), selective_forwarding_target="23")
    assert rings_at(step_of(person(22, **settings), person(23), caller=OUTSIDE)) == ["clara-desk"]


def test_a_rules_own_target_goes_before_the_common_one():
    settings = selective(rule(target="24"), selective_forwarding_target="23")
    assert rings_at(step_of(person(22, **settings), person(23), person(24), caller=OUTSIDE)) == ["david-desk"]


def test_a_rule_that_has_nowhere_to_forward_to_leaves_the_call_alone():
    assert rung_of(person(22, **selective(rule())), caller=OUTSIDE) == "devices"


def test_selective_forwarding_goes_before_forward_always_and_a_barred_one_falls_back_to_it():
    settings = {"forward_always": forward("23")}
    selected = person(22, **settings, **selective(rule(target="24")))
    barred = person(22, **settings, **selective(rule(target=PREMIUM)))
    assert rings_at(step_of(selected, person(23), person(24), caller=OUTSIDE)) == ["david-desk"]
    assert rings_at(step_of(barred, person(23), caller=OUTSIDE)) == ["clara-desk"]


def test_selective_forwarding_goes_before_remote_office():
    settings = selective(rule(target="23"), remote_office=MOBILE)
    assert rings_at(step_of(person(22, **settings), person(23), caller=OUTSIDE)) == ["clara-desk"]


def test_forward_always_goes_before_the_mailbox_always():
    settings = {"forward_always": forward("23"), "mailbox": Mailbox(always=True)}
    assert rings_at(step_of(person(22, **settings), person(23))) == ["clara-desk"]


def test_forward_always_goes_before_remote_office_and_do_not_disturb():
    settings = {"forward_always": forward("23"), "remote_office": MOBILE, "do_not_disturb": True}
    assert rings_at(step_of(person(22, **settings), person(23))) == ["clara-desk"]


def test_a_forward_with_ring_splash_rings_the_desk_shortly_and_waits_for_nothing():
    step = decide(incoming(person(22, forward_always=forward("23"), forward_always_splash=True), person(23))).step
    assert isinstance(step, Splash)
    assert isinstance(step.step, Onward)
    assert [leg.device_id for leg in splashes(step)] == ["bernd-desk"]
    assert rings_at(landing(step)[0]) == ["clara-desk"]


@pytest.mark.parametrize("quiet", [{"do_not_disturb": True}, {"remote_office": MOBILE}])
def test_no_ring_splash_where_the_desk_shall_be_silent(quiet):
    bernd = person(22, forward_always=forward("23"), forward_always_splash=True, **quiet)
    assert splashes(decide(incoming(bernd, person(23))).step) == ()


def test_no_ring_splash_when_the_forward_may_not_be_made():
    bernd = person(22, forward_always=forward(PREMIUM), forward_always_splash=True)
    assert not isinstance(decide(incoming(bernd)).step, Splash)


def test_the_caller_of_a_forward_is_looked_at_again_by_whom_it_leads_to():
    clara = person(23, negative_list_on=True, negative_list=(EVERYONE,))
    assert in_words(step_of(person(22, forward_always=forward("23")), clara)) == "announce caller-rejected"


def test_a_companys_rule_leaves_alone_whoever_takes_its_calls() -> None:
    rules = (CallerRule("To Clara", external=True, action="send_to", target="23"),)
    people = [person(extension, enterprise_incoming=rules) for extension in (22, 23)]
    decision = decide(incoming(*people, caller=OUTSIDE))
    step, redirections = landing(decision.step)
    assert isinstance(step, Ring)
    assert ([leg.subscriber_id for leg in step.legs], [one.place for one in redirections]) == ([23], ["22"])
