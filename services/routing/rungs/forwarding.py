"""Rung 9: every call goes on, to a forward or to the mailbox (R1, R11)."""

from services.routing.facts import CallFacts, ForwardReason
from services.routing.plan import ToMailbox
from services.routing.rungs.devices import desk_for_a_short_ring
from services.routing.rungs.said import Forward, Said, Wish, nothing, wants

_NEITHER = nothing(forward=None, mailbox=False)


def everything_is_forwarded(facts: CallFacts) -> Said:
    callee = facts.callee
    forward, mailbox = callee.forward_always, callee.mailbox.always
    if forward is None and not mailbox:
        return _NEITHER
    if facts.handed_out_by:
        return nothing(handed_out_by=facts.handed_out_by.value)
    wishes: list[Wish] = []
    if forward:
        # Whoever does not want to be disturbed is spared this ring, too.
        splash = desk_for_a_short_ring(callee) if callee.forward_always_splash and not callee.do_not_disturb else ()
        wishes.append(Forward(forward.target, ForwardReason.ALWAYS, splash=splash))
    if mailbox:
        wishes.append(ToMailbox(callee.subscriber_id, callee.extension, callee.language, "always"))
    return wants(*wishes, forward=forward.target if forward else None, mailbox=mailbox)
