"""The portal from the first word to the last: who is let in, and the main menu. Core.

    mailbox? -> PIN? -> how many -> 1 new, 2 saved (listening.py), 3 greetings (announcing.py), 4 PIN
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.voicemail.mailbox import GreetingKind
from services.voicemail.portal import announcing
from services.voicemail.portal.asking import Gone, NotPossible, answered, ask, digits
from services.voicemail.portal.listening import listen
from services.voicemail.portal.spoken import how_many_new
from services.voicemail.portal.words import (
    Box,
    CallBack,
    CheckPin,
    Dialogue,
    Done,
    HangUp,
    Refused,
    SavePin,
    Say,
    Speak,
)
from shared.passwords import PIN_DIGITS, pin_problem

TRIES_A_CALL = 3
_LONGEST_EXTENSION = 6

WELCOME_ANY = "portal-welcome-any"
ENTER_PIN = "portal-enter-pin"
WRONG = "portal-wrong"
MENU = "portal-main-menu"
GOODBYE = "mailbox-goodbye"
NOT_NOW = "code-not-possible-now"
NEW_PIN, NEW_PIN_AGAIN = "portal-new-pin", "portal-new-pin-again"
PIN_DIFFERENT, PIN_LENGTH, PIN_TRIVIAL = "portal-pin-different", "portal-pin-length", "portal-pin-trivial"
PIN_CHANGED, PIN_NOT_CHANGED = "portal-pin-changed", "portal-pin-not-changed"


@dataclass(frozen=True, slots=True)
class Begin:
    now: datetime
    """Of the call, aware: what is today and yesterday in it."""
    asks_whose: bool = False
    """Any mailbox of the company; else the one the call came for."""


def portal(begin: Begin) -> Dialogue[None]:
    """Ends in HangUp or CallBack, whatever the caller does; he may hang up at any point."""
    try:
        box = yield from _enter(begin)
        call_back = (yield from _main_menu(box, begin.now)) if box is not None else None
        if call_back is not None:
            yield call_back
            return
        yield Say((GOODBYE,))
    except Gone:
        yield Say((GOODBYE,))
    except NotPossible:
        yield Say((NOT_NOW,))
    yield HangUp()


def _enter(begin: Begin) -> Dialogue[Box | None]:
    """Wrong mailbox, no such mailbox, wrong PIN, locked: all sound the same, and count the same."""
    wrong: tuple[str, ...] = ()
    for _ in range(TRIES_A_CALL):
        extension: str | None = None
        if begin.asks_whose:
            extension = yield from digits((*wrong, WELCOME_ANY), _LONGEST_EXTENSION)
            wrong = ()
            if extension is None:
                continue
        pin = yield from digits((*wrong, ENTER_PIN), PIN_DIGITS[1])
        wrong = ()
        if not pin:  # taken back: none of the mailbox's tries, but one of the call's
            continue
        box = yield from answered(CheckPin(extension or None, pin), Box, Refused)
        if isinstance(box, Box):
            yield from answered(Speak(box.language), Done)
            return box
        wrong = (WRONG,)
    if wrong:
        yield Say(wrong)
    return None


def _main_menu(box: Box, now: datetime) -> Dialogue[CallBack | None]:
    """None: the caller is done."""
    said = how_many_new(box.new)
    while True:
        end: tuple[str, ...] | CallBack = ()
        match (yield from ask("1234*", (MENU,), first=said)):
            case "1":
                end = yield from listen(box, "new", now)
            case "2":
                end = yield from listen(box, "saved", now)
            case "3":
                yield from announcing.greetings()
            case "4":
                end = yield from _change_pin(box)
            case _:
                return None
        if isinstance(end, CallBack):
            return end
        said = end


def _change_pin(box: Box) -> Dialogue[tuple[str, ...]]:
    """What to say of it."""
    what_is_wrong: tuple[str, ...] = ()
    for _ in range(TRIES_A_CALL):
        pin = yield from digits((*what_is_wrong, NEW_PIN), PIN_DIGITS[1])
        if pin is None:
            break
        problem = _problem(pin, box)
        if problem:
            what_is_wrong = (problem,)
            continue
        again = yield from digits((NEW_PIN_AGAIN,), PIN_DIGITS[1])
        if again is None:
            break
        if again != pin:
            what_is_wrong = (PIN_DIFFERENT,)
            continue
        yield from answered(SavePin(pin), Done)
        return (PIN_CHANGED,)
    return (*what_is_wrong, PIN_NOT_CHANGED)


def _problem(pin: str, box: Box) -> str | None:
    if not box.pin_digits_at_least <= len(pin) <= PIN_DIGITS[1]:
        return PIN_LENGTH
    return PIN_TRIVIAL if pin_problem(pin, box.pin_digits_at_least, box.numbers) else None


PROMPTS = (WELCOME_ANY, ENTER_PIN, WRONG, MENU, GOODBYE, NOT_NOW, NEW_PIN, NEW_PIN_AGAIN, PIN_DIFFERENT, PIN_LENGTH,
           PIN_TRIVIAL, PIN_CHANGED, PIN_NOT_CHANGED)
KINDS: tuple[GreetingKind, ...] = announcing.KINDS
