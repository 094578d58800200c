"""Events: decoded once and late, one value per header, nothing from a body."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.esl.errors import MissingHeader
from shared.esl.events import Event, encode_value
from shared.esl.wire import FrameParser

RECORDING = Path(__file__).parent / "recordings" / "bridged_call.esl"
EVENTS = [frame.event() for frame in FrameParser().feed(RECORDING.read_bytes())]


def test_every_recorded_header_is_found_alone_as_in_the_whole() -> None:
    for event in EVENTS:
        headers = event.headers()
        assert headers["Event-Name"] == event.name
        for name, value in headers.items():
            assert event.get(name) == value


def test_a_recorded_call_reads_as_a_call() -> None:
    answered = [event for event in EVENTS if event.name == "CHANNEL_ANSWER"]
    assert {event.get("Call-Direction") for event in answered} == {"inbound", "outbound"}
    assert all((event.get("Caller-Caller-ID-Name") or "").endswith("Groß") for event in answered)
    bridged = next(event for event in EVENTS if event.name == "CHANNEL_BRIDGE")
    assert bridged.variable("presence_id") == "21@lab.example"
    job = next(event for event in EVENTS if event.name == "BACKGROUND_JOB")
    assert job.body is not None
    assert job.body.startswith("+OK ")
    custom = next(event for event in EVENTS if event.name == "CUSTOM")
    assert custom.subclass == custom.get("Event-Subclass") != None  # noqa: E711


def test_lines_are_split_before_values_are_decoded() -> None:
    event = Event.of({"Event-Name": "CHANNEL_ANSWER", "Caller-Caller-ID-Name": "x\nUnique-ID: forged\n\nend"})
    assert event.get("Unique-ID") is None
    assert event.get("Caller-Caller-ID-Name") == "x\nUnique-ID: forged\n\nend"


def test_a_value_is_decoded_exactly_once() -> None:
    event = Event(b"Event-Name: CHANNEL_ANSWER\nCaller-Caller-ID-Name: %2524%257Bsystem(id)%257D\n\n")
    assert event.get("Caller-Caller-ID-Name") == "%24%7Bsystem(id)%7D"


def test_undefined_and_absent_are_none() -> None:
    event = Event(b"Event-Name: X\nA: _undef_\nB: \n\n")
    assert event.get("A") is None
    assert event.get("C") is None
    assert event.get("B") == ""
    assert "A" not in event.headers()
    with pytest.raises(MissingHeader, match="Unique-ID") as caught:
        _ = event.leg_uuid
    assert caught.value.name == "Unique-ID"


def test_a_body_is_no_place_for_headers() -> None:
    event = Event.of({"Event-Name": "BACKGROUND_JOB"}, "+OK\nUnique-ID: x\n\nJob-UUID: y\n")
    assert event.body == "+OK\nUnique-ID: x\n\nJob-UUID: y\n"
    assert event.get("Unique-ID") is None
    assert event.get("Job-UUID") is None
    assert set(event.headers()) == {"Event-Name", "Content-Length"}


def test_a_header_is_found_by_its_whole_name() -> None:
    event = Event.of({"Event-Name": "X", "Other-Leg-Unique-ID": "other", "Unique-ID": "own"})
    assert event.get("Unique-ID") == "own"
    assert event.get("Leg-Unique-ID") is None
    assert event.get("Name") is None


def test_the_first_of_two_equal_headers_counts() -> None:
    event = Event(b"A: 1\nA: 2\n\n")
    assert event.get("A") == event.headers()["A"] == "1"


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    event = Event(b"Event-Name: X\nCaller-Caller-ID-Name: M%FCller\n\n")
    assert event.get("Caller-Caller-ID-Name") == "M\N{REPLACEMENT CHARACTER}ller"


def test_an_event_cannot_be_changed() -> None:
    event = Event.of({"Event-Name": "X"})
    with pytest.raises(AttributeError):
        event.name = "Y"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.headers()["Event-Name"] = "Y"  # type: ignore[index]


@given(st.text(max_size=60).filter(lambda text: text not in ("_undef_",) and "%" not in text))
def test_what_the_switch_encodes_is_decoded(text: str) -> None:
    encoded = encode_value(text.encode("utf-8", "replace").decode())
    assert b"\n" not in encoded
    found = Event(b"X: " + encoded + b"\n\n").get("X")
    assert found == text.encode("utf-8", "replace").decode()


def test_the_switch_leaves_what_looks_encoded_as_it_is() -> None:
    # switch_url_encode_opt with double_encode false: the hole through which a caller's text grows a dollar sign
    assert encode_value("%24{x}%zz 100%") == b"%24%7Bx%7D%25zz%20100%25"
