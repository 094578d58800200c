"""Use case: who changed what in a company, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.database import Transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    company_id: int
    subscriber_id: int | None
    """Whose settings, or who changed something."""
    site_id: int | None
    what: str | None
    before: int | None
    """audit_id the page begins after."""
    limit: int


def page(tx: Transaction, wanted: Wanted) -> tuple[list[dict[str, Any]], int | None]:
    """The entries, and where the next page begins."""
    rows = tx.rows(
        """SELECT a.audit_id, a.at, a.actor_role, a.actor_subscriber_id, a.via, a.what, a.subscriber_id, a.site_id,
                  a.before, a.after, btrim(b.first_name || ' ' || b.last_name) AS actor_name,
                  btrim(s.first_name || ' ' || s.last_name) AS subscriber_name
           FROM routing.audit a
           LEFT JOIN directory.subscribers b ON (b.company_id, b.subscriber_id) = (a.company_id, a.actor_subscriber_id)
           LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (a.company_id, a.subscriber_id)
           WHERE a.company_id = :company_id
             AND (CAST(:before AS bigint) IS NULL OR a.audit_id < :before)
             AND (CAST(:person AS bigint) IS NULL OR :person IN (a.subscriber_id, a.actor_subscriber_id))
             AND (CAST(:site_id AS bigint) IS NULL OR a.site_id = :site_id)
             AND (CAST(:what AS text) IS NULL OR a.what = :what)
           ORDER BY a.audit_id DESC LIMIT :most""",
        company_id=wanted.company_id, before=wanted.before, person=wanted.subscriber_id, site_id=wanted.site_id,
        what=wanted.what, most=wanted.limit + 1)
    entries = [dict(row) for row in rows[:wanted.limit]]
    return entries, entries[-1]["audit_id"] if len(rows) > wanted.limit else None
