"""Settings of a company file: each through its feature's own schema, rules and writing.

The order is the registry's, one feature after the other: a site's barring finds the profiles the company just got.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from marshmallow import Schema, ValidationError, fields

from services.routing.apply.batch import Batch
from services.routing.apply.document import wrong_of
from services.routing.apply.marks import Path, Source, Wrong
from services.routing.apply.state import Action, Change, Key, Kind, State
from services.routing.apply.write import subscriber_ids
from services.routing.feature_codes import BY_FUNCTION
from services.routing.features import FEATURES, Feature, Refused, Scope, Whose
from services.routing.features.place import Place
from shared.database import Transaction

ELSEWHERE = {
    "distinctive_rings": "`ring` of an additional number",
    "mobile_number": "`mobile_number` of the subscriber",
    "mailbox_conditions": "`mailbox` of the subscriber",
    "number_classes": "`classes` of the company",
}
"""Settings that stand in the file as fields of their owner."""
_PROFILES = "barring_profiles"
_CODES = "feature_codes"
_MOMENTARY = {"night_service": ("by_hand",)}
"""What people do during the day: only a file that names it changes it, and no export holds it."""


@dataclass(frozen=True)
class KnownPlace(Place):
    """A place whose company's extensions and numbers were read once, not for every target anew."""

    extensions: Mapping[str, int] = field(default_factory=dict)
    own_numbers: Collection[str] = ()

    def subscriber_with(self, extension: str, field: str) -> int:
        known = self.extensions.get(extension)
        return known if known is not None else super().subscriber_with(extension, field)

    def is_of_the_company(self, number: str) -> bool:
        return number in self.own_numbers


@dataclass(frozen=True)
class Owner:
    key: tuple[str, str]
    """Scope and natural name, as in the keys of settings."""
    whose: Whose
    place: Place
    is_new: bool


def owners(tx: Transaction, company_id: int, created: Collection[Key]) -> dict[tuple[str, str], Owner]:
    """Everybody who can have settings, with how numbers are written there. created: keys of new subscribers."""
    company = tx.one(
        "SELECT c.allowed_classes, t.country, t.area_code FROM directory.companies c"
        " LEFT JOIN directory.sites t ON t.company_id = c.company_id AND t.site_id ="
        " (SELECT min(f.site_id) FROM directory.sites f WHERE f.company_id = c.company_id)"
        " WHERE c.company_id = :id", id=company_id)
    classes = frozenset(company.allowed_classes)
    found: dict[tuple[str, str], Owner] = {}
    extensions = subscriber_ids(tx, company_id)
    own_numbers = {row.number for row in tx.rows(
        "SELECT number FROM directory.numbers WHERE company_id = :id", id=company_id)}

    def add(scope: Scope, name: str, whose: Whose, extension: str | None, site_id: int | None, country: str,
            area_code: str, numbers: tuple[str, ...] = ()) -> None:
        place = KnownPlace(tx, whose, extension, site_id, country, area_code, classes, numbers, extensions,
                           own_numbers)
        found[scope.value, name] = Owner((scope.value, name), whose, place, scope is Scope.SUBSCRIBER
                                         and (name,) in created)

    add(Scope.COMPANY, "", Whose(company_id), None, None, company.country or "DE", company.area_code or "")
    for row in tx.rows("SELECT site_id, name, country::text, area_code FROM directory.sites WHERE company_id = :id",
                       id=company_id):
        add(Scope.SITE, row.name, Whose(company_id, site_id=row.site_id), None, row.site_id, row.country,
            row.area_code)
    for row in tx.rows(
            "SELECT s.subscriber_id, s.extension, t.site_id, t.country::text, t.area_code,"
            " coalesce(array_agg(n.number ORDER BY NOT n.is_main, n.number) FILTER (WHERE n.number IS NOT NULL),"
            " '{}') AS numbers FROM directory.subscribers s"
            " JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)"
            " LEFT JOIN directory.numbers n ON (n.company_id, n.subscriber_id) = (s.company_id, s.subscriber_id)"
            " WHERE s.company_id = :id GROUP BY s.subscriber_id, s.extension, t.site_id, t.country, t.area_code",
            id=company_id):
        add(Scope.SUBSCRIBER, row.extension, Whose(company_id, subscriber_id=row.subscriber_id), row.extension,
            row.site_id, row.country, row.area_code, tuple(row.numbers))
    return found


