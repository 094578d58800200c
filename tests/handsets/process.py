"""One FreeSWITCH process in a folder of its own: start, wait until it answers, end by its own process id."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import gevent

from operations.instance import find_freeswitch
from operations.places import VAR
from shared.esl.client import InboundClient
from shared.esl.errors import EslError

FOLDERS = ("log", "db", "run", "tmp", "cache", "recordings", "storage")
# FreeSWITCH makes a 4096-bit key in an empty certificate folder, 2 to 6 s of its start (seen): made once, kept.
CERTIFICATES = VAR / "certificates"
START_S = 30.0
STOP_S = 15.0
_AUDIO_PORTS = 200
_BAD_LINE = re.compile(r"\[(ERR|CRIT|ALERT)\]")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AudioPorts:
    """A range of ports for sound that no other process of these tests has: its own until it is given back."""

    def __init__(self) -> None:
        for first in range(29_000, 32_600, _AUDIO_PORTS):
            self._mark = socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # sound is UDP: in nobody's way
            try:
                self._mark.bind(("127.0.0.1", first))
            except OSError:
                self._mark.close()
            else:
                self.first, self.last = first, first + _AUDIO_PORTS - 1
                return
        raise RuntimeError("every range of ports for sound is taken")

    def give_back(self) -> None:
        self._mark.close()


class SwitchDied(Exception):
    """The process ended or never answered; the text has the last lines it wrote."""


class FreeSwitch:
    """A running FreeSWITCH with its configuration in `conf`, everything it writes in `folder`."""

    def __init__(self, conf: Path, folder: Path, esl_port: int, esl_password: str,
                 environment: Mapping[str, str] | None = None) -> None:
        self.conf = conf
        self.folder = folder
        self.esl_port = esl_port
        self.esl_password = esl_password
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / "log" / "freeswitch.log"

    def start(self) -> None:
        binary = find_freeswitch()
        assert binary is not None
        CERTIFICATES.mkdir(parents=True, exist_ok=True)
        arguments = [binary, "-nf", "-nc", "-nonat", "-conf", str(self.conf), "-certs", str(CERTIFICATES)]
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            arguments += [f"-{name}" if name != "tmp" else "-temp", str(self.folder / name)]
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={**os.environ, **self._environment}, start_new_session=True)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Ready is what `status` says, not an open port: modules load after the event socket listens."""
        client = self.client("start")
        client.start()
        try:
            with gevent.Timeout(START_S, SwitchDied(f"not ready after {START_S} s: {self.last_words()}")):
                while True:
                    if self._process is None or self._process.poll() is not None:
                        raise SwitchDied(f"ended while starting: {self.last_words()}")
                    try:
                        if client.wait_connected(0.2) and " is ready" in client.api("status"):
                            return
                    except EslError:
                        pass
                    gevent.sleep(0.05)
        except BaseException:
            self.kill()
            raise
        finally:
            client.stop()

    def client(self, name: str, **wishes: object) -> InboundClient:
        return InboundClient("127.0.0.1", self.esl_port, self.esl_password, name=name,
                             reconnect_delay_s=(0.05, 0.3), **wishes)  # type: ignore[arg-type]

    def last_words(self) -> str:
        written = ""
        for file in (self.folder / "console", self.log):
            if file.exists():
                written += file.read_text(errors="replace")[-1500:]
        return written

    def bad_log_lines(self) -> list[str]:
        return [line for line in self.log.read_text(errors="replace").splitlines() if _BAD_LINE.search(line)]

    def stop(self) -> None:
        """Asks, waits, then kills; returns when the process is gone (its pid file is locked until then)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)
