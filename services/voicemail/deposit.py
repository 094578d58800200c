"""Leaving a message: the dialogue as a state machine. Core: events in, commands out.

    Began -> greeting -> beep -> recording -> thanks -> hang up
         \\-> why not       ^         \\-> review -> thanks (or discarded) -> hang up
                           '--- again ----'

A key during the greeting skips it; * hands the call over to the portal, which asks for the PIN. The # key ends the
recording, then the caller may hear it, record it again, mark it urgent, discard it; whoever hangs up meanwhile, or
presses nothing, has left what he said. Who records it again has left the first until the second is a message.

The shell (call.py) performs the commands in order and answers with what happened. CallerLeft may come
at any point, once; after Finished nothing comes. Whatever was said is kept or discarded exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from services.voicemail import welcome
from services.voicemail.mailbox import Mailbox, Reason
from services.voicemail.recording import Recording
from services.voicemail.welcome import Sound

SHORTEST_MESSAGE_MS = 1000
TOO_SHORT = "too short"
LEAST_FREE_BYTES = 200 * 1024 * 1024
KEYS_IN_REVIEW = 20
"""After so many a caller has left what he said: nobody holds the line for ever."""

# What people hear; the texts are in shared/prompts.yaml.
THANKS = "mailbox-thanks"
GOODBYE = "mailbox-goodbye"
FULL = "mailbox-full"
NOT_NOW = "mailbox-not-now"
SWITCHED_OFF = "mailbox-off"
LIMIT_REACHED = "mailbox-limit-reached"
REVIEW = "mailbox-review"
MARKED_URGENT = "mailbox-marked-urgent"
NOT_URGENT = "mailbox-not-urgent"
DISCARDED = "mailbox-discarded"
PROMPTS = (*welcome.PROMPTS, THANKS, GOODBYE, FULL, NOT_NOW, SWITCHED_OFF, LIMIT_REACHED, REVIEW, MARKED_URGENT,
           NOT_URGENT, DISCARDED)


EndedBy = Literal["key", "silence", "limit"]


# Events

@dataclass(frozen=True, slots=True)
class Began:
    mailbox: Mailbox
    reason: Reason
    free_bytes: int
    """Room on the spool's disk."""
    portal: bool = False
    """Somebody takes over who presses * during the greeting."""


@dataclass(frozen=True, slots=True)
class Played:
    """Prompts or beep ended, or were cut short by a key."""

    key: str | None = None


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the caller answered to Ask; None: nothing in time."""

    key: str | None


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The message's note could not be written: the recording would have nobody who knows it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording ended while the caller was still there."""

    recording: Recording | None
    """None: there is no usable file."""
    ended_by: EndedBy = "key"
    short: bool = False
    """The disk took less than was recorded."""
    silent_end_ms: int = 0
    """How long nothing is heard at its end, as the file has it: packets that never came may not be in it."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """Hung up, or the switch is gone; with what was recorded up to then."""

    recording: Recording | None = None
    short: bool = False


Event = Began | Played | Pressed | NoRoom | Recorded | CallerLeft


# Commands

@dataclass(frozen=True, slots=True)
class Play:
    """Ended by a key: # or, during the greeting, *."""

    sounds: tuple[Sound, ...]
    instead: tuple[str, ...] = ()
    """Should one of the owner's recordings be gone."""


@dataclass(frozen=True, slots=True)
class TheRecording:
    """What the caller has just said."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Plays until any key, then waits a while for one."""

    sounds: tuple[str | TheRecording, ...]


@dataclass(frozen=True, slots=True)
class Beep:
    """From here on there is a note of the message: it ends in Keep or in Discard."""

    urgent: bool = False
    again: bool = False
    """Said again, beside what was said before: that counts until TakeNew."""


@dataclass(frozen=True, slots=True)
class Record:
    max_s: int
    silence_end_s: int


@dataclass(frozen=True, slots=True)
class MarkUrgent:
    """In the note, too: it holds whatever happens next."""

    urgent: bool


@dataclass(frozen=True, slots=True)
class TakeNew:
    """What was said again is a message: it stands in the place of what was said before."""


@dataclass(frozen=True, slots=True)
class Forget:
    """What was said again is none: what was said before still counts."""


@dataclass(frozen=True, slots=True)
class Keep:
    recording: Recording
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Discard:
    """Nothing was said, or nothing that could be kept, or the caller takes it back."""

    why: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """To the portal: the call goes on there."""


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


Command = Play | Ask | Beep | Record | MarkUrgent | TakeNew | Forget | Keep | Discard | HandOver | HangUp


class State(Enum):
    WAITING = auto()
    GREETING = auto()
    REFUSING = auto()
    """He is told why nobody takes a message; its owner can get in all the same, and delete some."""
    BEEPING = auto()
    RECORDING = auto()
    REVIEWING = auto()
    """Recorded; the caller says what is to become of it."""
    CLOSING = auto()
    """Something is said, then the call ends."""
    FINISHED = auto()


class OutOfTurn(Exception):
    """An event that cannot happen in this state: a defect of the shell."""


