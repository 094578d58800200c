"""Lists of rules as rows of routing.call_rules: read, normalised, written as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas import times
from shared.database import Transaction

_OWNER = {
    Scope.SUBSCRIBER: "subscriber_id = :subscriber_id",
    Scope.SITE: "site_id = :site_id",
    Scope.COMPANY: "subscriber_id IS NULL AND site_id IS NULL",
}
Rules = list[dict[str, Any]]


def owner_ids(whose: Whose) -> dict[str, Any]:
    """The parameters an owner's WHERE needs, and no other."""
    named = {"subscriber_id": whose.subscriber_id, "site_id": whose.site_id}
    return {"company_id": whose.company_id, **{name: value for name, value in named.items() if value is not None}}


def rules_of(tx: Transaction, whose: Whose, of_list: str, *more: str) -> Rules:
    """In their order. more: target, action where the list has them."""
    rows = tx.rows(
        "SELECT name, enabled, is_exception, numbers, prefixes, internal, external, anonymous, times, action, target"
        f" FROM routing.call_rules WHERE company_id = :company_id AND list = :list AND {_OWNER[whose.scope]}"
        " ORDER BY position", list=of_list, **owner_ids(whose))
    return [{
        **{name: row[name] for name in ("name", "enabled", "is_exception", "numbers", "prefixes", "internal",
                                        "external", "anonymous", *more)},
        "times": times.shown(row.times),
    } for row in rows]


def settle_rules(place: Place, rules: Rules, old: Sequence[Mapping[str, Any]], field: str) -> Rules:
    """Numbers, prefixes and targets normalised; those stored already pass."""
    numbers = {number for rule in old for number in rule["numbers"]}
    prefixes = {prefix for rule in old for prefix in rule["prefixes"]}
    targets = {rule.get("target") for rule in old}
    settled = []
    for index, rule in enumerate(rules):
        here = f"{field}.{index}"
        new = {
            **rule,
            "numbers": _once([place.target(number, f"{here}.numbers.{at}", kept=numbers, dialled=False)
                              for at, number in enumerate(rule["numbers"])]),
            "prefixes": _once([prefix if prefix in prefixes else place.prefix(prefix, f"{here}.prefixes.{at}")
                               for at, prefix in enumerate(rule["prefixes"])]),
        }
        if rule.get("target") is not None:
            new["target"] = place.target(rule["target"], f"{here}.target", kept=targets)
        settled.append(new)
    return settled


def save_rules(tx: Transaction, whose: Whose, of_list: str, rules: Rules) -> None:
    tx.execute(f"DELETE FROM routing.call_rules WHERE company_id = :company_id AND list = :list"
               f" AND {_OWNER[whose.scope]}", list=of_list, **owner_ids(whose))
    tx.execute_many(
        """INSERT INTO routing.call_rules (company_id, list, subscriber_id, site_id, position, name, enabled,
               is_exception, numbers, prefixes, internal, external, anonymous, times, action, target)
           VALUES (:company_id, :list, :subscriber_id, :site_id, :position, :name, :enabled,
               :is_exception, :numbers, :prefixes, :internal, :external, :anonymous, CAST(:times AS jsonb), :action,
               :target)""",
        [{"action": None, "target": None, **rule, "times": json.dumps(times.stored(rule["times"])),
          "company_id": whose.company_id, "subscriber_id": whose.subscriber_id, "site_id": whose.site_id,
          "list": of_list, "position": position} for position, rule in enumerate(rules, start=1)])


def targets_are_there(rules: Rules, common: str | None, field: str) -> None:
    """Every rule that sends calls on must know where to."""
    for index, rule in enumerate(rules):
        if rule["enabled"] and not rule["is_exception"] and rule["target"] is None and common is None:
            raise Refused("target_missing", f"rule {rule['name']!r} has no target, and there is no common one",
                          f"{field}.{index}.target", "send a target with it, or one for all rules")


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
