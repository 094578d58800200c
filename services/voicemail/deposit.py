"""Leaving a message: the dialogue as a state machine. Core: events in, commands out.

    Began -> greeting -> beep -> recording -> thanks -> hang up
         \\-> why not (full, no room, switched off) -> hang up

The shell (call.py) performs the commands in order and answers with what happened. CallerLeft may come
at any point, once; after Finished nothing comes. Whatever was said is kept or discarded exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from services.voicemail.mailbox import Mailbox, Reason
from services.voicemail.recording import Recording

SHORTEST_MESSAGE_MS = 1000
LEAST_FREE_BYTES = 200 * 1024 * 1024

# What people hear; the texts are in shared/prompts.yaml.
GREETINGS: dict[Reason, str] = {
    "busy": "mailbox-greeting-busy",
    "no_answer": "mailbox-greeting-no-answer",
    "not_reachable": "mailbox-greeting-no-answer",
    "always": "mailbox-greeting",
    "direct": "mailbox-greeting",
}
AFTER_THE_TONE = "mailbox-after-the-tone"
THANKS = "mailbox-thanks"
GOODBYE = "mailbox-goodbye"
FULL = "mailbox-full"
NOT_NOW = "mailbox-not-now"
SWITCHED_OFF = "mailbox-off"
PROMPTS = (*dict.fromkeys(GREETINGS.values()), AFTER_THE_TONE, THANKS, GOODBYE, FULL, NOT_NOW, SWITCHED_OFF)


# Events

@dataclass(frozen=True, slots=True)
class Began:
    mailbox: Mailbox
    reason: Reason
    free_bytes: int
    """Room on the spool's disk."""


@dataclass(frozen=True, slots=True)
class Played:
    """Prompts or beep ended, or were cut short by a key."""


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The message's note could not be written: the recording would have nobody who knows it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording ended while the caller was still there: by #, by silence, or at the limit."""

    recording: Recording | None
    """None: there is no usable file."""
    by_silence: bool = False
    short: bool = False
    """The disk took less than was recorded."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """Hung up, or the switch is gone; with what was recorded up to then."""

    recording: Recording | None = None
    short: bool = False


Event = Began | Played | NoRoom | Recorded | CallerLeft


# Commands

@dataclass(frozen=True, slots=True)
class Play:
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beep:
    """From here on there is a note of the message: it ends in Keep or in Discard."""


@dataclass(frozen=True, slots=True)
class Record:
    max_s: int
    silence_end_s: int


@dataclass(frozen=True, slots=True)
class Keep:
    recording: Recording
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Discard:
    """Nothing was said, or nothing that could be kept."""

    why: str


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


Command = Play | Beep | Record | Keep | Discard | HangUp


class State(Enum):
    WAITING = auto()
    GREETING = auto()
    BEEPING = auto()
    RECORDING = auto()
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

    def handle(self, event: Event) -> list[Command]:
        if isinstance(event, CallerLeft):
            return self._caller_left(event)
        match self.state, event:
            case State.WAITING, Began():
                return self._began(event)
            case State.GREETING, Played():
                self.state = State.BEEPING
                return [Beep()]
            case State.BEEPING, Played():
                assert self._mailbox is not None
                self.state = State.RECORDING
                return [Record(self._mailbox.max_message_s, self._mailbox.silence_end_s)]
            case State.BEEPING, NoRoom():
                return [Discard("no room for the note"), *self._close(NOT_NOW)]
            case State.RECORDING, Recorded():
                return self._recorded(event)
            case State.CLOSING, Played():
                self.state = State.FINISHED
                return [HangUp()]
        raise OutOfTurn(f"{type(event).__name__} while {self.state.name}")

    def _began(self, event: Began) -> list[Command]:
        mailbox = self._mailbox = event.mailbox
        if not mailbox.enabled:
            return self._close(SWITCHED_OFF)
        if mailbox.messages_left_to_quota <= 0:
            return self._close(FULL)
        if event.free_bytes < LEAST_FREE_BYTES:
            return self._close(NOT_NOW)
        self.state = State.GREETING
        return [Play((GREETINGS[event.reason], AFTER_THE_TONE))]

    def _recorded(self, event: Recorded) -> list[Command]:
        assert self._mailbox is not None
        if event.recording is None:
            return [Discard("no recording"), *self._close(NOT_NOW)]
        if event.short:
            return [Discard("the disk is full"), *self._close(NOT_NOW)]
        said_ms = event.recording.duration_ms
        if event.by_silence:
            said_ms -= self._mailbox.silence_end_s * 1000
        if said_ms < SHORTEST_MESSAGE_MS:
            return [Discard("too short"), *self._close(GOODBYE)]
        return [Keep(event.recording), *self._close(THANKS)]

    def _caller_left(self, event: CallerLeft) -> list[Command]:
        was, self.state = self.state, State.FINISHED
        if was not in (State.BEEPING, State.RECORDING):
            return []
        if event.recording is None or event.recording.duration_ms < SHORTEST_MESSAGE_MS:
            return [Discard("too short")]
        # He cannot be told any more that the disk was full: better the first part than nothing.
        return [Keep(event.recording, incomplete=event.short)]

    def _close(self, prompt: str) -> list[Command]:
        self.state = State.CLOSING
        return [Play((prompt,))]
