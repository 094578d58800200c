"""The message lamp: what the switch is told. Core.

mod_sofia passes every header that begins with MWI- on to the handset as the body of its NOTIFY
(sofia_presence.c, actual_sofia_presence_mwi_event_handler); the account is matched with mwi_user and
mwi_host of the registrations, which are the device's login and its domain (sofia_reg.c). So each device
of a subscriber is told by its own account. A query that names a subscription (VM-sub-call-id) is answered
to that one alone. One that comes from a registration (VM-Call-ID) is answered to the whole account: a
subscription that outlived a restart of the switch asks nothing by itself (seen).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PROFILE = "internal"
"""Of the handsets. Named in each MESSAGE_WAITING, or the switch looks for a registration of the account first, and
logs an error for each device that has none."""
_ACCOUNT = re.compile(r"(?:sip:)?([a-z0-9-]{3,32})@([a-z0-9.-]{1,253})", re.IGNORECASE)
_SAFE = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages of one mailbox."""

    new: int = 0
    saved: int = 0
    new_urgent: int = 0
    saved_urgent: int = 0


NOTHING_WAITS = Waiting()


@dataclass(frozen=True, slots=True)
class Query:
    """A device asks for its lamp."""

    device_id: str
    domain: str
    profile: str | None
    subscription_call_id: str | None


def query_from(headers: Mapping[str, str | None]) -> Query | None:
    """The question in a MESSAGE_QUERY, or None when its account cannot be a device of ours."""
    account = _ACCOUNT.fullmatch(headers.get("Message-Account") or "")
    if account is None:
        return None
    return Query(
        device_id=account[1].lower(),
        domain=account[2].lower(),
        profile=_safe(headers.get("VM-Sofia-Profile")),
        subscription_call_id=_safe(headers.get("VM-sub-call-id")),
    )


def _safe(value: str | None) -> str | None:
    return value if value is not None and _SAFE.fullmatch(value) else None


def lamp_headers(device_id: str, domain: str, waiting: Waiting, query: Query | None = None) -> dict[str, str]:
    """The headers of MESSAGE_WAITING for one device; an answer when query is given."""
    headers = {
        "MWI-Messages-Waiting": "yes" if waiting.new else "no",
        "MWI-Message-Account": f"sip:{device_id}@{domain}",
        "MWI-Voice-Message": (
            f"{waiting.new}/{waiting.saved} ({waiting.new_urgent}/{waiting.saved_urgent})"
        ),
    }
    if query is None:
        headers["sofia-profile"] = PROFILE
    else:
        for name, value in (
            ("sofia-profile", query.profile),
            ("sub-call-id", query.subscription_call_id),
        ):
            if value is not None:
                headers[name] = value
    return headers
