"""The supervisor with real programs: how they start, end, restart, and what a killed supervisor leaves."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operations import ports, settings_of_instance
from operations.screen import Trouble
from operations.secrets_file import keep_secrets
from operations.supervision import Program, Supervisor, is_alive, last_line

WAITS = "import time; print('up', flush=True); time.sleep(600)"
REFUSES = "import sys; print('some noise'); sys.exit('cannot start: PBX_ESL_PORT must be a port')"


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code])


def wait_until(holds: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, [python("good", WAITS), python("bad", REFUSES)], {"PBX_RUN": str(tmp_path)})
    supervisor.start()
    yield supervisor
    supervisor.stop()


def test_programs_run_and_the_last_word_of_one_that_ends_is_kept(two: Supervisor) -> None:
    wait_until(lambda: two.states()["good"].running and two.states()["bad"].ended_at > 0)
    wait_until(lambda: last_line(two.log("bad")) == "cannot start: PBX_ESL_PORT must be a port")


def test_stopping_ends_every_program(two: Supervisor) -> None:
    wait_until(lambda: two.states()["good"].running)
    pid = two.states()["good"].pid
    two.stop()
    assert not is_alive(pid)
    assert two.states() == {}
    assert not two.alive()


def test_a_killed_program_comes_back_and_a_stopped_one_does_not(two: Supervisor) -> None:
    wait_until(lambda: two.states()["good"].running)
    first = two.states()["good"].pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: two.states()["good"].running and two.states()["good"].pid != first)
    two.stop_program("good")
    assert two.states()["good"].state == "STOPPED"
    two.stop_program("good")
    two.start_program("good")
    assert two.states()["good"].running


def test_what_a_killed_supervisor_left_is_ended_before_the_next_start(two: Supervisor) -> None:
    wait_until(lambda: two.states()["good"].running)
    orphan = two.states()["good"].pid
    parent = int(Path(f"/proc/{orphan}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not is_alive(parent))
    assert is_alive(orphan)
    two.start()
    assert not is_alive(orphan)
    wait_until(lambda: two.states()["good"].running)


def test_a_run_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / ("path" * 20)
    supervisor = Supervisor(deep, [python("good", WAITS)], {})
    supervisor.start()
    try:
        wait_until(lambda: supervisor.states()["good"].running)
    finally:
        supervisor.stop()


def test_a_taken_port_is_named_with_its_purpose_and_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Trouble, match=rf"Port {port} \(SIP\) is taken by process {os.getpid()} "):
            ports.refuse_taken_ports({port: "SIP"})
    ports.refuse_taken_ports({port: "SIP"}, udp=[port])


def test_a_port_taken_over_udp_only_is_noticed_where_udp_matters() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert ports.udp_port_is_bound(port)
        ports.refuse_taken_ports({port: "HTTP"})
        with pytest.raises(Trouble, match="is taken"):
            ports.refuse_taken_ports({port: "SIP"}, udp=[port])


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    first = keep_secrets(file, ["esl"])
    second = keep_secrets(file, ["esl", "directory"])
    assert second["esl"] == first["esl"]
    assert len(second["directory"]) == 32
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("given", "said"), [
    ({"PBX_SIP_INTERNAL_PORT": "70000"}, "PBX_SIP_INTERNAL_PORT='70000' is not a port"),
    ({"PBX_SIP_INTERNAL_PORT": "17101"}, "PBX_SIP_INTERNAL_PORT and PBX_ESL_PORT are both 17101"),
    ({"PBX_SMTP_TLS": "ssl"}, "it is one of none, starttls, tls"),
    ({"PBX_ADMIN_DATABASE_URL": "x"}, "cannot be given"),
])
def test_a_bad_setting_is_refused_by_name_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    monkeypatch.delenv("PBX_PORTS", raising=False)
    with pytest.raises(Trouble, match=said):
        settings_of_instance.settings("test-simulator", tmp_path, "simulator", given)


def test_no_two_instances_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PBX_PORTS", raising=False)
    seen: dict[str, str] = {}
    for name in settings_of_instance.PORTS_OF_INSTANCE:
        (tmp_path / name).mkdir()
        for key, value in settings_of_instance.settings(name, tmp_path / name, "simulator", {}).items():
            if key.endswith(("_PORT", "_PORT_2", "_START", "_END")):
                assert value not in seen, f"{name} {key} and {seen[value]}"
                seen[value] = f"{name} {key}"
