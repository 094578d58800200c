"""What a dialled string means as a feature code (docs/feature-codes.md). Pure.

The whole string is matched: a code, what it takes, at most one closing #. The longest code wins; anything
left over is refused, so *21*0301234# is not *21. A leading # is part of a code and never stripped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from services.routing.feature_codes import MOBILE_STAR, CodeTable, FeatureCode, Takes


class Wrong(StrEnum):
    """Why a code is refused; each is the name of a prompt."""

    UNKNOWN = "code-unknown"
    NOT_AVAILABLE = "code-not-available"
    NUMBER_MISSING = "code-number-missing"
    LEFT_OVER = "code-left-over"
    RINGS = "code-rings"
    TWO_DIGITS = "code-two-digits"


@dataclass(frozen=True, slots=True)
class Dialled:
    """A code that is there, with what it takes."""

    code: FeatureCode
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    why: Wrong
    code: FeatureCode | None = None


_NUMBER = re.compile(r"\+?[0-9]{1,32}")
_RINGS = re.compile(r"0|[2-9]|1[0-9]|20")


def is_code(dialled: str, *, mobile: bool) -> bool:
    """mobile: dialled at an integrated mobile of a company that has switched those on (N8)."""
    return dialled.startswith(("*", "#")) or (mobile and dialled.startswith(MOBILE_STAR))


def read(dialled: str, table: CodeTable, *, mobile: bool) -> Dialled | Refused:
    """dialled: something is_code says yes to."""
    if mobile and dialled.startswith(MOBILE_STAR):
        found = table.begins_mobile(dialled)
        code, rest = (found[0], dialled[len(found[1]):]) if found else (None, "")
    else:
        code = table.begins(dialled)
        rest = dialled[len(code.code):] if code else ""
    if code is None:
        return Refused(Wrong.UNKNOWN)
    if code.since is None:
        return Refused(Wrong.NOT_AVAILABLE, code)
    rest = rest.removesuffix("#")
    wrong = _wrong_with(code.takes, rest)
    return Refused(wrong, code) if wrong else Dialled(code, rest)


def _wrong_with(takes: Takes, rest: str) -> Wrong | None:
    if takes is Takes.NOTHING:
        return Wrong.LEFT_OVER if rest else None
    if takes is Takes.RINGS:
        return None if _RINGS.fullmatch(rest) else Wrong.RINGS
    if takes is Takes.TWO_DIGITS:
        return None if len(rest) == 2 and rest.isascii() and rest.isdecimal() else Wrong.TWO_DIGITS
    if not rest:
        return None if takes in (Takes.NUMBER_OR_STORED, Takes.EXTENSION_OR_OWN_GROUP) else Wrong.NUMBER_MISSING
    return None if _NUMBER.fullmatch(rest) else Wrong.LEFT_OVER
