"""Database -> facts, in one round trip; the last good answer when the database is away or too slow.

A call waits no longer than deadline_s when memory knows what it needs, and up to patience_s when nothing else does:
late facts are better than none. A database that refuses, or misses deadline_s several times in a row, is left
alone until a probe of our own finds it answering again: so a frozen one costs the calls of one moment, not every
call, and one slow answer costs no other call anything. The look-up that was too slow goes on behind the call's
back, within its own bound, and what it brings is remembered.
"""

from __future__ import annotations

import gevent
import orjson
import structlog
from gevent.pool import Pool

from services.routing.found import found_in
from services.routing.memory import Asked, Found, Memory
from shared.database import Database, DatabaseError, DatabaseUnavailable
from shared.metrics import SHORT_TIMES_S, Counter, Gauge, Histogram

log = structlog.get_logger()

LOOKUP_S = Histogram("pbx_routing_lookup_seconds", "Look-ups of a call's facts in the database", buckets=SHORT_TIMES_S)
RECALLED = Counter("pbx_routing_recalled_total", "Calls decided with last known facts", ["known"])
DATABASE_AWAY = Gauge("pbx_routing_database_away", "1 while calls are decided with last known facts")

_SQL = (
    "SELECT coalesce(routing.call_facts(:device, :acting, :company, :trunk, :dialled, :number, :caller,"
    " :lamp_extension, :lamp_position, :lamp_key),"
    " routing.nobodys_facts(:device, :acting, :company, :trunk, :number))::text AS facts,"
    " routing.name_of_caller(:company, :number, :caller) AS caller_name"
)
_LATE_LIMIT_S = 2.0
_MISSES_MEAN_AWAY = 3


class Unknown(Exception):
    """No such device, or no such number on this trunk: the database said so."""


class NotKnownNow(Exception):
    """The database is away, and nothing is remembered that would do."""


class Directory:
    def __init__(
        self, database: Database, memory: Memory, *, deadline_s: float = 0.15, patience_s: float = 0.8,
        probe_every_s: float = 0.5, at_once: int = 50,
    ) -> None:
        """patience_s: what is left of it after deadline_s must fit in the time a call is answered in."""
        self._database = database
        self._memory = memory
        self._deadline_s = deadline_s
        self._patience_s = max(patience_s, deadline_s)
        self._probe_every_s = probe_every_s
        self._looking = Pool(at_once)
        self._away = False
        self._missed = 0

    @property
    def away(self) -> bool:
        return self._away

    def look_up(self, asked: Asked) -> Found:
        """Raises Unknown or NotKnownNow."""
        looking = None
        if not self._away and not self._looking.full():
            looking = self._looking.spawn(self._ask, asked)
            looking.join(self._deadline_s)
            if looking.ready():
                if looking.value is not None:
                    self._missed = 0
                    return _known(looking.value)
            else:
                self._missed += 1
                if self._missed >= _MISSES_MEAN_AWAY:
                    self._lost("too slow")
        found = self._memory.recall(asked)
        if found is None and looking is not None and not looking.ready():
            looking.join(self._patience_s - self._deadline_s)
            if looking.ready() and looking.value is not None:
                return _known(looking.value)
        RECALLED.labels("yes" if found else "no").inc()
        if found is None:
            raise NotKnownNow
        return found

    def trunks_known(self, company_id: int | None) -> tuple[str, ...]:
        """From memory alone: for calls that must not wait for anything."""
        return self._memory.trunks_of(company_id)

    def prime(self, device_id: str) -> None:
        """Remember a device, its subscriber and his settings, ahead of the first call."""
        if not self._away:
            self._ask(Asked(device_id=device_id))

    def _ask(self, asked: Asked) -> Found | str | None:
        """The answer, "unknown", or None when there is none."""
        extension, position, key = asked.lamp or (None, None, None)
        try:
            with LOOKUP_S.time():
                rows = self._database.call(
                    _SQL, deadline_s=_LATE_LIMIT_S, device=asked.device_id, acting=asked.acting_subscriber_id,
                    company=asked.company_id, trunk=asked.trunk, dialled=asked.dialled,
                    number=asked.dialled_number, caller=asked.caller_number,
                    lamp_extension=extension, lamp_position=position, lamp_key=key,
                )
        except DatabaseUnavailable as error:
            self._lost(str(error))
            return None
        except DatabaseError as error:  # a statement it refuses will be refused again: no probe mends that
            log.error("facts refused by the database", reason=str(error))
            return None
        if rows[0].facts is None:
            return "unknown"
        found = found_in(orjson.loads(rows[0].facts), rows[0].caller_name or "")
        self._memory.remember(asked, found)
        return found

    def _lost(self, reason: str) -> None:
        if not self._away:
            self._away = True
            DATABASE_AWAY.set(1)
            log.warning("database away: deciding with last known facts", reason=" ".join(reason.split()))
            gevent.spawn(self._probe)

    def _probe(self) -> None:
        while self._away:
            gevent.sleep(self._probe_every_s)
            try:
                self._database.call("SELECT 1 AS up", deadline_s=self._deadline_s)
            except (DatabaseUnavailable, DatabaseError):
                continue
            self._away = False
            self._missed = 0
            DATABASE_AWAY.set(0)
            log.info("database back")


def _known(answer: Found | str) -> Found:
    if isinstance(answer, str):
        raise Unknown
    return answer
