"""Rung 4: night service (G6) takes every call from outside to any number of a site."""

from services.routing.facts import CallFacts, ForwardReason
from services.routing.rungs.said import Forward, Said, nothing, wants
from services.routing.schedule import is_night


def night_service_takes_the_site(facts: CallFacts) -> Said:
    site = facts.callee.site
    target = site.night.target
    if facts.caller.is_internal or not target or not is_night(site, facts.now):
        return nothing(night=False)
    if target in (facts.callee.extension, facts.callee.main_number):
        return nothing(night=True, is_the_night_target=True)
    return wants(Forward(target, ForwardReason.NIGHT), night=True)
