"""The mail with the link, to a real SMTP server that behaves in every way servers do."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from services.routing.accounts import resets
from services.routing.accounts.mailer import ResetMailer
from shared.smtp import SmtpServer
from tests.voicemail.mail_server import MailServer

ANNA, BERND = 70121, 70122


@pytest.fixture
def mails(tmp_path):
    server = MailServer(tmp_path)
    server.treat("")
    yield server
    server.stop()


@pytest.fixture
def mailer(database, mails):
    return ResetMailer(database, mails.server, "telefon@example.test", "https://pbx.example.com/")


@pytest.fixture
def asked(database, owner_sql):
    owner_sql("UPDATE directory.subscribers SET email = 'person' || extension || '@amsel.example',"
              " language = CASE extension WHEN '22' THEN 'en' ELSE 'de' END WHERE company_id = 701")

    def ask(subscriber_id=ANNA, secret="password", by="owner"):
        with database.company(701) as tx:
            resets.start_for(tx, 701, subscriber_id, secret, by)
        [(reset_id,)] = owner_sql("SELECT reset_id FROM directory.resets ORDER BY created_at DESC LIMIT 1")
        return str(reset_id)
    yield ask
    owner_sql("DELETE FROM directory.logins")
    owner_sql("DELETE FROM routing.outbox")
    owner_sql("UPDATE directory.subscribers SET email = NULL, language = 'de' WHERE company_id = 701")


def state(owner_sql, reset_id):
    [found] = owner_sql("SELECT mail_state, mail_attempts FROM directory.resets WHERE reset_id = %(id)s", id=reset_id)
    return found


def link_in(mail):
    return re.search(r"https://pbx\.example\.com/v1/(\S+)/(\S+)", mail.get_content())


def test_the_link_arrives_in_the_persons_language_once_and_opens(asked, mailer, mails, database, owner_sql):
    german, english = asked(), asked(BERND, "pin", "administrator")
    for reset_id in (german, english, german):
        assert mailer.send(reset_id) is None
    (to_anna, anna), (to_bernd, bernd) = mails.taken()
    assert (to_anna, to_bernd) == ("person21@amsel.example", "person22@amsel.example")
    assert anna["Subject"] == "Ihr neues Passwort"
    assert bernd["Subject"] == "Your new mailbox PIN"
    assert "Amsel GmbH" in anna["From"]
    assert "your administrator" in bernd.get_content()
    path, token = link_in(anna).groups()
    assert path == "password-reset"
    assert resets.opened(database, token, "password").subscriber_id == ANNA
    assert link_in(bernd).group(1) == "pin-reset"
    assert state(owner_sql, german) == ("sent", 1)
    assert token not in str(owner_sql("SELECT payload FROM routing.outbox")), "no queue carries the link"


def test_several_with_one_address_each_learn_their_login_name(asked, mailer, mails, owner_sql):
    reset_id = asked()
    owner_sql("UPDATE directory.logins SET login_name = 'anna' WHERE subscriber_id = %(id)s", id=ANNA)
    mailer.send(reset_id)
    assert "Ihr Anmeldename ist anna." in mails.taken()[0][1].get_content()


@pytest.mark.parametrize(("mode", "wait_s"), [("greylist", 60), ("full", 60), ("drop at rcpt", 5)])
def test_a_server_that_cannot_now_is_asked_again_soon(asked, mailer, mails, owner_sql, mode, wait_s):
    reset_id = asked()
    mails.treat(mode)
    assert mailer.send(reset_id) == pytest.approx(wait_s, abs=1)
    assert state(owner_sql, reset_id) == ("waiting", 1)
    mails.treat("")
    assert mailer.send(reset_id) is None
    assert state(owner_sql, reset_id) == ("sent", 2)
    assert len(mails.taken()) == 1


def test_a_refused_mail_is_not_tried_again(asked, mailer, mails, owner_sql):
    reset_id = asked()
    mails.treat("unknown")
    assert mailer.send(reset_id) is None
    assert state(owner_sql, reset_id) == ("refused", 1)
    mails.treat("")
    assert mailer.send(reset_id) is None
    assert mails.taken() == []


def test_without_a_server_it_is_given_up_after_an_hour(asked, database, owner_sql):
    reset_id = asked()
    away = SmtpServer("127.0.0.1", 9)
    assert ResetMailer(database, away, "a@example.test", "http://x").send(reset_id) == pytest.approx(5, abs=1)
    later = ResetMailer(database, away, "a@example.test", "http://x", lambda: datetime.now(UTC) + timedelta(hours=1))
    assert later.send(reset_id) is None
    assert state(owner_sql, reset_id) == ("given_up", 2)


def test_a_mail_in_other_hands_waits_for_them(asked, mailer, mails, owner_sql):
    reset_id = asked()
    owner_sql("UPDATE directory.resets SET claimed_until = now() + interval '30 seconds'")
    assert 29 < mailer.send(reset_id) <= 31
    owner_sql("UPDATE directory.resets SET claimed_until = now() - interval '1 second'")
    assert mailer.send(reset_id) is None
    assert len(mails.taken()) == 1


def test_a_wish_that_is_gone_or_fulfilled_sends_nothing(asked, mailer, mails, owner_sql):
    reset_id = asked()
    owner_sql("UPDATE directory.resets SET used_at = now()")
    assert mailer.send(reset_id) is None
    assert mailer.send(str(uuid.uuid4())) is None
    assert mails.taken() == []
