"""/v1/messages: list, count, one message, its audio; marking, deleting, taking back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Response, send_file
from flask.views import MethodView
from flask_smorest import Blueprint

from services.voicemail import marks
from services.voicemail.api.whose import Owner, owner_of
from services.voicemail.retention import DELETED_KEPT
from services.voicemail.schemas.messages import (
    COUNT_EXAMPLE,
    MESSAGE_EXAMPLE,
    DeletedQuery,
    MessageChange,
    MessageCount,
    MessageDetailView,
    MessagePage,
    MessageQuery,
    MessagesDeleted,
    WhoseMailbox,
)
from services.voicemail.spool import Spool
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, Row, Transaction

_COLUMNS = """
message_id, left_at, duration_ms, CASE WHEN read_at IS NULL THEN 'new' ELSE 'saved' END AS state,
urgent, incomplete, reason, caller_number, caller_name, caller_subscriber_id, call_id
"""
_OF_OWNER = " FROM voicemail.messages WHERE company_id = :company_id AND subscriber_id = :subscriber_id"
_MESSAGE = f"SELECT {_COLUMNS}, NULL AS restore_until{_OF_OWNER} AND deleted_at IS NULL"
_DELETED = (f"SELECT {_COLUMNS}, deleted_at + interval '{DELETED_KEPT}' AS restore_until{_OF_OWNER}"
            " AND deleted_at IS NOT NULL")
_STATES = {"all": "", "new": " AND read_at IS NULL", "saved": " AND read_at IS NOT NULL"}
_NEWEST_FIRST = " ORDER BY left_at DESC, message_id LIMIT :limit OFFSET :offset"


def blueprint(database: Database, spool: Spool, changed: Callable[[], None]) -> Blueprint:
    messages = Blueprint("messages", __name__, url_prefix="/v1/messages", description="Messages of a mailbox")

    @messages.route("")
    class Messages(MethodView):
        @requires("subscriber", "administrator", "operator")
        @messages.arguments(MessageQuery, location="query")
        @messages.response(200, MessagePage, example={
            "messages": [MESSAGE_EXAMPLE], "page": 1, "page_size": 50, "total": 1, "new": 1, "saved": 0,
        })
        def get(self, query: dict[str, Any]) -> dict[str, Any]:
            """Newest first; new and saved count the whole mailbox."""
            owner = owner_of(principal(), query)
            which = _DELETED if query["state"] == "deleted" else _MESSAGE + _STATES[query["state"]]
            with database.company(owner.company_id) as tx:
                counts = _counts(tx, owner)
                rows = tx.rows(
                    which + _NEWEST_FIRST, **_ids(owner),
                    limit=query["page_size"], offset=(query["page"] - 1) * query["page_size"],
                )
            total = {**counts, "all": counts.new + counts.saved}
            return {
                "messages": [_view(row) for row in rows], "page": query["page"],
                "page_size": query["page_size"], "total": total[query["state"]],
                "new": counts.new, "saved": counts.saved,
            }

        @requires("subscriber", "administrator", "operator")
        @messages.arguments(DeletedQuery, location="query")
        @messages.response(200, MessagesDeleted, example={"deleted": 5})
        def delete(self, query: dict[str, Any]) -> dict[str, int]:
            """Deletes all, or all new or saved ones; for a day each can be taken back."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                _counts(tx, owner)
                deleted = tx.execute(
                    "UPDATE voicemail.messages SET deleted_at = now() WHERE company_id = :company_id"
                    " AND subscriber_id = :subscriber_id AND deleted_at IS NULL" + _STATES[query["state"]],
                    **_ids(owner),
                )
            changed()
            return {"deleted": deleted}

    @messages.route("/count")
    class Count(MethodView):
        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.response(200, MessageCount, example=COUNT_EXAMPLE)
        def get(self, query: dict[str, Any]) -> Row:
            """How many there are, without reading them."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                return _counts(tx, owner)

    @messages.route("/<uuid:message_id>")
    class Message(MethodView):
        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.response(200, MessageDetailView, example={**MESSAGE_EXAMPLE, "mails": []})
        def get(self, query: dict[str, Any], message_id: uuid.UUID) -> dict[str, Any]:
            """One message, and what became of its mails."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                return _detail(tx, owner, message_id)

        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.arguments(MessageChange, example={"state": "saved"})
        @messages.response(200, MessageDetailView, example={**MESSAGE_EXAMPLE, "state": "saved", "mails": []})
        def patch(self, query: dict[str, Any], change: dict[str, Any], message_id: uuid.UUID) -> dict[str, Any]:
            """Mark as listened to (saved), or as new again; the message lamp follows."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                if not marks.mark(tx, owner.company_id, owner.subscriber_id, message_id, change["state"]):
                    raise _no_such_message()
                detail = _detail(tx, owner, message_id)
            changed()
            return detail

        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.response(204)
        def delete(self, query: dict[str, Any], message_id: uuid.UUID) -> None:
            """Deletes the message; for a day it can be taken back, then its audio is erased."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                if not marks.mark(tx, owner.company_id, owner.subscriber_id, message_id, "deleted"):
                    raise _no_such_message()
            changed()

    @messages.route("/<uuid:message_id>/restore")
    class Restore(MethodView):
        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.response(200, MessageDetailView, example={**MESSAGE_EXAMPLE, "mails": []})
        @messages.alt_response(409, schema=ErrorView, description="the mailbox is full")
        def post(self, query: dict[str, Any], message_id: uuid.UUID) -> dict[str, Any]:
            """Takes a deletion back: new or saved as it was. One that is not deleted stays as it is."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                try:
                    marks.mark(tx, owner.company_id, owner.subscriber_id, message_id, "restored")
                except marks.MailboxFull as full:
                    raise ApiError(409, "mailbox_full", str(full), hint="delete others first") from full
                detail = _detail(tx, owner, message_id)
            changed()
            return detail

    @messages.route("/<uuid:message_id>/audio")
    class Audio(MethodView):
        @requires("subscriber", "administrator", "operator")
        @messages.arguments(WhoseMailbox, location="query")
        @messages.response(200, {"type": "string", "format": "binary"}, content_type="audio/wav",
                           description="The recording; 206 with the part a Range header asks for")
        def get(self, query: dict[str, Any], message_id: uuid.UUID) -> Response:
            """The recording as WAV. Listening does not mark it."""
            owner = owner_of(principal(), query)
            with database.company(owner.company_id) as tx:
                row = _find(tx, owner, message_id)
            path = spool.audio(str(message_id))
            try:
                return send_file(
                    path, mimetype="audio/wav", conditional=True, etag=f"{message_id}",
                    download_name=f"{row.left_at:%Y-%m-%d_%H-%M}_{message_id}.wav",
                )
            except FileNotFoundError:
                raise ApiError(404, "audio_gone", "the recording is no longer there") from None

    return messages


def _ids(owner: Owner) -> dict[str, int]:
    return {"company_id": owner.company_id, "subscriber_id": owner.subscriber_id}


def _counts(tx: Transaction, owner: Owner) -> Row:
    counts = tx.row(
        "SELECT n.new, n.saved, n.new_urgent, n.saved_urgent, b.max_messages AS quota,"
        f" (SELECT count(*){_OF_OWNER} AND deleted_at IS NOT NULL) AS deleted"
        " FROM voicemail.message_counts n JOIN voicemail.mailboxes b USING (company_id, subscriber_id)"
        " WHERE n.company_id = :company_id AND n.subscriber_id = :subscriber_id", **_ids(owner),
    )
    if counts is None:
        raise ApiError(404, "not_found", "there is no such mailbox")
    return counts


def _find(tx: Transaction, owner: Owner, message_id: uuid.UUID) -> Row:
    row = tx.row(_MESSAGE + " AND message_id = :message_id", **_ids(owner), message_id=message_id)
    if row is None:
        raise _no_such_message()
    return row


def _detail(tx: Transaction, owner: Owner, message_id: uuid.UUID) -> dict[str, Any]:
    row = _find(tx, owner, message_id)
    mails = tx.rows(
        "SELECT kind, recipient, state, attempts, sent_at, last_reply,"
        " CASE WHEN state = 'waiting' THEN next_attempt_at END AS next_attempt_at"
        " FROM voicemail.deliveries WHERE company_id = :company_id AND message_id = :message_id ORDER BY kind",
        company_id=owner.company_id, message_id=message_id,
    )
    return {**_view(row), "mails": mails}


def _view(row: Row) -> dict[str, Any]:
    return {
        **row,
        "caller": {
            "number": row.caller_number, "name": row.caller_name, "subscriber_id": row.caller_subscriber_id,
        },
    }


def _no_such_message() -> ApiError:
    return ApiError(404, "not_found", "there is no such message")
