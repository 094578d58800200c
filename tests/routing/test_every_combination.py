"""What holds whatever people have switched on: settings by the thousand, made at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.facts import (
    MOST_REDIRECTIONS,
    NETWORK_RING_LIMIT_S,
    Assistant,
    Caller,
    CallerRule,
    CallFacts,
    Dialled,
    EmergencyCall,
    ExecutiveFilter,
    HandedOutBy,
    Intercept,
    InterceptAction,
    Mailbox,
    SimultaneousNumber,
    Site,
    Subscriber,
)
from services.routing.ladder import LADDER, decide
from services.routing.outgoing import route
from services.routing.plan import (
    Announce,
    Decision,
    DeviceLeg,
    Onward,
    PickUp,
    Reject,
    Ring,
    Splash,
    Step,
    ToMailbox,
    TrunkLeg,
    landing,
    splashes,
)
from services.routing.plan_state import Travelling, from_variable, to_variable
from services.routing.rungs.barring import is_barred, may_be_dialled
from shared.barring import Range
from shared.dialling import number_class
from shared.schedule import Hours, NightService, Times
from tests.routing.build import ANNA, BERLIN, COMPANY, NOON, OUTSIDE, WITHHELD, forward, incoming, outgoing, person
from tests.routing.plans import EVERYONE, MOBILE, PREMIUM

EXTENSIONS = (22, 23, 24)
TARGETS = ["22", "23", "24", "+493055500023", MOBILE]
BARRED = ["99", PREMIUM, "+12025550123"]
SITE_NUMBER = BERLIN.main_number

maybe = st.booleans()
mostly = st.sampled_from([True, True, True, False])
target = st.sampled_from(TARGETS + BARRED)
times = st.sampled_from([
    Times(), Times((Hours(2, 0, 1440),)), Times((Hours(2, 0, 600),)), Times(on_holidays=True),
    Times((Hours(1, 1320, 360),), not_on_holidays=True)])
rule = st.builds(
    CallerRule, st.just("rule"), numbers=st.sampled_from([frozenset(), frozenset({OUTSIDE.number, "21"})]),
    internal=maybe, external=maybe, anonymous=maybe, times=times, is_exception=maybe,
    target=st.sampled_from(["", *TARGETS]), action=st.sampled_from(["allow", "reject", "announce"]))
all_callers = st.builds(
    replace, st.just(EVERYONE), target=st.sampled_from(TARGETS), action=st.sampled_from(["reject", "announce"]))
rules = st.lists(st.one_of(rule, all_callers), min_size=1, max_size=2).map(tuple)
ranges = st.lists(
    st.builds(Range, st.sampled_from(["+", "+49", "+49171", MOBILE]), st.just(False) | maybe),
    min_size=1, max_size=2).map(tuple)
rings_count = st.sampled_from([0, 2, 4, 20])
forwarding = st.builds(forward, target, rings_count)
intercept = st.builds(Intercept, st.sampled_from(InterceptAction), target)
night = st.builds(
    NightService, st.sampled_from(TARGETS[1:]), maybe, times, st.sampled_from([True, None, False]),
    st.just(NOON - timedelta(hours=1)))
assistants = st.lists(st.sampled_from(EXTENSIONS[1:]), unique=True, max_size=2).flatmap(lambda some: st.tuples(*(
    st.builds(Assistant, st.just(one), st.just(str(one)), st.just(person(one).device_ids), maybe) for one in some)))


def having(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(strategies)


# What somebody can have switched on, one service each: few at a time, or the upper rungs would hide the lower ones.
SERVICES = (
    having(site=st.builds(lambda service: replace(BERLIN, night=service), night)),
    having(site=st.just(replace(BERLIN, night=NightService("24", by_hand=True, by_hand_at=NOON)))),
    having(site=st.builds(lambda caught: replace(BERLIN, intercept_incoming=caught), intercept)),
    having(intercept_incoming=intercept),
    having(barring_incoming=ranges),
    having(barring_forwarded=ranges),
    having(enterprise_incoming=rules),
    having(negative_list_on=mostly, negative_list=rules),
    having(positive_list_on=mostly, positive_list=rules),
    having(rejects_anonymous=mostly),
    having(selective_forwarding_on=mostly, selective_forwarding=rules, selective_forwarding_target=st.sampled_from(
        ["", *TARGETS, *BARRED])),
    having(forward_always=forwarding, forward_always_splash=maybe),
    having(forward_busy=forwarding),
    having(forward_no_answer=forwarding),
    having(forward_not_reachable=forwarding),
    having(mailbox=st.builds(Mailbox, maybe, maybe, maybe, rings_count)),
    having(mailbox=st.builds(Mailbox, st.just(False), maybe, maybe, rings_count)),
    having(executive_filter=st.builds(ExecutiveFilter, maybe, maybe, rules, assistants, maybe)),
    having(do_not_disturb=st.just(True), dnd_reminder=maybe),
    having(calls_up=st.sampled_from([1, 2]), call_waiting=maybe, call_waiting_off_once=maybe,
           call_limit=st.sampled_from([1, 2, 20])),
    having(remote_office=st.sampled_from([MOBILE, PREMIUM])),
    having(simultaneous_ring=st.just((SimultaneousNumber("+491715550188", True), SimultaneousNumber(PREMIUM))),
           simultaneous_ring_not_when_busy=maybe),
    having(device_ids=st.sampled_from([(), ("one", "two")])),
    having(shared_line_device_ids=st.just(("a-place",))),
    having(distinctive_rings=st.just({"22": "bellcore-2"})),
)


def office(extension: int, at_most: int) -> st.SearchStrategy[Subscriber]:
    switched_on = st.lists(st.one_of(SERVICES), max_size=at_most)
    return switched_on.map(lambda services: person(
        extension, **{field: value for service in services for field, value in service.items()}))


def calls(**fixed: Any) -> st.SearchStrategy[CallFacts]:
    """A call to Bernd (22); `fixed` are settings of his that are not left to chance."""
    def call(caller: Caller, bernd: Subscriber, clara: Subscriber, david: Subscriber) -> CallFacts:
        return incoming(replace(bernd, **fixed), clara, david, caller=caller, dialled="22")

    callers = st.sampled_from([ANNA, OUTSIDE, WITHHELD, Caller(23, "23", name="Clara Clemens")])
    return st.builds(call, callers, office(22, 6), office(23, 3), office(24, 2))


def changed(facts: CallFacts, **bernd: Any) -> CallFacts:
    return replace(facts, people={**facts.people, 22: replace(facts.people[22], **bernd)})


def ways(step: Step) -> Iterator[tuple[tuple[str, ...], Step]]:
    """Every step a call can come to, with the places it was sent on from."""
    waiting: list[tuple[tuple[str, ...], Step]] = [((), step)]
    met: set[tuple[tuple[str, ...], int]] = set()
    while waiting:
        sent_on, step = waiting.pop()
        if (sent_on, id(step)) in met:
            continue
        met.add((sent_on, id(step)))
        yield sent_on, step
        match step:
            case Onward():
                waiting.append(((*sent_on, step.redirection.place), step.step))
            case Splash():
                waiting.append((sent_on, step.step))
            case Announce() if step.then:
                waiting.append((sent_on, step.then))
            case Ring():
                waiting += [(sent_on, onward) for onward in (step.busy, step.no_answer, step.not_reachable)]


def rings(decision: Decision) -> list[Ring]:
    return [step for _, step in ways(decision.step) if isinstance(step, Ring)]


def rings_of(decision: Decision, callee_id: int) -> list[Ring]:
    return [ring for ring in rings(decision) if ring.callee_id == callee_id]


def without_splashes(step: Step) -> Step:
    match step:
        case Splash():
            return without_splashes(step.step)
        case Onward():
            return replace(step, step=without_splashes(step.step))
        case Announce() if step.then:
            return replace(step, then=without_splashes(step.then))
        case Ring():
            return replace(step, busy=without_splashes(step.busy), no_answer=without_splashes(step.no_answer),
                           not_reachable=without_splashes(step.not_reachable))
    return step


def devices_of(one: Subscriber) -> set[str]:
    return {*one.device_ids, *one.shared_line_device_ids}


def devices_in(ring: Ring) -> set[str]:
    return {leg.device_id for leg in ring.legs if isinstance(leg, DeviceLeg)}


EVERYTHING = settings(max_examples=50, deadline=None)


# ----- every call


@EVERYTHING
@given(calls())
def test_every_way_of_every_call_ends_and_is_sent_on_five_times_at_most_and_never_twice_from_one_place(facts):
    for sent_on, step in ways(decide(facts).step):
        assert len(sent_on) <= MOST_REDIRECTIONS
        assert len(set(sent_on)) == len(sent_on)
        assert isinstance(step, Ring | Announce | Reject | ToMailbox | Onward | Splash)


@EVERYTHING
@given(calls())
def test_nothing_crosses_companies(facts):
    """Telephones of the company's people; numbers outside over its trunks, under its numbers, allowed to be dialled."""
    own_devices = {device for one in facts.people.values() for device in devices_of(one)}
    own_numbers = {one.main_number for one in facts.people.values()} | {SITE_NUMBER}
    decision = decide(facts)
    for ring in rings(decision):
        for leg in ring.legs:
            payer = facts.people[leg.subscriber_id]
            if isinstance(leg, DeviceLeg):
                assert leg.device_id in own_devices
                continue
            assert leg.trunk in COMPANY.trunks
            assert leg.shown_number in own_numbers
            known_class = number_class(leg.number, "DE").value
            assert not may_be_dialled(leg.number, known_class, COMPANY, payer.barring_forwarded)
    assert all(step.subscriber_id in facts.people for _, step in ways(decision.step) if isinstance(step, ToMailbox))


