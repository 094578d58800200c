"""How long a company keeps its records of calls (L2), and how long the PINs of its mailboxes must be (V6)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, validate

from services.routing.features.base import Access, Feature
from services.routing.features.words import Scope, Whose
from services.routing.schemas.fields import WholeNumber
from shared.database import Transaction
from shared.passwords import PIN_DIGITS, PIN_DIGITS_USUAL


class CallRetention(Schema):
    days = WholeNumber(load_default=None, allow_none=True, validate=validate.Range(1, 3650), metadata={
        "description": "records and lists of calls older than this are deleted every night; null: kept"})


class MailboxPins(Schema):
    digits_at_least = WholeNumber(load_default=PIN_DIGITS_USUAL, validate=validate.Range(*PIN_DIGITS), metadata={
        "description": "of new PINs"})


def _read_retention(tx: Transaction, whose: Whose) -> dict[str, Any]:
    return {"days": tx.one("SELECT call_retention_days AS days FROM directory.companies WHERE company_id = :id",
                           id=whose.company_id).days}


def _write_retention(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.execute("UPDATE directory.companies SET call_retention_days = :days WHERE company_id = :id",
               id=whose.company_id, days=new["days"])


def _read_pins(tx: Transaction, whose: Whose) -> dict[str, Any]:
    return {"digits_at_least": tx.one(
        "SELECT pin_digits_at_least AS digits FROM directory.companies WHERE company_id = :id",
        id=whose.company_id).digits}


def _write_pins(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.execute("UPDATE directory.companies SET pin_digits_at_least = :digits WHERE company_id = :id",
               id=whose.company_id, digits=new["digits_at_least"])


FEATURES = (
    Feature(
        name="call_retention", scopes=frozenset({Scope.COMPANY}), schema=CallRetention, read=_read_retention,
        write=_write_retention, subscriber=Access.NONE, summary="How long records of calls are kept",
        example={"days": 180}, change_example={"days": 90}),
    Feature(
        name="mailbox_pins", scopes=frozenset({Scope.COMPANY}), schema=MailboxPins, read=_read_pins,
        write=_write_pins, subscriber=Access.READ, summary="How long the PIN of a mailbox must be",
        example={"digits_at_least": 8}, change_example={"digits_at_least": 8}),
)
