"""Which state is shown when several apply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.presence.states import STATES, Lamp, SubscriberFacts, because_of, night_lamp, state_of
from shared.calls_up import CallState, Direction, Leg


def leg(state: CallState, direction: Direction = Direction.OUTBOUND) -> Leg:
    return Leg("a", state, direction, "22@musterbau.example")


@pytest.mark.parametrize(("facts", "name", "lamp"), [
    (SubscriberFacts(), "idle", Lamp.TERMINATED),
    (SubscriberFacts(registered=False), "not_registered", Lamp.TERMINATED),
    (SubscriberFacts((leg(CallState.RINGING),)), "ringing", Lamp.EARLY),
    (SubscriberFacts((leg(CallState.EARLY),)), "ringing", Lamp.EARLY),
    (SubscriberFacts((leg(CallState.ACTIVE),)), "on_a_call", Lamp.CONFIRMED),
    (SubscriberFacts((leg(CallState.UNHELD),)), "on_a_call", Lamp.CONFIRMED),
    (SubscriberFacts((leg(CallState.RING_WAIT),)), "on_a_call", Lamp.CONFIRMED),
    (SubscriberFacts((leg(CallState.HELD),)), "held", Lamp.CONFIRMED),
    (SubscriberFacts(do_not_disturb=True), "do_not_disturb", Lamp.CONFIRMED),
    (SubscriberFacts(forwarded=True), "away", Lamp.CONFIRMED),
    (SubscriberFacts(mailbox=True), "away", Lamp.CONFIRMED),
    (SubscriberFacts(intercepted=True), "away", Lamp.CONFIRMED),
    # His calls ring at the remote number, whatever his own telephones do.
    (SubscriberFacts(registered=False, remote_office=True), "idle", Lamp.TERMINATED),
    (SubscriberFacts(remote_office=True, forwarded=True), "away", Lamp.CONFIRMED),
    # Only calls from outside go elsewhere.
    (SubscriberFacts(night_service=True), "idle", Lamp.TERMINATED),
])
def test_each_state_has_its_lamp(facts: SubscriberFacts, name: str, lamp: Lamp):
    assert (state_of(facts).name, state_of(facts).lamp) == (name, lamp)


@pytest.mark.parametrize("state", [CallState.RINGING, CallState.EARLY, CallState.DIALING, CallState.ACTIVE])
def test_whoever_dials_is_on_a_call_at_once(state: CallState):
    assert state_of(SubscriberFacts((leg(state, Direction.INBOUND),))).name == "on_a_call"


def test_a_telephone_that_does_not_ring_yet_lights_nothing():
    assert state_of(SubscriberFacts((leg(CallState.DIALING),))).name == "idle"


def test_a_second_call_that_rings_can_be_picked_up():
    facts = SubscriberFacts((leg(CallState.ACTIVE), leg(CallState.HELD), leg(CallState.RINGING)))
    assert state_of(facts).name == "ringing"


def test_the_call_that_is_up_counts_before_the_one_on_hold():
    assert state_of(SubscriberFacts((leg(CallState.HELD), leg(CallState.ACTIVE)))).name == "on_a_call"


def test_a_call_counts_before_settings_and_without_a_registered_telephone():
    facts = SubscriberFacts((leg(CallState.ACTIVE),), registered=False, do_not_disturb=True, forwarded=True)
    assert state_of(facts).name == "on_a_call"


def test_do_not_disturb_counts_before_away():
    assert state_of(SubscriberFacts(do_not_disturb=True, forwarded=True, registered=False)).name == "do_not_disturb"


def test_why_is_told_in_the_order_of_the_ladder_and_without_where_to():
    facts = SubscriberFacts(do_not_disturb=True, forwarded=True, mailbox=True, intercepted=True, remote_office=True,
                            night_service=True)
    assert because_of(facts) == (
        "intercepted", "forwarded", "mailbox", "do_not_disturb", "remote_office", "night_service")
    assert because_of(SubscriberFacts()) == ()


def test_night_service_lights_its_lamp():
    assert (night_lamp(is_night=True), night_lamp(is_night=False)) == (Lamp.CONFIRMED, Lamp.TERMINATED)


_LEGS = st.lists(st.builds(
    Leg, st.sampled_from(["a", "b", "c"]), st.sampled_from(list(CallState)), st.sampled_from(list(Direction)),
    st.just("22@musterbau.example")), max_size=4).map(tuple)


@given(st.builds(SubscriberFacts, _LEGS, *[st.booleans()] * 7))
def test_for_whatever_is_true_of_somebody_there_is_one_state_and_it_is_the_first_that_applies(facts: SubscriberFacts):
    state = state_of(facts)
    before = STATES[: STATES.index(state)]
    assert state.applies(facts)
    assert not any(one.applies(facts) for one in before)
    # A lamp is lit by a call, or by something that is said.
    if state.lamp is Lamp.CONFIRMED and not facts.legs:
        assert because_of(facts)


def test_the_table_ends_with_the_state_that_always_applies():
    assert STATES[-1].name == "idle"
    assert len({state.name for state in STATES}) == len(STATES)
