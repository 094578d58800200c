"""Rules of the company (G10): named, for calls that come in and calls that go out, of one person, a site or all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.rules import owner_ids, rules_of, save_rules, settle_rules
from services.routing.features.words import Scope, Whose
from services.routing.schemas import rules as schemas
from shared.database import Transaction

_OWNER = {
    Scope.SUBSCRIBER: "directory.subscribers WHERE company_id = :company_id AND subscriber_id = :subscriber_id",
    Scope.SITE: "directory.sites WHERE company_id = :company_id AND site_id = :site_id",
    Scope.COMPANY: "directory.companies WHERE company_id = :company_id",
}
_DIRECTIONS = ("incoming", "outgoing")


class EnterpriseRules(Schema):
    incoming = schemas.rules_of(schemas.EnterpriseRule)
    outgoing = schemas.rules_of(schemas.EnterpriseRule)

    @validates_schema
    def _nobody_dials_a_withheld_number(self, data: Mapping[str, Any], **_: Any) -> None:
        for index, rule in enumerate(data["outgoing"]):
            if rule["anonymous"]:
                raise ValidationError({"outgoing": {index: {"anonymous": ["a number that is dialled is known"]}}})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    tx.one(f"SELECT 1 AS there FROM {_OWNER[whose.scope]}", **owner_ids(whose))
    return {direction: rules_of(tx, whose, f"enterprise_{direction}", "action", "target")
            for direction in _DIRECTIONS}


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    return {direction: settle_rules(place, new[direction], old[direction], direction) for direction in _DIRECTIONS}


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    for direction in _DIRECTIONS:
        if new[direction] != old[direction]:
            save_rules(tx, whose, f"enterprise_{direction}", new[direction])


_EXAMPLE = {**schemas.RULE_EXAMPLE, "name": "Competitor", "action": "announce", "target": None}

FEATURES = (
    Feature(
        name="enterprise_rules", scopes=frozenset(Scope), schema=EnterpriseRules, read=_read, settle=_settle,
        write=_write, subscriber=Access.NONE, summary="Rules of the company (G10)",
        example={"incoming": [_EXAMPLE], "outgoing": []},
        change_example={"outgoing": [
            {"name": "Sales calls by the office", "prefixes": ["0171"], "action": "send_to", "target": "23"}]}),
)
