"""What is done every night: old records of calls, links, attempts and tokens that are over are deleted. Shell.

Each company's night is begun once, by whichever process is first (routing.nights); one that was down at night does it
when it is up again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import gevent
import structlog
from gevent.event import Event

from services.routing import call_records
from shared.database import Database, DatabaseError, DatabaseUnavailable

log = structlog.get_logger()

BEGINS_AT = timedelta(hours=2)
"""After midnight UTC: night where the companies are."""
_FIRST_LOOK_S = 2
"""After a start: what a night missed, while nobody asks for it yet, is not put off further."""
_LOOK_EVERY_S = 300
_WHOLE_SYSTEM = 0


class Nights:
    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._stopping = Event()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        self._stopping.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def _run(self) -> None:
        wait_s = _FIRST_LOOK_S
        while not self._stopping.wait(wait_s):
            wait_s = _LOOK_EVERY_S
            try:
                self.work()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("nightly work put off", reason=str(error))
            except Exception:  # tomorrow is another night
                log.exception("nightly work failed")

    def work(self) -> None:
        """What is due now. Raises DatabaseUnavailable; the night of what was not done is then begun anew."""
        now = self._now()
        day = (now - BEGINS_AT).date().isoformat()
        with self._database.platform() as tx:
            companies = [row.company_id for row in tx.rows(
                "SELECT c.company_id FROM directory.companies c LEFT JOIN routing.nights n"
                " ON n.company_id = c.company_id WHERE n.day IS NULL OR n.day < CAST(:day AS date)", day=day)]
        for company_id in companies:
            self._night(company_id, day, partial(self._company, company_id, now))
        self._night(_WHOLE_SYSTEM, day, self._whole_system)

    def _night(self, company_id: int, day: str, work: Callable[[], None]) -> None:
        with self._database.platform() as tx:
            began = tx.row(
                "INSERT INTO routing.nights AS n VALUES (:company_id, CAST(:day AS date))"
                " ON CONFLICT (company_id) DO UPDATE SET day = excluded.day WHERE n.day < excluded.day RETURNING day",
                company_id=company_id, day=day)
        if began is None:
            return
        try:
            work()
        except (DatabaseUnavailable, DatabaseError):
            with self._database.platform() as tx:
                tx.execute("UPDATE routing.nights SET day = day - 1 WHERE company_id = :id", id=company_id)
            raise

    def _company(self, company_id: int, now: datetime) -> None:
        calls = call_records.delete_old(self._database, company_id, now)
        lines = call_records.delete_marked_lines(self._database, company_id)
        if calls or lines:
            log.info("old calls deleted", company_id=company_id, calls=calls, marked_lines=lines)

    def _whole_system(self) -> None:
        with self._database.platform() as tx:
            tx.execute("DELETE FROM directory.api_tokens WHERE expires_at < now() - interval '1 day'")
            tx.execute("DELETE FROM directory.attempts WHERE since < now() - interval '2 days'")
            tx.execute("DELETE FROM directory.resets WHERE created_at < now() - interval '30 days'")
