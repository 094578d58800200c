"""The PIN of a mailbox over HTTP: what may be told of it, and a new one."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from shared.passwords import PIN_DIGITS


class PinView(Schema):
    set = fields.Boolean(required=True, metadata={"description": "false: nobody enters by telephone"})
    failures = fields.Integer(required=True, metadata={"description": "wrong PINs in a row"})
    locked_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "after five wrong PINs in 15 minutes"}
    )
    needs_operator = fields.Boolean(
        required=True, metadata={"description": "after ten in a row: until an operator unlocks it"}
    )


class NewPin(Schema):
    pin = fields.String(
        required=True, load_only=True, validate=validate.Length(max=4 * PIN_DIGITS[1]),
        metadata={"description": "digits; no rows, repetitions, or the own number"},
    )


PIN_EXAMPLE = {"set": True, "failures": 0, "locked_until": None, "needs_operator": False}
