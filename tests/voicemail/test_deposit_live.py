"""Messages left on a real FreeSWITCH with real telephones, the service and its worker running as in life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import wave
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import pytest
import soundfile

from operations.instance import find_freeswitch
from operations.testing import scratch_broker, scratch_database
from services.voicemail.deposit import PROMPTS
from services.voicemail.spool import Spool
from shared.api import token_sha256
from shared.database import Database
from tests.handsets.process import free_port
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import Call, Telephones
from tests.voicemail.conftest import write_wav
from tests.voicemail.mail_server import MailServer

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "t" * 40
ANNA, BERND = 1, 2


class House:
    """One switch, the voicemail service and its worker, a mail server, a company of two."""

    def __init__(self, folder: Path, database_url: str, admin_url: str, broker_url: str) -> None:
        self.lab = Lab(folder)
        sounds = folder / "sounds"
        _made(sounds / "de")
        for prompt in PROMPTS:  # short ones: what they say is not the point here
            write_wav(sounds / "de" / f"{prompt}.wav", 200)
        self.spool = folder / "spool"
        self.mails = MailServer(_made(folder / "mails"))
        self.admin = Database(admin_url)
        _found_company(self.admin)
        self.http_port = free_port()
        self.environment = {
            **os.environ, **self.lab.environment,
            "PBX_DATABASE_URL_VOICEMAIL": database_url, "PBX_BROKER_URL": broker_url, "PBX_BIND": "127.0.0.1",
            "PBX_VOICEMAIL_HTTP_PORT": str(self.http_port), "PBX_ESL_HOST": "127.0.0.1",
            "PBX_SMTP_HOST": "127.0.0.1", "PBX_SMTP_PORT": str(self.mails.server.port),
            "PBX_MAIL_FROM": "telefon@example.test",
        }
        self.log = folder / "voicemail.log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.telephones: Telephones | None = None

    def start(self) -> None:
        self.telephones = self.lab.start()
        self.lab.open_routing()
        self.start_process("services.voicemail")
        self.start_process("services.voicemail.worker")
        self.wait_until(lambda: self.get("/ready")["ready"], 60)
        self.lab.answer = lambda call: {
            "pbx_step": "voicemail", "pbx_company": "1", "pbx_mailbox": str(ANNA), "pbx_reason": "no_answer",
            "pbx_language": "de", "pbx_call_id": call.leg_uuid, "pbx_caller": "21", "pbx_caller_subscriber": "1",
        }

    def start_process(self, module: str) -> None:
        with self.log.open("ab") as log:
            self.processes[module] = subprocess.Popen(
                [sys.executable, "-m", module], env=self.environment, cwd=REPOSITORY, stdout=log, stderr=log
            )

    def kill_process(self, module: str, how: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(module)
        process.send_signal(how)
        process.wait(15)

    def stop(self) -> None:
        for module in list(self.processes):
            self.kill_process(module, signal.SIGTERM)
        self.mails.stop()
        self.lab.stop()
        self.admin.close()

    def get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                return json.load(answer)
        except OSError:
            return {"ready": False}

    def send(self, method: str, path: str, body: Any = None) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=3).close()

    def wait_until(self, happened: Callable[[], Any], timeout_s: float = 8.0) -> Any:
        """Other processes tell nobody here: asked again and again, up to a limit."""
        ends_at = time.monotonic() + timeout_s
        while not (found := happened()):
            if time.monotonic() > ends_at:
                raise AssertionError(f"never happened; {self.log.read_text()[-3000:]}")
            gevent.sleep(0.05)
        return found

    def messages(self) -> list[Any]:
        with self.admin.platform() as tx:
            return tx.rows("SELECT * FROM voicemail.messages WHERE deleted_at IS NULL ORDER BY left_at")

    def wait_for_message(self, before: int) -> Any:
        return self.wait_until(lambda: found[-1] if len(found := self.messages()) > before else None, 40)

    def call_the_mailbox(self, caller: str = "bernd", codec: str | None = None) -> Call:
        assert self.telephones is not None
        telephone = self.telephones[caller]
        if not telephone.registered:
            telephone.register()
        return telephone.dial("21", codec=codec).wait_for("answered")

    def wait_for_recording(self) -> Path:
        """The file the switch has begun to write."""
        return self.wait_until(
            lambda: next((path for path in (self.spool / "recordings").glob("*.wav")
                          if path.with_suffix(".json").exists()), None), 20,
        )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _found_company(admin: Database) -> None:
    with admin.platform() as tx:
        tx.execute("INSERT INTO directory.companies (company_id, name, sip_domain) VALUES (1, 'Musterbau', :domain)",
                   domain=DOMAIN)
        tx.execute("INSERT INTO directory.sites (company_id, site_id, name, area_code) VALUES (1, 1, 'Berlin', '30')")
        for subscriber, name, extension in ((ANNA, "Anna", "21"), (BERND, "Bernd", "22")):
            tx.execute("INSERT INTO directory.subscribers (company_id, subscriber_id, site_id, first_name, last_name,"
                       " extension) VALUES (1, :id, 1, :name, 'Muster', :extension)",
                       id=subscriber, name=name, extension=extension)
        tx.execute("INSERT INTO voicemail.mailboxes (company_id, subscriber_id, deliver_as_mail, email, audio_format)"
                   " VALUES (1, :id, true, 'anna@musterbau.example', 'wav')", id=ANNA)
        for device in ("anna-desk", "anna-soft"):
            tx.execute("INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
                       " VALUES (1, :device, :id, repeat('0', 32), repeat('k', 16))", device=device, id=ANNA)
        tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                   " VALUES (:sha, 'subscriber', 1, :id)", sha=token_sha256(TOKEN), id=ANNA)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with scratch_database() as database, scratch_broker() as broker_url:
        house = House(tmp_path_factory.mktemp("voicemail"), database.role_urls["voicemail"],
                      database.admin_url, broker_url)
        try:
            house.start()
            yield house
        finally:
            house.stop()


def tone_of(content: bytes) -> float:
    return tone_of_samples(*soundfile.read(BytesIO(content)))


def tone_of_samples(samples: Any, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * rate / len(samples))


def length_ms(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate() * 1000


def test_a_message_is_left_ended_by_the_hash_key_mailed_and_shown_by_the_lamp(house: House) -> None:
    assert house.telephones is not None
    anna = house.telephones["anna"].register()
    soft = house.telephones["anna-soft"].register()
    anna.message_lamp.wait_for(new=0)
    before = len(house.messages())
    call = house.call_the_mailbox()
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 3)
    unfinished = Spool(house.spool).measure(recording)
    assert unfinished is not None
    assert not unfinished.closed, "the header has no length yet: how the sweeper tells a file at work"
    began = time.monotonic()
    call.send_digits("##")  # the second sends it without hearing what could be done with it
    message = house.wait_for_message(before)
    call.wait_for("ended", 15)
    assert call.end_cause == "NORMAL_CLEARING"
    assert 3000 <= message.duration_ms < 4500
    assert (message.caller_number, message.reason) == ("21", "no_answer")
    anna.message_lamp.wait_for(new=before + 1)
    soft.message_lamp.wait_for(new=before + 1)
    ((_, mail),) = house.wait_until(house.mails.taken)
    print(f"hash key to mail {time.monotonic() - began:.2f} s")
    (attachment,) = mail.iter_attachments()
    assert abs(tone_of(attachment.get_content()) - 440) < 5
    samples, rate = soundfile.read(BytesIO(attachment.get_content()))
    assert len(samples) * 1000 // rate == message.duration_ms
    assert recording.stat().st_size == 44 + 2 * len(samples)
    house.send("PATCH", f"/v1/messages/{message.message_id}", {"state": "saved"})
    anna.message_lamp.wait_for(new=0)
    house.send("DELETE", f"/v1/messages/{message.message_id}")


def test_hanging_up_keeps_what_was_said(house: House) -> None:
    before = len(house.messages())
    call = house.call_the_mailbox()
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 2)
    call.hangup()
    message = house.wait_for_message(before)
    assert 1900 <= message.duration_ms < 3000
    assert not message.incomplete
    house.send("DELETE", f"/v1/messages/{message.message_id}")


def test_hanging_up_at_the_tone_leaves_nothing(house: House) -> None:
    before = len(house.messages())
    call = house.call_the_mailbox()
    house.wait_for_recording()
    call.hangup()
    house.wait_until(lambda: not list((house.spool / "recordings").glob("*.json")))
    assert len(house.messages()) == before


def test_a_service_killed_in_the_middle_loses_nothing(house: House) -> None:
    before = len(house.messages())
    call = house.call_the_mailbox()
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 2)
    house.kill_process("services.voicemail")
    call.hangup()
    assert len(house.messages()) == before
    house.start_process("services.voicemail")
    message = house.wait_for_message(before)
    assert message.duration_ms >= 1900
    house.wait_until(lambda: not list((house.spool / "recordings").glob("*.json")))
    house.send("DELETE", f"/v1/messages/{message.message_id}")


def test_a_service_killed_while_the_caller_is_asked_loses_neither_message_nor_urgency(house: House) -> None:
    before = len(house.messages())
    call = house.call_the_mailbox()
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 2)
    call.send_digits("#4")
    note = recording.with_suffix(".json")
    house.wait_until(lambda: '"urgent": true' in note.read_text())
    house.kill_process("services.voicemail")
    call.wait_for("ended", 10)
    house.start_process("services.voicemail")
    message = house.wait_for_message(before)
    assert message.urgent
    assert message.duration_ms >= 1900
    house.send("DELETE", f"/v1/messages/{message.message_id}")


def test_without_the_service_the_dialplan_records_and_the_sweeper_takes_it_in(house: House) -> None:
    before = len(house.messages())
    house.kill_process("services.voicemail", signal.SIGTERM)
    call = house.call_the_mailbox()
    call.speak("tone:440")
    fallback = house.wait_until(lambda: next((house.spool / "fallback").glob("*.wav"), None), 20)
    # The dialplan's own recording is buffered: what is on the disk comes in steps of 4 s.
    house.wait_until(lambda: fallback.stat().st_size > 44 + 2 * 8000, 20)
    call.hangup()
    house.start_process("services.voicemail")
    message = house.wait_for_message(before)
    assert message.duration_ms >= 2000
    house.send("DELETE", f"/v1/messages/{message.message_id}")


@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_silence_ends_the_recording_when_it_lasted_whatever_the_telephone_speaks(house: House, codec: str) -> None:
    """A breath does not: what `record` counts are packets, and their length depends on the codec."""
    before = len(house.messages())
    call = house.call_the_mailbox(codec=codec)
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 1.5)
    call.speak("silence")
    gevent.sleep(2)  # a pause, shorter than the silence that ends it
    call.speak("tone:600")
    gevent.sleep(1.5)
    assert call.up
    call.speak("silence")
    began = time.monotonic()
    message = house.wait_for_message(before)
    ended_after_s = time.monotonic() - began
    samples, rate = soundfile.read(recording)
    assert rate == 8000
    assert message.duration_ms == len(samples) * 1000 // rate
    assert not message.incomplete
    spoken = [abs(tone_of_samples(samples[at: at + rate // 2], rate) - hz) < 5
              for at, hz in ((rate // 2, 440), (rate * 4 + rate // 2, 600))]
    assert all(spoken), f"{message.duration_ms} ms"
    assert 4 < ended_after_s < 7
    call.wait_for("ended", 15)
    house.send("DELETE", f"/v1/messages/{message.message_id}")


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_without_the_service_silence_ends_the_recording_no_sooner(house: House, codec: str) -> None:
    before = len(house.messages())
    house.kill_process("services.voicemail", signal.SIGTERM)
    call = house.call_the_mailbox(codec=codec)
    call.speak("tone:440")
    house.wait_until(lambda: next((house.spool / "fallback").glob("*.wav"), None), 20)
    gevent.sleep(1.5)
    call.speak("nothing")
    gevent.sleep(2)
    call.speak("tone:600")
    gevent.sleep(1.5)
    assert call.up
    call.speak("nothing")
    call.wait_for("ended", 10)
    house.start_process("services.voicemail")
    message = house.wait_for_message(before)
    assert 9000 < message.duration_ms < 12_500
    house.send("DELETE", f"/v1/messages/{message.message_id}")


def test_a_lamp_is_right_after_registering_again(house: House) -> None:
    assert house.telephones is not None
    before = len(house.messages())
    anna = house.telephones["anna"]
    anna.unregister()
    call = house.call_the_mailbox()
    call.speak("tone:440")
    recording = house.wait_for_recording()
    house.wait_until(lambda: recording.stat().st_size > 44 + 2 * 8000 * 2)
    call.hangup()
    message = house.wait_for_message(before)
    anna.register()
    anna.message_lamp.wait_for(new=1)
    house.send("DELETE", f"/v1/messages/{message.message_id}")
    anna.message_lamp.wait_for(new=0)


def test_a_full_mailbox_hears_so_and_records_nothing(house: House) -> None:
    with house.admin.platform() as tx:
        tx.execute("INSERT INTO voicemail.messages (company_id, message_id, subscriber_id, left_at, duration_ms,"
                   " sample_rate, audio_bytes, reason) VALUES (1, gen_random_uuid(), :id, now(), 1000, 8000, 16044,"
                   " 'busy')", id=ANNA)
        tx.execute("UPDATE voicemail.mailboxes SET max_messages = 1 WHERE subscriber_id = :id", id=ANNA)
    try:
        call = house.call_the_mailbox()
        heard: Mapping[str, str] | str = call.record()
        call.wait_for("ended", 20)
        assert call.end_cause == "NORMAL_CLEARING"
        assert heard
        assert list((house.spool / "recordings").glob("*.json")) == []
    finally:
        with house.admin.platform() as tx:
            tx.execute("UPDATE voicemail.mailboxes SET max_messages = 100 WHERE subscriber_id = :id", id=ANNA)
            tx.execute("DELETE FROM voicemail.messages WHERE subscriber_id = :id", id=ANNA)
