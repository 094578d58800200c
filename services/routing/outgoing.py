"""The ladder of a call that is made: the first rung that answers decides; docs/precedence.md, last paragraph.

emergency > feature code or speed dial > intercept > enterprise rule > barring > extension > number outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.routing.codes.meaning import ANY_MAILBOX, MAILBOXES, TO_MAILBOX
from services.routing.facts import (
    NETWORK_RING_LIMIT_S,
    Caller,
    CallFacts,
    InterceptAction,
    OutgoingFacts,
    Presentation,
    Subscriber,
)
from services.routing.ladder import decide
from services.routing.plan import (
    EMERGENCY,
    Act,
    Announce,
    Decision,
    Looked,
    PickUp,
    Reject,
    Ring,
    Say,
    Shown,
    Step,
    ToMailbox,
    ToPortal,
    with_trunks,
)
from services.routing.rungs.barring import may_be_dialled
from services.routing.rungs.lists import exception_and_rule
from services.routing.rungs.said import Saw
from shared.dialling import number_class

LAMP_KEY = "lamp key"


@dataclass(frozen=True, slots=True)
class Said:
    saw: Saw = ()
    decision: Decision | None = None
    """None: the next rung is asked."""


class Rung(NamedTuple):
    name: str
    asks: Callable[[OutgoingFacts], Said]


def route(facts: OutgoingFacts) -> Decision:
    """Where a dialled call goes; the last rung always answers."""
    trace: list[Looked] = []
    for rung in OUTGOING:
        said = rung.asks(facts)
        trace.append(Looked("outgoing", rung.name, said.saw, "decided" if said.decision else "passed",
                            decides=said.decision is not None))
        if said.decision:
            return Decision(
                said.decision.step, said.decision.rung or rung.name, (*trace, *said.decision.trace))
    raise AssertionError("the last rung always answers")


def emergency_calls_always_go_out(facts: OutgoingFacts) -> Said:
    """N3: whatever is barred or intercepted, over any trunk that works, with the site's number."""
    if not facts.dialled.is_emergency:
        return Said((("emergency", False),))
    subscriber = facts.subscriber
    site_number = subscriber.site.main_number or subscriber.main_number if subscriber else ""
    return Said((("emergency", True),), Decision(
        emergency_step(facts.dialled.digits, facts.company.trunks, site_number, _language(facts)), "", ()))


def emergency_step(digits: str, trunks: tuple[str, ...], site_number: str, language: str) -> Step:
    announcement = Announce("not-reachable", language, "NETWORK_OUT_OF_ORDER", "emergency_no_trunk")
    ring = Ring(
        legs=(), ring_timeout_s=NETWORK_RING_LIMIT_S, reason=EMERGENCY, shown=Shown(site_number),
        busy=Reject("USER_BUSY", "busy"), no_answer=Reject("NO_ANSWER", "no_answer"), not_reachable=announcement,
    )
    return with_trunks(trunks, digits, site_number, 0, ring) or announcement


def lamp_keys_are_resolved(facts: OutgoingFacts) -> Said:
    """P1: a key stands for the watched person, whom the rungs that follow look at as if he had been dialled."""
    dialled = facts.dialled
    if not dialled.is_lamp:
        return Said()
    owner = facts.people.get(facts.owner_id) if facts.owner_id is not None else None
    if owner is None:
        return Said((("watched", None),), _announced("number-not-assigned", "UNALLOCATED_NUMBER", "lamp_unset", facts))
    return Said((("watched", owner.extension), ("rings", bool(dialled.pick_up_leg_uuid))))


def codes_and_speed_dials_are_resolved(facts: OutgoingFacts) -> Said:
    """A code that calls a number was resolved before the facts were gathered: here the number goes on."""
    code = facts.code
    if code is None:
        return Said((("code", False),))
    saw: Saw = (("code", code.function or facts.dialled.digits), ("argument", code.argument))
    if code.refused:
        return Said((*saw, ("refused", code.refused)),
                    Decision(Say((code.refused,), _language(facts), "feature_code_refused"), "", ()))
    if code.function == TO_MAILBOX:
        return Said(saw, Decision(_mailbox_of_the_owner(facts), "", ()))
    if code.number:
        return Said(saw)
    if facts.subscriber is None:
        return Said((*saw, ("subscriber", None)),
                    Decision(Say(("code-nobodys-telephone",), _language(facts), "feature_code_refused"), "", ()))
    if code.function in MAILBOXES:
        portal = ToPortal(facts.subscriber.subscriber_id, _language(facts), asks_whose=code.function == ANY_MAILBOX)
        return Said(saw, Decision(portal, "", ()))
    return Said(saw, Decision(Act(code.function, code.argument, _language(facts)), "", ()))


