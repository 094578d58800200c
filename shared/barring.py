"""What may be dialled (N5): barring profiles and number classes, the same for every leg, whichever service makes it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

EVERY_NUMBER = "+"


@dataclass(frozen=True, slots=True)
class Range:
    """One line of a barring profile: the longest prefix that fits decides; `+` alone fits every number."""

    prefix: str
    allowed: bool


def deciding_range(number: str, profile: Sequence[Range]) -> Range | None:
    """The line with the longest prefix of those that fit, of two equal ones the first; None: nothing is said of it."""
    longest: Range | None = None
    for line in profile:
        if number.startswith(line.prefix) and (longest is None or len(line.prefix) > len(longest.prefix)):
            longest = line
    return longest


def may_be_dialled(
    number: str, number_class: str, allowed_classes: Collection[str], profile: Sequence[Range],
) -> str:
    """Why a number outside must not be dialled, or "" when it may: looked at for every leg that leaves.

    A line that allows a range opens it whatever its class; one that allows every number opens no class.
    """
    line = deciding_range(number, profile)
    if line is not None and not line.allowed:
        return "barred"
    if line is not None and line.prefix != EVERY_NUMBER:
        return ""
    return "" if number_class in allowed_classes else f"class {number_class} not allowed"