@EVERYTHING
@given(calls())
def test_the_trace_tells_the_rungs_in_order_up_to_the_one_that_decides(facts):
    decision = decide(facts)
    names = [rung.name for rung in LADDER]
    asked = [line for line in decision.trace if line.place == "22" and line.sent_on == 0 and line.rung in names]
    assert [line.rung for line in asked] == names[:len(asked)]
    assert [line.decides for line in asked] == [False] * (len(asked) - 1) + [True]
    assert decision.rung == asked[-1].rung


@EVERYTHING
@given(calls())
def test_every_plan_survives_its_journey_through_the_switch(facts):
    step, redirections = landing(decide(facts).step)
    travelling = Travelling("5f0f9b7e-0001-4000-8000-000000000001", 7, "musterbau.example", 1, step, "x", redirections)
    assert from_variable(to_variable(travelling)) == travelling


@EVERYTHING
@given(calls())
def test_it_rings_for_as_long_as_the_shorter_of_forward_and_mailbox_says_or_to_the_limit_of_the_network(facts):
    for ring in rings(decide(facts)):
        if ring.callee_id is None:
            assert ring.ring_timeout_s == NETWORK_RING_LIMIT_S
            continue
        one = facts.people[ring.callee_id]
        waits = {one.forward_no_answer.rings} if one.forward_no_answer else set()
        waits |= {one.mailbox.rings} if one.mailbox.no_answer else set()
        assert ring.ring_timeout_s in {NETWORK_RING_LIMIT_S, *(rings * 5 + 1 for rings in waits)}
        assert ring.ring_timeout_s <= NETWORK_RING_LIMIT_S


