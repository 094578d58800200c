"""The phone book over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.routing.contacts.entries import LABELS
from services.routing.contacts.search import ANY_CONTACT, KINDS
from services.routing.schemas.fields import Target, Text

_LARGEST_ID = 2**63 - 1
_MOST_SKIPPED = 100_000


class NumberEntered(Schema):
    label = fields.String(load_default="work", validate=validate.OneOf(LABELS))
    number = Target(required=True, metadata={"description": "an extension, or a number in any usual form"})


class NumberView(Schema):
    label = fields.String(required=True, metadata={"description": f"extension, {', '.join(LABELS)}"})
    number = fields.String(required=True, metadata={
        "description": "extension or E.164: `target` of a call, or of a transfer"})
    shown = fields.String(required=True, metadata={"description": "as people write it"})


_ONE_TO_TEN = validate.Length(1, 10, error="must be one to ten numbers")


class ContactNew(Schema):
    first_name = Text(0, 80, load_default="")
    last_name = Text(0, 80, load_default="")
    organisation = Text(0, 120, load_default="")
    numbers = fields.List(fields.Nested(NumberEntered), required=True, validate=_ONE_TO_TEN)


class ContactChange(Schema):
    first_name = Text(0, 80)
    last_name = Text(0, 80)
    organisation = Text(0, 120)
    numbers = fields.List(fields.Nested(NumberEntered), validate=_ONE_TO_TEN,
                          metadata={"description": "replaces all"})


class Contact(Schema):
    contact_id = fields.Integer(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    organisation = fields.String(required=True)
    numbers = fields.List(fields.Nested(NumberView), required=True)
    changed_at = fields.AwareDateTime(required=True)


class ContactsQuery(Schema):
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))
    next = fields.Integer(load_default=0, validate=validate.Range(0, _LARGEST_ID), metadata={
        "description": "`next` of the page before"})


class Contacts(Schema):
    contacts = fields.List(fields.Nested(Contact), required=True)
    next = fields.Integer(required=True, allow_none=True)


class DirectoryQuery(Schema):
    search = fields.String(load_default="", validate=validate.Length(max=80), metadata={
        "description": "what was typed so far: beginnings of words of the name, in any order; or part of a number"})
    number = fields.String(load_default=None, validate=validate.Length(2, 40), metadata={
        "description": "who has exactly this number"})
    kind = fields.String(load_default=None, validate=validate.OneOf([*KINDS, ANY_CONTACT]), metadata={
        "description": "only these; contact: of the company and one's own"})
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))
    next = fields.Integer(load_default=0, validate=validate.Range(0, _MOST_SKIPPED), metadata={
        "description": "`next` of the page before"})
    company_id = fields.Integer(load_default=None, validate=validate.Range(1, _LARGEST_ID), metadata={
        "description": "operators only, and needed there"})


class Entry(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(KINDS), metadata={
        "description": "colleague, a contact of the company, or one's own"})
    id = fields.Integer(required=True, metadata={"description": "of the subscriber, or of the contact"})
    name = fields.String(required=True, metadata={"description": "as it is shown"})
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    organisation = fields.String(required=True)
    department = fields.String(required=True, allow_none=True)
    site = fields.String(required=True, allow_none=True)
    numbers = fields.List(fields.Nested(NumberView), required=True)


class Directory(Schema):
    entries = fields.List(fields.Nested(Entry), required=True)
    next = fields.Integer(required=True, allow_none=True)


CONTACT_NEW_EXAMPLE = {
    "first_name": "Jürgen", "last_name": "Müller", "organisation": "Baustoffe Müller",
    "numbers": [{"label": "work", "number": "030 555 1234"}, {"label": "mobile", "number": "0171 5550123"}],
}
CONTACT_EXAMPLE = {
    **CONTACT_NEW_EXAMPLE, "contact_id": 12, "changed_at": "2026-08-12T10:00:00+00:00",
    "numbers": [{"label": "work", "number": "+49305551234", "shown": "030 5551234"},
                {"label": "mobile", "number": "+491715550123", "shown": "0171 5550123"}],
}
ENTRY_EXAMPLE = {
    "kind": "colleague", "id": 7, "name": "Anna Amsel", "first_name": "Anna", "last_name": "Amsel",
    "organisation": "", "department": "Verkauf", "site": "Berlin",
    "numbers": [{"label": "extension", "number": "21", "shown": "21"},
                {"label": "work", "number": "+49305557021", "shown": "030 5557021"}],
}
