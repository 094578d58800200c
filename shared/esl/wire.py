"""Event-socket bytes to frames and back, without any input or output of its own.

    FrameParser().feed(bytes) -> frames        what a service reads
    encode(command) -> bytes                   what a service writes
    CommandParser().feed(bytes) -> commands    what a switch (the simulator) reads
    encode_frame, encode_event, encode_connect_reply -> bytes    what a switch writes

The format was read from mod_event_socket.c and switch_event.c of FreeSWITCH 1.11.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from shared.esl.commands import Command
from shared.esl.errors import ProtocolError, UnsafeArgument
from shared.esl.events import Event, encode_value

HEAD_LIMIT: Final = 1024 * 1024  # the reply to `connect` is the longest head: all variables of a channel
BODY_LIMIT: Final = 64 * 1024 * 1024
COMMAND_LIMIT: Final = 10 * 1024 * 1024  # max_len in read_packet, mod_event_socket.c
COMMAND_BODY_LIMIT: Final = 16 * 1024 * 1024  # MAX_CONTENT_LENGTH there

EVENT_PLAIN: Final = "text/event-plain"
COMMAND_REPLY: Final = "command/reply"
# Exactly as read_packet of mod_event_socket.c writes it in front of every event.
_EVENT_HEAD: Final = re.compile(rb"Content-Length: ([0-9]{1,9})\nContent-Type: text/event-plain\n\n")
_LENGTH: Final = re.compile(rb"[0-9]{1,9}")
_MUST_HAVE_LENGTH: Final = frozenset({EVENT_PLAIN, "api/response", "text/rude-rejection"})
_BLANK_LINE: Final = re.compile(rb"\n\r{0,4}\n")
_FORBIDDEN: Final = re.compile(r"[\r\n\x00]")


class Frame:
    """One message of the switch: raw header lines and a body, which for events is the event."""

    __slots__ = ("_headers", "body", "content_type", "head")

    def __init__(self, content_type: str, head: bytes, body: bytes) -> None:
        self.content_type = content_type
        self.head = head
        self.body = body
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The outer headers, not percent-decoded (the switch encodes only events)."""
        if self._headers is None:
            self._headers = _outer_headers(self.head)
        return self._headers

    def event(self) -> Event:
        """The event in it; the reply to `connect` is an event in the outer head."""
        return Event(self.body if self.content_type == EVENT_PLAIN else self.head)

    def __repr__(self) -> str:
        return f"Frame({self.content_type}, {len(self.body)} bytes)"


class EventFrame(Frame):
    """An event; its text is kept with the line break before it, which Event wants there."""

    __slots__ = ("_text",)

    content_type = EVENT_PLAIN

    def __init__(self, text: bytes) -> None:
        self._text = text

    @property
    def head(self) -> bytes:  # type: ignore[override]
        return b"Content-Length: %d\nContent-Type: text/event-plain" % (len(self._text) - 1)

    @property
    def headers(self) -> dict[str, str]:
        return _outer_headers(self.head)

    @property
    def body(self) -> bytes:  # type: ignore[override]
        return self._text[1:]

    def event(self) -> Event:
        return Event(self._text)


def _outer_headers(head: bytes) -> dict[str, str]:
    """First of two equal names wins: the switch writes its own headers before any text it passes on.

    A line without a colon goes on from the one before: Reply-Text is written raw, so a variable with a
    line break comes in pieces.
    """
    headers: dict[str, str] = {}
    last = ""
    for line in head.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if colon and name and " " not in name:
            last = "" if name in headers else name
            headers.setdefault(name, value.removeprefix(" "))
        elif last:
            headers[last] += "\n" + line
    return headers