def put(tx: Transaction, company_id: int, wanted: State, source: Source, *, prune: bool,
        created: Collection[Key]) -> tuple[list[Change], list[Wrong]]:
    """Writes what differs. Either of the two lists counts: with something wrong the transaction must not be kept."""
    batch = Batch(tx)
    there = owners(batch, company_id, created)
    named: dict[str, list[tuple[Owner, Any, Path]]] = {}
    wrong: list[Wrong] = []
    for key, fields_of in wanted.of(Kind.SETTING).items():
        scope, name, feature_name = key
        path = wanted.paths[Kind.SETTING, key]
        if rule := _not_here(scope, feature_name):
            wrong.append(source.wrong(path, rule))
        elif (scope, name) in there:
            named.setdefault(feature_name, []).append((there[scope, name], fields_of["resource"], path))
    if prune:
        for owner, feature_name in _set_but_not_named(batch, company_id, wanted, there):
            named.setdefault(feature_name, []).append((owner, {}, ()))
    changes: dict[Key, Change] = {}
    # Profiles that go are the last to go: whoever had one has another by then.
    for feature_name, adding in (*((name, name == _PROFILES) for name in FEATURES), *([(_PROFILES, False)] * prune)):
        untouched: dict[Scope, dict[str, Any]] = {}
        for owner, resource, path in sorted(named.get(feature_name, ()), key=lambda one: _RANK[one[0].whose.scope]):
            try:
                change = _put_one(batch, FEATURES[feature_name], owner, resource, untouched, adding)
            except ValidationError as error:
                wrong.extend(wrong_of(source, error, path))
            except Refused as refused:
                wrong.append(source.wrong((*path, *_parts(refused.field)), refused.message))
            else:
                if change is not None:
                    first = changes.pop(change.key, change)
                    if first.old != change.new:
                        changes[change.key] = replace(change, old=first.old)
    batch.flush()
    return list(changes.values()), list(dict.fromkeys(wrong))


_RANK = {Scope.COMPANY: 0, Scope.SITE: 1, Scope.SUBSCRIBER: 2}


def _put_one(batch: Batch, feature: Feature, owner: Owner, resource: Any,
             untouched: dict[Scope, dict[str, Any]], adding: bool) -> Change | None:
    """adding: what the resource does not name stays (profiles)."""
    scope = owner.whose.scope
    if not owner.is_new:
        old = feature.read(batch, owner.whose)
    elif scope in untouched:    # nobody who is new has anything set: asked once for all of them
        old = copy.deepcopy(untouched[scope])
    else:
        old = feature.read(batch, owner.whose)
        untouched[scope] = copy.deepcopy(old)
    before = copy.deepcopy(old)
    schema = _schema_of(feature.name)
    loaded: dict[str, Any] = schema.load(fitted(schema, resource))
    for momentary in _MOMENTARY.get(feature.name, ()):
        if momentary not in resource:
            loaded[momentary] = old[momentary]
    if feature.name == _CODES:
        loaded["codes"] = dict.fromkeys(old["codes"]) | loaded["codes"]
    if adding:
        names = {profile["name"] for profile in loaded["profiles"]}
        loaded["profiles"] += [copy.deepcopy(one) for one in old["profiles"] if one["name"] not in names]
    new = feature.settle(owner.place, loaded, old)
    if new == before:
        return None
    feature.write(batch, owner.whose, new, old)
    return Change(Kind.SETTING, (*owner.key, feature.name), Action.CHANGE, old=portable(feature.name, before),
                  new=portable(feature.name, new))


@lru_cache
def _schema_of(name: str) -> Schema:
    return FEATURES[name].schema()


