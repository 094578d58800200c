"""What follows when ringing ended without an answer: forward, then mailbox, then what the caller hears.

The order is the product's (docs/precedence.md). Forward and mailbox each count their own
rings; the smaller count acts, and equal counts mean the forward (R11).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from services.routing.facts import CALL_BACK_RINGS, CallFacts, ForwardReason, Subscriber
from services.routing.plan import Announce, Outcome, Reject, ToMailbox
from services.routing.rungs.said import Forward


class AfterRings(NamedTuple):
    """A wish that comes true after so many rings."""

    rings: int
    wish: Forward | ToMailbox


BUSY_TONE = Reject("USER_BUSY", "busy")
RANG_LONG_ENOUGH = Reject("NO_ANSWER", "no_answer")


@lru_cache
def not_reachable_in(language: str) -> Announce:
    return Announce("not-reachable", language, "SUBSCRIBER_ABSENT", "not_reachable")


def wishes_after(outcome: Outcome, facts: CallFacts) -> tuple[Forward | ToMailbox | Announce | Reject, ...]:
    """Best first; the last one always comes true. For no answer see after_rings()."""
    if outcome is Outcome.NO_ANSWER:
        return (RANG_LONG_ENOUGH,)
    callee = facts.callee
    if outcome is Outcome.BUSY:
        end: Announce | Reject = BUSY_TONE
        forward, mailbox, reason = callee.forward_busy, callee.mailbox.busy, ForwardReason.BUSY
    else:
        end = not_reachable_in(callee.language)
        forward, mailbox, reason = callee.forward_not_reachable, callee.mailbox.no_answer, ForwardReason.NOT_REACHABLE
    if facts.handed_out_by or not (forward or mailbox):  # G2: neither his forwards nor his mailbox
        return (end,)
    wishes: tuple[Forward | ToMailbox, ...] = (_mailbox(callee, outcome.value),) if mailbox else ()
    if forward:
        wishes = (Forward(forward.target, reason), *wishes)
    return (*wishes, end)


def after_rings(facts: CallFacts) -> tuple[AfterRings, ...]:
    """What takes an unanswered call, soonest first; empty: it rings on to the network's limit."""
    callee = facts.callee
    if facts.handed_out_by:
        return ()
    forward, mailbox = callee.forward_no_answer, callee.mailbox
    # N5: an emergency centre calls a telephone, which rings before anything else is tried.
    least = CALL_BACK_RINGS if facts.caller.calls_back_an_emergency_call else 0
    found: tuple[AfterRings, ...] = ()
    if forward:
        found = (AfterRings(max(forward.rings, least), Forward(forward.target, ForwardReason.NO_ANSWER)),)
    if mailbox.no_answer:
        rings = max(mailbox.rings, least)
        second = AfterRings(rings, _mailbox(callee, Outcome.NO_ANSWER.value))
        found = (*found, second) if not found or found[0].rings <= rings else (second, *found)
    return found


def _mailbox(callee: Subscriber, reason: str) -> ToMailbox:
    return ToMailbox(callee.subscriber_id, callee.extension, callee.language, reason)
