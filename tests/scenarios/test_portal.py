"""Listening by telephone: the portal from one's own telephone, from any, and from outside (V2, V6, F1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import gevent
import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.portal import PIN, Caller, enters, give_pin, has_messages, unlock
from tests.scenarios.spoken import hears
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_voicemail import delete_all, leave_message, mailbox_of, messages_of

OUTSIDE = "+491715550123"
ANNAS_NUMBER = "+49305550021"


@pytest.fixture(autouse=True)
def nobody_is_locked_out(stage: Stage) -> Iterator[None]:
    yield
    for who in ("anna", "bernd"):
        unlock(stage, who)


def states(stage: Stage, who: str) -> dict[str, str]:
    return {message["message_id"]: message["state"] for message in messages_of(stage, who)}


def reactions(stage: Stage) -> tuple[float, float]:
    """How many keys were answered, and how many of them within 200 ms of the switch's own clock."""
    text = stage.http("voicemail", "GET", "/metrics", token=None).content.decode()
    name = "pbx_voicemail_portal_reaction_seconds"
    return tuple(float(found[1]) if (found := re.search(rf"^{name}{what} (.+)$", text, re.MULTILINE)) else 0.0
                 for what in ("_count", r'_bucket\{le="0.2"\}'))  # type: ignore[return-value]