def _mailbox_of_the_owner(facts: OutgoingFacts) -> Step:
    """Without ringing at his telephone; also for a caller who was transferred there, whoever he is."""
    owner = facts.people.get(facts.owner_id) if facts.owner_id is not None else None
    if owner is None:
        return Say(("number-not-assigned",), _language(facts), "feature_code_refused")
    return ToMailbox(owner.subscriber_id, owner.extension, owner.language, "direct")


def intercepted_people_hear_so(facts: OutgoingFacts) -> Said:
    """G9, outgoing: his own interception, or else his site's, takes every call he makes."""
    subscriber = facts.subscriber
    intercept = (subscriber.intercept_outgoing or subscriber.site.intercept_outgoing) if subscriber else None
    if intercept is None:
        return Said((("intercepted", False),))
    saw: Saw = (("intercepted", intercept.action.value), ("target", intercept.target or None))
    told = _announced("call-not-permitted", "OUTGOING_CALL_BARRED", "intercepted", facts)
    if intercept.action is InterceptAction.ANNOUNCE:
        return Said(saw, told)
    onward = _goes_to(intercept.target, facts, "intercepted")
    if intercept.action is InterceptAction.ANNOUNCE_THEN_TRANSFER and isinstance(told.step, Announce):
        return Said(saw, Decision(replace(told.step, then=onward.step), "", onward.trace))
    return Said(saw, onward)


def enterprise_rules_are_followed(facts: OutgoingFacts) -> Said:
    """G10, outgoing: the rules look at whom one calls. "allow" and exceptions go on to the next rung."""
    rules = facts.subscriber.enterprise_outgoing if facts.subscriber else ()
    if not rules or facts.subscriber is None:
        return Said((("rules", 0),))
    owner = facts.people.get(facts.owner_id) if facts.owner_id is not None else None
    other = Caller(
        subscriber_id=facts.owner_id, extension=owner.extension if owner else "", number=facts.dialled.number,
        main_number=owner.main_number if owner else "",
    )
    exception, rule = exception_and_rule(rules, other, facts.now, facts.subscriber.site)
    if exception:
        return Said((("exception", exception.name),))
    saw: Saw = (("rule", rule.name if rule else None),)
    if rule is None or rule.action == "allow":
        return Said(saw)
    if rule.action == "send_to":
        return Said(saw, _goes_to(rule.target, facts, "rule"))
    if rule.action == "reject":
        return Said(saw, Decision(Reject("CALL_REJECTED", "rule"), "", ()))
    return Said(saw, _announced("call-not-permitted", "OUTGOING_CALL_BARRED", "rule", facts))


def barred_numbers_are_refused(facts: OutgoingFacts) -> Said:
    """N5, and the classes the company allows: for every number outside."""
    dialled, subscriber = facts.dialled, facts.subscriber
    if facts.owner_id is not None or not dialled.number:
        return Said((("class", "internal"),))
    if subscriber is None:
        return Said((("class", dialled.number_class), ("subscriber", None)),
                    _announced("number-barred", "OUTGOING_CALL_BARRED", "barred", facts))
    refusal = may_be_dialled(dialled.number, dialled.number_class, facts.company, subscriber.barring_outgoing)
    if refusal:
        return Said((("class", dialled.number_class), ("refused", refusal)),
                    _announced("number-barred", "OUTGOING_CALL_BARRED", "barred", facts))
    return Said((("class", dialled.number_class),))


def colleagues_are_rung(facts: OutgoingFacts) -> Said:
    """An extension, or a number of the same company: the colleague's ladder says where it rings. By his lamp key the
    call that rings at him is taken, and he is called when it is gone by then."""
    if facts.owner_id is None or facts.owner_id not in facts.people:
        return Said((("owner", None),))
    saw: Saw = (("owner", facts.people[facts.owner_id].extension),)
    called = _entering_the_ladder(facts, facts.owner_id)
    if facts.dialled.pick_up_leg_uuid:
        return Said(saw, Decision(PickUp(facts.dialled.pick_up_leg_uuid, called.step), LAMP_KEY, called.trace))
    return Said(saw, called)


