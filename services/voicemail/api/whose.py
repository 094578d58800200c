"""Whose mailbox a request is about: the token's own, or the one an operator names."""

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
    """A subscriber who names another mailbox gets what a mailbox that does not exist gets: 404."""
    named = {name: query.get(name) for name in ("company_id", "subscriber_id")}
    if principal.role == "subscriber":
        assert principal.company_id is not None
        assert principal.subscriber_id is not None
        own = Owner(principal.company_id, principal.subscriber_id)
        if named["company_id"] not in (None, own.company_id) or named["subscriber_id"] not in (
            None, own.subscriber_id
        ):
            raise ApiError(404, "not_found", "there is no such mailbox")
        return own
    for name, value in named.items():
        if value is None:
            raise ApiError(422, "invalid_field", f"{name}: an operator must say whose mailbox", field=name,
                           hint="add company_id and subscriber_id to the query")
    return Owner(int(named["company_id"]), int(named["subscriber_id"]))  # type: ignore[arg-type]
