"""A plan as people and programs see it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.routing.apply.state import Action, Change, Kind
from services.routing.apply.wanted import Secret

_SIGNS = {Action.CREATE: "+", Action.CHANGE: "~", Action.REMOVE: "-", Action.KEEP: "="}
_DONE = {Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed", Action.KEEP: "kept"}
_ORDER = {Action.REMOVE: 0, Action.CREATE: 1, Action.CHANGE: 1, Action.KEEP: 2}


def view(domain: str, changes: Sequence[Change]) -> dict[str, Any]:
    """{"company", "created": n, …, "changes": [{"action", "kind", "name", "fields": {field: {"old", "new"}}}]}"""
    counted = Counter(change.action for change in changes)
    kinds = list(Kind)
    in_order = sorted(changes, key=lambda one: (_ORDER[one.action], kinds.index(one.kind), one.key))
    return {
        "company": domain,
        **{word: counted[action] for action, word in _DONE.items()},
        "changes": [{
            "action": change.action.value, "kind": change.kind.value, "name": change.name,
            "fields": {name: {"old": _plain(old), "new": _plain(new)} for name, (old, new) in change.shown().items()},
        } for change in in_order],
    }


def fingerprint(plan: Mapping[str, Any]) -> str:
    """The same for two plans that do the same."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def lines(plan: Mapping[str, Any], most: int = 200) -> Iterator[str]:
    """The plan for a terminal; of a very long one the beginning, with how much there is besides."""
    changes = plan["changes"]
    for change in changes[:most]:
        fields = change["fields"]
        sign = _SIGNS[Action(change["action"])]
        if change["action"] == Action.KEEP:
            yield f"  = {change['kind']} {change['name']} is not in the file and stays"
            continue
        yield f"  {sign} {change['kind']} {change['name']}"
        for name, values in fields.items():
            if change["action"] == Action.CHANGE:
                yield f"      {name}: {_said(values['old'])} -> {_said(values['new'])}"
            elif values["new"] not in (None, "", [], {}):
                yield f"      {name}: {_said(values['new'])}"
    if len(changes) > most:
        yield f"  … and {len(changes) - most} more"
    yield "  " + ", ".join(f"{plan[word]} {word}" for word in _DONE.values())


def _said(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Secret) else value
