"""A forgotten password or PIN: a wish, a mail with a link that works once, a new secret. Use case.

    asked -> outbox -> start (who is that?) -> resets row -> outbox -> mail with the link -> opened -> used

Whoever asks over HTTP only leaves a wish in the outbox, whether the account exists or not: same answer, same work.
The worker finds out, and nobody sees what it found.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Literal

from services.routing.accounts import limits, logins
from services.routing.accounts.logins import Refused, scope
from services.routing.accounts.reset_mail import LINK_MINUTES, Secret
from shared import outbox, passwords
from shared.api import token_sha256
from shared.database import Database, Row, Transaction

QUEUE = "routing.mail"
START_TASK = "routing.start_reset"
SEND_TASK = "routing.send_reset"

_NOBODYS = 0
"""Company of an outbox row about nobody in particular."""

AskedBy = Literal["owner", "administrator", "operator"]


class LinkIsOver(Exception):
    """Used, older than an hour, or never one of ours."""


@dataclass(frozen=True, slots=True)
class Link:
    reset_id: uuid.UUID
    login_id: int
    secret: Secret
    company_id: int | None
    subscriber_id: int | None
    role: str
    language: str
    words: list[str]
    numbers: list[str]
    pin_digits_at_least: int


def ask(database: Database, typed: str, secret: Secret, address: str) -> None:
    """By anybody. Past the limits the wish is dropped without a word: the answer is always the same."""
    try:
        limits.count(database, limits.RESET_FROM, address)
        limits.count(database, limits.RESET, f"{secret} {typed}")
    except limits.TooMany:
        return
    with database.platform() as tx:
        outbox.put(tx, "routing", _NOBODYS, queue=QUEUE, task=START_TASK, payload={
            "request_id": str(uuid.uuid4()), "typed": typed.strip(), "secret": secret})


def start(database: Database, request_id: str, typed: str, secret: Secret) -> int:
    """Number of accounts that get a mail. The same request again starts nothing new."""
    accounts = database.call("SELECT * FROM directory.accounts_named(:typed)", typed=typed)
    started = 0
    for account in accounts:
        if not account.email or (secret == "pin" and account.subscriber_id is None):  # noqa: S105
            continue
        with scope(database, account.company_id) as tx:
            login_id = account.login_id or login_of(tx, account.company_id, account.subscriber_id)
            if secret == "pin" and not _has_mailbox(tx, account.company_id, account.subscriber_id):  # noqa: S105
                continue
            # One request may mean several accounts with one address; its id and the account make the wish's own.
            reset_id = uuid.uuid5(uuid.UUID(request_id), str(login_id))
            started += put(tx, reset_id, login_id, account.company_id, secret, "owner")
    return started


def start_for(tx: Transaction, company_id: int, subscriber_id: int, secret: Secret, asked_by: AskedBy) -> None:
    """For a person, by who answers for him. Raises Refused."""
    person = tx.one("SELECT email FROM directory.subscribers"
                    " WHERE company_id = :company_id AND subscriber_id = :id", company_id=company_id, id=subscriber_id)
    if not person.email:
        raise Refused("no_address", None, "the directory has no e-mail address of this person", "add one first")
    if secret == "pin" and not _has_mailbox(tx, company_id, subscriber_id):  # noqa: S105
        raise Refused("no_mailbox", None, "this person has no mailbox")
    put(tx, uuid.uuid4(), login_of(tx, company_id, subscriber_id), company_id, secret, asked_by)


def put(tx: Transaction, reset_id: uuid.UUID, login_id: int, company_id: int | None, secret: Secret,
        asked_by: AskedBy) -> bool:
    """False: it was there already."""
    new = tx.execute(
        "INSERT INTO directory.resets (reset_id, login_id, company_id, secret, asked_by)"
        " VALUES (:id, :login_id, :company_id, :secret, :asked_by) ON CONFLICT DO NOTHING",
        id=reset_id, login_id=login_id, company_id=company_id, secret=secret, asked_by=asked_by)
    if new:
        outbox.put(tx, "routing", company_id or _NOBODYS, queue=QUEUE, task=SEND_TASK,
                   payload={"reset_id": str(reset_id)})
    return bool(new)


def login_of(tx: Transaction, company_id: int, subscriber_id: int) -> int:
    """The person's log-in; made, without a password, when there was none."""
    tx.execute("INSERT INTO directory.logins (role, company_id, subscriber_id)"
               " VALUES ('subscriber', :company_id, :id) ON CONFLICT (company_id, subscriber_id) DO NOTHING",
               company_id=company_id, id=subscriber_id)
    return int(tx.one("SELECT login_id FROM directory.logins WHERE company_id = :company_id AND subscriber_id = :id",
                      company_id=company_id, id=subscriber_id).login_id)


