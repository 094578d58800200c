"""What the switch asks: the channel's data, read once and strictly, so that no decision meets a header.

Who calls is only what our own directory put on the channel when the device authenticated (pbx_device), or what
our own services set on legs they originate (pbx_acting_…): never a From header, never a display name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from services.routing.facts import Presentation
from shared.esl.commands import UUID

AGAIN = ("steps", "again")
"""Context and destination under which the dialplan asks what is next (freeswitch/conf/dialplan/steps.xml)."""

# Behind a feature code a number may begin with +, too.
_DIALLED = re.compile(r"\+?[0-9*#]{1,32}|[*#0-9]{1,7}\+[0-9]{1,32}#?")
# A lamp's own address, as its key dials it. The dialog-info mod_sofia sends a telephone names the target without
# `lamp+` (sofia_presence.c takes what stands before the + for the protocol), so ** alone is enough, too.
_LAMP = re.compile(r"(?:(?:\*\*)?lamp\+|\*\*)([0-9]{2,6})-([1-8])-([a-z0-9]{10,32})")
# The same of a night service, and of a plain extension: `sip:**22@…` is the target mod_sofia names there, too.
_NIGHT_LAMP = re.compile(r"(?:(?:\*\*)?lamp\+|\*\*)([0-9]{2,6})-night-([a-z0-9]{10,32})")
_PLAIN_LAMP = re.compile(r"\*\*([0-9]{2,6})")
_ID = re.compile(r"[1-9][0-9]{0,17}")
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_NUMBER = re.compile(r"\+?[0-9]{2,20}")
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_AREA_CODE = re.compile(r"[0-9]{1,6}")
_HOPS = re.compile(r"[0-9]{1,3}")
_UNSAID_HOPS = 70  # what a caller who names none has (RFC 3261, 16.6)
_EXPORTED = re.compile(r"[A-Za-z0-9_:,-]{1,500}")
_EXTENSIONS = re.compile(r"[0-9]{2,6}(?:,[0-9]{2,6})*")
_LANGUAGE = re.compile(r"de|en")


class Channel(Protocol):
    def get(self, header: str) -> str | None: ...
    def require(self, header: str) -> str: ...
    def variable(self, name: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class LampKey:
    extension: str
    position: int
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    leg_uuid: str
    dialled: str
    """Empty: nothing that can be dialled."""
    from_trunk: bool
    device_id: str | None = None
    subscriber_id: int | None = None
    """Whose device it is, as the directory entry said when it authenticated."""
    acting_subscriber_id: int | None = None
    """Our own service calls for this subscriber."""
    leg_subscriber_id: int | None = None
    """Whose telephone this leg rang at: somebody transferred him on. He calls, but nothing is dialled for him."""
    earlier_call_id: str = ""
    """The call in which it rang there; empty: it was begun by who speaks on it."""
    answered_at: datetime | None = None
    asked_before: bool = False
    """This leg was routed in the same call already, and was transferred."""
    clicked: bool = False
    """It belongs to a call that was begun by a click."""
    company_id: int | None = None
    trunk: str | None = None
    lamp: LampKey | None = None
    night_lamp: str = ""
    """The extension in the address of a night service's key; empty: it is none."""
    plain_lamp: bool = False
    """The lamp of the dialled extension was pressed: what rings there is picked up."""
    caller_number: str = ""
    """As the trunk gives it; empty when withheld."""
    withheld: bool = False
    country: str = ""
    area_code: str = ""
    site_number: str = ""
    gateway: str = ""
    exported: str = ""
    """Variables the leg already hands on to those it rings."""
    hops_left: int = 0
    """How often the call may still be passed from one telephone system to another (SIP Max-Forwards)."""
    answered: bool = False
    """Who asks was answered before, by a click or a transfer: no tone of the network reaches him any more."""
    language: str = ""
    shown_number: str = ""
    """O2, for this one call: a number our own service was asked to show."""
    presentation: Presentation = Presentation.AS_SET
    plan: str = ""
    """Of a caller somebody transferred: by which plan he got to whoever answered him."""
    handed_on: frozenset[str] = frozenset()
    """Of the same: the extensions at which he was answered before that."""

    @property
    def calls_as(self) -> bool:
        """Somebody of the company calls, so no number says who; for transfers see leg_subscriber_id."""
        return not self.from_trunk and bool(self.device_id or self.acting_subscriber_id or self.leg_subscriber_id)


@dataclass(frozen=True, slots=True)
class WhatNext:
    """The second question and those after it: ringing ended without an answer."""

    leg_uuid: str
    plan: str
    disposition: str | None
    originate_causes: str | None
    hung_up_after_talk: bool
    invite_failure_status: str | None = None
    """What the last leg's other side said to its INVITE; unset when it said nothing, or rang (sofia.c,
    sofia_handle_sip_r_invite)."""
    exported: str = ""
    answered: bool = False
    language: str = ""


