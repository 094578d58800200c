"""What the page's session takes and gives."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length


class LogIn(Schema):
    """A token, or login and password."""

    token = fields.String(validate=Length(16, 256))
    login = fields.String(validate=Length(1, 254))
    password = fields.String(validate=Length(1, 128))

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **_: object) -> None:
        if set(data) not in ({"token"}, {"login", "password"}):
            raise ValidationError("give either a token, or login and password", "token")


class Forgot(Schema):
    login = fields.String(required=True, validate=Length(1, 254))


class CompanyView(Schema):
    company_id = fields.Integer(required=True)
    name = fields.String(required=True)
    sip_domain = fields.String(required=True)


class DeviceView(Schema):
    device_id = fields.String(required=True)
    label = fields.String(required=True)


class PersonView(Schema):
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    name = fields.String(required=True)
    devices = fields.List(fields.Nested(DeviceView), required=True)


class SessionView(Schema):
    role = fields.String(required=True)
    company = fields.Nested(CompanyView, required=True, allow_none=True)
    person = fields.Nested(PersonView, required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True, metadata={"description": "de or en; null: the browser's"})


LOG_IN_EXAMPLE = {"login": "anna@musterbau.example", "password": "…"}
SESSION_EXAMPLE = {
    "role": "subscriber", "company": {"company_id": 1, "name": "Musterbau GmbH", "sip_domain": "musterbau.example"},
    "person": {"subscriber_id": 1, "extension": "21", "name": "Anna Berger",
               "devices": [{"device_id": "anna-desk", "label": "Tischtelefon"}]},
    "language": "de",
}
