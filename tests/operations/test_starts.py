"""Each process, started alone with something wrong: it ends at once with one clear line that names it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from operations import settings_of_instance
from operations.settings_of_instance import LISTENING, OF_THE_MAIL_SINK, OF_THE_SWITCH

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("routing", "callback", "voicemail", "presence")
# Set-up included; the machine may be busy with other tests.
AT_ONCE_S = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path, service_database_urls: Mapping[str, str], broker_url: str) -> dict[str, str]:
    """A complete one, on free ports, with real servers; no switch answers."""
    env = settings_of_instance.settings("test-simulator", tmp_path, "simulator", {})
    for key, _, _ in (*LISTENING, OF_THE_SWITCH, OF_THE_MAIL_SINK):
        env[key] = str(free_port())
    for service, url in service_database_urls.items():
        env[f"PBX_DATABASE_URL_{service.upper()}"] = url
    env["PBX_BROKER_URL"] = broker_url
    (tmp_path / "spool").mkdir()
    (tmp_path / "sounds").mkdir()
    env["PBX_SOUNDS"] = str(tmp_path / "sounds")
    return env


@pytest.fixture
def switch_with_another_password() -> Iterator[int]:
    """The event socket's greeting, and its answer to a wrong password (mod_event_socket.c)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def refuse() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"Content-Type: auth/request\n\n")
                    peer.recv(4096)
                    peer.sendall(b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"
                                 b"Content-Type: text/disconnect-notice\nContent-Length: 0\n\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def last_words(module: str, env: Mapping[str, str]) -> str:
    """What it said at its end, which must come soon, be its own fault and no traceback."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, env={**outside, **env}, text=True,
                          capture_output=True, timeout=AT_ONCE_S)
    assert done.returncode not in (0, -9), f"it ended well after {time.monotonic() - began:.1f} s"
    said = (done.stdout + done.stderr).strip()
    assert "Traceback" not in said
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("cannot start: "), said
    return last


def owner_of(module: str) -> str:
    return module.split(".")[1].upper()


WITH_SWITCH = [f"services.{service}" for service in SERVICES]
ALL = [*WITH_SWITCH, *(f"services.{service}.worker" for service in ("routing", "callback", "voicemail"))]


@pytest.mark.parametrize("module", ALL)
def test_a_missing_setting_is_named(module: str, environment: dict[str, str]) -> None:
    name = f"PBX_DATABASE_URL_{owner_of(module)}"
    del environment[name]
    assert name in last_words(module, environment)


@pytest.mark.parametrize("module", ALL)
def test_a_setting_that_makes_no_sense_is_named(module: str, environment: dict[str, str]) -> None:
    environment["PBX_LOG_LEVEL"] = "shout"
    assert "PBX_LOG_LEVEL" in last_words(module, environment)


@pytest.mark.parametrize("module", ALL)
def test_a_database_that_is_not_there_is_said(module: str, environment: dict[str, str]) -> None:
    environment[f"PBX_DATABASE_URL_{owner_of(module)}"] = f"postgresql://pbx@127.0.0.1:{free_port()}/pbx"
    assert "database" in last_words(module, environment)


@pytest.mark.parametrize("module", WITH_SWITCH)
def test_a_taken_port_is_named(module: str, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment[f"PBX_{owner_of(module)}_HTTP_PORT"] = port
        assert port in last_words(module, environment)


@pytest.mark.parametrize("module", ["services.routing", "services.voicemail"])
def test_a_taken_port_for_calls_is_named(module: str, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment[f"PBX_{owner_of(module)}_CALL_PORT"] = port
        assert port in last_words(module, environment)


@pytest.mark.parametrize("module", WITH_SWITCH)
def test_a_wrong_password_of_the_event_socket_is_said(
    module: str, environment: dict[str, str], switch_with_another_password: int
) -> None:
    environment["PBX_ESL_PORT"] = str(switch_with_another_password)
    assert "password" in last_words(module, environment)
