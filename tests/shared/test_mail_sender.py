"""A company's name in From, as whoever gets the mail reads it."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from shared.mail_sender import LONGEST_NAME, sender

ADDRESS = "telefon@telephones-of-a-company.example.test"


def read_back(name: str) -> list[tuple[str, str]]:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender(name, ADDRESS)
    mail.set_content("x")
    read = message_from_bytes(mail.as_bytes(), policy=policy.default)
    return [(one.display_name, one.addr_spec) for one in read["From"].addresses]


@pytest.mark.parametrize("text", [
    "Maier, Huber, Schmidt & Partner, Steuerberater, Rechtsanwaelte; Wirtschaftspruefer (GmbH), Koeln, Bonn, Berlin",
    'A "B", C \\ D: ' * 8,
    "x" * 110,
])
def test_whatever_its_length_it_is_one_sender_with_that_name(text: str) -> None:
    for length in range(1, len(text)):
        name = text[:length].strip()
        [(shown, address)] = read_back(name)
        assert address == ADDRESS
        assert len(shown) <= LONGEST_NAME
        wanted = name.replace('"', "'").replace("\\", "/")
        assert shown == wanted or (len(wanted) > LONGEST_NAME and wanted.startswith(shown.removesuffix("...")))


def test_a_name_beyond_ascii_is_one_sender_too() -> None:
    text = "Bäcker, Müller, Schäfer & Söhne, Tiefbau und Hochbau (GmbH & Co. KG), Köln, Düren, Jülich, München"
    for length in range(1, len(text)):
        [(_, address)] = read_back(text[:length].strip())
        assert address == ADDRESS


def test_a_line_break_in_a_name_adds_no_header() -> None:
    [(shown, _)] = read_back("Musterbau\r\nBcc: somebody@example.test")
    assert shown == "Musterbau Bcc: somebody@example.test"
