"""Rung 4: night service (G6) takes every call from outside to any number of a site."""

from services.routing.facts import MAILBOX, CallFacts, ForwardReason
from services.routing.plan import ToMailbox
from services.routing.rungs.said import Forward, Said, nothing, wants
from services.routing.rungs.targets import leads_here_or_was_met
from shared.schedule import is_night

_DAY = nothing(night=False)
_INTERNAL = nothing(internal=True)


def night_service_takes_the_site(facts: CallFacts) -> Said:
    site = facts.callee.site
    target = site.night.target
    if not target:
        return _DAY
    if facts.caller.is_internal:
        return _INTERNAL
    if not is_night(site, facts.now):
        return _DAY
    if target.startswith(MAILBOX):
        owner = facts.people.get(facts.owners.get(target, 0))
        if owner is None:
            return nothing(night=True, mailbox=None)
        return wants(ToMailbox(owner.subscriber_id, owner.extension, owner.language, "night"), night=True)
    if leads_here_or_was_met(target, facts):
        return nothing(night=True, takes_its_calls=True)
    return wants(Forward(target, ForwardReason.NIGHT), night=True)
