"""Use case: the record of calls, written from messages that may come twice and in any order, read page by page."""

from __future__ import annotations

import base64
import binascii
import json
import re
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
class Key:
    """Where a page ended: what lists are sorted by, newest first."""

    at: datetime
    call_id: UUID
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    company_id: int
    """Named in every statement: row security alone lets no index be used that begins with it."""
    subscriber_id: int
    kind: str | None = None
    search: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    before: Key | None = None
    limit: int = 50


class BadCursor(ValueError):
    """`next` is not one this service gave."""


_LINE = """
SELECT l.call_id, l.placed, l.at, c.started_at, c.rung, c.trace, c.later, c.steps, c.cause,
       CASE WHEN l.placed THEN 'placed' WHEN a.talked IS NOT NULL THEN 'received' ELSE 'missed' END AS kind,
       CASE WHEN o.colleague_id IS NULL THEN coalesce(k.name, o.name) ELSE o.name END AS name, k.contact_id,
       o.number, o.colleague_id,
       c.answered_at IS NOT NULL AS answered,
       CASE WHEN NOT l.placed OR l.other IS NOT NULL THEN coalesce(greatest(0, round(extract(epoch FROM a.talked))), 0)
            WHEN c.answered_at IS NULL OR c.ended_at IS NULL THEN 0
            ELSE greatest(0, round(extract(epoch FROM c.ended_at - c.answered_at))) END::int AS duration_s
FROM routing.call_log l
JOIN routing.calls c ON (c.company_id, c.call_id) = (l.company_id, l.call_id)
-- O2: who did not show himself is in the callee's list as he was on the display.
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.other IS NOT NULL THEN l.other ->> 'name' WHEN l.placed THEN c.callee_name
                WHEN NOT c.caller_withheld THEN c.caller_name END AS name,
           CASE WHEN l.other IS NOT NULL THEN l.other ->> 'number' WHEN l.placed THEN c.callee_number
                WHEN NOT c.caller_withheld THEN c.caller_number END AS number,
           CASE WHEN l.other IS NOT NULL THEN (l.other ->> 'id')::bigint WHEN l.placed THEN c.callee_subscriber_id
                WHEN NOT c.caller_withheld THEN c.caller_subscriber_id END AS colleague_id) o
-- How long he spoke; of a call he placed back out of the portal, how long the other one did.
CROSS JOIN LATERAL (
    SELECT sum(t.ended_at - t.answered_at) AS talked FROM routing.call_answers t
    WHERE t.company_id = l.company_id AND t.call_id = l.call_id
      AND (t.subscriber_id IS NOT DISTINCT FROM l.subscriber_id) <> l.placed) a
-- Whose number it is today: one's own contact before the company's.
LEFT JOIN LATERAL (
    SELECT t.contact_id, coalesce(nullif(btrim(t.first_name || ' ' || t.last_name), ''), t.organisation) AS name
    FROM directory.contact_numbers n
    JOIN directory.contacts t ON (t.company_id, t.contact_id) = (n.company_id, n.contact_id)
    WHERE n.company_id = l.company_id AND n.number = o.number AND o.colleague_id IS NULL
      AND (t.subscriber_id IS NULL OR t.subscriber_id = l.subscriber_id)
    ORDER BY t.subscriber_id NULLS LAST, t.contact_id LIMIT 1) k ON true
-- A call still up is neither missed nor received yet; one whose end nobody reported shows after half a day.
WHERE l.company_id = :company_id AND l.subscriber_id = :subscriber_id AND l.deleted_at IS NULL
  AND (c.ended_at IS NOT NULL OR c.started_at < now() - interval '12 hours')
"""
_NEWEST_FIRST = " ORDER BY l.at DESC, l.call_id DESC, l.placed DESC LIMIT :limit"
_KINDS = {
    "placed": "l.placed",
    "received": "NOT l.placed AND a.talked IS NOT NULL",
    "missed": "NOT l.placed AND a.talked IS NULL",
}


def page(tx: Transaction, wanted: Wanted) -> tuple[list[Row], Key | None]:
    """Newest first, and where the next page begins."""
    conditions = [""]
    values: dict[str, Any] = {"company_id": wanted.company_id, "subscriber_id": wanted.subscriber_id}
    if wanted.kind is not None:
        conditions.append(_KINDS[wanted.kind])
    if wanted.search is not None:
        conditions.append("(o.name ILIKE :in_name OR k.name ILIKE :in_name OR o.number LIKE :in_number)")
        values |= patterns(wanted.search)
    if wanted.begins is not None:
        conditions.append("l.at >= :begins")
        values["begins"] = wanted.begins
    if wanted.ends is not None:
        conditions.append("l.at < :ends")
        values["ends"] = wanted.ends
    if wanted.before is not None:
        conditions.append("(l.at, l.call_id, l.placed) < (:at, CAST(:call_id AS uuid), :placed)")
        values |= {"at": wanted.before.at, "call_id": wanted.before.call_id, "placed": wanted.before.placed}
    rows = tx.rows(_LINE + " AND ".join(conditions) + _NEWEST_FIRST, **values, limit=wanted.limit + 1)
    shown = rows[:wanted.limit]
    last = shown[-1] if len(rows) > wanted.limit else None
    return shown, Key(last.at, last.call_id, last.placed) if last else None


