"""The dialogue of leaving a message, as plays: what happens, and what is ordered then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voicemail.deposit import (
    AFTER_THE_TONE,
    FULL,
    GOODBYE,
    LEAST_FREE_BYTES,
    NOT_NOW,
    SWITCHED_OFF,
    THANKS,
    Beep,
    Began,
    CallerLeft,
    Deposit,
    Discard,
    HangUp,
    Keep,
    NoRoom,
    OutOfTurn,
    Play,
    Played,
    Record,
    Recorded,
    State,
)
from services.voicemail.mailbox import Mailbox
from services.voicemail.recording import Recording

ROOM = LEAST_FREE_BYTES


def mailbox(**changes: Any) -> Mailbox:
    return Mailbox(1, 21, **{"max_message_s": 120, "silence_end_s": 5, **changes})


def said(ms: int) -> Recording:
    return Recording(sample_rate=8000, channels=1, samples=8 * ms, audio_bytes=44 + 16 * ms, closed=True)


def began(reason: Any = "no_answer", free_bytes: int = ROOM, **changes: Any) -> Began:
    return Began(mailbox(**changes), reason, free_bytes)


def play(*scenes: tuple[Any, list[Any]]) -> Deposit:
    dialogue = Deposit()
    for event, ordered in scenes:
        assert dialogue.handle(event) == ordered, event
    return dialogue


UP_TO_THE_TONE = [
    (began(), [Play(("mailbox-greeting-no-answer", AFTER_THE_TONE))]),
    (Played(), [Beep()]),
    (Played(), [Record(120, 5)]),
]


def test_a_message_is_kept_and_thanked_for() -> None:
    dialogue = play(
        *UP_TO_THE_TONE,
        (Recorded(said(4200)), [Keep(said(4200)), Play((THANKS,))]),
        (Played(), [HangUp()]),
    )
    assert dialogue.state is State.FINISHED


@pytest.mark.parametrize(
    ("reason", "greeting"),
    [("busy", "mailbox-greeting-busy"), ("no_answer", "mailbox-greeting-no-answer"),
     ("always", "mailbox-greeting"), ("not_reachable", "mailbox-greeting-no-answer")],
)
def test_the_greeting_says_why_nobody_answers(reason: str, greeting: str) -> None:
    play((began(reason), [Play((greeting, AFTER_THE_TONE))]))


def test_a_caller_who_hangs_up_is_kept_with_what_he_said() -> None:
    play(*UP_TO_THE_TONE, (CallerLeft(said(1000)), [Keep(said(1000))]))


def test_less_than_a_second_is_no_message_and_sounds_like_nothing_odd() -> None:
    play(*UP_TO_THE_TONE, (CallerLeft(said(999)), [Discard("too short")]))
    play(
        *UP_TO_THE_TONE,
        (Recorded(said(400)), [Discard("too short"), Play((GOODBYE,))]),
        (Played(), [HangUp()]),
    )


def test_silence_at_the_end_does_not_count_as_a_message() -> None:
    play(*UP_TO_THE_TONE, (Recorded(said(5600), by_silence=True), [Discard("too short"), Play((GOODBYE,))]))
    play(*UP_TO_THE_TONE, (Recorded(said(6000), by_silence=True), [Keep(said(6000)), Play((THANKS,))]))


@pytest.mark.parametrize("scenes", [0, 1, 2])
def test_hanging_up_before_the_recording_leaves_nothing(scenes: int) -> None:
    dialogue = play(*UP_TO_THE_TONE[:scenes])
    orders = dialogue.handle(CallerLeft())
    assert not [order for order in orders if isinstance(order, Keep)]
    assert dialogue.state is State.FINISHED
    # From the beep on there is a note that must go.
    assert orders == ([Discard("too short")] if scenes == 2 else [])


def test_hanging_up_during_the_thanks_keeps_the_message_once() -> None:
    play(
        *UP_TO_THE_TONE,
        (Recorded(said(2000)), [Keep(said(2000)), Play((THANKS,))]),
        (CallerLeft(said(2000)), []),
    )


def test_a_full_mailbox_says_so() -> None:
    play((began(messages_left_to_quota=0), [Play((FULL,))]), (Played(), [HangUp()]))


def test_too_little_room_on_the_disk_is_told_before_the_caller_speaks() -> None:
    play((began(free_bytes=ROOM - 1), [Play((NOT_NOW,))]), (Played(), [HangUp()]))


def test_a_mailbox_that_is_switched_off_takes_nothing() -> None:
    play((began(enabled=False), [Play((SWITCHED_OFF,))]), (Played(), [HangUp()]))


def test_a_disk_that_filled_up_while_speaking_is_told_and_nothing_is_half_kept() -> None:
    play(
        *UP_TO_THE_TONE,
        (Recorded(said(3000), short=True), [Discard("the disk is full"), Play((NOT_NOW,))]),
        (Played(), [HangUp()]),
    )


def test_a_caller_who_cannot_be_told_any_more_is_kept_as_far_as_it_goes() -> None:
    play(*UP_TO_THE_TONE, (CallerLeft(said(3000), short=True), [Keep(said(3000), incomplete=True)]))


def test_no_recording_without_its_note() -> None:
    play(
        *UP_TO_THE_TONE[:2],
        (NoRoom(), [Discard("no room for the note"), Play((NOT_NOW,))]),
        (Played(), [HangUp()]),
    )


def test_an_event_out_of_turn_is_a_defect() -> None:
    with pytest.raises(OutOfTurn):
        play((Played(), []))


_EVENTS = st.one_of(
    st.builds(Played),
    st.builds(NoRoom),
    st.builds(Recorded, st.none() | st.integers(0, 9000).map(said), st.booleans(), st.booleans()),
    st.builds(CallerLeft, st.none() | st.integers(0, 9000).map(said), st.booleans()),
)


@given(st.lists(_EVENTS, max_size=8))
def test_whatever_happens_a_message_is_kept_or_discarded_at_most_once(events: list[Any]) -> None:
    dialogue = Deposit()
    orders = dialogue.handle(began())
    for event in events:
        if dialogue.state is State.FINISHED:
            break
        try:
            orders += dialogue.handle(event)
        except OutOfTurn:
            break
    ends = [order for order in orders if isinstance(order, Keep | Discard)]
    recorded = any(isinstance(order, Beep) for order in orders)
    assert len(ends) <= 1
    assert not ends or recorded
    if dialogue.state is State.FINISHED and recorded:
        assert len(ends) == 1
