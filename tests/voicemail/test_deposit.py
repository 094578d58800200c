"""The dialogue of leaving a message, as plays: what happens, and what is ordered then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voicemail.deposit import (
    DISCARDED,
    FULL,
    GOODBYE,
    KEYS_IN_REVIEW,
    LEAST_FREE_BYTES,
    LIMIT_REACHED,
    MARKED_URGENT,
    NOT_NOW,
    NOT_URGENT,
    REVIEW,
    SWITCHED_OFF,
    THANKS,
    Ask,
    Beep,
    Began,
    CallerLeft,
    Deposit,
    Discard,
    Forget,
    HandOver,
    HangUp,
    Keep,
    MarkUrgent,
    NoRoom,
    OutOfTurn,
    Play,
    Played,
    Pressed,
    Record,
    Recorded,
    State,
    TakeNew,
    TheRecording,
)
from services.voicemail.mailbox import Mailbox
from services.voicemail.recording import Recording
from services.voicemail.welcome import AFTER_THE_TONE, IS_AWAY, IS_BUSY, MAILBOX_OF, OwnRecording, kind_played

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
        (Recorded(said(4200)), [Ask((REVIEW,))]),
        (Pressed("1"), [Keep(said(4200)), Play((THANKS,))]),
        (Played(), [HangUp()]),
    )
    assert dialogue.state is State.FINISHED


def test_the_hash_key_again_sends_it() -> None:
    play(*UP_TO_THE_TONE, (Recorded(said(4200)), [Ask((REVIEW,))]), (Pressed("#"), [Keep(said(4200)), Play((THANKS,))]))


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
    play(*UP_TO_THE_TONE,
         (Recorded(said(5600), "silence", silent_end_ms=5000), [Discard("too short"), Play((GOODBYE,))]))
    play(*UP_TO_THE_TONE, (Recorded(said(6000), "silence", silent_end_ms=5000), [Keep(said(6000)), Play((THANKS,))]))


def test_silence_that_is_not_in_the_file_takes_nothing_from_what_was_said() -> None:
    play(*UP_TO_THE_TONE, (Recorded(said(5000), "silence"), [Keep(said(5000)), Play((THANKS,))]))
    play(*UP_TO_THE_TONE, (Recorded(said(1500), "silence", silent_end_ms=480), [Keep(said(1500)), Play((THANKS,))]))


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
        (Recorded(said(2000), "silence", silent_end_ms=2000), [Discard("too short"), Play((GOODBYE,))]),
        (CallerLeft(said(2000)), []),
    )
    play(
        *UP_TO_THE_TONE,
        (Recorded(said(8000), "silence"), [Keep(said(8000)), Play((THANKS,))]),
        (CallerLeft(said(8000)), []),
    )


# Review

IN_REVIEW = [*UP_TO_THE_TONE, (Recorded(said(3000)), [Ask((REVIEW,))])]


AGAIN = [*IN_REVIEW, (Pressed("3"), [Beep(again=True)]), (Played(), [Record(120, 5)])]


def test_the_recording_is_heard_and_then_sent() -> None:
    play(
        *IN_REVIEW,
        (Pressed("2"), [Ask((TheRecording(), REVIEW))]),
        (Pressed("1"), [Keep(said(3000)), Play((THANKS,))]),
    )


def test_recorded_again_the_new_one_counts_and_stays_urgent() -> None:
    play(
        *IN_REVIEW,
        (Pressed("4"), [MarkUrgent(True), Ask((MARKED_URGENT, REVIEW))]),
        (Pressed("3"), [Beep(urgent=True, again=True)]),
        (Played(), [Record(120, 5)]),
        (Recorded(said(2000)), [TakeNew(), Ask((REVIEW,))]),
        (CallerLeft(said(2000)), [Keep(said(2000))]),
    )
    play(*AGAIN, (CallerLeft(said(2000)), [TakeNew(), Keep(said(2000))]))
    play(*AGAIN, (Recorded(said(2000), "silence"), [TakeNew(), Keep(said(2000)), Play((THANKS,))]))


def test_who_gives_up_while_recording_again_has_left_the_first() -> None:
    first = [Forget(), Keep(said(3000))]
    play(*AGAIN[:-1], (CallerLeft(), first))
    for left in (CallerLeft(), CallerLeft(said(999)), CallerLeft(said(2000), short=True)):
        play(*AGAIN, (left, first))
    play(*AGAIN, (Recorded(said(5400), "silence", silent_end_ms=5000), [*first, Play((THANKS,))]))


@pytest.mark.parametrize("vain", [Recorded(None), Recorded(said(300)), Recorded(said(300), "limit"),
                                  Recorded(said(2000), short=True)])
def test_what_was_said_again_and_is_no_message_leads_back_to_the_first(vain: Recorded) -> None:
    play(*AGAIN, (vain, [Forget(), Ask((REVIEW,))]), (Pressed("1"), [Keep(said(3000)), Play((THANKS,))]))


def test_urgent_is_switched_on_and_off() -> None:
    play(
        *IN_REVIEW,
        (Pressed("4"), [MarkUrgent(True), Ask((MARKED_URGENT, REVIEW))]),
        (Pressed("4"), [MarkUrgent(False), Ask((NOT_URGENT, REVIEW))]),
    )


def test_a_message_is_taken_back() -> None:
    play(*IN_REVIEW, (Pressed("*"), [Discard("taken back"), Play((DISCARDED,))]), (Played(), [HangUp()]))


def test_hanging_up_in_the_review_leaves_the_message() -> None:
    play(*IN_REVIEW, (CallerLeft(said(3000)), [Keep(said(3000))]))
    play(*IN_REVIEW, (CallerLeft(), [Keep(said(3000))]))


def test_no_key_is_asked_once_more_and_then_the_message_goes() -> None:
    play(*IN_REVIEW, (Pressed(None), [Ask((REVIEW,))]), (Pressed(None), [Keep(said(3000)), Play((THANKS,))]))


def test_a_key_without_a_meaning_is_asked_again() -> None:
    play(*IN_REVIEW, (Pressed(None), [Ask((REVIEW,))]), (Pressed("7"), [Ask((REVIEW,))]),
         (Pressed(None), [Ask((REVIEW,))]))


def test_nobody_holds_the_line_with_keys_for_ever() -> None:
    dialogue = play(*IN_REVIEW)
    for _ in range(KEYS_IN_REVIEW):
        dialogue.handle(Pressed("4"))
    assert dialogue.handle(Pressed("4")) == [Keep(said(3000)), Play((THANKS,))]


def test_at_the_limit_the_caller_is_told_and_asked() -> None:
    play(*UP_TO_THE_TONE, (Recorded(said(120_000), "limit"), [Ask((LIMIT_REACHED, REVIEW))]))


# The owner's own words

OWN = {"personal": "p", "busy": "b", "no_answer": "n", "name": "a"}


@pytest.mark.parametrize(("reason", "kind"), [
    ("busy", "busy"), ("no_answer", "no_answer"), ("not_reachable", "no_answer"), ("always", "personal"),
    ("direct", "personal"),
])
def test_the_owners_own_words_fit_the_reason_and_the_tone_follows(reason: Any, kind: str) -> None:
    assert kind_played(OWN, reason) == kind
    default = began(reason)
    ((instead,),) = [[order.sounds for order in Deposit().handle(default) if isinstance(order, Play)]]
    play((began(reason, greetings=OWN), [Play((OwnRecording(OWN[kind]),), instead)]))


def test_without_one_for_the_reason_the_personal_one_is_played() -> None:
    for reason in ("busy", "no_answer", "not_reachable"):
        assert kind_played({"personal": "p", "name": "a"}, reason) == "personal"  # type: ignore[arg-type]


@pytest.mark.parametrize(("reason", "sounds"), [
    ("busy", (OwnRecording("a"), IS_BUSY, AFTER_THE_TONE)),
    ("no_answer", (OwnRecording("a"), IS_AWAY, AFTER_THE_TONE)),
    ("not_reachable", (OwnRecording("a"), IS_AWAY, AFTER_THE_TONE)),
    ("always", (MAILBOX_OF, OwnRecording("a"), AFTER_THE_TONE)),
    ("direct", (MAILBOX_OF, OwnRecording("a"), AFTER_THE_TONE)),
])
def test_the_name_stands_in_the_default_greeting(reason: Any, sounds: tuple[Any, ...]) -> None:
    (order,) = Deposit().handle(began(reason, greetings={"name": "a"}))
    assert isinstance(order, Play)
    assert order.sounds == sounds
    assert order.instead[-1] == AFTER_THE_TONE


def test_the_star_key_leads_home_only_where_there_is_a_portal() -> None:
    at_home = Deposit()
    at_home.handle(Began(mailbox(), "no_answer", ROOM, portal=True))
    assert at_home.handle(Played("*")) == [HandOver()]
    assert at_home.state is State.FINISHED
    play(UP_TO_THE_TONE[0], (Played("*"), [Beep()]))
    skipped = Deposit()
    skipped.handle(Began(mailbox(), "no_answer", ROOM, portal=True))
    assert skipped.handle(Played("#")) == [Beep()]


# Refusals

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
    st.builds(Pressed, st.sampled_from([None, *"0123456789*#"])),
    st.builds(Recorded, st.none() | st.integers(0, 9000).map(said), st.sampled_from(["key", "silence", "limit"]),
              st.booleans(), st.integers(0, 5000)),
    st.builds(CallerLeft, st.none() | st.integers(0, 9000).map(said), st.booleans()),
)


@given(st.lists(_EVENTS, max_size=8).map(lambda events: [Played(), Played(), Recorded(said(3000)), *events])
       | st.lists(_EVENTS, max_size=8))
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
    reviewed = any(isinstance(order, Ask) for order in orders)
    recorded = any(isinstance(order, Beep) for order in orders)
    assert len(ends) <= 1, "kept or discarded twice"
    assert not ends or recorded
    assert not [end for end in ends if isinstance(end, Discard) and reviewed and end.why != "taken back"]
    if dialogue.state is State.FINISHED and recorded:
        assert len(ends) == 1


@pytest.mark.parametrize("why", [{"messages_left_to_quota": 0}, {"enabled": False}, {"free_bytes": 0}])
def test_the_owner_gets_in_although_nobody_can_leave_a_message(why: dict[str, Any]) -> None:
    room = why.get("free_bytes", ROOM)
    box = mailbox(**{name: value for name, value in why.items() if name != "free_bytes"})
    dialogue = Deposit()
    dialogue.handle(Began(box, "always", room, portal=True))
    assert dialogue.handle(Played("*")) == [HandOver()]
    dialogue = Deposit()
    dialogue.handle(Began(box, "always", room, portal=True))
    assert dialogue.handle(Played("#")) == [HangUp()]
