"""Plans that are kept, then ordered or discarded (N6): the operators', in transactions for all companies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from services.routing.apply import plan as plans
from services.routing.apply.use_case import Made, make
from shared.database import NotFound, Row, Transaction

_SHOWN = "order_id, sip_domain AS company, prune, plan, state, kept_at, ended_at"


class NoLonger(Exception):
    """The order cannot be carried out: .error is the id, the text says why."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


def keep(tx: Transaction, text: str, prune: bool, made: Made) -> int:
    """The plan of a look, for later; in a transaction of its own, since the look's is undone."""
    return int(tx.one(
        "INSERT INTO routing.orders (company_id, sip_domain, document, prune, plan, fingerprint) VALUES ("
        " (SELECT company_id FROM directory.companies WHERE sip_domain = :domain), :domain, :document, :prune,"
        " CAST(:plan AS jsonb), :fingerprint) RETURNING order_id",
        domain=made.domain, document=text, prune=prune, plan=json.dumps(made.plan),
        fingerprint=plans.fingerprint(made.plan)).order_id)


def all_kept(tx: Transaction, most: int = 200) -> list[Row]:
    return tx.rows(f"SELECT {_SHOWN} FROM routing.orders ORDER BY kept_at DESC, order_id DESC LIMIT :most", most=most)


def one(tx: Transaction, order_id: int) -> Row:
    """Raises NotFound."""
    return tx.one(f"SELECT {_SHOWN} FROM routing.orders WHERE order_id = :id", id=order_id)


def discard(tx: Transaction, order_id: int) -> None:
    _end(tx, order_id, "discarded")


def order(tx: Transaction, order_id: int, *, secrets: Mapping[str, str], today: date) -> Made:
    """Carries the plan out, if it is still the plan: a look at the file today must come to the same.

    Raises NoLonger, NotFound, and Unreadable when the file breaks a rule by now.
    """
    row = tx.row("SELECT document, prune, fingerprint, plan FROM routing.orders WHERE order_id = :id", id=order_id)
    if row is None:
        raise NotFound("no such order")
    _end(tx, order_id, "ordered")
    made = make(tx, row.document, prune=row.prune, secrets=secrets, today=today)
    if plans.fingerprint(made.plan) != row.fingerprint:
        raise NoLonger("plan_outdated", "the company changed since the plan was made: "
                       + _difference(row.plan, made.plan))
    return made


def _end(tx: Transaction, order_id: int, state: str) -> None:
    row = tx.row("SELECT state FROM routing.orders WHERE order_id = :id FOR UPDATE", id=order_id)
    if row is None:
        raise NotFound("no such order")
    if row.state != "kept":
        raise NoLonger("order_ended", f"this plan was {row.state} already")
    tx.execute("UPDATE routing.orders SET state = :state, ended_at = now() WHERE order_id = :id",
               state=state, id=order_id)


def _difference(kept: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first few lines that one plan has and the other has not."""
    before = {json.dumps(line, sort_keys=True) for line in kept["changes"]}
    after = {json.dumps(line, sort_keys=True) for line in now["changes"]}
    words = []
    for line in sorted(before ^ after)[:5]:
        change = json.loads(line)
        words.append(f"{'no longer ' if line in before else 'now also '}"
                     f"{change['action']} {change['kind']} {change['name']}")
    return "; ".join(words) or "it comes out otherwise"
