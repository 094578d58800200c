"""The shape of a company's file; what its fields mean is in docs/company.example.yaml.

    load(source) -> dict, with defaults; raises Unreadable with every field that breaks a rule of its own
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import available_timezones

import holidays
import phonenumbers
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from services.routing.apply.marks import Path, Source, Unreadable, Wrong
from shared.dialling import NumberClass

DEVICE_ID = re.compile(r"[a-z0-9-]{3,32}")
RING = re.compile(r"[A-Za-z0-9-]{1,32}")
# The same rule as voicemail.is_mail_address: what every mail server takes without extensions.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LOGIN = re.compile(r"[A-Za-z0-9+._@-]{1,80}")
_REALM = re.compile(r"[A-Za-z0-9._@-]{1,253}")
_SECRET_NAME = re.compile(r"TRUNK_PASSWORD_[A-Z0-9_]{1,64}")
_ALWAYS_ALLOWED = (NumberClass.EMERGENCY, NumberClass.INTERNAL)
CLASSES = tuple(one.value for one in NumberClass if one not in _ALWAYS_ALLOWED)
_COUNTRIES = phonenumbers.SUPPORTED_REGIONS
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Text(fields.String):
    """Text; a whole number stands for its digits, so that nobody has to quote an extension."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        text = super()._deserialize(value, attr, data, **kwargs)
        if text is not None and _CONTROL.search(text):
            raise ValidationError("may not hold control characters")
        return text


def matching(pattern: re.Pattern[str], rule: str) -> Any:
    def check(value: str) -> None:
        if pattern.fullmatch(value) is None:
            raise ValidationError(rule)

    return check


def _rings(value: int) -> None:
    if value != 0 and not 2 <= value <= 20:
        raise ValidationError("must be 0, or from 2 to 20 (one ring is 5 seconds)")


def time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("is no time zone, such as Europe/Berlin")


def country(value: str) -> None:
    if value not in _COUNTRIES:
        raise ValidationError("is no country of two letters, such as DE")


def region_of(country_code: str, region: str | None) -> str | None:
    """What is wrong with this region of the country, or None."""
    if region is None:
        return None
    known = holidays.list_supported_countries().get(country_code, [])
    return None if region in known else (
        f"is no region of {country_code}; one of {', '.join(known)}" if known else f"{country_code} has no regions")


mail_address = matching(_ADDRESS, "must be a mail address in ASCII")
name_length = validate.Length(min=1, max=80)
written_number = validate.Length(min=2, max=40)
language = validate.OneOf(["de", "en"])


class CompanyPart(Schema):
    name = Text(required=True, validate=name_length)
    domain = Text(required=True, validate=matching(_DOMAIN, "must be a domain in lower case, such as firm.example"))
    language = Text(load_default="de", validate=language)
    mobile_integration = fields.Boolean(load_default=False)
    classes = fields.List(Text(validate=validate.OneOf(CLASSES)), load_default=lambda: ["national", "mobile"])
    settings = fields.Dict(keys=Text(), values=fields.Raw(), load_default=dict)


class PoolPart(Schema):
    first = Text(required=True, validate=written_number)
    last = Text(validate=written_number)
    valid_from = fields.Date(load_default=None, allow_none=True)


class SitePart(Schema):
    name = Text(required=True, validate=name_length)
    country = Text(load_default="DE", validate=country)
    area_code = Text(required=True, validate=matching(re.compile("[0-9]{1,6}"), "must be 1 to 6 digits without the 0"))
    region = Text(load_default=None, allow_none=True)
    time_zone = Text(load_default="Europe/Berlin", validate=time_zone)
    main_number = Text(load_default=None, allow_none=True, validate=written_number)
    pools = fields.List(fields.Nested(PoolPart), load_default=list)
    departments = fields.List(Text(validate=name_length), load_default=list)
    settings = fields.Dict(keys=Text(), values=fields.Raw(), load_default=dict)


class AdditionalNumberPart(Schema):
    number = Text(required=True, validate=written_number)
    ring = Text(load_default=None, allow_none=True, validate=matching(RING, "must be 1 to 32 letters, digits or -"))


class DevicePart(Schema):
    id = Text(required=True, validate=matching(DEVICE_ID, "must be 3 to 32 of a-z, 0-9 and -"))
    label = Text(load_default="", validate=validate.Length(max=80))
    mobile = fields.Boolean(load_default=False)


class MailboxPart(Schema):
    enabled = fields.Boolean(load_default=True)
    on_always = fields.Boolean(load_default=False)
    on_busy = fields.Boolean(load_default=True)
    on_no_answer = fields.Boolean(load_default=True)
    no_answer_rings = fields.Integer(load_default=4, validate=_rings)
    max_message_s = fields.Integer(load_default=180, validate=validate.Range(10, 600))
    silence_end_s = fields.Integer(load_default=5, validate=validate.Range(2, 20))
    deliver_as_mail = fields.Boolean(load_default=False)
    email = Text(load_default=None, allow_none=True, validate=mail_address)
    audio_format = Text(load_default="mp3", validate=validate.OneOf(["wav", "mp3"]))
    notify_email = Text(load_default=None, allow_none=True, validate=mail_address)
    copy_email = Text(load_default=None, allow_none=True, validate=mail_address)
    lamp_enabled = fields.Boolean(load_default=True)
    max_messages = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    retention_days = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 3650))
    delete_after_mail = fields.Boolean(load_default=False)


