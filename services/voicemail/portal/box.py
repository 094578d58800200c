"""The messages of a mailbox, as the portal reads and marks them. Use case.

Every function raises DatabaseUnavailable or DatabaseError, and then nothing has changed.
"""

from __future__ import annotations

import re

from services.voicemail import marks
from services.voicemail.portal.words import Box, Kind, Mark, Message
from shared.database import Database

# A colleague is called back, and named, by the extension he has now.
_MESSAGES = """
SELECT m.message_id, m.left_at, m.urgent, coalesce(c.extension, m.caller_number) AS caller_number,
       c.subscriber_id AS caller_id, g.greeting_id
FROM voicemail.messages m
LEFT JOIN directory.subscribers c
       ON c.company_id = m.company_id AND c.subscriber_id = m.caller_subscriber_id
LEFT JOIN voicemail.greetings g
       ON g.company_id = m.company_id AND g.subscriber_id = m.caller_subscriber_id AND g.kind = 'name' AND g.in_use
WHERE m.company_id = :company_id AND m.subscriber_id = :subscriber_id AND m.deleted_at IS NULL
"""
_OF: dict[Kind, str] = {
    "new": " AND m.read_at IS NULL ORDER BY m.urgent DESC, m.left_at, m.message_id",
    "saved": " AND m.read_at IS NOT NULL ORDER BY m.left_at DESC, m.message_id",
}
_CAN_BE_SAID = re.compile(r"\+?[0-9]{2,20}")


def messages(database: Database, box: Box, kind: Kind) -> tuple[Message, ...]:
    """New ones as they came, the urgent first; saved ones from the latest back."""
    with database.company(box.company_id) as tx:
        rows = tx.rows(_MESSAGES + _OF[kind], company_id=box.company_id, subscriber_id=box.subscriber_id)
    return tuple(
        Message(
            str(row.message_id), row.left_at, urgent=row.urgent,
            caller_number=row.caller_number if _CAN_BE_SAID.fullmatch(row.caller_number or "") else None,
            caller_id=row.caller_id,
            caller_name_id=str(row.greeting_id) if row.greeting_id else None,
        )
        for row in rows
    )


def mark(database: Database, box: Box, order: Mark) -> bool:
    """False: it cannot be taken back, the mailbox is full. A message that is gone meanwhile is no error."""
    try:
        with database.company(box.company_id) as tx:
            marks.mark(tx, box.company_id, box.subscriber_id, order.message_id, order.as_)
    except marks.MailboxFull:
        return False
    return True
