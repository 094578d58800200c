"""A start that cannot succeed stops at once, with one clear line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from gevent.server import StreamServer

from tests.handsets.process import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(service_database_urls: Mapping[str, str]) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PBX_")}
    return {
        **mine, "PBX_DATABASE_URL_PRESENCE": service_database_urls["presence"], "PBX_BIND": "127.0.0.1",
        "PBX_PRESENCE_HTTP_PORT": str(free_port()), "PBX_ESL_HOST": "127.0.0.1",
        "PBX_ESL_PORT": str(free_port()), "PBX_ESL_PASSWORD": "secret-of-the-switch", "PBX_LOG_LEVEL": "error",
        "PBX_BROKER_URL": "amqp://nobody@127.0.0.1:1/none",
    }


@pytest.fixture
def strict_switch() -> Iterator[int]:
    """Speaks the event socket as far as refusing a password (mod_event_socket.c, auth)."""
    def refuse(line: socket.socket, _address: object) -> None:
        line.sendall(b"Content-Type: auth/request\n\n")
        line.recv(1000)
        line.sendall(b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n")
        line.recv(1000)

    server = StreamServer(("127.0.0.1", 0), refuse)
    server.start()
    yield server.server_port
    server.stop()


def started(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "services.presence"], cwd=ROOT, env=environment, timeout=30,
                          capture_output=True, text=True)


def refused_with(environment: Mapping[str, str], *words: str) -> None:
    ended = started(environment)
    assert ended.returncode not in (0, None)
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("cannot start: ")
    for word in words:
        assert word in line


def test_a_missing_setting_is_named(environment):
    del environment["PBX_ESL_PASSWORD"]
    refused_with(environment, "PBX_ESL_PASSWORD")


def test_a_wrong_setting_is_named(environment):
    refused_with({**environment, "PBX_PRESENCE_HTTP_PORT": "99999"}, "PBX_PRESENCE_HTTP_PORT", "port")


def test_no_database(environment):
    refused_with({**environment, "PBX_DATABASE_URL_PRESENCE": f"postgresql://x:y@127.0.0.1:{free_port()}/z"},
                 "database")


def test_a_taken_port_is_named(environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused_with({**environment, "PBX_PRESENCE_HTTP_PORT": port}, port)


def test_a_wrong_password_of_the_switch(environment, strict_switch):
    refused_with({**environment, "PBX_ESL_PORT": str(strict_switch)}, "switch")


def test_without_a_switch_it_waits_and_says_so(environment):
    process = subprocess.Popen([sys.executable, "-m", "services.presence"], cwd=ROOT, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{environment['PBX_PRESENCE_HTTP_PORT']}/ready"
        status = None
        while status is None:
            assert process.poll() is None, process.stderr.read()
            try:
                urllib.request.urlopen(url, timeout=5)
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:  # not listening yet
                pass
        assert status == 503
    finally:
        process.terminate()
        assert process.wait(20) == 0
