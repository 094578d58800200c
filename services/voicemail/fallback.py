"""The names of recordings the dialplan made without this service. Core.

They say all that is known of the message; one name is one message, however often it is met.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from services.voicemail.mailbox import UNKNOWN_CALLER

# freeswitch/conf/dialplan/steps.xml, mailbox-alone: <leg uuid>_<company>_<mailbox>_<epoch>_<caller>.wav;
# the company may be missing, the caller may be "unknown".
_FALLBACK_NAME = re.compile(
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([0-9]{0,18})_([0-9]{1,18})_[0-9]{1,12}_(\+?[0-9]{1,20}|unknown)\.wav"
)


@dataclass(frozen=True, slots=True)
class FallbackName:
    leg_uuid: str
    company_id: int | None
    subscriber_id: int
    caller_number: str | None


def parse_fallback_name(name: str) -> FallbackName | None:
    match = _FALLBACK_NAME.fullmatch(name)
    if match is None:
        return None
    leg_uuid, company, mailbox, caller = match.groups()
    return FallbackName(
        leg_uuid, int(company) if company else None, int(mailbox), None if caller == UNKNOWN_CALLER else caller
    )


def fallback_message_id(name: str) -> str:
    """The same for the same file, however often it is met."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"fallback:{name}"))
