"""Who called the emergency centre last, site by site: for an hour a call back to the site's number rings there first.

Noted on the call's path in memory, written to routing.emergency_calls behind it, also when that works only later; so
it holds with the database away, and after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from shared.database import Database

log = structlog.get_logger()

HOLDS_FOR = timedelta(minutes=60)  # N5


def _nothing() -> None:
    """Nobody waits for this call to be written."""


@dataclass(frozen=True, slots=True)
class EmergencyCall:
    site_number: str
    company_id: int
    subscriber_id: int
    called_at: datetime


class Emergencies:
    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._last: dict[str, EmergencyCall] = {}
        self._unwritten: list[tuple[EmergencyCall, Callable[[], None]]] = []

    def called(self, site_number: str, company_id: int, subscriber_id: int) -> None:
        one = EmergencyCall(site_number, company_id, subscriber_id, self._now())
        self._last[site_number] = one
        self._unwritten.append((one, _nothing))

    def took_place(self, one: EmergencyCall, written: Callable[[], None] = _nothing) -> None:
        """A call we were not asked about: the switch made it alone. One that was known already and is newer stays.

        written: what to do once the database has it."""
        known = self._last.get(one.site_number)
        if known is None or known.called_at <= one.called_at:
            self._last[one.site_number] = one
        self._unwritten.append((one, written))

    def to_ring_first(self, number: str) -> EmergencyCall | None:
        """Who is to be rung for a call from outside to this number, within the hour."""
        last = self._last.get(number)
        if last is None:
            return None
        if self._now() - last.called_at >= HOLDS_FOR:
            del self._last[number]
            return None
        return last

    # ----- behind the call's path

    def load(self, database: Database) -> None:
        """Raises DatabaseUnavailable, DatabaseError."""
        with database.platform() as tx:
            rows = tx.rows(
                "SELECT s.main_number, e.company_id, e.subscriber_id, e.called_at FROM routing.emergency_calls e"
                " JOIN directory.sites s ON (s.company_id, s.site_id) = (e.company_id, e.site_id)"
                " WHERE s.main_number IS NOT NULL AND e.called_at > :since", since=self._now() - HOLDS_FOR)
        for row in rows:
            known = self._last.get(row.main_number)
            if known is None or known.called_at < row.called_at:
                self._last[row.main_number] = EmergencyCall(
                    row.main_number, row.company_id, row.subscriber_id, row.called_at)

    def write(self, database: Database) -> None:
        """What was noted since. Raises DatabaseUnavailable, DatabaseError: then nothing is lost, only later."""
        while self._unwritten:
            one, written = self._unwritten[0]
            with database.company(one.company_id) as tx:
                tx.execute(
                    "INSERT INTO routing.emergency_calls (company_id, site_id, subscriber_id, called_at)"
                    " SELECT t.company_id, t.site_id, s.subscriber_id, :at FROM directory.sites t"
                    " JOIN directory.subscribers s ON s.company_id = t.company_id"
                    " WHERE t.company_id = :company AND t.main_number = :number AND s.subscriber_id = :subscriber"
                    " ON CONFLICT (company_id, site_id) DO UPDATE"
                    " SET subscriber_id = excluded.subscriber_id, called_at = excluded.called_at"
                    " WHERE routing.emergency_calls.called_at < excluded.called_at",
                    at=one.called_at, company=one.company_id, number=one.site_number, subscriber=one.subscriber_id)
            self._unwritten.pop(0)
            written()
