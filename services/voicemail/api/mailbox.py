"""GET and PATCH /v1/mailbox: a mailbox's settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.voicemail.api.whose import Owner, owner_of
from services.voicemail.schemas.mailbox import FIELDS, MAILBOX_EXAMPLE, MailboxSettings, MailboxView
from services.voicemail.schemas.messages import WhoseMailbox
from shared.api import ApiError, principal, requires
from shared.database import Database, Row, RuleBroken, Transaction
from shared.messages import Message, SettingsChanged

# What the schema's rules say to a person.
_RULES = {
    "mail_needs_an_address": ("email", "deliver_as_mail needs an email address"),
    "deleting_needs_mail": ("delete_after_mail", "delete_after_mail needs deliver_as_mail"),
}


def blueprint(
    database: Database, changed: Callable[[], None], publish: Callable[[Message], None]
) -> Blueprint:
    mailbox = Blueprint("mailbox", __name__, url_prefix="/v1/mailbox", description="Settings of a mailbox")

    @mailbox.route("")
    class Mailbox(MethodView):
        @requires("subscriber", "administrator", "operator")
        @mailbox.arguments(WhoseMailbox, location="query")
        @mailbox.response(200, MailboxView, example=MAILBOX_EXAMPLE)
        def get(self, query: dict[str, Any]) -> Response:
            """The settings, and how many messages there are."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                return _answer(_find(tx, owner))

        @requires("subscriber", "administrator", "operator")
        @mailbox.arguments(WhoseMailbox, location="query")
        @mailbox.arguments(MailboxSettings, example={"no_answer_rings": 3, "audio_format": "mp3"})
        @mailbox.response(200, MailboxView, example=MAILBOX_EXAMPLE)
        def patch(self, query: dict[str, Any], change: dict[str, Any]) -> Response:
            """Changes what is sent. With If-Match only when nobody changed it meanwhile (412 otherwise)."""
            owner = owner_of(principal(), query)
            try:
                with database.company(owner.company_id) as tx:
                    row = _find(tx, owner, lock=True)
                    if request.if_match and str(row.revision) not in request.if_match:
                        raise ApiError(412, "changed_meanwhile", "somebody changed the mailbox meanwhile",
                                       field="If-Match", hint="read it again")
                    if change:
                        # Names come from the schema's fields, never from the request.
                        columns = ", ".join(f"{name} = :{name}" for name in FIELDS if name in change)
                        tx.execute(
                            f"UPDATE voicemail.mailboxes SET {columns}, revision = revision + 1"
                            " WHERE company_id = :company_id AND subscriber_id = :subscriber_id",
                            company_id=owner.company_id, subscriber_id=owner.subscriber_id, **change,
                        )
                        row = _find(tx, owner)
            except RuleBroken as error:
                field, message = _RULES.get(error.constraint, (None, str(error)))
                raise ApiError(422, "invalid_field", message, field=field) from error
            changed()
            publish(SettingsChanged(
                id=str(uuid.uuid4()), at=datetime.now(UTC).isoformat(), company_id=owner.company_id,
                subscriber_id=owner.subscriber_id, what="mailbox",
            ))
            return _answer(row)

    return mailbox


def _find(tx: Transaction, owner: Owner, *, lock: bool = False) -> Row:
    ids = {"company_id": owner.company_id, "subscriber_id": owner.subscriber_id}
    if lock:
        tx.row("SELECT 1 AS one FROM voicemail.mailboxes WHERE company_id = :company_id"
               " AND subscriber_id = :subscriber_id FOR UPDATE", **ids)
    row = tx.row(
        "SELECT b.*, n.new, n.saved FROM voicemail.mailboxes b"
        " JOIN voicemail.message_counts n USING (company_id, subscriber_id)"
        " WHERE b.company_id = :company_id AND b.subscriber_id = :subscriber_id", **ids,
    )
    if row is None:
        raise ApiError(404, "not_found", "there is no such mailbox")
    row["mail_problem"] = tx.row(
        "SELECT d.message_id, d.kind, d.recipient, d.state, d.last_reply FROM voicemail.messages m"
        " JOIN voicemail.deliveries d USING (company_id, message_id)"
        " WHERE m.company_id = :company_id AND m.subscriber_id = :subscriber_id AND m.deleted_at IS NULL"
        " AND d.state IN ('refused', 'given_up') ORDER BY m.left_at DESC, d.kind LIMIT 1", **ids,
    )
    return row


def _answer(row: Row) -> Response:
    response = jsonify(MailboxView().dump(row))
    response.set_etag(str(row.revision))
    return response
