"""Who has an account: made, changed, ended by operators and, within their company, administrators. Use case."""

from __future__ import annotations

from typing import Any

from services.routing.accounts.logins import Refused
from shared.database import Row, RuleBroken, Transaction

_SHOWN = """
SELECT l.login_id, l.role, l.company_id, l.subscriber_id, l.login_name, coalesce(l.email, s.email) AS email,
       coalesce(l.name, trim(s.first_name || ' ' || s.last_name)) AS name, coalesce(s.language, l.language) AS language,
       l.password_hash IS NOT NULL AS has_password
FROM directory.logins l
LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (l.company_id, l.subscriber_id)
"""


def page(tx: Transaction, company_id: int | None, after: int, limit: int) -> list[Row]:
    """By id. company_id None: of the whole system."""
    return tx.rows(
        _SHOWN + " WHERE l.login_id > :after AND (CAST(:company_id AS bigint) IS NULL OR l.company_id = :company_id)"
        " ORDER BY l.login_id LIMIT :limit", company_id=company_id, after=after, limit=limit)


def one(tx: Transaction, login_id: int) -> Row:
    """Raises NotFound, also for what the transaction's company does not have."""
    return tx.one(_SHOWN + " WHERE l.login_id = :id", id=login_id)


def create(tx: Transaction, company_id: int | None, wanted: dict[str, Any]) -> Row:
    """Without a password: a reset by mail gives the first one. Raises Refused, RuleBroken."""
    if wanted["subscriber_id"] is None:
        wanted = {**wanted, "language": wanted["language"] or "de"}
    elif tx.row("SELECT 1 AS there FROM directory.subscribers"
                " WHERE company_id = :company_id AND subscriber_id = :id",
                company_id=company_id, id=wanted["subscriber_id"]) is None:
        raise Refused("unknown_subscriber", "subscriber_id", "subscriber_id: the company has no such person")
    else:
        wanted = {**wanted, "language": None}
    columns = ("role", "subscriber_id", "login_name", "name", "email", "language")
    made = tx.one(
        f"INSERT INTO directory.logins (company_id, {', '.join(columns)})"
        f" VALUES (:company_id, {', '.join(f':{name}' for name in columns)}) RETURNING login_id",
        company_id=company_id, **{name: wanted[name] for name in columns})
    return one(tx, made.login_id)


def change(tx: Transaction, login_id: int, changes: dict[str, Any]) -> Row:
    """A change of role ends the tokens of the old one. Raises NotFound, Refused, RuleBroken."""
    before = one(tx, login_id)
    for field in ("name", "email", "language"):
        if field in changes and before.subscriber_id is not None:
            raise Refused("invalid_field", field, f"{field}: is the directory's for a person")
    if "role" in changes:
        if before.role == "operator":
            raise Refused("invalid_field", "role", "role: an operator stays one", "make another log-in")
        if changes["role"] == "subscriber" and before.subscriber_id is None:
            raise Refused("invalid_field", "role", "role: a subscriber is a person")
    if changes:
        tx.execute(
            f"UPDATE directory.logins SET {', '.join(f'{name} = :{name}' for name in changes)} WHERE login_id = :id",
            id=login_id, **changes)
    if changes.get("role", before.role) != before.role:
        tx.execute("DELETE FROM directory.api_tokens WHERE login_id = :id", id=login_id)
    return one(tx, login_id)


def delete(tx: Transaction, login_id: int) -> None:
    """Its tokens and links end with it. Raises NotFound, Refused."""
    found = one(tx, login_id)
    if found.role == "operator" and tx.one(
            "SELECT count(*) AS left FROM directory.logins WHERE role = 'operator'").left == 1:
        raise Refused("last_operator", None, "this is the last operator", "make another one first")
    tx.execute("DELETE FROM directory.logins WHERE login_id = :id", id=login_id)


def said(error: RuleBroken) -> Refused:
    """What the schema's rules say to a person; they show when the transaction ends."""
    if error.constraint == "logins_login_name_key":
        return Refused("taken", "login_name", "login_name: somebody else has it")
    if error.constraint == "logins_company_id_subscriber_id_key":
        return Refused("taken", "subscriber_id", "subscriber_id: this person has a log-in")
    if error.constraint == "logins_email_check":
        return Refused("invalid_field", "email", "email: is no address mail can be sent to")
    return Refused("invalid_field", "company_id", "company_id: there is no such company")
