"""Webhooks: who is told of which calls, and what became of each notice. Use cases with their statements."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.callback import notice, receivers
from services.callback.receivers import BadReceiver, Network
from shared import outbox
from shared.database import NotFound, Row, Transaction

QUEUE = "callback.webhook"
TASK = "callback.webhook"
MOST = 10
"""Of one person, and of a company as a whole."""

_SHOWN = ("webhook_id, subscriber_id, url, label, states, enabled, disabled_because, created_at")


class Refused(Exception):
    """What was asked for may not be; .field names the part."""

    def __init__(self, error: str, message: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.field = field
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose webhooks: one person's, or those that are told of every call of the company."""

    company_id: int
    subscriber_id: int | None
    only_own: bool
    """Sees and changes no others of the company."""


def all_of(tx: Transaction, owner: Owner) -> list[Row]:
    return tx.rows(
        f"SELECT {_SHOWN} FROM callback.webhooks WHERE company_id = :company_id"
        " AND (NOT :only_own OR subscriber_id = :subscriber_id) ORDER BY webhook_id",
        company_id=owner.company_id, only_own=owner.only_own, subscriber_id=owner.subscriber_id)


def one(tx: Transaction, owner: Owner, webhook_id: int) -> Row:
    """Raises NotFound."""
    found = tx.row(
        f"SELECT {_SHOWN} FROM callback.webhooks WHERE company_id = :company_id AND webhook_id = :id"
        " AND (NOT :only_own OR subscriber_id = :subscriber_id) FOR UPDATE",
        company_id=owner.company_id, id=webhook_id, only_own=owner.only_own, subscriber_id=owner.subscriber_id)
    if found is None:
        raise NotFound("no such webhook")
    return found


def add(tx: Transaction, owner: Owner, wanted: dict[str, Any], networks: Sequence[Network]) -> Row:
    """wanted: url, label, states. With its secret: the only time it is shown. Raises Refused."""
    _check(wanted["url"], networks)
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('callback.webhooks', :company_id))",
               company_id=owner.company_id)
    there = tx.one(
        "SELECT count(*) AS n FROM callback.webhooks WHERE company_id = :company_id"
        " AND subscriber_id IS NOT DISTINCT FROM CAST(:subscriber_id AS bigint)",
        company_id=owner.company_id, subscriber_id=owner.subscriber_id).n
    if there >= MOST:
        raise Refused("too_many_webhooks", f"at most {MOST} webhooks", hint="delete one that is not needed any more")
    secret = _new_secret()
    made = tx.one(
        "INSERT INTO callback.webhooks (company_id, subscriber_id, url, label, states, secret)"
        f" VALUES (:company_id, :subscriber_id, :url, :label, :states, :secret) RETURNING {_SHOWN}",
        company_id=owner.company_id, subscriber_id=owner.subscriber_id, secret=secret, **wanted)
    return Row({**made, "secret": secret})


def change(tx: Transaction, owner: Owner, webhook_id: int, changes: dict[str, Any], networks: Sequence[Network]) -> Row:
    """Raises NotFound, Refused."""
    old = one(tx, owner, webhook_id)
    if "url" in changes:
        _check(changes["url"], networks)
    wanted = {name: changes.get(name, old[name]) for name in ("url", "label", "states", "enabled")}
    return tx.one(
        "UPDATE callback.webhooks SET url = :url, label = :label, states = :states, enabled = :enabled,"
        " disabled_because = CASE WHEN :enabled THEN NULL ELSE disabled_because END"
        f" WHERE company_id = :company_id AND webhook_id = :id RETURNING {_SHOWN}",
        company_id=owner.company_id, id=webhook_id, **wanted)


def new_secret(tx: Transaction, owner: Owner, webhook_id: int) -> Row:
    """The old one signs nothing any more. Raises NotFound."""
    found = one(tx, owner, webhook_id)
    secret = _new_secret()
    tx.execute("UPDATE callback.webhooks SET secret = :secret WHERE company_id = :company_id AND webhook_id = :id",
               company_id=owner.company_id, id=webhook_id, secret=secret)
    return Row({**found, "secret": secret})


def remove(tx: Transaction, owner: Owner, webhook_id: int) -> None:
    """With its notices, also those that wait. Raises NotFound."""
    one(tx, owner, webhook_id)
    tx.execute("DELETE FROM callback.webhooks WHERE company_id = :company_id AND webhook_id = :id",
               company_id=owner.company_id, id=webhook_id)


def _check(url: str, networks: Sequence[Network]) -> None:
    try:
        receivers.read(url, networks)
    except BadReceiver as error:
        raise Refused("invalid_field", f"url: {error}", "url", "https://, a name that leads to the internet") from error


def _new_secret() -> str:
    return notice.secret_of(secrets.token_bytes(notice.KEY_BYTES))


# -- notices -----------------------------------------------------------------------------------------

_DELIVERY = """
    SELECT d.delivery_id::text AS id, d.attempt_id::text AS call_id, c.state::text AS call_state, d.state, d.tries,
        d.created_at, d.delivered_at, d.last_status, d.last_error,
        CASE WHEN d.state = 'waiting' THEN d.next_try_at END AS next_try_at
    FROM callback.deliveries d JOIN callback.changes c ON c.change_id = d.change_id
"""


def deliveries(
    tx: Transaction, owner: Owner, webhook_id: int, state: str | None, before: UUID | None, limit: int
) -> list[Row]:
    """Newest first. Raises NotFound."""
    one(tx, owner, webhook_id)
    conditions = "d.company_id = :company_id AND d.webhook_id = :id"
    values: dict[str, Any] = {"company_id": owner.company_id, "id": webhook_id, "limit": limit}
    if state is not None:
        conditions += " AND d.state = :state"
        values["state"] = state
    if before is not None:
        conditions += (" AND (d.created_at, d.delivery_id) < (SELECT b.created_at, b.delivery_id"
                       " FROM callback.deliveries b WHERE b.delivery_id = CAST(:before AS uuid))")
        values["before"] = str(before)
    return tx.rows(f"{_DELIVERY} WHERE {conditions} ORDER BY d.created_at DESC, d.delivery_id DESC LIMIT :limit",
                   **values)


def try_again(tx: Transaction, owner: Owner, webhook_id: int, delivery_id: UUID) -> Row:
    """One that was given up, or waits for long: now, and from the first wait on. Raises NotFound, Refused."""
    one(tx, owner, webhook_id)
    known = tx.row(f"{_DELIVERY} WHERE d.company_id = :company_id AND d.webhook_id = :id"
                   " AND d.delivery_id = CAST(:delivery_id AS uuid) FOR UPDATE OF d",
                   company_id=owner.company_id, id=webhook_id, delivery_id=str(delivery_id))
    if known is None:
        raise NotFound("no such notice")
    if known.state == "delivered":
        raise Refused("delivered", "this notice was taken already")
    tx.execute(
        "UPDATE callback.deliveries SET state = 'waiting', tries = 0, next_try_at = now(), queued_at = now()"
        " WHERE company_id = :company_id AND delivery_id = CAST(:delivery_id AS uuid)",
        company_id=owner.company_id, delivery_id=str(delivery_id))
    outbox.put(tx, "callback", owner.company_id, queue=QUEUE, task=TASK, payload={"delivery_id": str(delivery_id)})
    return Row({**known, "state": "waiting", "tries": 0})