@EVERYTHING
@given(calls())
def test_a_withheld_number_is_shown_to_nobody(facts):
    hidden = replace(facts, caller=replace(facts.caller, withheld=True))
    for ring in rings(decide(hidden)):
        if ring.callee_id is not None:
            assert (ring.shown.withheld, ring.shown.number, ring.shown.name) == (True, "", "")


# ----- one service against all others


@EVERYTHING
@given(calls())
def test_in_remote_office_nothing_rings_but_the_remote_number(facts):
    for one in facts.people.values():
        if not one.remote_office:
            continue
        decision = decide(facts)
        for ring in rings_of(decision, one.subscriber_id):
            assert [leg.number for leg in ring.legs if isinstance(leg, TrunkLeg)] == [one.remote_office]
            assert not devices_in(ring)
            assert not ring.alert_info
            assert ring.reason == "remote_office"
        shortly = {leg.device_id for _, step in ways(decision.step) for leg in splashes(step)}
        assert not shortly & devices_of(one)


@EVERYTHING
@given(calls(remote_office=MOBILE, barring_forwarded=(), calls_up=1, do_not_disturb=False))
def test_in_remote_office_there_is_no_call_waiting_and_no_executive_filter(facts):
    decision = decide(facts)
    assert decision.rung not in ("executive filter", "Remote Office", "devices")
    assert not rings_of(decision, 22)


