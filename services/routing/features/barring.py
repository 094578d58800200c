"""Barring (N5): the company's profiles, who has which; and the classes of numbers a company may dial at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.routing.features import call_settings
from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.words import InUse, Refused, Scope, Whose
from services.routing.schemas.fields import Switch, Text, WholeNumber
from shared.database import Transaction
from shared.dialling import NumberClass

PARTS = ("incoming", "outgoing", "forwarded")
MOST_PROFILES = 100
MOST_RANGES = 200
_NAMED_USERS = 5


# ----- the profiles of a company


class BarredRange(Schema):
    prefix = Text(1, 24, required=True, metadata={"description": "beginning of numbers: 0171, +43; + is every number"})
    allowed = Switch(required=True)


def _ranges(what: str) -> fields.List[Any]:
    return fields.List(fields.Nested(BarredRange), load_default=list, validate=validate.Length(max=MOST_RANGES),
                       metadata={"description": f"{what}: the longest prefix that fits decides, none: allowed"})


class BarringProfile(Schema):
    id = WholeNumber(load_default=None, allow_none=True, metadata={
        "description": "of one that exists, to rename it; without it the name says which, and a new name makes one"})
    name = Text(1, 80, required=True)
    incoming = _ranges("callers from outside")
    outgoing = _ranges("numbers that are dialled")
    forwarded = _ranges("numbers that calls are sent on to")


def _names_differ(profiles: Sequence[Mapping[str, Any]]) -> None:
    names = [str(profile["name"]).casefold() for profile in profiles]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValidationError(f"two profiles are called {twice!r}")


class BarringProfiles(Schema):
    profiles = fields.List(
        fields.Nested(BarringProfile), load_default=list,
        validate=[validate.Length(max=MOST_PROFILES), _names_differ],
        metadata={"description": "all of them: one that is left out is deleted, which only works for one nobody has"})


def _read_profiles(tx: Transaction, whose: Whose) -> dict[str, Any]:
    tx.one("SELECT 1 AS there FROM directory.companies WHERE company_id = :id", id=whose.company_id)
    profiles: dict[int, dict[str, Any]] = {
        row.profile_id: {"id": row.profile_id, "name": row.name, **{part: [] for part in PARTS}}
        for row in tx.rows("SELECT profile_id, name FROM routing.barring_profiles WHERE company_id = :id",
                           id=whose.company_id)}
    for row in tx.rows("SELECT profile_id, part, prefix, allowed FROM routing.barring_ranges"
                       " WHERE company_id = :id ORDER BY position, prefix", id=whose.company_id):
        profiles[row.profile_id][row.part].append({"prefix": row.prefix, "allowed": row.allowed})
    return {"profiles": _in_order(profiles.values())}


def _in_order(profiles: Any) -> list[dict[str, Any]]:
    return sorted(profiles, key=lambda profile: (str(profile["name"]).casefold(), str(profile["name"])))


def _settle_profiles(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    by_id = {profile["id"]: profile for profile in old["profiles"]}
    by_name = {profile["name"]: profile["id"] for profile in old["profiles"]}
    named = {profile["id"] for profile in new["profiles"] if profile["id"] is not None}
    for index, profile in enumerate(new["profiles"]):
        field = f"profiles.{index}"
        if profile["id"] is None and by_name.get(profile["name"]) not in named:
            profile["id"] = by_name.get(profile["name"])
        elif profile["id"] is not None and profile["id"] not in by_id:
            raise Refused("profile_unknown", f"there is no profile with the id {profile['id']}", f"{field}.id",
                          "leave the id out to make a new one")
        for part in PARTS:
            profile[part] = _settle_ranges(place, profile[part], f"{field}.{part}")
    known = [profile["id"] for profile in new["profiles"] if profile["id"] is not None]
    if len(set(known)) < len(known):
        raise Refused("profile_twice", "one profile stands there twice", "profiles")
    for profile_id in sorted(by_id.keys() - set(known)):
        users = users_of(place.tx, place.whose.company_id, profile_id)
        if users:
            raise InUse("profile_in_use", f"the profile {by_id[profile_id]['name']!r} is used by {users}", "profiles",
                        "give them another one first")
    return {"profiles": _in_order(new["profiles"])}


def _settle_ranges(place: Place, ranges: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    settled: list[dict[str, Any]] = []
    for index, one in enumerate(ranges):
        prefix = place.prefix(one["prefix"], f"{field}.{index}.prefix")
        if prefix in [before["prefix"] for before in settled]:
            raise Refused("prefix_twice", f"{prefix} stands there twice", f"{field}.{index}.prefix")
        settled.append({"prefix": prefix, "allowed": one["allowed"]})
    return settled


def users_of(tx: Transaction, company_id: int, profile_id: int) -> str:
    """`21 Anna Berger, site Berlin and 3 more`; empty: nobody."""
    rows = tx.rows(
        """SELECT s.extension || ' ' || btrim(s.first_name || ' ' || s.last_name) AS named
           FROM routing.call_settings c
           JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (c.company_id, c.subscriber_id)
           WHERE c.company_id = :company_id AND c.barring_profile_id = :id
           UNION ALL
           SELECT 'site ' || t.name FROM routing.site_settings g
           JOIN directory.sites t ON (t.company_id, t.site_id) = (g.company_id, g.site_id)
           WHERE g.company_id = :company_id AND g.barring_profile_id = :id
           ORDER BY named""", company_id=company_id, id=profile_id)
    named = ", ".join(row.named for row in rows[:_NAMED_USERS])
    return f"{named} and {len(rows) - _NAMED_USERS} more" if len(rows) > _NAMED_USERS else named


def _write_profiles(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    """A new profile gets its id in `new`."""
    company = {"company_id": whose.company_id}
    before = {profile["id"]: profile for profile in old["profiles"]}
    after = {profile["id"]: profile for profile in new["profiles"]}
    for profile_id in before.keys() - after.keys():
        tx.execute("DELETE FROM routing.barring_profiles WHERE company_id = :company_id AND profile_id = :id",
                   **company, id=profile_id)
    renamed = [profile for profile_id, profile in after.items()
               if profile_id is not None and profile["name"] != before[profile_id]["name"]]
    # Two steps: two profiles may exchange their names.
    for interim in (True, False):
        for profile in renamed:
            tx.execute("UPDATE routing.barring_profiles SET name = :name"
                       " WHERE company_id = :company_id AND profile_id = :id", **company, id=profile["id"],
                       name=f"\x01{profile['id']}" if interim else profile["name"])
    for profile in new["profiles"]:
        if profile["id"] is None:
            profile["id"] = tx.one("INSERT INTO routing.barring_profiles (company_id, name)"
                                   " VALUES (:company_id, :name) RETURNING profile_id",
                                   **company, name=profile["name"]).profile_id
        for part in PARTS:
            if profile[part] != before.get(profile["id"], {}).get(part, []):
                _write_ranges(tx, whose.company_id, profile["id"], part, profile[part])


def _write_ranges(tx: Transaction, company_id: int, profile_id: int, part: str, ranges: list[dict[str, Any]]) -> None:
    where = {"company_id": company_id, "profile_id": profile_id, "part": part}
    tx.execute("DELETE FROM routing.barring_ranges"
               " WHERE company_id = :company_id AND profile_id = :profile_id AND part = :part", **where)
    tx.execute_many(
        "INSERT INTO routing.barring_ranges (company_id, profile_id, part, position, prefix, allowed)"
        " VALUES (:company_id, :profile_id, :part, :position, :prefix, :allowed)",
        [{**where, **one, "position": position} for position, one in enumerate(ranges, start=1)])


# ----- which profile somebody has


class Barring(Schema):
    profile = Text(1, 80, load_default=None, allow_none=True, metadata={
        "description": "name of one of the company's profiles; null: a subscriber's is his site's, a site's is none"})



def _read_barring(tx: Transaction, whose: Whose) -> dict[str, Any]:
    if whose.scope is Scope.SUBSCRIBER:
        profile_id = call_settings.columns_of(tx, whose, barring_profile_id=None).barring_profile_id
    else:
        profile_id = tx.one(
            "SELECT g.barring_profile_id FROM directory.sites t LEFT JOIN routing.site_settings g"
            " ON (g.company_id, g.site_id) = (t.company_id, t.site_id)"
            " WHERE t.company_id = :company_id AND t.site_id = :site_id",
            company_id=whose.company_id, site_id=whose.site_id).barring_profile_id
    row = tx.row("SELECT name FROM routing.barring_profiles WHERE company_id = :company_id AND profile_id = :id",
                 company_id=whose.company_id, id=profile_id)
    return {"profile": row.name if row else None}


def _profile_id(tx: Transaction, company_id: int, name: str | None) -> int | None:
    if name is None:
        return None
    # Stays as long as this transaction: nobody deletes it in between.
    found = tx.row("SELECT profile_id FROM routing.barring_profiles WHERE company_id = :company_id AND name = :name"
                   " FOR KEY SHARE", company_id=company_id, name=name)
    if found is None:
        raise Refused("profile_unknown", f"there is no barring profile {name!r}", "profile",
                      "the company's barring_profiles are those there are")
    return int(found.profile_id)


def _settle_barring(place: Place, new: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    _profile_id(place.tx, place.whose.company_id, new["profile"])
    return new


def _write_barring(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    profile_id = _profile_id(tx, whose.company_id, new["profile"])
    if whose.scope is Scope.SUBSCRIBER:
        call_settings.save(tx, whose, barring_profile_id=profile_id)
    else:
        tx.execute("INSERT INTO routing.site_settings (company_id, site_id, barring_profile_id)"
                   " VALUES (:company_id, :site_id, :profile_id) ON CONFLICT (company_id, site_id) DO UPDATE"
                   " SET barring_profile_id = excluded.barring_profile_id",
                   company_id=whose.company_id, site_id=whose.site_id, profile_id=profile_id)


# ----- classes

CHOSEN_CLASSES = tuple(one.value for one in NumberClass if one not in (NumberClass.EMERGENCY, NumberClass.INTERNAL))


class NumberClasses(Schema):
    allowed = fields.List(
        fields.String(validate=validate.OneOf(CHOSEN_CLASSES)), load_default=lambda: ["national", "mobile"],
        metadata={"description": "classes of numbers outside that may be dialled, forwarded to and rung; emergency"
                                 " and internal calls always go"})


def _read_classes(tx: Transaction, whose: Whose) -> dict[str, Any]:
    allowed = tx.one("SELECT allowed_classes FROM directory.companies WHERE company_id = :id",
                     id=whose.company_id).allowed_classes
    return {"allowed": [one for one in CHOSEN_CLASSES if one in allowed]}


def _settle_classes(_place: Place, new: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": [one for one in CHOSEN_CLASSES if one in new["allowed"]]}


def _write_classes(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.execute("UPDATE directory.companies SET allowed_classes = :allowed WHERE company_id = :id",
               id=whose.company_id, allowed=new["allowed"])


def _class_warnings(new: Mapping[str, Any]) -> list[str]:
    costly = [one for one in ("international", "premium", "satellite") if one in new["allowed"]]
    return [f"Calls of these classes can be expensive: {', '.join(costly)}."] if costly else []


FEATURES = (
    Feature(
        name="barring_profiles", scopes=frozenset({Scope.COMPANY}), schema=BarringProfiles, read=_read_profiles,
        settle=_settle_profiles, write=_write_profiles, subscriber=Access.NONE, summary="Barring profiles (N5)",
        example={"profiles": [{
            "id": 3, "name": "No mobiles abroad", "incoming": [], "forwarded": [],
            "outgoing": [{"prefix": "+", "allowed": False}, {"prefix": "+49", "allowed": True}]}]},
        change_example={"profiles": [{"name": "Germany only", "outgoing": [
            {"prefix": "+", "allowed": False}, {"prefix": "0", "allowed": True}]}]}),
    Feature(
        name="barring", scopes=frozenset({Scope.SUBSCRIBER, Scope.SITE}), schema=Barring, read=_read_barring,
        settle=_settle_barring, write=_write_barring, subscriber=Access.READ, summary="The barring profile (N5)",
        example={"profile": "Germany only"}, change_example={"profile": "Germany only"}),
    Feature(
        name="number_classes", scopes=frozenset({Scope.COMPANY}), schema=NumberClasses, read=_read_classes,
        settle=_settle_classes, write=_write_classes, warnings=_class_warnings, subscriber=Access.READ,
        summary="Classes of numbers that may be dialled (N3, N5)", example={"allowed": ["national", "mobile"]},
        change_example={"allowed": ["national", "mobile", "international"]}),
)
