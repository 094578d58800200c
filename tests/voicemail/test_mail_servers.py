"""Mail servers of every kind: with TLS and login, and each way to refuse; what the operator reads of it."""

from __future__ import annotations

import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from typing import Any

import gevent
import pytest
from celery.exceptions import SoftTimeLimitExceeded

from services.voicemail.deliver import Mailer
from services.voicemail.spool import Spool
from shared import smtp
from shared.database import Database
from shared.smtp import SmtpServer
from tests.voicemail.conftest import Leave
from tests.voicemail.mail_server import MailServer
from tests.voicemail.test_delivery import RULES

Started = Callable[..., MailServer]


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    servers: list[MailServer] = []

    def start(**options: Any) -> MailServer:
        servers.append(MailServer(tmp_path_factory.mktemp("mails"), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a server at 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    files = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail.example.test",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files["key"], "-out", files["certificate"]],
        check=True, capture_output=True,
    )
    return files


@pytest.fixture
def trusted(certificate: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("SSL_CERT_FILE", certificate["certificate"])
    return certificate


def a_mail(size: int = 0) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = "test"
    mail.set_content("x" * 70 + "\n" + ("y" * 70 + "\n") * (size // 71))
    return mail


def send(server: SmtpServer, mail: EmailMessage | None = None) -> tuple[str, list[tuple[str, str]]]:
    steps: list[tuple[str, str]] = []
    reply = smtp.send(server, "a@example.test", "b@example.test", mail or a_mail(), lambda: None,
                      lambda step, words: steps.append((step, words)))
    return reply, steps


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_with_tls_and_login_the_mail_arrives(started: Started, trusted: dict[str, str], tls: str) -> None:
    server = started(tls=tls, login=["phone", "secret"], **trusted)
    reply, steps = send(replace(server.server, tls=tls, user="phone", password="secret"))
    assert reply == "250 2.0.0 taken"
    assert {step for step, _ in steps} == set(smtp.STEPS)
    assert "TLSv1.3, certificate for 127.0.0.1" in dict(steps)["tls"]
    assert dict(steps)["greeting"].startswith("220 mail.example.test")
    assert len(server.taken()) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_the_operators_to_mend(
    started: Started, certificate: dict[str, str], tls: str
) -> None:
    server = started(tls=tls, **certificate)
    with pytest.raises(smtp.RefusedForNow, match="self-signed certificate"):
        send(replace(server.server, tls=tls))
    assert server.taken() == []


def test_a_certificate_of_another_server_is_refused(started: Started, trusted: dict[str, str]) -> None:
    server = started(tls="tls", **trusted)
    with pytest.raises(smtp.RefusedForNow, match="not valid for 'localhost'"):
        send(replace(server.server, host="localhost", tls="tls"))


def test_a_wrong_password_is_the_operators_to_mend(started: Started, trusted: dict[str, str]) -> None:
    server = started(tls="starttls", login=["phone", "right"], **trusted)
    with pytest.raises(smtp.RefusedForNow, match=r"^535 "):
        send(replace(server.server, tls="starttls", user="phone", password="wrong"))
    with pytest.raises(smtp.RefusedForNow, match="must be ASCII"):
        send(replace(server.server, tls="starttls", user="phone", password="größe"))
    with pytest.raises(smtp.RefusedForNow, match=r"^530 "):
        send(replace(server.server, tls="starttls"))
    with pytest.raises(smtp.RefusedForNow, match=r"^530 "):
        send(server.server)


def test_a_server_that_says_how_much_it_takes_gets_no_more(started: Started) -> None:
    server = started(largest=30_000)
    send(server.server, a_mail(20_000))
    with pytest.raises(smtp.TooLarge, match="takes 30000 bytes"):
        send(server.server, a_mail(40_000))
    assert len(server.taken()) == 1


@contextmanager
def left_after(seconds: float) -> Iterator[None]:
    """What a task's soft time limit does: here, whichever other greenlet of this process may be running."""
    task = gevent.getcurrent()

    def over(_number: int, _frame: object) -> None:
        if gevent.getcurrent() is task:
            raise SoftTimeLimitExceeded
        gevent.get_hub().loop.run_callback(task.throw, SoftTimeLimitExceeded)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# What the server does -> what becomes of the mail, and what of the ambiguous window.
REFUSALS = [
    ("closed door", "later", 0, "554 5.3.2"),
    ("closing", "later", 0, "421 4.3.2"),
    ("login wanted", "later", 0, "530 5.7.0"),
    ("sender unwanted", "later", 0, "553 5.1.8"),
    ("greylist", "later", 0, "451 4.7.1"),
    ("unknown", "refused", 0, "550 5.1.1"),
    ("full", "later", 0, "452 4.2.2"),
    ("spam", "refused", 0, "554 5.7.1"),
    ("never too small", "refused", 0, "552 5.3.4"),
    ("drop at rcpt", "later", 0, ""),
    ("drop after data", "later", 1, ""),
    ("drip at hello", "later", 0, "SoftTimeLimitExceeded"),
    ("silent at hello", "later", 0, "SoftTimeLimitExceeded"),
    ("drip after data", "later", 1, "SoftTimeLimitExceeded"),
]


@pytest.mark.parametrize(("mode", "outcome", "ambiguous", "words"), REFUSALS)
def test_each_way_to_refuse_leaves_message_mail_and_the_servers_words(
    admin: Database, database: Database, spool: Spool, leave: Leave, mail_server: MailServer, mode: str,
    outcome: str, ambiguous: int, words: str,
) -> None:
    message = leave()
    mail_server.treat(mode)
    mailer = Mailer(database, spool, mail_server.server, RULES)
    with left_after(1.5 if words == "SoftTimeLimitExceeded" else 30):
        assert mailer.deliver(message.company_id, message.message_id, "forward") == outcome
    with admin.platform() as tx:
        row = tx.one("SELECT * FROM voicemail.deliveries WHERE message_id = :id", id=uuid.UUID(message.message_id))
    assert row.state == ("refused" if outcome == "refused" else "waiting")
    assert row.ambiguous == ambiguous
    assert row.claimed_until is None
    assert row.last_reply.startswith(words)
    assert mail_server.taken() == []
    assert spool.audio(message.message_id).exists()