class FrameParser:
    """Bytes in any portion in, whole frames out; remembers what is incomplete."""

    def __init__(self, *, body_limit: int = BODY_LIMIT) -> None:
        self._chunks: list[bytes] = []  # what is incomplete, with the line break before a body
        self._have = 0
        self._need = 0
        self._searched = 0
        self._head: bytes | None = None
        self._content_type = ""
        self._length = 0
        self._body_limit = body_limit

    @property
    def in_frame(self) -> bool:
        """Whether the stream would be cut in the middle of a frame if it ended now."""
        return self._head is not None or any(chunk.strip(b"\n") for chunk in self._chunks)

    def feed(self, data: bytes) -> list[Frame]:
        """Raises ProtocolError for bytes that are no frame; the parser is of no use after that."""
        if self._have:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._chunks)
        frames: list[Frame] = []
        size = len(data)
        at = 0 if self._head is None else 1
        while True:
            if self._head is None:
                quick = _EVENT_HEAD.match(data, at)
                if quick is not None:
                    at = quick.end()
                    end = at + int(quick.group(1))
                    if end <= size:
                        frames.append(EventFrame(data[at - 1 : end]))
                        at = end
                        continue
                    self._begin_body(quick.group(), EVENT_PLAIN, end - at)
                elif at >= size:
                    break
                elif data[at] == 0x0A:
                    at += 1
                    continue
                else:
                    end = data.find(b"\n\n", max(at, self._searched))
                    if end < 0:
                        if size - at > HEAD_LIMIT:
                            raise ProtocolError("a head longer than 1 MiB")
                        break
                    self._read_head(data[at:end])
                    at = end + 2
                self._searched = 0
            end = at + self._length
            if end > size:
                break
            assert self._head is not None
            if self._content_type == EVENT_PLAIN:
                frames.append(EventFrame(data[at - 1 : end]))
            else:
                frames.append(Frame(self._content_type, self._head, data[at:end]))
            self._head = None
            at = end
        self._keep(data, at)
        return frames

    def _keep(self, data: bytes, at: int) -> None:
        if self._head is None:
            rest = data[at:]
            self._need = 0
            self._searched = max(0, len(rest) - 1)  # the blank line may have begun
        else:
            rest = data[at - 1 :]
            self._need = 1 + self._length
        self._chunks = [rest]
        self._have = len(rest)

    def _begin_body(self, head: bytes, content_type: str, length: int) -> None:
        if length > self._body_limit:
            raise ProtocolError(f"a body of {length} bytes")
        self._head = head
        self._content_type = content_type
        self._length = length

    def _read_head(self, head: bytes) -> None:
        if len(head) > HEAD_LIMIT:
            raise ProtocolError("a head longer than 1 MiB")
        content_type = length = None
        for line in head.split(b"\n"):
            if content_type is None and line.startswith(b"Content-Type: "):
                content_type = line[14:].strip().decode("ascii", "replace")
            elif length is None and line.startswith(b"Content-Length: "):
                length = line[16:].strip()
        if not content_type:
            raise ProtocolError("a frame without Content-Type")
        if content_type == COMMAND_REPLY:
            # Never has a body; a Content-Length in it can only be part of a text passed on raw (getvar).
            length = None
        elif length is None and content_type in _MUST_HAVE_LENGTH:
            raise ProtocolError(f"{content_type} without Content-Length")
        if length is not None and _LENGTH.fullmatch(length) is None:
            raise ProtocolError("a Content-Length that is no number")
        self._begin_body(head, content_type, int(length) if length is not None else 0)


def encode(command: Command) -> bytes:
    """The command's bytes; refuses CR, LF and NUL wherever they would start something new."""
    if not command.line or _FORBIDDEN.search(command.line):
        raise UnsafeArgument("line", "may not be empty or have CR, LF or NUL")
    lines = [command.line]
    for name, value in command.headers:
        if not name or ":" in name or _FORBIDDEN.search(name) or _FORBIDDEN.search(value):
            raise UnsafeArgument(name, "may not have CR, LF or NUL")
        lines.append(f"{name}: {value}")
    if command.body:
        # The switch reads the body as soon as it meets this header, so it is the last one.
        lines.append(f"Content-Length: {len(command.body)}")
    return "\n".join(lines).encode() + b"\n\n" + command.body


class CommandParser:
    """The switch's side: bytes of a service to commands, as read_packet in mod_event_socket.c reads them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[Command]:
        self._buffer += data
        commands: list[Command] = []
        while True:
            skip = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            if skip:
                del self._buffer[:skip]
                self._searched = 0
            blank = _BLANK_LINE.search(self._buffer, self._searched)
            if blank is None:
                # A blank line may have begun in the last few bytes.
                self._searched = max(0, len(self._buffer) - 8)
                if self._searched > COMMAND_LIMIT:
                    raise ProtocolError("a command longer than 10 MiB")
                return commands
            end, after = blank.span()
            line, *rest = self._buffer[:end].decode("utf-8", "replace").replace("\r", "").split("\n")
            headers: list[tuple[str, str]] = []
            length = 0
            for text in rest:
                name, colon, value = text.partition(":")
                if not colon:
                    continue
                if name.lower() == "content-length":
                    length = int(value) if value.strip().isdecimal() and len(value) < 12 else -1
                    if not 0 <= length <= COMMAND_BODY_LIMIT:
                        raise ProtocolError("a Content-Length out of range")
                else:
                    headers.append((name, value.lstrip(" ")))
            if len(self._buffer) - after < length:
                self._searched = end
                return commands
            body = bytes(self._buffer[after : after + length])
            del self._buffer[: after + length]
            self._searched = 0
            commands.append(Command(line, tuple(headers), body))


def encode_frame(headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A frame of the switch; Content-Length is added when there is a body."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n\n" + body


def encode_reply(text: str, **more: str) -> bytes:
    """The answer to a command other than api: command/reply with its Reply-Text."""
    return encode_frame({"Content-Type": COMMAND_REPLY, "Reply-Text": text, **more})


def encode_api_response(text: str) -> bytes:
    body = (text or "-ERR no reply\n").encode()  # api_exec in mod_event_socket.c
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def serialize_event(headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """An event's plain text as switch_event_serialize writes it: every value encoded by itself."""
    lines = [name.encode() + b": " + (encode_value(value) or b"_undef_") for name, value in headers.items()]
    text = b"\n".join(lines) + b"\n"
    return text + (b"Content-Length: %d\n\n" % len(body) + body if body else b"\n")


def encode_event(headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole text/event-plain frame."""
    text = serialize_event(headers, body)
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(text) + text


def encode_connect_reply(channel: Mapping[str, str], *, asynchronous: bool, full: bool) -> bytes:
    """The answer to `connect`: the channel's data as an encoded event in the outer frame."""
    return serialize_event(
        {
            **channel,
            "Content-Type": COMMAND_REPLY,
            "Reply-Text": "+OK\n",
            "Socket-Mode": "async" if asynchronous else "static",
            "Control": "full" if full else "single-channel",
        }
    )
