"""A change over HTTP: who makes it, and what is answered when it breaks a rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.routing.features import Actor, Conflict, Forbidden, Refused
from services.routing.features.words import InUse
from shared.api import ApiError, principal


def actor() -> Actor:
    who = principal()
    return Actor(who.role, who.subscriber_id, "http")


@contextmanager
def refusals_answered(within: str = "") -> Iterator[None]:
    """within: the part of the resource the request is about; fields are named inside it."""
    try:
        yield
    except Refused as refused:
        status = 403 if isinstance(refused, Forbidden) else 409 if isinstance(refused, InUse) else 422
        field = refused.field.removeprefix(f"{within}.") if refused.field and within else refused.field
        raise ApiError(status, refused.error, refused.message, field=field, hint=refused.hint) from refused
    except Conflict as conflict:
        raise ApiError(412, "changed_meanwhile", str(conflict), field="If-Match",
                       hint="read it again: its ETag is another one now",
                       headers={"ETag": f'"{conflict.etag}"'}) from conflict