def _dialled(destination: str, key: re.Match[str] | None, plain: re.Match[str] | None) -> str:
    """A lamp key goes on record as the key it is, without the secret by which its handset may watch."""
    if key:
        return destination.rpartition("-")[0]
    if plain:
        return plain.group(1)
    return destination if _DIALLED.fullmatch(destination) else ""


def read(channel: Channel) -> Question | WhatNext:
    """Raises MissingHeader when the channel's data lack what every channel has."""
    leg_uuid = channel.require("Unique-ID")
    destination = channel.require("Caller-Destination-Number")
    context = channel.require("Caller-Context")
    exported = _matching(_EXPORTED, channel.variable("export_vars"))
    answered = channel.get("Answer-State") == "answered"  # switch_channel.c, switch_channel_event_set_basic_data
    language = _matching(_LANGUAGE, channel.variable("pbx_language"))
    if (context, destination) == AGAIN:
        return WhatNext(
            leg_uuid=leg_uuid, plan=channel.variable("pbx_plan") or "",
            disposition=channel.variable("originate_disposition"),
            originate_causes=channel.variable("originate_causes"),
            invite_failure_status=channel.variable("sip_invite_failure_status"),
            hung_up_after_talk=channel.variable("bridge_hangup_cause") is not None, exported=exported,
            answered=answered, language=language,
        )
    lamp = _LAMP.fullmatch(destination)
    night_lamp = _NIGHT_LAMP.fullmatch(destination)
    plain_lamp = _PLAIN_LAMP.fullmatch(destination) if context != "public" else None
    number = channel.get("Caller-Caller-ID-Number") or ""
    # Of a leg that was rung, the marks say what it was shown of its caller.
    marked = channel.get("Caller-Privacy-Hide-Number") == "true" and channel.get("Call-Direction") != "outbound"
    hidden = marked or not _NUMBER.fullmatch(number)
    acting = _matching(_ID, channel.variable("pbx_acting_subscriber"))
    company = _matching(_ID, channel.variable("pbx_company"))
    subscriber = _matching(_ID, channel.variable("pbx_subscriber"))
    device_id = _matching(_NAME, channel.variable("pbx_device")) or None
    transferred = bool(company) and context != "public" and not (device_id or acting)
    handed_on = _matching(_EXTENSIONS, channel.variable("pbx_handed_on")) if transferred else ""
    call_id = _matching(UUID, channel.variable("pbx_call_id"))
    rang_at = _matching(_ID, channel.variable("pbx_leg_subscriber")) if transferred else ""
    return Question(
        leg_uuid=leg_uuid,
        dialled=_dialled(destination, lamp or night_lamp, plain_lamp),
        from_trunk=context == "public",
        device_id=device_id,
        subscriber_id=int(subscriber) if subscriber else None,
        acting_subscriber_id=int(acting) if acting else None,
        leg_subscriber_id=int(rang_at) if rang_at else None,
        earlier_call_id=call_id if call_id != leg_uuid else "",
        answered_at=_moment(channel.get("Caller-Channel-Answered-Time")),
        asked_before=call_id == leg_uuid,
        clicked=bool(channel.variable("pbx_attempt")),
        company_id=int(company) if company and context != "public" else None,
        trunk=_matching(_NAME, channel.variable("pbx_trunk")) or None,
        lamp=LampKey(lamp.group(1), int(lamp.group(2)), lamp.group(3)) if lamp else None,
        night_lamp=night_lamp.group(1) if night_lamp else "",
        plain_lamp=plain_lamp is not None,
        caller_number="" if hidden else number,
        withheld=hidden,
        country=_matching(_COUNTRY, channel.variable("pbx_country")),
        area_code=_matching(_AREA_CODE, channel.variable("pbx_area_code")),
        site_number=_matching(_E164, channel.variable("pbx_site_number")),
        gateway=_matching(_NAME, channel.variable("pbx_gateway")),
        exported=exported,
        hops_left=int(_matching(_HOPS, channel.variable("max_forwards")) or _UNSAID_HOPS),
        answered=answered, language=language,
        shown_number=_matching(_E164, channel.variable("pbx_shown_number")) if acting else "",
        presentation=_presentation(channel.variable("pbx_presentation")) if acting else Presentation.AS_SET,
        plan=channel.variable("pbx_plan") or "" if transferred else "",
        handed_on=frozenset(handed_on.split(",")) if handed_on else frozenset(),
    )


def _presentation(value: str | None) -> Presentation:
    return Presentation(value) if value in tuple(Presentation) else Presentation.AS_SET


def _moment(microseconds: str | None) -> datetime | None:
    """0: never (switch_channel.c)."""
    if not microseconds or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC)


def _matching(pattern: re.Pattern[str], value: str | None) -> str:
    return value if value and pattern.fullmatch(value) else ""
