"""Each process, started alone with something wrong: it ends at once with one clear line that names it."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from operations import settings_of_instance
from operations.settings_of_instance import LISTENING, OF_THE_MAIL_SINK, OF_THE_SWITCH

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("routing", "callback", "voicemail", "presence")
# They only read their settings, or fail to connect; but several start beside each other, on a busy machine.
AT_ONCE_S = 60


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


def refuse_to_start(
    modules: Sequence[str], env_of: Callable[[str], Mapping[str, str]], said: Callable[[str], str]
) -> None:
    """All of them, beside each other: each must end soon, by itself, and its last line name what `said` gives."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
    started = {
        module: subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env={**outside, **env_of(module)}, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for module in modules
    }
    try:
        for module, process in started.items():
            output, _ = process.communicate(timeout=AT_ONCE_S)
            last = (output.strip().splitlines() or [""])[-1]
            assert process.returncode > 0, f"{module}: {output}"
            assert last.startswith("cannot start: "), f"{module}: {output}"
            assert said(module) in last, f"{module}: {last}"
            assert "Traceback" not in output, f"{module}: {output}"
    finally:
        for process in started.values():
            process.kill()


def owner_of(module: str) -> str:
    return module.split(".")[1].upper()


def url_of(module: str) -> str:
    return f"PBX_DATABASE_URL_{owner_of(module)}"


WITH_SWITCH = [f"services.{service}" for service in SERVICES]
ALL = [*WITH_SWITCH, *(f"services.{service}.worker" for service in ("routing", "callback", "voicemail"))]


def test_a_missing_setting_is_named(environment: dict[str, str]) -> None:
    def without(module: str) -> dict[str, str]:
        return {key: value for key, value in environment.items() if key != url_of(module)}

    refuse_to_start(ALL, without, url_of)


def test_a_setting_that_makes_no_sense_is_named(environment: dict[str, str]) -> None:
    refuse_to_start(ALL, lambda module: {**environment, "PBX_LOG_LEVEL": "shout"}, lambda module: "PBX_LOG_LEVEL")


def test_a_database_that_is_not_there_is_said(environment: dict[str, str]) -> None:
    nobody = f"postgresql://pbx@127.0.0.1:{free_port()}/pbx"
    refuse_to_start(ALL, lambda module: {**environment, url_of(module): nobody}, lambda module: "database")


def test_a_taken_port_is_named(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refuse_to_start(WITH_SWITCH, lambda module: {**environment, f"PBX_{owner_of(module)}_HTTP_PORT": port},
                        lambda module: port)
        refuse_to_start(["services.routing", "services.voicemail"],
                        lambda module: {**environment, f"PBX_{owner_of(module)}_CALL_PORT": port}, lambda module: port)


def test_a_wrong_password_of_the_event_socket_is_said(
    environment: dict[str, str], switch_with_another_password: int
) -> None:
    port = str(switch_with_another_password)
    refuse_to_start(WITH_SWITCH, lambda module: {**environment, "PBX_ESL_PORT": port}, lambda module: "password")
