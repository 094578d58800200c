"""What a story plays on: one running suite, its telephones, HTTP, its mailbox. The same on both switches.

    make_stage(instance) -> Stage: telephones by the driver of the instance's switch, everything else by the
    suite's own doors. `operations.demo` plays its story on the same stage.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import gevent
import numpy

from operations import instance as instances
from operations.mail_sink import mails
from shared.database import Database
from tests.handsets.configuration import Login, Places
from tests.handsets.driver import HandsetDriver
from tests.handsets.process import free_port
from tests.scenarios.simulated_telephones import SimulatedTelephones
from tests.scenarios.telephones import NeverHappened, Telephone, Telephones

T = TypeVar("T")

DOMAIN = "musterbau.example"
OTHER_DOMAIN = "konkurrenz.example"
OTHER_DEVICES = ("ulf-desk", "vera-desk")
WAV_HEADER_BYTES = 44
BEEP_HZ = 1000
"""The tone after a greeting (services/voicemail/call.py)."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]
    content: bytes


class Stage:
    """telephones["anna"] is on; stage.http(...) asks a service as somebody; stage.mails() looks into the mailbox."""

    def __init__(self, instance: instances.Instance, driver: SimulatedTelephones | HandsetDriver) -> None:
        self.instance = instance
        self.env = instance.env
        self.secrets: dict[str, Any] = json.loads((instance.run / "secrets.json").read_text())
        self.driver = driver
        self.telephones = Telephones(driver)
        self.database = Database(instance.env["PBX_ADMIN_DATABASE_URL"], pool_size=2)
        """The owner's login: for what a story has no HTTP door for yet."""

    @property
    def real(self) -> bool:
        return self.instance.switch == "freeswitch"

    def http(self, service: str, method: str, path: str, *, token: str | None = "anna",
             json_body: Any = None, headers: Mapping[str, str] | None = None, timeout_s: float = 10,
             content: bytes | None = None) -> Answer:
        """token: a first name of the demo company, "operator", or None for no token at all."""
        request = urllib.request.Request(self.instance.url(service) + path, data=content, method=method)
        if json_body is not None:
            request.data = json.dumps(json_body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {self.secrets['tokens'][token]}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                return _answer(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), error.headers)

    def new_telephone(self, device: str, domain: str, password: str) -> Telephone:
        """One more telephone with this on its settings page; the story registers it."""
        self.driver.add_login(Login(device, domain, password))
        return self.telephones[device]

    def lamp_address(self, device: str, position: int) -> str:
        extension = self.extension(device.split("-")[0])
        return f"lamp+{extension}-{position}-{self.secrets['lamp_keys'][device]}"

    def extension(self, first_name: str) -> str:
        return str(self._person(first_name)["extension"])

    def subscriber_id(self, first_name: str) -> int:
        return int(self._person(first_name)["subscriber_id"])

    def site_id(self, first_name: str) -> int:
        return int(self._person(first_name)["site_id"])

    def company_id(self) -> int:
        return int(self._person("anna")["company_id"])

    def _person(self, first_name: str) -> dict[str, Any]:
        with self.database.platform() as tx:
            return tx.one("SELECT company_id, subscriber_id, site_id, extension FROM directory.subscribers"
                          " WHERE lower(first_name) = :name", name=first_name)

    def wait_for_beep(self, recording: str, timeout_s: float = 30) -> None:
        """recording: what call.record() writes; until the caller may speak."""
        self.wait_until(lambda: Sound.so_far(recording).seconds_of(BEEP_HZ) >= 0.2, timeout_s, "the beep")

    def mails(self) -> list[EmailMessage]:
        return mails(Path(self.env["PBX_MAILDIR"]))

    def wait_for_mail(self, arrived: Callable[[EmailMessage], bool], timeout_s: float = 10) -> EmailMessage:
        return self.wait_until(
            lambda: next((mail for mail in self.mails() if arrived(mail)), None), timeout_s, "the mail")

    def wait_until(self, look: Callable[[], T | None], timeout_s: float, what: str) -> T:
        """Looks again and again until there is something; for what has no event to wait for."""
        ends_at = time.monotonic() + timeout_s
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > ends_at:
                raise NeverHappened(f"{what} did not come within {timeout_s} s")
            gevent.sleep(0.05)

    @contextmanager
    def setting(self, table: str, **values: Any) -> Iterator[None]:
        """One subscriber's rows of this table are `values` for the while, and as they were afterwards."""
        columns = {"company_id": self.company_id(), **values}
        names = ", ".join(columns)
        holders = ", ".join(f":{name}" for name in columns)
        with self.database.platform() as tx:
            before = tx.rows(f"SELECT * FROM {table} WHERE subscriber_id = :s", s=values["subscriber_id"])
            tx.execute(f"DELETE FROM {table} WHERE subscriber_id = :s", s=values["subscriber_id"])
            tx.execute(f"INSERT INTO {table} ({names}) VALUES ({holders})", **columns)
        try:
            yield
        finally:
            with self.database.platform() as tx:
                tx.execute(f"DELETE FROM {table} WHERE subscriber_id = :s", s=values["subscriber_id"])
                for row in before:
                    holders = ", ".join(f":{name}" for name in row)
                    tx.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({holders})", **row)

    def stop(self) -> None:
        self.telephones.stop()
        self.database.close()


