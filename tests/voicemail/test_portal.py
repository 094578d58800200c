"""The portal's dialogue, played: keys in, what is said and done out. No switch, no database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.voicemail.portal import announcing, asking, dialogue, listening, spoken
from services.voicemail.portal.asking import WRONG_KEY
from services.voicemail.portal.dialogue import Begin, portal
from services.voicemail.portal.words import (
    Box,
    CallBack,
    CheckPin,
    Command,
    Done,
    Draft,
    Event,
    Fetch,
    FindGreeting,
    Found,
    GreetingAudio,
    HangUp,
    Key,
    Mark,
    Message,
    MessageAudio,
    Messages,
    Missing,
    NotNow,
    OutOfTurn,
    RecordDraft,
    Recorded,
    Refused,
    RemoveGreeting,
    SaveDraft,
    SavePin,
    Say,
    Silence,
    Speak,
    Wait,
)

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
PIN = "907415"
ANNA = Box(1, 21, "de", "Europe/Berlin", numbers=("21", "+4930555021"), new=2)
CATALOGUE = yaml.safe_load((Path(__file__).parents[2] / "shared" / "prompts.yaml").read_text())


def message(number: int, **changes: Any) -> Message:
    return replace(Message(str(number), NOW - timedelta(minutes=number), "+491715550100"), **changes)


@dataclass
class Telephone:
    """Plays one caller: his keys, one whenever the dialogue listens; "-" is a while of nothing, "." a prompt or
    message heard to its end. What the database and the disk would say stands in `answers`, else the usual."""

    keys: str
    new: tuple[Message, ...] = (message(1), message(2))
    saved: tuple[Message, ...] = ()
    box: Box = ANNA
    answers: dict[type[Command], list[Event]] = field(default_factory=dict)
    done: list[Command] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    """Everything that began to be said, sounds one after the other."""

    def call(self, begin: Begin | None = None) -> Telephone:
        conversation = portal(begin or Begin(NOW))
        command = next(conversation)
        for _ in range(500):
            if isinstance(command, HangUp | CallBack):
                self.done.append(command)
                assert list(conversation) == [], "something came after the end"
                return self
            command = conversation.send(self._answer(command))
        raise AssertionError("it never ended")

    def _answer(self, command: Command) -> Event:
        if isinstance(command, Say):
            self.said.extend(command.sounds)
            return self._key(Done())
        if isinstance(command, Wait):
            return self._key(Silence())
        self.done.append(command)
        if self.answers.get(type(command)):
            return self.answers[type(command)].pop(0)
        match command:
            case CheckPin(_, pin):
                return self.box if pin == PIN else Refused()
            case Fetch(kind):
                return Messages(self.new if kind == "new" else self.saved)
            case FindGreeting():
                return Found(None)
            case RecordDraft():
                return Recorded(True)
        return Done()

    def _key(self, nothing: Event) -> Event:
        if not self.keys:
            return nothing
        key, self.keys = self.keys[0], self.keys[1:]
        return nothing if key in "-." else Key(key)

    def marks(self) -> list[tuple[str, str]]:
        return [(order.message_id, order.as_) for order in self.done if isinstance(order, Mark)]


IN = f"{PIN}#"


def test_whoever_knows_the_pin_hears_how_many_there_are_in_his_own_language() -> None:
    call = Telephone(IN + "*").call()
    assert call.done == [CheckPin(None, PIN), Speak("de"), HangUp()]
    assert call.said == ["portal-enter-pin", "portal-you-have", "number-2", "portal-new-many", "portal-main-menu",
                         "mailbox-goodbye"]


def test_any_mailbox_is_asked_for_and_hash_alone_is_ones_own() -> None:
    whose = Begin(NOW, asks_whose=True)
    assert Telephone("22#" + IN + "*").call(whose).done[0] == CheckPin("22", PIN)
    assert Telephone("#" + IN + "*").call(whose).done[0] == CheckPin(None, PIN)


def test_three_tries_a_call_then_it_ends() -> None:
    call = Telephone("111111#" * 5).call()
    assert call.done == [*[CheckPin(None, "111111")] * 3, HangUp()]
    assert call.said == ["portal-enter-pin", *["portal-wrong", "portal-enter-pin"] * 2, "portal-wrong",
                         "mailbox-goodbye"]


def test_a_pin_taken_back_with_star_is_no_try_at_the_mailbox_and_one_of_the_call() -> None:
    assert Telephone("90*" + IN + "*").call().done[0] == CheckPin(None, PIN)
    assert Telephone("*" * 9).call().done == [HangUp()]


def test_a_pin_can_be_ended_by_a_pause_instead_of_hash() -> None:
    assert Telephone(PIN + "-*").call().done[0] == CheckPin(None, PIN)


def test_with_the_database_away_nobody_is_let_in_and_he_hears_that() -> None:
    call = Telephone(IN, answers={CheckPin: [NotNow()]}).call()
    assert call.said[-1] == "code-not-possible-now"
    assert call.done[-1] == HangUp()


@pytest.mark.parametrize("keys", ["", IN, IN + "1", IN + "3", IN + "31", IN + "4"])
def test_whoever_presses_nothing_any_more_is_said_goodbye_to(keys: str) -> None:
    call = Telephone(keys).call()
    assert call.done[-1] == HangUp()
    assert call.said[-1] == "mailbox-goodbye"


def test_a_key_that_means_nothing_is_answered_with_the_menu_again() -> None:
    call = Telephone(IN + "9*").call()
    assert call.said[-3:] == [WRONG_KEY, "portal-main-menu", "mailbox-goodbye"]


def test_a_message_heard_to_its_end_is_saved_and_its_keys_are_told() -> None:
    # "1" new messages; the number, the message to its end, then * and *
    call = Telephone(IN + "1..**").call()
    assert call.marks() == [("1", "saved")]
    assert call.said[5:8] == ["portal-message", "number-1", MessageAudio("1")]
    assert "portal-message-menu" in call.said


def test_left_in_the_middle_a_message_stays_new() -> None:
    assert Telephone(IN + "1.**").call().marks() == []


def test_passed_with_two_it_is_saved_and_the_next_one_plays() -> None:
    call = Telephone(IN + "1.2.**").call()
    assert call.marks() == [("1", "saved")]
    assert MessageAudio("2") in call.said


def test_after_the_last_one_there_are_no_more_and_the_main_menu_follows() -> None:
    call = Telephone(IN + "1.2.2*").call()
    assert call.marks() == [("1", "saved"), ("2", "saved")]
    assert call.said[-3:] == ["portal-no-more", "portal-main-menu", "mailbox-goodbye"]


def test_repeat_plays_the_very_message_again() -> None:
    call = Telephone(IN + "1.1**").call()
    assert call.said.count(MessageAudio("1")) == 2
    assert call.said.count("portal-message") == 1


def test_deleted_goes_on_to_the_next_and_back_with_four_it_can_be_taken_back() -> None:
    call = Telephone(IN + "1.3..4.3**").call()
    assert call.marks() == [("1", "deleted"), ("1", "restored")]
    at = call.said.index("portal-is-deleted")
    assert call.said[at - 2: at] == ["portal-message", "number-1"]
    assert "portal-restored" in call.said


def test_what_was_deleted_is_not_marked_as_heard_besides() -> None:
    call = Telephone(IN + "1.3.4.2**", new=(message(1), message(2))).call()
    assert call.marks() == [("1", "deleted")]


def test_the_last_one_deleted_stays_at_hand_to_be_taken_back() -> None:
    call = Telephone(IN + "1.3-3**", new=(message(1),)).call()
    assert call.marks() == [("1", "deleted"), ("1", "restored")]


def test_a_full_mailbox_takes_nothing_back_and_says_so() -> None:
    call = Telephone(IN + "1.33**", new=(message(1),), answers={Mark: [Done(), Refused()]}).call()
    assert "portal-not-restored" in call.said


def test_before_the_first_there_is_nothing() -> None:
    assert "portal-first" in Telephone(IN + "1.4**").call().said


def test_who_and_when_in_the_subscribers_own_zone() -> None:
    call = Telephone(IN + "1.6**", new=(message(1, left_at=datetime(2026, 11, 21, 23, 5, tzinfo=UTC)),)).call()
    at = call.said.index("portal-from")
    assert call.said[at + 1: at + 13] == [f"number-{digit}" for digit in "01715550100"] + ["today"]
    assert call.said[at + 13: at + 16] == ["clock-at", "clock-hour-0", "number-5"]


def test_a_colleague_is_named_by_his_own_voice() -> None:
    call = Telephone(IN + "1.6**", new=(message(1, caller_name_id="n"),)).call()
    assert call.said[call.said.index("portal-from") + 1] == GreetingAudio("n")


def test_a_withheld_number_is_neither_told_nor_called_back() -> None:
    call = Telephone(IN + "1.65**", new=(message(1, caller_number=None),)).call()
    assert "portal-from-withheld" in call.said
    assert "portal-no-number" in call.said
    assert call.done[-1] == HangUp()


def test_calling_back_ends_the_dialogue_and_saves_the_message() -> None:
    call = Telephone(IN + "1.5").call()
    assert call.done[-2:] == [Mark("1", "saved"), CallBack("+491715550100")]
    assert call.said[-1] == "portal-calling-back"


def test_kept_as_new_it_is_new_although_it_was_heard() -> None:
    call = Telephone(IN + "1..72.**").call()
    assert call.marks() == [("1", "saved"), ("1", "new")]


def test_urgent_ones_say_so() -> None:
    call = Telephone(IN + "1.**", new=(message(1, urgent=True),)).call()
    assert call.said[5:8] == ["portal-message", "number-1", "portal-urgent"]


def test_a_message_whose_sound_is_gone_is_told_of() -> None:
    conversation = portal(Begin(NOW))
    command: Command = next(conversation)
    keys = iter(IN + "1")
    while not (isinstance(command, Say) and MessageAudio("1") in command.sounds):
        answer: Event = Done()
        if isinstance(command, CheckPin):
            answer = ANNA
        elif isinstance(command, Fetch):
            answer = Messages((message(1),))
        elif isinstance(command, Say | Wait) and not (isinstance(command, Say) and "portal-message" in command.sounds):
            answer = Key(next(keys))
        command = conversation.send(answer)
    assert conversation.send(Missing()) == Say(("portal-gone", "portal-message-menu"))


def test_no_messages_is_said_before_the_main_menu() -> None:
    call = Telephone(IN + "12*", new=()).call()
    assert call.said[-5:] == ["portal-no-new", "portal-main-menu", "portal-no-saved", "portal-main-menu",
                              "mailbox-goodbye"]


def test_a_greeting_is_recorded_heard_and_saved() -> None:
    call = Telephone(IN + "322.2.1**").call()
    assert call.done[2:] == [RecordDraft(120), SaveDraft("busy"), HangUp()]
    assert Draft() in call.said
    assert "portal-saved" in call.said


def test_a_name_may_be_ten_seconds_long() -> None:
    assert RecordDraft(10) in Telephone(IN + "342.***").call().done


def test_a_recording_can_be_thrown_away_or_made_again() -> None:
    call = Telephone(IN + "312.3.***").call()
    assert call.done[2:] == [RecordDraft(120), RecordDraft(120), HangUp()]
    assert "portal-discarded" in call.said


def test_a_recording_of_nothing_is_not_offered_to_be_saved() -> None:
    call = Telephone(IN + "312.***", answers={RecordDraft: [Recorded(False)]}).call()
    assert "portal-recording-short" in call.said
    assert "portal-recorded-menu" not in call.said


def test_a_recording_the_disk_does_not_take_is_told_of() -> None:
    call = Telephone(IN + "312.1***", answers={SaveDraft: [Refused()]}).call()
    assert "portal-not-saved" in call.said


def test_a_greeting_is_heard_and_removed() -> None:
    call = Telephone(IN + "3113**" + "*", answers={FindGreeting: [Found("g")]}).call()
    assert GreetingAudio("g") in call.said
    assert RemoveGreeting("personal") in call.done
    assert "portal-greeting-none" in Telephone(IN + "311***").call().said


def test_a_new_pin_is_entered_twice() -> None:
    call = Telephone(IN + "4482915#482915#*").call()
    assert SavePin("482915") in call.done
    assert "portal-pin-changed" in call.said


@pytest.mark.parametrize(("new", "problem"), [
    ("12", "portal-pin-length"), ("12345678901", "portal-pin-length"), ("123456", "portal-pin-trivial"),
    ("444444", "portal-pin-trivial"), ("555021", "portal-pin-trivial"), ("212121", "portal-pin-trivial"),
    ("", "portal-pin-length"),
])
def test_a_pin_that_breaks_a_rule_is_refused_and_asked_for_again(new: str, problem: str) -> None:
    ended = new if len(new) > 10 else new + "#"
    call = Telephone(IN + "4" + ended + "482915#482915#*").call()
    assert problem in call.said
    assert [order for order in call.done if isinstance(order, SavePin)] == [SavePin("482915")]


def test_two_different_entries_and_a_cancelled_one_change_nothing() -> None:
    call = Telephone(IN + "4482915#482916#**").call()
    assert "portal-pin-different" in call.said
    assert "portal-pin-not-changed" in call.said
    assert not any(isinstance(order, SavePin) for order in call.done)


def test_an_answer_that_is_none_is_a_defect() -> None:
    conversation = portal(Begin(NOW))
    next(conversation)
    with pytest.raises(OutOfTurn):
        conversation.send(Found(None))


@given(keys=st.text("0123456789*#-.", max_size=60), away=st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_is_pressed_it_ends_and_only_a_right_pin_opens_anything(keys: str, away: bool) -> None:
    answers: dict[type[Command], list[Event]] = {Mark: [NotNow()]} if away else {}
    for typed in (keys, IN + keys):
        call = Telephone(typed, answers=dict(answers)).call()
        opened = [order for order in call.done if not isinstance(order, CheckPin | HangUp)]
        assert not opened or CheckPin(None, PIN) in call.done


def test_every_prompt_of_the_portal_is_in_the_catalogue_in_both_languages() -> None:
    said = {*dialogue.PROMPTS, *listening.PROMPTS, *announcing.PROMPTS, asking.WRONG_KEY,
            *spoken.how_many_new(0), *spoken.how_many_new(1), *spoken.how_many_new(2), *spoken.count(60),
            "portal-from", "portal-from-withheld", "plus"}
    for minute in range(60):
        for language in ("de", "en"):
            said |= set(spoken.clock(datetime(2026, 1, 1, minute % 24, minute, tzinfo=UTC), language))
    for day in range(366):
        at = datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        for language in ("de", "en"):
            said |= set(spoken.when(at, NOW, "Europe/Berlin", language))  # type: ignore[arg-type]
    said |= {*spoken.when(NOW, NOW, "UTC", "de"), *spoken.when(NOW - timedelta(days=1), NOW, "UTC", "en")}
    for name in sorted(said):
        assert CATALOGUE[name]["de"].strip(), name
        assert CATALOGUE[name]["en"].strip(), name


@pytest.mark.parametrize(("hour", "minute", "de", "en"), [
    (0, 0, ("clock-hour-0",), ("clock-hour-0", "clock-am")),
    (14, 5, ("clock-hour-14", "number-5"), ("clock-hour-14", "clock-oh", "number-5", "clock-pm")),
    (9, 30, ("clock-hour-9", "number-30"), ("clock-hour-9", "number-30", "clock-am")),
])
def test_the_time_as_one_says_it(hour: int, minute: int, de: tuple[str, ...], en: tuple[str, ...]) -> None:
    at = datetime(2026, 1, 1, hour, minute, tzinfo=UTC)
    assert spoken.clock(at, "de") == de
    assert spoken.clock(at, "en") == en


def test_the_day_changes_at_the_subscribers_midnight_also_when_the_clocks_change() -> None:
    before = datetime(2026, 10, 24, 21, 59, tzinfo=UTC)   # 23:59 in Berlin, the night the clocks go back
    after = datetime(2026, 10, 24, 22, 1, tzinfo=UTC)
    now = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)      # 23:30 in Berlin, in winter time
    assert spoken.when(before, now, "Europe/Berlin", "de")[0] == "yesterday"
    assert spoken.when(after, now, "Europe/Berlin", "de")[0] == "today"
    assert spoken.when(before, now, "Europe/Berlin", "de")[2:] == ("clock-hour-23", "number-59")
    assert spoken.when(datetime(2026, 3, 3, 8, 0, tzinfo=UTC), now, "Europe/Berlin", "en") == (
        "month-3", "day-3", "clock-at", "clock-hour-9", "clock-am")
