"""Use case: the trunks of a company, read and changed. The switch learns of a change by the database's notice.

The transaction names the company. What is shown and what is audited never holds a password.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Container, Mapping
from typing import Any

from services.routing.features.base import Actor, Conflict, etag
from services.routing.features.words import Refused
from shared.database import Row, Transaction

_SHOWN = (
    "trunk_id, coalesce(label, name) AS label, name AS gateway, position, host, port, transport, username,"
    " password IS NOT NULL AS password_set, register, realm, from_domain, number_format, caller_style, privacy_style,"
    " diversion_style, enabled"
)
_COLUMNS = (
    "label", "host", "port", "transport", "username", "password", "register", "realm", "from_domain",
    "number_format", "caller_style", "privacy_style", "diversion_style", "enabled",
)
MOST = 20
_ASIDE = 10_000


def versions(tx: Transaction, company_id: int) -> dict[str, str]:
    """Gateway -> version of its row (Trunk.version), of those that are enabled."""
    return {row.name: row.version for row in tx.rows(
        "SELECT name, xmin::text AS version FROM directory.trunks WHERE company_id = :company AND enabled",
        company=company_id)}


def all_of(tx: Transaction, company_id: int) -> list[dict[str, Any]]:
    """In the order they are tried."""
    return [dict(row) for row in tx.rows(
        f"SELECT {_SHOWN} FROM directory.trunks WHERE company_id = :company ORDER BY position", company=company_id)]


def one_of(tx: Transaction, company_id: int, trunk_id: int) -> dict[str, Any]:
    """Raises NotFound."""
    return dict(tx.one(
        f"SELECT {_SHOWN} FROM directory.trunks WHERE company_id = :company AND trunk_id = :trunk",
        company=company_id, trunk=trunk_id))


def create(tx: Transaction, company_id: int, given: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """Raises Refused; NotFound when there is no such company."""
    existing = _locked(tx, company_id)
    if len(existing) >= MOST:
        raise Refused("too_many_trunks", f"a company has at most {MOST} trunks", None, "remove one first")
    _check(given, given)
    _check_label(tx, company_id, given["label"], None)
    name = _gateway_name(tx, company_id, str(given["label"]))
    values = {column: given[column] for column in _COLUMNS if given.get(column) is not None}
    columns = ", ".join(("company_id", "name", "position", *values))
    holders = ", ".join((":company_id", ":name", ":position", *(f":{column}" for column in values)))
    row = tx.one(f"INSERT INTO directory.trunks ({columns}) VALUES ({holders}) RETURNING trunk_id",
                 company_id=company_id, name=name, position=len(existing) + _ASIDE, **values)
    _order(tx, company_id, [*(one.trunk_id for one in existing)], row.trunk_id, given.get("position"))
    shown = one_of(tx, company_id, row.trunk_id)
    _audit(tx, company_id, actor, None, shown)
    return shown


def change(
    tx: Transaction, company_id: int, trunk_id: int, changes: Mapping[str, Any], actor: Actor,
    if_match: Container[str] | None = None,
) -> dict[str, Any]:
    """if_match: etags of the trunk the change is meant for; None: any. Raises Refused, Conflict, NotFound."""
    existing = _locked(tx, company_id)
    before = one_of(tx, company_id, trunk_id)
    if if_match is not None and etag(before) not in if_match:
        raise Conflict(etag(before))
    whole = {**before, "password": "set" if before["password_set"] else None, **changes}
    _check(whole, changes)
    _check_label(tx, company_id, changes.get("label"), trunk_id)
    values = {column: changes[column] for column in _COLUMNS if column in changes}
    if values:
        settings = ", ".join(f"{column} = :{column}" for column in values)
        tx.one(f"UPDATE directory.trunks SET {settings} WHERE company_id = :company AND trunk_id = :trunk"
               " RETURNING trunk_id", company=company_id, trunk=trunk_id, **values)
    if "position" in changes or "enabled" in changes:
        others = [one.trunk_id for one in existing if one.trunk_id != trunk_id]
        _order(tx, company_id, others, trunk_id, changes.get("position", before["position"]))
    shown = one_of(tx, company_id, trunk_id)
    if shown != before or "password" in changes:
        _audit(tx, company_id, actor, before, shown)
    return shown


def delete(tx: Transaction, company_id: int, trunk_id: int, actor: Actor) -> None:
    """Raises NotFound."""
    existing = _locked(tx, company_id)
    before = one_of(tx, company_id, trunk_id)
    tx.execute("DELETE FROM directory.trunks WHERE company_id = :company AND trunk_id = :trunk",
               company=company_id, trunk=trunk_id)
    _order(tx, company_id, [one.trunk_id for one in existing if one.trunk_id != trunk_id], None, None)
    _audit(tx, company_id, actor, before, None)


def _locked(tx: Transaction, company_id: int) -> list[Row]:
    """One change of a company's trunks at a time: their order is theirs together."""
    tx.one("SELECT company_id FROM directory.companies WHERE company_id = :company FOR NO KEY UPDATE",
           company=company_id)
    return tx.rows("SELECT trunk_id FROM directory.trunks WHERE company_id = :company ORDER BY position",
                   company=company_id)