def everything_else_goes_outside(facts: OutgoingFacts) -> Said:
    dialled, subscriber = facts.dialled, facts.subscriber
    if not dialled.number or subscriber is None:
        return Said((), _announced("number-not-assigned", "UNALLOCATED_NUMBER", "unknown_number", facts))
    shown_number = shown_number_of(subscriber)
    if not shown_number:  # O2: never a number the company does not own
        return Said((), _announced("number-barred", "OUTGOING_CALL_BARRED", "no_number_to_show", facts))
    withheld = is_suppressed(subscriber, dialled.presentation)
    saw: Saw = (("trunks", len(facts.company.trunks)), ("shown", shown_number), ("suppressed", withheld))
    step = _outside(dialled.number, facts, "outside")
    if step is None:
        return Said(saw, _announced("not-reachable", "NETWORK_OUT_OF_ORDER", "no_trunk", facts))
    return Said(saw, Decision(step, "", ()))


def shown_number_of(subscriber: Subscriber) -> str:
    """O2: the one he chose while it is his, else his main number, else his site's. "": he has none to show."""
    if subscriber.shown_number in subscriber.numbers:
        return subscriber.shown_number
    return subscriber.main_number or subscriber.site.main_number


def is_suppressed(subscriber: Subscriber, presentation: Presentation) -> bool:
    """O2: what was said for this one call holds before what is set for all."""
    if presentation is Presentation.AS_SET:
        return subscriber.number_suppressed
    return presentation is Presentation.SUPPRESSED_ONCE


OUTGOING: tuple[Rung, ...] = (
    Rung(EMERGENCY, emergency_calls_always_go_out),
    Rung(LAMP_KEY, lamp_keys_are_resolved),
    Rung("feature code or speed dial", codes_and_speed_dials_are_resolved),
    Rung("intercept", intercepted_people_hear_so),
    Rung("enterprise rule", enterprise_rules_are_followed),
    Rung("barring", barred_numbers_are_refused),
    Rung("extension", colleagues_are_rung),
    Rung("external number", everything_else_goes_outside),
)


def _goes_to(target: str, facts: OutgoingFacts, reason: str) -> Decision:
    """Where somebody else than the caller said the call shall go instead: looked at like a number he dialled."""
    subscriber = facts.subscriber
    owner_id = facts.owners.get(target)
    if owner_id is not None and owner_id in facts.people:
        return _entering_the_ladder(facts, owner_id, target)
    if subscriber is None or not target.startswith("+"):
        return _announced("number-not-assigned", "UNALLOCATED_NUMBER", reason, facts)
    known_class = number_class(target, subscriber.site.country).value
    if may_be_dialled(target, known_class, facts.company, subscriber.barring_outgoing):
        return _announced("number-barred", "OUTGOING_CALL_BARRED", "barred", facts)
    step = _outside(target, facts, reason)
    return Decision(step, "", ()) if step else _announced("not-reachable", "NETWORK_OUT_OF_ORDER", "no_trunk", facts)


def _outside(number: str, facts: OutgoingFacts, reason: str) -> Ring | None:
    """Over the trunks, in the caller's name; None: there is no trunk, or no number to show."""
    subscriber = facts.subscriber
    shown_number = shown_number_of(subscriber) if subscriber else ""
    if subscriber is None or not shown_number:
        return None
    ring = Ring(
        legs=(), ring_timeout_s=NETWORK_RING_LIMIT_S, reason=reason, shown=Shown(shown_number),
        busy=Reject("USER_BUSY", "busy"), no_answer=Reject("NO_ANSWER", "no_answer"),
        not_reachable=Announce("not-reachable", _language(facts), "NORMAL_TEMPORARY_FAILURE", "not_reachable"),
    )
    return with_trunks(facts.company.trunks, number, shown_number, subscriber.subscriber_id, ring,
                       withheld=is_suppressed(subscriber, facts.dialled.presentation))


def _entering_the_ladder(facts: OutgoingFacts, callee_id: int, dialled: str = "") -> Decision:
    return decide(CallFacts(
        now=facts.now, company=facts.company, caller=facts.caller, callee_id=callee_id,
        people=facts.people, owners=facts.owners, dialled=dialled or facts.dialled.number or facts.dialled.digits,
        handed_on_by=facts.handed_on_by,
    ))


def _announced(prompt: str, cause: str, reason: str, facts: OutgoingFacts) -> Decision:
    return Decision(Announce(prompt, _language(facts), cause, reason), "", ())


def _language(facts: OutgoingFacts) -> str:
    subscriber: Subscriber | None = facts.subscriber
    return subscriber.language if subscriber else "de"