@EVERYTHING
@given(calls(do_not_disturb=True))
def test_do_not_disturb_is_busy_in_everything_but_the_reminder(facts):
    busy = changed(facts, do_not_disturb=False, calls_up=1, call_waiting=False)
    quiet, engaged = decide(facts), decide(busy)
    assert without_splashes(quiet.step) == without_splashes(engaged.step)
    assert quiet.rung.replace("do not disturb", "busy") == engaged.rung
    assert not any(devices_of(facts.callee) & devices_in(ring) for ring in rings_of(quiet, 22))


@EVERYTHING
@given(calls(calls_up=1))
def test_with_call_waiting_off_nothing_of_his_rings_while_he_is_on_a_call(facts):
    for off in ({"call_waiting": False}, {"call_waiting": True, "call_waiting_off_once": True}, {"call_limit": 1}):
        decision = decide(changed(facts, **off))
        assert all(not devices_of(facts.callee) & devices_in(ring) for ring in rings_of(decision, 22))
        assert decision.rung not in ("Remote Office", "devices")


@EVERYTHING
@given(calls(negative_list_on=True, negative_list=(EVERYONE,)))
def test_whom_the_negative_list_rejects_comes_no_further(facts):
    assert decide(facts).rung in [rung.name for rung in LADDER[:6]]


@EVERYTHING
@given(calls(positive_list_on=True, positive_list=()))
def test_whom_the_positive_list_does_not_name_comes_no_further(facts):
    assert decide(facts).rung in [rung.name for rung in LADDER[:7]]


@EVERYTHING
@given(calls(rejects_anonymous=True))
def test_anonymous_rejection_meets_callers_from_outside_and_nobody_else(facts):
    decision = decide(facts)
    if facts.caller.is_internal or not facts.caller.withheld:
        assert decision.rung != "anonymous rejection"
    else:
        assert decision.rung in [rung.name for rung in LADDER[:8]]


@EVERYTHING
@given(calls())
def test_night_service_leaves_colleagues_alone(facts):
    colleague = replace(facts, caller=ANNA)
    by_day = {one.subscriber_id: replace(one, site=replace(one.site, night=NightService()))
              for one in facts.people.values()}
    assert decide(colleague).step == decide(replace(colleague, people=by_day)).step


def without_forward(field: str, facts: CallFacts) -> dict[int, Subscriber]:
    return {**facts.people, 22: replace(facts.callee, **{field: None})}


@EVERYTHING
@given(calls(), st.sampled_from(BARRED), st.sampled_from([0, 2, 20]), st.sampled_from(
    ["forward_always", "forward_busy", "forward_no_answer", "forward_not_reachable"]))
def test_a_forward_that_may_not_be_made_is_as_none_at_all_and_the_trace_says_so(facts, barred, after_rings, field):
    facts = changed(facts, barring_forwarded=(), **{field: forward(barred, after_rings)})
    decision = decide(facts)
    assert decision.step == decide(replace(facts, people=without_forward(field, facts))).step
    for line in decision.trace:
        if line.place == "22" and f"forward to {barred}" in line.said:
            assert f"forward to {barred}: refused" in line.said


@EVERYTHING
@given(calls(), st.sampled_from(BARRED))
def test_a_selective_forward_that_may_not_be_made_leaves_the_call_to_the_next_rung(facts, barred):
    sent = CallerRule("all", internal=True, external=True, target=barred)
    facts = changed(facts, barring_forwarded=(), selective_forwarding_on=True, selective_forwarding=(sent,))
    assert decide(facts).step == decide(changed(facts, selective_forwarding_on=False)).step


