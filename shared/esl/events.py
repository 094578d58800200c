"""A typed event over the plain text FreeSWITCH sent; a header is looked for when somebody asks.

A channel event has 4 to 6 KB in 100 to 140 headers and the product reads a handful of them, so nothing is
parsed ahead. Lines are split before anything is decoded: values are percent-encoded one by one
(switch_event_serialize in switch_event.c), and a value that decodes to a line break stays one value.

The text is held as a str of one byte a character (latin-1): finding and cutting in it is a third faster than in
bytes, and any byte survives. Of what FreeSWITCH encoded, only an inner body has bytes above ASCII.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from shared.esl.errors import MissingHeader
from shared.esl.event_names import EVENT_NAMES

_UNDEFINED = "_undef_"  # what switch_event_serialize writes for an empty value
# A channel event has no body (nothing in switch_core*.c adds one) but CHANNEL_HANGUP_COMPLETE, which may
# carry the XML of the call (switch_core_state_machine.c): with the others the end need not be looked for.
_CHANNEL = "\nEvent-Name: CHANNEL_"
_HANGUP_COMPLETE = "\nEvent-Name: CHANNEL_HANGUP_C"
_EVENT_NAME = "\nEvent-Name: "
_URL_UNSAFE = frozenset(b'\r\n #%&+:;<=>?@[\\]^`{|}"')  # SWITCH_URL_UNSAFE in switch_utils.h
_HEX = frozenset(b"0123456789ABCDEF")
_ENCODED = tuple(
    b"%%%02X" % byte if byte < 0x20 or byte > 0x7E or byte in _URL_UNSAFE else bytes((byte,)) for byte in range(256)
)

_needles: dict[str, str] = {}
_decoded: dict[str, str] = {}  # names and addresses come again and again


def _needle(header: str) -> str:
    needle = "\n" + header.encode().decode("latin-1") + ": "
    if len(_needles) < 4096:
        _needles[header] = needle
    return needle


def _decode(value: str) -> str:
    """A value that is more than plain ASCII, percent-decoded once; what is not UTF-8 is replaced."""
    known = _decoded.get(value)
    if known is not None:
        return known
    text = unquote_to_bytes(value.encode("latin-1")).decode("utf-8", "replace")
    if len(value) <= 200:
        if len(_decoded) >= 4096:
            _decoded.clear()
        _decoded[value] = text
    return text


def encode_value(text: str) -> bytes:
    """A header value as switch_url_encode_opt (switch_utils.c) writes it.

    A percent sign in front of two upper-case hex digits stays as it is: the switch takes it for
    encoded already. That is why a decoded caller text is never to be trusted.
    """
    raw = text.encode("utf-8", "surrogateescape")
    encoded = bytearray()
    for at, byte in enumerate(raw):
        if byte == 0x25 and at + 2 < len(raw) and raw[at + 1] in _HEX and raw[at + 2] in _HEX:
            encoded += b"%"
        else:
            encoded += _ENCODED[byte]
    return bytes(encoded)


class Event:
    """One event, immutable. Header names are those FreeSWITCH writes, upper and lower case included."""

    __slots__ = ("_headers", "_inner", "_text")

    def __init__(self, raw: bytes) -> None:
        """raw is the event's plain text: encoded headers, a blank line, an inner body if there is one.

        A line break in front of it is allowed, and spares the parser a copy.
        """
        text = raw.decode("latin-1")
        self._inner = ""
        self._headers: Mapping[str, str] | None = None
        if text.startswith(_CHANNEL) and text.endswith("\n\n") and not text.startswith(_HANGUP_COMPLETE):
            self._text = text
            return
        if not text.startswith("\n"):
            text = "\n" + text
        end = text.find("\n\n", 1)
        if end < 0:
            end = len(text.rstrip("\n"))
        # The head alone, so that a header is not found in the body; each begins after a line break and ends before one.
        self._text = text[:end] + "\n"
        self._inner = text[end + 2 :]

    @classmethod
    def of(cls, headers: Mapping[str, str], body: str = "") -> Event:
        """An event made of plain values, as the switch would have sent it."""
        lines = [name.encode() + b": " + (encode_value(value) or b"_undef_") for name, value in headers.items()]
        inner = body.encode()
        if inner:
            lines.append(b"Content-Length: %d" % len(inner))
        return cls(b"\n".join(lines) + b"\n\n" + inner)

    @property
    def name(self) -> str:
        text = self._text
        if text.startswith(_EVENT_NAME):
            name = text[13 : text.find("\n", 13)]
            if name in EVENT_NAMES:
                return name
        return self.require("Event-Name")

    @property
    def subclass(self) -> str | None:
        """The kind of a CUSTOM event, such as sofia::register."""
        return self.get("Event-Subclass")

    @property
    def leg_uuid(self) -> str:
        return self.require("Unique-ID")

    @property
    def body(self) -> str | None:
        """The inner body (of a BACKGROUND_JOB: what the command answered), or None."""
        length = self.get("Content-Length")
        if length is None or not length.isdecimal():
            return None
        return self._inner[: int(length)].encode("latin-1").decode("utf-8", "replace")

    @property
    def size_bytes(self) -> int:
        return len(self._text) + len(self._inner)

    def get(self, header: str) -> str | None:
        """The header's value, decoded once; None when it is absent or the switch says _undef_."""
        try:
            needle = _needles[header]
        except KeyError:
            needle = _needle(header)
        text = self._text
        start = text.find(needle)
        if start < 0:
            return None
        start += len(needle)
        value = text[start : text.find("\n", start)]
        if "%" in value or not value.isascii():
            return _decode(value)
        return None if value == _UNDEFINED else value

    def require(self, header: str) -> str:
        value = self.get(header)
        if value is None:
            raise MissingHeader(header)
        return value

    def variable(self, name: str) -> str | None:
        """The channel variable, which travels as the header variable_<name>."""
        return self.get("variable_" + name)

    def headers(self) -> Mapping[str, str]:
        """All headers that have a value; the first of two with the same name counts, as in get()."""
        if self._headers is None:
            found: dict[str, str] = {}
            for line in self._text.split("\n"):
                name, colon, value = line.partition(": ")
                if colon and value != _UNDEFINED:
                    found.setdefault(name if name.isascii() else _decode(name), _decode(value))
            self._headers = MappingProxyType(found)
        return self._headers

    def raw(self) -> bytes:
        """The text as it came, for recordings."""
        head = self._text.strip("\n")
        return f"{head}\n\n{self._inner}".encode("latin-1")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and (self._text, self._inner) == (other._text, other._inner)

    def __hash__(self) -> int:
        return hash((self._text, self._inner))

    def __repr__(self) -> str:
        kind = self.get("Event-Name") or "?"
        return f"Event({kind}, leg {self.get('Unique-ID')})"
