"""Which state is shown when several apply."""

from __future__ import annotations

import pytest

from services.presence.states import STATES, Lamp, SubscriberFacts, state_of
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


def test_the_table_ends_with_the_state_that_always_applies():
    assert STATES[-1].name == "idle"
    assert len({state.name for state in STATES}) == len(STATES)
