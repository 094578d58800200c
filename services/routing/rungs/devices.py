"""Rungs 11, 12 and 14: not now, not another one, and ring."""

from services.routing.facts import CallFacts, Subscriber
from services.routing.plan import DeviceLeg, Outcome
from services.routing.rungs.said import OFF, GoesTo, RingAt, Said, nothing, wants

_NO_CALL_UP = nothing(calls_up=0)


def do_not_disturb_is_busy(facts: CallFacts) -> Said:
    """R6: as if busy, wherever the call comes from; the reminder is for calls that were meant for him."""
    callee = facts.callee
    if not callee.do_not_disturb:
        return OFF
    reminder = desk_for_a_short_ring(callee) if callee.dnd_reminder and not facts.handed_out_by else ()
    return wants(GoesTo(Outcome.BUSY, reminder), on=True)


def busy_people_are_busy(facts: CallFacts) -> Said:
    """R7."""
    callee = facts.callee
    if not callee.calls_up:
        return _NO_CALL_UP
    if takes_another_call(callee):
        return nothing(calls_up=callee.calls_up, call_waiting=True)
    return wants(
        GoesTo(Outcome.BUSY), calls_up=callee.calls_up, call_waiting=call_waiting(callee), limit=callee.call_limit)


def takes_another_call(person: Subscriber) -> bool:
    return not person.calls_up or (call_waiting(person) and person.calls_up < person.call_limit)


def call_waiting(person: Subscriber) -> bool:
    """Off while Remote Office is on (R9)."""
    return person.call_waiting and not person.call_waiting_off_once and not person.remote_office


def devices_ring(facts: CallFacts) -> Said:
    """The last rung: it always says where it rings."""
    callee = facts.callee
    own = own_devices(callee)
    if facts.handed_out_by:  # G2
        return wants(RingAt(own), devices=len(own), handed_out_by=facts.handed_out_by.value)
    shared = tuple([
        DeviceLeg(device_id, callee.subscriber_id, callee.extension, silenced_alone=True)
        for device_id in callee.shared_line_device_ids
    ])
    numbers = callee.simultaneous_ring
    if callee.simultaneous_ring_not_when_busy and callee.calls_up:
        numbers = ()
    ring = RingAt(own + shared, numbers, callee.distinctive_rings.get(facts.dialled, ""))
    return wants(ring, devices=len(own), places=len(shared), numbers=len(numbers))


def own_devices(person: Subscriber) -> tuple[DeviceLeg, ...]:
    return tuple([DeviceLeg(device_id, person.subscriber_id, person.extension) for device_id in person.device_ids])


def desk_for_a_short_ring(person: Subscriber) -> tuple[DeviceLeg, ...]:
    """R1, R6: his own telephones; in Remote Office they stay silent (R9)."""
    return () if person.remote_office else own_devices(person)
