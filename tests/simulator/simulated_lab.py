"""The lab of tests/live with the simulator in the place of FreeSWITCH and its telephones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import gevent

from shared.esl.client import InboundClient
from tests.handsets.configuration import Login
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.simulated_telephones import SimulatedTelephones
from tests.scenarios.telephones import Telephones

START_S = 15.0
ROOT = Path(__file__).resolve().parents[2]


class SimulatorProcess:
    """`python -m freeswitch.simulator` with an environment of its own; offers what tests/handsets/process.py does."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.esl_port = int(environment["PBX_ESL_PORT"])
        self.esl_password = environment["PBX_ESL_PASSWORD"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "simulator.log"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "freeswitch.simulator"], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, env={**os.environ, **self.environment})
        client = self.client("start")
        client.start()
        try:
            with gevent.Timeout(START_S, RuntimeError(f"not ready: {self.last_words()}")):
                while not client.wait_connected(0.1):
                    if self._process.poll() is not None:
                        raise RuntimeError(f"ended while starting: {self.last_words()}")
        finally:
            client.stop()

    def client(self, name: str, **wishes: object) -> InboundClient:
        return InboundClient("127.0.0.1", self.esl_port, self.esl_password, name=name,
                             reconnect_delay_s=(0.05, 0.3), **wishes)  # type: ignore[arg-type]

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def stop(self) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(10)


class SimulatedLab(Lab):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment["PBX_SWITCH"] = "simulator"
        self.switch = SimulatorProcess(folder / "switch", self.environment)  # type: ignore[assignment]

    def start(self) -> Telephones:
        self.switch.start()
        self.client = self.switch.client("lab")
        self.client.start()
        self.client.wait_connected(10)
        handsets = SimulatedTelephones(
            "127.0.0.1", self.switch.esl_port, self.switch.esl_password,
            [Login(device, DOMAIN, password) for device, password in self.passwords.items()])
        telephones = Telephones(handsets)
        handsets.start()
        self.handsets = handsets  # type: ignore[assignment]
        return telephones

    def api_when_up(self, *words: str) -> str:
        """As `api`, for the while after a restart."""
        assert self.client is not None
        self.client.wait_connected(10)
        return self.api(*words)
