"""Rungs 3 and 5 to 8: rules that look at who calls and when (R3, R4, R5, G10)."""

from datetime import datetime

from services.routing.facts import Caller, CallerRule, CallFacts, ForwardReason, Site
from services.routing.plan import Announce, Reject
from services.routing.rungs.said import Forward, Said, nothing, wants
from services.routing.schedule import holds

_REJECTED = ("caller-rejected", "CALL_REJECTED")


def matching_rule(rules: tuple[CallerRule, ...], facts: CallFacts) -> CallerRule | None:
    """The first rule that covers this caller now; exceptions are tried before it, and end this rung alone."""
    covering = [rule for rule in rules if rule_covers(rule, facts.caller, facts.now, facts.callee.site)]
    if not covering or any(rule.is_exception for rule in covering):
        return None
    return covering[0]


def rule_covers(rule: CallerRule, caller: Caller, now: datetime, site: Site) -> bool:
    return _covers_caller(rule, caller) and holds(rule.times, now, site)


def _covers_caller(rule: CallerRule, caller: Caller) -> bool:
    if caller.is_internal:
        own = {caller.extension, caller.main_number}
        return rule.internal or bool(rule.numbers & own)
    if caller.withheld or not caller.number:
        return rule.anonymous or rule.external
    return rule.external or caller.number in rule.numbers or caller.number.startswith(rule.prefixes or ("\0",))


def enterprise_rules_are_followed(facts: CallFacts) -> Said:
    """G10: "allow" goes on to the next rung."""
    if not facts.callee.enterprise_incoming:
        return nothing()
    rule = matching_rule(facts.callee.enterprise_incoming, facts)
    if rule is None or rule.action == "allow":
        return nothing(rule=rule.name if rule else None)
    if rule.action == "send_to":
        return wants(Forward(rule.target, ForwardReason.RULE), rule=rule.name)
    if rule.action == "announce":
        return wants(Announce("call-not-permitted", facts.callee.language, "CALL_REJECTED", "rule"), rule=rule.name)
    return wants(Reject("CALL_REJECTED", "rule"), rule=rule.name)


def the_negative_list_rejects(facts: CallFacts) -> Said:
    if not facts.callee.negative_list_on:
        return nothing()
    rule = matching_rule(facts.callee.negative_list, facts)
    if rule is None:
        return nothing(rule=None)
    prompt, cause = _REJECTED
    return wants(Announce(prompt, facts.callee.language, cause, "negative_list"), rule=rule.name)


def the_positive_list_admits(facts: CallFacts) -> Said:
    if not facts.callee.positive_list_on:
        return nothing(on=False)
    rule = matching_rule(facts.callee.positive_list, facts)
    if rule is not None:
        return nothing(on=True, rule=rule.name)
    prompt, cause = _REJECTED
    return wants(Announce(prompt, facts.callee.language, cause, "positive_list"), on=True, rule=None)


def anonymous_callers_are_rejected(facts: CallFacts) -> Said:
    """R5: colleagues never; from outside, when the number was withheld."""
    if not facts.callee.rejects_anonymous:
        return nothing(on=False)
    if facts.caller.is_internal or not facts.caller.withheld:
        return nothing(on=True, withheld=facts.caller.withheld)
    announcement = Announce("anonymous-rejected", facts.callee.language, "CALL_REJECTED", "anonymous")
    return wants(announcement, on=True, withheld=True)


def selected_callers_are_forwarded(facts: CallFacts) -> Said:
    if not facts.callee.selective_forwarding_on or facts.handed_out_by:
        return nothing(on=facts.callee.selective_forwarding_on)
    rule = matching_rule(facts.callee.selective_forwarding, facts)
    if rule is None:
        return nothing(on=True, rule=None)
    return wants(Forward(rule.target, ForwardReason.SELECTIVE), on=True, rule=rule.name)
