"""The life of an attempt: facts in any order, states out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.callback.attempt import FINAL, TRANSITIONS, Fact, Observation, Progress, State, after, must_hang_up, shown
from services.callback.reasons import WORDS, Reason, of_first_leg, of_target, words

STORY = (
    (Fact.CLAIMED, State.DIALLING),
    (Fact.FIRST_RANG, State.RINGING_FIRST),
    (Fact.FIRST_ANSWERED, State.FIRST_ANSWERED),
    (Fact.TARGET_RANG, State.RINGING_TARGET),
    (Fact.CONNECTED, State.CONNECTED),
    (Fact.HUNG_UP, State.ENDED),
)
WAY = (State.ACCEPTED, *(state for _, state in STORY))


def told(*facts: Fact | Observation, start: State = State.ACCEPTED) -> Progress:
    progress = Progress(start)
    for fact in facts:
        progress = after(progress, fact if isinstance(fact, Observation) else Observation(fact))
    return progress


def test_a_call_that_goes_well_passes_every_state_in_order():
    progress = Progress(State.ACCEPTED)
    for fact, state in STORY:
        progress = after(progress, Observation(fact))
        assert progress == Progress(state)


def test_every_state_is_in_the_table_and_every_state_that_is_not_final_leads_to_an_end():
    assert set(TRANSITIONS) == set(State)
    for state in set(State) - FINAL:
        reached, todo = set(), [state]
        while todo:
            for following in TRANSITIONS[todo.pop()].values():
                if following not in reached:
                    reached.add(following)
                    todo.append(following)
        assert {State.CANCELLED, State.ENDED} <= reached, state
    assert all(not TRANSITIONS[state] for state in FINAL)


@given(st.lists(st.sampled_from(list(Fact)), max_size=30))
def test_whatever_comes_in_whatever_order_an_attempt_never_goes_back(facts: list[Fact]):
    progress = Progress(State.ACCEPTED)
    states = [progress.state]
    for fact in facts:
        progress = after(progress, Observation(fact))
        states.append(progress.state)
    for before, now in pairwise(states):
        if before in FINAL:
            assert now is before
        elif before in WAY and now in WAY:
            assert WAY.index(now) >= WAY.index(before)
        assert now is not State.ACCEPTED or before is State.ACCEPTED
    assert states.count(State.DIALLING) == 0 or Fact.CLAIMED in facts


@given(st.permutations([fact for fact, _ in STORY[1:]]), st.integers(0, 4))
def test_events_out_of_order_or_twice_end_where_the_call_ended(facts: list[Fact], twice: int):
    assert told(Fact.CLAIMED, *facts, facts[twice]).state is State.ENDED


def test_only_an_accepted_attempt_can_be_claimed():
    assert [state for state in State if Fact.CLAIMED in TRANSITIONS[state]] == [State.ACCEPTED]


def test_an_unknown_attempt_learns_better_from_what_the_switch_says_later():
    assert told(Fact.CLAIMED, Fact.OUTCOME_LOST) == Progress(State.UNKNOWN, Reason.OUT_OF_SIGHT)
    assert told(Fact.CLAIMED, Fact.OUTCOME_LOST, Fact.FIRST_RANG) == Progress(State.RINGING_FIRST)
    assert told(Fact.CLAIMED, Fact.OUTCOME_LOST, Fact.OUTCOME_LOST).state is State.UNKNOWN


def test_the_targets_own_reason_counts_more_than_how_the_first_leg_ended():
    busy = Observation(Fact.TARGET_LEG_ENDED, Reason.TARGET_BUSY)
    ended = Observation(Fact.HUNG_UP_UNCONNECTED)
    assert told(Fact.CLAIMED, Fact.FIRST_ANSWERED, busy, ended).reason is Reason.TARGET_BUSY
    assert told(Fact.CLAIMED, Fact.FIRST_ANSWERED, ended).reason is Reason.HUNG_UP_BEFORE_TARGET


def test_a_busy_target_whose_mailbox_answers_has_not_failed():
    busy = Observation(Fact.TARGET_LEG_ENDED, Reason.TARGET_BUSY)
    assert told(Fact.CLAIMED, Fact.FIRST_ANSWERED, busy, Fact.HUNG_UP) == Progress(
        State.ENDED, None, Reason.TARGET_BUSY
    )


def test_a_call_that_was_connected_when_it_vanished_has_ended_and_one_before_that_is_unknown():
    assert told(Fact.GONE, start=State.CONNECTED) == Progress(State.ENDED)
    assert told(Fact.GONE, start=State.RINGING_FIRST).state is State.UNKNOWN


def test_what_is_not_taken_up_in_time_fails_unless_a_worker_was_faster():
    assert told(Fact.EXPIRED).reason is Reason.NOT_DIALLED_IN_TIME
    assert told(Fact.CLAIMED, Fact.EXPIRED).state is State.DIALLING


def test_a_leg_that_shows_itself_after_the_cancel_must_be_hung_up():
    rang = Observation(Fact.FIRST_RANG)
    assert must_hang_up(State.CANCELLED, rang)
    assert not must_hang_up(State.CANCELLED, Observation(Fact.HUNG_UP_UNCONNECTED))
    assert not must_hang_up(State.RINGING_FIRST, rang)


def test_dialling_is_nobodys_business():
    assert shown(State.DIALLING) is State.ACCEPTED
    assert shown(State.CONNECTED) is State.CONNECTED


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_reason_has_words(language: str):
    assert set(WORDS) == set(Reason)
    assert all(words(reason, language) for reason in Reason)


def test_a_cause_nobody_listed_still_gives_a_reason():
    assert of_first_leg("SOMETHING_NEW") is Reason.FIRST_FAILED
    assert of_target("SOMETHING_NEW") is Reason.TARGET_FAILED
    assert of_target("LOSE_RACE") is None
