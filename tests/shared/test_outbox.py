"""Outbox to queue and facts on the exchange, over the real database and broker."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import AsyncResult
from kombu import Connection
from kombu.exceptions import OperationalError

from shared import outbox
from shared.broker import EventBus, celery_app, ready
from shared.database import Database
from shared.messages import Message, MessageError, VoicemailLeft, from_bytes, to_bytes

FACT = VoicemailLeft(id="m1", at="2026-01-01T00:00:00Z", company_id=7, subscriber_id=4, message_id="x", duration_ms=900)


@pytest.fixture
def database(admin_database_url: str) -> Iterator[Database]:
    database = Database(admin_database_url)
    with database.platform() as tx:
        tx.execute("CREATE SCHEMA scratch")
        tx.execute("SELECT directory.create_outbox('scratch', 'pbx_voicemail')")
    yield database
    with database.platform() as tx:
        tx.execute("DROP SCHEMA scratch CASCADE")
    database.close()


def put_three(database: Database) -> None:
    with database.company(7) as tx:
        for number in range(3):
            outbox.put(tx, "scratch", 7, queue="scratch.work", task="work", payload={"number": number})


def waiting(database: Database) -> int:
    with database.platform() as tx:
        return int(tx.one("SELECT count(*) AS n FROM scratch.outbox").n)


def test_rows_become_tasks_in_order_and_are_gone_after(database: Database, broker_url: str) -> None:
    app = celery_app("scratch", broker_url, ["scratch.work"])
    put_three(database)
    relay = outbox.Relay(database, "scratch", app)
    assert relay.send_batch() == 3
    assert waiting(database) == 0
    with Connection(broker_url) as connection, connection.SimpleQueue(app.amqp.queues["scratch.work"]) as queue:
        messages = [queue.get(timeout=5) for _ in range(3)]
        assert [message.payload[1]["number"] for message in messages] == [0, 1, 2]
        assert messages[0].headers["id"].startswith("scratch-")
        for message in messages:
            message.ack()


def test_with_the_broker_away_the_rows_stay(database: Database) -> None:
    put_three(database)
    relay = outbox.Relay(database, "scratch", celery_app("scratch", "amqp://x:y@127.0.0.1:9//", ["scratch.work"]))
    with gevent.Timeout(20), pytest.raises(OperationalError):
        relay.send_batch()
    assert waiting(database) == 3


def test_a_rolled_back_change_sends_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.company(7) as tx:
        outbox.put(tx, "scratch", 7, queue="scratch.work", task="work", payload={})
        raise KeyError
    assert waiting(database) == 0


def test_a_fact_reaches_who_listens(broker_url: str) -> None:
    received: AsyncResult[Message] = AsyncResult()
    bus = EventBus(broker_url)
    bus.listen("test.facts", ["voicemail.left"], received.set)
    bus.start()
    with gevent.Timeout(10):
        while not received.ready():  # the binding may come up after the first fact: facts may be lost, by design
            bus.publish(FACT)
            received.wait(0.2)
    assert received.get() == FACT
    bus.stop()


def test_publishing_while_the_broker_is_away_never_blocks() -> None:
    bus = EventBus("amqp://x:y@127.0.0.1:9//", buffer_limit=10)
    bus.start()
    with gevent.Timeout(1):
        for _ in range(50):
            bus.publish(FACT)
    assert bus.dropped >= 39
    bus.stop()


def test_ready_says_why_not(broker_url: str) -> None:
    assert ready(broker_url)
    with pytest.raises(OSError):
        ready("amqp://x:y@127.0.0.1:9//")


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{", "not JSON"), (b"[]", "not an object"), (b'{"topic": "x"}', "unknown topic"),
     (b'{"topic": "call.ended", "version": 2}', "version"), (b'{"topic": "call.ended", "version": 1}', "lacks")],
)
def test_what_is_no_message_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        from_bytes(body)


def test_a_message_survives_the_wire_and_unknown_fields() -> None:
    assert from_bytes(to_bytes(FACT)) == FACT
    assert from_bytes(to_bytes(FACT)[:-1] + b', "later": 1}') == FACT