class Deposit:
    """One caller leaving one message."""

    def __init__(self) -> None:
        self.state = State.WAITING
        self._mailbox: Mailbox | None = None
        self._portal = False
        self._recording: Recording | None = None
        self._urgent = False
        self._keys = 0
        self._silent_reviews = 0

    def handle(self, event: Event) -> list[Command]:
        if isinstance(event, CallerLeft):
            return self._caller_left(event)
        match self.state, event:
            case State.WAITING, Began():
                return self._began(event)
            case (State.GREETING | State.REFUSING), Played(key="*") if self._portal:
                self.state = State.FINISHED
                return [HandOver()]
            case State.GREETING, Played():
                return self._beep()
            case State.BEEPING, Played():
                assert self._mailbox is not None
                self.state = State.RECORDING
                return [Record(self._mailbox.max_message_s, self._mailbox.silence_end_s)]
            case State.BEEPING, NoRoom() if self._recording is None:
                return [Discard("no room for the note"), *self._close(NOT_NOW)]
            case State.RECORDING, Recorded():
                return self._recorded(event)
            case State.REVIEWING, Pressed():
                return self._reviewed(event.key)
            case (State.CLOSING | State.REFUSING), Played():
                self.state = State.FINISHED
                return [HangUp()]
        raise OutOfTurn(f"{type(event).__name__} while {self.state.name}")

    def _began(self, event: Began) -> list[Command]:
        mailbox = self._mailbox = event.mailbox
        self._portal = event.portal
        if not mailbox.enabled:
            return self._refuse(SWITCHED_OFF)
        if mailbox.messages_left_to_quota <= 0:
            return self._refuse(FULL)
        if event.free_bytes < LEAST_FREE_BYTES:
            return self._refuse(NOT_NOW)
        self.state = State.GREETING
        sounds = welcome.welcome(mailbox.greetings, event.reason)
        default = welcome.default_welcome(event.reason)
        return [Play(sounds, () if sounds == default else default)]

    def _beep(self) -> list[Command]:
        self.state = State.BEEPING
        return [Beep(self._urgent, again=self._recording is not None)]

    def _recorded(self, event: Recorded) -> list[Command]:
        assert self._mailbox is not None
        again = self._recording is not None
        recording, problem = event.recording, _problem(event)
        if problem is not None and not again:
            return [Discard(problem), *self._close(GOODBYE if problem == TOO_SHORT else NOT_NOW)]
        orders: list[Command] = []
        if again:
            orders = [TakeNew() if problem is None else Forget()]
        if problem is None:
            self._recording = recording
        if event.ended_by == "silence":  # he has nothing more to say, or is not there any more
            return orders + self._keep()
        self.state = State.REVIEWING
        self._silent_reviews = 0
        at_limit = event.ended_by == "limit" and problem is None
        return [*orders, Ask((LIMIT_REACHED, REVIEW) if at_limit else (REVIEW,))]

    def _reviewed(self, key: str | None) -> list[Command]:
        self._keys += 1
        self._silent_reviews = self._silent_reviews + 1 if key is None else 0
        if key in ("1", "#") or self._silent_reviews > 1 or self._keys > KEYS_IN_REVIEW:
            return self._keep()
        match key:
            case "2":
                return [Ask((TheRecording(), REVIEW))]
            case "3":
                return self._beep()
            case "4":
                self._urgent = not self._urgent
                return [MarkUrgent(self._urgent), Ask((MARKED_URGENT if self._urgent else NOT_URGENT, REVIEW))]
            case "*":
                return [Discard("taken back"), *self._close(DISCARDED)]
        return [Ask((REVIEW,))]

    def _keep(self) -> list[Command]:
        assert self._recording is not None
        return [Keep(self._recording), *self._close(THANKS)]

    def _caller_left(self, event: CallerLeft) -> list[Command]:
        was, self.state = self.state, State.FINISHED
        if was is State.REVIEWING:
            assert self._recording is not None
            return [Keep(self._recording)]
        if was not in (State.BEEPING, State.RECORDING):
            return []
        too_short = event.recording is None or event.recording.duration_ms < SHORTEST_MESSAGE_MS
        if self._recording is not None:  # he was saying it again
            if too_short or event.short:
                return [Forget(), Keep(self._recording)]
            assert event.recording is not None
            return [TakeNew(), Keep(event.recording)]
        if event.recording is None or too_short:
            return [Discard(TOO_SHORT)]
        # He cannot be told any more that the disk was full: better the first part than nothing.
        return [Keep(event.recording, incomplete=event.short)]

    def _refuse(self, prompt: str) -> list[Command]:
        self.state = State.REFUSING
        return [Play((prompt,))]

    def _close(self, prompt: str) -> list[Command]:
        self.state = State.CLOSING
        return [Play((prompt,))]


def _problem(event: Recorded) -> str | None:
    """Why this is no message."""
    if event.recording is None:
        return "no recording"
    if event.short:
        return "the disk is full"
    said_ms = event.recording.duration_ms - (event.silent_end_ms if event.ended_by == "silence" else 0)
    return TOO_SHORT if said_ms < SHORTEST_MESSAGE_MS else None
