"""Where a subscriber's calls ring besides his handsets, or instead: R8, R9; and how each number rings (N2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.routing.features import call_settings
from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Switch, Target
from shared.database import Transaction

MOST_NUMBERS = 5
_PERSON = frozenset({Scope.SUBSCRIBER})


# ----- simultaneous ring (R8)


class RingsToo(Schema):
    number = Target(required=True, metadata={"description": "outside the company, in any usual form"})
    confirm = Switch(load_default=False, metadata={
        "description": "who answers there must press 1, so that a mobile's own mailbox swallows no call"})


class SimultaneousRing(Schema):
    enabled = Switch(load_default=False, metadata={"description": "apart from the numbers, which stay"})
    not_when_on_a_call = Switch(load_default=False)
    numbers = fields.List(
        fields.Nested(RingsToo), load_default=list,
        validate=validate.Length(max=MOST_NUMBERS, error=f"at most {MOST_NUMBERS} numbers"),
        metadata={"description": f"1 to {MOST_NUMBERS}; no two people of a company have the same one",
                  "maxItems": MOST_NUMBERS})


def _read_simultaneous(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = call_settings.columns_of(tx, whose, simultaneous_ring_on=False, simultaneous_ring_not_when_busy=False)
    numbers = tx.rows(
        "SELECT number, confirm FROM routing.simultaneous_numbers"
        " WHERE company_id = :company_id AND subscriber_id = :id ORDER BY position",
        company_id=whose.company_id, id=whose.subscriber_id)
    return {"enabled": row.simultaneous_ring_on, "not_when_on_a_call": row.simultaneous_ring_not_when_busy,
            "numbers": [dict(number) for number in numbers]}


def _settle_simultaneous(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    kept = {one["number"] for one in old["numbers"]}
    for index, one in enumerate(new["numbers"]):
        field = f"numbers.{index}.number"
        one["number"] = place.outside(one["number"], field, kept=kept)
        if one["number"] in [before["number"] for before in new["numbers"][:index]]:
            raise Refused("number_twice", f"{one['number']} stands there twice", field)
        if one["number"] not in kept:
            _is_nobody_elses(place, one["number"], field)
    if new["enabled"] and not new["numbers"]:
        raise Refused("numbers_missing", "there is no number yet that could ring too", "numbers",
                      f"send 1 to {MOST_NUMBERS} numbers with it{_offered(place)}")
    return new


def _offered(place: Place) -> str:
    """N2: one's own mobile number is offered here."""
    mobile = place.tx.one(
        "SELECT mobile_number FROM directory.subscribers WHERE company_id = :company_id AND subscriber_id = :id",
        company_id=place.whose.company_id, id=place.whose.subscriber_id).mobile_number
    return f", your mobile {mobile} for example" if mobile else ""


def _is_nobody_elses(place: Place, number: str, field: str) -> None:
    """A call from such a number must name one person (the Anywhere Portal asks nothing else)."""
    other = place.tx.row(
        "SELECT s.extension FROM routing.simultaneous_numbers n"
        " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (n.company_id, n.subscriber_id)"
        " WHERE n.company_id = :company_id AND n.number = :number AND n.subscriber_id <> :id",
        company_id=place.whose.company_id, number=number, id=place.whose.subscriber_id)
    if other is not None:
        raise Refused("number_taken", f"{number} rings with extension {other.extension} already", field,
                      "a number belongs to one person of a company")


