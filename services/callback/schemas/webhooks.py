"""Webhooks and notices over HTTP."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Length, OneOf, Range

from services.callback.schemas.calls import STATES

_ID = Range(min=1, max=2**63 - 1)
_STATES = fields.List(
    fields.String(validate=OneOf(STATES)), load_default=None, allow_none=True, validate=Length(1, len(STATES)),
    metadata={"description": "told only of these states; null: of all"})

WEBHOOK_EXAMPLE = {
    "webhook_id": 3, "subscriber_id": None, "url": "https://crm.example.com/calls", "label": "CRM", "states": None,
    "enabled": True, "disabled_because": None, "created_at": "2026-03-02T09:00:00+00:00",
}
SECRET_EXAMPLE = {**WEBHOOK_EXAMPLE, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
NEW_EXAMPLE = {"url": "https://crm.example.com/calls", "label": "CRM", "states": ["connected", "ended", "failed"]}
DELIVERY_EXAMPLE = {
    "id": "4f6f2d3a-7b0e-4c62-8d0e-0d5f3c6c9a55", "call_id": "0b1f7ac2-54a5-4c3e-9f0e-3f3f8a2b6d11",
    "call_state": "connected", "state": "waiting", "tries": 2, "created_at": "2026-03-02T09:15:07+00:00",
    "delivered_at": None, "next_try_at": "2026-03-02T09:15:42+00:00", "last_status": 503, "last_error": None,
}


class OfCompany(Schema):
    class Meta:
        unknown = RAISE

    company_id = fields.Integer(load_default=None, validate=_ID, metadata={
        "description": "operators only, and needed there; others have their own"})


class WebhookNew(Schema):
    class Meta:
        unknown = RAISE

    url = fields.String(required=True, validate=Length(1, 2000), metadata={
        "description": "https:// and a name in the internet; the operator can allow networks of his own"})
    label = fields.String(load_default="", validate=Length(max=80))
    states = _STATES
    subscriber_id = fields.Integer(load_default=None, allow_none=True, strict=True, validate=_ID, metadata={
        "description": "told of this person's calls only; null: of the company's. A subscriber's is his own"})


class WebhookChange(Schema):
    class Meta:
        unknown = RAISE

    url = fields.String(validate=Length(1, 2000))
    label = fields.String(validate=Length(max=80))
    states = fields.List(fields.String(validate=OneOf(STATES)), allow_none=True, validate=Length(1, len(STATES)))
    enabled = fields.Boolean()


class WebhookView(Schema):
    webhook_id = fields.Integer(required=True)
    subscriber_id = fields.Integer(required=True, allow_none=True)
    url = fields.String(required=True)
    label = fields.String(required=True)
    states = fields.List(fields.String(), required=True, allow_none=True)
    enabled = fields.Boolean(required=True)
    disabled_because = fields.String(required=True, allow_none=True, metadata={
        "description": "the system switched it off: the receiver answered 410"})
    created_at = fields.DateTime(required=True)


class WebhookWithSecret(WebhookView):
    secret = fields.String(required=True, metadata={
        "description": "shown this once; with it the receiver checks each notice's signature"})


class Webhooks(Schema):
    webhooks = fields.List(fields.Nested(WebhookView), required=True)


class DeliveriesQuery(Schema):
    class Meta:
        unknown = RAISE

    company_id = fields.Integer(load_default=None, validate=_ID)
    state = fields.String(load_default=None, validate=OneOf(["waiting", "delivered", "given_up"]))
    limit = fields.Integer(load_default=50, validate=Range(min=1, max=200))
    before = fields.UUID(load_default=None, metadata={"description": "`next` of the page before"})


class Delivery(Schema):
    id = fields.UUID(required=True, metadata={"description": "webhook-id of the notice"})
    call_id = fields.UUID(required=True)
    call_state = fields.String(required=True, metadata={"description": "what it tells"})
    state = fields.String(required=True, validate=OneOf(["waiting", "delivered", "given_up"]))
    tries = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    delivered_at = fields.DateTime(required=True, allow_none=True)
    next_try_at = fields.DateTime(required=True, allow_none=True)
    last_status = fields.Integer(required=True, allow_none=True, metadata={"description": "what the receiver answered"})
    last_error = fields.String(required=True, allow_none=True, metadata={"description": "why there was no answer"})


class Deliveries(Schema):
    deliveries = fields.List(fields.Nested(Delivery), required=True)
    next = fields.UUID(required=True, allow_none=True)
