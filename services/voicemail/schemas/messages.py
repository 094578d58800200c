"""Messages over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

PAGE_SIZE = 50
LARGEST_ID = 2**63 - 1


class WhoseMailbox(Schema):
    """Whose mailbox, for operators and (without company_id) administrators. A subscriber's token already says it."""

    company_id = fields.Integer(validate=validate.Range(1, LARGEST_ID))
    subscriber_id = fields.Integer(validate=validate.Range(1, LARGEST_ID))


class MessageQuery(WhoseMailbox):
    state = fields.String(
        load_default="all", validate=validate.OneOf(["all", "new", "saved", "deleted"]),
        metadata={"description": "new: not listened to; saved: the others; deleted: those that can be taken back"},
    )
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    page_size = fields.Integer(load_default=PAGE_SIZE, validate=validate.Range(1, 200))


class DeletedQuery(WhoseMailbox):
    state = fields.String(
        required=True, validate=validate.OneOf(["all", "new", "saved"]),
        metadata={"description": "which; has to be said, so that nobody deletes all by a slip"},
    )


class CallerView(Schema):
    number = fields.String(allow_none=True, metadata={"description": "null: withheld"})
    name = fields.String(allow_none=True)
    subscriber_id = fields.Integer(allow_none=True, metadata={"description": "a colleague"})


class MailView(Schema):
    """What became of one mail of the message."""

    kind = fields.String(metadata={"description": "forward, notification or copy"})
    recipient = fields.String()
    state = fields.String(metadata={"description": "waiting, sending, sent, refused or given_up"})
    attempts = fields.Integer()
    next_attempt_at = fields.AwareDateTime(allow_none=True)
    sent_at = fields.AwareDateTime(allow_none=True)
    last_reply = fields.String(allow_none=True, metadata={"description": "the mail server's words"})


class MessageView(Schema):
    message_id = fields.UUID(required=True)
    left_at = fields.AwareDateTime(required=True)
    duration_ms = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"description": "new or saved"})
    urgent = fields.Boolean(required=True)
    incomplete = fields.Boolean(required=True)
    reason = fields.String(metadata={"description": "always, busy, no_answer, not_reachable or direct"})
    caller = fields.Nested(CallerView)
    call_id = fields.UUID(allow_none=True)
    restore_until = fields.AwareDateTime(
        allow_none=True, metadata={"description": "of a deleted one: so long it is sure to be there; else null"})


class MessageDetailView(MessageView):
    mails = fields.List(fields.Nested(MailView))


class MessagePage(Schema):
    messages = fields.List(fields.Nested(MessageView), required=True)
    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "messages that match the query"})
    new = fields.Integer(required=True, metadata={"description": "in the whole mailbox"})
    saved = fields.Integer(required=True)


class MessageCount(Schema):
    new = fields.Integer(required=True, metadata={"description": "not listened to"})
    saved = fields.Integer(required=True)
    new_urgent = fields.Integer(required=True, metadata={"description": "of the new ones"})
    saved_urgent = fields.Integer(required=True)
    deleted = fields.Integer(required=True, metadata={"description": "can be taken back"})
    quota = fields.Integer(required=True, metadata={"description": "new and saved together are never more"})


class MessagesDeleted(Schema):
    deleted = fields.Integer(required=True)


class MessageChange(Schema):
    state = fields.String(required=True, validate=validate.OneOf(["new", "saved"]))


class LinkToken(Schema):
    token = fields.String(required=True, validate=validate.Length(1, 200))


MESSAGE_EXAMPLE = {
    "message_id": "5b8f7c1e-0a55-4c7e-9a94-6f2b9c6f1d11",
    "left_at": "2026-11-22T14:05:31+00:00",
    "duration_ms": 12_340,
    "state": "new",
    "urgent": False,
    "incomplete": False,
    "reason": "no_answer",
    "caller": {"number": "+491715550100", "name": "Max Muster", "subscriber_id": None},
    "call_id": "0b1d2c58-5c0e-4f60-8f4c-0e8a4d5b9e11",
    "restore_until": None,
}
COUNT_EXAMPLE = {"new": 2, "saved": 5, "new_urgent": 1, "saved_urgent": 0, "deleted": 3, "quota": 100}
