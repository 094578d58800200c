"""Who changed what, over HTTP."""

from marshmallow import Schema, fields, validate

_ID = validate.Range(1, 2 ** 63 - 1)


class AuditQuery(Schema):
    subscriber_id = fields.Integer(load_default=None, validate=_ID, metadata={
        "description": "only changes of this person's settings, and those this person made"})
    site_id = fields.Integer(load_default=None, validate=_ID, metadata={"description": "only this site's settings"})
    what = fields.String(load_default=None, validate=validate.Length(1, 64), metadata={
        "description": "only this resource: forwardings, barring_profiles, …"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    next = fields.Integer(load_default=None, validate=_ID, metadata={"description": "`next` of the page before"})


class AuditEntry(Schema):
    audit_id = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    actor_role = fields.String(required=True, metadata={"description": "operator, administrator, subscriber, apply"})
    actor_subscriber_id = fields.Integer(required=True, allow_none=True)
    actor_name = fields.String(required=True, allow_none=True)
    via = fields.String(required=True, metadata={"description": "http, code, apply or portal"})
    what = fields.String(required=True, metadata={"description": "the resource"})
    subscriber_id = fields.Integer(required=True, allow_none=True, metadata={"description": "whose; null: no person's"})
    subscriber_name = fields.String(required=True, allow_none=True)
    site_id = fields.Integer(required=True, allow_none=True)
    before = fields.Raw(required=True, metadata={"description": "the fields that changed, as they were"})
    after = fields.Raw(required=True)


class AuditPage(Schema):
    entries = fields.List(fields.Nested(AuditEntry), required=True, metadata={"description": "newest first"})
    next = fields.Integer(required=True, allow_none=True, metadata={"description": "null: this is the last page"})


ENTRY_EXAMPLE = {
    "audit_id": 1812, "at": "2026-08-12T10:00:00+00:00", "actor_role": "subscriber", "actor_subscriber_id": 21,
    "actor_name": "Anna Berger", "via": "code", "what": "do_not_disturb", "subscriber_id": 21,
    "subscriber_name": "Anna Berger", "site_id": None, "before": {"enabled": False}, "after": {"enabled": True},
}
