"""At most one command an attempt, whatever happens to the worker, the wire or the switch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import gevent
import pytest

from services.callback.ask import DIAL_QUEUE
from services.callback.dial import dial
from shared.broker import celery_app
from shared.database import Database
from shared.esl.client import InboundClient
from shared.esl.commands import Command
from shared.outbox import Relay
from tests.callback.conftest import Web
from tests.callback.script import PATIENCE_S, ScriptedSwitch, scripted_switch
from tests.shared.esl.peers import PASSWORD

WITHIN_S = 60
WORKER_START_S = 45.0


@pytest.fixture
def switch() -> Iterator[ScriptedSwitch]:
    with scripted_switch() as found:
        yield found


@pytest.fixture
def client(switch: ScriptedSwitch) -> Iterator[InboundClient]:
    found = InboundClient("127.0.0.1", switch.port, PASSWORD, name="test", command_timeout_s=0.5,
                          reconnect_delay_s=(0.01, 0.05))
    found.start()
    assert found.wait_connected(PATIENCE_S)
    yield found
    found.stop()


def asked(web: Web) -> UUID:
    return UUID(web.post().json["id"])


def state(web: Web, attempt_id: UUID) -> tuple[str, str | None]:
    found = web.get(f"/{attempt_id}").json
    return found["state"], found["reason"]


def test_the_first_leg_is_dialled_once_however_often_the_task_comes(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    attempt_id = asked(web)
    gevent.joinall([gevent.spawn(dial, attempt_id, database, client, WITHIN_S) for _ in range(5)], raise_error=True)
    dial(attempt_id, database, client, WITHIN_S)
    [command] = switch.originates()
    assert f"pbx_attempt={attempt_id}" in command
    assert "origination_caller_id_name=Bernd Bäcker" in command
    assert "cb-anna-desk%backstube.example" in command
    assert "cb-anna-soft%backstube.example" in command
    assert command.endswith("' 22 XML internal")
    assert state(web, attempt_id) == ("accepted", None)


def test_a_call_that_was_called_off_first_is_never_dialled(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    attempt_id = asked(web)
    web.delete(str(attempt_id))
    dial(attempt_id, database, client, WITHIN_S)
    assert switch.originates() == []


def test_a_call_nobody_took_up_in_time_is_not_dialled_late(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    dial(asked(web), database, client, within_s=0)
    assert switch.originates() == []


@pytest.mark.parametrize("happens", ["cut", "silent"])
def test_without_a_reply_the_call_is_unknown_and_never_dialled_again(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch, happens: str
):
    attempt_id = asked(web)
    switch.on_originate = happens
    dial(attempt_id, database, client, WITHIN_S)
    assert state(web, attempt_id) == ("unknown", "out_of_sight")
    switch.on_originate = "accept"
    assert client.wait_connected(PATIENCE_S)
    dial(attempt_id, database, client, WITHIN_S)
    assert len(switch.originates()) == 1


def test_a_refusal_of_the_switch_fails_the_call(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    attempt_id = asked(web)
    switch.on_originate = "-ERR no such command"
    dial(attempt_id, database, client, WITHIN_S)
    assert state(web, attempt_id) == ("failed", "first_failed")


def test_a_switch_that_went_just_before_the_command_fails_the_call(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    attempt_id = asked(web)
    client.stop()
    dial(attempt_id, database, client, WITHIN_S)
    assert state(web, attempt_id) == ("failed", "not_dialled_in_time")
    assert switch.originates() == []


def test_from_the_request_over_the_queue_to_the_switch_with_a_worker_killed_on_the_way(
    web: Web, database: Database, switch: ScriptedSwitch, broker_url: str, service_database_urls: Mapping[str, str]
):
    relay = Relay(database, "callback", celery_app("callback", broker_url, [DIAL_QUEUE]))
    relay.start()
    environment = {
        **os.environ, "PBX_DATABASE_URL_CALLBACK": service_database_urls["callback"], "PBX_BROKER_URL": broker_url,
        "PBX_CALLBACK_HTTP_PORT": "1", "PBX_ESL_PORT": str(switch.port), "PBX_ESL_PASSWORD": PASSWORD,
        "PBX_DIRECTORY_PORT": "1", "PBX_DIRECTORY_SECRET": "x" * 16,
    }

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "services.callback.worker"], env=environment)

    running = worker()
    try:
        switch.on_originate = "silent"  # the worker waits for the reply when it is killed
        first = asked(web)
        relay.wake()
        switch.wait_for("bgapi originate", 1, WORKER_START_S)
        running.send_signal(signal.SIGKILL)
        running.wait()
        switch.on_originate = "accept"
        running = worker()
        second = asked(web)
        relay.wake()
        switch.wait_for("bgapi originate", 2, WORKER_START_S)
        running.send_signal(signal.SIGTERM)
        running.wait()
    finally:
        running.kill()
        relay.stop()
    dialled = [next(one for one in (first, second) if str(one) in line) for line in switch.originates()]
    assert dialled == [first, second]


def test_a_worker_that_stood_still_after_its_claim_rings_nobody_any_more(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch
):
    attempt_id = asked(web)
    seconds = iter((0.0, 6.0))
    dial(attempt_id, database, client, WITHIN_S, clock=lambda: next(seconds))
    assert state(web, attempt_id) == ("failed", "not_dialled_in_time")
    assert switch.originates() == []


def test_a_cancel_that_crossed_the_command_is_looked_after(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch, owner: Callable[..., Any]
):
    attempt_id = asked(web)

    class Crossing:
        def send(self, command: Command) -> object:
            web.delete(str(attempt_id))
            owner("UPDATE callback.attempts SET to_be_hung_up = false")  # looked after, too early
            return client.send(command)

    dial(attempt_id, database, Crossing(), WITHIN_S)
    assert len(switch.originates()) == 1
    assert owner("SELECT state::text, to_be_hung_up FROM callback.attempts") == [("cancelled", True)]
