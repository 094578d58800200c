"""Nobody answers: the caller leaves a message, the owner gets it by mail, the lamp is lit (V1, V3, V4, R11)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import gevent
import soundfile

from operations.story_report import proves
from tests.scenarios.stage import Sound, Stage

SPOKEN_HZ = 700


@contextmanager
def mailbox_of(stage: Stage, name: str, **settings: Any) -> Iterator[None]:
    """The subscriber's own mailbox settings for the while, changed as he would: over HTTP."""
    before = stage.http("voicemail", "GET", "/v1/mailbox", token=name).body
    answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=name, json_body=settings)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        restored = stage.http("voicemail", "PATCH", "/v1/mailbox", token=name,
                              json_body={field: before[field] for field in settings})
        assert restored.status == 200, restored.body


def messages_of(stage: Stage, name: str) -> list[dict[str, Any]]:
    answer = stage.http("voicemail", "GET", "/v1/messages", token=name)
    assert answer.status == 200, answer.body
    return list(answer.body["messages"])


def delete_all(stage: Stage, name: str) -> None:
    for message in messages_of(stage, name):
        path = f"/v1/messages/{message['message_id']}"
        assert stage.http("voicemail", "DELETE", path, token=name).status in (200, 204)


def leave_message(stage: Stage, to: str, seconds: float = 3) -> None:
    """Anna dials, hears the greeting, speaks after the beep, hangs up."""
    call = stage.telephones["anna"].dial(to)
    call.wait_for("answered", timeout_s=40)
    stage.wait_for_beep(call.record())
    call.speak(f"tone:{SPOKEN_HZ}")
    _speak_for(call, seconds)
    call.hangup()


def _speak_for(call: Any, seconds: float) -> None:
    """Speaking takes its time; a caller that is thrown out meanwhile fails the story."""
    gevent.sleep(seconds)
    assert call.up, f"{call} ended while the caller spoke"


def the_mail(stage: Stage, message: dict[str, Any], to: str) -> EmailMessage:
    return stage.wait_for_mail(lambda mail: message["message_id"] in mail["Message-ID"] and to in mail["To"])


@proves("R11", "V1", "V3", "V4", "N1")
def test_an_unanswered_call_becomes_a_mail_with_the_very_sound_and_lights_the_lamp(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    delete_all(stage, "bernd")
    bernd.message_lamp.wait_for(new=0)
    with mailbox_of(stage, "bernd", on_no_answer=True, no_answer_rings=2, deliver_as_mail=True,
                    email="bernd@musterbau.example", audio_format="wav"):
        leave_message(stage, "22")
        assert bernd.calls[0].states[0] == "ringing"
        [message] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")
        assert message["caller"]["name"].startswith("Anna")
        mail = the_mail(stage, message, "bernd@musterbau.example")
    [attachment] = mail.iter_attachments()
    assert attachment.get_content_type() in ("audio/wav", "audio/x-wav")
    sound = Sound.read(io.BytesIO(attachment.get_content()))
    assert abs(sound.seconds - message["duration_ms"] / 1000) < 0.1, "the mail is not as long as the message says"
    assert 2.0 <= sound.seconds_of(SPOKEN_HZ) <= 4.0, "what was spoken is not what the mail plays"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"].endswith("example.test>") or "example.test" in mail["From"]
    assert mail.get_body(("plain",)) is not None
    assert mail.get_body(("html",)) is not None
    bernd.message_lamp.wait_for(new=1, timeout_s=5)
    assert anna.registered


@proves("V3", "V4")
def test_the_lamp_goes_out_when_the_message_was_heard_over_http(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd = stage.telephones["bernd"].register()
    delete_all(stage, "bernd")
    with mailbox_of(stage, "bernd", on_always=True, deliver_as_mail=False):
        leave_message(stage, "22", seconds=2)
        [message] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")
        bernd.message_lamp.wait_for(new=1)
        path = f"/v1/messages/{message['message_id']}"
        audio = stage.http("voicemail", "GET", f"{path}/audio", token="bernd")
        assert audio.status == 200
        assert Sound.read(io.BytesIO(audio.content)).seconds_of(SPOKEN_HZ) >= 1
        assert stage.http("voicemail", "PATCH", path, token="bernd", json_body={"state": "saved"}).status == 200
        bernd.message_lamp.wait_for(new=0)
        assert stage.http("voicemail", "DELETE", path, token="bernd").status in (200, 204)
        assert messages_of(stage, "bernd") == []


@proves("V3")
def test_as_mp3_the_mail_carries_an_mp3_of_the_same_length(stage: Stage) -> None:
    stage.telephones["anna"].register()
    delete_all(stage, "clara")
    with mailbox_of(stage, "clara", on_always=True, deliver_as_mail=True, email="clara@musterbau.example",
                    audio_format="mp3"):
        leave_message(stage, "23", seconds=2)
        [message] = stage.wait_until(lambda: messages_of(stage, "clara") or None, 5, "the message")
        mail = the_mail(stage, message, "clara@musterbau.example")
    [attachment] = mail.iter_attachments()
    assert attachment.get_content_type() == "audio/mpeg"
    assert (attachment.get_filename() or "").isascii()
    with soundfile.SoundFile(io.BytesIO(attachment.get_content())) as mp3:
        assert abs(mp3.frames / mp3.samplerate - message["duration_ms"] / 1000) < 0.3


@proves("V1", "R11")
def test_a_caller_who_hangs_up_before_the_beep_leaves_no_message(stage: Stage) -> None:
    stage.telephones["anna"].register()
    delete_all(stage, "bernd")
    with mailbox_of(stage, "bernd", on_always=True):
        call = stage.telephones["anna"].dial("22").wait_for("answered", timeout_s=10)
        call.hangup()
        leave_message(stage, "22", seconds=2)  # the next one's message is the first there is
        [_] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")


@proves("R11")
def test_a_busy_telephone_sends_the_caller_to_the_mailbox_when_that_is_on(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd = stage.telephones["bernd"].register()
    delete_all(stage, "bernd")
    with mailbox_of(stage, "bernd", on_busy=True):
        call = stage.telephones["anna"].dial("22")
        bernd.wait_for_ring().reject(486)
        call.wait_for("answered", timeout_s=10)
        call.hangup()
    with mailbox_of(stage, "bernd", on_busy=False):
        call = stage.telephones["anna"].dial("22")
        bernd.wait_for_ring().reject(486)
        call.wait_for("ended", timeout_s=10)
        assert call.end_cause == "USER_BUSY"


@proves("V3", "X1")
def test_a_mailbox_is_its_owners_alone(stage: Stage) -> None:
    stage.telephones["anna"].register()
    delete_all(stage, "bernd")
    with mailbox_of(stage, "bernd", on_always=True):
        leave_message(stage, "22", seconds=2)
        [message] = stage.wait_until(lambda: messages_of(stage, "bernd") or None, 5, "the message")
    path = f"/v1/messages/{message['message_id']}"
    assert stage.http("voicemail", "GET", f"{path}/audio", token="anna").status == 404
    assert stage.http("voicemail", "DELETE", path, token="anna").status == 404
    assert stage.http("voicemail", "GET", path, token=None).status == 401
    assert len(messages_of(stage, "bernd")) == 1
    delete_all(stage, "bernd")
