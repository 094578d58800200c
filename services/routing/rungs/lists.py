"""Rungs 3 and 5 to 8: rules that look at who calls and when (R3, R4, R5, G10)."""

from datetime import datetime

from services.routing.facts import Caller, CallerRule, CallFacts, ForwardReason, Site
from services.routing.plan import Announce, Reject
from services.routing.rungs.said import OFF, Forward, Said, nothing, wants
from services.routing.rungs.targets import leads_here_or_was_met
from shared.schedule import holds

_NO_RULES = nothing(rules=0)


def matching_rule(rules: tuple[CallerRule, ...], facts: CallFacts) -> CallerRule | None:
    """The first rule that covers this caller now; with an exception that covers him there is none."""
    exception, rule = exception_and_rule(rules, facts.caller, facts.now, facts.callee.site)
    return None if exception else rule


def exception_and_rule(
    rules: tuple[CallerRule, ...], caller: Caller, now: datetime, site: Site,
) -> tuple[CallerRule | None, CallerRule | None]:
    """The first exception, which is looked at before all others; or else the first other rule that covers the call."""
    for exceptions in (True, False):
        for rule in rules:
            if rule.is_exception is exceptions and rule_covers(rule, caller, now, site):
                return (rule, None) if exceptions else (None, rule)
    return None, None


def rule_covers(rule: CallerRule, caller: Caller, now: datetime, site: Site) -> bool:
    return _covers_caller(rule, caller) and holds(rule.times, now, site)


def _covers_caller(rule: CallerRule, caller: Caller) -> bool:
    """A withheld number is in no list of numbers, even if the network told us: a rule must not give it away."""
    if caller.is_internal:
        return rule.internal or caller.extension in rule.numbers or caller.main_number in rule.numbers
    if caller.withheld or not caller.number:
        return rule.anonymous or rule.external
    return rule.external or caller.number in rule.numbers or caller.number.startswith(rule.prefixes)


def enterprise_rules_are_followed(facts: CallFacts) -> Said:
    """G10: his own rules, then those of his site, then the company's; "allow" and exceptions go on to the next rung."""
    rules = facts.callee.enterprise_incoming
    if not rules:
        return _NO_RULES
    exception, rule = exception_and_rule(rules, facts.caller, facts.now, facts.callee.site)
    if exception:
        return nothing(exception=exception.name)
    if rule is None or rule.action == "allow":
        return nothing(rule=rule.name if rule else None)
    if rule.action == "send_to":
        if leads_here_or_was_met(rule.target, facts):
            return nothing(rule=rule.name, takes_its_calls=True)
        return wants(Forward(rule.target, ForwardReason.RULE), rule=rule.name)
    if rule.action == "announce":
        return wants(Announce("call-not-permitted", facts.callee.language, "CALL_REJECTED", "rule"), rule=rule.name)
    return wants(Reject("CALL_REJECTED", "rule"), rule=rule.name)


def the_negative_list_rejects(facts: CallFacts) -> Said:
    if not facts.callee.negative_list_on:
        return OFF
    exception, rule = exception_and_rule(facts.callee.negative_list, facts.caller, facts.now, facts.callee.site)
    if rule is None:
        return nothing(on=True, rule=None, exception=exception.name if exception else None)
    return wants(_rejected("caller-rejected", "negative_list", facts), on=True, rule=rule.name)


def the_positive_list_admits(facts: CallFacts) -> Said:
    """Only whom a rule covers gets through; an exception keeps out whom a rule would have let in."""
    if not facts.callee.positive_list_on:
        return OFF
    rule = matching_rule(facts.callee.positive_list, facts)
    if rule is not None:
        return nothing(on=True, rule=rule.name)
    return wants(_rejected("caller-rejected", "positive_list", facts), on=True, rule=None)


def anonymous_callers_are_rejected(facts: CallFacts) -> Said:
    """R5: colleagues never; from outside, when the number was withheld."""
    if not facts.callee.rejects_anonymous:
        return OFF
    if facts.caller.is_internal or not facts.caller.withheld:
        return nothing(on=True, withheld=facts.caller.withheld)
    return wants(_rejected("anonymous-rejected", "anonymous", facts), on=True, withheld=True)


def _rejected(prompt: str, reason: str, facts: CallFacts) -> Announce:
    return Announce(prompt, facts.callee.language, "CALL_REJECTED", reason)


def selected_callers_are_forwarded(facts: CallFacts) -> Said:
    """R3: to the rule's own target, or else the common one."""
    callee = facts.callee
    if not callee.selective_forwarding_on:
        return OFF
    if facts.handed_out_by:
        return nothing(on=True, handed_out_by=facts.handed_out_by.value)
    exception, rule = exception_and_rule(callee.selective_forwarding, facts.caller, facts.now, callee.site)
    if rule is None:
        return nothing(on=True, rule=None, exception=exception.name if exception else None)
    target = rule.target or callee.selective_forwarding_target
    if not target:
        return nothing(on=True, rule=rule.name, target=None)
    return wants(Forward(target, ForwardReason.SELECTIVE), on=True, rule=rule.name)
