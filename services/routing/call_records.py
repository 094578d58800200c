"""Use case: the company's records of calls (L2): read in order of time, deleted when their time is over.

A filter no index knows (part of a name, answered or not) is looked for stretch by stretch, from the newest on, for at
most SEARCH_S: a page may then hold fewer calls than asked for and still say where to go on. So a question over a
million calls never holds up the database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.routing.call_log import Key, patterns
from shared.database import Database, Row, Transaction

SEARCH_S = 1.0
_STRETCH = 10_000
_FIRST_STRETCH = 500
"""Most filters are fulfilled by the newest calls already."""
_BATCH = 2_000

_CALL = """
SELECT c.call_id, c.direction, c.started_at, c.answered_at, c.ended_at, c.cause, c.caller_subscriber_id,
       c.caller_number, c.caller_name, c.dialled, c.callee_subscriber_id, c.callee_number, c.callee_name,
       (SELECT a.subscriber_id FROM routing.call_answers a
        WHERE a.company_id = c.company_id AND a.call_id = c.call_id AND a.subscriber_id IS NOT NULL
        ORDER BY a.answered_at LIMIT 1) AS answered_by,
       c.rung, c.trace, c.later, c.steps, c.from_memory, c.answered_at IS NOT NULL AS answered,
       CASE WHEN c.answered_at IS NULL OR c.ended_at IS NULL THEN 0
            ELSE greatest(0, round(extract(epoch FROM c.ended_at - c.answered_at)))::int END AS duration_s
FROM routing.calls c
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    company_id: int
    direction: str | None = None
    answered: bool | None = None
    subscriber_id: int | None = None
    """Calls he made or was called in."""
    rung: str | None = None
    search: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    before: Key | None = None
    limit: int = 50


def page(tx: Transaction, wanted: Wanted) -> tuple[list[Row], Key | None]:
    """Newest first, and where the next page begins; see above for pages that are not full."""
    began = time.monotonic()
    found: list[UUID] = []
    at, looks_at = wanted.before, min(_FIRST_STRETCH, _STRETCH)
    while True:
        ids, reached = _stretch(tx, replace(wanted, before=at), wanted.limit + 1 - len(found), looks_at)
        looks_at = min(looks_at * 4, _STRETCH)
        found += ids
        if len(found) > wanted.limit or reached is None:
            at = None
            break
        at = reached
        if time.monotonic() - began > SEARCH_S:
            break
    more = len(found) > wanted.limit
    rows = tx.rows(_CALL + " WHERE c.company_id = :company_id AND c.call_id = ANY(CAST(:ids AS uuid[]))"
                   " ORDER BY c.started_at DESC, c.call_id DESC",
                   company_id=wanted.company_id, ids=[str(one) for one in found[:wanted.limit]])
    return rows, Key(rows[-1].started_at, rows[-1].call_id) if more else at


def _stretch(tx: Transaction, wanted: Wanted, limit: int, looks_at: int) -> tuple[list[UUID], Key | None]:
    """Matching calls of the next looks_at by time, and where those end; None: nothing is left."""
    inner = ["c.company_id = :company_id"]
    values: dict[str, Any] = {"company_id": wanted.company_id}
    if wanted.begins is not None:
        inner.append("c.started_at >= :begins")
        values["begins"] = wanted.begins
    if wanted.ends is not None:
        inner.append("c.started_at < :ends")
        values["ends"] = wanted.ends
    if wanted.before is not None:
        inner.append("(c.started_at, c.call_id) < (:at, CAST(:call_id AS uuid))")
        values |= {"at": wanted.before.at, "call_id": wanted.before.call_id}
    if wanted.subscriber_id is not None:  # both have an index
        inner.append("(c.caller_subscriber_id = :subscriber_id OR c.callee_subscriber_id = :subscriber_id)")
        values["subscriber_id"] = wanted.subscriber_id
    outer = ["true"]
    for name in ("direction", "rung"):
        if getattr(wanted, name) is not None:
            outer.append(f"{name} = :{name}")
            values[name] = getattr(wanted, name)
    if wanted.answered is not None:
        outer.append("(answered_at IS NOT NULL) = :answered")
        values["answered"] = wanted.answered
    if wanted.search is not None:
        outer.append("(caller_name ILIKE :in_name OR callee_name ILIKE :in_name OR caller_number LIKE :in_number"
                     " OR callee_number LIKE :in_number OR dialled LIKE :in_number)")
        values |= patterns(wanted.search)
    if len(outer) == 1:
        looks_at = limit
    row = tx.one(
        f"""WITH stretch AS MATERIALIZED (
                SELECT c.call_id, c.started_at, c.direction, c.rung, c.answered_at, c.caller_name, c.callee_name,
                       c.caller_number, c.callee_number, c.dialled
                FROM routing.calls c WHERE {' AND '.join(inner)}
                ORDER BY c.started_at DESC, c.call_id DESC LIMIT :looks_at),
            matching AS (
                SELECT call_id, started_at FROM stretch WHERE {' AND '.join(outer)}
                ORDER BY started_at DESC, call_id DESC LIMIT :limit)
            SELECT ARRAY(SELECT call_id::text FROM matching ORDER BY started_at DESC, call_id DESC) AS ids,
                   (SELECT count(*) FROM stretch) AS seen,
                   (SELECT started_at FROM stretch ORDER BY started_at, call_id LIMIT 1) AS last_at,
                   (SELECT call_id FROM stretch ORDER BY started_at, call_id LIMIT 1) AS last_id""",
        **values, looks_at=looks_at, limit=limit)
    ids = [UUID(one) for one in row.ids]
    return ids, Key(row.last_at, row.last_id) if row.seen == looks_at else None


