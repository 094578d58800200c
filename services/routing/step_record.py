"""A step of the plan as the record of the call tells it. Core."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.routing.plan import (
    Act,
    Announce,
    DeviceLeg,
    PickUp,
    Reject,
    Ring,
    Say,
    Step,
    ToMailbox,
    ToPortal,
    TrunkLeg,
)

Record = dict[str, Any]


def step_record(step: Step) -> Record:
    """What was done, for the record: short, and without what the plan keeps for later."""
    if isinstance(step, Ring):
        legs = [leg.device_id if isinstance(leg, DeviceLeg) else leg.number for leg in step.legs]
        trunks = sorted({leg.trunk for leg in step.legs if isinstance(leg, TrunkLeg)})
        return {"do": "ring", "legs": legs, "trunks": trunks, "reason": step.reason, "for_s": step.ring_timeout_s}
    if isinstance(step, Announce):
        return {"do": "announce", "prompt": step.prompt, "cause": step.cause, "reason": step.reason}
    if isinstance(step, Reject):
        return {"do": "end", "cause": step.cause, "reason": step.reason}
    if isinstance(step, Say):
        return {"do": "say", "prompts": list(step.prompts), "reason": step.reason}
    if isinstance(step, Act):
        return {"do": "code", "function": step.function, "argument": step.argument, "reason": step.reason}
    if isinstance(step, PickUp):
        return {"do": "pick_up", "leg": step.leg_uuid}
    if isinstance(step, ToMailbox):
        return {"do": "mailbox", "subscriber_id": step.subscriber_id, "reason": step.reason}
    if isinstance(step, ToPortal):
        return {"do": "portal", "any_mailbox": step.asks_whose, "reason": step.reason}
    return step_record(step.step)


def taken_at(answered: bool, step: Step, now: datetime) -> str | None:
    """When a service of ours took a call whose own answer came before; others are answered when it does."""
    return now.isoformat() if answered and isinstance(step, ToMailbox | ToPortal | Say) else None


def rang(step: Step) -> list[int]:
    if not isinstance(step, Ring):
        return []
    return sorted({leg.subscriber_id for leg in step.legs if isinstance(leg, DeviceLeg)})
