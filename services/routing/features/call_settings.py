"""The row of routing.call_settings, which many features share a column or two of."""

from __future__ import annotations

from typing import Any

from services.routing.features.words import Whose
from shared.database import Row, Transaction


def columns_of(tx: Transaction, whose: Whose, **defaults: Any) -> Row:
    """These columns, or their defaults where nothing was ever set. NotFound: no such subscriber."""
    # Names come from the features, never from a request.
    row = tx.one(
        f"SELECT c.subscriber_id IS NOT NULL AS there, {', '.join(f'c.{name}' for name in defaults)}"
        " FROM directory.subscribers s LEFT JOIN routing.call_settings c"
        " ON (c.company_id, c.subscriber_id) = (s.company_id, s.subscriber_id)"
        " WHERE s.company_id = :company_id AND s.subscriber_id = :subscriber_id",
        company_id=whose.company_id, subscriber_id=whose.subscriber_id)
    return Row({name: row[name] if row.there else default for name, default in defaults.items()})


def save(tx: Transaction, whose: Whose, **values: Any) -> None:
    names = ", ".join(values)
    holders = ", ".join(f":{name}" for name in values)
    changed = ", ".join(f"{name} = excluded.{name}" for name in values)
    tx.execute(
        f"INSERT INTO routing.call_settings (company_id, subscriber_id, {names})"
        f" VALUES (:company_id, :subscriber_id, {holders})"
        f" ON CONFLICT (company_id, subscriber_id) DO UPDATE SET {changed}",
        company_id=whose.company_id, subscriber_id=whose.subscriber_id, **values)
