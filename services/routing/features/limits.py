"""What a company's calls to the outside may be and cost, against fraud."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.features.barring import CHOSEN_CLASSES
from services.routing.features.base import Access, Feature
from services.routing.features.words import Scope, Whose
from services.routing.schemas.fields import WholeNumber
from shared.database import Transaction

_PRICES = {"national": 2, "mobile": 10, "international": 50, "premium": 200, "satellite": 500}
Price = Schema.from_dict({
    name: WholeNumber(load_default=_PRICES[name], validate=validate.Range(0, 100_000)) for name in CHOSEN_CLASSES
}, name="CentsPerMinute")


def _number(lowest: int, highest: int, default: int, what: str, **more: Any) -> WholeNumber:
    return WholeNumber(load_default=default, validate=validate.Range(lowest, highest),
                       metadata={"description": what}, **more)


class CallLimits(Schema):
    external_calls_per_minute = _number(1, 10_000, 100, "new calls to the outside, of the whole company")
    per_subscriber_per_minute = _number(1, 1000, 10, "new calls to the outside, of one person")
    forwarded_at_once = _number(0, 100, 2, "calls one person's forwards have outside at the same time")
    longest_call_s = _number(10, 86_400, 14_400, "a call to the outside ends after so many seconds")
    daily_budget_cents = _number(0, 1_000_000_000, 50_000, "of a day (UTC), by the prices below; null: no budget",
                                 allow_none=True)
    alert_percent = _number(1, 100, 80, "of the budget: the operator is told")
    cents_per_minute = fields.Nested(Price, load_default=lambda: dict(_PRICES), metadata={
        "description": "what a begun minute is counted with"})


_COLUMNS = ("per_subscriber_per_minute", "forwarded_at_once", "longest_call_s", "daily_budget_cents", "alert_percent",
            "cents_per_minute")


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        f"SELECT l.company_id IS NOT NULL AS there, c.max_external_calls_per_minute, {', '.join(_COLUMNS)}"
        " FROM directory.companies c LEFT JOIN routing.call_limits l ON l.company_id = c.company_id"
        " WHERE c.company_id = :id", id=whose.company_id)
    found: dict[str, Any] = CallLimits().load({})
    if row.there:
        found |= {name: row[name] for name in _COLUMNS}
        found["cents_per_minute"] = {**_PRICES, **row.cents_per_minute}
    return {**found, "external_calls_per_minute": row.max_external_calls_per_minute}


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    if new["external_calls_per_minute"] != old["external_calls_per_minute"]:
        tx.execute("UPDATE directory.companies SET max_external_calls_per_minute = :most WHERE company_id = :id",
                   id=whose.company_id, most=new["external_calls_per_minute"])
    values = {**{name: new[name] for name in _COLUMNS}, "cents_per_minute": json.dumps(new["cents_per_minute"])}
    tx.execute(
        f"INSERT INTO routing.call_limits (company_id, {', '.join(_COLUMNS)})"
        " VALUES (:id, :per_subscriber_per_minute, :forwarded_at_once, :longest_call_s, :daily_budget_cents,"
        " :alert_percent, CAST(:cents_per_minute AS jsonb)) ON CONFLICT (company_id) DO UPDATE"
        f" SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}", id=whose.company_id, **values)


FEATURES = (
    Feature(
        name="call_limits", scopes=frozenset({Scope.COMPANY}), schema=CallLimits, read=_read, write=_write,
        subscriber=Access.NONE, summary="What calls to the outside may be and cost",
        example={
            "external_calls_per_minute": 100, "per_subscriber_per_minute": 10, "forwarded_at_once": 2,
            "longest_call_s": 14_400, "daily_budget_cents": 50_000, "alert_percent": 80, "cents_per_minute": _PRICES},
        change_example={"per_subscriber_per_minute": 5, "daily_budget_cents": 20_000}),
)
