"""Lists of a subscriber: whom he rejects, whom alone he accepts (R4), whom he sends elsewhere (R3)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from services.routing.features import call_settings
from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.rules import rules_of, save_rules, settle_rules, targets_are_there
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas import rules as schemas
from services.routing.schemas.fields import Switch, Target
from shared.database import Transaction


class NegativeList(Schema):
    enabled = Switch(load_default=False, metadata={"description": "callers that a rule fits are rejected"})
    rules = schemas.rules_of(schemas.Rule)


class PositiveList(Schema):
    enabled = Switch(load_default=False, metadata={"description": "only callers that a rule fits are accepted"})
    rules = schemas.rules_of(schemas.Rule)


class SelectiveForwarding(Schema):
    enabled = Switch(load_default=False)
    target = Target(load_default=None, allow_none=True, metadata={
        "description": "where the calls go whose rule has no target of its own"})
    rules = schemas.rules_of(schemas.ForwardingRule)


def _list(of_list: str, column: str, **more: Any) -> Feature:
    def read(tx: Transaction, whose: Whose) -> dict[str, Any]:
        row = call_settings.columns_of(tx, whose, **{column: False})
        return {"enabled": row[column], "rules": rules_of(tx, whose, of_list)}

    def settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
        return {**new, "rules": settle_rules(place, new["rules"], old["rules"], "rules")}

    def write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
        call_settings.save(tx, whose, **{column: new["enabled"]})
        if new["rules"] != old["rules"]:
            save_rules(tx, whose, of_list, new["rules"])

    return Feature(
        scopes=frozenset({Scope.SUBSCRIBER}), read=read, settle=settle, write=write,
        example={"enabled": True, "rules": [schemas.RULE_EXAMPLE]}, change_example={"enabled": True}, **more)


def _read_selective(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = call_settings.columns_of(
        tx, whose, selective_forwarding_on=False, selective_forwarding_target=None)
    return {"enabled": row.selective_forwarding_on, "target": row.selective_forwarding_target,
            "rules": rules_of(tx, whose, "selective_forwarding", "target")}


def _settle_selective(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new["target"] is not None:
        new["target"] = place.target(new["target"], "target", kept={old["target"]})
    new["rules"] = settle_rules(place, new["rules"], old["rules"], "rules")
    if new["enabled"]:
        if not new["rules"] and not old["enabled"]:
            raise Refused("rules_missing", "there is no rule yet that says whose calls are forwarded", "rules",
                          "send the rules with it")
        targets_are_there(new["rules"], new["target"], "rules")
    return new


def _write_selective(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    call_settings.save(tx, whose, selective_forwarding_on=new["enabled"], selective_forwarding_target=new["target"])
    if new["rules"] != old["rules"]:
        save_rules(tx, whose, "selective_forwarding", new["rules"])


FEATURES = (
    _list("negative", "negative_list_on", name="negative_list", schema=NegativeList,
          summary="Callers who are rejected (R4)"),
    _list("positive", "positive_list_on", name="positive_list", schema=PositiveList,
          summary="Callers who alone are accepted (R4)"),
    Feature(
        name="selective_forwarding", scopes=frozenset({Scope.SUBSCRIBER}), schema=SelectiveForwarding,
        read=_read_selective, settle=_settle_selective, write=_write_selective,
        example={"enabled": True, "target": "23", "rules": [{**schemas.RULE_EXAMPLE, "target": "+491715550100"}]},
        change_example={"enabled": True, "target": "23", "rules": [{"name": "Customers", "prefixes": ["0171"]}]},
        summary="Forwarding of chosen callers (R3)"),
)