def new_link(tx: Transaction, reset_id: str) -> str:
    """The secret part of a link, which is then only in the mail."""
    token = secrets.token_urlsafe(32)
    tx.execute("INSERT INTO directory.reset_links (token_sha256, reset_id, expires_at)"
               " VALUES (:sha256, CAST(:id AS uuid), now() + make_interval(mins => :minutes))",
               sha256=token_sha256(token), id=reset_id, minutes=LINK_MINUTES)
    return token


def opened(database: Database, token: str, secret: Secret) -> Link:
    """What the link is for; looking does not use it up (mail programs look, too). Raises LinkIsOver."""
    found = database.call("SELECT * FROM directory.open_reset_link(:sha256)", sha256=token_sha256(token))
    if not found or found[0].secret != secret:
        raise LinkIsOver
    return Link(**found[0])


def use(database: Database, token: str, secret: Secret, new: str) -> Link:
    """Sets the new secret, once. Raises LinkIsOver, Refused; a secret that is refused does not use the link up."""
    link = opened(database, token, secret)
    problem = (passwords.password_problem(new, link.words) if secret == "password"  # noqa: S105
               else passwords.pin_problem(new, link.pin_digits_at_least, link.numbers))
    if problem:
        raise Refused("invalid_field", secret, f"{secret}: {problem}")
    hashed = passwords.hash_of(new)
    with scope(database, link.company_id) as tx:
        if not tx.execute("UPDATE directory.resets SET used_at = now() WHERE reset_id = :id AND used_at IS NULL",
                          id=link.reset_id):
            raise LinkIsOver
        if secret == "password":  # noqa: S105
            logins.set_password(tx, link.login_id, hashed)
            _unlock(tx, link.login_id)
        elif not tx.one("SELECT voicemail.set_pin(:company_id, :subscriber_id, :hashed) AS done",
                        company_id=link.company_id, subscriber_id=link.subscriber_id, hashed=hashed).done:
            raise LinkIsOver  # the mailbox is gone
        note_change(tx, link, secret)
    return link


def _unlock(tx: Transaction, login_id: int) -> None:
    names: Row = tx.one(
        "SELECT l.login_name, l.email, s.email AS address FROM directory.logins l LEFT JOIN directory.subscribers s"
        " ON (s.company_id, s.subscriber_id) = (l.company_id, l.subscriber_id) WHERE l.login_id = :id", id=login_id)
    limits.begin_anew(tx, limits.LOG_IN, names.values())
    limits.begin_anew(tx, limits.CHANGE, (str(login_id),))


def note_change(tx: Transaction, link: Link, secret: Secret) -> None:
    """That it was changed, never what it was or is."""
    if link.company_id is not None:
        tx.execute(
            "INSERT INTO routing.audit (company_id, actor_role, actor_subscriber_id, via, subscriber_id, what)"
            " VALUES (:company_id, :role, :id, 'http', :id, :what)",
            company_id=link.company_id, role=link.role, id=link.subscriber_id, what=f"{secret} by mail")


def _has_mailbox(tx: Transaction, company_id: int, subscriber_id: int) -> bool:
    return tx.row("SELECT 1 AS there FROM voicemail.mailboxes"
                  " WHERE company_id = :company_id AND subscriber_id = :id",
                  company_id=company_id, id=subscriber_id) is not None
