"""A start that cannot succeed stops at once and says why in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from gevent.server import StreamServer

from tests.handsets.process import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(service_database_urls: Mapping[str, str], broker_url: str, tmp_path: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PBX_")}
    return {
        **mine, "PBX_DATABASE_URL_VOICEMAIL": service_database_urls["voicemail"], "PBX_BROKER_URL": broker_url,
        "PBX_VOICEMAIL_HTTP_PORT": str(free_port()), "PBX_VOICEMAIL_CALL_PORT": str(free_port()),
        "PBX_ESL_PORT": str(free_port()), "PBX_ESL_PASSWORD": "secret-of-the-switch",
        "PBX_SPOOL": str(tmp_path), "PBX_SOUNDS": str(tmp_path), "PBX_SMTP_HOST": "127.0.0.1",
        "PBX_SMTP_PORT": "25", "PBX_MAIL_FROM": "telefon@example.test", "PBX_LOG_LEVEL": "error",
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


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


def refused(environment: Mapping[str, str], *words: str, module: str = "services.voicemail") -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module], cwd=REPOSITORY, env=environment, timeout=60, capture_output=True, text=True
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("cannot start: ")
    for word in words:
        assert word in line


def test_a_missing_setting_is_named(environment: dict[str, str]) -> None:
    del environment["PBX_SPOOL"]
    refused(environment, "PBX_SPOOL")


def test_a_spool_that_is_not_there_is_named(environment: dict[str, str]) -> None:
    refused({**environment, "PBX_SPOOL": "/nowhere/at/all"}, "PBX_SPOOL", "/nowhere/at/all")


def test_the_worker_names_a_wrong_setting_too(environment: dict[str, str]) -> None:
    refused({**environment, "PBX_SMTP_TLS": "perhaps"}, "PBX_SMTP_TLS", module="services.voicemail.worker")


def test_no_database(environment: dict[str, str]) -> None:
    away = f"postgresql://x:y@127.0.0.1:{free_port()}/z"
    refused({**environment, "PBX_DATABASE_URL_VOICEMAIL": away}, "database")


@pytest.mark.parametrize("name", ["PBX_VOICEMAIL_HTTP_PORT", "PBX_VOICEMAIL_CALL_PORT"])
def test_a_taken_port_is_named(environment: dict[str, str], taken_port: str, name: str) -> None:
    refused({**environment, name: taken_port}, taken_port)


def test_a_wrong_password_of_the_switch(environment: dict[str, str], strict_switch: int) -> None:
    refused({**environment, "PBX_ESL_PORT": str(strict_switch)}, "PBX_ESL_PASSWORD")
