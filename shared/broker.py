"""RabbitMQ: tasks through Celery on quorum queues, and facts on the topic exchange `pbx.events`.

Tasks come from an outbox (shared/outbox.py), are idempotent by id, acknowledged only when done, and come back
when their worker dies. Publishing while the broker is down blocks for seconds, so nothing here is ever called
on a call's path: EventBus.publish only puts into a bounded buffer, which a greenlet empties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gevent
import structlog
from amqp.exceptions import AMQPError
from celery import Celery
from gevent.event import Event
from gevent.queue import Empty, Full, Queue
from kombu import Connection, Consumer, Exchange, Producer
from kombu import Queue as BoundQueue

from shared.messages import Message, MessageError, from_bytes, to_bytes

log = structlog.get_logger()

_CONNECT_TIMEOUT_S = 4
EVENTS = Exchange("pbx.events", type="topic", durable=True)


def celery_app(name: str, broker_url: str, queues: Sequence[str]) -> Celery:
    """name: the service; queues: those its worker serves, the first is the default."""
    app = Celery(name, broker=broker_url)
    # A topic exchange, not the default direct one: only those take part in native delayed delivery,
    # which is how a countdown survives a restart on quorum queues (celery: quorum queues and ETA).
    exchange = Exchange("pbx.tasks", type="topic", durable=True)
    app.conf.update(
        task_queues=[
            BoundQueue(queue, exchange, routing_key=queue, queue_arguments={"x-queue-type": "quorum"})
            for queue in queues
        ],
        task_default_queue=queues[0],
        task_default_exchange="pbx.tasks",
        task_default_exchange_type="topic",
        task_default_routing_key=queues[0],
        task_default_queue_type="quorum",
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_timeout=_CONNECT_TIMEOUT_S,
        broker_connection_retry_on_startup=True,
        broker_heartbeat=10,
        # Publisher confirms: send_task returns only when the broker has the message.
        broker_transport_options={"confirm_publish": True, "read_timeout": 10, "write_timeout": 10, "max_retries": 1},
        enable_utc=True,
    )
    return app


def send_task(app: Celery, *, queue: str, task: str, payload: dict[str, Any], task_id: str) -> None:
    """Hands one task to the broker, confirmed. Raises kombu's OperationalError when it can't."""
    app.send_task(
        task, kwargs=payload, task_id=task_id, queue=queue, routing_key=queue, retry=False, delivery_mode=2,
    )


class EventBus:
    """Facts that already happened. A lost one is healed by its receiver's reconciliation."""

    def __init__(self, url: str, *, buffer_limit: int = 1000) -> None:
        self._url = url
        self._buffer: Queue[Message] = Queue(maxsize=buffer_limit)
        self._stopping = Event()
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self.dropped = 0
        """Facts not published because the broker was away too long."""

    def start(self) -> None:
        # No heartbeat: nobody reads between two facts, so the broker's own would go unseen and count as missed.
        self._greenlets.append(gevent.spawn(self._forever, "publisher", self._publish_buffered, 0))

    def stop(self) -> None:
        self._stopping.set()
        gevent.joinall(self._greenlets, timeout=3)
        gevent.killall(self._greenlets, timeout=3)

    def publish(self, message: Message) -> None:
        """Never blocks: the oldest goes when the buffer is full."""
        while True:
            try:
                self._buffer.put_nowait(message)
                return
            except Full:
                self._buffer.get_nowait()
                self.dropped += 1

    def listen(self, queue: str, topics: Sequence[str], handler: Callable[[Message], None]) -> None:
        """Runs handler for each message, in a greenlet of its own, reconnecting for ever.

        queue: this receiver's own name, e.g. "routing.settings". A handler that raises loses that message
        (the log says so), not the listener.
        """
        def consume(connection: Connection) -> None:
            def received(body: Any, message: Any) -> None:
                try:
                    handler(from_bytes(message.body.encode() if isinstance(message.body, str) else message.body))
                except MessageError as error:
                    log.warning("message refused", queue=queue, reason=str(error))
                except Exception:  # the listener outlives one bad message
                    log.exception("message handler failed", queue=queue)
                message.ack()

            bindings = [
                BoundQueue(queue, EVENTS, routing_key=topic, durable=True, expires=3600.0, max_length=10_000)
                for topic in topics
            ]
            with Consumer(connection, bindings, callbacks=[received], accept=["json", "application/json"]):
                while not self._stopping.is_set():
                    try:
                        connection.drain_events(timeout=1)
                    except TimeoutError:
                        connection.heartbeat_check()

        self._greenlets.append(gevent.spawn(self._forever, queue, consume, 10))

    def _publish_buffered(self, connection: Connection) -> None:
        producer = Producer(connection, exchange=EVENTS)
        EVENTS(connection.default_channel).declare()
        while not self._stopping.is_set():
            try:
                message = self._buffer.get(timeout=1)
            except Empty:
                continue
            producer.publish(
                to_bytes(message), routing_key=message.topic, content_type="application/json",
                content_encoding="utf-8", delivery_mode=2,
            )

    def _forever(self, name: str, work: Callable[[Connection], None], heartbeat_s: int) -> None:
        wait_s = 0.5
        while not self._stopping.is_set():
            try:
                with Connection(self._url, heartbeat=heartbeat_s, connect_timeout=_CONNECT_TIMEOUT_S,
                                transport_options={"confirm_publish": True}) as connection:
                    connection.connect()
                    wait_s = 0.5
                    work(connection)
            except (OSError, AMQPError) as error:
                log.warning("broker lost", part=name, reason=str(error), retry_s=wait_s)
                self._stopping.wait(wait_s)
                wait_s = min(wait_s * 2, 10.0)


def ready(url: str) -> bool:
    """True, or an exception with the reason: for /ready and a start."""
    with Connection(url, connect_timeout=2) as connection:
        connection.connect()
    return True
