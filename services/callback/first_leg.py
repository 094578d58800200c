"""Whom to ring first, and the one command that does it.

All chosen handsets ring together, each under a leg id minted when the attempt was accepted; the one that
answers goes on as an ordinary outgoing call of the subscriber through the context `internal`, where routing
decides about barring and the shown number. FreeSWITCH refuses a leg id that is already up
(switch_core_session_request_uuid in switch_core_session.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.dialling import Endpoint, Leg, dial_string, showable_name
from shared.esl.commands import Command, bgapi

# The switch counts whole seconds from the start of the current one: design, N rings.
_ONE_SECOND_LONGER = 1


@dataclass(frozen=True, slots=True)
class FirstLeg:
    leg_uuid: UUID
    device_id: str


@dataclass(frozen=True, slots=True)
class Errand:
    """What the worker needs to know of an attempt to dial it."""

    attempt_id: UUID
    company_id: int
    subscriber_id: int
    extension: str
    sip_domain: str
    legs: Sequence[FirstLeg]
    destination: str
    shown_name: str
    shown_number: str
    ring_s: int
    site_number: str | None
    gateway: str | None


def originate(errand: Errand) -> Command:
    """The command, whose job id is the attempt's. Raises UndiallableError or UnsafeArgument."""
    common = {
        "pbx_attempt": str(errand.attempt_id),
        # On the target's legs too: by it they are known as this attempt's (switch_channel_process_export).
        "export_vars": "pbx_attempt",
        "pbx_company": str(errand.company_id),
        "pbx_acting_subscriber": str(errand.subscriber_id),
        "pbx_leg_subscriber": str(errand.subscriber_id),
        "presence_id": f"{errand.extension}@{errand.sip_domain}",
        "origination_caller_id_name": errand.shown_name,
        "origination_caller_id_number": errand.shown_number,
        "originate_timeout": str(errand.ring_s + _ONE_SECOND_LONGER),
        # Without it a handset that answers 183 would count as answered (switch_ivr_originate.c).
        "ignore_early_media": "true",
        "hangup_after_bridge": "true",
        # What a call needs to go on without routing: to an extension, or to an emergency number.
        "domain_name": errand.sip_domain,
    }
    if errand.site_number and errand.gateway:
        common |= {"pbx_site_number": errand.site_number, "pbx_gateway": errand.gateway}
    legs = [
        Leg(Endpoint.DEVICE, leg.device_id, errand.sip_domain, variables={
            "origination_uuid": str(leg.leg_uuid),
            "pbx_leg_device": leg.device_id,
            "pbx_acting_device": leg.device_id,
        })
        for leg in errand.legs
    ]
    # Quoted, for the name on the display may have spaces (switch_separate_string in switch_utils.c);
    # dial_string lets no quote and no backslash pass.
    quoted = f"'{dial_string(legs, variables=common)}'"
    return bgapi("originate", quoted, errand.destination, "XML", "internal", job_uuid=str(errand.attempt_id))


def display(name: str, shown: str, destination: str) -> tuple[str, str]:
    """Name and number the first leg shows: whom it will call."""
    number = destination if destination.startswith("+") else shown
    return showable_name(name) or showable_name(shown) or number, number