def one(tx: Transaction, company_id: int, call_id: UUID) -> Row:
    """Raises NotFound."""
    return tx.one(_CALL + " WHERE c.company_id = :company_id AND c.call_id = CAST(:id AS uuid)",
                  company_id=company_id, id=str(call_id))


def every(database: Database, wanted: Wanted) -> Iterator[Row]:
    """All that match, newest first, in a transaction a batch: nothing is held while a slow reader reads."""
    at: Key | None = wanted.before
    while True:
        with database.company(wanted.company_id) as tx:
            rows, at = page(tx, replace(wanted, before=at, limit=1000))
        yield from rows
        if at is None:
            return


# ----- deleting


def delete_old(database: Database, company_id: int, now: datetime | None = None) -> int:
    """Calls older than the company's retention, and the lines of people's lists, really; number of calls.

    What was deleted is entered, batch by batch with the deletion itself, so the entry is true whatever happens.
    """
    with database.company(company_id) as tx:
        days = tx.one("SELECT call_retention_days AS days FROM directory.companies WHERE company_id = :id",
                      id=company_id).days
    if days is None:
        return 0
    until = (now or datetime.now(UTC)) - timedelta(days=days)
    deleted = 0
    while True:
        with database.company(company_id) as tx:
            batch = tx.one(
                """WITH old AS MATERIALIZED (
                       SELECT call_id FROM routing.calls WHERE company_id = :company_id AND started_at < :until
                       ORDER BY started_at LIMIT :batch FOR UPDATE SKIP LOCKED),
                   lines AS (DELETE FROM routing.call_log l USING old
                             WHERE l.company_id = :company_id AND l.call_id = old.call_id RETURNING 1),
                   calls AS (DELETE FROM routing.calls c USING old
                             WHERE c.company_id = :company_id AND c.call_id = old.call_id RETURNING 1)
                   SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM lines) AS lines""",
                company_id=company_id, until=until, batch=_BATCH)
            if batch.calls:
                tx.execute(
                    "INSERT INTO routing.call_deletions (company_id, why, until, calls, lines, actor_role)"
                    " VALUES (:company_id, 'retention', :until, :calls, :lines, 'system')",
                    company_id=company_id, until=until, calls=batch.calls, lines=batch.lines)
        deleted += int(batch.calls)
        if batch.calls < _BATCH:
            return deleted


def delete_marked_lines(database: Database, company_id: int) -> int:
    """Lines their owners deleted; a day later, when no late report can bring them back."""
    with database.company(company_id) as tx:
        return tx.execute(
            "DELETE FROM routing.call_log WHERE company_id = :company_id AND deleted_at < now() - interval '1 day'",
            company_id=company_id)


def deletions(tx: Transaction, company_id: int, before: int | None, limit: int) -> list[Row]:
    return tx.rows(
        """SELECT deletion_id, at, why, until, subscriber_id, calls, lines, actor_role FROM routing.call_deletions
           WHERE company_id = :company_id AND deletion_id < coalesce(:before, 9223372036854775807)
           ORDER BY deletion_id DESC LIMIT :limit""", company_id=company_id, before=before, limit=limit)
