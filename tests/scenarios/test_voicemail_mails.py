"""What arrives by mail, and what does not stay: each kind to its own address, in the owner's language, too large for a
mail, deleted after it, whatever is killed meanwhile, and nothing of who is erased (V3, V5)."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import urllib.request
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import soundfile

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.left import SPOKEN_HZ, leave, message_of
from tests.scenarios.stage import Sound, Stage
from tests.scenarios.test_voicemail import delete_all, mailbox_of, messages_of

ANNA_S = {"forward": "anna@musterbau.example", "copy": "sekretariat@musterbau.example",
          "notification": "mobil@anna.example"}

CALLER_OF_ONE_MAIL = "+491715550179"


def mail_of(stage: Stage, message_id: str, kind: str, within_s: float = 10) -> EmailMessage:
    return stage.wait_for_mail(lambda mail: str(mail["Message-ID"]).startswith(f"<{message_id}.{kind}@"), within_s)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@proves("V3")
def test_each_kind_of_mail_goes_to_its_own_address_in_the_owners_language(stage: Stage) -> None:
    delete_all(stage, "anna")
    with mailbox_of(stage, "anna", deliver_as_mail=True, email=ANNA_S["forward"], copy_email=ANNA_S["copy"],
                    notify_email=ANNA_S["notification"], audio_format="mp3"):
        leave(stage, "anna")
        message = message_of(stage, "anna")
        mails = {kind: mail_of(stage, message["message_id"], kind) for kind in ANNA_S}
    for kind, mail in mails.items():
        assert mail["To"] == ANNA_S[kind]
        assert mail["From"] == "Musterbau GmbH <telefon@example.test>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Subject"] == "Neue Sprachnachricht von 0171 5550177 (0:02)"
        for form in ("plain", "html"):
            assert "0171 5550177" in text_of(mail, form)
            assert "Anna Berger" in text_of(mail, form)
        attached = list(mail.iter_attachments())
        if kind == "notification":
            assert attached == []
        else:
            name = attached[0].get_filename() or ""
            assert re.fullmatch(r"Sprachnachricht_[0-9-]{10}_[0-9-]{5}_von_\+491715550177\.mp3", name)
            samples, rate = soundfile.read(io.BytesIO(attached[0].get_content()))
            assert abs(len(samples) / rate - 2) < 0.3
    with mailbox_of(stage, "bernd", deliver_as_mail=True, email="bernd@musterbau.example", audio_format="wav"):
        leave(stage, "bernd")
        english = mail_of(stage, message_of(stage, "bernd")["message_id"], "forward")
    assert english["Subject"] == "New voice message from 0171 5550177 (0:02)"
    [attachment] = english.iter_attachments()
    assert (attachment.get_filename() or "").startswith("voice-message_")
    assert abs(Sound.read(io.BytesIO(attachment.get_content())).seconds_of(SPOKEN_HZ) - 2) < 0.2
    for name in ("anna", "bernd"):
        delete_all(stage, name)


@proves("V3", "V5")
def test_a_recording_too_large_for_a_mail_is_heard_through_its_link_and_not_deleted_after_the_mail(
    stage: Stage,
) -> None:
    delete_all(stage, "clara")
    with mailbox_of(stage, "clara", deliver_as_mail=True, email="clara@musterbau.example", audio_format="wav",
                    delete_after_mail=True):
        leave(stage, "clara", seconds=500)      # 8 MB, 11 MB in a mail
        message = message_of(stage, "clara")
        mail = mail_of(stage, message["message_id"], "forward", within_s=20)
    assert list(mail.iter_attachments()) == []
    [link] = re.findall(r"https?://\S+", text_of(mail))
    page, _, token = link.partition("#")
    assert urllib.request.urlopen(page, timeout=5).status == 200
    asked = urllib.request.Request(f"{page}/audio", data=json.dumps({"token": token}).encode(),
                                   headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        sound = Sound.read(io.BytesIO(answer.read()))
    assert sound.seconds == 500
    delete_all(stage, "clara")
    gone = stage.http("voicemail", "POST", "/v1/message-links/audio", token=None, json_body={"token": token})
    assert gone.status == 410


@proves("V5", "V3")
def test_a_message_goes_after_its_mail_where_the_owner_wants_it(stage: Stage) -> None:
    delete_all(stage, "clara")
    clara = stage.telephones["clara"].register()
    with mailbox_of(stage, "clara", deliver_as_mail=True, email="clara@musterbau.example", delete_after_mail=True):
        leave(stage, "clara", caller=CALLER_OF_ONE_MAIL)
        stage.wait_for_mail(lambda mail: any(CALLER_OF_ONE_MAIL in str(part.get_filename())
                                             for part in mail.iter_attachments()))
        stage.wait_until(lambda: not messages_of(stage, "clara"), 5, "the end of the message")
        clara.message_lamp.wait_for(new=0)


@proves("V3")
def test_every_message_is_mailed_once_whatever_is_killed_meanwhile(stage: Stage) -> None:
    delete_all(stage, "clara")
    suite = stage.instance
    callers = [f"+4917155502{number:02}" for number in range(20)]
    with mailbox_of(stage, "clara", deliver_as_mail=True, email="clara@musterbau.example", audio_format="wav"):
        os.kill(instances.pid(suite, "voicemail-worker"), signal.SIGKILL)
        instances.stop_process(suite, "mail-sink")
        for number, caller in enumerate(callers):
            leave(stage, "clara", caller=caller)
            if number == 10:
                stage.wait_until(lambda: messages_of(stage, "clara"), 10, "the first message")
                os.kill(instances.pid(suite, "voicemail"), signal.SIGKILL)
        stage.wait_until(lambda: _tried(stage), 30, "a mail that found no server")
        instances.start_process(suite, "mail-sink")
        instances.wait_until_healthy(suite, ["voicemail", "voicemail-worker", "mail-sink"], timeout_s=60)
        stage.wait_until(lambda: len(_mailed(stage, callers)) == len(callers), 60, "the last mail")
        messages = messages_of(stage, "clara")
    assert sorted(message["caller"]["number"] for message in messages) == callers
    assert set(_mailed(stage, callers).values()) == {1}
    delete_all(stage, "clara")


def _tried(stage: Stage) -> bool:
    with stage.database.company(stage.company_id()) as tx:
        return bool(tx.one("SELECT count(*) AS tried FROM voicemail.deliveries WHERE state = 'waiting'"
                           " AND attempts > 0").tried)


def _mailed(stage: Stage, callers: list[str]) -> Counter[str]:
    """How often each caller's message lies in the mailbox."""
    folder = Path(stage.env["PBX_MAILDIR"]) / "new"
    found: Counter[str] = Counter()
    for path in folder.iterdir():
        name = re.search(rb'filename="[^"]*_(\+[0-9]+)\.wav"', path.read_bytes()[:8000])
        if name and name[1].decode() in callers:
            found[name[1].decode()] += 1
    return found


@proves("V5")
def test_who_is_erased_leaves_no_recording_behind(stage: Stage) -> None:
    new = stage.http("routing", "POST", "/v1/subscribers", token="admin", json_body={
        "extension": "4711", "first_name": "Erna", "last_name": "Weg", "site_id": stage.site_id("anna")})
    assert new.status == 201, new.body
    erna = new.body["subscriber_id"]
    with stage.database.company(stage.company_id()) as tx:
        tx.execute("INSERT INTO voicemail.mailboxes (company_id, subscriber_id) VALUES (:company, :id)",
                   company=stage.company_id(), id=erna)
    leave(stage, "erna")

    def recordings() -> list[Path]:
        with stage.database.company(stage.company_id()) as tx:
            rows = tx.rows("SELECT message_id FROM voicemail.messages WHERE subscriber_id = :id", id=erna)
        return [Path(stage.env["PBX_SPOOL"]) / "recordings" / f"{row.message_id}.wav" for row in rows]

    [recording] = stage.wait_until(recordings, 10, "the message")
    assert recording.exists()
    assert stage.http("routing", "DELETE", f"/v1/subscribers/{erna}", token="admin").status in (200, 204)
    stage.wait_until(lambda: not recording.exists(), 10, "the end of the recording")
