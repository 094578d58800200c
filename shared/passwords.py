"""Passwords and PINs: kept as argon2 hashes, compared in a time that tells nothing, and which ones are too easy.

    hash_of(secret) -> text            verify(hash_or_none, secret) -> bool
    password_problem("…", words) -> what is wrong, or None           pin_problem("…", digits_at_least, numbers)

Hashing takes some 30 ms of a processor on purpose; it runs in the hub's thread pool, so that calls are answered
meanwhile, and only a few at a time, so that no flood of log-ins takes the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import argon2
import gevent
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.lock import BoundedSemaphore

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 128
PIN_DIGITS = (4, 10)
PIN_DIGITS_USUAL = 6

# OWASP's second choice for argon2id: 19 MiB, 2 rounds.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = BoundedSemaphore(2)
_OF_NOBODY = _HASHER.hash("compared with when there is no account")

_OFTEN = (
    "password", "passwort", "kennwort", "geheim", "telefon", "telephone", "qwertz", "qwerty", "asdf", "letmein",
    "welcome", "willkommen", "hallo", "schatz", "iloveyou", "admin", "login", "changeme", "sommer", "winter", "abc123",
)
_ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertzuiop", "qwertyuiop", "asdfghjkl", "yxcvbnm", "zxcvbnm")
_KEYPAD_LINES = ("147", "258", "369", "159", "357", "2580")
_COUNTED = tuple(("0123456789" * 2)[first : first + length] for first in range(10) for length in range(3, 11))
_EASY_PART = "|".join([
    *(f"{digit}{{2,}}" for digit in "0123456789"),
    *(form for line in (*_KEYPAD_LINES, *_COUNTED) for form in (line, line[::-1])),
])
_EASY_PIN = re.compile(rf"(?:{_EASY_PART})*[0-9]?(?:{_EASY_PART})*")
"""Nothing but such parts, and at most one digit more: 112233, 123789, 147258, 123457."""
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_DIFFERENT_AT_LEAST = 5


def hash_of(secret: str) -> str:
    with _AT_ONCE:
        return str(gevent.get_hub().threadpool.apply(_HASHER.hash, (secret,)))


def verify(known: str | None, secret: str) -> bool:
    """known: None when there is no such account, or it has no password: takes as long, and is never right."""
    with _AT_ONCE:
        right = gevent.get_hub().threadpool.apply(_fits, (known or _OF_NOBODY, secret))
    return bool(right) and known is not None


def _fits(known: str, secret: str) -> bool:
    try:
        return _HASHER.verify(known, secret)
    except (VerificationError, InvalidHashError):
        return False


def password_problem(password: str, words: Iterable[str] = ()) -> str | None:
    """words: what everyone knows of the person: name, login name, address, company."""
    if len(password) < MINIMUM_LENGTH:
        return f"must have at least {MINIMUM_LENGTH} characters"
    if len(password) > MAXIMUM_LENGTH:
        return f"must have at most {MAXIMUM_LENGTH} characters"
    plain = password.casefold()
    if len(set(plain)) < _DIFFERENT_AT_LEAST:
        return f"must have at least {_DIFFERENT_AT_LEAST} different characters"
    if any(_is_mostly(plain, row) or _is_mostly(plain, row[::-1]) for row in _ROWS):
        return "must not be a row of the alphabet, of digits or of the keyboard"
    spelled = [form for word in words for form in (word.casefold(), word.casefold().translate(_SPELLED_OUT))]
    personal = {part for word in spelled for part in re.split(r"[\W_]+", word) if len(part) >= 4}
    left = plain
    for word in sorted((*_OFTEN, *personal), key=len, reverse=True):
        left = left.replace(word, "")
    if left != plain and len(left) < MINIMUM_LENGTH - 2:
        return "must not be built on a common word, or on one's own name or address"
    return None


def _is_mostly(plain: str, row: str) -> bool:
    """Two thirds of it go along the row."""
    steps = sum(plain[n : n + 2] in row for n in range(len(plain) - 1))
    return steps * 3 >= (len(plain) - 1) * 2


def pin_problem(pin: str, digits_at_least: int = PIN_DIGITS_USUAL, numbers: Iterable[str] = ()) -> str | None:
    """V6. numbers: extension and telephone numbers of the person, whose ends are no secret."""
    if not re.fullmatch("[0-9]+", pin):
        return "must be digits only"
    if not digits_at_least <= len(pin) <= PIN_DIGITS[1]:
        return f"must have from {digits_at_least} to {PIN_DIGITS[1]} digits"
    repeated = any(pin == pin[:length] * (len(pin) // length) for length in range(1, len(pin) // 2 + 1))
    nearly_one_digit = max(map(pin.count, pin)) >= len(pin) - 1
    if repeated or nearly_one_digit or pin == pin[::-1] or _EASY_PIN.fullmatch(pin):
        return "must not be of repeated digits, of digits in a row, of lines of the keypad or the same backwards"
    if any(number.endswith(pin) or (len(number) >= 2 and pin == number * (len(pin) // len(number)))
           for number in numbers):
        return "must not be one's own number"
    return None
