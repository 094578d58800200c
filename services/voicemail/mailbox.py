"""The words of this service as types: a mailbox, a caller, a message that was left. Core.

A LeftMessage is known in full before the caller hears the beep, all but its audio; written next to the
audio (spool.py) it is what the sweeper needs when this process, or the database, is gone afterwards.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, get_args

Language = Literal["de", "en"]
Reason = Literal["always", "busy", "no_answer", "not_reachable", "direct"]
REASONS: tuple[Reason, ...] = get_args(Reason)
GreetingKind = Literal["personal", "busy", "no_answer", "name"]
GREETING_KINDS: tuple[GreetingKind, ...] = get_args(GreetingKind)

UNKNOWN_CALLER = "unknown"
"""Instead of a number, from routing and in the names of recordings made without this service."""

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_NOT_IN_NAMES = re.compile(r"[^\w .\-&()/+']|_")
_STILL_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_NOBODY = "0000000000"  # SWITCH_DEFAULT_CLID_NUMBER (switch_types.h): what FreeSWITCH says when nobody said
_WITHHELD = frozenset({"anonymous", "unknown", "restricted", "unavailable", "private"})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What a deposit needs to know of the mailbox."""

    company_id: int
    subscriber_id: int
    language: Language = "de"
    enabled: bool = True
    max_message_s: int = 180
    silence_end_s: int = 5
    messages_left_to_quota: int = 1
    """Zero or less: the mailbox is full."""
    greetings: Mapping[GreetingKind, str] = field(default_factory=dict)
    """The owner's recordings that are in use, by their ids."""


@dataclass(frozen=True, slots=True)
class Caller:
    number: str | None
    """None: withheld."""
    name: str | None
    subscriber_id: int | None = None
    """A colleague; name and number are then looked up, never taken from the handset."""


def caller_from(number: str | None, name: str | None, *, withheld: bool) -> Caller:
    """The caller as the switch names him, reduced to what can be shown anywhere without harm."""
    if withheld or number is None or number == _NOBODY or not _NUMBER.fullmatch(number):
        return Caller(None, None)
    return Caller(number, clean_name(name, number))


def clean_name(name: str | None, number: str | None = None) -> str | None:
    """Letters, digits and a few signs, 64 at most; None when nothing is left that a person would call a name."""
    if name is None or _STILL_ENCODED.search(name):
        return None
    cleaned = " ".join(_NOT_IN_NAMES.sub(" ", name).split())[:64].strip()
    if not cleaned or cleaned == number or cleaned.lower() in _WITHHELD:
        return None
    return cleaned


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """A message but for its audio."""

    message_id: str
    company_id: int
    subscriber_id: int
    call_id: str | None
    left_at: datetime
    reason: Reason
    caller: Caller
    urgent: bool = False


class UnreadableNote(ValueError):
    """The text next to a recording is not a note of ours."""


NOTE_VERSION = 1


def note_text(message: LeftMessage) -> str:
    """What is written next to the audio."""
    return json.dumps(
        {"version": NOTE_VERSION, **asdict(message), "left_at": message.left_at.isoformat()}, indent=1
    )


def read_note(text: str) -> LeftMessage:
    """Raises UnreadableNote."""
    try:
        data: Any = json.loads(text)
        if data.get("version") != NOTE_VERSION:
            raise UnreadableNote(f"version {data.get('version')!r}")
        known = {one.name for one in fields(LeftMessage)}
        values: dict[str, Any] = {name: value for name, value in data.items() if name in known}
        values["caller"] = Caller(**values["caller"])
        values["left_at"] = datetime.fromisoformat(values["left_at"])
        values["message_id"] = str(uuid.UUID(values["message_id"]))
        if values["left_at"].tzinfo is None or values["reason"] not in REASONS:
            raise UnreadableNote("a naive time, or a reason that is none of ours")
        return LeftMessage(**values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, UnreadableNote):
            raise
        raise UnreadableNote(str(error)) from error


_REASON_WORDS: Mapping[str, Reason] = {
    "always": "always",
    "busy": "busy",
    "no_answer": "no_answer",
    "not_reachable": "not_reachable",
}


def reason_from(word: str | None) -> Reason:
    """Routing's word for why the call came here; a call that names none came straight to the mailbox."""
    normal = (word or "").replace("-", "_").replace(" ", "_").lower()
    return _REASON_WORDS.get(normal, "direct")
