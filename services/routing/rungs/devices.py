"""Rungs 11, 12 and 14: not now, not another one, and ring."""

from services.routing.facts import CallFacts
from services.routing.plan import DeviceLeg, Outcome
from services.routing.rungs.said import GoesTo, RingAt, Said, nothing, wants


def do_not_disturb_is_busy(facts: CallFacts) -> Said:
    if facts.callee.do_not_disturb:
        return wants(GoesTo(Outcome.BUSY), on=True)
    return nothing(on=False)


def busy_people_are_busy(facts: CallFacts) -> Said:
    """Call waiting counts as off while Remote Office is on (R9)."""
    callee = facts.callee
    waiting = callee.call_waiting and not callee.call_waiting_off_once and not callee.remote_office
    if callee.calls_up and (not waiting or callee.calls_up >= callee.call_limit):
        return wants(GoesTo(Outcome.BUSY), calls_up=callee.calls_up, call_waiting=waiting)
    return nothing(calls_up=callee.calls_up, call_waiting=waiting)


def devices_ring(facts: CallFacts) -> Said:
    """The last rung: it always says where it rings."""
    callee = facts.callee
    own = tuple(DeviceLeg(device_id, callee.subscriber_id, callee.extension) for device_id in callee.device_ids)
    if facts.handed_out_by:
        return wants(RingAt(own), devices=len(own), handed_out_by=facts.handed_out_by.value)
    shared = tuple(
        DeviceLeg(device_id, callee.subscriber_id, callee.extension, silenced_alone=True)
        for device_id in callee.shared_line_device_ids
    )
    numbers = callee.simultaneous_ring
    if callee.simultaneous_ring_not_when_busy and callee.calls_up:
        numbers = ()
    ring = RingAt(own + shared, numbers, callee.distinctive_rings.get(facts.dialled, ""))
    return wants(ring, devices=len(own) + len(shared), numbers=len(numbers))
