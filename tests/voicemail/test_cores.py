"""Recording, note, caller, retries, lamp headers, fallback names: facts in, answer out."""

from __future__ import annotations

import struct
import wave
from array import array
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.voicemail import record
from services.voicemail.fallback import FallbackName, fallback_message_id, parse_fallback_name
from services.voicemail.lamp import Waiting, lamp_headers, query_from
from services.voicemail.mailbox import (
    Caller,
    LeftMessage,
    UnreadableNote,
    caller_from,
    clean_name,
    note_text,
    read_note,
    reason_from,
)
from services.voicemail.recording import NotARecording, header_for, is_short, measure, silent_end_ms, was_cut_off
from shared.esl.events import Event
from shared.mail_retries import GIVE_UP_AFTER, Failure, next_attempt_at

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def wav(samples: int, rate: int = 8000) -> bytes:
    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\1\0" * samples)
    return buffer.getvalue()


# Recordings

def test_a_closed_file_has_44_bytes_and_two_for_each_sample() -> None:
    content = wav(8000)
    assert len(content) == 44 + 2 * 8000
    recording = measure(content[:44], len(content))
    assert (recording.duration_ms, recording.samples, recording.closed) == (1000, 8000, True)


def test_a_file_still_written_has_no_length_in_its_header() -> None:
    content = bytearray(wav(16000))
    content[40:44] = struct.pack("<I", 0)
    recording = measure(bytes(content[:44]), len(content))
    assert not recording.closed
    assert recording.duration_ms == 2000


def test_a_header_can_be_finished_for_a_writer_that_was_killed() -> None:
    content = bytearray(wav(1600))
    content[4:8] = content[40:44] = bytes(4)
    recording = measure(bytes(content[:44]), len(content))
    assert header_for(recording) == wav(1600)[:44]


def test_a_full_disk_shows_in_the_size_alone() -> None:
    recording = measure(wav(8000)[:44], 44 + 2 * 8000)
    assert not is_short(recording, 1000)
    assert not is_short(recording, 1040)
    assert not is_short(recording, None)
    assert is_short(recording, 2000)


def test_a_recording_that_ends_by_itself_was_cut_off_where_there_is_no_room() -> None:
    recording = measure(wav(80_000)[:44], 44 + 2 * 80_000)    # 10 s
    assert was_cut_off(recording, 120, 4096)
    assert not was_cut_off(recording, 11, 4096)     # the limit was near
    assert not was_cut_off(recording, 120, 500_000_000)     # whatever it was, there was room


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_never_misread(start: bytes) -> None:
    with pytest.raises(NotARecording):
        measure(b"RIFF" + start[:30], 100)


# Notes and callers

def test_a_note_comes_back_as_it_was_written() -> None:
    message = LeftMessage(
        message_id="5b8f7c1e-0a55-4c7e-9a94-6f2b9c6f1d11", company_id=1, subscriber_id=21, call_id=None,
        left_at=NOW, reason="busy", caller=Caller("+4930123456", "Jörg Müller", 7), urgent=True,
    )
    assert read_note(note_text(message)) == message


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', "null", '{"version": 2}', "{" * 5000])
def test_a_note_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnreadableNote):
        read_note(text)


@given(st.text(max_size=100))
def test_names_are_cleaned_of_everything_that_is_not_a_name(name: str) -> None:
    cleaned = clean_name(name)
    assert cleaned is None or (len(cleaned) <= 64 and not set(cleaned) & set("\r\n\0$\\{}<>\"%;,"))


def test_a_smuggled_expansion_is_no_name() -> None:
    assert clean_name("%24%7Bsystem(id)%7D") is None
    assert clean_name("O'Neill & Söhne (Büro)") == "O'Neill & Söhne (Büro)"


@pytest.mark.parametrize("number", [None, "anonymous", "anna-desk", "0000000000", "", "+49;phone-context=x", "1" * 33])
def test_what_is_no_number_is_shown_as_withheld(number: str | None) -> None:
    assert caller_from(number, "Somebody", withheld=False) == Caller(None, None)


def test_a_withheld_number_is_not_kept() -> None:
    assert caller_from("+4930123456", "Somebody", withheld=True) == Caller(None, None)
    assert caller_from("+4930123456", "+4930123456", withheld=False) == Caller("+4930123456", None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("no-answer", "no_answer"), ("no_answer", "no_answer"), ("busy", "busy"), ("not reachable", "not_reachable"),
     (None, "direct"), ("whatever", "direct")],
)
def test_reasons_are_routings_words(word: str | None, reason: str) -> None:
    assert reason_from(word) == reason


# Retries

