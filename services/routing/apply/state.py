"""What a company consists of, as plain values by natural key, and how two such states differ. Pure.

The same shape whether it came from a file or from the database: so an exported file, read again, differs in nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.routing.apply.marks import Path

Key = tuple[str, ...]
Fields = dict[str, Any]


class Kind(StrEnum):
    """In the order in which they are made; they go in the reverse order."""

    COMPANY = "company"          # ()
    TRUNK = "trunk"              # (name,)
    SITE = "site"                # (name,)
    POOL = "pool"                # (site, first number, last number)
    DEPARTMENT = "department"    # (site, name)
    SUBSCRIBER = "subscriber"    # (extension,)
    NUMBER = "number"            # (E.164,)
    DEVICE = "device"            # (device id,)
    MAILBOX = "mailbox"          # (extension,)
    SETTING = "setting"          # (scope, whose, feature)


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    KEEP = "keep"
    """There, but not in the file: stays, since nobody asked to prune."""


@dataclass
class State:
    things: dict[Kind, dict[Key, Fields]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    paths: dict[tuple[Kind, Key], Path] = field(default_factory=dict)
    """Where in the file each stands; empty for a state of the database."""

    def put(self, kind: Kind, key: Key, fields: Fields, path: Path = ()) -> None:
        self.things[kind][key] = fields
        self.paths[kind, key] = path

    def of(self, kind: Kind) -> dict[Key, Fields]:
        return self.things[kind]


@dataclass(frozen=True)
class Change:
    kind: Kind
    key: Key
    action: Action
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    """Whole, both of them; only what is in shown() differs."""

    @property
    def name(self) -> str:
        return " / ".join(part for part in self.key if part)

    def shown(self) -> dict[str, tuple[Any, Any]]:
        """Field -> old and new value, of the fields that change."""
        if self.action in (Action.REMOVE, Action.KEEP):
            return {}
        names = [*self.new, *(name for name in self.old if name not in self.new)]
        return {name: (self.old.get(name), self.new.get(name)) for name in names
                if self.old.get(name) != self.new.get(name)}




def compare(present: State, wanted: State, *, prune: bool) -> list[Change]:
    """In an order in which they can be made: what goes first, then what comes, kinds as in Kind."""
    changes: list[Change] = []
    for kind in Kind:
        if kind is Kind.SETTING:    # their values are known only to their features (settings.py)
            continue
        there, named = present.of(kind), wanted.of(kind)
        for key, new in named.items():
            old = there.get(key)
            if old is None:
                changes.append(Change(kind, key, Action.CREATE, new=new))
            elif any(old.get(name) != value for name, value in new.items()):
                changes.append(Change(kind, key, Action.CHANGE, old=old, new=new))
    changes.extend(_not_named(present, wanted, prune))
    return sorted(changes, key=_in_order)


def _not_named(present: State, wanted: State, prune: bool) -> Iterator[Change]:
    removed = {kind: {key for key in present.of(kind) if prune and key not in wanted.of(kind)} for kind in Kind}
    removed[Kind.COMPANY] = set()
    mains = {fields["subscriber"]: key for key, fields in wanted.of(Kind.NUMBER).items() if fields["main"]}
    for kind in Kind:
        if kind in (Kind.COMPANY, Kind.SETTING):
            continue
        for key, old in present.of(kind).items():
            if key in wanted.of(kind):
                continue
            # A main number that another one takes the place of is free again, pruned or not.
            replaced = kind is Kind.NUMBER and old["main"] and old["subscriber"] in mains
            yield Change(kind, key, Action.REMOVE if key in removed[kind] or replaced else Action.KEEP, old=old)


def _in_order(change: Change) -> tuple[int, int, Key]:
    place = list(Kind).index(change.kind)
    goes = change.action is Action.REMOVE
    return (0 if goes else 1, -place if goes else place, change.key)


def effective(changes: Iterable[Change]) -> list[Change]:
    """Those that do something."""
    return [change for change in changes if change.action is not Action.KEEP]
