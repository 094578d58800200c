"""How calls end, from CHANNEL_HANGUP_COMPLETE: the other half of a call's record.

The first leg's end is the call's end. The leg that was answered at the other side says who took the call, and
when. Times are microseconds since 1970, 0 when it never happened (switch_channel.c,
switch_channel_set_timestamps and Caller-Channel-…-Time of the caller profile).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from services.routing.outcomes import FAILED

EVENTS = ("CHANNEL_HANGUP_COMPLETE",)


class Headers(Protocol):
    def get(self, header: str) -> str | None: ...
    def variable(self, name: str) -> str | None: ...


def read(event: Headers) -> dict[str, Any] | None:
    """None for legs of no call of ours, and for those that only rang."""
    call_id = event.variable("pbx_call_id")
    company_id = event.variable("pbx_company")
    if not call_id or not company_id or not company_id.isdecimal() or company_id == "0":
        return None
    answered_at = _at(event.get("Caller-Channel-Answered-Time"))
    common = {
        "call_id": call_id, "company_id": int(company_id),
        "at": _at(event.get("Caller-Channel-Hangup-Time")) or _at(event.get("Event-Date-Timestamp")),
        "answered_at": answered_at,
    }
    if event.get("Unique-ID") == call_id:
        began = _at(event.get("Caller-Channel-Created-Time"))
        if event.variable("pbx_was_answered") == "true":  # of a click or a transfer: before anybody was called
            return {**common, "kind": "ended", "answered_at": None, "began_at": None,
                    "cause": event.get("Hangup-Cause") or ""}
        return {**common, "kind": "ended", "began_at": began or common["at"], "cause": event.get("Hangup-Cause") or ""}
    leg_of = event.variable("pbx_leg_subscriber")
    if answered_at is None:
        return None
    return {**common, "kind": "leg_answered", "subscriber_id": int(leg_of) if leg_of and leg_of.isdecimal() else None}


def cost(event: Headers) -> tuple[int, int, float] | None:
    """Company, cents a minute, seconds of talk of a leg to the outside; None for all others, and unanswered ones."""
    cents, company_id = event.variable("pbx_leg_cents"), event.variable("pbx_company")
    answered, ended = event.get("Caller-Channel-Answered-Time"), event.get("Caller-Channel-Hangup-Time")
    if not all(text and text.isdecimal() for text in (cents, company_id, answered, ended)):
        return None
    began_us = int(answered or 0)
    if not began_us:
        return None
    return int(company_id or 0), int(cents or 0), max(0.0, (int(ended or 0) - began_us) / 1_000_000)


def rejected_for_all(event: Headers) -> tuple[str, int] | None:
    """The first leg of a call that rings in several places, and the callee, when it was turned down at the callee's own
    telephone (R10). Only rings that the switch cannot end by itself mark their legs so (commands.py)."""
    if event.variable("pbx_own_place") != "true" or event.get("Hangup-Cause") != "CALL_REJECTED":
        return None
    if _at(event.get("Caller-Channel-Answered-Time")):  # over after talk, whatever cause its BYE gave
        return None
    caller_leg_uuid, subscriber_id = event.variable("originator"), event.variable("pbx_leg_subscriber")
    return (caller_leg_uuid, int(subscriber_id)) if caller_leg_uuid and subscriber_id else None


def failed_along(event: Headers) -> tuple[str, str, str] | None:
    """Of a leg to the outside that was to ring with others and whose trunk failed: the caller's leg, its mark
    (commands.RINGS_ALONG), the cause."""
    mark, caller_leg_uuid = event.variable("pbx_ring_along"), event.variable("originator")
    cause = event.get("Hangup-Cause") or ""
    if not mark or not caller_leg_uuid or cause not in FAILED or _at(event.get("Caller-Channel-Answered-Time")):
        return None
    return caller_leg_uuid, mark, cause


def _at(microseconds: str | None) -> str | None:
    if not microseconds or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC).isoformat()
