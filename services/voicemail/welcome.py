"""What a caller hears first: the owner's own recordings, or the default with or without his name. Core.

| reason | first that is recorded and in use |
|---|---|
| busy | busy, personal, "<name> is on the phone", default |
| no answer, not reachable | no_answer, personal, "<name> is not available", default |
| always, dialled directly | personal, "You have reached the mailbox of <name>", default |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.voicemail.mailbox import GreetingKind, Reason

AFTER_THE_TONE = "mailbox-after-the-tone"
MAILBOX_OF = "mailbox-of"
IS_BUSY = "mailbox-name-is-busy"
IS_AWAY = "mailbox-name-is-away"

SHORTEST_MS = 500
LONGEST_MS: Mapping[GreetingKind, int] = {
    "personal": 120_000, "busy": 120_000, "no_answer": 120_000, "name": 10_000,
}

_OWN: Mapping[Reason, tuple[GreetingKind, ...]] = {
    "busy": ("busy", "personal"),
    "no_answer": ("no_answer", "personal"),
    "not_reachable": ("no_answer", "personal"),
    "always": ("personal",),
    "direct": ("personal",),
}
_DEFAULT: Mapping[Reason, str] = {
    "busy": "mailbox-greeting-busy",
    "no_answer": "mailbox-greeting-no-answer",
    "not_reachable": "mailbox-greeting-no-answer",
    "always": "mailbox-greeting",
    "direct": "mailbox-greeting",
}
PROMPTS = (*dict.fromkeys(_DEFAULT.values()), AFTER_THE_TONE, MAILBOX_OF, IS_BUSY, IS_AWAY)


@dataclass(frozen=True, slots=True)
class OwnRecording:
    """A recording of the owner, by the id its file is named after."""

    greeting_id: str


Sound = str | OwnRecording
"""A prompt of the catalogue by its name, or a recording of the owner."""


def kind_played(greetings: Mapping[GreetingKind, str], reason: Reason) -> GreetingKind | None:
    """Which of the recordings in use a call with this reason gets; None: the default, without even a name."""
    return next((kind for kind in (*_OWN[reason], "name") if kind in greetings), None)


def welcome(greetings: Mapping[GreetingKind, str], reason: Reason) -> tuple[Sound, ...]:
    """greetings: the recordings in use, kind -> id. An owner's own words are followed by the tone alone."""
    kind = kind_played(greetings, reason)
    if kind is None:
        return default_welcome(reason)
    own = OwnRecording(greetings[kind])
    if kind != "name":
        return (own,)
    if reason == "busy":
        return (own, IS_BUSY, AFTER_THE_TONE)
    if reason in ("no_answer", "not_reachable"):
        return (own, IS_AWAY, AFTER_THE_TONE)
    return (MAILBOX_OF, own, AFTER_THE_TONE)


def default_welcome(reason: Reason) -> tuple[str, ...]:
    return (_DEFAULT[reason], AFTER_THE_TONE)
