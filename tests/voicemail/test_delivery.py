"""Mails to a real SMTP server that behaves in every way servers do: each message once, none lost."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from io import BytesIO
from typing import Any

import pytest
import soundfile

from services.voicemail.deliver import Mailer
from services.voicemail.mail import MailRules
from services.voicemail.mailbox import LeftMessage
from services.voicemail.spool import Spool
from shared import smtp
from shared.database import Database
from shared.smtp import SmtpServer
from tests.voicemail.conftest import Company, Leave, Swept, tasks_of
from tests.voicemail.mail_server import MailServer

RULES = MailRules("telefon@example.test", 10_000_000, "https://phone.example.test/voicemail")


@pytest.fixture
def mailer(database: Database, spool: Spool, mail_server: MailServer) -> Mailer:
    return Mailer(database, spool, mail_server.server, RULES)


def delivery(admin: Database, message: LeftMessage) -> Any:
    with admin.platform() as tx:
        return tx.one("SELECT * FROM voicemail.deliveries WHERE message_id = :id", id=uuid.UUID(message.message_id))


def make_due(admin: Database, message: LeftMessage) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET next_attempt_at = now() - interval '1 second'"
                   " WHERE message_id = :id", id=uuid.UUID(message.message_id))


def deliver(mailer: Mailer, message: LeftMessage) -> str:
    return mailer.deliver(message.company_id, message.message_id, "forward")


def test_a_message_arrives_with_audio_of_its_true_length(
    admin: Database, company: Company, leave: Leave, mailer: Mailer, mail_server: MailServer
) -> None:
    message = leave(3250)
    assert deliver(mailer, message) == "sent"
    ((recipient, mail),) = mail_server.taken()
    assert recipient == f"anna@{company.domain}"
    assert mail["Message-ID"] == f"<{message.message_id}.forward@example.test>"
    (attachment,) = mail.iter_attachments()
    samples, rate = soundfile.read(BytesIO(attachment.get_content()))
    assert len(samples) / rate == 3.25
    assert "(0:03)" in mail["Subject"]
    row = delivery(admin, message)
    assert (row.state, row.attempts, row.ambiguous, row.claimed_until) == ("sent", 1, 0, None)
    assert row.last_reply.startswith("250")


def test_mp3_for_who_wants_it(
    admin: Database, company: Company, leave: Leave, mailer: Mailer, mail_server: MailServer
) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET audio_format = 'mp3' WHERE subscriber_id = :id", id=company.anna)
    assert deliver(mailer, leave(3000)) == "sent"
    ((_, mail),) = mail_server.taken()
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content_type() == "audio/mpeg"
    samples, rate = soundfile.read(BytesIO(attachment.get_content()))
    assert abs(len(samples) / rate - 3.0) < 0.2


def test_a_mail_that_cannot_be_made_is_not_tried_in_a_circle(
    admin: Database, spool: Spool, company: Company, leave: Leave, mailer: Mailer
) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET audio_format = 'mp3' WHERE subscriber_id = :id", id=company.anna)
    message = leave()
    spool.audio(message.message_id).write_bytes(b"no audio at all")
    assert deliver(mailer, message) == "later"
    assert delivery(admin, message).next_attempt_at > datetime.now(UTC)
    assert delivery(admin, message).claimed_until is None


def test_the_same_task_twice_sends_once(leave: Leave, mailer: Mailer, mail_server: MailServer) -> None:
    message = leave()
    assert [deliver(mailer, message) for _ in range(3)] == ["sent", "nothing to do", "nothing to do"]
    assert len(mail_server.taken()) == 1


def test_a_message_that_is_gone_is_no_error(company: Company, mailer: Mailer) -> None:
    assert mailer.deliver(company.company_id, str(uuid.uuid4()), "forward") == "nothing to do"


@pytest.mark.parametrize(("mode", "code"), [("greylist", "451"), ("full", "452")])
def test_a_temporary_refusal_waits_for_its_time_and_then_arrives_once(
    admin: Database, leave: Leave, mailer: Mailer, mail_server: MailServer, swept: Swept, mode: str, code: str
) -> None:
    message = leave()
    mail_server.treat(mode)
    assert deliver(mailer, message) == "later"
    row = delivery(admin, message)
    assert row.state == "waiting"
    assert row.last_reply.startswith(code)
    assert timedelta(seconds=50) < row.next_attempt_at - datetime.now(UTC) < timedelta(seconds=70)
    assert deliver(mailer, message) == "nothing to do", "it is not due"
    mail_server.treat("accept")
    make_due(admin, message)
    tasks = len(tasks_of(admin, message))
    swept.sweeper.queue_due_mails()
    swept.sweeper.queue_due_mails()
    assert len(tasks_of(admin, message)) == tasks + 1
    assert swept.woken == 1
    assert deliver(mailer, message) == "sent"
    assert len(mail_server.taken()) == 1
    assert delivery(admin, message).ambiguous == 0


@pytest.mark.parametrize(("mode", "code"), [("unknown", "550"), ("spam", "554")])
def test_a_final_refusal_is_kept_for_the_owner(
    admin: Database, spool: Spool, leave: Leave, mailer: Mailer, mail_server: MailServer, mode: str, code: str
) -> None:
    message = leave()
    mail_server.treat(mode)
    assert deliver(mailer, message) == "refused"
    row = delivery(admin, message)
    assert row.state == "refused"
    assert row.last_reply.startswith(code)
    assert deliver(mailer, message) == "nothing to do"
    assert spool.audio(message.message_id).exists()


def test_a_server_that_drops_the_line_before_the_data_did_not_get_it(
    admin: Database, leave: Leave, mailer: Mailer, mail_server: MailServer
) -> None:
    message = leave()
    mail_server.treat("drop at rcpt")
    assert deliver(mailer, message) == "later"
    assert delivery(admin, message).ambiguous == 0


@pytest.mark.parametrize(("mode", "copies"), [("drop after data", 1), ("take it and drop", 2)])
def test_the_one_ambiguous_window_is_counted_and_the_mail_sent_again_as_the_same_mail(
    admin: Database, leave: Leave, mailer: Mailer, mail_server: MailServer, mode: str, copies: int
) -> None:
    message = leave()
    mail_server.treat(mode)
    assert deliver(mailer, message) == "later"
    row = delivery(admin, message)
    assert (row.state, row.ambiguous) == ("waiting", 1)
    mail_server.treat("accept")
    make_due(admin, message)
    assert deliver(mailer, message) == "sent"
    assert len({mail["Message-ID"] for _, mail in mail_server.taken()}) == 1
    assert len(mail_server.taken()) == copies


def test_no_server_at_all_is_tried_again_soon(
    admin: Database, database: Database, spool: Spool, leave: Leave
) -> None:
    message = leave()
    mailer = Mailer(database, spool, SmtpServer("127.0.0.1", 1), RULES)
    assert deliver(mailer, message) == "later"
    assert delivery(admin, message).next_attempt_at - datetime.now(UTC) < timedelta(seconds=6)


def test_after_five_days_it_is_given_up_and_the_message_stays(
    admin: Database, database: Database, spool: Spool, leave: Leave
) -> None:
    message = leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET first_tried_at = now() - interval '6 days', attempts = 40"
                   " WHERE message_id = :id", id=uuid.UUID(message.message_id))
    mailer = Mailer(database, spool, SmtpServer("127.0.0.1", 1), RULES)
    assert deliver(mailer, message) == "given up"
    assert delivery(admin, message).state == "given_up"
    assert spool.audio(message.message_id).exists()


def test_two_workers_do_not_send_the_same_mail(
    admin: Database, leave: Leave, mailer: Mailer, mail_server: MailServer
) -> None:
    message = leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET claimed_until = now() + interval '1 minute'"
                   " WHERE message_id = :id", id=uuid.UUID(message.message_id))
    assert deliver(mailer, message) == "nothing to do"
    assert mail_server.taken() == []


@pytest.mark.parametrize(("state", "ambiguous"), [("waiting", 0), ("sending", 1)])
def test_a_worker_that_died_is_followed_by_another(
    admin: Database, leave: Leave, mailer: Mailer, mail_server: MailServer, swept: Swept, state: str, ambiguous: int
) -> None:
    message = leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET claimed_until = now() - interval '1 second', state = :state,"
                   " queued_at = now() - interval '3 minutes', attempts = 1, first_tried_at = now()"
                   " WHERE message_id = :id", id=uuid.UUID(message.message_id), state=state)
    tasks = len(tasks_of(admin, message))
    swept.sweeper.queue_due_mails()
    assert len(tasks_of(admin, message)) == tasks + 1
    assert deliver(mailer, message) == "sent"
    assert delivery(admin, message).ambiguous == ambiguous
    assert len(mail_server.taken()) == 1


def test_a_worker_whose_claim_went_to_another_sends_nothing(
    admin: Database, database: Database, spool: Spool, leave: Leave, mail_server: MailServer
) -> None:
    message = leave()

    class Slow(Mailer):
        def _about_to_send(self, delivery: Any) -> None:
            with admin.platform() as tx:
                tx.execute("UPDATE voicemail.deliveries SET claimed_until = now() + interval '99 seconds'"
                           " WHERE message_id = :id", id=delivery.message_id)
            super()._about_to_send(delivery)

    assert deliver(Slow(database, spool, mail_server.server, RULES), message) == "claim lost"
    assert mail_server.taken() == []


def test_delete_after_mail_waits_for_the_mail(
    admin: Database, company: Company, leave: Leave, mailer: Mailer, mail_server: MailServer
) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET delete_after_mail = true WHERE subscriber_id = :id",
                   id=company.anna)
    message = leave()

    def deleted() -> bool:
        with admin.platform() as tx:
            return tx.one("SELECT deleted_at FROM voicemail.messages WHERE message_id = :id",
                          id=uuid.UUID(message.message_id)).deleted_at is not None

    mail_server.treat("greylist")
    deliver(mailer, message)
    assert not deleted()
    mail_server.treat("accept")
    make_due(admin, message)
    deliver(mailer, message)
    assert deleted()


def test_a_dot_at_the_beginning_of_a_line_arrives(mail_server: MailServer) -> None:
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = "dots"
    mail.set_content(".\n..\n.end\n", cte="7bit")
    smtp.send(mail_server.server, "a@example.test", "b@example.test", mail, lambda: None)
    ((_, arrived),) = mail_server.taken()
    assert arrived.get_content().splitlines() == [".", "..", ".end"]


def test_a_server_that_wants_no_login_of_ours_is_asked_again(mail_server: MailServer) -> None:
    mail = EmailMessage(policy=policy.SMTP)
    mail.set_content("x")
    server = SmtpServer(mail_server.server.host, mail_server.server.port, "user", "password")
    with pytest.raises(smtp.RefusedForNow):
        smtp.send(server, "a@example.test", "b@example.test", mail, lambda: None)
    starttls = SmtpServer(mail_server.server.host, mail_server.server.port, tls="starttls")
    with pytest.raises(smtp.RefusedForNow):
        smtp.send(starttls, "a@example.test", "b@example.test", mail, lambda: None)
