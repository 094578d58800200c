"""Numbers a subscriber shows (O2), his mobile (N2), and two-digit speed dials of his or of his site (O3)."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.routing.features import call_settings
from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.rules import owner_ids
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Switch, Target, Text
from shared.database import Transaction
from shared.dialling import is_emergency

_PERSON = frozenset({Scope.SUBSCRIBER})


# ----- the number shown (O2)


class ShownNumber(Schema):
    suppressed = Switch(load_default=False, metadata={"description": "never shown, unless asked for once"})
    number = Target(load_default=None, allow_none=True, metadata={
        "description": "one of one's own numbers; null: the main number"})


def _read_shown(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = call_settings.columns_of(tx, whose, number_suppressed=False, shown_number=None)
    return {"suppressed": row.number_suppressed, "number": row.shown_number}


def _settle_shown(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["number"] is not None and new["number"] != old["number"]:
        number = place.number(new["number"], "number")
        if number not in place.numbers:
            raise Refused("number_not_own", f"{number} is none of one's own numbers", "number",
                          "own numbers: " + ", ".join(place.numbers) if place.numbers else None)
        new["number"] = number
    return new


def _write_shown(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    call_settings.save(tx, whose, number_suppressed=new["suppressed"], shown_number=new["number"])


# ----- one's own mobile (N2)


class MobileNumber(Schema):
    number = Target(load_default=None, allow_none=True, metadata={
        "description": "offered where a number of one's own is asked for; null: none"})


def _read_mobile(tx: Transaction, whose: Whose) -> dict[str, Any]:
    return {"number": tx.one(
        "SELECT mobile_number FROM directory.subscribers WHERE company_id = :company_id AND subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id).mobile_number}


def _settle_mobile(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["number"] is not None:
        new["number"] = place.outside(new["number"], "number", kept={old["number"]})
    return new


def _write_mobile(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.execute("UPDATE directory.subscribers SET mobile_number = :number"
               " WHERE company_id = :company_id AND subscriber_id = :id",
               company_id=whose.company_id, id=whose.subscriber_id, number=new["number"])


# ----- speed dials (O3)


def _two_digits(value: str) -> None:
    if not re.fullmatch(r"[0-9]{2}", value):
        raise ValidationError("must be two digits, 00 to 99")


def _codes_differ(entries: list[dict[str, Any]]) -> None:
    codes = [entry["code"] for entry in entries]
    twice = next((code for code in codes if codes.count(code) > 1), None)
    if twice is not None:
        raise ValidationError(f"{twice} stands there twice")


class SpeedDial(Schema):
    code = fields.String(required=True, validate=_two_digits, metadata={"description": "00 to 99, dialled after *80"})
    number = Target(required=True, metadata={
        "description": "extension, number in any usual form, emergency number, or feature code"})
    label = Text(0, 80, load_default="")


class SpeedDials(Schema):
    entries = fields.List(fields.Nested(SpeedDial), load_default=list,
                          validate=[validate.Length(max=100), _codes_differ])


_DIALS_OF = {Scope.SUBSCRIBER: "subscriber_id = :subscriber_id", Scope.SITE: "site_id = :site_id"}
_OWNER_OF = {Scope.SUBSCRIBER: "directory.subscribers", Scope.SITE: "directory.sites"}
_FEATURE_CODE = re.compile(r"[*#][0-9*#]{1,20}")


def _read_dials(tx: Transaction, whose: Whose) -> dict[str, Any]:
    where = f"company_id = :company_id AND {_DIALS_OF[whose.scope]}"
    tx.one(f"SELECT 1 AS there FROM {_OWNER_OF[whose.scope]} WHERE {where}", **owner_ids(whose))
    rows = tx.rows(f"SELECT code, number, label FROM routing.speed_dials WHERE {where} ORDER BY code",
                   **owner_ids(whose))
    return {"entries": [dict(row) for row in rows]}


def _settle_dials(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    kept = {entry["number"] for entry in old["entries"]}
    for index, entry in enumerate(new["entries"]):
        entry["number"] = _dialled(place, entry["number"], f"entries.{index}.number", kept)
    return {"entries": sorted(new["entries"], key=lambda entry: str(entry["code"]))}


def _dialled(place: Place, entered: str, field: str, kept: set[str]) -> str:
    if _FEATURE_CODE.fullmatch(entered) or is_emergency(entered, place.country):
        return entered
    return place.target(entered, field, kept=kept, dialled=False)


def _write_dials(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    before = {entry["code"]: entry for entry in old["entries"]}
    after = {entry["code"]: entry for entry in new["entries"]}
    tx.execute_many(
        f"DELETE FROM routing.speed_dials WHERE company_id = :company_id AND {_DIALS_OF[whose.scope]} AND code = :code",
        [{**owner_ids(whose), "code": code} for code in before if before[code] != after.get(code)])
    tx.execute_many(
        "INSERT INTO routing.speed_dials (company_id, subscriber_id, site_id, code, number, label)"
        " VALUES (:company_id, :subscriber_id, :site_id, :code, :number, :label)",
        [{"company_id": whose.company_id, "subscriber_id": whose.subscriber_id, "site_id": whose.site_id, **entry}
         for code, entry in after.items() if entry != before.get(code)])


FEATURES = (
    Feature(
        name="shown_number", scopes=_PERSON, schema=ShownNumber, read=_read_shown, settle=_settle_shown,
        write=_write_shown, summary="The number shown (O2)",
        example={"suppressed": False, "number": "+49305550021"}, change_example={"suppressed": True}),
    Feature(
        name="mobile_number", scopes=_PERSON, schema=MobileNumber, read=_read_mobile, settle=_settle_mobile,
        write=_write_mobile, summary="One's own mobile number (N2)",
        example={"number": "+491715550100"}, change_example={"number": "0171 5550100"}),
    Feature(
        name="speed_dials", scopes=frozenset({Scope.SUBSCRIBER, Scope.SITE}), schema=SpeedDials, read=_read_dials,
        settle=_settle_dials, write=_write_dials, summary="Speed dials 00 to 99 (O3)",
        example={"entries": [{"code": "07", "number": "+493055502211", "label": "Customer service"}]},
        change_example={"entries": [{"code": "07", "number": "030 55502211", "label": "Customer service"}]}),
)
