"""Rungs 0 and 1: calls that go round in circles, and people and sites that are there no more."""

from services.routing.facts import MOST_REDIRECTIONS, CallFacts, ForwardReason, InterceptAction
from services.routing.plan import Announce
from services.routing.rungs.said import Forward, Said, nothing, wants
from services.routing.rungs.targets import leads_here_or_was_met

_FIRST_CALLED = nothing(redirections=0)
_NOT_INTERCEPTED = nothing(intercepted=False)


def loop_is_broken(facts: CallFacts) -> Said:
    """R12: at most five redirections, and never twice to the same place."""
    if not facts.redirections:
        return _FIRST_CALLED
    redirections = len(facts.redirections)
    been_here = any(before.place == facts.callee.extension for before in facts.redirections)
    if been_here or redirections > MOST_REDIRECTIONS:
        announcement = Announce("too-many-forwards", facts.callee.language, "EXCHANGE_ROUTING_ERROR", "loop")
        return wants(announcement, redirections=redirections, seen_before=been_here)
    return nothing(redirections=redirections)


def intercepted_calls_are_announced(facts: CallFacts) -> Said:
    """G9. His own intercept goes before his site's, which leaves alone whoever takes its calls."""
    callee = facts.callee
    intercept, whose = callee.intercept_incoming, "subscriber"
    if intercept is None:
        intercept, whose = callee.site.intercept_incoming, "site"
        if intercept is None:
            return _NOT_INTERCEPTED
        if intercept.target and leads_here_or_was_met(intercept.target, facts):
            return nothing(intercepted=whose, takes_its_calls=True)
    announcement = Announce("number-not-in-service", callee.language, "NUMBER_CHANGED", "intercepted")
    if intercept.action is InterceptAction.ANNOUNCE:
        return wants(announcement, intercepted=whose, action=intercept.action.value)
    announced = announcement if intercept.action is InterceptAction.ANNOUNCE_THEN_TRANSFER else None
    onward = Forward(intercept.target, ForwardReason.RULE, announced)
    return wants(onward, announcement, intercepted=whose, action=intercept.action.value)
