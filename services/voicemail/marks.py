"""A message is marked as new, saved, deleted or taken back: by telephone and over HTTP alike."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from shared.database import Transaction

As = Literal["new", "saved", "deleted", "restored"]

_OF_OWNER = "company_id = :company_id AND subscriber_id = :subscriber_id"
_MARKED: dict[As, str] = {
    "new": "read_at = NULL WHERE deleted_at IS NULL",
    "saved": "read_at = coalesce(read_at, now()) WHERE deleted_at IS NULL",
    "deleted": "deleted_at = now() WHERE deleted_at IS NULL",
    "restored": "deleted_at = NULL WHERE deleted_at IS NOT NULL",
}


class MailboxFull(Exception):
    """It cannot be taken back: the mailbox holds its .most messages already."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the mailbox holds its {most} messages already")
        self.most = most


def mark(tx: Transaction, company_id: int, subscriber_id: int, message_id: UUID | str, as_: As) -> bool:
    """False: the mailbox has no such message, or, to be taken back, none that is deleted. Raises MailboxFull."""
    ids = {"company_id": company_id, "subscriber_id": subscriber_id}
    if as_ == "restored":
        # Locked, so that two at once do not both take the last place.
        mailbox = tx.row(f"SELECT max_messages FROM voicemail.mailboxes WHERE {_OF_OWNER} FOR UPDATE", **ids)
        there = tx.one(
            "SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS messages,"
            " coalesce(bool_or(message_id = CAST(:message_id AS uuid) AND deleted_at IS NOT NULL), false) AS is_deleted"
            f" FROM voicemail.messages WHERE {_OF_OWNER}", message_id=str(message_id), **ids)
        if mailbox is None or not there.is_deleted:
            return False
        if there.messages >= mailbox.max_messages:
            raise MailboxFull(mailbox.max_messages)
    return bool(tx.execute(
        f"UPDATE voicemail.messages SET {_MARKED[as_]} AND {_OF_OWNER} AND message_id = CAST(:message_id AS uuid)",
        message_id=str(message_id), **ids))
