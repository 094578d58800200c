"""From a service's outbox table to its queues: at least once, in order of writing, never on a call's path.

Whoever changes the truth writes the outbox row in the same transaction (put); the relay locks rows with
SKIP LOCKED, hands them to the broker with confirms, and deletes them in the transaction that locked them. A
crash in between sends a row again under the same task id: consumers are idempotent by what the payload names.
"""

from __future__ import annotations

import json
from typing import Any

import gevent
import structlog
from amqp.exceptions import AMQPError
from celery import Celery
from gevent.event import Event
from kombu.exceptions import OperationalError

from shared import broker, metrics
from shared.database import Database, DatabaseError, DatabaseUnavailable, Transaction

log = structlog.get_logger()

_BATCH = 100
_IDLE_S = 1.0


def put(tx: Transaction, schema: str, company_id: int, *, queue: str, task: str, payload: dict[str, Any]) -> None:
    """One task into the outbox, in the transaction that makes it true. payload: the task's keyword arguments."""
    tx.later(
        f"INSERT INTO {schema}.outbox (company_id, queue, task, payload)"
        " VALUES (:company_id, :queue, :task, CAST(:payload AS jsonb))",
        company_id=company_id, queue=queue, task=task, payload=json.dumps(payload),
    )


class Relay:
    def __init__(self, database: Database, schema: str, app: Celery) -> None:
        self._database = database
        self._schema = schema
        self._app = app
        self._woken = Event()
        self._stopping = False
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self.run)

    def wake(self) -> None:
        """A row was committed: send it now instead of at the next look."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def run(self) -> None:
        wait_s = _IDLE_S
        while not self._stopping:
            self._woken.clear()
            try:
                sent = self.send_batch()
                wait_s = 0.0 if sent == _BATCH else _IDLE_S
            except (OperationalError, AMQPError, OSError, DatabaseUnavailable, DatabaseError) as error:
                metrics.OUTBOX_FAILURES.labels(self._schema).inc()
                log.warning("outbox not sent", schema=self._schema, reason=str(error))
                wait_s = min(max(wait_s, 0.5) * 2, 5.0)
                gevent.sleep(0.5)  # a wake-up must not turn a broker that is away into a busy loop
            except Exception:  # a broken line shows as many things; a relay that ended would hold back every task
                metrics.OUTBOX_FAILURES.labels(self._schema).inc()
                log.exception("outbox not sent", schema=self._schema)
                wait_s = 5.0
                gevent.sleep(0.5)
            self._woken.wait(wait_s)

    def send_batch(self) -> int:
        """Number of rows handed to the broker; on an error all of this batch stay."""
        with self._database.platform() as tx:
            rows = tx.rows(
                "SELECT outbox_id, queue, task, payload, extract(epoch FROM now() - created_at) AS age_s"
                f" FROM {self._schema}.outbox ORDER BY outbox_id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED"
            )
            metrics.OUTBOX_OLDEST_S.labels(self._schema).set(float(rows[0].age_s) if rows else 0.0)
            for row in rows:
                broker.send_task(
                    self._app, queue=row.queue, task=row.task, payload=row.payload,
                    task_id=f"{self._schema}-{row.outbox_id}",
                )
            if rows:
                tx.execute(
                    f"DELETE FROM {self._schema}.outbox WHERE outbox_id = ANY(:ids)",
                    ids=[row.outbox_id for row in rows],
                )
        if rows:
            metrics.OUTBOX_SENT.labels(self._schema).inc(len(rows))
        return len(rows)
