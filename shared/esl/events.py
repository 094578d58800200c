"""A typed event over the plain text FreeSWITCH sent; a header is looked for when somebody asks.

A channel event has about 3.7 KB in 100 headers and the product reads a handful of them, so nothing is
parsed ahead. Lines are split before anything is decoded: values are percent-encoded one by one
(switch_event_serialize in switch_event.c), and a value that decodes to a line break stays one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from shared.esl.errors import MissingHeader

_UNDEFINED = b"_undef_"  # what switch_event_serialize writes for an empty value
_NAME_PREFIX = b"Event-Name: "
_URL_UNSAFE = frozenset(b'\r\n #%&+:;<=>?@[\\]^`{|}"')  # SWITCH_URL_UNSAFE in switch_utils.h
_HEX = frozenset(b"0123456789ABCDEF")
_ENCODED = tuple(
    b"%%%02X" % byte if byte < 0x20 or byte > 0x7E or byte in _URL_UNSAFE else bytes((byte,)) for byte in range(256)
)

_needles: dict[str, tuple[bytes, bytes]] = {}
_names: dict[bytes, str] = {}


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


def decode_value(value: bytes) -> str:
    """Percent-decoded exactly once; bytes that are not UTF-8 become replacement characters."""
    if b"%" in value:
        value = unquote_to_bytes(value)
    return value.decode("utf-8", "replace")


class Event:
    """One event, immutable. Header names are those FreeSWITCH writes, upper and lower case included."""

    __slots__ = ("_end", "_headers", "_raw")

    def __init__(self, raw: bytes) -> None:
        """raw is the event's plain text: encoded headers, a blank line, an inner body if there is one."""
        self._raw = raw
        end = raw.find(b"\n\n")
        self._end = len(raw) if end < 0 else end
        self._headers: Mapping[str, str] | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], body: str = "") -> Event:
        """An event made of plain values, as the switch would have sent it."""
        lines = [name.encode() + b": " + (encode_value(value) or _UNDEFINED) for name, value in headers.items()]
        inner = body.encode()
        if inner:
            lines.append(b"Content-Length: %d" % len(inner))
        return cls(b"\n".join(lines) + b"\n\n" + inner)

    @property
    def name(self) -> str:
        raw = self._raw
        if raw.startswith(_NAME_PREFIX):
            stop = raw.find(b"\n", 12, self._end)
            value = raw[12 : stop if stop >= 0 else self._end]
            known = _names.get(value)
            if known is not None:
                return known
            text = decode_value(value)
            if len(_names) < 1000:
                _names[value] = text
            return text
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
        start = self._end + 2
        return self._raw[start : start + int(length)].decode("utf-8", "replace")

    @property
    def size_bytes(self) -> int:
        return len(self._raw)

    def get(self, header: str) -> str | None:
        """The header's value, decoded once; None when it is absent or the switch says _undef_."""
        found = _needles.get(header)
        if found is None:
            first = header.encode() + b": "
            found = (first, b"\n" + first)
            if len(_needles) < 4096:
                _needles[header] = found
        first, needle = found
        raw = self._raw
        end = self._end
        if raw.startswith(first):
            start = len(first)
        else:
            start = raw.find(needle, 0, end)
            if start < 0:
                return None
            start += len(needle)
        stop = raw.find(b"\n", start, end)
        value = raw[start : stop if stop >= 0 else end]
        if value == _UNDEFINED:
            return None
        if b"%" in value:
            value = unquote_to_bytes(value)
        return value.decode("utf-8", "replace")

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
            for line in self._raw[: self._end].split(b"\n"):
                name, colon, value = line.partition(b": ")
                if colon and value != _UNDEFINED:
                    found.setdefault(name.decode("utf-8", "replace"), decode_value(value))
            self._headers = MappingProxyType(found)
        return self._headers

    def raw(self) -> bytes:
        """The text as it came, for recordings."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        kind = self.get("Event-Name") or "?"
        return f"Event({kind}, leg {self.get('Unique-ID')})"
