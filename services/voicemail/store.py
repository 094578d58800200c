"""Takes a recording with its note into the database: one transaction, then the note may go. Use case.

Does the same thing however often it is called for one message: the first wins, the rest find the row.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.voicemail.mailbox import LeftMessage, Mailbox
from services.voicemail.recording import Recording
from shared import outbox
from shared.database import Database, RuleBroken, Transaction

SCHEMA = "voicemail"
STORE_QUEUE = STORE_TASK = "voicemail.store"
MAIL_QUEUE = MAIL_TASK = "voicemail.mail"


class NoSuchMailbox(Exception):
    """The subscriber, or his mailbox, is gone."""


@dataclass(frozen=True, slots=True)
class Stored:
    new: bool
    """False: it was there already."""
    deliveries: int


def mailbox_for_deposit(database: Database, company_id: int, subscriber_id: int) -> Mailbox | None:
    """What a deposit needs to know; None when there is no such mailbox. Raises DatabaseUnavailable."""
    with database.company(company_id) as tx:
        row = tx.row(
            """
            SELECT b.enabled, b.max_message_s, b.silence_end_s, s.language,
                   b.max_messages - (SELECT count(*) FROM voicemail.messages m
                                     WHERE m.company_id = b.company_id AND m.subscriber_id = b.subscriber_id
                                       AND m.deleted_at IS NULL) AS messages_left_to_quota,
                   (SELECT coalesce(json_object_agg(g.kind, g.greeting_id), '{}') FROM voicemail.greetings g
                    WHERE g.company_id = b.company_id AND g.subscriber_id = b.subscriber_id
                      AND g.in_use) AS greetings
            FROM voicemail.mailboxes b
            JOIN directory.subscribers s
              ON s.company_id = b.company_id AND s.subscriber_id = b.subscriber_id
            WHERE b.company_id = :company_id AND b.subscriber_id = :subscriber_id
            """,
            company_id=company_id, subscriber_id=subscriber_id,
        )
    return None if row is None else Mailbox(company_id, subscriber_id, **row)


def store(database: Database, message: LeftMessage, recording: Recording, *, incomplete: bool) -> Stored:
    """Message, its mails, and their tasks, all or nothing. Raises NoSuchMailbox, DatabaseUnavailable."""
    try:
        with database.company(message.company_id) as tx:
            if not _insert_message(tx, message, recording, incomplete):
                return Stored(new=False, deliveries=0)
            kinds = _insert_deliveries(tx, message)
            _queue(tx, message, STORE_QUEUE, STORE_TASK, {})
            for kind in kinds:
                _queue(tx, message, MAIL_QUEUE, MAIL_TASK, {"kind": kind})
            return Stored(new=True, deliveries=len(kinds))
    except RuleBroken as error:
        if error.constraint == "messages_company_id_subscriber_id_fkey":
            raise NoSuchMailbox(f"subscriber {message.subscriber_id}") from error
        raise


def _insert_message(tx: Transaction, message: LeftMessage, recording: Recording, incomplete: bool) -> bool:
    # A colleague is shown with the name and extension the directory has for him.
    return tx.execute(
        """
        INSERT INTO voicemail.messages
            (company_id, message_id, subscriber_id, call_id, left_at, duration_ms, sample_rate, audio_bytes,
             incomplete, caller_number, caller_name, caller_subscriber_id, reason, urgent)
        SELECT :company_id, CAST(:message_id AS uuid), :subscriber_id, CAST(:call_id AS uuid), :left_at,
               :duration_ms, :sample_rate, :audio_bytes, :incomplete,
               CASE WHEN c.subscriber_id IS NULL THEN :caller_number ELSE c.extension END,
               CASE WHEN c.subscriber_id IS NULL THEN :caller_name
                    ELSE trim(c.first_name || ' ' || c.last_name) END,
               c.subscriber_id, :reason, :urgent
        FROM (SELECT 1) AS one
        LEFT JOIN directory.subscribers c
               ON c.company_id = :company_id AND c.subscriber_id = :caller_subscriber_id
        ON CONFLICT (message_id) DO NOTHING
        """,
        company_id=message.company_id, message_id=message.message_id, subscriber_id=message.subscriber_id,
        call_id=message.call_id, left_at=message.left_at, duration_ms=recording.duration_ms,
        sample_rate=recording.sample_rate, audio_bytes=recording.audio_bytes, incomplete=incomplete,
        caller_number=message.caller.number, caller_name=message.caller.name,
        caller_subscriber_id=message.caller.subscriber_id, reason=message.reason, urgent=message.urgent,
    ) == 1


def _insert_deliveries(tx: Transaction, message: LeftMessage) -> list[str]:
    return [
        row.kind for row in tx.rows(
            """
            INSERT INTO voicemail.deliveries (company_id, message_id, kind, recipient)
            SELECT b.company_id, CAST(:message_id AS uuid), wanted.kind, wanted.recipient
            FROM voicemail.mailboxes b,
                 LATERAL (VALUES ('forward', CASE WHEN b.deliver_as_mail THEN b.email END),
                                 ('notification', b.notify_email),
                                 ('copy', b.copy_email)) AS wanted (kind, recipient)
            WHERE b.company_id = :company_id AND b.subscriber_id = :subscriber_id
              AND wanted.recipient IS NOT NULL
            RETURNING kind
            """,
            company_id=message.company_id, message_id=message.message_id, subscriber_id=message.subscriber_id,
        )
    ]


def _queue(tx: Transaction, message: LeftMessage, queue: str, task: str, more: dict[str, str]) -> None:
    outbox.put(
        tx, SCHEMA, message.company_id, queue=queue, task=task,
        payload={"company_id": message.company_id, "message_id": message.message_id, **more},
    )
