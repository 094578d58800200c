"""Rung 4: night service (G6) takes every call from outside to any number of a site."""

from services.routing.facts import CallFacts, ForwardReason
from services.routing.rungs.said import Forward, Said, nothing, wants


def night_service_takes_the_site(facts: CallFacts) -> Said:
    target = facts.callee.site.night_target
    if not target or facts.caller.is_internal:
        return nothing(night=bool(target))
    if target in (facts.callee.extension, facts.callee.main_number):
        return nothing(night=True, is_the_night_target=True)
    return wants(Forward(target, ForwardReason.NIGHT), night=True)