def _check(whole: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Rules between fields; the field blamed is one that was given."""
    if whole.get("host") is None:
        raise Refused("invalid_field", "host: a trunk leads somewhere", "host")
    if whole.get("register"):
        for name in ("username", "password"):
            if not whole.get(name):
                blamed = name if name in given or "register" not in given else "register"
                raise Refused("login_missing", f"{blamed}: to register takes a user name and a password", blamed,
                              "give both, or set register to false")


def _gateway_name(tx: Transaction, company_id: int, label: str) -> str:
    """Unique over all companies without telling one of another: the company's number stands in front."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    stem = f"c{company_id}-{re.sub('[^a-z0-9]+', '-', plain).strip('-') or 'trunk'}"[:28].rstrip("-")
    taken = {row.name for row in tx.rows("SELECT name FROM directory.trunks WHERE company_id = :company",
                                         company=company_id)}
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))) if name not in taken)


def _order(tx: Transaction, company_id: int, others: list[int], moved: int | None, position: int | None) -> None:
    """Numbers them 1, 2, 3…; each number is free before it is given, as two may never share one.

    Those switched off come last: the first is what the switch itself calls emergency centres over (directory_xml.py).
    """
    order = list(others)
    if moved is not None:
        order.insert(len(order) if position is None else min(position - 1, len(order)), moved)
    off = {row.trunk_id for row in tx.rows(
        "SELECT trunk_id FROM directory.trunks WHERE company_id = :company AND NOT enabled", company=company_id)}
    order.sort(key=lambda trunk: trunk in off)
    tx.execute(f"UPDATE directory.trunks SET position = position + {2 * _ASIDE} WHERE company_id = :company",
               company=company_id)
    tx.execute_many(
        "UPDATE directory.trunks SET position = :position WHERE company_id = :company AND trunk_id = :trunk",
        [{"company": company_id, "trunk": trunk, "position": at} for at, trunk in enumerate(order, start=1)])


def _check_label(tx: Transaction, company_id: int, label: Any, trunk_id: int | None) -> None:
    """The company's row is locked, so what is free now stays so."""
    if label is not None and tx.row(
            "SELECT trunk_id FROM directory.trunks WHERE company_id = :company AND coalesce(label, name) = :label"
            " AND trunk_id IS DISTINCT FROM :trunk", company=company_id, label=label, trunk=trunk_id):
        raise Refused("label_taken", "label: another trunk of the company is called so", "label")


def _audit(
    tx: Transaction, company_id: int, actor: Actor, before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    tx.execute(
        "INSERT INTO routing.audit (company_id, actor_role, actor_subscriber_id, via, what, before, after)"
        " VALUES (:company, :role, :actor, :via, 'trunk', CAST(:before AS jsonb), CAST(:after AS jsonb))",
        company=company_id, role=actor.role, actor=actor.subscriber_id, via=actor.via,
        before=json.dumps(before) if before else None, after=json.dumps(after) if after else None)
