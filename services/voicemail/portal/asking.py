"""Saying something and taking keys: what every part of the dialogue is made of. Core.

Keys count while something is being said, too: every prompt can be cut short, and whoever knows the way types ahead.
"""

from __future__ import annotations

from typing import NoReturn, TypeVar

from services.voicemail.portal.words import (
    Command,
    Dialogue,
    Done,
    Event,
    Key,
    Missing,
    NotNow,
    OutOfTurn,
    Say,
    Silence,
    Sound,
    Wait,
)

A = TypeVar("A")

CHOICE_WITHIN_S = 6.0
FIRST_DIGIT_WITHIN_S = 8.0
NEXT_DIGIT_WITHIN_S = 4.0
SILENCES = 3
"""After so many times nothing the caller is taken to be gone."""
WRONG_KEYS = 20
"""In one menu, one after the other: nobody's pocket holds the line for ever."""
WRONG_KEY = "portal-wrong-key"

CANCELLED = "*"


class Gone(Exception):
    """Nobody presses anything any more."""


class NotPossible(Exception):
    """The database does not answer."""


def ask(keys: str, menu: tuple[Sound, ...], *, first: tuple[Sound, ...] = ()) -> Dialogue[str]:
    """One of keys. first: said once, before the menu. Raises Gone."""
    said = (*first, *menu)
    silences = 0
    for _ in range(WRONG_KEYS):
        heard = yield from said_or_key(said)
        if isinstance(heard, Key) and heard.digit in keys:
            return heard.digit
        if isinstance(heard, Key):
            said, silences = (WRONG_KEY, *menu), 0
            continue
        said, silences = menu, silences + 1
        if silences == SILENCES:
            break
    raise Gone


def said_or_key(sounds: tuple[Sound, ...], within_s: float = CHOICE_WITHIN_S) -> Dialogue[Key | Silence]:
    """The key pressed meanwhile, or a while after."""
    heard: Event = yield Say(sounds)
    if isinstance(heard, Done | Missing):
        heard = yield Wait(within_s)
    if isinstance(heard, Key | Silence):
        return heard
    out_of_turn(heard)


def tell(*sounds: Sound) -> Dialogue[Key | None]:
    """Says it; the key that cut it short, for whoever goes on with it."""
    heard = yield Say(sounds)
    if isinstance(heard, Key):
        return heard
    if isinstance(heard, Done | Missing):
        return None
    out_of_turn(heard)


def digits(prompt: tuple[Sound, ...], most: int) -> Dialogue[str | None]:
    """Up to `most` digits, ended by #, by a pause, or by the last that fits; None: taken back with *. Raises Gone.

    "" is # alone.
    """
    for _ in range(SILENCES):
        heard = yield from said_or_key(prompt, FIRST_DIGIT_WITHIN_S)
        if isinstance(heard, Silence):
            continue
        typed = ""
        answer: Event = heard
        while isinstance(answer, Key):
            if answer.digit == "#":
                return typed
            if answer.digit == "*":
                return None
            typed += answer.digit
            if len(typed) > most:
                return typed
            answer = yield Wait(NEXT_DIGIT_WITHIN_S)
        if not isinstance(answer, Silence):
            out_of_turn(answer)
        return typed
    raise Gone


def answered(command: Command, *as_: type[A]) -> Dialogue[A]:
    """The answer to a command that needs the database. Raises NotPossible."""
    answer = yield command
    if isinstance(answer, NotNow):
        raise NotPossible
    if isinstance(answer, as_):
        return answer
    out_of_turn(answer)


def out_of_turn(event: Event) -> NoReturn:
    raise OutOfTurn(type(event).__name__)