def portable(name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """The resource as it means the same in another database, and tomorrow."""
    kept = {field: value for field, value in resource.items() if field not in _MOMENTARY.get(name, ())}
    if name == _PROFILES:
        kept["profiles"] = [{field: value for field, value in profile.items() if field != "id"}
                            for profile in kept["profiles"]]
    if name == _CODES:
        kept["codes"] = {function: code for function, code in kept["codes"].items()
                         if code != BY_FUNCTION[function].code}
    return kept


def _not_here(scope: str, name: str) -> str | None:
    if name in ELSEWHERE:
        return f"stands elsewhere in the file: {ELSEWHERE[name]}"
    if name in FEATURES and Scope(scope) in FEATURES[name].scopes:
        return None
    known = [one for one in of_scope(Scope(scope)) if one not in ELSEWHERE]
    return f"a {scope} has no such setting; it has {', '.join(known)}"


def of_scope(scope: Scope) -> list[str]:
    return [name for name, feature in FEATURES.items() if scope in feature.scopes and name not in ELSEWHERE]


def fitted(schema: Schema, value: Any) -> Any:
    """Whole numbers that stand where text belongs, as their digits: nobody has to quote `target: 23`."""
    if not isinstance(value, Mapping):
        return value
    return {name: _fitted(schema.fields.get(name), one) for name, one in value.items()}


def _fitted(field: Any, value: Any) -> Any:
    if isinstance(field, fields.String) and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(field, fields.List) and isinstance(value, list):
        return [_fitted(field.inner, one) for one in value]
    if isinstance(field, fields.Nested) and isinstance(value, Mapping):
        return fitted(field.schema, value)
    return value


def _parts(field: str | None) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in field.split(".")) if field else ()


# ----- what is set at all: for PRUNE and for the export

def _rows(table: str, where: str = "true", owner: str = "subscriber_id") -> str:
    return (f"SELECT DISTINCT {owner} AS id FROM routing.{table}"
            f" WHERE company_id = :id AND {owner} IS NOT NULL AND ({where})")


def _set(where: str) -> str:
    return _rows("call_settings", where)


def _rules(of_list: str) -> str:
    return _rows("call_rules", f"list LIKE '{of_list}'")


_SET_BY: Mapping[str, tuple[str, ...]] = {
    "do_not_disturb": (_set("do_not_disturb OR dnd_reminder"),),
    "call_waiting": (_set("NOT call_waiting"),),
    "anonymous_rejection": (_set("rejects_anonymous"),),
    "calls_at_once": (_set("call_limit <> 20"),),
    "forwardings": (_set("forward_always_splash"), _rows("forwardings")),
    "negative_list": (_set("negative_list_on"), _rules("negative")),
    "positive_list": (_set("positive_list_on"), _rules("positive")),
    "selective_forwarding": (_set("selective_forwarding_on OR selective_forwarding_target IS NOT NULL"),
                             _rules("selective_forwarding")),
    "simultaneous_ring": (_set("simultaneous_ring_on OR simultaneous_ring_not_when_busy"),
                          _rows("simultaneous_numbers")),
    "remote_office": (_set("remote_office_on OR remote_office_number IS NOT NULL"),),
    "shown_number": (_set("number_suppressed OR shown_number IS NOT NULL"),),
    "speed_dials": (_rows("speed_dials"),),
    "executive_filter": (_rows("executives"), _rows("assistants", owner="executive_id"), _rules("executive")),
    "barring": (_set("barring_profile_id IS NOT NULL"),),
    "intercept": (_rows("intercepts"),),
    "enterprise_rules": (_rules("enterprise%"),),
}
"""Who may have something set of each feature: whoever is not among them need not be asked one by one."""


def set_by(tx: Transaction, company_id: int, name: str) -> set[int] | None:
    """Ids of subscribers, a superset of those with anything of this feature; None: it may be any of them."""
    if name not in _SET_BY:
        return None
    return {row.id for sql in _SET_BY[name] for row in tx.rows(sql, id=company_id)}


def resources(tx: Transaction, company_id: int, there: Mapping[tuple[str, str], Owner]) -> Iterator[
        tuple[Owner, str, dict[str, Any]]]:
    """Every setting that is not as it would be if nobody had ever set anything."""
    people = {name: set_by(tx, company_id, name) for name in of_scope(Scope.SUBSCRIBER)}
    for owner in there.values():
        for name in of_scope(owner.whose.scope):
            if owner.whose.scope is Scope.SUBSCRIBER:
                among = people[name]
                if among is not None and owner.whose.subscriber_id not in among:
                    continue
            resource = portable(name, FEATURES[name].read(tx, owner.whose))
            if resource != portable(name, FEATURES[name].schema().load({})):
                yield owner, name, resource


def _set_but_not_named(tx: Transaction, company_id: int, wanted: State,
                       there: Mapping[tuple[str, str], Owner]) -> list[tuple[Owner, str]]:
    named = wanted.of(Kind.SETTING)
    return [(owner, name) for owner, name, _ in resources(tx, company_id, there) if (*owner.key, name) not in named]
