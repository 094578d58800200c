"""Logging in and out, tokens, one's own password. Use case.

A token got by logging in ends after TOKEN_HOURS, with a log-out, or with the password; tokens of programs, which an
operator made, only when somebody takes them back.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from services.routing.accounts import limits
from shared import passwords
from shared.api import token_sha256
from shared.database import Database, Row, Transaction
from shared.metrics import Counter

log = structlog.get_logger()

TOKEN_HOURS = 12
MOST_OF_ONE_ADDRESS = 5
"""Accounts that are looked at when one address is that of several: each costs an argon2."""

LOG_INS = Counter("pbx_routing_log_ins_total", "Log-ins asked for", ["outcome"])


class WrongLogIn(Exception):
    """No such account, no password set, or another one: nobody is told which."""


class Refused(Exception):
    """A rule is broken: .field, .error, .message."""

    def __init__(self, error: str, field: str | None, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.error, self.field, self.message, self.hint = error, field, message, hint


@dataclass(frozen=True, slots=True)
class Issued:
    token: str
    """Shown once."""
    expires_at: datetime
    role: str
    company_id: int | None
    subscriber_id: int | None


@contextmanager
def scope(database: Database, company_id: int | None) -> Iterator[Transaction]:
    """The company's transaction; operators belong to none."""
    with database.platform() if company_id is None else database.company(company_id) as tx:
        yield tx


def log_in(database: Database, typed: str, password: str, address: str, label: str) -> Issued:
    """Raises WrongLogIn, limits.TooMany."""
    try:
        limits.count(database, limits.LOG_IN_FROM, address)
        limits.count(database, limits.LOG_IN, typed)
    except limits.TooMany:
        LOG_INS.labels("locked").inc()
        log.warning("log-in locked", address=address)
        raise
    accounts = database.call("SELECT * FROM directory.accounts_named(:typed)", typed=typed.strip())
    account = _whose(accounts, password)
    if account is None:
        LOG_INS.labels("wrong").inc()
        log.warning("log-in wrong", address=address)  # not what was typed: some type their password there
        raise WrongLogIn
    token, expires_at = secrets.token_urlsafe(32), datetime.now(UTC) + timedelta(hours=TOKEN_HOURS)
    with scope(database, account.company_id) as tx:
        limits.begin_anew(tx, limits.LOG_IN, (typed, account.login_name, account.email))
        tx.execute(
            "INSERT INTO directory.api_tokens"
            " (token_sha256, role, company_id, subscriber_id, label, expires_at, login_id)"
            " VALUES (:sha256, :role, :company_id, :subscriber_id, :label, :expires_at, :login_id)",
            sha256=token_sha256(token), role=account.role, company_id=account.company_id,
            subscriber_id=account.subscriber_id, label=label, expires_at=expires_at, login_id=account.login_id)
    LOG_INS.labels("done").inc()
    log.info("logged in", company_id=account.company_id, subscriber_id=account.subscriber_id, role=account.role)
    return Issued(token, expires_at, account.role, account.company_id, account.subscriber_id)


def _whose(accounts: list[Row], password: str) -> Row | None:
    """Several may share an address, also in other companies, and most of them never chose a password: it is the one
    whose password this is, and nobody when it is that of two. As much work for no account as for one."""
    hashes = [one.password_hash for one in accounts if one.password_hash][:MOST_OF_ONE_ADDRESS] or [None]
    fit = [one for one in hashes if passwords.verify(one, password)]
    return next(one for one in accounts if one.password_hash == fit[0]) if len(fit) == 1 else None


# ----- tokens

_OF_THE_SAME = """
FROM directory.api_tokens t JOIN directory.api_tokens own ON own.token_sha256 = :sha256
WHERE t.role = own.role AND t.company_id IS NOT DISTINCT FROM own.company_id
  AND t.subscriber_id IS NOT DISTINCT FROM own.subscriber_id
  -- Several may administer a company, or operate the system, without being a person of it.
  AND (t.subscriber_id IS NOT NULL OR t.login_id IS NOT DISTINCT FROM own.login_id)
  AND (t.expires_at IS NULL OR t.expires_at > now())
"""


