"""What the operator's page asks the database: the views the owners publish, and the server itself.

Calls, devices and mails are read for one company, or with None for all of them (an operator of the system).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from shared.database import Database, Row, Transaction

MAIL_STATES = ("waiting", "sending", "refused", "given_up", "ambiguous")


def _scope(database: Database, company_id: int | None) -> AbstractContextManager[Transaction]:
    return database.platform() if company_id is None else database.company(company_id)


def database_health(database: Database) -> dict[str, Any]:
    with database.platform() as tx:
        row = tx.one(
            "SELECT pg_database_size(current_database()) AS bytes,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,"
            " current_setting('max_connections')::int AS connections_limit,"
            " current_setting('server_version') AS version,"
            " (SELECT count(*) FROM directory.devices) AS devices_known")
    return dict(row)


def outboxes(database: Database) -> list[dict[str, Any]]:
    return [{"name": row.name, "waiting": row.waiting, "oldest_s": round(float(row.oldest_s), 1)}
            for row in database.call("SELECT name, waiting, oldest_s FROM directory.outboxes() ORDER BY name")]


def mail_counts(database: Database) -> dict[str, int]:
    """By state, sent ones left out; ambiguous: how often nobody can know whether a mail went."""
    with database.platform() as tx:
        rows = tx.rows("SELECT state, count(*) AS mails, sum(ambiguous) AS ambiguous FROM voicemail.mail_deliveries"
                       " WHERE state <> 'sent' OR ambiguous > 0 GROUP BY state")
    counts = dict.fromkeys(MAIL_STATES, 0)
    for row in rows:
        if row.state != "sent":
            counts[row.state] = counts.get(row.state, 0) + int(row.mails)
        counts["ambiguous"] += int(row.ambiguous)
    return counts


def trunk_names(database: Database) -> list[dict[str, Any]]:
    with database.platform() as tx:
        return [dict(row) for row in tx.rows(
            "SELECT t.name, t.company_id, c.name AS company, t.position FROM directory.trunks t"
            " JOIN directory.companies c ON c.company_id = t.company_id"
            " WHERE t.enabled ORDER BY t.company_id, t.position")]


def decisions_of(database: Database, company_id: int | None, call_ids: Sequence[str]) -> dict[str, Row]:
    """By call id, of those that are written down; a call's record comes a moment after its first leg."""
    if not call_ids:
        return {}
    with _scope(database, company_id) as tx:
        rows = tx.rows(
            "SELECT company_id, call_id, started_at, direction, caller_number, caller_name, dialled, callee_number,"
            " callee_name, rung, answered_at FROM routing.call_decisions WHERE call_id = ANY (CAST(:ids AS uuid[]))",
            ids=list(call_ids))
    return {str(row.call_id): row for row in rows}


def companies(database: Database, company_id: int | None) -> dict[int, str]:
    with _scope(database, company_id) as tx:
        return {row.company_id: row.name for row in tx.rows("SELECT company_id, name FROM directory.companies")}


def devices(database: Database, company_id: int | None, *, search: str | None, after: str, limit: int) -> list[Row]:
    """In the order of their ids, those after this one; search: part of id, label, extension or name."""
    with _scope(database, company_id) as tx:
        return tx.rows(
            "SELECT d.company_id, c.name AS company, d.device_id, d.label, s.subscriber_id, s.extension,"
            " btrim(s.first_name || ' ' || s.last_name) AS name, t.made_at AS token_made_at, f.at AS fetched_at,"
            " f.vendor, f.user_agent"
            " FROM directory.devices d"
            " JOIN directory.companies c ON c.company_id = d.company_id"
            " JOIN directory.subscribers s ON s.company_id = d.company_id AND s.subscriber_id = d.subscriber_id"
            " LEFT JOIN directory.device_tokens t ON t.company_id = d.company_id AND t.device_id = d.device_id"
            " LEFT JOIN presence.handset_fetches f ON f.company_id = d.company_id AND f.device_id = d.device_id"
            " WHERE d.company_id = coalesce(:company_id, d.company_id) AND d.device_id > :after"
            " AND (CAST(:search AS text) IS NULL OR strpos(lower(d.device_id || ' ' || d.label || ' ' || s.extension"
            " || ' ' || s.first_name || ' ' || s.last_name), lower(:search)) > 0)"
            " ORDER BY d.device_id LIMIT :limit",
            company_id=company_id, search=search, after=after, limit=limit)


def mails(database: Database, company_id: int | None, *, states: Sequence[str], limit: int) -> list[Row]:
    """Those that did not go, the oldest first."""
    with _scope(database, company_id) as tx:
        return tx.rows(
            "SELECT d.company_id, c.name AS company, d.message_id, d.kind, d.state, d.attempts, d.first_tried_at,"
            " d.next_attempt_at, d.last_reply, d.left_at, s.extension,"
            " btrim(s.first_name || ' ' || s.last_name) AS name"
            " FROM voicemail.mail_deliveries d"
            " JOIN directory.companies c ON c.company_id = d.company_id"
            " JOIN directory.subscribers s ON s.company_id = d.company_id AND s.subscriber_id = d.subscriber_id"
            " WHERE d.company_id = coalesce(:company_id, d.company_id) AND d.state = ANY (:states)"
            " ORDER BY d.left_at, d.message_id, d.kind LIMIT :limit",
            company_id=company_id, states=list(states), limit=limit)
