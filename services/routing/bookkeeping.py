"""What calls to the outside leave behind, written behind their back: money of the day, emergency calls of the hour.

In memory it is true at once; here it reaches the database, every few seconds, later when that is away. Two routing
processes add to the same sums and read back what they make together.
"""

from __future__ import annotations

import gevent
import structlog
from gevent.event import Event

from services.routing.emergencies import Emergencies
from services.routing.limits import Limits
from shared.database import Database, DatabaseError, DatabaseUnavailable

log = structlog.get_logger()

_EVERY_S = 2.0
_ADD = (
    "INSERT INTO routing.spending (company_id, day, cents) VALUES (:company, :day, :cents)"
    " ON CONFLICT (company_id, day) DO UPDATE SET cents = routing.spending.cents + excluded.cents RETURNING cents"
)


class Bookkeeping:
    def __init__(self, database: Database, limits: Limits, emergencies: Emergencies) -> None:
        self._database = database
        self._limits = limits
        self._emergencies = emergencies
        self._stopping = Event()
        self._loaded = False
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write what is left."""
        self._stopping.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def write(self) -> None:
        """Raises DatabaseUnavailable, DatabaseError; nothing is forgotten then, nor counted twice."""
        if not self._loaded:
            self._load()
        self._emergencies.write(self._database)
        unwritten = self._limits.take_unwritten()
        for (company_id, day), cents in list(unwritten.items()):
            try:
                with self._database.company(company_id) as tx:
                    total = int(tx.one(_ADD, company=company_id, day=day, cents=cents).cents)
            except BaseException:
                self._limits.give_back(unwritten)
                raise
            del unwritten[company_id, day]
            self._limits.written(company_id, day, total)

    def _load(self) -> None:
        self._emergencies.load(self._database)
        with self._database.platform() as tx:
            rows = tx.rows("SELECT company_id, day, cents FROM routing.spending WHERE day >= current_date")
        for row in rows:
            self._limits.written(row.company_id, row.day, int(row.cents))
        self._loaded = True

    def _run(self) -> None:
        while True:
            last = self._stopping.is_set()
            try:
                self.write()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("costs and emergency calls are written later", reason=" ".join(str(error).split()))
            except Exception:  # the next ones are still to be written
                log.exception("costs and emergency calls not written")
            if last:
                return
            self._stopping.wait(_EVERY_S)