@proves("V2", "V4", "F1", "V6")
def test_new_messages_are_heard_passed_deleted_and_taken_back_each_key_answered_at_once(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    give_pin(stage, "anna")
    first, second = has_messages(stage, "anna", 600, 900)
    anna.message_lamp.wait_for(new=2)
    before = reactions(stage)
    caller = enters(stage, "anna").hears("portal-you-have", "number-2", "portal-new-many")
    caller.presses("1").hears_tone(600).presses("2").hears_tone(900)
    anna.message_lamp.wait_for(new=1)
    assert states(stage, "anna") == {first: "saved", second: "new"}
    caller.presses("3").hears("portal-deleted", "portal-message-menu")
    assert second not in states(stage, "anna")
    anna.message_lamp.wait_for(new=0)
    caller.presses("3").hears("portal-restored").presses("1").hears_tone(900)
    caller.presses("6").hears("portal-from", "number-0", "number-1", "number-7")
    caller.presses("7").hears("portal-kept-new").presses("4").hears_tone(600)
    caller.presses("9").hears("portal-message-menu")
    caller.presses("*").hears("portal-main-menu").presses("*").hears("mailbox-goodbye").is_let_go()
    assert states(stage, "anna") == {first: "saved", second: "new"}
    anna.message_lamp.wait_for(new=1)
    answered, at_once = (now - then for now, then in zip(reactions(stage), before, strict=True))
    assert answered >= 8
    assert at_once >= 0.8 * answered, f"only {at_once} of {answered} keys were answered within 200 ms"


@proves("V2")
def test_a_message_left_by_telephone_is_heard_by_telephone_as_it_was_spoken_in_english(stage: Stage) -> None:
    give_pin(stage, "bernd")
    delete_all(stage, "bernd")
    stage.telephones["anna"].register()
    with mailbox_of(stage, "bernd", on_always=True):
        leave_message(stage, "22", seconds=2)
        [message] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")
    caller = enters(stage, "bernd").hears("portal-you-have", "portal-one", "portal-new-one")
    caller.presses("1").hears_tone(700, seconds=1).hears("portal-message-menu")
    assert states(stage, "bernd") == {message["message_id"]: "saved"}, "heard to its end"
    # A colleague, with his extension, today.
    caller.presses("6").hears("portal-from", "number-2", "number-1")
    caller.call.hangup()


@proves("V2", "V6", "O2")
def test_from_outside_star_during_ones_own_greeting_leads_in_and_the_sender_is_called_back(stage: Stage) -> None:
    give_pin(stage, "anna")
    [message] = has_messages(stage, "anna", 600)
    carrier = stage.telephones.carrier
    with mailbox_of(stage, "anna", on_always=True):
        caller = Caller(stage, carrier.dial(ANNAS_NUMBER, from_number="+491715550177"))
        caller.hears("mailbox-greeting").presses("*").hears("portal-enter-pin").presses(f"{PIN}#")
        caller.hears("portal-you-have").presses("1").hears_tone(600).presses("5").hears("portal-calling-back")
        back = carrier.wait_for_ring(timeout_s=10)
        assert back.number.endswith(OUTSIDE[-10:])
        assert ANNAS_NUMBER[1:] in back.shown_number + "".join(back.headers.values())
        back.answer()
        caller.call.send_digits("7")
        back.wait_for_digits("7")
        back.hangup()
        caller.call.wait_for("ended")
    assert states(stage, "anna") == {message: "saved"}


@proves("V2", "V6")
def test_a_sender_who_may_not_be_called_is_not_called_back(stage: Stage) -> None:
    give_pin(stage, "anna")
    has_messages(stage, "anna", 600, caller_number="+4990055512")
    caller = enters(stage, "anna").hears("portal-you-have").presses("1").hears_tone(600)
    caller.presses("5").hears("number-barred")
    caller.call.wait_for("ended", timeout_s=15)
    assert stage.telephones.carrier.stays_silent()
    has_messages(stage, "anna", 600, caller_number=None)
    caller = enters(stage, "anna").hears("portal-you-have").presses("1").hears_tone(600)
    caller.presses("5").hears("portal-no-number")
    caller.presses("6").hears("portal-from-withheld")


@proves("V6", "V2", "F1")
def test_wrong_mailbox_wrong_pin_and_a_lock_sound_the_same(stage: Stage) -> None:
    give_pin(stage, "anna")
    has_messages(stage, "anna", 600)
    clara = stage.telephones["clara"].register()

    def tries(*entries: str) -> Call:
        """Mailbox and PIN after each other, each refused."""
        caller = Caller(stage, clara.dial("*62")).hears("portal-welcome-any")
        for entry in entries:
            caller.presses(entry).hears("portal-enter-pin").presses("1#").hears("portal-wrong")
        return caller.call

    # No such mailbox, Konkurrenz's number, Bernd's without the right PIN: the third ends the call.
    last = tries("99#", "555#", "22#")
    last.wait_for("ended", timeout_s=15)
    assert last.end_cause == "NORMAL_CLEARING"
    for _ in range(2):
        tries("21#", "21#", "21#").hangup()
    caller = enters(stage, "anna").hears("portal-wrong")
    caller.call.hangup()
    pin = stage.http("voicemail", "GET", "/v1/mailbox/pin", token="anna").body
    assert (pin["failures"], pin["needs_operator"]) == (5, False)
    assert pin["locked_until"] is not None
    unlock(stage, "anna")
    caller = Caller(stage, clara.dial("*62")).hears("portal-welcome-any").presses("21#").hears("portal-enter-pin")
    caller.presses(f"{PIN}#").hears("portal-you-have", "portal-one")


@proves("V1", "V2")
def test_a_greeting_recorded_by_telephone_is_what_callers_hear(stage: Stage) -> None:
    give_pin(stage, "anna")
    has_messages(stage, "anna")
    caller = enters(stage, "anna").hears("portal-new-none").presses("3").hears("portal-greetings-menu")
    caller.presses("1").hears("portal-greeting-personal").presses("1").hears("portal-greeting-none")
    caller.presses("2").hears("portal-record-now")
    stage.wait_for_beep(caller.recording)
    caller.speaks(500).presses("#").hears("portal-recorded-menu").presses("2").hears_tone(500, seconds=1)
    caller.presses("1").hears("portal-saved")
    with mailbox_of(stage, "anna", on_always=True):
        other = Caller(stage, stage.telephones["clara"].register().dial("21"))
        other.hears_tone(500, seconds=1)
        other.call.hangup()
        caller.presses("3").hears("portal-deleted")
        caller.call.hangup()
        other = Caller(stage, stage.telephones["clara"].dial("21")).hears("mailbox-greeting")
        other.call.hangup()


@proves("V6", "V2")
def test_the_pin_is_changed_by_telephone_and_an_easy_one_is_refused(stage: Stage) -> None:
    give_pin(stage, "bernd")
    has_messages(stage, "bernd")
    caller = enters(stage, "bernd").hears("portal-new-none").presses("4").hears("portal-new-pin")
    caller.presses("123456#").hears("portal-pin-trivial").presses("482915#").hears("portal-new-pin-again")
    caller.presses("482915#").hears("portal-pin-changed")
    caller.call.hangup()
    caller = enters(stage, "bernd").hears("portal-wrong").presses("482915#").hears("portal-new-none")
    caller.call.hangup()


@proves("F1", "V4")
def test_the_lamp_is_put_out_by_code_until_the_next_message(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd = stage.telephones["bernd"].register()
    [old] = has_messages(stage, "bernd", 600)
    bernd.message_lamp.wait_for(new=1)
    hears(bernd.dial("*99"), "en", "message-lamp-cleared")
    bernd.message_lamp.wait_for(new=0)
    assert states(stage, "bernd") == {old: "new"}
    bernd.unregister()
    bernd.register()
    bernd.message_lamp.wait_for(new=0)
    with mailbox_of(stage, "bernd", on_always=True):
        leave_message(stage, "22", seconds=1.5)
    bernd.message_lamp.wait_for(new=1)


@proves("F1", "V2", "V1")
def test_a_caller_is_transferred_to_a_mailbox_which_does_not_ring(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    delete_all(stage, "bernd")
    outside = stage.telephones.carrier.dial(ANNAS_NUMBER, from_number=OUTSIDE)
    answered = anna.wait_for_ring().answer()
    outside.wait_for("answered")
    recording = outside.record()
    answered.transfer("*5522")
    stage.wait_for_beep(recording)
    outside.speak("tone:700")
    gevent.sleep(2)  # speaking takes its time
    outside.hangup()
    [message] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")
    assert (message["reason"], message["caller"]["number"]) == ("direct", OUTSIDE)
    assert bernd.stays_silent()
    hears(anna.dial("*5599"), "de", "number-not-assigned")
    hears(anna.dial("*55"), "de", "code-number-missing")



@proves("V2", "V6")
def test_with_the_service_away_nobody_is_let_in_and_he_hears_so(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    instances.stop_process(stage.instance, "voicemail")
    try:
        caller = Caller(stage, anna.dial("*86")).hears("code-not-possible-now")
        caller.call.wait_for("ended", timeout_s=15)
    finally:
        instances.start_process(stage.instance, "voicemail")
        instances.wait_until_healthy(stage.instance, ["voicemail"], timeout_s=60)