MAILBOX_FIELDS = tuple(MailboxPart().fields)


class SubscriberPart(Schema):
    extension = Text(required=True)
    first_name = Text(load_default="", validate=validate.Length(max=80))
    last_name = Text(required=True, validate=name_length)
    site = Text(load_default=None, allow_none=True)
    department = Text(load_default=None, allow_none=True)
    email = Text(load_default=None, allow_none=True, validate=mail_address)
    language = Text(load_default=None, allow_none=True, validate=language)
    mobile_number = Text(load_default=None, allow_none=True, validate=written_number)
    number = Text(load_default=None, allow_none=True, validate=written_number)
    additional_numbers = fields.List(fields.Nested(AdditionalNumberPart), load_default=list)
    devices = fields.List(fields.Nested(DevicePart), load_default=list)
    mailbox = fields.Nested(MailboxPart, load_default=None, allow_none=True)
    settings = fields.Dict(keys=Text(), values=fields.Raw(), load_default=dict)


class TrunkPart(Schema):
    name = Text(required=True, validate=matching(re.compile("[a-z0-9-]{1,32}"), "must be 1 to 32 of a-z, 0-9 and -"))
    label = Text(load_default=None, allow_none=True, validate=name_length)
    host = Text(load_default=None, allow_none=True, validate=matching(_HOST, "must be a host's name or address"))
    port = fields.Integer(load_default=5060, validate=validate.Range(1, 65535))
    transport = Text(load_default="udp", validate=validate.OneOf(["udp", "tcp"]))
    username = Text(load_default=None, allow_none=True, validate=matching(_LOGIN, "must be a SIP login"))
    password_env = Text(load_default=None, allow_none=True, validate=matching(
        _SECRET_NAME, "must be the name of a secret: TRUNK_PASSWORD_ and capitals, digits or _"))
    register = fields.Boolean(load_default=False)
    realm = Text(load_default=None, allow_none=True, validate=matching(_REALM, "must be a realm"))
    from_domain = Text(load_default=None, allow_none=True, validate=matching(_HOST, "must be a domain"))
    number_format = Text(load_default="e164", validate=validate.OneOf(["e164", "national", "plain"]))
    caller_style = Text(load_default="p_asserted_identity", validate=validate.OneOf(
        ["from", "p_asserted_identity", "p_preferred_identity", "remote_party_id"]))
    privacy_style = Text(load_default="id", validate=validate.OneOf(["id", "id_only", "from_only"]))
    diversion_style = Text(load_default="diversion", validate=validate.OneOf(
        ["diversion", "history_info", "both", "none"]))
    enabled = fields.Boolean(load_default=True)


TRUNK_FIELDS = tuple(name for name in TrunkPart().fields if name not in ("name", "password_env"))


class Document(Schema):
    class Meta:
        unknown = RAISE

    company = fields.Nested(CompanyPart, required=True)
    trunks = fields.List(fields.Nested(TrunkPart), load_default=list)
    sites = fields.List(fields.Nested(SitePart), load_default=list)
    subscribers = fields.List(fields.Nested(SubscriberPart), load_default=list)


def load(source: Source) -> dict[str, Any]:
    if not isinstance(source.data, dict):
        raise Unreadable([source.wrong((), "must be a mapping with company, sites, subscribers …")])
    try:
        loaded: dict[str, Any] = Document().load(source.data)
    except ValidationError as error:
        raise Unreadable(wrong_of(source, error)) from None
    return loaded


def wrong_of(source: Source, error: ValidationError, below: Path = ()) -> list[Wrong]:
    """Each message of marshmallow with its place, in the order of the file."""
    found = [source.wrong((*below, *path), rule) for path, rule in _flat(error.messages)]
    return sorted(found, key=lambda one: (one.mark.line, one.mark.column) if one.mark else (0, 0))


def _flat(messages: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(messages, Mapping):
        for part, below in messages.items():
            yield from _flat(below, path if part == "_schema" else (*path, part))
    elif isinstance(messages, list):
        for message in messages:
            yield path, _in_our_words(str(message))
    else:
        yield path, _in_our_words(str(messages))


_WORDS = {
    "Missing data for required field.": "is missing",
    "Unknown field.": "there is no such field",
    "Field may not be null.": "may not be empty",
    "Not a valid string.": "must be text",
    "Not a valid boolean.": "must be true or false",
    "Not a valid integer.": "must be a whole number",
    "Not a valid list.": "must be a list",
    "Not a valid mapping type.": "must be a mapping",
    "Invalid input type.": "must be a mapping",
    "Not a valid date.": "must be a date, such as 2027-01-31",
}


def _in_our_words(message: str) -> str:
    return _WORDS.get(message) or message[:1].lower() + message[1:].rstrip(".")
