"""Pickup groups of a company: their people see who rings at one another (P5) and take such calls (G3).

Nobody is in two.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Text
from shared.database import Transaction


class PickupGroup(Schema):
    name = Text(1, 80, required=True)
    members = fields.List(Text(2, 6), load_default=list, validate=validate.Length(max=200), metadata={
        "description": "extensions"})


class PickupGroups(Schema):
    groups = fields.List(fields.Nested(PickupGroup), load_default=list, validate=validate.Length(max=500), metadata={
        "description": "all of them; who is in none sees of nobody who rings there"})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    tx.one("SELECT 1 AS there FROM directory.companies WHERE company_id = :id", id=whose.company_id)
    rows = tx.rows(
        "SELECT g.name, array_remove(array_agg(s.extension ORDER BY s.extension), NULL) AS members"
        " FROM routing.pickup_groups g"
        " LEFT JOIN routing.pickup_group_members m"
        "   ON (m.company_id, m.pickup_group_id) = (g.company_id, g.pickup_group_id)"
        " LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (m.company_id, m.subscriber_id)"
        " WHERE g.company_id = :company_id GROUP BY g.pickup_group_id, g.name ORDER BY g.name",
        company_id=whose.company_id)
    return {"groups": [{"name": row.name, "members": list(row.members)} for row in rows]}


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    names: set[str] = set()
    seen: dict[str, str] = {}
    known = {extension for group in old["groups"] for extension in group["members"]}
    for at, group in enumerate(new["groups"]):
        if group["name"] in names:
            raise Refused("group_twice", f"there are two groups named {group['name']}", f"groups.{at}.name")
        names.add(group["name"])
        for index, extension in enumerate(group["members"]):
            where = f"groups.{at}.members.{index}"
            if extension in seen:
                raise Refused("in_two_groups", f"{extension} is in {seen[extension]} already", where,
                              "everybody is in one pickup group at most")
            if extension not in known:
                place.subscriber_with(extension, where)
            seen[extension] = group["name"]
        group["members"] = sorted(group["members"])
    new["groups"] = sorted(new["groups"], key=lambda group: str(group["name"]))
    return new


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    """Only what differs: whoever stays in his group is not told of as changed."""
    before = {group["name"]: set(group["members"]) for group in old["groups"]}
    after = {group["name"]: set(group["members"]) for group in new["groups"]}
    of_company = {"company_id": whose.company_id}
    tx.execute("DELETE FROM routing.pickup_groups WHERE company_id = :company_id AND name = ANY (:names)",
               **of_company, names=[name for name in before if name not in after])
    left = [one for name, members in before.items() for one in members - after.get(name, set())]
    tx.execute(
        "DELETE FROM routing.pickup_group_members m USING directory.subscribers s"
        " WHERE m.company_id = :company_id AND (s.company_id, s.subscriber_id) = (m.company_id, m.subscriber_id)"
        " AND s.extension = ANY (:extensions)", **of_company, extensions=left)
    tx.execute_many("INSERT INTO routing.pickup_groups (company_id, name) VALUES (:company_id, :name)",
                    [{**of_company, "name": name} for name in after if name not in before])
    tx.execute_many(
        "INSERT INTO routing.pickup_group_members (company_id, subscriber_id, pickup_group_id)"
        " SELECT s.company_id, s.subscriber_id, g.pickup_group_id FROM directory.subscribers s"
        " JOIN routing.pickup_groups g ON g.company_id = s.company_id AND g.name = :name"
        " WHERE s.company_id = :company_id AND s.extension = ANY (:extensions)",
        [{**of_company, "name": name, "extensions": sorted(members - before.get(name, set()))}
         for name, members in after.items() if members - before.get(name, set())])


FEATURES = (
    Feature(
        name="pickup_groups", scopes=frozenset({Scope.COMPANY}), schema=PickupGroups, read=_read, write=_write,
        settle=_settle, subscriber=Access.READ, summary="Pickup groups of the company (P5, G3)",
        example={"groups": [{"name": "Sales", "members": ["21", "22"]}]},
        change_example={"groups": [{"name": "Sales", "members": ["21", "22"]}]}),
)