def _answer(status: int, content: bytes, headers: Any) -> Answer:
    is_json = (headers.get("Content-Type") or "").startswith("application/json")
    return Answer(status, json.loads(content) if is_json and content else None, dict(headers), content)


def logins(instance: instances.Instance) -> list[Login]:
    passwords: dict[str, str] = json.loads((instance.run / "secrets.json").read_text())["devices"]
    return [
        Login(device, OTHER_DOMAIN if device in OTHER_DEVICES else DOMAIN, password)
        for device, password in passwords.items()
    ]


def make_stage(instance: instances.Instance) -> Stage:
    """Telephones are there, nobody is registered. stop() it in the end."""
    env = instance.env
    driver: SimulatedTelephones | HandsetDriver
    if instance.switch == "simulator":
        driver = SimulatedTelephones(
            env["PBX_ESL_HOST"], int(env["PBX_ESL_PORT"]), env["PBX_ESL_PASSWORD"], logins(instance))
    else:
        first_port = int(env["PBX_TRUNK_PORT"])
        audio = 50000 + first_port % 1000 // 100 * 1000   # apart from those of the suite beside
        places = Places(
            system_host=env["PBX_SIP_IP"], system_internal_port=int(env["PBX_SIP_INTERNAL_PORT"]),
            system_external_port=int(env["PBX_SIP_EXTERNAL_PORT"]), handset_port=free_port(),
            carrier_port=first_port, esl_port=free_port(), esl_password="telephones",
            rtp_start=audio, rtp_end=audio + 999, second_carrier_port=first_port + 1,
        )
        driver = HandsetDriver(Path(tempfile.mkdtemp(prefix="telephones-")), places, logins(instance))
    driver.start()
    return Stage(instance, driver)


@dataclass(frozen=True)
class Sound:
    """A WAV somebody heard or a mail brought."""

    seconds: float
    rate: int
    samples: Any

    @classmethod
    def read(cls, source: str | Path | Any) -> Sound:
        with wave.open(str(source) if isinstance(source, (str, Path)) else source, "rb") as wav:
            samples = numpy.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2")
            if wav.getnchannels() > 1:
                samples = samples[:: wav.getnchannels()]
            return cls(len(samples) / wav.getframerate(), wav.getframerate(), samples)

    @classmethod
    def so_far(cls, path: str | Path, rate: int = 8000) -> Sound:
        """One that is still being written: its header does not know its length yet."""
        try:
            written = Path(path).read_bytes()[WAV_HEADER_BYTES:]
        except FileNotFoundError:
            written = b""
        samples = numpy.frombuffer(written[: len(written) // 2 * 2], dtype="<i2")
        return cls(len(samples) / rate, rate, samples)

    def seconds_of(self, tone_hz: float, tolerance_hz: float = 15) -> float:
        """For how long this tone is the loudest thing: what was spoken is what was recorded."""
        window = self.rate // 20
        found = 0
        for start in range(0, len(self.samples) - window, window):
            part = self.samples[start : start + window].astype(float)
            if numpy.sqrt((part**2).mean()) < 200:
                continue
            spectrum = numpy.abs(numpy.fft.rfft(part * numpy.hanning(window), n=window * 4))
            loudest = spectrum.argmax() * self.rate / (window * 4)
            found += int(abs(loudest - tone_hz) <= tolerance_hz)
        return found * window / self.rate
