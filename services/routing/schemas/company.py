"""Sites, departments, subscribers, devices and numbers over HTTP."""

from __future__ import annotations

import re

from marshmallow import Schema, fields, validate

from services.routing.apply.document import DEVICE_ID, RING, country, mail_address, matching, time_zone
from services.routing.company.numbers import STATES
from services.routing.schemas.fields import Switch, Target, Text

_LANGUAGE = validate.OneOf(["de", "en"])
_AREA = matching(re.compile("[0-9]{1,6}"), "must be 1 to 6 digits without the leading 0")
_RING = matching(RING, "must be 1 to 32 letters, digits or -: bellcore-dr2")


class OfCompany(Schema):
    company_id = fields.Integer(load_default=None, validate=validate.Range(min=1), metadata={
        "description": "for operators; an administrator's is his own"})


# ----- sites


class SiteChange(Schema):
    name = Text(1, 80)
    country = fields.String(validate=country, metadata={"description": "two letters: DE"})
    area_code = fields.String(validate=_AREA, metadata={"description": "without its leading 0"})
    region = fields.String(allow_none=True, metadata={"description": "federal state, for holidays: BE"})
    time_zone = fields.String(validate=time_zone)
    main_number = Target(allow_none=True, metadata={"description": "shown by emergency calls"})


class SiteNew(SiteChange):
    name = Text(1, 80, required=True)
    country = fields.String(load_default="DE", validate=country)
    area_code = fields.String(required=True, validate=_AREA)
    region = fields.String(load_default=None, allow_none=True)
    time_zone = fields.String(load_default="Europe/Berlin", validate=time_zone)
    main_number = Target(load_default=None, allow_none=True)


class SiteView(Schema):
    site_id = fields.Integer(required=True)
    name = fields.String(required=True)
    country = fields.String(required=True)
    area_code = fields.String(required=True)
    region = fields.String(allow_none=True, required=True)
    time_zone = fields.String(required=True)
    main_number = fields.String(allow_none=True, required=True)


class Sites(Schema):
    sites = fields.List(fields.Nested(SiteView), required=True)


class DepartmentsQuery(OfCompany):
    site_id = fields.Integer(load_default=None)


class DepartmentNew(Schema):
    site_id = fields.Integer(required=True, strict=True)
    name = Text(1, 80, required=True)


class DepartmentChange(Schema):
    name = Text(1, 80, required=True)


class DepartmentView(Schema):
    department_id = fields.Integer(required=True)
    site_id = fields.Integer(required=True)
    name = fields.String(required=True)


class Departments(Schema):
    departments = fields.List(fields.Nested(DepartmentView), required=True)


# ----- subscribers


class SubscribersQuery(OfCompany):
    search = fields.String(load_default=None, validate=validate.Length(min=1, max=64), metadata={
        "description": "part of a name, extension, e-mail address or number"})
    site_id = fields.Integer(load_default=None)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    next = fields.String(load_default="", validate=validate.Length(max=6), metadata={
        "description": "`next` of the page before"})


class SubscriberChange(Schema):
    first_name = Text(0, 80)
    last_name = Text(1, 80)
    extension = fields.String(validate=validate.Length(max=20), metadata={
        "description": "2 to 6 digits; not 77…, 78…, no emergency number"})
    site_id = fields.Integer(strict=True)
    department_id = fields.Integer(strict=True, allow_none=True)
    email = fields.String(allow_none=True, validate=mail_address)
    language = fields.String(validate=_LANGUAGE)
    mobile_number = Target(allow_none=True)


class SubscriberNew(SubscriberChange):
    first_name = Text(0, 80, load_default="")
    last_name = Text(1, 80, required=True)
    extension = fields.String(required=True, validate=validate.Length(max=20))
    site_id = fields.Integer(required=True, strict=True)
    department_id = fields.Integer(strict=True, load_default=None, allow_none=True)
    email = fields.String(load_default=None, allow_none=True, validate=mail_address)
    language = fields.String(load_default=None, validate=_LANGUAGE)
    mobile_number = Target(load_default=None, allow_none=True)


class SubscriberView(Schema):
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    site_id = fields.Integer(required=True)
    department_id = fields.Integer(allow_none=True, required=True)
    email = fields.String(allow_none=True, required=True)
    language = fields.String(required=True)
    mobile_number = fields.String(allow_none=True, required=True)
    number = fields.String(allow_none=True, required=True, metadata={"description": "the main one"})


class Subscribers(Schema):
    subscribers = fields.List(fields.Nested(SubscriberView), required=True)
    next = fields.String(allow_none=True, required=True)


class Gone(Schema):
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    freed_numbers = fields.List(fields.String(), required=True)
    devices = fields.List(fields.String(), required=True, metadata={"description": "they can no longer register"})
    messages = fields.Integer(required=True, metadata={"description": "voicemails that went with the mailbox"})
    still_sent_there = fields.List(fields.String(), required=True, metadata={
        "description": "settings of others that lead to nobody now"})


# ----- devices


class DeviceChange(Schema):
    label = Text(0, 80)
    mobile = Switch(metadata={"description": "an integrated mobile; needs the company's mobile integration"})


class DeviceNew(Schema):
    device_id = fields.String(required=True, validate=matching(DEVICE_ID, "must be 3 to 32 of a-z, 0-9 and -"),
                              metadata={"description": "what it logs in with"})
    label = Text(0, 80, load_default="")
    mobile = Switch(load_default=False)


