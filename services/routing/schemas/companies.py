"""Companies as files over HTTP."""

from marshmallow import Schema, fields, validate

from shared.api import ErrorView


class ApplyQuery(Schema):
    do = fields.String(load_default="plan", validate=validate.OneOf(["plan", "keep", "apply"]), metadata={
        "description": "plan: only show it; keep: show it and keep it to be ordered; apply: do it now"})
    prune = fields.Boolean(load_default=False, metadata={
        "description": "also delete what the file does not name"})


class FieldChange(Schema):
    old = fields.Raw(allow_none=True)
    new = fields.Raw(allow_none=True)


class PlannedChange(Schema):
    action = fields.String(required=True, metadata={"description": "create, change, remove, or keep: not in the file"})
    kind = fields.String(required=True, metadata={"description": "subscriber, number, device, setting…"})
    name = fields.String(required=True)
    fields_ = fields.Dict(data_key="fields", keys=fields.String(), values=fields.Nested(FieldChange))


class PlanView(Schema):
    company = fields.String(required=True, metadata={"description": "its SIP domain"})
    created = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    kept = fields.Integer(required=True, metadata={"description": "there, not in the file, and staying"})
    changes = fields.List(fields.Nested(PlannedChange), required=True)


class NewDevice(Schema):
    device_id = fields.String(required=True)
    domain = fields.String(required=True)
    password = fields.String(required=True, metadata={"description": "shown this once; only a hash is kept"})


class Applied(Schema):
    plan = fields.Nested(PlanView, required=True)
    applied = fields.Boolean(required=True)
    order_id = fields.Integer(metadata={"description": "of a plan that is kept"})
    company_id = fields.Integer()
    devices = fields.List(fields.Nested(NewDevice), metadata={"description": "new ones, with their passwords"})


class WrongLine(Schema):
    line = fields.Integer(allow_none=True)
    column = fields.Integer(allow_none=True)
    field = fields.String(allow_none=True)
    rule = fields.String()
    text = fields.String()


class WrongFile(ErrorView):
    wrong = fields.List(fields.Nested(WrongLine), metadata={"description": "everything that is wrong, by line"})


class OrderView(Schema):
    order_id = fields.Integer(required=True)
    company = fields.String(required=True)
    prune = fields.Boolean(required=True)
    state = fields.String(required=True, metadata={"description": "kept, ordered or discarded"})
    kept_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(allow_none=True, required=True)
    plan = fields.Dict(required=True)


class Orders(Schema):
    orders = fields.List(fields.Nested(OrderView), required=True)


class CompanyView(Schema):
    company_id = fields.Integer(required=True)
    name = fields.String(required=True)
    domain = fields.String(required=True)
    language = fields.String(required=True)
    mobile_integration = fields.Boolean(required=True)
    subscribers = fields.Integer(required=True)


class Companies(Schema):
    companies = fields.List(fields.Nested(CompanyView), required=True)


PLAN_EXAMPLE = {
    "company": "musterbau.example", "created": 1, "changed": 1, "removed": 0, "kept": 0, "changes": [
        {"action": "create", "kind": "device", "name": "anna-desk", "fields": {
            "label": {"old": None, "new": "Tischtelefon"}}},
        {"action": "change", "kind": "site", "name": "Berlin", "fields": {"region": {"old": None, "new": "BE"}}}]}
APPLIED_EXAMPLE = {
    "plan": PLAN_EXAMPLE, "applied": True, "company_id": 7,
    "devices": [{"device_id": "anna-desk", "domain": "musterbau.example", "password": "vx…"}]}
ORDER_EXAMPLE = {
    "order_id": 3, "company": "musterbau.example", "prune": False, "state": "kept",
    "kept_at": "2026-08-12T10:00:00+00:00", "ended_at": None, "plan": PLAN_EXAMPLE}
WRONG_EXAMPLE = {
    "error": "invalid_file", "message": "77 is reserved", "field": "subscribers[1].extension", "hint": None,
    "wrong": [{"line": 31, "column": 16, "field": "subscribers[1].extension", "rule": "may not begin with 77 or 78",
               "text": "line 31, column 16: subscribers[1].extension: may not begin with 77 or 78"}]}
COMPANY_EXAMPLE = {"company_id": 7, "name": "Musterbau GmbH", "domain": "musterbau.example", "language": "de",
                   "mobile_integration": False, "subscribers": 10}
