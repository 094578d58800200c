"""`make mail-test`: each step with the server's words, and a word on what to do where it stops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operations import mail_test
from operations.screen import Trouble
from tests.voicemail.mail_server import MailServer


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    server = MailServer(tmp_path_factory.mktemp("mails"))
    yield server
    server.stop()


@pytest.fixture
def server(one_server: MailServer) -> MailServer:
    one_server.begin_anew()
    return one_server


def settings(server: MailServer, **changed: str) -> dict[str, str]:
    return {
        "PBX_SMTP_HOST": server.server.host, "PBX_SMTP_PORT": str(server.server.port), "PBX_SMTP_USER": "",
        "PBX_SMTP_PASSWORD": "", "PBX_SMTP_TLS": "none", "PBX_MAIL_FROM": "phone@example.test", **changed,
    }


def test_a_mail_that_arrives_is_told_step_by_step(server: MailServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert mail_test.try_out(settings(server), "anna@example.org") == 0
    told = capsys.readouterr().out
    said = ["connected to 127.0.0.1", "it greets: 220 mail.example.test", "it offers: ", "sender taken: 250",
            "recipient taken: 250", "ready for the mail: 354", "mail taken: 250 2.0.0 taken", "Done."]
    assert [told.index(words) for words in said] == sorted(told.index(words) for words in said)
    [(recipient, mail)] = server.taken()
    assert recipient == "anna@example.org"
    assert mail["From"] == "Telefonanlage <phone@example.test>"
    assert mail["Message-ID"].endswith("@example.test>")
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(("mode", "step", "words"), [
    ("closed door", "greeting", "refused for now: 554 5.3.2"),
    ("sender unwanted", "sender", "refused for now: 553 5.1.8"),
    ("login wanted", "sender", "refused for now: 530 5.7.0"),
    ("greylist", "recipient", "refused for now: 451 4.7.1"),
    ("unknown", "recipient", "refused for good: 550 5.1.1"),
    ("spam", "taken", "refused for good: 554 5.7.1"),
    ("drop after data", "taken", "it may have taken it"),
])
def test_where_it_stops_the_step_is_named_and_what_to_do(
    server: MailServer, capsys: pytest.CaptureFixture[str], mode: str, step: str, words: str
) -> None:
    server.treat(mode)
    with pytest.raises(Trouble, match=f"it stopped at: {step}") as stopped:
        mail_test.try_out(settings(server), "anna@example.org")
    assert stopped.value.remedy
    assert words in capsys.readouterr().out


def test_no_server_and_no_starttls(server: MailServer) -> None:
    with pytest.raises(Trouble, match="it stopped at: connection"):
        mail_test.try_out(settings(server, PBX_SMTP_PORT="1"), "anna@example.org")
    with pytest.raises(Trouble, match="it stopped at: tls"):
        mail_test.try_out(settings(server, PBX_SMTP_TLS="starttls"), "anna@example.org")
    with pytest.raises(Trouble, match="it stopped at: tls"):
        mail_test.try_out(settings(server, PBX_SMTP_TLS="tls"), "anna@example.org")


@pytest.mark.parametrize("words", [[], [""], ["anna"], ["a b@c"], ["a@b\nBcc: c@d"], ["a@b", "c@d"]])
def test_what_is_no_address_is_refused(words: list[str]) -> None:
    with pytest.raises(Trouble, match=r"Where should|not a mail address"):
        mail_test.main(words)
