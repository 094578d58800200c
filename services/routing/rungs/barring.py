"""Rung 2, and what barring (N5) says of numbers that are dialled or forwarded to."""

from services.routing.facts import CallFacts, Company, Range
from services.routing.plan import Announce
from services.routing.rungs.said import Said, nothing, wants

EVERY_NUMBER = "+"
_INTERNAL = nothing(internal=True)
_NO_PROFILE = nothing(ranges=0)


def deciding_range(number: str, profile: tuple[Range, ...]) -> Range | None:
    """The line with the longest prefix of those that fit, of two equal ones the first; None: nothing is said of it."""
    longest: Range | None = None
    for line in profile:
        if number.startswith(line.prefix) and (longest is None or len(line.prefix) > len(longest.prefix)):
            longest = line
    return longest


def is_barred(number: str, profile: tuple[Range, ...]) -> bool:
    line = deciding_range(number, profile)
    return line is not None and not line.allowed


def may_be_dialled(number: str, number_class: str, company: Company, profile: tuple[Range, ...]) -> str:
    """Why a number outside must not be dialled, or "" when it may: looked at for every leg that leaves.

    A line that allows a range opens it whatever its class; one that allows every number opens no class.
    """
    line = deciding_range(number, profile)
    if line is not None and not line.allowed:
        return "barred"
    if line is not None and line.prefix != EVERY_NUMBER:
        return ""
    return "" if number_class in company.allowed_classes else f"class {number_class} not allowed"


def barred_callers_are_refused(facts: CallFacts) -> Said:
    """Callers from outside. Who shows no number we can read lies in no range but the one of every number."""
    if facts.caller.is_internal:
        return _INTERNAL
    profile = facts.callee.barring_incoming
    if not profile:
        return _NO_PROFILE
    number = facts.caller.number
    line = deciding_range(number if number.startswith(EVERY_NUMBER) else EVERY_NUMBER, profile)
    if line is not None and not line.allowed:
        return wants(Announce("caller-barred", facts.callee.language, "CALL_REJECTED", "barred"), denied=line.prefix)
    return nothing(ranges=len(profile), allowed=line.prefix if line else None)
