"""Rungs 0 and 1: calls that go round in circles, and people who left."""

from services.routing.facts import MOST_REDIRECTIONS, CallFacts, ForwardReason
from services.routing.plan import Announce
from services.routing.rungs.said import Forward, Said, nothing, wants


def loop_is_broken(facts: CallFacts) -> Said:
    """R12: at most five redirections, and never twice to the same place."""
    redirections = len(facts.redirections)
    been_here = any(before.place == facts.callee.extension for before in facts.redirections)
    if been_here or redirections > MOST_REDIRECTIONS:
        announcement = Announce("too-many-forwards", facts.callee.language, "EXCHANGE_ROUTING_ERROR", "loop")
        return wants(announcement, redirections=redirections, seen_before=been_here)
    return nothing(redirections=redirections)


def intercepted_calls_are_announced(facts: CallFacts) -> Said:
    intercept = facts.callee.intercept_incoming
    if intercept is None:
        return nothing(intercepted=False)
    announcement = Announce("number-not-in-service", facts.callee.language, "NUMBER_CHANGED", "intercepted")
    if intercept.target:
        return wants(Forward(intercept.target, ForwardReason.RULE), announcement, intercepted=True)
    return wants(announcement, intercepted=True)
