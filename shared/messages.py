"""What travels through the queues between services, versioned.

Facts that already happened, on the topic exchange `pbx.events`. Nothing depends on them for truth: a lost one
is healed by the receiver's periodic look at the owner's data. What must not be lost goes through an outbox.

On the wire: JSON {"topic", "version", "id", "at", "company_id", …fields}; an unknown field is ignored, a
missing one or another major version refuses the message.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


class MessageError(ValueError):
    """Bytes that are not one of these messages; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Message:
    topic: ClassVar[str]
    version: ClassVar[int] = 1

    id: str
    """Unique; the receiver's key against doing it twice."""
    at: str
    """ISO 8601 in UTC."""
    company_id: int


@dataclass(frozen=True, kw_only=True)
class SettingsChanged(Message):
    topic: ClassVar[str] = "settings.changed"
    subscriber_id: int | None
    """None: the company's or a site's settings."""
    what: str
    """The settings' resource name: forwarding, mailbox, watched, devices…"""


@dataclass(frozen=True, kw_only=True)
class CallEnded(Message):
    topic: ClassVar[str] = "call.ended"
    call_id: str
    answered: bool
    talked_s: int


@dataclass(frozen=True, kw_only=True)
class VoicemailLeft(Message):
    topic: ClassVar[str] = "voicemail.left"
    subscriber_id: int
    message_id: str
    duration_ms: int


@dataclass(frozen=True, kw_only=True)
class LampChanged(Message):
    topic: ClassVar[str] = "lamp.changed"
    subscriber_id: int
    state: str


KINDS: dict[str, type[Message]] = {
    kind.topic: kind for kind in (SettingsChanged, CallEnded, VoicemailLeft, LampChanged)
}


def to_bytes(message: Message) -> bytes:
    return json.dumps({"topic": message.topic, "version": message.version, **asdict(message)}).encode()


def from_bytes(body: bytes) -> Message:
    """Raises MessageError."""
    try:
        data: Any = json.loads(body)
    except ValueError as error:
        raise MessageError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise MessageError("not an object")
    kind = KINDS.get(str(data.get("topic")))
    if kind is None:
        raise MessageError(f"unknown topic {data.get('topic')!r}")
    if data.get("version") != kind.version:
        raise MessageError(f"{kind.topic} has version {data.get('version')!r}, this service reads {kind.version}")
    names = {field.name for field in fields(kind)}
    if missing := sorted(names - data.keys()):
        raise MessageError(f"{kind.topic} lacks {', '.join(missing)}")
    return kind(**{name: data[name] for name in names})
