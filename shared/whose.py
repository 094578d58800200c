"""Whose things a request is about: one's own, or those of somebody one may answer for.

    owner = whose.person(database, subscriber_id)     # None: one's own
    company_id = whose.company(named)                 # None: one's own
    place = whose.site(database, site_id)

A subscriber answers for himself, an administrator for every person and site of his company, an operator for
all. What is somebody else's looks like what does not exist: 404.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.api import ApiError, principal
from shared.database import Database


@dataclass(frozen=True, slots=True)
class Person:
    company_id: int
    subscriber_id: int


@dataclass(frozen=True, slots=True)
class Site:
    company_id: int
    site_id: int


def person(database: Database, named: int | None) -> Person:
    """named: subscriber_id of the address; None: the token's own person."""
    who = principal()
    if who.company_id is not None and who.subscriber_id is not None and named in (None, who.subscriber_id):
        return Person(who.company_id, who.subscriber_id)
    if named is None:
        raise ApiError(403, "forbidden", f"this {who.role} is no person with calls of his own",
                       hint="name the subscriber: /v1/subscribers/{subscriber_id}/…")
    if who.role == "subscriber":
        raise _no_such("subscriber", "subscriber_id")
    company_id = _company_of(
        database, who.company_id, "SELECT company_id FROM directory.subscribers WHERE subscriber_id = :id", named)
    if company_id is None:
        raise _no_such("subscriber", "subscriber_id")
    return Person(company_id, named)


def site(database: Database, named: int) -> Site:
    """For administrators and operators."""
    who = principal()
    company_id = None if who.role == "subscriber" else _company_of(
        database, who.company_id, "SELECT company_id FROM directory.sites WHERE site_id = :id", named)
    if company_id is None:
        raise _no_such("site", "site_id")
    return Site(company_id, named)


def company(named: int | None) -> int:
    """For administrators and operators. Whether an operator's exists is seen by what is then asked for in it."""
    who = principal()
    if who.company_id is not None:
        if named not in (None, who.company_id):
            raise _no_such("company", "company_id")
        return who.company_id
    if named is None:
        raise ApiError(403, "forbidden", "an operator belongs to no company",
                       hint="name the company: /v1/companies/{company_id}/…")
    return named


def _company_of(database: Database, company_id: int | None, sql: str, named: int) -> int | None:
    """Looked for in the one company, or for an operator in all of them."""
    with database.platform() if company_id is None else database.company(company_id) as tx:
        row = tx.row(f"{sql} AND company_id = coalesce(:company_id, company_id)", id=named, company_id=company_id)
    return None if row is None else int(row.company_id)


def _no_such(what: str, field: str) -> ApiError:
    return ApiError(404, "not_found", f"there is no such {what}", field=field)
