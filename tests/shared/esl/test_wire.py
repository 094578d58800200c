"""The wire is fed whole, byte by byte and with rubbish; what a service writes is read back as a switch reads it."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.esl import commands
from shared.esl.commands import Command
from shared.esl.errors import ProtocolError, UnsafeArgument
from shared.esl.wire import (
    BODY_LIMIT,
    CommandParser,
    Frame,
    FrameParser,
    encode,
    encode_api_response,
    encode_connect_reply,
    encode_event,
    encode_frame,
    encode_reply,
)

RECORDINGS = Path(__file__).parent / "recordings"
SESSION = b"".join(
    (
        b"Content-Type: auth/request\n\n",
        encode_reply("+OK accepted"),
        encode_event({"Event-Name": "CHANNEL_ANSWER", "Caller-Caller-ID-Name": "Jürgen: Groß\nX: y"}),
        encode_api_response("UP 0 years\n\n5 sessions\n"),
        encode_event({"Event-Name": "BACKGROUND_JOB", "Job-UUID": "1"}, b"+OK\n\nContent-Length: 9\n\n"),
        encode_connect_reply({"Event-Name": "CHANNEL_DATA", "Unique-ID": "7"}, asynchronous=True, full=False),
        encode_frame({"Content-Type": "log/data", "Log-Level": "3"}, b"a line\n"),
        b"Content-Type: text/disconnect-notice\nContent-Disposition: linger\nContent-Length: 0\n\n",
        encode_frame({"Content-Type": "text/disconnect-notice"}, b"Disconnected, goodbye.\n"),
    )
)


def parsed(*portions: bytes) -> list[tuple[str, bytes, bytes]]:
    parser = FrameParser()
    frames: list[Frame] = []
    for portion in portions:
        frames += parser.feed(portion)
    assert not parser.in_frame
    return [(frame.content_type, frame.head.strip(b"\n"), frame.body) for frame in frames]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_a_session_fed_byte_by_byte_gives_the_same_frames() -> None:
    whole = parsed(SESSION)
    assert [content_type for content_type, _, _ in whole] == [
        "auth/request",
        "command/reply",
        "text/event-plain",
        "api/response",
        "text/event-plain",
        "command/reply",
        "log/data",
        "text/disconnect-notice",
        "text/disconnect-notice",
    ]
    assert parsed(*single_bytes(SESSION)) == whole


@pytest.mark.parametrize("name", ["connect_sync.esl", "connect_async.esl", "background_job.esl"])
def test_recordings_of_a_real_switch_byte_by_byte(name: str) -> None:
    data = (RECORDINGS / name).read_bytes()
    assert parsed(*single_bytes(data)) == parsed(data)
    assert len(parsed(data)) == 1


def test_a_recorded_call_byte_by_byte() -> None:
    data = (RECORDINGS / "bridged_call.esl").read_bytes()
    whole = parsed(data)
    assert len(whole) > 50
    assert parsed(*single_bytes(data)) == whole


@given(cuts=st.lists(st.integers(0, len(SESSION)), max_size=30))
def test_any_portions_give_the_same_frames(cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), len(SESSION)]
    assert parsed(*(SESSION[a:b] for a, b in pairwise(marks))) == parsed(SESSION)


def test_the_answer_to_connect_is_an_event_in_the_outer_frame() -> None:
    (frame,) = FrameParser().feed((RECORDINGS / "connect_async.esl").read_bytes())
    assert frame.content_type == "command/reply"
    channel = frame.event()
    assert channel.name == "CHANNEL_DATA"
    assert channel.get("Socket-Mode") == "async"
    assert channel.get("Control") == "full"
    assert channel.get("Reply-Text") == "+OK\n"
    assert len(channel.leg_uuid) == 36


def test_a_variable_with_a_line_break_comes_back_in_one_piece() -> None:
    (frame,) = FrameParser().feed(b"Content-Type: command/reply\nReply-Text: one\ntwo words: three\n\n")
    assert frame.headers["Reply-Text"] == "one\ntwo words: three"


def test_a_length_smuggled_into_a_reply_swallows_nothing() -> None:
    frames = FrameParser().feed(
        b"Content-Type: command/reply\nReply-Text: x\nContent-Length: 30\n\n" + encode_reply("+OK")
    )
    assert [frame.headers["Reply-Text"] for frame in frames] == ["x", "+OK"]


@pytest.mark.parametrize(
    "data",
    [
        b"Colour: green\n\n",
        b"Content-Type: text/event-plain\n\n",
        b"Content-Type: api/response\nContent-Length: -1\n\n",
        b"Content-Type: api/response\nContent-Length: 1e3\n\n",
        b"Content-Type: api/response\nContent-Length: \n\n",
        b"Content-Length: 999999999\nContent-Type: text/event-plain\n\n",
        b"Content-Type: log/data\nContent-Length: %d\n\n" % (BODY_LIMIT + 1),
        b"x" * (1024 * 1024 + 1),
    ],
)
def test_what_is_no_frame_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrameParser().feed(data)


# Rubbish that looks like event socket: each byte drawn stands for a piece of a real frame or for itself.
_PIECES = (
    b"Content-Type: ",
    b"Content-Length: ",
    b"text/event-plain",
    b"command/reply",
    b"api/response",
    b"Reply-Text: +OK",
    b"\n",
    b"\n\n",
    b"\r\n",
    b": ",
    b"%0A",
    b"%",
    b"\x00",
    b"\xff\xfe",
    b"-5",
    b"0",
    b"17",
    b"99999999999999999999",
    b"Event-Name: CHANNEL_ANSWER",
    b"Unique-ID: ",
    b"_undef_",
    SESSION[:200],
    SESSION[200:900],
)


def rubbish(drawn: bytes) -> bytes:
    return b"".join(_PIECES[byte & 63] if byte & 63 < len(_PIECES) else bytes((byte,)) for byte in drawn)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(drawn=st.binary(min_size=1920, max_size=1920))
def test_ten_thousand_malformed_inputs_neither_crash_nor_hang(drawn: bytes) -> None:
    """40 inputs an example, of up to 47 pieces each."""
    for at in range(0, len(drawn), 48):
        data = rubbish(drawn[at + 1 : at + 1 + drawn[at] % 48])
        cut = sum(drawn) % (len(data) + 1)
        read_everything(data[:cut], data[cut:])


def read_everything(*portions: bytes) -> None:
    parser, switch = FrameParser(), CommandParser()
    with suppress(ProtocolError):
        for portion in portions:
            for frame in parser.feed(portion):
                event = frame.event()
                frame.headers.get("Reply-Text")
                event.get("Event-Name")
                event.get("Unique-ID")
                event.headers()
                _ = event.body
    with suppress(ProtocolError):
        for portion in portions:
            switch.feed(portion)


def read_back(command: Command) -> list[Command]:
    return CommandParser().feed(encode(command))


def test_the_switch_reads_what_was_meant() -> None:
    command = commands.send_event("PRESENCE_IN", {"proto": "lamp", "from": "21@a.example"}, "two\n\nlines")
    assert read_back(command) == [command]
    data = encode(command) + encode(commands.api("status"))
    parser = CommandParser()
    found = [read for byte in single_bytes(data) for read in parser.feed(byte)]
    assert found == [command, commands.api("status")]


def test_commands_with_carriage_returns_are_read_as_the_switch_reads_them() -> None:
    assert CommandParser().feed(b"\r\n\r\nevent plain ALL\r\n\r\nexit\r\n\r\n") == [
        Command("event plain ALL"),
        Command("exit"),
    ]


@pytest.mark.parametrize(
    "command",
    [
        Command(""),
        Command("api status\n\napi system id"),
        Command("api status\r"),
        Command("api status\0"),
        Command("sendmsg", (("execute-app-arg", "x\n\napi system id"),)),
        Command("sendmsg", (("x\nexecute-app-name", "system"),)),
        Command("sendmsg", (("x: y", "z"),)),
    ],
)
def test_the_wire_itself_refuses_line_breaks(command: Command) -> None:
    with pytest.raises(UnsafeArgument):
        encode(command)