def test_a_temporary_refusal_is_tried_again_soon_and_then_at_least_half_an_hour_apart() -> None:
    first = second = NOW
    waits = []
    for attempt in range(1, 100):
        after = next_attempt_at(attempt, second, first, Failure.REFUSED_FOR_NOW)
        if after is None:
            break
        waits.append(after - second)
        second = after
    assert waits[0] == timedelta(seconds=60)
    assert min(waits[1:]) >= timedelta(minutes=30)
    assert max(waits) <= timedelta(hours=4)
    assert timedelta(days=4, hours=12) < second - first <= GIVE_UP_AFTER


@given(st.integers(1, 10_000), st.timedeltas(timedelta(0), timedelta(days=6)), st.sampled_from(Failure))
def test_a_next_attempt_is_never_in_the_past_nor_after_five_days(
    attempt: int, age: timedelta, failure: Failure
) -> None:
    at = next_attempt_at(attempt, NOW + age, NOW, failure)
    assert at is None or NOW + age < at <= NOW + GIVE_UP_AFTER


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError):
        next_attempt_at(1, NOW.replace(tzinfo=None), NOW, Failure.UNREACHABLE)


# Lamp

def test_a_lamp_says_new_and_saved_and_urgent() -> None:
    assert lamp_headers("anna-desk", "musterbau.example", Waiting(2, 3, 1, 0)) == {
        "MWI-Messages-Waiting": "yes",
        "MWI-Message-Account": "sip:anna-desk@musterbau.example",
        "MWI-Voice-Message": "2/3 (1/0)",
        "sofia-profile": "internal",
    }


def test_the_answer_to_a_query_goes_to_the_one_who_asked() -> None:
    query = query_from({
        "Message-Account": "sip:anna-desk@musterbau.example", "VM-Sofia-Profile": "internal",
        "VM-sub-call-id": "abc@10.0.0.1",
    })
    assert query is not None
    headers = lamp_headers(query.device_id, query.domain, Waiting(), query)
    assert headers["MWI-Messages-Waiting"] == "no"
    assert headers["MWI-Voice-Message"] == "0/0 (0/0)"
    assert (headers["sofia-profile"], headers["sub-call-id"]) == ("internal", "abc@10.0.0.1")


@pytest.mark.parametrize("account", [None, "", "anna", "sip:a@b", "sip:a b@c", "sip:x'--@d.example"])
def test_an_account_that_is_no_device_is_not_answered(account: str | None) -> None:
    assert query_from({"Message-Account": account}) is None


# The dialplan's own recordings

LEG = "0b1d2c58-5c0e-4f60-8f4c-0e8a4d5b9e11"


def test_the_name_of_a_fallback_recording_says_whose_it_is() -> None:
    assert parse_fallback_name(f"{LEG}_1_21_1763800000_+491715550100.wav") == FallbackName(LEG, 1, 21, "+491715550100")
    assert parse_fallback_name(f"{LEG}__21_1763800000_unknown.wav") == FallbackName(LEG, None, 21, None)


@pytest.mark.parametrize("name", ["x.wav", f"{LEG}.wav", f"{LEG}_1_x_1_1.wav", f"{LEG}_1_21_1_1.wav.txt"])
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_fallback_name(name) is None


def test_a_fallback_recording_is_the_same_message_each_time() -> None:
    assert fallback_message_id("a.wav") == fallback_message_id("a.wav") != fallback_message_id("b.wav")


# Recording

def _spoken(*parts_ms: tuple[int, int]) -> array[int]:
    """(amplitude, ms)… at 8 kHz."""
    samples = array("h")
    for amplitude, ms in parts_ms:
        samples.extend([amplitude, -amplitude] * (4 * ms))
    return samples


@pytest.mark.parametrize(("parts", "ms"), [
    ([(3000, 2000)], 0), ([(3000, 2000), (0, 1000)], 1000), ([(3000, 2000), (40, 500)], 500), ([(0, 3000)], 3000),
    ([(3000, 100), (0, 2000), (3000, 100), (0, 300)], 300), ([], 0),
])
def test_the_silence_at_the_end_is_what_is_in_the_file(parts: list[tuple[int, int]], ms: int) -> None:
    assert silent_end_ms(_spoken(*parts), 8000) == ms


@pytest.mark.parametrize(("codec", "rate", "wanted"), [
    ("PCMA", "8000", "120 200 5"), ("G722", "16000", "120 400 5"), ("opus", "48000", "120 1200 30"),
    ("opus", "16000", "120 400 10"), (None, None, "120 200 5"), ("x", "y", "120 200 5"),
])
def test_silence_is_as_long_and_as_quiet_whatever_the_codec(
    codec: str | None, rate: str | None, wanted: str
) -> None:
    told = {"Channel-Read-Codec-Name": codec, "Channel-Read-Codec-Rate": rate}
    text = "".join(f"{name}: {value}\n" for name, value in told.items() if value is not None)
    channel = Event(f"Event-Name: CHANNEL_EXECUTE_COMPLETE\n{text}\n".encode())
    assert record.argument(Path("/spool/a.wav"), 120, 5, channel) == f"/spool/a.wav {wanted}"