class DeviceView(Schema):
    device_id = fields.String(required=True)
    subscriber_id = fields.Integer(required=True)
    domain = fields.String(required=True)
    label = fields.String(required=True)
    mobile = fields.Boolean(required=True)


class DeviceWithPassword(DeviceView):
    password = fields.String(required=True, metadata={"description": "shown this once; only a hash is kept"})


class DeviceWithToken(DeviceView):
    token = fields.String(required=True, metadata={
        "description": "shown this once: the handset fetches its configuration with it, its id as user name"})


class Devices(Schema):
    devices = fields.List(fields.Nested(DeviceView), required=True)


# ----- numbers


class PoolNew(Schema):
    first = Target(required=True)
    last = Target(load_default=None, allow_none=True, metadata={"description": "null: one number only"})
    valid_from = fields.Date(load_default=None, allow_none=True, metadata={"description": "null: now"})


class PoolView(Schema):
    pool_id = fields.Integer(required=True)
    first = fields.String(required=True, attribute="first_number")
    last = fields.String(required=True, attribute="last_number")
    valid_from = fields.Date(allow_none=True, required=True)
    size = fields.Integer(required=True)


class Pools(Schema):
    pools = fields.List(fields.Nested(PoolView), required=True)


class NumbersQuery(Schema):
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    search = fields.String(load_default=None, validate=validate.Regexp(
        r"[0-9+ ()/.-]{1,40}$", error="must be part of a number"), metadata={"description": "part of a number"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    next = fields.Integer(load_default=0, validate=validate.Range(0, 10 ** 15), metadata={
        "description": "`next` of the page before"})


class PooledNumber(Schema):
    number = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": ", ".join(STATES)})
    valid_from = fields.Date(allow_none=True, required=True)
    subscriber_id = fields.Integer(allow_none=True, required=True)
    extension = fields.String(allow_none=True, required=True)
    name = fields.String(allow_none=True, required=True)
    is_main = fields.Boolean(allow_none=True, required=True)
    ring = fields.String(allow_none=True, required=True)
    is_main_number_of_site = fields.Boolean(required=True)


class PooledNumbers(Schema):
    numbers = fields.List(fields.Nested(PooledNumber), required=True)
    next = fields.Integer(allow_none=True, required=True)


class NumberNew(Schema):
    number = Target(required=True, metadata={"description": "of the site's pools, in any usual form"})
    main = Switch(load_default=False, metadata={"description": "true: in place of the main number, which is freed"})
    ring = fields.String(load_default=None, allow_none=True, validate=_RING, metadata={
        "description": "distinctive ring, sent as Alert-Info"})


class RingChange(Schema):
    ring = fields.String(required=True, allow_none=True, validate=_RING)


class OwnNumber(Schema):
    number = fields.String(required=True)
    is_main = fields.Boolean(required=True)
    ring = fields.String(allow_none=True, required=True)


class OwnNumbers(Schema):
    numbers = fields.List(fields.Nested(OwnNumber), required=True)


SITE_EXAMPLE = {"site_id": 3, "name": "Berlin", "country": "DE", "area_code": "30", "region": "BE",
                "time_zone": "Europe/Berlin", "main_number": "+49305550000"}
SITE_NEW_EXAMPLE = {"name": "Berlin", "area_code": "30", "region": "BE"}
DEPARTMENT_EXAMPLE = {"department_id": 5, "site_id": 3, "name": "Verkauf"}
SUBSCRIBER_EXAMPLE = {
    "subscriber_id": 21, "extension": "21", "first_name": "Anna", "last_name": "Berger", "site_id": 3,
    "department_id": 5, "email": "anna@musterbau.example", "language": "de", "mobile_number": "+491715550100",
    "number": "+49305550021"}
SUBSCRIBER_NEW_EXAMPLE = {"first_name": "Anna", "last_name": "Berger", "extension": "21", "site_id": 3,
                          "email": "anna@musterbau.example"}
GONE_EXAMPLE = {"subscriber_id": 21, "extension": "21", "freed_numbers": ["+49305550021"], "devices": ["anna-desk"],
                "messages": 3, "still_sent_there": ["forwarding of 22"]}
DEVICE_EXAMPLE = {"device_id": "anna-desk", "subscriber_id": 21, "domain": "musterbau.example",
                  "label": "Tischtelefon", "mobile": False}
DEVICE_NEW_EXAMPLE = {"device_id": "anna-desk", "label": "Tischtelefon"}
PASSWORD_EXAMPLE = {**DEVICE_EXAMPLE, "password": "n7…"}
TOKEN_EXAMPLE = {**DEVICE_EXAMPLE, "token": "q4…"}
POOL_EXAMPLE = {"pool_id": 2, "first": "+49305550000", "last": "+49305550099", "valid_from": None, "size": 100}
POOL_NEW_EXAMPLE = {"first": "030 5550000", "last": "030 5550099", "valid_from": "2027-01-01"}
POOLED_EXAMPLE = {
    "number": "+49305550021", "state": "assigned", "valid_from": None, "subscriber_id": 21, "extension": "21",
    "name": "Anna Berger", "is_main": True, "ring": None, "is_main_number_of_site": False}
OWN_NUMBER_EXAMPLE = {"number": "+49305550091", "is_main": False, "ring": "bellcore-dr2"}
