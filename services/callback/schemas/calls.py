"""Calls over HTTP: the request, the attempt, a page of attempts; with the examples the documentation shows."""

from __future__ import annotations

from marshmallow import EXCLUDE, RAISE, Schema, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from services.callback.attempt import State, shown
from services.callback.modes import Mode, Place
from services.callback.reasons import Reason

_ID = Range(min=1, max=2**63 - 1)
STATES = sorted({shown(state).value for state in State})

REQUEST_EXAMPLE = {"target": "+49 171 1234567", "device": "anna-desk"}
DIAL_YOURSELF_EXAMPLE = {
    "mode": "this_phone", "target": "0171 1234567", "destination": "+491711234567", "number_class": "mobile",
    "dial": "+491711234567", "link": "tel:+491711234567",
}
CALL_EXAMPLE = {
    "id": "0b1f7ac2-54a5-4c3e-9f0e-3f3f8a2b6d11",
    "subscriber_id": 1,
    "target": "+49 171 1234567",
    "destination": "+491711234567",
    "number_class": "mobile",
    "first_leg": "devices",
    "devices": ["anna-desk"],
    "first_leg_number": None,
    "state": "ringing_first",
    "reason": None,
    "message": None,
    "created_at": "2026-03-02T09:15:00.120000+00:00",
    "history": [
        {"state": "accepted", "at": "2026-03-02T09:15:00.120000+00:00"},
        {"state": "ringing_first", "at": "2026-03-02T09:15:00.310000+00:00"},
    ],
}
FAILED_EXAMPLE = {
    **CALL_EXAMPLE, "state": "failed", "reason": "target_busy", "message": "die gewählte Nummer war besetzt",
}


class KeyHeader(Schema):
    class Meta:
        unknown = EXCLUDE

    key = fields.String(
        required=True, data_key="Idempotency-Key",
        validate=[
            Length(min=8, max=128, error="must have 8 to 128 characters"),
            Regexp(r"[\x20-\x7e]*\Z", error="may have printable ASCII characters only"),
        ],
        error_messages={"required": "this header is needed: a new value for each call, the same one to ask again"},
        metadata={"description": "Of the caller's own choice; the same key never dials twice."},
    )


class LastEventHeader(Schema):
    class Meta:
        unknown = EXCLUDE

    after = fields.Integer(
        data_key="Last-Event-ID", load_default=None, validate=Range(min=0, max=2**63 - 1),
        metadata={"description": "The `id` of the last event one has had: what came since is told first."},
    )


class CallRequest(Schema):
    class Meta:
        unknown = RAISE

    target = fields.String(
        required=True, validate=Length(min=1, max=256),
        metadata={"description": "Extension or number in any usual form; tel: and callto: links, too."},
    )
    device = fields.String(
        load_default=None, allow_none=True, validate=Length(min=1, max=64),
        metadata={"description": "Which device rings first; without it the usual one, or all devices together."},
    )
    first_leg = fields.String(
        load_default=None, allow_none=True, validate=OneOf([place.value for place in Place]),
        metadata={"description": "What rings first; without it Remote Office while that is on, else what is set."},
    )
    mode = fields.String(
        load_default=None, allow_none=True, validate=OneOf([mode.value for mode in Mode]),
        metadata={"description": "this_phone: only say what to dial. Without it as set; \"always call back\" holds"
                                 " whatever is said here."},
    )
    press_1 = fields.Boolean(
        load_default=None, allow_none=True, truthy={True}, falsy={False},
        metadata={"description": "Whoever answers at a number outside must press 1 before the target is called."},
    )
    shown_number = fields.String(
        load_default=None, allow_none=True, validate=Length(min=1, max=40),
        metadata={"description": "Which of one's own numbers the target sees; without it the usual one."},
    )
    suppress_number = fields.Boolean(
        load_default=None, allow_none=True, truthy={True}, falsy={False},
        metadata={"description": "Whether the target sees none, for this call; without it as set."},
    )
    subscriber_id = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=_ID,
        metadata={"description": "Operators only, and needed there: in whose name."},
    )


class TransferRequest(Schema):
    class Meta:
        unknown = RAISE

    target = fields.String(required=True, validate=Length(min=1, max=256), metadata={
        "description": "an extension, or a number of the company in any usual form"})


class PageQuery(Schema):
    class Meta:
        unknown = RAISE

    limit = fields.Integer(load_default=50, validate=Range(min=1, max=100))
    before = fields.UUID(load_default=None, metadata={"description": "`next` of the page before"})
    subscriber_id = fields.Integer(
        load_default=None, validate=_ID, metadata={"description": "Operators only: calls of this subscriber"}
    )


class Step(Schema):
    state = fields.String(required=True, validate=OneOf(STATES))
    at = fields.String(required=True, metadata={"format": "date-time"})


class Call(Schema):
    id = fields.UUID(required=True)
    subscriber_id = fields.Integer(required=True)
    target = fields.String(required=True, metadata={"description": "as asked for"})
    destination = fields.String(required=True, metadata={"description": "what is dialled: an extension or E.164"})
    number_class = fields.String(required=True)
    first_leg = fields.String(required=True, validate=OneOf([place.value for place in Place]),
                              metadata={"description": "what rings first"})
    devices = fields.List(fields.String(), required=True, metadata={"description": "those that ring first"})
    first_leg_number = fields.String(required=True, allow_none=True,
                                     metadata={"description": "the number outside that rings first"})
    state = fields.String(
        required=True, validate=OneOf(STATES),
        metadata={"description": "unknown: lost sight of, never dialled again by itself"},
    )
    reason = fields.String(
        required=True, allow_none=True, validate=OneOf([reason.value for reason in Reason]),
        metadata={"description": "why it failed or is unknown, for programs"},
    )
    message = fields.String(
        required=True, allow_none=True, metadata={"description": "the reason in the subscriber's language"}
    )
    created_at = fields.DateTime(required=True)
    history = fields.List(fields.Nested(Step), required=True)


class DialYourself(Schema):
    mode = fields.String(required=True, validate=OneOf([Mode.THIS_PHONE.value]))
    target = fields.String(required=True, metadata={"description": "as asked for"})
    destination = fields.String(required=True, metadata={"description": "an extension or E.164"})
    number_class = fields.String(required=True)
    dial = fields.String(required=True, metadata={
        "description": "what the telephone is to dial; for an extension the colleague's number, if he has one"})
    link = fields.String(required=True, metadata={"description": "the same as a tel: link"})


class Page(Schema):
    calls = fields.List(fields.Nested(Call), required=True)
    next = fields.UUID(required=True, allow_none=True, metadata={"description": "`before` of the next page"})
