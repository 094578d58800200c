"""Which extensions there may be (N4): the rules for everything that is dialled inside a company. Pure.

    broken(extension, inside) -> Broken | None

A subscriber, a group or a portal asks here before it gets its extension, and a feature code before it is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.dialling import is_emergency

SHAPE = re.compile(r"[0-9]{2,6}")
RESERVED = ("77", "78")
"""The mobile form of the feature codes: an integrated mobile dials 788 for the star."""


@dataclass(frozen=True, slots=True)
class Broken:
    """.error is the id for programs; .message goes with the extension's field."""

    error: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """What is dialled inside one company."""

    countries: frozenset[str] = frozenset({"DE"})
    """Of all its sites: a colleague's telephone abroad dials the same extension."""
    mobile_integration: bool = False
    codes: frozenset[str] = frozenset()
    """Feature codes as they are dialled, those the company changed included: *43, #64."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """Extension -> who or what has it, in words for the error."""


def broken(extension: str, inside: Inside) -> Broken | None:
    """The first rule this extension breaks, or None."""
    if not SHAPE.fullmatch(extension):
        return Broken("extension_invalid", "must be 2 to 6 digits")
    if extension.startswith(RESERVED):
        return Broken("extension_reserved", "may not begin with 77 or 78: these are the feature codes of mobiles")
    if any(is_emergency(extension, country) for country in inside.countries):
        return Broken("extension_is_emergency", f"{extension} is an emergency number")
    if inside.mobile_integration and (reason := _not_for_mobiles(extension)):
        return Broken("extension_not_for_mobiles", f"{reason} in a company with integrated mobiles")
    if extension in dialled_forms(inside.codes):
        return Broken("extension_is_code", f"{extension} is dialled for a feature code")
    if extension in inside.taken:
        return Broken("extension_in_use", f"{extension} is taken: {inside.taken[extension]}")
    return None


def _not_for_mobiles(extension: str) -> str:
    if len(extension) == 2:
        return "two digits are too few"
    if extension.startswith("0"):
        return "may not begin with 0"
    return "911 is not possible" if extension == "911" else ""


def dialled_forms(codes: Iterable[str]) -> frozenset[str]:
    """The codes, and what an integrated mobile dials for them: the only star becomes 788, others have no such form."""
    given = frozenset(codes)
    return given | {f"788{code[1:]}" for code in given if re.fullmatch(r"\*[0-9]+", code)}
