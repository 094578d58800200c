"""Whose mailbox a request is about: the token's own, or the one an administrator or operator names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.api import ApiError, Principal


@dataclass(frozen=True, slots=True)
class Owner:
    company_id: int
    subscriber_id: int


def owner_of(principal: Principal, query: Mapping[str, Any]) -> Owner:
    """A mailbox one may not see gets what a mailbox that does not exist gets: 404.

    What the token does not say, the query must; what it says, the query may only repeat, but for the person
    an administrator names.
    """
    known = {"company_id": principal.company_id, "subscriber_id": principal.subscriber_id}
    named = {name: known[name] if query.get(name) is None else int(query[name]) for name in known}
    for name, value in named.items():
        if value is None:
            raise ApiError(422, "invalid_field", f"{name}: an {principal.role} must say whose mailbox", field=name,
                           hint="add it to the query")
        if known[name] not in (None, value) and (name, principal.role) != ("subscriber_id", "administrator"):
            raise ApiError(404, "not_found", "there is no such mailbox")
    return Owner(int(named["company_id"]), int(named["subscriber_id"]))  # type: ignore[arg-type]
