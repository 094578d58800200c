"""Which handsets are registered now, asked of the switch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import structlog

from shared.esl.client import InboundClient
from shared.esl.errors import EslError

log = structlog.get_logger()

_MOST_ASKED = 40
_WITHIN_S = 0.5
# mod_sofia.c, sofia_contact_function: what it says instead of a contact.
_NOT_REGISTERED = "error/user_not_registered"
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")


def registered(client: InboundClient, devices: Sequence[str], domain: str) -> dict[str, bool]:
    """Those it could not be found out of are missing."""
    found: dict[str, bool] = {}
    for device in devices[:_MOST_ASKED]:
        if not (_NAME.fullmatch(device) and _DOMAIN.fullmatch(domain)):
            continue
        try:
            said = client.api("sofia_contact", f"internal/{device}@{domain}", timeout_s=_WITHIN_S)
        except EslError as error:
            log.info("registrations not known", reason=str(error))
            break
        found[device] = not said.strip().startswith(_NOT_REGISTERED)
    return found
