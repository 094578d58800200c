"""Rung 9: every call goes on, to a forward or to the mailbox (R1, R11)."""

from services.routing.facts import CallFacts, ForwardReason
from services.routing.plan import ToMailbox
from services.routing.rungs.said import Forward, Said, Wish, nothing, wants


def everything_is_forwarded(facts: CallFacts) -> Said:
    callee = facts.callee
    if facts.handed_out_by:
        return nothing(handed_out_by=facts.handed_out_by.value)
    wishes: list[Wish] = []
    if callee.forward_always:
        wishes.append(Forward(callee.forward_always.target, ForwardReason.ALWAYS))
    if callee.mailbox.always:
        wishes.append(ToMailbox(callee.subscriber_id, callee.extension, callee.language, "always"))
    return wants(
        *wishes,
        forward=callee.forward_always.target if callee.forward_always else None,
        mailbox=callee.mailbox.always,
    )
