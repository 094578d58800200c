"""Rung 13: while Remote Office is on, only its number rings (R9), and without a ring of its own."""

from services.routing.facts import CallFacts, SimultaneousNumber
from services.routing.rungs.said import OFF, RingAt, Said, wants


def remote_office_takes_over(facts: CallFacts) -> Said:
    number = facts.callee.remote_office
    if not number:
        return OFF
    return wants(RingAt(numbers=(SimultaneousNumber(number),), reason="remote_office"), on=True)