def tokens_like(tx: Transaction, token: str) -> list[Row]:
    """All tokens of whom this one speaks for."""
    return tx.rows(
        "SELECT t.token_id, t.role, t.label, t.created_at, t.expires_at, t.login_id IS NULL AS of_program,"
        f" t.token_sha256 = own.token_sha256 AS current {_OF_THE_SAME} ORDER BY t.token_id",
        sha256=token_sha256(token))


def tokens_of(tx: Transaction, company_id: int, subscriber_id: int) -> list[Row]:
    return tx.rows(
        "SELECT token_id, role, label, created_at, expires_at, login_id IS NULL AS of_program, false AS current"
        " FROM directory.api_tokens WHERE company_id = :company_id AND subscriber_id = :subscriber_id"
        " AND (expires_at IS NULL OR expires_at > now()) ORDER BY token_id",
        company_id=company_id, subscriber_id=subscriber_id)


def take_back(tx: Transaction, token_ids: list[int]) -> int:
    """token_ids: of tokens seen by tokens_like or tokens_of."""
    return tx.execute("DELETE FROM directory.api_tokens WHERE token_id = ANY(:ids)", ids=token_ids)


def log_out(tx: Transaction, token: str) -> None:
    tx.execute("DELETE FROM directory.api_tokens WHERE token_sha256 = :sha256", sha256=token_sha256(token))


# ----- one's own password


def change_password(database: Database, token: str, company_id: int | None, current: str, new: str) -> None:
    """Ends the other tokens of this log-in. Raises Refused, WrongLogIn, limits.TooMany."""
    with scope(database, company_id) as tx:
        login = tx.row(
            """SELECT l.login_id, l.login_name, l.password_hash, coalesce(l.email, s.email) AS email
               FROM directory.api_tokens t
               JOIN directory.logins l ON l.login_id = t.login_id
                    OR (l.company_id = t.company_id AND l.subscriber_id = t.subscriber_id)
               LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (l.company_id, l.subscriber_id)
               WHERE t.token_sha256 = :sha256""", sha256=token_sha256(token))
    if login is None or login.password_hash is None:
        raise Refused("no_password", None, "there is no password yet", "ask for one: POST /v1/password-reset")
    limits.count(database, limits.CHANGE, str(login.login_id))
    if not passwords.verify(login.password_hash, current):
        raise WrongLogIn
    with scope(database, company_id) as tx:
        problem = passwords.password_problem(new, words_about(tx, login.login_id))
    if problem is None and passwords.verify(login.password_hash, new):
        problem = "must be another one than before"
    if problem:
        raise Refused("invalid_field", "new", f"new: {problem}")
    hashed = passwords.hash_of(new)
    with scope(database, company_id) as tx:
        limits.begin_anew(tx, limits.LOG_IN, (login.login_name, login.email))
        limits.begin_anew(tx, limits.CHANGE, (str(login.login_id),))
        set_password(tx, login.login_id, hashed, keep=token)


def set_password(tx: Transaction, login_id: int, hashed: str, keep: str | None = None) -> None:
    """keep: the token that may stay; all others got with the old password end, and so do links still open."""
    tx.execute("UPDATE directory.logins SET password_hash = :hashed WHERE login_id = :id", hashed=hashed, id=login_id)
    tx.execute("DELETE FROM directory.api_tokens WHERE login_id = :id AND token_sha256 <> :keep",
               id=login_id, keep=token_sha256(keep) if keep else b"")
    tx.execute("UPDATE directory.resets SET used_at = now()"
               " WHERE login_id = :id AND secret = 'password' AND used_at IS NULL", id=login_id)


def words_about(tx: Transaction, login_id: int) -> list[str]:
    """What no password may be built on."""
    row: dict[str, Any] = tx.one(
        """SELECT l.login_name, l.email, l.name, s.email AS address, s.first_name, s.last_name, c.name AS company
           FROM directory.logins l
           LEFT JOIN directory.companies c ON c.company_id = l.company_id
           LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (l.company_id, l.subscriber_id)
           WHERE l.login_id = :id""", id=login_id)
    return [word for word in row.values() if word]