def _write_simultaneous(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    ids = {"company_id": whose.company_id, "subscriber_id": whose.subscriber_id}
    call_settings.save(tx, whose, simultaneous_ring_on=new["enabled"],
                       simultaneous_ring_not_when_busy=new["not_when_on_a_call"])
    if new["numbers"] != old["numbers"]:
        tx.execute("DELETE FROM routing.simultaneous_numbers"
                   " WHERE company_id = :company_id AND subscriber_id = :subscriber_id", **ids)
        tx.execute_many(
            "INSERT INTO routing.simultaneous_numbers (company_id, subscriber_id, position, number, confirm)"
            " VALUES (:company_id, :subscriber_id, :position, :number, :confirm)",
            [{**ids, **one, "position": position} for position, one in enumerate(new["numbers"], start=1)])


# ----- Remote Office (R9)


class RemoteOffice(Schema):
    enabled = Switch(load_default=False, metadata={"description": "calls ring at the remote number only"})
    number = Target(load_default=None, allow_none=True, metadata={"description": "outside the company"})


def _read_remote(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = call_settings.columns_of(tx, whose, remote_office_on=False, remote_office_number=None)
    return {"enabled": row.remote_office_on, "number": row.remote_office_number}


def _settle_remote(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["number"] is not None:
        switched_on = new["enabled"] and not old["enabled"]
        new["number"] = place.outside(new["number"], "number", kept=() if switched_on else {old["number"]})
    elif new["enabled"]:
        raise Refused("number_missing", "Remote Office needs a number", "number", "send the number with it")
    return new


def _write_remote(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    call_settings.save(tx, whose, remote_office_on=new["enabled"], remote_office_number=new["number"])


def _remote_warnings(new: Mapping[str, Any]) -> list[str]:
    if not new["enabled"]:
        return []
    return ["Forwards that are set at the remote line itself interfere with Remote Office: switch them off there."]


# ----- a ring of its own for each additional number (N2)


def _ring_name(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", value):
        raise ValidationError("must be 1 to 32 letters, digits or -")


class DistinctiveRing(Schema):
    number = Target(required=True, metadata={"description": "one of one's own additional numbers"})
    ring = fields.String(required=True, validate=_ring_name, metadata={
        "description": "name of the ring at the handset, sent as Alert-Info: bellcore-dr2"})


class DistinctiveRings(Schema):
    rings = fields.List(fields.Nested(DistinctiveRing), load_default=list, validate=validate.Length(max=10),
                        metadata={"description": "numbers that are not named ring as usual"})


def _read_rings(tx: Transaction, whose: Whose) -> dict[str, Any]:
    tx.one("SELECT 1 AS there FROM directory.subscribers WHERE company_id = :company_id AND subscriber_id = :id",
           company_id=whose.company_id, id=whose.subscriber_id)
    rows = tx.rows(
        "SELECT number, distinctive_ring AS ring FROM directory.numbers WHERE company_id = :company_id"
        " AND subscriber_id = :id AND distinctive_ring IS NOT NULL ORDER BY number",
        company_id=whose.company_id, id=whose.subscriber_id)
    return {"rings": [dict(row) for row in rows]}


def _settle_rings(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    additional = place.numbers[1:] if _has_main_number(place) else place.numbers
    kept = {one["number"] for one in old["rings"]}
    for index, one in enumerate(new["rings"]):
        field = f"rings.{index}.number"
        one["number"] = place.number(one["number"], field)
        if one["number"] not in additional and one["number"] not in kept:
            raise Refused("number_not_own", f"{one['number']} is none of one's own additional numbers", field)
        if one["number"] in [before["number"] for before in new["rings"][:index]]:
            raise Refused("number_twice", f"{one['number']} stands there twice", field)
    return {"rings": sorted(new["rings"], key=lambda one: str(one["number"]))}


def _has_main_number(place: Place) -> bool:
    return place.tx.row(
        "SELECT 1 AS there FROM directory.numbers WHERE company_id = :company_id AND subscriber_id = :id AND is_main",
        company_id=place.whose.company_id, id=place.whose.subscriber_id) is not None


def _write_rings(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    before = {one["number"]: one["ring"] for one in old["rings"]}
    after = {one["number"]: one["ring"] for one in new["rings"]}
    tx.execute_many(
        "UPDATE directory.numbers SET distinctive_ring = :ring"
        " WHERE company_id = :company_id AND subscriber_id = :id AND number = :number",
        [{"company_id": whose.company_id, "id": whose.subscriber_id, "number": number, "ring": after.get(number)}
         for number in sorted(before.keys() | after.keys()) if before.get(number) != after.get(number)])


FEATURES = (
    Feature(
        name="simultaneous_ring", scopes=_PERSON, schema=SimultaneousRing, read=_read_simultaneous,
        settle=_settle_simultaneous, write=_write_simultaneous, summary="Numbers outside that ring too (R8)",
        example={"enabled": True, "not_when_on_a_call": False,
                 "numbers": [{"number": "+491715550100", "confirm": True}]},
        change_example={"enabled": True, "numbers": [{"number": "0171 5550100", "confirm": True}]}),
    Feature(
        name="remote_office", scopes=_PERSON, schema=RemoteOffice, read=_read_remote, settle=_settle_remote,
        write=_write_remote, warnings=_remote_warnings, summary="Remote Office (R9)",
        example={"enabled": True, "number": "+4930555098"},
        change_example={"enabled": True, "number": "030 555098"}),
    Feature(
        name="distinctive_rings", scopes=_PERSON, schema=DistinctiveRings, read=_read_rings, settle=_settle_rings,
        write=_write_rings, summary="A ring of its own for each additional number (N2)",
        example={"rings": [{"number": "+49305550031", "ring": "bellcore-dr2"}]},
        change_example={"rings": [{"number": "030 5550031", "ring": "bellcore-dr2"}]}),
)
