"""One notice to one receiver: claimed, made, posted, and what became of it written down. Use case.

    waiting -> delivered
       |  '-> waiting, later (no answer, or one that is not 2xx) ... given_up after a day
       '----> given_up at once: the receiver says it is gone (410), or its address is one that may not be called

At least once: a worker that dies between the receiver's answer and its row posts again under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import gevent
import structlog
from gevent.lock import BoundedSemaphore

from services.callback import notice, present, receivers, store
from services.callback.receivers import BadReceiver, Network, NotReached, Receiver
from services.callback.schemas.calls import Call
from services.callback.webhooks import QUEUE, TASK
from shared import outbox
from shared.database import Database, DatabaseError, DatabaseUnavailable, Row
from shared.metrics import Gauge

log = structlog.get_logger()

CLAIM_S = 40
"""Longer than one post takes (receivers.WHOLE_S) and its writing down: a claim that ran out means a dead worker."""
LOST_TASK_S = 60
"""A task that nobody took up for so long is put into the queue again."""
TOGETHER = 10
"""Posts under way at the same time: slow receivers leave room for the calls to be dialled (worker.py)."""
_ROOM_LATER_S = 1

DELIVERIES = Gauge("pbx_callback_notices", "Notices that did not arrive yet, by what became of them", ["state"])

Post = Callable[[Receiver, Mapping[str, str], bytes, Sequence[Network]], int]


class Teller:
    def __init__(self, database: Database, networks: Sequence[Network], *, post: Post = receivers.post,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._networks = networks
        self._post = post
        self._now = now
        self._room = BoundedSemaphore(TOGETHER)

    def tell(self, delivery_id: UUID) -> str:
        """What became of it; "nothing to do" when it is told, in other hands, or not yet due."""
        if not self._room.acquire(blocking=False):
            self._later(delivery_id)
            return "no room"
        try:
            found = self._claim(delivery_id)
            if found is None:
                return "nothing to do"
            outcome = self._told(found)
        finally:
            self._room.release()
        log.info("notice tried", delivery_id=str(delivery_id), attempt_id=found.attempt_id, outcome=outcome,
                 tries=found.tries)
        return outcome

    def _claim(self, delivery_id: UUID) -> Row | None:
        with self._database.platform() as tx:
            return tx.row(
                f"""
                UPDATE callback.deliveries d
                SET claimed_until = now() + interval '{CLAIM_S} seconds', tries = d.tries + 1
                FROM callback.webhooks w, callback.changes c
                WHERE d.delivery_id = CAST(:id AS uuid) AND d.state = 'waiting' AND d.next_try_at <= now()
                  AND (d.claimed_until IS NULL OR d.claimed_until < now())
                  AND w.webhook_id = d.webhook_id AND c.change_id = d.change_id
                RETURNING d.delivery_id::text, d.company_id, d.webhook_id, d.attempt_id::text, d.change_id, d.tries,
                          d.claimed_until, w.url, w.secret, w.enabled, c.at
                """,
                id=str(delivery_id),
            )

    def _told(self, found: Row) -> str:
        if not found.enabled:
            return self._given_up(found, None, "the webhook is switched off")
        with self._database.company(found.company_id) as tx:
            rows = store.views(tx, [found.attempt_id])
        call = present.call_as_of(rows[0], found.change_id) if rows else None
        if call is None:
            return self._given_up(found, None, "the call is not kept any more")
        body = notice.body(found.change_id, found.at.isoformat(), Call().dump(call))
        headers = notice.headers(found.secret, found.delivery_id, int(self._now().timestamp()), body)
        try:
            status = self._post(receivers.read(found.url, self._networks), headers, body, self._networks)
        except BadReceiver as error:
            return self._given_up(found, None, f"url: {error}")
        except NotReached as error:
            return self._failed(found, None, str(error))
        if notice.is_taken(status):
            self._note(found, "state = 'delivered', delivered_at = now(), last_status = :status, last_error = NULL",
                       status=status)
            return "delivered"
        if status == notice.GONE:
            self._switch_off(found, "the receiver answered 410 Gone")
            return self._given_up(found, status, None)
        return self._failed(found, status, None)

    def _failed(self, found: Row, status: int | None, error: str | None) -> str:
        again_at = notice.next_try_at(found.tries, self._now())
        if again_at is None:
            return self._given_up(found, status, error)
        self._note(found, "next_try_at = :again_at, queued_at = NULL, last_status = :status, last_error = :error",
                   again_at=again_at, status=status, error=error)
        return "later"

    def _given_up(self, found: Row, status: int | None, error: str | None) -> str:
        self._note(found, "state = 'given_up', last_status = :status, last_error = :error", status=status, error=error)
        log.warning("notice given up", delivery_id=found.delivery_id, webhook_id=found.webhook_id, status=status,
                    reason=error)
        return "given up"

    def _switch_off(self, found: Row, because: str) -> None:
        with self._database.company(found.company_id) as tx:
            tx.execute(
                "UPDATE callback.webhooks SET enabled = false, disabled_because = :because"
                " WHERE company_id = :company_id AND webhook_id = :id AND url = :url",
                company_id=found.company_id, id=found.webhook_id, because=because, url=found.url)

    def _note(self, found: Row, change: str, **values: object) -> None:
        """change: one of this module's own SET lists; nothing when the claim is no longer ours."""
        with self._database.company(found.company_id) as tx:
            tx.execute(
                f"UPDATE callback.deliveries SET {change}, claimed_until = NULL WHERE company_id = :company_id"
                " AND delivery_id = CAST(:id AS uuid) AND claimed_until = :claimed_until",
                company_id=found.company_id, id=found.delivery_id, claimed_until=found.claimed_until, **values)

    def _later(self, delivery_id: UUID) -> None:
        with self._database.platform() as tx:
            tx.execute(
                f"UPDATE callback.deliveries SET next_try_at = now() + interval '{_ROOM_LATER_S} seconds',"
                " queued_at = NULL WHERE delivery_id = CAST(:id AS uuid) AND state = 'waiting'", id=str(delivery_id))


