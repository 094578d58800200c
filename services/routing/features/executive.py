"""The executive filter (E1): whose calls go to the assistants, and who they are."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.rules import rules_of, save_rules, settle_rules
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas import rules as schemas
from services.routing.schemas.fields import Switch, Text
from shared.database import Transaction

MOST_ASSISTANTS = 20


class ExecutiveFilter(Schema):
    enabled = Switch(load_default=False)
    internal = Switch(load_default=True, metadata={"description": "colleagues' calls are filtered"})
    external = Switch(load_default=True, metadata={"description": "calls from outside are filtered"})
    executive_rings = Switch(load_default=False, metadata={"description": "the executive's telephones ring too"})
    rules = schemas.rules_of(schemas.Rule)
    assistants = fields.List(
        Text(2, 6), load_default=list, validate=validate.Length(max=MOST_ASSISTANTS),
        metadata={"description": "their extensions, in the order they are asked"})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        "SELECT e.subscriber_id IS NOT NULL AS there, e.filter_on, e.internal, e.external, e.executive_rings"
        " FROM directory.subscribers s LEFT JOIN routing.executives e"
        " ON (e.company_id, e.subscriber_id) = (s.company_id, s.subscriber_id)"
        " WHERE s.company_id = :company_id AND s.subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id)
    assistants = tx.rows(
        "SELECT s.extension FROM routing.assistants a"
        " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (a.company_id, a.assistant_id)"
        " WHERE a.company_id = :company_id AND a.executive_id = :id ORDER BY a.position, s.extension",
        company_id=whose.company_id, id=whose.subscriber_id)
    return {
        "enabled": bool(row.filter_on), "internal": row.internal if row.there else True,
        "external": row.external if row.there else True, "executive_rings": bool(row.executive_rings),
        "rules": rules_of(tx, whose, "executive"), "assistants": [one.extension for one in assistants],
    }


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    new["rules"] = settle_rules(place, new["rules"], old["rules"], "rules")
    for index, extension in enumerate(new["assistants"]):
        field = f"assistants.{index}"
        if extension == place.extension:
            raise Refused("assistant_is_executive", "nobody is his own assistant", field)
        if extension in new["assistants"][:index]:
            raise Refused("assistant_twice", f"{extension} stands there twice", field)
        place.subscriber_with(extension, field)
    if new["enabled"] and not new["assistants"]:
        raise Refused("assistants_missing", "there is no assistant yet who could take the calls", "assistants",
                      "send their extensions with it")
    return new


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    ids = {"company_id": whose.company_id, "id": whose.subscriber_id}
    tx.execute(
        """INSERT INTO routing.executives (company_id, subscriber_id, filter_on, internal, external, executive_rings)
           VALUES (:company_id, :id, :enabled, :internal, :external, :executive_rings)
           ON CONFLICT (company_id, subscriber_id) DO UPDATE SET filter_on = excluded.filter_on,
               internal = excluded.internal, external = excluded.external,
               executive_rings = excluded.executive_rings""",
        **ids, **{name: new[name] for name in ("enabled", "internal", "external", "executive_rings")})
    if new["assistants"] != old["assistants"]:
        tx.execute("DELETE FROM routing.assistants WHERE company_id = :company_id AND executive_id = :id", **ids)
        tx.execute(
            """INSERT INTO routing.assistants (company_id, executive_id, assistant_id, position)
               SELECT s.company_id, :id, s.subscriber_id, wanted.position
               FROM unnest(CAST(:extensions AS text[])) WITH ORDINALITY AS wanted (extension, position)
               JOIN directory.subscribers s ON s.company_id = :company_id AND s.extension = wanted.extension""",
            **ids, extensions=new["assistants"])
    if new["rules"] != old["rules"]:
        save_rules(tx, whose, "executive", new["rules"])


FEATURES = (
    Feature(
        name="executive_filter", scopes=frozenset({Scope.SUBSCRIBER}), schema=ExecutiveFilter, read=_read,
        settle=_settle, write=_write, summary="Calls that go to one's assistants (E1)",
        example={"enabled": True, "internal": False, "external": True, "executive_rings": False, "rules": [],
                 "assistants": ["22", "23"]},
        change_example={"enabled": True, "external": True, "assistants": ["22"]}),
)
