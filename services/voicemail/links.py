"""Links to a recording that was too large for its mail. Use case.

The secret part stands behind #, which no browser sends to any server; the page (api/links.py) posts it. Only its
hash is kept. Who has the mail can listen, as who has the attachment could.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.database import Database, Transaction

KEPT = timedelta(days=14)
"""A link ends earlier with its message."""
PATH = "/v1/message-links"


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link leads to."""

    message_id: str
    left_at: datetime
    """In the owner's time zone."""


def new_link(tx: Transaction, company_id: int, message_id: UUID, until: datetime, public_url: str) -> str:
    token = secrets.token_urlsafe(32)
    tx.execute(
        "INSERT INTO voicemail.audio_links (token_sha256, company_id, message_id, expires_at)"
        " VALUES (:sha256, :company_id, :message_id, :until)",
        sha256=_sha256(token), company_id=company_id, message_id=message_id, until=until,
    )
    return f"{public_url}{PATH}#{token}"


def opened(database: Database, token: str) -> Linked | None:
    """None: over, its message deleted, or never one of ours."""
    found = database.call("SELECT message_id, left_at, time_zone FROM voicemail.open_audio_link(:sha256)",
                          sha256=_sha256(token))
    if not found:
        return None
    return Linked(str(found[0].message_id), found[0].left_at.astimezone(ZoneInfo(found[0].time_zone)))


def end_old_ones(tx: Transaction) -> None:
    tx.execute("DELETE FROM voicemail.audio_links WHERE expires_at < now()")


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
