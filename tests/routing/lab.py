"""Routing as a process of its own, between a real FreeSWITCH with telephones and a database of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import psycopg2
from gevent.event import Event
from gevent.server import StreamServer

from operations import demo_company
from operations.testing import scratch_broker, scratch_database
from shared.esl.client import InboundClient
from tests.event_socket import connected
from tests.handsets.configuration import Login, Places
from tests.handsets.driver import HandsetDriver
from tests.handsets.process import AudioPorts, FreeSwitch, free_port
from tests.scenarios.telephones import Telephones

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "musterbau.example"


class Process:
    """One service, started and ended by its own process id."""

    def __init__(self, module: str, environment: dict[str, str], log: Path, ready_url: str | None = None) -> None:
        self.module = module
        self._environment = environment
        self._log = log
        self._ready_url = ready_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module], cwd=ROOT, env={**os.environ, **self._environment},
                stdout=log, stderr=log, start_new_session=True)
        if self._ready_url:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        with gevent.Timeout(30, AssertionError(f"{self.module} is not ready: {self.words()}")):
            while True:
                try:
                    urllib.request.urlopen(str(self._ready_url), timeout=2)
                    return
                except OSError:
                    assert self._process is not None
                    assert self._process.poll() is None, self.words()
                    gevent.sleep(0.1)

    def words(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


class Line:
    """The way to the database, which can freeze: connections stay, new ones are taken, and not a word comes."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._open = Event()
        self._open.set()
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.port = int(self._server.server_port)

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def stop(self) -> None:
        self.thaw()
        self._server.stop(timeout=0.1)

    def _serve(self, near: socket.socket, _: object) -> None:
        with socket.create_connection(self._to) as far:
            gevent.joinall([gevent.spawn(self._pass_on, near, far), gevent.spawn(self._pass_on, far, near)])

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while words := one.recv(65536):
                self._open.wait()
                other.sendall(words)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Lab:
    def __init__(self, folder: Path, admin_url: str, role_urls: dict[str, str], broker_url: str) -> None:
        self.folder = folder
        self.admin_url = admin_url
        own = urlsplit(role_urls["routing"])
        self.line = Line(own.hostname or "127.0.0.1", own.port or 5432)
        routing_url = own._replace(netloc=f"{own.username}:{own.password}@127.0.0.1:{self.line.port}").geturl()
        for part in ("spool/fallback", "sounds/music", "run"):
            (folder / part).mkdir(parents=True)
        self.audio = [AudioPorts() for _ in ("the switch", "the handsets")]
        self.environment = {
            "PBX_RUN": str(folder / "run"), "PBX_INSTANCE": "routing-lab", "PBX_SWITCH": "freeswitch",
            "PBX_DATABASE_URL_ROUTING": routing_url, "PBX_ADMIN_DATABASE_URL": admin_url,
            "PBX_BROKER_URL": broker_url, "PBX_BIND": "127.0.0.1", "PBX_ESL_HOST": "127.0.0.1",
            "PBX_ESL_PASSWORD": secrets.token_hex(16), "PBX_DIRECTORY_SECRET": secrets.token_hex(16),
            "PBX_SIP_IP": "127.0.0.1", "PBX_RTP_START": str(self.audio[0].first),
            "PBX_RTP_END": str(self.audio[0].last),
            "PBX_TRUNK_HOST": "127.0.0.1", "PBX_SOUNDS": str(folder / "sounds"), "PBX_SPOOL": str(folder / "spool"),
            "PBX_LOG_LEVEL": "info",
            "PBX_SMTP_HOST": "127.0.0.1", "PBX_SMTP_PORT": str(free_port()), "PBX_MAIL_FROM": "telefon@example.test",
        }
        for name in ("ESL", "ROUTING_HTTP", "ROUTING_CALL", "VOICEMAIL_CALL", "DIRECTORY", "SIP_INTERNAL",
                     "SIP_EXTERNAL", "TRUNK"):
            self.environment[f"PBX_{name}_PORT"] = str(free_port())
        self.environment["PBX_ROUTING_CALL_PORT_2"] = str(free_port())
        self.http = f"http://127.0.0.1:{self.environment['PBX_ROUTING_HTTP_PORT']}"
        demo_company.ensure(self.environment)
        self.secrets = demo_company.secrets_of(folder / "run")
        self.routing = Process("services.routing", self.environment, folder / "routing.log", f"{self.http}/ready")
        self.worker = Process("services.routing.worker", self.environment, folder / "worker.log")
        port = {name: int(self.environment[f"PBX_{name}_PORT"]) for name in (
            "ESL", "SIP_INTERNAL", "SIP_EXTERNAL", "TRUNK")}
        self.switch = FreeSwitch(
            ROOT / "freeswitch" / "conf", folder / "switch", port["ESL"], self.environment["PBX_ESL_PASSWORD"],
            self.environment)
        self.handsets = HandsetDriver(
            folder / "handsets",
            Places("127.0.0.1", port["SIP_INTERNAL"], port["SIP_EXTERNAL"], free_port(), port["TRUNK"], free_port(),
                   secrets.token_hex(16), self.audio[1].first, self.audio[1].last),
            [Login(device, DOMAIN, password) for device, password in self.secrets["devices"].items()
             if device not in ("ulf-desk", "vera-desk")],
        )
        self.telephones = Telephones(self.handsets)

    def start(self) -> None:
        self.switch.start()
        self.routing.start()
        self.worker.start()
        self.handsets.start()

    def stop(self) -> None:
        self.handsets.stop()
        self.worker.stop()
        self.routing.stop()
        self.switch.stop()
        self.line.stop()
        for ports in self.audio:
            ports.give_back()

    def client(self) -> AbstractContextManager[InboundClient]:
        return connected(self.switch.client("lab"))

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.admin_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SET pbx.company = 'platform'")
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    with scratch_database() as database, scratch_broker() as broker_url:
        lab = Lab(folder, database.admin_url, dict(database.role_urls), broker_url)
        try:
            lab.start()
            yield lab
        finally:
            lab.stop()
