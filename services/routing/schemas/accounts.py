"""Accounts over HTTP: nothing here ever carries a password, a PIN or a hash out."""

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

ROLES = ("operator", "administrator", "subscriber")
_LONGEST_ADDRESS = 254
_LARGEST_ID = 2**63 - 1


class LogIn(Schema):
    login = fields.String(
        required=True, validate=validate.Length(1, _LONGEST_ADDRESS),
        metadata={"description": "login name, or the e-mail address of the directory"})
    password = fields.String(required=True, validate=validate.Length(1, 1000))
    label = fields.String(
        load_default="", validate=validate.Length(max=80), metadata={"description": "from where: shown in the list"})


class Token(Schema):
    token = fields.String(required=True, metadata={"description": "shown this once: Authorization: Bearer …"})
    expires_at = fields.AwareDateTime(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    company_id = fields.Integer(allow_none=True, required=True)
    subscriber_id = fields.Integer(allow_none=True, required=True)


class Me(Schema):
    role = fields.String(required=True)
    company_id = fields.Integer(allow_none=True, required=True)
    subscriber_id = fields.Integer(allow_none=True, required=True)


class TokenLine(Schema):
    token_id = fields.Integer(required=True)
    role = fields.String(required=True)
    label = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(allow_none=True, required=True)
    of_program = fields.Boolean(
        required=True, metadata={"description": "not got by logging in: stays until it is taken back"})
    current = fields.Boolean(required=True, metadata={"description": "the one of this request"})


class Tokens(Schema):
    tokens = fields.List(fields.Nested(TokenLine), required=True)


class PasswordChange(Schema):
    current = fields.String(required=True, validate=validate.Length(1, 1000))
    new = fields.String(required=True, validate=validate.Length(1, 1000))


class WhoForgot(Schema):
    login = fields.String(
        required=True, validate=validate.Length(1, _LONGEST_ADDRESS),
        metadata={"description": "login name, or the e-mail address of the directory"})


class Asked(Schema):
    message = fields.String(required=True)


class NewPassword(Schema):
    password = fields.String(required=True, validate=validate.Length(1, 1000))


class NewPin(Schema):
    pin = fields.String(required=True, validate=validate.Length(1, 100))


class LoginCreate(Schema):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    company_id = fields.Integer(
        load_default=None, validate=validate.Range(1, _LARGEST_ID),
        metadata={"description": "from operators, for all but operators; an administrator's is known"})
    subscriber_id = fields.Integer(
        load_default=None, validate=validate.Range(1, _LARGEST_ID),
        metadata={"description": "the person; without: somebody who is nobody in the directory, with name and e-mail"})
    login_name = fields.String(load_default=None, validate=validate.Regexp(
        r"\A[a-z0-9][a-z0-9._+-]{2,99}\Z", error="3 to 100 small letters, digits or . _ + -, first no sign; one's own"
        " e-mail address logs in without being one"))
    name = fields.String(load_default=None, validate=validate.Length(1, 80))
    email = fields.Email(load_default=None, validate=validate.Length(max=_LONGEST_ADDRESS))
    language = fields.String(load_default=None, validate=validate.OneOf(["de", "en"]))

    @validates_schema
    def is_somebody(self, data: dict[str, object], **_: object) -> None:
        person = data["subscriber_id"] is not None
        if data["role"] == "operator" and (person or data["company_id"] is not None):
            raise ValidationError("an operator belongs to no company and is no person of one", "role")
        if data["role"] == "subscriber" and not person:
            raise ValidationError("a subscriber is a person: say which", "subscriber_id")
        for field in ("name", "email"):
            if person and data[field] is not None:
                raise ValidationError("is the directory's for a person", field)
            if not person and data[field] is None:
                raise ValidationError("is needed for somebody who is no person of the directory", field)


class LoginChange(Schema):
    role = fields.String(validate=validate.OneOf(["administrator", "subscriber"]))
    login_name = fields.String(allow_none=True, validate=LoginCreate._declared_fields["login_name"].validate)
    name = fields.String(validate=validate.Length(1, 80))
    email = fields.Email(validate=validate.Length(max=_LONGEST_ADDRESS))
    language = fields.String(validate=validate.OneOf(["de", "en"]))


class Login(Schema):
    login_id = fields.Integer(required=True)
    role = fields.String(required=True)
    company_id = fields.Integer(allow_none=True, required=True)
    subscriber_id = fields.Integer(allow_none=True, required=True)
    login_name = fields.String(allow_none=True, required=True)
    name = fields.String(required=True)
    email = fields.String(allow_none=True, required=True)
    language = fields.String(required=True)
    has_password = fields.Boolean(required=True)


class LoginQuery(Schema):
    company_id = fields.Integer(
        load_default=None, validate=validate.Range(1, _LARGEST_ID), metadata={"description": "for operators"})
    after = fields.Integer(
        load_default=0, validate=validate.Range(0, _LARGEST_ID), metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class Logins(Schema):
    logins = fields.List(fields.Nested(Login), required=True)
    next = fields.Integer(allow_none=True, required=True)


TOKEN_EXAMPLE = {"token": "Yk3…", "expires_at": "2026-08-12T22:00:00+00:00", "role": "subscriber", "company_id": 1,
                 "subscriber_id": 7}
TOKENS_EXAMPLE = {"tokens": [{
    "token_id": 12, "role": "subscriber", "label": "Firefox at home", "created_at": "2026-08-12T10:00:00+00:00",
    "expires_at": "2026-08-12T22:00:00+00:00", "of_program": False, "current": True}]}
LOGIN_EXAMPLE = {"login_id": 3, "role": "administrator", "company_id": 1, "subscriber_id": None,
                 "login_name": "verwaltung", "name": "Verwaltung", "email": "verwaltung@musterbau.example",
                 "language": "de", "has_password": True}
CREATE_EXAMPLE = {"role": "administrator", "login_name": "verwaltung", "name": "Verwaltung",
                  "email": "verwaltung@musterbau.example", "language": "de"}
