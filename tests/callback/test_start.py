"""A start that cannot succeed ends at once with one line that says why; one that can, ends on SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping

import gevent
import pytest
from gevent import socket

from tests.callback.script import ScriptedSwitch, scripted_switch
from tests.shared.esl.peers import PASSWORD

START_S = 45.0


@pytest.fixture
def switch() -> Iterator[ScriptedSwitch]:
    with scripted_switch() as found:
        yield found


@pytest.fixture
def environment(switch: ScriptedSwitch, service_database_urls: Mapping[str, str], broker_url: str) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PBX_")},
        "PBX_DATABASE_URL_CALLBACK": service_database_urls["callback"], "PBX_BROKER_URL": broker_url,
        "PBX_CALLBACK_HTTP_PORT": str(port), "PBX_ESL_PORT": str(switch.port), "PBX_ESL_PASSWORD": PASSWORD,
        "PBX_DIRECTORY_PORT": "1", "PBX_DIRECTORY_SECRET": "x" * 16,
    }


@pytest.mark.parametrize("module", ["services.callback", "services.callback.worker"])
@pytest.mark.parametrize(("wrong", "line"), [
    ({"PBX_ESL_PORT": "eight"}, "PBX_ESL_PORT"),
    ({"PBX_ESL_PASSWORD": "another"}, "password"),
    ({"PBX_DIRECTORY_SECRET": "short"}, "PBX_DIRECTORY_SECRET"),
    ({"PBX_DATABASE_URL_CALLBACK": "postgresql://nobody@127.0.0.1:1/none"}, "the database does not answer"),
])
def test_a_start_that_cannot_succeed_says_why_in_one_line(
    environment: dict[str, str], module: str, wrong: dict[str, str], line: str
):
    ended = subprocess.run(
        [sys.executable, "-m", module], env={**environment, **wrong}, capture_output=True, text=True, timeout=START_S,
    )
    assert ended.returncode == 2, ended.stderr
    [said] = ended.stderr.strip().splitlines()
    assert said.startswith("cannot start: ")
    assert line in said


def test_a_port_that_is_taken_is_named(environment: dict[str, str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment["PBX_CALLBACK_HTTP_PORT"])))
        taken.listen()
        ended = subprocess.run(
            [sys.executable, "-m", "services.callback"], env=environment, capture_output=True, text=True,
            timeout=START_S,
        )
    assert ended.returncode == 2
    assert f"port {environment['PBX_CALLBACK_HTTP_PORT']}" in ended.stderr


def test_the_service_is_ready_when_its_switch_is_there_and_ends_on_request(environment: dict[str, str]):
    running = subprocess.Popen([sys.executable, "-m", "services.callback"], env=environment)

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{environment['PBX_CALLBACK_HTTP_PORT']}/ready") as answer:
                return json.load(answer)["ready"] is True
        except OSError:
            return False

    try:
        with gevent.Timeout(START_S):
            while not ready():
                gevent.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_S) == 0
    finally:
        running.kill()
