"""Rung 10: an executive's calls ring at his assistants (E1)."""

from services.routing.facts import CallFacts, ExecutiveFilter
from services.routing.plan import DeviceLeg
from services.routing.rungs.devices import own_devices, takes_another_call
from services.routing.rungs.lists import exception_and_rule
from services.routing.rungs.said import RingAt, Said, nothing, wants

_NO_FILTER = nothing(filter=False)


def assistants_answer_for_executives(facts: CallFacts) -> Said:
    """With the executive's own telephones ringing too (E4), his "busy" and "not reachable" are his own."""
    callee = facts.callee
    duty = callee.executive_filter
    if duty is None:
        return _NO_FILTER
    if facts.handed_out_by:
        return nothing(filter=True, handed_out_by=facts.handed_out_by.value)
    if callee.remote_office:
        return nothing(filter=True, remote_office=True)
    if facts.caller.subscriber_id in {assistant.subscriber_id for assistant in duty.assistants}:
        return nothing(filter=True, own_assistant=True)
    if not _filters(duty, facts):
        return nothing(filter=True, matches=False)
    legs = tuple([
        DeviceLeg(device_id, assistant.subscriber_id, assistant.extension, silenced_alone=True)
        for assistant in duty.assistants if not assistant.do_not_disturb
        for device_id in assistant.device_ids
    ])
    rings_him = duty.also_rings_the_executive and not callee.do_not_disturb and takes_another_call(callee)
    if rings_him:
        legs += own_devices(callee)
    return wants(
        RingAt(legs, reason="executive_filter", untaken_is_no_answer=not rings_him),
        filter=True, matches=True, legs=len(legs))


def _filters(duty: ExecutiveFilter, facts: CallFacts) -> bool:
    exception, rule = exception_and_rule(duty.rules, facts.caller, facts.now, facts.callee.site)
    if exception:
        return False
    return (duty.internal if facts.caller.is_internal else duty.external) or rule is not None
