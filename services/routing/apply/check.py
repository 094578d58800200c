"""The rules of a plan that one must know the company, and the others, for. Pure.

    broken(plan, source, elsewhere, today) -> what is wrong
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.routing import extensions
from services.routing.apply.marks import Source, Wrong
from services.routing.apply.state import Action, Change, Fields, Key, Kind, State
from services.routing.apply.wanted import MOST_ADDITIONAL_NUMBERS


@dataclass(frozen=True)
class Compared:
    present: State
    wanted: State
    changes: Sequence[Change]

    def afterwards(self, kind: Kind) -> dict[Key, Fields]:
        """Everything of a kind there will be, with what the file does not name."""
        stay = {one.key: dict(one.old) for one in self.changes if one.kind is kind and one.action is Action.KEEP}
        return stay | self.wanted.of(kind)


def broken(compared: Compared, source: Source, elsewhere: Collection[tuple[str, str]], today: date) -> list[Wrong]:
    """elsewhere: ("number" | "device" | "trunk" | "pool", name) that another company has."""
    paths = compared.wanted.paths
    found: list[Wrong] = []
    for kind, key, rule in (
            *_of_others(compared, elsewhere), *_pools(compared), *_numbers(compared, today),
            *_additional_numbers(compared), *_trunks(compared)):
        found.append(source.wrong(paths.get((kind, key), ()), rule))
    for key, rule in _main_numbers(compared, today):
        found.append(source.wrong((*paths[Kind.SITE, key][:-1], "main_number"), rule))
    found.extend(source.wrong(("company",), rule) for rule in _extensions_that_stay(compared))
    return found


_Found = Iterator[tuple[Kind, Key, str]]


def _of_others(compared: Compared, elsewhere: Collection[tuple[str, str]]) -> _Found:
    for kind in (Kind.NUMBER, Kind.DEVICE, Kind.TRUNK):
        for key in compared.wanted.of(kind):
            if (kind.value, key[0]) in elsewhere:
                yield kind, key, f"{key[0]} is not free"
    for key in compared.wanted.of(Kind.POOL):
        if (Kind.POOL.value, key[1]) in elsewhere:
            yield Kind.POOL, key, f"not all numbers of {key[1]} to {key[2]} are free"


def _pools(compared: Compared) -> _Found:
    named = compared.wanted.of(Kind.POOL)
    for stays in (one.key for one in compared.changes if one.kind is Kind.POOL and one.action is Action.KEEP):
        for key in named:
            if len(key[1]) == len(stays[1]) and key[1] <= stays[2] and stays[1] <= key[2]:
                yield Kind.POOL, key, (f"overlaps the pool {stays[1]} to {stays[2]} of {stays[0]},"
                                       " which is there and not in the file")


def pool_of(number: str, site: str, pools: Mapping[Key, Fields]) -> Fields | None:
    """The site's pool this number lies in."""
    return next((fields for key, fields in pools.items() if key[0] == site and len(key[1]) == len(number)
                 and key[1] <= number <= key[2]), None)


def _numbers(compared: Compared, today: date) -> _Found:
    """Numbers that come to somebody lie in a pool of his site, from its date on; who has one keeps it."""
    pools = compared.afterwards(Kind.POOL)
    people = compared.wanted.of(Kind.SUBSCRIBER)
    for one in compared.changes:
        if one.kind is not Kind.NUMBER or one.action not in (Action.CREATE, Action.CHANGE):
            continue
        if one.old.get("subscriber") == one.new["subscriber"]:
            continue
        site = people[(one.new["subscriber"],)]["site"]
        pool = pool_of(one.key[0], site, pools)
        if pool is None:
            yield Kind.NUMBER, one.key, f"{one.key[0]} is in no number pool of {site}"
        elif pool["valid_from"] is not None and pool["valid_from"] > today.isoformat():
            yield Kind.NUMBER, one.key, f"{one.key[0]} is not valid before {pool['valid_from']}"


def _main_numbers(compared: Compared, today: date) -> Iterator[tuple[Key, str]]:
    """Shown to carriers and by emergency calls: none but a number the site was given."""
    pools = compared.afterwards(Kind.POOL)
    for one in compared.changes:
        if one.kind is not Kind.SITE or one.action not in (Action.CREATE, Action.CHANGE):
            continue
        number = one.new["main_number"]
        if number is None or number == one.old.get("main_number"):
            continue
        pool = pool_of(number, one.key[0], pools)
        if pool is None:
            yield one.key, f"{number} is in no number pool of {one.key[0]}"
        elif pool["valid_from"] is not None and pool["valid_from"] > today.isoformat():
            yield one.key, f"{number} is not valid before {pool['valid_from']}"


def _additional_numbers(compared: Compared) -> _Found:
    counted = Counter(
        fields["subscriber"] for fields in compared.afterwards(Kind.NUMBER).values() if not fields["main"])
    for extension, how_many in counted.items():
        if how_many > MOST_ADDITIONAL_NUMBERS and (extension,) in compared.wanted.of(Kind.SUBSCRIBER):
            yield Kind.SUBSCRIBER, (extension,), (
                f"would have {how_many} additional numbers with those that are not in the file;"
                f" a subscriber has at most {MOST_ADDITIONAL_NUMBERS}")


def _trunks(compared: Compared) -> _Found:
    for key, fields in compared.wanted.of(Kind.TRUNK).items():
        there = compared.present.of(Kind.TRUNK).get(key, {})
        if fields["register"] and fields.get("password", there.get("password")) is None:
            yield Kind.TRUNK, key, "needs password_env: it registers and has no password yet"


def _extensions_that_stay(compared: Compared) -> Iterator[str]:
    company = compared.wanted.of(Kind.COMPANY)[()]
    inside = extensions.Inside(
        countries=frozenset(fields["country"] for fields in compared.afterwards(Kind.SITE).values()),
        mobile_integration=company["mobile_integration"])
    for one in compared.changes:
        if one.kind is Kind.SUBSCRIBER and one.action is Action.KEEP:
            rule = extensions.broken(one.key[0], inside)
            if rule is not None:
                yield f"the extension {one.key[0]}, which is there and not in the file: {rule.message}"