class Due:
    """Puts into the queue what is due again, or was lost there. Shell: a greenlet's rounds."""

    ROUND_S = 2.0
    AT_ONCE = 200

    def __init__(self, database: Database, wake_relay: Callable[[], None]) -> None:
        self._database = database
        self._wake_relay = wake_relay
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("notices that are due not looked at", reason=str(error))
            except Exception:  # without rounds no notice would be tried again
                log.exception("notices that are due not looked at")
            gevent.sleep(self.ROUND_S)

    def round(self) -> int:
        """Number of notices put into the queue."""
        with self._database.platform() as tx:
            due = tx.rows(
                f"""
                UPDATE callback.deliveries SET queued_at = now() WHERE delivery_id IN (
                    SELECT delivery_id FROM callback.deliveries
                    WHERE state = 'waiting' AND next_try_at <= now()
                      AND (queued_at IS NULL OR queued_at < now() - interval '{LOST_TASK_S} seconds')
                      AND (claimed_until IS NULL OR claimed_until < now())
                    ORDER BY next_try_at LIMIT {self.AT_ONCE} FOR UPDATE SKIP LOCKED)
                RETURNING company_id, delivery_id::text
                """)
            for row in due:
                outbox.put(tx, "callback", row.company_id, queue=QUEUE, task=TASK,
                           payload={"delivery_id": row.delivery_id})
            counts = tx.one(
                "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,"
                " count(*) FILTER (WHERE state = 'given_up') AS given_up FROM callback.deliveries"
                " WHERE state <> 'delivered'")
        for state in ("waiting", "given_up"):
            DELIVERIES.labels(state).set(counts[state])
        if due:
            self._wake_relay()
        return len(due)
