"""What a caller hears at a mailbox: the owner's own words for the reason of the call, his name, a default (V1, V5)."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import numpy
import pytest

from operations.story_report import proves
from tests.scenarios.spoken import LIKE, likeness, prompt, says_in_full, starts_hearing
from tests.scenarios.stage import BEEP_HZ, Sound, Stage
from tests.scenarios.telephones import Call
from tests.scenarios.test_voicemail import delete_all, mailbox_of, messages_of

PERSONAL_HZ, BUSY_HZ, NAME_HZ = 500, 850, 700


def tone(hz: int, seconds: float = 1.5, rate: int = 44_100) -> bytes:
    """As somebody's computer would write it."""
    samples = (9000 * numpy.sin(2 * numpy.pi * hz * numpy.arange(int(seconds * rate)) / rate)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


@contextmanager
def greetings(stage: Stage, whose: str, seconds: float = 1.5, **tones: int) -> Iterator[None]:
    """The person's own recordings for the while, uploaded by himself."""
    try:
        for kind, hz in tones.items():
            answer = stage.http("voicemail", "PUT", f"/v1/greetings/{kind}", token=whose, content=tone(hz, seconds),
                                headers={"Content-Type": "audio/wav"})
            assert answer.status == 200, answer.body
            assert answer.body["in_use"]
        yield
    finally:
        for kind in tones:
            stage.http("voicemail", "DELETE", f"/v1/greetings/{kind}", token=whose)


def until_the_beep(stage: Stage, call: Call) -> Sound:
    """What the caller hears from the answer to the beep."""
    recording = starts_hearing(call)
    stage.wait_for_beep(recording)
    return Sound.so_far(recording)


def is_said(heard: Sound, language: str, name: str) -> bool:
    return likeness(heard.samples.astype(float), prompt(language, name))[0] >= LIKE


@proves("V1", "R11")
def test_the_owners_own_words_are_heard_for_the_reason_of_the_call(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    with (greetings(stage, "bernd", personal=PERSONAL_HZ, busy=BUSY_HZ),
          mailbox_of(stage, "bernd", on_always=False, on_busy=True, deliver_as_mail=False)):
        call = anna.dial("22")
        bernd.wait_for_ring().reject(486)
        heard = until_the_beep(stage, call)
        call.hangup()
        assert heard.seconds_of(BUSY_HZ) >= 1, "the greeting for a busy line"
        assert heard.seconds_of(PERSONAL_HZ) < 0.2
        assert heard.seconds < 4.5, "nothing but the greeting before the beep"
        with mailbox_of(stage, "bernd", on_always=True):
            call = anna.dial("22")
            heard = until_the_beep(stage, call)
            call.hangup()
            assert heard.seconds_of(PERSONAL_HZ) >= 1, "the one for every other reason"
            off = stage.http("voicemail", "PATCH", "/v1/greetings/personal", token="bernd", json_body={"in_use": False})
            assert off.body["recorded"]
            call = anna.dial("22")
            recording = starts_hearing(call)
            stage.wait_until(lambda: is_said(Sound.so_far(recording), "en", "mailbox-greeting"), 15, "the default")
            call.hangup()
            assert Sound.so_far(recording).seconds_of(PERSONAL_HZ) < 0.8, "switched off it is kept, and not heard"


@proves("V1")
def test_the_name_is_spoken_within_the_default_greeting_of_the_owners_language(stage: Stage) -> None:
    stage.telephones["bernd"].register()
    stage.telephones["anna"].register()
    with greetings(stage, "anna", name=NAME_HZ), mailbox_of(stage, "anna", on_always=True, deliver_as_mail=False):
        call = stage.telephones["bernd"].dial("21")
        heard = until_the_beep(stage, call)
        call.hangup()
    assert is_said(heard, "de", "mailbox-of")
    assert heard.seconds_of(NAME_HZ) >= 1
    assert is_said(heard, "de", "mailbox-after-the-tone")
    assert not is_said(heard, "de", "mailbox-greeting")


@proves("V1")
def test_a_key_skips_the_greeting(stage: Stage) -> None:
    stage.telephones["anna"].register()
    with mailbox_of(stage, "clara", on_always=True, deliver_as_mail=False):
        call = stage.telephones["anna"].dial("23")
        recording = starts_hearing(call)
        stage.wait_until(lambda: Sound.so_far(recording).seconds >= 1, 10, "the beginning of the greeting")
        call.send_digits("#")
        stage.wait_for_beep(recording)
        heard = Sound.so_far(recording)
        call.hangup()
    whole = len(prompt("de", "mailbox-greeting")) + len(prompt("de", "mailbox-after-the-tone"))
    assert heard.seconds < whole / heard.rate, "the beep came before the greeting could have ended"


@proves("V1")
@pytest.mark.parametrize(("content", "says"), [
    (b"GIF89a, and no sound at all", "cannot be read"),
    (tone(PERSONAL_HZ, 13), "longer than 10 s"),
    (b"", "nothing in it"),
], ids=["no sound", "too long for a name", "empty"])
def test_an_upload_that_is_no_greeting_is_refused_by_name(stage: Stage, content: bytes, says: str) -> None:
    answer = stage.http("voicemail", "PUT", "/v1/greetings/name", token="clara", content=content,
                        headers={"Content-Type": "audio/wav"})
    assert (answer.status, answer.body["field"]) == (422, "file")
    assert says in answer.body["message"]
    stands = stage.http("voicemail", "GET", "/v1/greetings", token="clara").body
    assert not any(one["recorded"] for one in stands["greetings"])
    assert stage.http("voicemail", "GET", "/v1/greetings/name/audio", token="clara").status == 404


@proves("V1", "N1")
def test_greetings_are_their_owners_alone(stage: Stage) -> None:
    with greetings(stage, "bernd", busy=BUSY_HZ):
        mine = stage.http("voicemail", "GET", "/v1/greetings/busy/audio", token="bernd",
                          headers={"Range": "bytes=0-43"})
        assert (mine.status, mine.content[:4]) == (206, b"RIFF")
        whose = f"?company_id={stage.company_id()}&subscriber_id={stage.subscriber_id('bernd')}"
        for method, path in (("GET", "/busy/audio"), ("DELETE", "/busy"), ("GET", "")):
            assert stage.http("voicemail", method, f"/v1/greetings{path}{whose}", token="anna").status == 404
            assert stage.http("voicemail", method, f"/v1/greetings{path}", token=None).status == 401
        assert stage.http("voicemail", "GET", f"/v1/greetings/busy/audio{whose}", token="admin").status == 200


@proves("V5", "R11")
def test_the_last_place_is_one_callers_alone_and_the_next_hears_that_the_mailbox_is_full(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    delete_all(stage, "clara")
    with (greetings(stage, "clara", 0.6, personal=PERSONAL_HZ),
          mailbox_of(stage, "clara", on_always=True, deliver_as_mail=False, max_messages=1,
                     silence_end_s=20)):
        first = anna.dial("23")
        until_the_beep(stage, first)
        second = bernd.dial("23")
        says_in_full(second, starts_hearing(second), "de", ["mailbox-full"])
        first.speak(f"tone:{PERSONAL_HZ}")
        gevent.sleep(1.5)
        first.hangup()
        [message] = stage.wait_until(lambda: messages_of(stage, "clara") or None, 5, "the message")
        count = stage.http("voicemail", "GET", "/v1/messages/count", token="clara").body
        assert (count["new"], count["quota"]) == (1, 1)
        assert stage.http("voicemail", "DELETE", f"/v1/messages/{message['message_id']}", token="clara").status == 204
        call = anna.dial("23")
        heard = until_the_beep(stage, call)
        call.hangup()
        assert heard.seconds_of(BEEP_HZ) >= 0.2, "there is room again"


@proves("V5", "R11")
def test_a_mailbox_that_is_switched_off_takes_no_call_whatever_its_conditions(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    with mailbox_of(stage, "bernd", enabled=False, on_always=True, on_busy=True):
        call = anna.dial("22")
        bernd.wait_for_ring().reject(486)
        call.wait_for("ended", timeout_s=10)
        assert call.end_cause == "USER_BUSY"
    with mailbox_of(stage, "bernd", on_always=False, on_no_answer=True, no_answer_rings=0):
        call = anna.dial("22").wait_for("answered", timeout_s=10)  # no rings: at once
        call.hangup()
