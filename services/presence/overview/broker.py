"""How deep the queues are and who serves them, asked of RabbitMQ. Shell."""

from __future__ import annotations

from dataclasses import dataclass

import kombu.transport.pyamqp  # noqa: F401  (else the first connection reads it while the hub waits)
from amqp.exceptions import NotFound
from kombu import Connection

# Every queue of tasks; one that no worker has declared yet is not there.
QUEUES = ("callback.dial", "callback.webhook", "voicemail.store", "voicemail.mail", "calls.record", "routing.mail")
_CONNECT_WITHIN_S = 2


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    messages: int
    """Waiting; those a worker has in hand are not among them."""
    consumers: int


class Broker:
    """One connection, kept between two looks; a broken one is made anew at the next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def queues(self) -> list[Queue]:
        """Those that are there. Raises what kombu raises when the broker is away."""
        try:
            return [found for name in QUEUES if (found := self._queue(name)) is not None]
        except BaseException:  # a time that ran out too: nobody knows what the connection would say next
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    def _queue(self, name: str) -> Queue | None:
        if self._connection is None:
            self._connection = Connection(self._url, connect_timeout=_CONNECT_WITHIN_S)
            self._connection.connect()
        channel = self._connection.channel()
        try:
            found = channel.queue_declare(name, passive=True)
        except NotFound:  # closes the channel, not the connection
            return None
        channel.close()
        return Queue(name, int(found.message_count), int(found.consumer_count))
