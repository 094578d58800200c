"""Intercept (G9): calls of somebody who left, or of a whole site, are caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.rules import owner_ids
from services.routing.features.words import Scope, Whose
from services.routing.schemas.fields import Switch, Target
from shared.database import Transaction

ACTIONS = ("announce", "announce_then_transfer", "ring")
_OWNER = {Scope.SUBSCRIBER: ("directory.subscribers", "subscriber_id"), Scope.SITE: ("directory.sites", "site_id")}


class Intercept(Schema):
    incoming = Switch(load_default=False, metadata={"description": "calls that come in are caught"})
    outgoing = Switch(load_default=False, metadata={"description": "no calls go out, but for emergency calls"})
    action = fields.String(load_default="announce", validate=validate.OneOf(ACTIONS), metadata={
        "description": "what a caller gets: an announcement and the end, an announcement and then `target`, or"
                       " `target` at once"})
    target = Target(load_default=None, allow_none=True)

    @validates_schema
    def _sending_on_needs_a_target(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["action"] != "announce" and data["target"] is None:
            raise ValidationError(f"{data['action']} needs a target", "target")


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    table, column = _OWNER[whose.scope]
    row = tx.one(
        "SELECT coalesce(i.incoming, false) AS incoming, coalesce(i.outgoing, false) AS outgoing,"
        " coalesce(i.action, 'announce') AS action, i.target"
        f" FROM {table} o LEFT JOIN routing.intercepts i ON (i.company_id, i.{column}) = (o.company_id, o.{column})"
        f" WHERE o.company_id = :company_id AND o.{column} = :{column}", **owner_ids(whose))
    return dict(row)


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["target"] is not None:
        new["target"] = place.target(new["target"], "target", kept={old["target"]})
    return new


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    _, column = _OWNER[whose.scope]
    tx.execute(
        f"""INSERT INTO routing.intercepts (company_id, {column}, incoming, outgoing, action, target)
            VALUES (:company_id, :{column}, :incoming, :outgoing, :action, :target)
            ON CONFLICT (company_id, {column}) DO UPDATE SET incoming = excluded.incoming,
                outgoing = excluded.outgoing, action = excluded.action, target = excluded.target""",
        **owner_ids(whose), **new)


FEATURES = (
    Feature(
        name="intercept", scopes=frozenset(_OWNER), schema=Intercept, read=_read, settle=_settle, write=_write,
        subscriber=Access.READ, summary="Intercept (G9)",
        example={"incoming": True, "outgoing": True, "action": "announce_then_transfer", "target": "23"},
        change_example={"incoming": True, "action": "announce_then_transfer", "target": "23"}),
)
