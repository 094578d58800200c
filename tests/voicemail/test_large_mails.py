"""A recording that is too large for a mail: a link to it, which ends with its message."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import soundfile
from flask.testing import FlaskClient

from services.voicemail.api import register
from services.voicemail.deliver import Mailer
from services.voicemail.mailbox import LeftMessage
from services.voicemail.spool import Spool
from shared.api import create_app
from shared.database import Database
from tests.voicemail.conftest import Company, Leave, Swept
from tests.voicemail.mail_server import MailServer
from tests.voicemail.test_delivery import RULES

SMALL = replace(RULES, largest_bytes=20_000)


@pytest.fixture
def client(database: Database, spool: Spool) -> FlaskClient:
    app, api = create_app("voicemail", database=database)
    register(app, api, database, spool, lambda: None, lambda _fact: None)
    return app.test_client()


@pytest.fixture
def small(database: Database, spool: Spool, mail_server: MailServer) -> Mailer:
    return Mailer(database, spool, mail_server.server, SMALL)


def link_in(mail: EmailMessage) -> str:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    [link] = re.findall(r"https://\S+", text.get_content())
    assert f'<a href="{link}">' in html.get_content()
    assert list(mail.iter_attachments()) == []
    return str(link)


def the_link(mail_server: MailServer) -> str:
    return link_in(mail_server.taken()[-1][1])


def audio(client: FlaskClient, link: str) -> Any:
    page, _, token = link.partition("#")
    assert page == "https://phone.example.test/voicemail/v1/message-links"
    return client.post("/v1/message-links/audio", json={"token": token})


def send(mailer: Mailer, message: LeftMessage, kind: str = "forward") -> str:
    return mailer.deliver(message.company_id, message.message_id, kind)


def change(admin: Database, sql: str, message: LeftMessage) -> None:
    with admin.platform() as tx:
        assert tx.execute(f"UPDATE {sql} WHERE message_id = :id", id=uuid.UUID(message.message_id))


def test_a_large_recording_is_heard_through_the_link(
    leave: Leave, small: Mailer, mail_server: MailServer, client: FlaskClient
) -> None:
    message = leave(3000)
    assert send(small, message) == "sent"
    answer = audio(client, the_link(mail_server))
    assert answer.status_code == 200
    samples, rate = soundfile.read(BytesIO(answer.data))
    assert len(samples) / rate == 3.0
    assert re.fullmatch(r'attachment; filename="?voicemail_[0-9-]+_[0-9-]+\.wav"?',
                        answer.headers["Content-Disposition"])


def test_a_small_one_is_attached_all_the_same(leave: Leave, small: Mailer, mail_server: MailServer) -> None:
    assert send(small, leave(500)) == "sent"
    [(_, mail)] = mail_server.taken()
    assert len(list(mail.iter_attachments())) == 1


def test_a_server_that_finds_it_too_large_gets_the_link_at_once(
    database: Database, spool: Spool, leave: Leave, mail_server: MailServer, client: FlaskClient
) -> None:
    mail_server.treat("too large")
    message = leave(3000)
    assert send(Mailer(database, spool, mail_server.server, RULES), message) == "sent"
    assert len(mail_server.taken()) == 1
    assert audio(client, the_link(mail_server)).status_code == 200


def test_what_a_server_announces_is_not_tried(
    database: Database, spool: Spool, leave: Leave, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = MailServer(tmp_path_factory.mktemp("mails"), largest=20_000)
    try:
        assert send(Mailer(database, spool, server.server, RULES), leave(3000)) == "sent"
        assert the_link(server)
    finally:
        server.stop()


def test_once_too_large_it_is_a_link_in_every_attempt(
    admin: Database, database: Database, spool: Spool, leave: Leave, mail_server: MailServer
) -> None:
    message = leave(500)
    change(admin, "voicemail.deliveries SET as_link = true", message)
    assert send(Mailer(database, spool, mail_server.server, RULES), message) == "sent"
    assert the_link(mail_server)


def test_delete_after_mail_spares_what_a_link_leads_to(
    admin: Database, company: Company, leave: Leave, small: Mailer, mail_server: MailServer, client: FlaskClient
) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET delete_after_mail = true WHERE subscriber_id = :id",
                   id=company.anna)
    assert send(small, leave(3000)) == "sent"
    assert audio(client, the_link(mail_server)).status_code == 200


@pytest.mark.parametrize("end", [
    "voicemail.messages SET deleted_at = now()",
    "voicemail.audio_links SET expires_at = now() - interval '1 second'",
])
def test_a_link_ends_with_its_message_or_its_time(
    admin: Database, leave: Leave, small: Mailer, mail_server: MailServer, client: FlaskClient, end: str
) -> None:
    message = leave(3000)
    send(small, message)
    change(admin, end, message)
    answer = audio(client, the_link(mail_server))
    assert answer.status_code == 410
    assert (answer.json["error"], answer.json["field"]) == ("link_is_over", "token")


@pytest.mark.parametrize(("retention_days", "kept_days"), [(3, 3), (14, 14), (30, 14), (None, 14)])
def test_a_link_promises_no_more_than_the_mailbox_keeps(
    admin: Database, leave: Leave, small: Mailer, mail_server: MailServer, retention_days: int | None, kept_days: int
) -> None:
    message = leave(3000)
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET retention_days = :days WHERE subscriber_id = :id",
                   days=retention_days, id=message.subscriber_id)
    assert send(small, message) == "sent"
    until = message.left_at + timedelta(days=kept_days)
    with admin.platform() as tx:
        link = tx.one("SELECT expires_at FROM voicemail.audio_links WHERE message_id = :id",
                      id=uuid.UUID(message.message_id))
    assert abs(link.expires_at - until) < timedelta(seconds=10)
    text = mail_server.taken()[-1][1].get_body(("plain",))
    assert text is not None
    assert f"{until.astimezone(ZoneInfo('Europe/Berlin')):%d.%m.%Y}" in text.get_content()


@pytest.mark.parametrize(("body", "status"), [
    ({"token": "made up"}, 410), ({"token": ""}, 422), ({}, 422), ({"token": 7}, 422), ({"token": "x" * 201}, 422),
    ({"token": "a\0b"}, 422),
])
def test_what_is_no_link_opens_nothing(client: FlaskClient, body: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/message-links/audio", json=body)
    assert answer.status_code == status
    assert answer.json["field"] == "token"


def test_the_page_holds_no_secret_and_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    for language, word in (("de", "Sprachnachricht"), ("en", "Voice message")):
        page = client.get("/v1/message-links", headers={"Accept-Language": language})
        assert f'<html lang="{language}">' in page.text
        assert word in page.text
        assert "http" not in page.text.replace("<http", "")
        assert "script-src 'sha256-" in page.headers["Content-Security-Policy"]
        assert page.headers["Referrer-Policy"] == "no-referrer"


def test_only_the_hash_of_a_link_is_kept_and_old_ones_go(
    admin: Database, leave: Leave, small: Mailer, mail_server: MailServer, swept: Swept
) -> None:
    message = leave(3000)
    send(small, message)
    token = the_link(mail_server).partition("#")[2]
    with admin.platform() as tx:
        row = tx.one("SELECT * FROM voicemail.audio_links WHERE message_id = :id", id=uuid.UUID(message.message_id))
    assert token not in str({name: bytes(value) if name == "token_sha256" else value for name, value in row.items()})
    change(admin, "voicemail.audio_links SET expires_at = now() - interval '1 second'", message)
    swept.end_messages()
    with admin.platform() as tx:
        assert not tx.rows("SELECT 1 FROM voicemail.audio_links WHERE message_id = :id",
                           id=uuid.UUID(message.message_id))
