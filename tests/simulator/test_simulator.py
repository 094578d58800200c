"""The simulator as a process: its start, its telephones, lamps and recordings, and what it refuses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path

import gevent
import pytest

from shared.esl import commands
from shared.esl.errors import CommandRejected
from shared.esl.events import Event
from tests.handsets.process import free_port
from tests.live.lab import DOMAIN
from tests.scenarios.telephones import TelephoneRefused, Telephones
from tests.simulator.flows import BERND
from tests.simulator.simulated_lab import ROOT, SimulatedLab

CALLS = 60
CALLS_PER_S = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SimulatedLab, Telephones]]:
    lab = SimulatedLab(tmp_path_factory.mktemp("lab"))
    telephones = lab.start()
    lab.open_routing()
    for device in ("anna-desk", "bernd-desk", "clara-desk"):
        telephones[device].register()
    yield lab, telephones
    lab.stop()


@pytest.fixture
def lab(running: tuple[SimulatedLab, Telephones]) -> SimulatedLab:
    return running[0]


@pytest.fixture
def telephones(running: tuple[SimulatedLab, Telephones]) -> Iterator[Telephones]:
    yield running[1]
    running[1].reset()


def bridge(target: str, **more: str) -> Mapping[str, str]:
    return {"pbx_step": "bridge", "pbx_dial": target, "hangup_after_bridge": "true", "continue_on_fail": "true", **more}


# Starting


def start_with(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    for folder in ("run", "sounds", "spool"):
        (tmp_path / folder).mkdir(exist_ok=True)
    values = {
        "PBX_ESL_PORT": str(free_port()), "PBX_ESL_PASSWORD": "x" * 32, "PBX_RUN": str(tmp_path / "run"),
        "PBX_SOUNDS": str(tmp_path / "sounds"), "PBX_SPOOL": str(tmp_path / "spool"), **changes,
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
    return subprocess.run(
        [sys.executable, "-m", "freeswitch.simulator"], cwd=ROOT, env=environment | values, text=True,
        capture_output=True, timeout=20, check=False,
    )  # fmt: skip


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in ended.stderr.splitlines() if line]
    assert ended.returncode != 0
    assert len(lines) == 1, ended.stderr
    return lines[0]


def test_a_wrong_setting_ends_the_start_with_its_name(tmp_path: Path) -> None:
    assert "PBX_ESL_PORT" in one_line(start_with(tmp_path, PBX_ESL_PORT="70000"))
    assert "PBX_SPOOL" in one_line(start_with(tmp_path, PBX_SPOOL="/nowhere/at/all"))
    assert "PBX_ESL_PASSWORD" in one_line(start_with(tmp_path, PBX_ESL_PASSWORD=""))


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(start_with(tmp_path, PBX_ESL_PORT=str(port)))
    assert str(port) in line
    assert "PBX_ESL_PORT" in line


# What it does not do


def test_what_is_not_simulated_is_refused_in_words(lab: SimulatedLab, telephones: Telephones) -> None:
    with pytest.raises(CommandRejected, match="not simulated"):
        lab.api("uuid_broadcast", "x", "y")
    with pytest.raises(CommandRejected, match="not simulated"):
        lab.api("show", "modules")
    with pytest.raises(CommandRejected, match="Command not found"):
        lab.api("system", "id")
    assert lab.client is not None
    with pytest.raises(CommandRejected, match="does not send"):
        lab.client.send(commands.subscribe(["CHANNEL_APPLICATION"]))
    with pytest.raises(CommandRejected, match="does nothing with"):
        lab.client.send(commands.send_event("NOTIFY", {"profile": "internal"}))
    with pytest.raises(TelephoneRefused, match="no such request"):
        telephones.perform({"do": "fly"})


# Registration


def test_a_wrong_password_is_refused(telephones: Telephones) -> None:
    with pytest.raises(TelephoneRefused, match="403"):
        telephones["anna-soft"].register(password="wrong")


def test_a_device_is_known_while_the_directory_remembers_it(lab: SimulatedLab, telephones: Telephones) -> None:
    telephones["anna-soft"].register()
    asked = len(lab.directory.questions)
    telephones["anna-soft"].unregister()
    telephones["anna-soft"].register()
    assert len(lab.directory.questions) == asked
    assert lab.api("xml_flush_cache", "id", "anna-soft", DOMAIN) == "+OK cleared 1 entry"
    telephones["anna-soft"].register()
    assert len(lab.directory.questions) == asked + 1
    telephones["anna-soft"].unregister()


# Lamps


class Heard:
    """Events of one client, waited for by name."""

    def __init__(self, lab: SimulatedLab, *names: str) -> None:
        self.events: list[Event] = []
        self.client = lab.switch.client("heard", events=list(names), on_event=self.events.append)
        self.client.start()
        assert self.client.wait_connected(5)

    def wait(self, name: str) -> Event:
        with gevent.Timeout(5, AssertionError(f"no {name}")):
            while not (found := [event for event in self.events if event.name == name]):
                gevent.sleep(0.01)
        return found[-1]


def test_a_lamp_shows_what_answers_its_probe(lab: SimulatedLab, telephones: Telephones) -> None:
    heard = Heard(lab, "PRESENCE_PROBE")
    lamp = telephones["anna"].watch("lamp+21-1-key")
    probe = heard.wait("PRESENCE_PROBE")
    assert (probe.get("proto"), probe.get("to"), probe.get("from")) == (
        "lamp", f"lamp+21-1-key@{DOMAIN}", f"anna-desk@{DOMAIN}")
    assert lamp.state is None
    heard.client.send(commands.send_event("PRESENCE_IN", {
        "proto": "lamp", "from": f"21-1-key@{DOMAIN}", "login": f"21-1-key@{DOMAIN}", "event_type": "presence",
        "alt_event_type": "dialog", "answer-state": "early", "channel-state": "CS_ROUTING", "unique-id": "lamp1",
        "Caller-Caller-ID-Number": "22", "Caller-Caller-ID-Name": "Bernd &amp; Co",
    }))
    lamp.wait_for("early")
    assert (lamp.history[-1]["remote_number"], lamp.history[-1]["remote_name"]) == ("22", "Bernd & Co")
    heard.events.clear()
    lamp.stop()
    assert heard.wait("PRESENCE_PROBE").get("expires") == "0"
    heard.client.stop()


def test_the_message_lamp_is_asked_for_and_lit(lab: SimulatedLab, telephones: Telephones) -> None:
    heard = Heard(lab, "MESSAGE_QUERY")
    telephones["anna"].register()
    query = heard.wait("MESSAGE_QUERY")
    assert query.get("Message-Account") == f"sip:anna-desk@{DOMAIN}"
    for new in (2, 0):
        heard.client.send(commands.send_event("MESSAGE_WAITING", {
            "MWI-Messages-Waiting": "yes" if new else "no", "MWI-Message-Account": f"sip:anna-desk@{DOMAIN}",
            "MWI-Voice-Message": f"{new}/1 (0/0)"}))
        telephones["anna"].message_lamp.wait_for(new=new)
    heard.client.stop()


# Sound


def loud_share(path: str) -> float:
    with wave.open(path) as file:
        data = memoryview(file.readframes(file.getnframes())).cast("h")
    return sum(abs(sample) > 1000 for sample in data) / max(1, len(data))


def test_both_sides_hear_what_the_other_says(lab: SimulatedLab, telephones: Telephones) -> None:
    lab.answer = lambda call: bridge(BERND)
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring().answer()
    call.wait_for("answered")
    call.record()
    ring.record()
    call.speak("tone:440")
    gevent.sleep(0.5)
    assert loud_share(ring.heard()) > 0.5
    assert loud_share(call.heard()) == 0


def test_a_message_has_the_length_it_was_spoken(lab: SimulatedLab, telephones: Telephones) -> None:
    """Voicemail is away: the dialplan records by itself; # would end it, the caller hangs up."""
    lab.answer = lambda call: {"pbx_step": "voicemail", "pbx_mailbox": "2", "pbx_company": "1", "pbx_language": "de"}
    heard = Heard(lab, "RECORD_START", "RECORD_STOP")
    call = telephones["anna"].dial("22").wait_for("answered")
    path = Path(heard.wait("RECORD_START").require("Record-File-Path"))
    call.speak("tone:440")
    started_at = time.monotonic()
    gevent.sleep(1.0)
    call.hangup()
    spoken_s = time.monotonic() - started_at
    stopped = heard.wait("RECORD_STOP")
    with wave.open(str(path)) as file:
        length_s = file.getnframes() / file.getframerate()
    assert abs(length_s - spoken_s) < 0.3
    assert int(stopped.variable("record_ms") or 0) == round(length_s * 1000)
    assert path.stat().st_size == 44 + 2 * int(length_s * 8000)
    assert loud_share(str(path)) > 0.6
    heard.client.stop()


