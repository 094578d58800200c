"""Rung 10: an executive's calls ring at his assistants (E1)."""

from services.routing.facts import CallFacts, ExecutiveFilter
from services.routing.plan import DeviceLeg
from services.routing.rungs.lists import matching_rule
from services.routing.rungs.said import RingAt, Said, nothing, wants


def assistants_answer_for_executives(facts: CallFacts) -> Said:
    callee = facts.callee
    duty = callee.executive_filter
    if duty is None or facts.handed_out_by or callee.remote_office:
        return nothing(filter=duty is not None, remote_office=bool(callee.remote_office))
    if facts.caller.subscriber_id in {assistant.subscriber_id for assistant in duty.assistants}:
        return nothing(filter=True, own_assistant=True)
    if not _filters(duty, facts):
        return nothing(filter=True, matches=False)
    legs = tuple(
        DeviceLeg(device_id, assistant.subscriber_id, assistant.extension)
        for assistant in duty.assistants if not assistant.do_not_disturb
        for device_id in assistant.device_ids
    )
    if duty.also_rings_the_executive:
        legs += tuple(DeviceLeg(device_id, callee.subscriber_id, callee.extension) for device_id in callee.device_ids)
    return wants(RingAt(legs), filter=True, matches=True)


def _filters(duty: ExecutiveFilter, facts: CallFacts) -> bool:
    if duty.internal if facts.caller.is_internal else duty.external:
        return True
    return matching_rule(duty.rules, facts) is not None
