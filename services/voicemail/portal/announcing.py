"""The owner's greetings by telephone: hear, record, keep, remove. Core."""

from __future__ import annotations

from services.voicemail.mailbox import GreetingKind
from services.voicemail.portal.asking import answered, ask, tell
from services.voicemail.portal.words import (
    Dialogue,
    Done,
    Draft,
    FindGreeting,
    Found,
    GreetingAudio,
    RecordDraft,
    Recorded,
    Refused,
    RemoveGreeting,
    SaveDraft,
    Sound,
)
from services.voicemail.welcome import LONGEST_MS

KINDS: tuple[GreetingKind, ...] = ("personal", "busy", "no_answer", "name")
"""In the order of their keys, from 1."""
NAMES: dict[GreetingKind, str] = {
    "personal": "portal-greeting-personal", "busy": "portal-greeting-busy",
    "no_answer": "portal-greeting-no-answer", "name": "portal-greeting-name",
}
MENU, ONE_MENU, NOTHING_RECORDED = "portal-greetings-menu", "portal-greeting-menu", "portal-greeting-none"
RECORD_NOW, RECORDED_MENU, TOO_SHORT = "portal-record-now", "portal-recorded-menu", "portal-recording-short"
SAVED, NOT_SAVED, DISCARDED, DELETED = "portal-saved", "portal-not-saved", "portal-discarded", "portal-deleted"

PROMPTS = (*NAMES.values(), MENU, ONE_MENU, NOTHING_RECORDED, RECORD_NOW, RECORDED_MENU, TOO_SHORT, SAVED, NOT_SAVED,
           DISCARDED, DELETED)


def greetings() -> Dialogue[None]:
    while (key := (yield from ask("1234*", (MENU,)))) != "*":
        yield from _one(KINDS[int(key) - 1])


def _one(kind: GreetingKind) -> Dialogue[None]:
    said: tuple[Sound, ...] = (NAMES[kind],)
    while True:
        match (yield from ask("123*", (ONE_MENU,), first=said)):
            case "1":
                found = yield from answered(FindGreeting(kind), Found)
                said = (GreetingAudio(found.greeting_id),) if found.greeting_id else (NOTHING_RECORDED,)
            case "2":
                said = yield from _record(kind)
            case "3":
                yield from answered(RemoveGreeting(kind), Done)
                said = (DELETED,)
            case _:
                return


def _record(kind: GreetingKind) -> Dialogue[tuple[str, ...]]:
    """What to say of it afterwards."""
    while True:
        yield from tell(RECORD_NOW)
        recorded = yield from answered(RecordDraft(LONGEST_MS[kind] // 1000), Recorded)
        if not recorded.something:
            return (TOO_SHORT,)
        first: tuple[Sound, ...] = ()
        while True:
            key = yield from ask("123*", (RECORDED_MENU,), first=first)
            if key == "1":
                saved = yield from answered(SaveDraft(kind), Done, Refused)
                return (SAVED,) if isinstance(saved, Done) else (NOT_SAVED,)
            if key == "*":
                return (DISCARDED,)
            if key == "3":
                break
            first = (Draft(),)
