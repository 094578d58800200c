"""A mailbox's settings over HTTP."""

from __future__ import annotations

import re

from marshmallow import Schema, ValidationError, fields, validate

# The same rule as voicemail.is_mail_address: what every mail server takes without extensions.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}")


def _rings(value: int) -> bool:
    if value != 0 and not 2 <= value <= 20:
        raise ValidationError("must be 0, or from 2 to 20")
    return True


def _address(value: str) -> bool:
    if _ADDRESS.fullmatch(value) is None:
        raise ValidationError("must be a mail address in ASCII")
    return True


class MailboxSettings(Schema):
    """Every field may be sent alone."""

    enabled = fields.Boolean()
    on_always = fields.Boolean(metadata={"description": "all calls go to the mailbox"})
    on_busy = fields.Boolean()
    on_no_answer = fields.Boolean()
    no_answer_rings = fields.Integer(
        strict=True, validate=_rings, metadata={"description": "0, or 2 to 20; one ring is 5 s"}
    )
    max_message_s = fields.Integer(strict=True, validate=validate.Range(10, 600))
    silence_end_s = fields.Integer(strict=True, validate=validate.Range(2, 20))
    deliver_as_mail = fields.Boolean(metadata={"description": "needs email"})
    email = fields.String(allow_none=True, validate=_address)
    audio_format = fields.String(validate=validate.OneOf(["wav", "mp3"]))
    notify_email = fields.String(allow_none=True, validate=_address)
    copy_email = fields.String(allow_none=True, validate=_address)
    lamp_enabled = fields.Boolean()
    max_messages = fields.Integer(strict=True, validate=validate.Range(1, 1000))
    retention_days = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(1, 3650),
        metadata={"description": "null: kept until deleted"},
    )
    delete_after_mail = fields.Boolean(metadata={"description": "needs deliver_as_mail"})


class MailProblem(Schema):
    """A mail that will not be tried again; its message stays in the mailbox."""

    message_id = fields.UUID()
    kind = fields.String(metadata={"description": "forward, notification or copy"})
    recipient = fields.String()
    state = fields.String(metadata={"description": "refused, or given_up after five days"})
    last_reply = fields.String(metadata={"description": "the mail server's words"})


class MailboxView(MailboxSettings):
    subscriber_id = fields.Integer(required=True)
    new = fields.Integer(required=True)
    saved = fields.Integer(required=True)
    mail_problem = fields.Nested(MailProblem, allow_none=True, metadata={
        "description": "the newest mail that could not be delivered, of the messages still there"})
    revision = fields.Integer(
        required=True, metadata={"description": "also the ETag; send it as If-Match to change this state only"}
    )


FIELDS = tuple(MailboxSettings().fields)

MAILBOX_EXAMPLE = {
    "enabled": True, "on_always": False, "on_busy": True, "on_no_answer": True, "no_answer_rings": 4,
    "max_message_s": 180, "silence_end_s": 5, "deliver_as_mail": True, "email": "anna@musterbau.example",
    "audio_format": "mp3", "notify_email": None, "copy_email": None, "lamp_enabled": True,
    "max_messages": 100, "retention_days": None, "delete_after_mail": False,
    "subscriber_id": 21, "new": 1, "saved": 3, "mail_problem": None, "revision": 7,
}
