"""Forwardings over HTTP."""

from marshmallow import Schema, ValidationError, fields, validate

from services.routing.schemas.fields import Switch


def rings_rule(value: int) -> None:
    """Of everything that waits for rings."""
    if value != 0 and not 2 <= value <= 20:
        raise ValidationError("must be 0, or from 2 to 20 (one ring is 5 seconds)")


class ForwardingChange(Schema):
    enabled = Switch(required=True)
    target = fields.String(
        validate=validate.Length(min=2, max=40), allow_none=True, load_default=None,
        metadata={"description": "extension, or number in any usual form; without it the stored one stays"})
    rings = fields.Integer(
        strict=True, validate=rings_rule, allow_none=True, load_default=None,
        metadata={"description": "of no_answer only: 0, or 2 to 20; one ring is 5 s"})


class Forwarding(Schema):
    kind = fields.String(required=True, metadata={"description": "always, busy, no_answer or not_reachable"})
    enabled = fields.Boolean(required=True)
    target = fields.String(allow_none=True, required=True, metadata={"description": "extension, or E.164"})
    target_shown = fields.String(allow_none=True, required=True, metadata={"description": "as people write it"})
    rings = fields.Integer(allow_none=True, required=True, metadata={"description": "null where nothing rings first"})


class Forwardings(Schema):
    forwardings = fields.List(fields.Nested(Forwarding), required=True)


CHANGE_EXAMPLE = {"enabled": True, "target": "0171 5550100", "rings": 3}
EXAMPLE = {"kind": "no_answer", "enabled": True, "target": "+491715550100", "target_shown": "0171 5550100", "rings": 3}