def patterns(search: str) -> dict[str, str]:
    """in_name and in_number: a number may be written as people write it, 0171 555 for +49171555."""
    text = search.strip()
    written = re.sub(r"[\s()/.-]", "", text)
    digits = written
    if re.fullmatch(r"00[0-9]+", written):
        digits = f"+{written[2:]}"
    elif re.fullmatch(r"0[0-9]+", written):
        digits = written[1:]
    return {"in_name": f"%{_literally(text)}%", "in_number": f"%{_literally(digits)}%"}


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def cursor(key: Key) -> str:
    text = f"{key.at.isoformat()}|{key.call_id}|{int(key.placed)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Key:
    try:
        at, call_id, placed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        when = datetime.fromisoformat(at)
        if when.tzinfo is None:
            raise BadCursor("no time zone")
        return Key(when, UUID(call_id), placed == "1")
    except (ValueError, binascii.Error) as error:
        raise BadCursor(str(error)) from error


def one(tx: Transaction, call_id: UUID, subscriber_id: int | None) -> Row | None:
    """The whole record, with everyone who answered; for a subscriber only of calls in his own list, and without the
    caller where that one did not show himself."""
    row = tx.row(
        """SELECT c.*, (SELECT coalesce(json_agg(json_build_object(
                            'at', a.answered_at, 'subscriber_id', a.subscriber_id) ORDER BY a.answered_at), '[]')
                        FROM routing.call_answers a
                        WHERE a.company_id = c.company_id AND a.call_id = c.call_id) AS answers
           FROM routing.calls c
           WHERE c.call_id = :call_id AND (CAST(:subscriber_id AS bigint) IS NULL OR EXISTS (
               SELECT FROM routing.call_log l WHERE l.company_id = c.company_id AND l.call_id = c.call_id
                 AND l.subscriber_id = :subscriber_id AND l.deleted_at IS NULL))""",
        call_id=call_id, subscriber_id=subscriber_id)
    if row is None or subscriber_id is None or not row.caller_withheld or row.caller_subscriber_id == subscriber_id:
        return row
    return Row({**row, "caller_number": None, "caller_name": None, "caller_subscriber_id": None})


def delete(tx: Transaction, company_id: int, subscriber_id: int, call_id: UUID | None = None) -> int:
    """One line of the subscriber's list, or all of it as he sees it: a call still up comes later (_LINE). The other
    party's list stays."""
    return tx.execute(
        """UPDATE routing.call_log l SET deleted_at = now() FROM routing.calls c
           WHERE (c.company_id, c.call_id) = (l.company_id, l.call_id)
             AND l.company_id = :company_id AND l.subscriber_id = :subscriber_id AND l.deleted_at IS NULL
             AND (c.ended_at IS NOT NULL OR c.started_at < now() - interval '12 hours')
             AND (CAST(:call_id AS uuid) IS NULL OR l.call_id = :call_id)""",
        company_id=company_id, subscriber_id=subscriber_id, call_id=call_id)


def erase(tx: Transaction, company_id: int, subscriber_id: int, actor_role: str) -> Row:
    """A person's whole list, really, with an entry of it (call_records.py); the company's records stay.

    Lines of the last day are only marked, and go in one of the next nights: a late report would bring them back.
    """
    gone = tx.execute(
        """DELETE FROM routing.call_log WHERE company_id = :company_id AND subscriber_id = :subscriber_id
           AND at < now() - interval '1 day'""", company_id=company_id, subscriber_id=subscriber_id)
    gone += tx.execute(
        """UPDATE routing.call_log SET deleted_at = coalesce(deleted_at, now())
           WHERE company_id = :company_id AND subscriber_id = :subscriber_id""",
        company_id=company_id, subscriber_id=subscriber_id)
    return tx.one(
        """INSERT INTO routing.call_deletions (company_id, why, until, subscriber_id, calls, lines, actor_role)
           VALUES (:company_id, 'person', now(), :subscriber_id, 0, :lines, :actor_role) RETURNING *""",
        company_id=company_id, subscriber_id=subscriber_id, lines=gone, actor_role=actor_role)
