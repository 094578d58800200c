"""What the use cases of one company's things share: the note of who changed what, and fields changed by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.routing.extensions import Broken, Inside, broken
from services.routing.feature_codes import BY_FUNCTION
from services.routing.features import Actor, Refused
from services.routing.features.company_codes import of_company
from services.routing.features.words import InUse
from shared.database import Row, Transaction
from shared.phone_number import InvalidNumber, PhoneNumber


def note(tx: Transaction, company_id: int, actor: Actor, what: str, before: Mapping[str, Any] | None,
         after: Mapping[str, Any] | None, *, subscriber_id: int | None = None, site_id: int | None = None) -> None:
    tx.execute(
        "INSERT INTO routing.audit (company_id, actor_role, actor_subscriber_id, via, subscriber_id, site_id, what,"
        " before, after) VALUES (:company_id, :role, :actor_id, :via, :subscriber_id, :site_id, :what,"
        " CAST(:before AS jsonb), CAST(:after AS jsonb))",
        company_id=company_id, role=actor.role, actor_id=actor.subscriber_id, via=actor.via,
        subscriber_id=subscriber_id, site_id=site_id, what=what,
        before=json.dumps(before, default=str) if before is not None else None,
        after=json.dumps(after, default=str) if after is not None else None)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in new if old.get(name) != new[name]]
    return {name: old.get(name) for name in names}, {name: new[name] for name in names}


def inside_of(tx: Transaction, company_id: int, *, but_subscriber: int | None = None) -> Inside:
    """What is dialled inside this company; but_subscriber: whose own extension counts as free."""
    company = tx.one(
        "SELECT mobile_integration, ARRAY(SELECT DISTINCT t.country::text FROM directory.sites t"
        " WHERE t.company_id = c.company_id) AS countries FROM directory.companies c WHERE company_id = :id",
        id=company_id)
    codes = {one.code for one in BY_FUNCTION.values()} | set(of_company(tx, company_id).values())
    taken = {row.extension: row.name for row in tx.rows(
        "SELECT extension, btrim(first_name || ' ' || last_name) AS name FROM directory.subscribers"
        " WHERE company_id = :id AND subscriber_id IS DISTINCT FROM :but", id=company_id, but=but_subscriber)}
    return Inside(countries=frozenset(company.countries), mobile_integration=company.mobile_integration,
                  codes=frozenset(codes), taken=taken)


def must_be_possible(extension: str, inside: Inside) -> None:
    """Raises Refused, InUse."""
    found: Broken | None = broken(extension, inside)
    if found is None:
        return
    kind = InUse if found.error == "extension_in_use" else Refused
    raise kind(found.error, found.message, "extension", found.hint)


def as_e164(entered: str, site: Row, field: str) -> str:
    """site: with country and area_code. Raises Refused."""
    try:
        return PhoneNumber.parse(entered, site.country, site.area_code).e164
    except InvalidNumber as invalid:
        raise Refused("number_invalid", f"{field}: {invalid.rule}", field) from invalid


def site_of(tx: Transaction, company_id: int, site_id: int) -> Row:
    """Raises Refused: sites are named in requests. The row is held until the end of the transaction."""
    row = tx.row("SELECT site_id, name, country::text, area_code, region, time_zone, main_number FROM directory.sites"
                 " WHERE company_id = :company_id AND site_id = :site_id FOR NO KEY UPDATE",
                 company_id=company_id, site_id=site_id)
    if row is None:
        raise Refused("site_unknown", "there is no such site", "site_id")
    return row
