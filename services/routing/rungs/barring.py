"""Rung 2, and what barring (N5) says of numbers that are dialled or forwarded to."""

from services.routing.facts import CallFacts, Company, Range, Subscriber
from services.routing.plan import Announce
from services.routing.rungs.said import Said, nothing, wants


def is_barred(number: str, profile: tuple[Range, ...]) -> bool:
    """The longest prefix that fits decides, of two equal ones the first; what fits nothing is allowed."""
    fitting = [line for line in profile if number.startswith(line.prefix)]
    if not fitting:
        return False
    return not max(fitting, key=lambda line: len(line.prefix)).allowed


def may_be_dialled(number: str, number_class: str, company: Company, profile: tuple[Range, ...]) -> str:
    """Why a number outside must not be dialled, or "" when it may: looked at for every leg that leaves."""
    if is_barred(number, profile):
        return "barred"
    if profile and any(line.allowed and number.startswith(line.prefix) for line in profile):
        return ""  # allowed by name
    return "" if number_class in company.allowed_classes else f"class {number_class} not allowed"


def barred_callers_are_refused(facts: CallFacts) -> Said:
    callee: Subscriber = facts.callee
    if facts.caller.is_internal or not facts.caller.number:
        return nothing()
    if is_barred(facts.caller.number, callee.barring_incoming):
        return wants(Announce("caller-barred", callee.language, "CALL_REJECTED", "barred"), barred=True)
    return nothing(barred=False)
