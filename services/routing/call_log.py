"""Use case: the record of calls, written from messages that may come twice and in any order, read page by page."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Row, Transaction

Record = dict[str, Any]


def write(tx: Transaction, company_id: int, records: list[Record]) -> None:
    """Records of one company (call.py, ends.py); writing them again changes nothing."""
    tx.execute("SELECT routing.write_records(:company_id, CAST(:records AS jsonb))",
               company_id=company_id, records=json.dumps(records))


# ----- reading


@dataclass(frozen=True, slots=True)
class Wanted:
    company_id: int
    """Named in every statement: row security alone lets no index be used that begins with it."""
    subscriber_id: int
    kind: str | None = None
    search: str | None = None
    before: tuple[datetime, UUID, bool] | None = None
    limit: int = 50


class BadCursor(ValueError):
    """`next` is not one this service gave."""


_LINES = """
SELECT * FROM (
    SELECT c.call_id, l.placed, c.started_at, c.rung,
           CASE WHEN l.placed THEN 'placed' WHEN c.answered_by = l.subscriber_id THEN 'received'
                ELSE 'missed' END AS kind,
           CASE WHEN l.placed THEN c.callee_name ELSE c.caller_name END AS name,
           CASE WHEN l.placed THEN c.callee_number ELSE c.caller_number END AS number,
           CASE WHEN c.answered_at IS NULL OR c.ended_at IS NULL
                     OR (NOT l.placed AND c.answered_by IS DISTINCT FROM l.subscriber_id) THEN 0
                ELSE greatest(0, round(extract(epoch FROM c.ended_at - c.answered_at)))::int END AS duration_s
    FROM routing.call_log l
    JOIN routing.calls c ON (c.company_id, c.call_id) = (l.company_id, l.call_id)
    -- A call still up is neither missed nor received yet; one whose end nobody reported shows after half a day.
    WHERE l.company_id = :company_id AND l.subscriber_id = :subscriber_id AND l.deleted_at IS NULL
      AND (c.ended_at IS NOT NULL OR c.started_at < now() - interval '12 hours')
) line
WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)
  AND (CAST(:pattern AS text) IS NULL OR name ILIKE :pattern OR number ILIKE :pattern)
  AND (CAST(:at AS timestamptz) IS NULL OR (started_at, call_id, placed) < (:at, CAST(:call_id AS uuid), :placed))
ORDER BY started_at DESC, call_id DESC, placed DESC LIMIT :limit
"""


def page(tx: Transaction, wanted: Wanted) -> tuple[list[Row], str | None]:
    """Newest first, and the cursor of the next page."""
    at, call_id, placed = wanted.before or (None, None, None)
    rows = tx.rows(
        _LINES, company_id=wanted.company_id, subscriber_id=wanted.subscriber_id, kind=wanted.kind,
        pattern=f"%{_literally(wanted.search)}%" if wanted.search else None,
        at=at, call_id=call_id, placed=placed, limit=wanted.limit + 1)
    shown = rows[:wanted.limit]
    more = len(rows) > wanted.limit
    return shown, cursor(shown[-1]) if more else None


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def cursor(row: Row) -> str:
    text = f"{row.started_at.isoformat()}|{row.call_id}|{int(row.placed)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[datetime, UUID, bool]:
    try:
        at, call_id, placed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        when = datetime.fromisoformat(at)
        if when.tzinfo is None:
            raise BadCursor("no time zone")
        return when, UUID(call_id), placed == "1"
    except (ValueError, binascii.Error) as error:
        raise BadCursor(str(error)) from error


def one(tx: Transaction, call_id: UUID, subscriber_id: int | None) -> Row | None:
    """The whole record; for a subscriber only of calls in his own list."""
    return tx.row(
        """SELECT c.* FROM routing.calls c
           WHERE c.call_id = :call_id AND (CAST(:subscriber_id AS bigint) IS NULL OR EXISTS (
               SELECT FROM routing.call_log l WHERE l.company_id = c.company_id AND l.call_id = c.call_id
                 AND l.subscriber_id = :subscriber_id AND l.deleted_at IS NULL))""",
        call_id=call_id, subscriber_id=subscriber_id)


def delete(tx: Transaction, company_id: int, subscriber_id: int, call_id: UUID | None = None) -> int:
    """One line of the subscriber's list, or all of it; the other party's list stays."""
    return tx.execute(
        """UPDATE routing.call_log SET deleted_at = now()
           WHERE company_id = :company_id AND subscriber_id = :subscriber_id AND deleted_at IS NULL
             AND (CAST(:call_id AS uuid) IS NULL OR call_id = :call_id)""",
        company_id=company_id, subscriber_id=subscriber_id, call_id=call_id)