# Calls


def test_whoever_was_forwarded_is_shown(lab: SimulatedLab, telephones: Telephones) -> None:
    lab.answer = lambda call: bridge(
        BERND.replace("[", "[alert_info=<http://ring/2>,sip_h_Diversion=<sip:23@d>;reason=no-answer,"),
        effective_caller_id_name="Anna Berg", effective_caller_id_number="21")
    telephones["anna"].dial("23")
    ring = telephones["bernd"].wait_for_ring()
    assert (ring.shown_number, ring.shown_name) == ("21", "Anna Berg")
    assert ring.diversion == ["<sip:23@d>;reason=no-answer"]
    assert ring.alert_info == "<http://ring/2>"


def test_a_withheld_number_stays_withheld(lab: SimulatedLab, telephones: Telephones) -> None:
    lab.answer = lambda call: bridge(BERND)
    telephones.carrier.dial("+49305550022", from_number=None)
    assert telephones["bernd"].wait_for_ring().shown_number == "anonymous"


def test_twenty_calls_a_second(lab: SimulatedLab, telephones: Telephones) -> None:
    """Each rings, is answered and hung up; none is lost, none left behind."""
    lab.answer = lambda call: bridge(BERND)
    bernd = telephones["bernd"]

    def one() -> None:
        call = telephones["anna"].dial("22")
        bernd.wait_for_ring().answer()
        call.wait_for("answered")
        call.hangup()

    started_at = time.monotonic()
    callers = []
    for number in range(CALLS):
        gevent.sleep(max(0.0, started_at + number / CALLS_PER_S - time.monotonic()))
        callers.append(gevent.spawn(one))
    gevent.joinall(callers, timeout=20, raise_error=True)
    assert all(caller.successful() for caller in callers)
    with gevent.Timeout(5):
        while '"rows"' in lab.api("show", "channels", "as", "json"):
            gevent.sleep(0.05)


def test_after_a_restart_of_the_switch_the_telephones_come_back(lab: SimulatedLab, telephones: Telephones) -> None:
    lab.answer = lambda call: bridge(BERND)
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring()
    assert lab.switch.stop() == 0  # type: ignore[func-returns-value]
    lab.switch.start()
    call.wait_for("ended", timeout_s=10)
    with gevent.Timeout(10):
        while "bernd-desk" not in lab.api_when_up("show", "registrations", "as", "json"):
            gevent.sleep(0.05)
    telephones["anna"].dial("22")
    assert telephones["bernd"].wait_for_ring().shown_number == "anna-desk"
