"""Click-to-dial: by which telephone (C1, C4), how often and whereto (C5). It is callback's: read and changed through
what callback publishes (migrations, 0012_click_to_dial).
"""

from __future__ import annotations

from typing import Any

import phonenumbers
from marshmallow import Schema, ValidationError, fields, validate

from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Switch, Text, WholeNumber
from shared.database import Transaction


class ClickToDial(Schema):
    mode = fields.String(load_default="call_back", validate=validate.OneOf(("call_back", "this_phone")), metadata={
        "description": "this_phone: a click is answered with the number to dial, and nothing is dialled"})
    always_call_back = Switch(load_default=False, metadata={"description": "whatever a click asks for"})
    first_leg = fields.String(load_default="devices", validate=validate.OneOf(("devices", "mobile")), metadata={
        "description": "what rings first; while Remote Office is on, its number does"})
    device = Text(1, 64, load_default=None, allow_none=True, metadata={
        "description": "the device that rings first; null: all of them together"})
    press_1 = Switch(load_default=False, metadata={
        "description": "whoever answers at a number outside must press 1 before the target is called"})
    ring_s = WholeNumber(load_default=30, validate=validate.Range(5, 120), metadata={
        "description": "how long the first telephone rings"})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        "SELECT p.subscriber_id IS NOT NULL AS there, p.mode, p.always_call_back, p.first_leg, p.device_id AS device,"
        " p.press_1, p.ring_s FROM directory.subscribers s LEFT JOIN callback.preferences p"
        " ON (p.company_id, p.subscriber_id) = (s.company_id, s.subscriber_id)"
        " WHERE s.company_id = :company_id AND s.subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id)
    never_set: dict[str, Any] = ClickToDial().load({})
    return {name: row[name] for name in never_set} if row.there else never_set


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["device"] not in (None, old["device"]) and place.tx.row(
            "SELECT 1 AS there FROM directory.devices WHERE company_id = :company_id AND subscriber_id = :id"
            " AND device_id = :device", company_id=place.whose.company_id, id=place.whose.subscriber_id,
            device=new["device"]) is None:
        raise Refused("device_not_own", f"{new['device']} is none of one's own devices", "device",
                      "null: all of them together")
    if new["first_leg"] == "mobile" != old["first_leg"] and not _has_a_mobile(place):
        raise Refused("no_mobile_number", "there is no mobile number to ring", "first_leg", "set mobile_number first")
    return new


def _has_a_mobile(place: Place) -> bool:
    return place.tx.row(
        "SELECT 1 AS there FROM directory.subscribers WHERE company_id = :company_id AND subscriber_id = :id"
        " AND mobile_number IS NOT NULL", company_id=place.whose.company_id, id=place.whose.subscriber_id) is not None


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.one("SELECT callback.change_preferences(:company_id, :id, :mode, :always_call_back, :first_leg, :device,"
           " :press_1, :ring_s)::text AS done", company_id=whose.company_id, id=whose.subscriber_id, **new)


# ----- how often, and whereto


def _country(value: str) -> None:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError("must be a country's two letters (ISO 3166), such as DE")


def _some_and_none_twice(countries: list[str]) -> None:
    if not countries:
        raise ValidationError("must name a country; null allows all")
    if len(set(countries)) != len(countries):
        raise ValidationError("names a country twice")


def _countries(what: str) -> fields.List[Any]:
    return fields.List(fields.String(validate=_country), load_default=None, allow_none=True,
                       validate=[validate.Length(max=300), _some_and_none_twice], metadata={"description": what})


class Limits(Schema):
    at_once = WholeNumber(load_default=2, validate=validate.Range(1, 20), metadata={
        "description": "clicks of this person under way at the same time"})
    per_minute = WholeNumber(load_default=10, validate=validate.Range(1, 60))
    countries = _countries("ISO 3166; null: those of the company")


class CompanyLimits(Schema):
    at_once = WholeNumber(load_default=100, validate=validate.Range(1, 10_000), metadata={
        "description": "clicks of the whole company under way at the same time"})
    per_minute = WholeNumber(load_default=100, validate=validate.Range(1, 10_000))
    countries = _countries("ISO 3166; null: all that classes and barring allow")


def _read_limits(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        "SELECT l.max_simultaneous, l.max_per_minute, l.countries FROM directory.subscribers s"
        " LEFT JOIN callback.limits l ON (l.company_id, l.subscriber_id) = (s.company_id, s.subscriber_id)"
        " WHERE s.company_id = :company_id AND s.subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id)
    return _limits(row, Limits())


def _read_company_limits(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        "SELECT l.max_simultaneous, l.max_per_minute, l.countries FROM directory.companies c"
        " LEFT JOIN callback.company_settings l ON l.company_id = c.company_id WHERE c.company_id = :id",
        id=whose.company_id)
    return _limits(row, CompanyLimits())


def _limits(row: Any, schema: Schema) -> dict[str, Any]:
    never_set: dict[str, Any] = schema.load({})
    if row.max_simultaneous is None:
        return never_set
    return {"at_once": row.max_simultaneous, "per_minute": row.max_per_minute, "countries": row.countries}


def _sorted(_place: Place, new: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    return {**new, "countries": sorted(new["countries"]) if new["countries"] is not None else None}


def _write_limits(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.one("SELECT callback.change_limits(:company_id, :id, :at_once, :per_minute, CAST(:countries AS text[]))::text"
           " AS done", company_id=whose.company_id, id=whose.subscriber_id, **new)


def _write_company_limits(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.one("SELECT callback.change_company_limits(:company_id, :at_once, :per_minute,"
           " CAST(:countries AS text[]))::text AS done", company_id=whose.company_id, **new)


FEATURES = (
    Feature(
        name="click_to_dial", scopes=frozenset({Scope.SUBSCRIBER}), schema=ClickToDial, read=_read, settle=_settle,
        write=_write, summary="By which telephone a click dials (C1, C4)",
        example={"mode": "call_back", "always_call_back": False, "first_leg": "devices", "device": None,
                 "press_1": True, "ring_s": 30},
        change_example={"mode": "this_phone"}),
    Feature(
        name="click_to_dial_limits", scopes=frozenset({Scope.SUBSCRIBER}), schema=Limits, read=_read_limits,
        settle=_sorted, write=_write_limits, subscriber=Access.READ,
        summary="How often a person may click, and whereto (C5)",
        example={"at_once": 2, "per_minute": 10, "countries": ["AT", "DE"]},
        change_example={"countries": ["DE", "AT"]}),
    Feature(
        name="click_to_dial_company_limits", scopes=frozenset({Scope.COMPANY}), schema=CompanyLimits,
        read=_read_company_limits, settle=_sorted, write=_write_company_limits, subscriber=Access.NONE,
        summary="How often all of a company may click, and whereto (C5)",
        example={"at_once": 50, "per_minute": 60, "countries": None},
        change_example={"per_minute": 200}),
)
