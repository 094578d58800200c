"""States of a channel by name and number (switch_types.h), and new uuids."""

from __future__ import annotations

import os
import uuid as uuid_module

CS_NEW, CS_INIT, CS_ROUTING, CS_SOFT_EXECUTE, CS_EXECUTE, CS_EXCHANGE_MEDIA, CS_PARK, CS_CONSUME_MEDIA = range(8)
CS_HIBERNATE, CS_RESET, CS_HANGUP, CS_REPORTING, CS_DESTROY = range(8, 13)
STATE_NAMES = (
    "CS_NEW", "CS_INIT", "CS_ROUTING", "CS_SOFT_EXECUTE", "CS_EXECUTE", "CS_EXCHANGE_MEDIA", "CS_PARK",
    "CS_CONSUME_MEDIA", "CS_HIBERNATE", "CS_RESET", "CS_HANGUP", "CS_REPORTING", "CS_DESTROY",
)  # fmt: skip
CALL_STATES = ("DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP", "UNHELD")


def new_uuid() -> str:
    return str(uuid_module.UUID(bytes=os.urandom(16), version=4))
