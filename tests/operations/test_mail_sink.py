import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path

import pytest

from operations.mail_sink import MailSink, mails


def a_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "telefon@example.test", "anna@example.test", subject
    mail.set_content("Grüße")
    mail.add_attachment(b"RIFF" + bytes(range(256)) * 4000, maintype="audio", subtype="wav", filename="nachricht.wav")
    return mail


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("login", [None, ("anybody", "any password")])
def test_what_is_sent_lies_in_the_maildir_unchanged(tmp_path: Path, login: tuple[str, str] | None) -> None:
    port = free_port()
    sink = MailSink("127.0.0.1", port, tmp_path / "mailbox")
    sink.start()
    try:
        assert mails(tmp_path / "mailbox") == []
        for subject in ("Erste Nachricht", "Zweite Nachricht für Sie"):
            with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
                if login:
                    client.login(*login)
                client.send_message(a_mail(subject))
        first, second = mails(tmp_path / "mailbox")
    finally:
        sink.stop()
    assert (first["Subject"], second["Subject"]) == ("Erste Nachricht", "Zweite Nachricht für Sie")
    (attachment,) = second.iter_attachments()
    assert attachment.get_content() == b"RIFF" + bytes(range(256)) * 4000


def test_a_taken_port_is_an_error_of_the_system(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            MailSink("127.0.0.1", taken.getsockname()[1], tmp_path).start()
