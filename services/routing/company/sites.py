"""Use cases: sites and departments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.routing.apply.document import region_of
from services.routing.company.common import as_e164, differing, inside_of, note, site_of
from services.routing.extensions import broken
from services.routing.features import Actor, Refused
from services.routing.features.words import InUse
from shared.database import NotFound, Row, Transaction

_FIELDS = ("name", "country", "area_code", "region", "time_zone", "main_number")
_SHOWN = "site_id, name, country::text, area_code, region, time_zone, main_number"
_MOST_NAMED = 5


def sites(tx: Transaction, company_id: int) -> list[Row]:
    return tx.rows(f"SELECT {_SHOWN} FROM directory.sites WHERE company_id = :id ORDER BY name", id=company_id)


def site(tx: Transaction, company_id: int, site_id: int) -> Row:
    """Raises NotFound."""
    return tx.one(f"SELECT {_SHOWN} FROM directory.sites WHERE company_id = :company_id AND site_id = :id FOR UPDATE",
                  company_id=company_id, id=site_id)


def add_site(tx: Transaction, company_id: int, fields: Mapping[str, Any], actor: Actor) -> Row:
    wanted = _checked(tx, company_id, fields, None)
    row = tx.one(
        "INSERT INTO directory.sites (company_id, name, country, area_code, region, time_zone, main_number)"
        " VALUES (:company_id, :name, :country, :area_code, :region, :time_zone, :main_number)"
        f" RETURNING {_SHOWN}", company_id=company_id, **wanted)
    note(tx, company_id, actor, f"site {row.name}", None, wanted, site_id=row.site_id)
    return row


def change_site(tx: Transaction, company_id: int, site_id: int, changes: Mapping[str, Any], actor: Actor) -> Row:
    old = site(tx, company_id, site_id)
    wanted = _checked(tx, company_id, {name: changes.get(name, old[name]) for name in _FIELDS}, old)
    before, after = differing(old, wanted)
    if not after:
        return old
    tx.execute(
        "UPDATE directory.sites SET name = :name, country = :country, area_code = :area_code, region = :region,"
        " time_zone = :time_zone, main_number = :main_number WHERE company_id = :company_id AND site_id = :id",
        company_id=company_id, id=site_id, **wanted)
    note(tx, company_id, actor, f"site {wanted['name']}", before, after, site_id=site_id)
    return site(tx, company_id, site_id)


def _checked(tx: Transaction, company_id: int, fields: Mapping[str, Any], old: Row | None) -> dict[str, Any]:
    wanted = dict(fields)
    own_id = old.site_id if old is not None else None
    if tx.row("SELECT 1 AS there FROM directory.sites WHERE company_id = :company_id AND name = :name"
              " AND site_id IS DISTINCT FROM :own_id", company_id=company_id, name=wanted["name"], own_id=own_id):
        raise InUse("name_taken", f"there is a site {wanted['name']} already", "name")
    if rule := region_of(wanted["country"], wanted["region"]):
        raise Refused("region_unknown", f"region: {rule}", "region")
    if wanted["main_number"] is not None:
        wanted["main_number"] = as_e164(wanted["main_number"], Row(wanted), "main_number")
        if old is None or wanted["main_number"] != old.main_number:
            _must_be_the_sites(tx, company_id, wanted["main_number"], wanted["name"], own_id)
    inside = inside_of(tx, company_id)
    for extension in inside.taken:
        # An extension that was possible until now may be an emergency number in the site's country.
        found = broken(extension, type(inside)(countries=frozenset({wanted["country"]})))
        if found is not None and found.error == "extension_is_emergency":
            raise InUse("extension_is_emergency", f"the extension {extension} of {inside.taken[extension]} is an"
                        f" emergency number in {wanted['country']}", "country", "give them another extension first")
    return wanted


def _must_be_the_sites(tx: Transaction, company_id: int, number: str, name: str, site_id: int | None) -> None:
    """It is shown to carriers and by emergency calls (O2, N5): none but a number the site was given."""
    pool = tx.row(
        "SELECT valid_from > current_date AS later FROM directory.number_pools WHERE company_id = :company_id"
        " AND site_id = :site_id AND length(first_number) = length(:number)"
        " AND :number BETWEEN first_number AND last_number", company_id=company_id, site_id=site_id, number=number)
    if pool is None:
        raise Refused("number_not_in_pool", f"main_number: {number} is in no number pool of {name}", "main_number",
                      "an operator gives the site a pool; then set the main number")
    if pool.later:
        raise Refused("number_not_yet_valid", f"main_number: {number} is not valid yet", "main_number")


def remove_site(tx: Transaction, company_id: int, site_id: int, actor: Actor) -> None:
    old = site(tx, company_id, site_id)
    people = tx.rows("SELECT extension FROM directory.subscribers WHERE company_id = :company_id AND site_id = :id"
                     " ORDER BY extension", company_id=company_id, id=site_id)
    if people:
        raise InUse("site_in_use", f"{_named([row.extension for row in people])} still work at {old.name}", None,
                    "move or delete them first")
    tx.execute("DELETE FROM directory.numbers WHERE company_id = :company_id AND site_id = :id"
               " AND subscriber_id IS NULL", company_id=company_id, id=site_id)
    tx.execute("DELETE FROM directory.sites WHERE company_id = :company_id AND site_id = :id",
               company_id=company_id, id=site_id)
    note(tx, company_id, actor, f"site {old.name}", dict(old), None)


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# ----- departments

_DEPARTMENT = "department_id, site_id, name"


def departments(tx: Transaction, company_id: int, site_id: int | None) -> list[Row]:
    return tx.rows(f"SELECT {_DEPARTMENT} FROM directory.departments WHERE company_id = :id"
                   " AND site_id = coalesce(:site_id, site_id) ORDER BY site_id, name", id=company_id, site_id=site_id)


def department(tx: Transaction, company_id: int, department_id: int) -> Row:
    """Raises NotFound."""
    row = tx.row(f"SELECT {_DEPARTMENT} FROM directory.departments WHERE company_id = :company_id"
                 " AND department_id = :id FOR UPDATE", company_id=company_id, id=department_id)
    if row is None:
        raise NotFound("no such department")
    return row


def add_department(tx: Transaction, company_id: int, site_id: int, name: str, actor: Actor) -> Row:
    site_of(tx, company_id, site_id)
    _must_be_new(tx, company_id, site_id, name)
    row = tx.one(f"INSERT INTO directory.departments (company_id, site_id, name)"
                 f" VALUES (:company_id, :site_id, :name) RETURNING {_DEPARTMENT}",
                 company_id=company_id, site_id=site_id, name=name)
    note(tx, company_id, actor, f"department {name}", None, {"name": name}, site_id=site_id)
    return row


def rename_department(tx: Transaction, company_id: int, department_id: int, name: str, actor: Actor) -> Row:
    old = department(tx, company_id, department_id)
    if old.name != name:
        _must_be_new(tx, company_id, old.site_id, name)
        tx.execute("UPDATE directory.departments SET name = :name WHERE company_id = :company_id"
                   " AND department_id = :id", company_id=company_id, id=department_id, name=name)
        note(tx, company_id, actor, f"department {name}", {"name": old.name}, {"name": name}, site_id=old.site_id)
    return department(tx, company_id, department_id)


def _must_be_new(tx: Transaction, company_id: int, site_id: int, name: str) -> None:
    if tx.row("SELECT 1 AS there FROM directory.departments WHERE company_id = :company_id AND site_id = :site_id"
              " AND name = :name", company_id=company_id, site_id=site_id, name=name):
        raise InUse("name_taken", f"the site has a department {name} already", "name")


def remove_department(tx: Transaction, company_id: int, department_id: int, actor: Actor) -> None:
    old = department(tx, company_id, department_id)
    people = tx.rows("SELECT extension FROM directory.subscribers WHERE company_id = :company_id"
                     " AND department_id = :id ORDER BY extension", company_id=company_id, id=department_id)
    if people:
        raise InUse("department_in_use", f"{_named([row.extension for row in people])} are still in {old.name}", None,
                    "give them another department first")
    tx.execute("DELETE FROM directory.departments WHERE company_id = :company_id AND department_id = :id",
               company_id=company_id, id=department_id)
    note(tx, company_id, actor, f"department {old.name}", {"name": old.name}, None, site_id=old.site_id)