@EVERYTHING
@given(calls(), st.sampled_from(list(HandedOutBy)))
def test_a_call_a_group_hands_out_rings_his_telephones_or_the_remote_number_and_then_is_the_groups_again(facts, group):
    decision = decide(replace(facts, handed_out_by=group))
    assert decision.rung not in [rung.name for rung in LADDER[8:11]]
    step, _ = landing(decision.step)
    if decision.rung in ("Remote Office", "devices") and isinstance(step, Ring):
        assert devices_in(step) <= set(facts.callee.device_ids)
        assert all(leg.number == facts.callee.remote_office for leg in step.legs if isinstance(leg, TrunkLeg))
        assert all(not isinstance(one, Onward | ToMailbox) for _, one in ways(step))
    if decision.rung in [rung.name for rung in LADDER[11:]]:
        assert not splashes(decision.step)


@EVERYTHING
@given(calls())
def test_the_longest_prefix_decides_who_may_call(facts):
    if facts.caller.is_internal:
        return
    decision = decide(facts)
    if decision.rung in ("loop guard", "intercept"):
        return
    barred = is_barred(facts.caller.number or "+", facts.callee.barring_incoming)
    assert (decision.rung == "incoming barring") is barred


# ----- emergency


@EVERYTHING
@given(calls(device_ids=("bernd-desk",)))
def test_whoever_is_called_back_from_an_emergency_number_rings_at_once(facts):
    back = replace(facts, caller=Caller(number="112", calls_back_an_emergency_call=True))
    decision = decide(back)
    assert decision.rung == "devices"
    assert isinstance(decision.step, Ring)
    assert "bernd-desk" in devices_in(decision.step)
    assert decision.step.ring_timeout_s >= 31
    assert all(len(sent_on) <= MOST_REDIRECTIONS for sent_on, _ in ways(decision.step))


@EVERYTHING
@given(calls(), st.integers(-5, 90))
def test_within_the_hour_a_call_to_the_sites_number_rings_the_last_emergency_caller_first(facts, minutes_ago):
    last = EmergencyCall(23, NOON - timedelta(minutes=minutes_ago))
    called: Site = replace(BERLIN, last_emergency_call=last)
    clara = replace(facts.people[23], device_ids=("clara-desk",))
    facts = replace(facts, caller=OUTSIDE, called_site=called, people={**facts.people, 23: clara})
    decision = decide(facts)
    if 0 <= minutes_ago <= 60:
        assert isinstance(decision.step, Ring)
        assert "clara-desk" in devices_in(decision.step)
        usual = decide(replace(facts, called_site=None)).step
        assert decision.step.busy == decision.step.no_answer == decision.step.not_reachable == usual
    else:
        assert decision.step == decide(replace(facts, called_site=None)).step


@EVERYTHING
@given(office(22, 6), ranges, intercept, rules, maybe)
def test_an_emergency_call_goes_out_over_every_trunk_whatever_is_switched_on(
        caller, profile, caught, rules, suppressed):
    two = replace(COMPANY, trunks=("one", "two"))
    caller = replace(caller, barring_outgoing=profile, intercept_outgoing=caught, enterprise_outgoing=rules,
                     number_suppressed=suppressed)
    decision = route(outgoing(caller, Dialled("112", is_emergency=True), company=two))
    first = decision.step
    assert isinstance(first, Ring)
    assert isinstance(first.not_reachable, Ring)
    legs = [*first.legs, *first.not_reachable.legs]
    assert [(leg.trunk, leg.number, leg.shown_number) for leg in legs if isinstance(leg, TrunkLeg)] == [
        ("one", "112", SITE_NUMBER), ("two", "112", SITE_NUMBER)]


def test_chance_comes_by_most_rungs():
    """The properties above mean little unless it does; each single rung has its own tests elsewhere."""
    met: set[str] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(calls())
    def gather(facts: CallFacts) -> None:
        met.update(line.rung for line in decide(facts).trace if line.decides)

    gather()
    assert len(met & {rung.name for rung in LADDER}) >= 12


def test_a_picked_up_call_goes_on_as_if_it_had_been_called():
    """A key of a lamp enters the same ladder."""
    key = Dialled("lamp+21-1-abcdefghij", is_lamp=True, lamp_owner_id=22, pick_up_leg_uuid="1-2")
    bernd = person(22, do_not_disturb=True)
    step = route(outgoing(person(21), key, bernd)).step
    assert isinstance(step, PickUp)
    assert step.otherwise == decide(incoming(bernd)).step
