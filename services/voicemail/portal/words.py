"""What the dialogue asks for and what it is answered. Core: the words of the portal as types.

A dialogue is a generator: it yields one Command and is sent one Event for it. That is a state machine whose states are
the places where it waits; it touches nothing, so a test plays the caller with `send`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from services.voicemail.mailbox import GreetingKind, Language

T = TypeVar("T")
Kind = Literal["new", "saved"]


@dataclass(frozen=True, slots=True)
class Box:
    """The mailbox somebody has been let into."""

    company_id: int
    subscriber_id: int
    language: Language
    time_zone: str
    country: str = "DE"
    pin_digits_at_least: int = 6
    numbers: tuple[str, ...] = ()
    """His extension and numbers, which may be no PIN."""
    new: int = 0
    """Messages."""


@dataclass(frozen=True, slots=True)
class Message:
    message_id: str
    left_at: datetime
    caller_number: str | None = None
    """None: withheld. A colleague's is his extension."""
    caller_id: int | None = None
    """A colleague, as subscriber."""
    caller_name_id: str | None = None
    """His recorded name, as a greeting's id; None: he has none."""
    urgent: bool = False

    @property
    def calls_back(self) -> str | None:
        """None: nobody knows whom that would call. Digits without + are a carrier's own way of writing a number, or one
        that cannot be called; dialled here they might be anybody's."""
        number = self.caller_number
        return number if number and (self.caller_id is not None or number.startswith("+")) else None


# Sounds

@dataclass(frozen=True, slots=True)
class MessageAudio:
    message_id: str


@dataclass(frozen=True, slots=True)
class GreetingAudio:
    greeting_id: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What has just been recorded, and not been saved."""


Sound = str | MessageAudio | GreetingAudio | Draft
"""A string is a prompt of shared/prompts.yaml."""


# Commands

@dataclass(frozen=True, slots=True)
class Say:
    """-> Key: one ended it. Done: to its end. Missing: the recording is not there."""

    sounds: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """-> Key, or Silence after so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CheckPin:
    """-> Box, or Refused. extension: None is the mailbox the call came for."""

    extension: str | None
    pin: str


@dataclass(frozen=True, slots=True)
class Speak:
    """From here on in this language. -> Done"""

    language: Language


@dataclass(frozen=True, slots=True)
class Fetch:
    """-> Messages"""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Mark:
    """-> Done, or Refused: restoring it would be one more than the mailbox may hold."""

    message_id: str
    as_: Literal["new", "saved", "deleted", "restored"]


@dataclass(frozen=True, slots=True)
class FindGreeting:
    """-> Found"""

    kind: GreetingKind


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """Tone, then recording until # or the limit. -> Recorded"""

    max_s: int


@dataclass(frozen=True, slots=True)
class SaveDraft:
    """-> Done, or Refused: too short, or the disk takes nothing."""

    kind: GreetingKind


@dataclass(frozen=True, slots=True)
class RemoveGreeting:
    """-> Done"""

    kind: GreetingKind


@dataclass(frozen=True, slots=True)
class SavePin:
    """-> Done"""

    pin: str


@dataclass(frozen=True, slots=True)
class CallBack:
    """The call goes on as one the mailbox's owner makes to this number; nothing comes after it."""

    number: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Nothing comes after it."""


Command = (
    Say | Wait | CheckPin | Speak | Fetch | Mark | FindGreeting | RecordDraft | SaveDraft | RemoveGreeting | SavePin
    | CallBack | HangUp
)


# Events

@dataclass(frozen=True, slots=True)
class Key:
    digit: str


@dataclass(frozen=True, slots=True)
class Done:
    pass


@dataclass(frozen=True, slots=True)
class Missing:
    pass


@dataclass(frozen=True, slots=True)
class Silence:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    pass


@dataclass(frozen=True, slots=True)
class NotNow:
    """To any command that needs the database: it does not answer, and nothing is known to have happened."""


@dataclass(frozen=True, slots=True)
class Messages:
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Found:
    greeting_id: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """Whether anything was."""

    something: bool


Event = Key | Done | Missing | Silence | Refused | NotNow | Box | Messages | Found | Recorded

Dialogue = Generator[Command, Event, T]


class OutOfTurn(Exception):
    """An event that is no answer to the command: a defect of the shell."""
