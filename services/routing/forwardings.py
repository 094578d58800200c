"""Use case: a subscriber's forwardings (R1, R2), entered in any usual form, kept as what is dialled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.routing.facts import Company
from services.routing.rungs.barring import may_be_dialled
from shared.database import Row, Transaction
from shared.dialling import is_emergency, number_class
from shared.phone_number import InvalidNumber, PhoneNumber


class Kind(StrEnum):
    ALWAYS = "always"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_REACHABLE = "not_reachable"


DEFAULT_RINGS = 4


@dataclass(frozen=True, slots=True)
class Change:
    kind: Kind
    enabled: bool
    target: str | None
    """As entered; None keeps the one stored."""
    rings: int | None


class Refused(Exception):
    """.error and .field say what is wrong with the change."""

    def __init__(self, error: str, field: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.field = field
        self.message = message
        self.hint = hint


def all_of(tx: Transaction, company_id: int, subscriber_id: int) -> list[dict[str, Any]]:
    """One of each kind; what was never set is off."""
    owner = _owner(tx, company_id, subscriber_id)
    rows = {row.kind: row for row in tx.rows(
        "SELECT kind, enabled, target, rings FROM routing.forwardings"
        " WHERE company_id = :company_id AND subscriber_id = :id", company_id=company_id, id=subscriber_id)}
    return [_shown(kind, rows.get(kind.value), owner) for kind in Kind]


def put(tx: Transaction, company_id: int, subscriber_id: int, change: Change) -> dict[str, Any]:
    """Raises Refused, NotFound."""
    owner = _owner(tx, company_id, subscriber_id)
    stored = tx.row(
        "SELECT target, rings FROM routing.forwardings"
        " WHERE company_id = :company_id AND subscriber_id = :id AND kind = :kind FOR UPDATE",
        company_id=company_id, id=subscriber_id, kind=change.kind.value)
    if change.target is None and stored is None:
        if change.enabled:
            raise Refused("target_missing", "target", "there is no number to forward to yet",
                          "send the target with it")
        return _shown(change.kind, None, owner)
    target = _target(tx, change.target, owner) if change.target is not None else stored.target  # type: ignore[union-attr]
    rings = change.rings if change.rings is not None else (stored.rings if stored else DEFAULT_RINGS)
    row = tx.one(
        """INSERT INTO routing.forwardings (company_id, subscriber_id, kind, enabled, target, rings)
           VALUES (:company_id, :subscriber_id, :kind, :enabled, :target, :rings)
           ON CONFLICT (company_id, subscriber_id, kind) DO UPDATE
           SET enabled = excluded.enabled, target = excluded.target, rings = excluded.rings,
               revision = forwardings.revision + 1
           RETURNING kind, enabled, target, rings""",
        company_id=owner.company_id, subscriber_id=subscriber_id, kind=change.kind.value, enabled=change.enabled,
        target=target, rings=rings)
    return _shown(change.kind, row, owner)


def _owner(tx: Transaction, company_id: int, subscriber_id: int) -> Row:
    return tx.one(
        """SELECT s.company_id, s.extension, t.country, t.area_code, c.allowed_classes,
                  ARRAY(SELECT n.number FROM directory.numbers n WHERE n.company_id = s.company_id
                        AND n.subscriber_id = s.subscriber_id) AS numbers
           FROM directory.subscribers s
           JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
           JOIN directory.companies c ON c.company_id = s.company_id
           WHERE s.company_id = :company_id AND s.subscriber_id = :id""", company_id=company_id, id=subscriber_id)


def _target(tx: Transaction, entered: str, owner: Row) -> str:
    """An extension of the company as it is, everything else as E.164."""
    text = entered.strip()
    if is_emergency(text, owner.country):
        raise Refused("target_is_emergency", "target", "an emergency number is no forwarding target")
    if text == owner.extension:
        raise Refused("target_is_own", "target", "one cannot forward to oneself")
    if text.isdigit() and 2 <= len(text) <= 6 and not text.startswith("0"):
        if tx.row(
                "SELECT 1 AS there FROM directory.subscribers"
                " WHERE company_id = :company_id AND extension = :extension",
                company_id=owner.company_id, extension=text):
            return text
        raise Refused("target_unknown", "target", f"nobody has the extension {text}",
                      "outside numbers begin with 0 or +")
    try:
        number = PhoneNumber.parse(text, owner.country, owner.area_code).e164
    except InvalidNumber as error:
        raise Refused("target_invalid", "target", error.rule) from error
    if number in owner.numbers:
        raise Refused("target_is_own", "target", "one cannot forward to oneself")
    if tx.row("SELECT 1 AS there FROM directory.numbers WHERE number = :number", number=number):
        return number
    known_class = number_class(number, owner.country).value
    company = Company(owner.company_id, "", allowed_classes=frozenset(owner.allowed_classes))
    if may_be_dialled(number, known_class, company, ()):
        raise Refused("target_not_allowed", "target", f"{known_class} numbers are not allowed in this company",
                      "ask the operator to allow the class")
    return number


def _shown(kind: Kind, row: Row | None, owner: Row) -> dict[str, Any]:
    target = row.target if row else None
    shown = PhoneNumber(target).shown_in(owner.country) if target and target.startswith("+") else target
    return {
        "kind": kind.value, "enabled": row.enabled if row else False, "target": target, "target_shown": shown,
        "rings": (row.rings if row else DEFAULT_RINGS) if kind is Kind.NO_ANSWER else None,
    }
