"""Whom to ring first, and the one command that does it.

All chosen handsets ring together, each under a leg id minted when the attempt was accepted; the one that
answers goes on as an ordinary outgoing call of the subscriber through the context `internal`, where routing
decides about barring and the shown number. FreeSWITCH refuses a leg id that is already up
(switch_core_session_request_uuid in switch_core_session.c).

A number outside rings over one trunk after the other, as routing said (ways.py): the next only when the one before
failed, not when it was busy or nobody answered (O4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.dialling import Endpoint, Leg, dial_string, showable_name
from shared.esl.commands import Command, bgapi

# The switch counts whole seconds from the start of the current one: design, N rings.
_ONE_SECOND_LONGER = 1


# With a list of causes in fail_on_single_reject, originate_timeout never fires (switch_ivr_originate.c: `ok`), so each
# leg counts for itself. Listed is what says something about the number, or that it was ended on purpose: over another
# trunk it would ring again. After a list the job's answer may be NO_ANSWER whatever the cause was; the leg's own end
# says it.
ENDS_ALL = (
    "USER_BUSY", "CALL_REJECTED", "NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT",
    "NORMAL_CLEARING", "ORIGINATOR_CANCEL", "UNALLOCATED_NUMBER", "NUMBER_CHANGED", "INVALID_NUMBER_FORMAT",
    "SUBSCRIBER_ABSENT",
)
OUTSIDE = "outside"
"""Value of pbx_first_leg on a first leg that left through a trunk."""


@dataclass(frozen=True, slots=True)
class FirstLeg:
    """A device of his, or a number outside; position: of its trunk among those that are tried."""

    leg_uuid: UUID
    device_id: str | None = None
    number: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """How a number outside is reached through one trunk, as routing said."""

    trunk: str
    number: str
    """As the trunk wants it dialled."""
    variables: Mapping[str, str]


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
    language: str = "de"
    business_number: str | None = None
    """O2: chosen for this call; None: as he has set it."""
    presentation: str = "as_set"


def originate(errand: Errand, ways: Sequence[Way] = ()) -> Command:
    """The command, whose job id is the attempt's; ways: to the number outside, one for each leg of the errand.

    Raises UndiallableError or UnsafeArgument.
    """
    if not ways:
        # R10: a handset that rejects (603) ends all ringing.
        together = {"fail_on_single_reject": "CALL_REJECTED"} if len(errand.legs) > 1 else {}
        return _command(errand, dial_string(_devices(errand), variables={
            **_common(errand),
            "origination_caller_id_name": errand.shown_name,
            "origination_caller_id_number": errand.shown_number,
            "originate_timeout": str(errand.ring_s + _ONE_SECOND_LONGER),
            **together,
        }))
    legs = [_outside(errand, leg, way) for leg, way in zip(errand.legs, ways, strict=True)]
    return _command(errand, dial_string(legs[:1], then=[[leg] for leg in legs[1:]], variables={
        **_common(errand), "fail_on_single_reject": ",".join(ENDS_ALL),
    }))


def _common(errand: Errand) -> dict[str, str]:
    common = {
        "pbx_attempt": str(errand.attempt_id),
        # On the target's legs too: by it they are known as this attempt's (switch_channel_process_export).
        "export_vars": "pbx_attempt",
        "pbx_company": str(errand.company_id),
        "pbx_acting_subscriber": str(errand.subscriber_id),
        "pbx_leg_subscriber": str(errand.subscriber_id),
        "presence_id": f"{errand.extension}@{errand.sip_domain}",
        # Without it a handset that answers 183 would count as answered (switch_ivr_originate.c).
        "ignore_early_media": "true",
        "hangup_after_bridge": "true",
        # What a call needs to go on without routing: to an extension, or to an emergency number.
        "domain_name": errand.sip_domain,
        "pbx_language": errand.language,
    }
    if errand.site_number and errand.gateway:
        common |= {"pbx_site_number": errand.site_number, "pbx_gateway": errand.gateway}
    if errand.business_number:
        common["pbx_shown_number"] = errand.business_number
    if errand.presentation != "as_set":
        common["pbx_presentation"] = errand.presentation
    return common


def _devices(errand: Errand) -> list[Leg]:
    return [
        Leg(Endpoint.DEVICE, leg.device_id, errand.sip_domain, variables={
            "origination_uuid": str(leg.leg_uuid),
            "pbx_leg_device": leg.device_id,
            "pbx_acting_device": leg.device_id,
            **({"leg_timeout": str(errand.ring_s)} if len(errand.legs) > 1 else {}),
        })
        for leg in errand.legs if leg.device_id is not None
    ]


def _outside(errand: Errand, leg: FirstLeg, way: Way) -> Leg:
    """Its display shows the target; its number cannot, for nobody else's is ever shown (O2)."""
    variables = {
        **way.variables,
        "origination_uuid": str(leg.leg_uuid),
        "pbx_first_leg": OUTSIDE,
        "leg_timeout": str(errand.ring_s),
    }
    shown = showable_name(errand.shown_name)
    if shown:
        variables["sip_from_display"] = shown
    return Leg(Endpoint.TRUNK, way.trunk, number=way.number, variables=variables)


def _command(errand: Errand, dialled: str) -> Command:
    # Quoted, for the name on the display may have spaces (switch_separate_string in switch_utils.c);
    # dial_string lets no quote and no backslash pass.
    return bgapi("originate", f"'{dialled}'", errand.destination, "XML", "internal", job_uuid=str(errand.attempt_id))


def display(name: str, shown: str, destination: str) -> tuple[str, str]:
    """Name and number the first leg shows: whom it will call."""
    number = destination if destination.startswith("+") else shown
    return showable_name(name) or showable_name(shown) or number, number
