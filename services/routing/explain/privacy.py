"""What a subscriber may see of an account (R15): his own rungs and steps. Others' lists and forwards are their own
matter; administrators and operators see everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.routing.explain.way import RESULTS

Account = dict[str, Any]
Node = dict[str, Any]

HIDDEN: Mapping[str, Any] = {"do": "private"}
"""Instead of what follows from somebody else's settings."""
OUTGOING = "outgoing"
"""Place of the rungs of a call as it is made (outgoing.py)."""


def as_seen_by(account: Account, extension: str, device_ids: Iterable[str], *, calls: bool) -> Account:
    """calls: it is he who calls, so the rungs of the call as it is made are his, too."""
    own = {extension, OUTGOING} if calls else {extension}
    rungs = own_lines(account["rungs"], own)
    seen = {**account, "rungs": rungs}
    if not any(line["decides"] for line in rungs):
        seen["rung"] = None
    if "plan" in account:
        begins_at = next((line["place"] for line in account["rungs"] if line["decides"] and not _leads_on(line)), "")
        seen["plan"] = _own_way(account["plan"], extension) if begins_at in own else dict(HIDDEN)
    if "later" in account:
        seen["later"] = [{**one, "rungs": own_lines(one["rungs"], own)} for one in account["later"]]
        for one in seen["later"]:
            if not any(line["decides"] for line in one["rungs"]):
                one["rung"] = None
    if "happened" in account:
        seen["happened"] = own_steps(account["happened"], device_ids)
    return seen


def own_lines(rungs: Iterable[Mapping[str, Any]], places: set[str]) -> list[dict[str, Any]]:
    return [dict(line) for line in rungs if line["place"] in places]


def own_steps(steps: Iterable[Mapping[str, Any]], device_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Where it rang elsewhere is only counted."""
    own = set(device_ids)
    told = []
    for step in steps:
        one = {name: value for name, value in step.items() if name not in ("trunks", "rung", "subscriber_id")}
        if "legs" in step:
            one["legs"] = [leg for leg in step["legs"] if leg in own]
            one["elsewhere"] = len(step["legs"]) - len(one["legs"])
        if not one.get("legs"):
            one.pop("reason", None)  # of settings that may be somebody else's; his own rungs tell his own
        told.append(one)
    return told


def _leads_on(line: Mapping[str, Any]) -> bool:
    """The call as it was made ends with the ladder of the one who is called."""
    return bool(line["place"] == OUTGOING and line["rung"] in ("extension", "feature code or speed dial", "lamp key"))


def _own_way(node: Node, extension: str) -> Node:
    seen = dict(node)
    if "legs" in node:
        seen["legs"] = [leg if leg.get("extension") in (extension, None) else
                        {name: value for name, value in leg.items() if name != "registered"} for leg in node["legs"]]
    for result in RESULTS:
        if result in node:
            leaves = node["do"] == "send_on" and not _to_a_number_outside(node[result])
            seen[result] = dict(HIDDEN) if leaves else _own_way(node[result], extension)
    return seen


def _to_a_number_outside(node: Node) -> bool:
    """His own forward to a number outside: whom it rings and how it ends is said by his own settings alone."""
    return bool(node["do"] == "ring" and node["reason"].startswith("forward_"))
