"""Whether a target set for a whole site is the one who is called, or one the call has come from already: sent on by his
settings, or handed on by himself."""

from services.routing.facts import CallFacts


def leads_here_or_was_met(target: str, facts: CallFacts) -> bool:
    """Whoever takes a site's calls (night service, intercept) is not sent to himself; and where he sends them on to,
    the site does not send them back."""
    callee = facts.callee
    if target in (callee.extension, callee.main_number) or target in callee.numbers:
        return True
    if any(target in (before.place, before.number) for before in facts.redirections):
        return True
    if not facts.handed_on_by:
        return False
    owner = facts.people.get(facts.owners.get(target, 0))
    return target in facts.handed_on_by or (owner is not None and owner.extension in facts.handed_on_by)
