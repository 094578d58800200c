"""Who is on a call, for routing: the fold of the switch's events as rows (migrations, 0011_call_facts).

    Board -> changed() -> within 100 ms the rows that differ, in one statement -> presence.calls_up
                       -> every 3 s: that they still hold                      -> presence.calls_up_confirmed

Routing believes them for ten seconds after the last word: while this service is away, or deaf to the switch,
nobody counts as busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent
import orjson
import structlog

from services.presence.states import is_on_it
from shared.calls_up import Leg
from shared.database import Database, DatabaseError, DatabaseUnavailable

log = structlog.get_logger()

WRITE_EVERY_S = 0.1
CONFIRM_EVERY_S = 3.0

_WRITE = """
WITH told AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (company_id bigint, subscriber_id bigint, legs uuid[])
), over AS (
    DELETE FROM presence.calls_up u USING told t
    WHERE u.company_id = t.company_id AND u.subscriber_id = t.subscriber_id AND t.legs = '{}'
)
INSERT INTO presence.calls_up (company_id, subscriber_id, leg_uuids)
SELECT t.company_id, t.subscriber_id, t.legs FROM told t WHERE t.legs <> '{}'
ON CONFLICT (company_id, subscriber_id) DO UPDATE SET leg_uuids = excluded.leg_uuids
"""
_CONFIRM = """
INSERT INTO presence.calls_up_confirmed (at) VALUES (now()) ON CONFLICT (only_row) DO UPDATE SET at = excluded.at
"""

On = tuple[int, frozenset[str]]
"""Company, and the legs a subscriber is on."""


class CallsUpTable:
    def __init__(
        self, database: Database, *, legs_of: Callable[[int], tuple[int, tuple[Leg, ...]] | None],
        in_step: Callable[[], bool],
    ) -> None:
        """legs_of: company and legs of a subscriber, None for one who is gone. in_step: no gap in what is heard."""
        self._database = database
        self._legs_of = legs_of
        self._in_step = in_step
        self._changed: set[int] = set()
        self._on: dict[int, On] = {}
        self._anew = True
        """What the table holds is of a former life, or nobody knows."""

    def changed(self, subscriber_ids: Iterable[int]) -> None:
        self._changed.update(subscriber_ids)

    def run(self) -> None:
        """Never ends."""
        since_confirmed_s = CONFIRM_EVERY_S
        while True:
            confirm = since_confirmed_s >= CONFIRM_EVERY_S
            if self._changed or confirm:
                try:
                    self.write(confirm=confirm)
                except (DatabaseUnavailable, DatabaseError) as error:
                    log.warning("calls up not written", reason=" ".join(str(error).split())[:200])
                since_confirmed_s = 0.0 if confirm else since_confirmed_s
            gevent.sleep(WRITE_EVERY_S)
            since_confirmed_s += WRITE_EVERY_S

    def write(self, *, confirm: bool) -> None:
        """Raises what the database raises; all of it is written with the next try then."""
        changed, self._changed = self._changed, set()
        differ = {one: on for one in changed if (on := self._is_on(one)) != self._on.get(one, (on[0], frozenset()))}
        self._on.update(differ)
        told = self._on if self._anew else differ
        confirm = confirm and self._in_step()
        if not told and not confirm and not self._anew:
            return
        try:
            with self._database.platform() as tx:
                if self._anew:
                    tx.execute("DELETE FROM presence.calls_up")
                if told:
                    tx.execute(_WRITE, rows=orjson.dumps([
                        {"company_id": company_id, "subscriber_id": subscriber_id, "legs": sorted(legs)}
                        for subscriber_id, (company_id, legs) in told.items()]).decode())
                if confirm:
                    tx.execute(_CONFIRM)
        except (DatabaseUnavailable, DatabaseError):
            self._anew = True
            raise
        self._anew = False
        for subscriber_id in [one for one, (_, legs) in differ.items() if not legs]:
            del self._on[subscriber_id]

    def _is_on(self, subscriber_id: int) -> On:
        company_id, legs = self._legs_of(subscriber_id) or (self._on.get(subscriber_id, (0, frozenset()))[0], ())
        return company_id, frozenset(leg.leg_uuid for leg in legs if is_on_it(leg))
