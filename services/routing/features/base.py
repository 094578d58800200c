"""Use case: one setting resource is read, or changed as a whole.

    change(tx, "do_not_disturb", Whose(7, subscriber_id=42), {"enabled": True}, Actor("subscriber", 42, "code"))

A resource is a JSON object. A change names the fields it is about: an object in it is merged into the one that stands,
everything else, lists included, takes the place of what stood. What comes out is checked as a whole, written, and
noted in routing.audit. The transaction names the company (database.company) and is the caller's to commit; `notice`
is what he publishes afterwards.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError

from services.routing.features.place import Place, find
from services.routing.features.words import Forbidden, Refused, Scope, Whose
from shared.database import Transaction
from shared.messages import SettingsChanged

__all__ = ["FEATURES", "Access", "Actor", "Conflict", "Feature", "Forbidden", "Place", "Refused", "Scope", "Whose",
           "change", "etag", "may", "notice", "read"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes, and by which door."""

    role: str
    """operator, administrator, subscriber; apply for a company file."""
    subscriber_id: int | None
    via: str
    """http, code, apply or portal."""


class Conflict(Exception):
    """The resource is not the one the change was meant for; .etag is what it is now."""

    def __init__(self, current: str) -> None:
        super().__init__("somebody changed it meanwhile")
        self.etag = current


class Access(StrEnum):
    """What a subscriber may do with a resource of his own (X7). Administrators and operators may everything."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


def _as_it_is(_place: Place, new: dict[str, Any], _old: Mapping[str, Any]) -> dict[str, Any]:
    return new


def _nothing(_new: Mapping[str, Any]) -> list[str]:
    return []


def _never(_tx: Transaction, _actor: Actor, _whose: Whose, _changes: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class Feature:
    name: str
    scopes: frozenset[Scope]
    schema: type[Schema]
    """Shape, limits and defaults of the whole resource."""
    example: Mapping[str, Any]
    read: Callable[[Transaction, Whose], dict[str, Any]]
    """The whole resource; NotFound where there is no such person, site or company."""
    write: Callable[[Transaction, Whose, dict[str, Any], dict[str, Any]], None]
    """Writes `new`, which passed schema and settle; afterwards read() gives just that."""
    summary: str = ""
    settle: Callable[[Place, dict[str, Any], dict[str, Any]], dict[str, Any]] = _as_it_is
    """(place, new, old) -> new with numbers normalised; raises Refused for rules that must ask the database."""
    warnings: Callable[[Mapping[str, Any]], list[str]] = _nothing
    """What a person should know about these settings although they are right."""
    subscriber: Access = Access.WRITE
    also_permits: Callable[[Transaction, Actor, Whose, Mapping[str, Any]], bool] = _never
    """Lets a subscriber make a change he otherwise may not."""
    announced_as: str = ""
    """`what` of SettingsChanged, where it is not the name."""
    change_example: Mapping[str, Any] = field(default_factory=dict)


FEATURES: dict[str, Feature] = {}
"""By name; filled by the package."""


def read(tx: Transaction, name: str, whose: Whose) -> dict[str, Any]:
    """The whole resource, with defaults where nothing was ever set. KeyError, NotFound."""
    return _feature(name, whose).read(tx, whose)


def may(name: str, actor: Actor, whose: Whose, *, write: bool) -> bool:
    """Whether this role may read or write the resource at all; a company's own people only."""
    if actor.role != "subscriber":
        return True
    access = FEATURES[name].subscriber
    if whose.subscriber_id is not None and whose.subscriber_id != actor.subscriber_id:
        return False
    if whose.subscriber_id is None and write:
        return False
    return access is Access.WRITE or (access is Access.READ and not write)


def change(tx: Transaction, name: str, whose: Whose, changes: Mapping[str, Any], actor: Actor,
           if_match: Container[str] | None = None) -> dict[str, Any]:
    """The whole resource as it is now.

    if_match: etags of the resource the change is meant for; None: whatever it is. Raises Refused (Forbidden when the
    actor may not), Conflict, NotFound, KeyError for no such resource.
    """
    feature = _feature(name, whose)
    place = find(tx, whose)
    if not may(name, actor, whose, write=True) and not feature.also_permits(tx, actor, whose, changes):
        raise Forbidden("forbidden", f"{name.replace('_', ' ')} is changed by an administrator", None,
                        "ask an administrator of the company")
    old = feature.read(tx, whose)
    if if_match is not None and etag(old) not in if_match:
        raise Conflict(etag(old))
    new = feature.settle(place, _checked(feature.schema, _merged(old, changes)), old)
    if new != old:
        feature.write(tx, whose, new, old)
        _note(tx, whose, name, actor, old, new)
    return new


def etag(resource: Mapping[str, Any]) -> str:
    """Two resources that show the same have the same; nothing has to be counted for it."""
    return hashlib.sha256(json.dumps(resource, sort_keys=True, default=str).encode()).hexdigest()[:16]


def notice(name: str, whose: Whose) -> SettingsChanged:
    """What is published when the change is committed."""
    return SettingsChanged(id=str(uuid.uuid4()), at=datetime.now(UTC).isoformat(), company_id=whose.company_id,
                           subscriber_id=whose.subscriber_id, what=FEATURES[name].announced_as or name)


def _feature(name: str, whose: Whose) -> Feature:
    found = FEATURES[name]
    if whose.scope not in found.scopes:
        raise KeyError(name)
    return found


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in changes.items():
        before = old.get(name)
        merged[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _checked(schema: type[Schema], whole: Mapping[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema().load(whole)
    except ValidationError as error:
        path, message = next(_wrong(error.messages_dict))
        raise Refused("invalid_field", f"{path}: {message}", path) from error
    return loaded


def _wrong(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            yield from _wrong(value, path if key == "_schema" else (*path, str(key)))
    else:
        said = " ".join(str(message) for message in messages) if isinstance(messages, list) else str(messages)
        yield ".".join(path) or "body", said


def _note(tx: Transaction, whose: Whose, name: str, actor: Actor, old: Mapping[str, Any],
          new: Mapping[str, Any]) -> None:
    changed = [key for key in new if new[key] != old.get(key)]
    tx.execute(
        """INSERT INTO routing.audit (company_id, actor_role, actor_subscriber_id, via, subscriber_id, site_id, what,
                                      before, after)
           VALUES (:company_id, :role, :actor_id, :via, :subscriber_id, :site_id, :what,
                   CAST(:before AS jsonb), CAST(:after AS jsonb))""",
        company_id=whose.company_id, role=actor.role, actor_id=actor.subscriber_id, via=actor.via,
        subscriber_id=whose.subscriber_id, site_id=whose.site_id, what=name,
        before=json.dumps({key: old.get(key) for key in changed}), after=json.dumps({key: new[key] for key in changed}))
