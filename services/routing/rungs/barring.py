"""Rung 2, and what barring (N5) says of numbers that are dialled or forwarded to."""

from services.routing.facts import CallFacts, Company
from services.routing.plan import Announce
from services.routing.rungs.said import Said, nothing, wants
from shared import barring
from shared.barring import EVERY_NUMBER, Range, deciding_range

_INTERNAL = nothing(internal=True)
_NO_PROFILE = nothing(ranges=0)


def is_barred(number: str, profile: tuple[Range, ...]) -> bool:
    line = deciding_range(number, profile)
    return line is not None and not line.allowed


def may_be_dialled(number: str, number_class: str, company: Company, profile: tuple[Range, ...]) -> str:
    """Why a number outside must not be dialled, or "" when it may."""
    return barring.may_be_dialled(number, number_class, company.allowed_classes, profile)


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
