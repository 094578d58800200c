"""The mail with the link. Core: facts in, EmailMessage out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from shared.mail_sender import sender

Secret = Literal["password", "pin"]
LINK_MINUTES = 60


@dataclass(frozen=True, slots=True)
class ResetMail:
    message_id: str
    secret: Secret
    language: str
    sender: str
    sender_name: str
    recipient: str
    name: str
    login_name: str | None
    asked_by_owner: bool
    link: str
    at: datetime


_SUBJECT = {
    "de": {"password": "Ihr neues Passwort", "pin": "Ihre neue Mailbox-PIN"},
    "en": {"password": "Your new password", "pin": "Your new mailbox PIN"},
}
_TEXT = {
    "de": """Guten Tag {name},

{why} Über diesen Link legen Sie {what} selbst fest:

{link}

Der Link gilt {minutes} Minuten und nur einmal.{login} Wenn Sie das nicht wünschen, brauchen Sie nichts zu tun:
Es bleibt dann alles, wie es ist. Niemand sonst kennt {it} oder kann {it} lesen.
""",
    "en": """Hello {name},

{why} Choose {what} yourself with this link:

{link}

The link is good for {minutes} minutes and works once.{login} If you do not want this, there is nothing to do:
everything stays as it is. Nobody else knows {it} or can read {it}.
""",
}
_WHAT = {"de": {"password": "Ihr Passwort", "pin": "die PIN Ihrer Mailbox"},
         "en": {"password": "your password", "pin": "the PIN of your mailbox"}}
_IT = {"de": {"password": "das Passwort", "pin": "die PIN"}, "en": {"password": "it", "pin": "it"}}
_WHY = {
    "de": {True: "jemand, wahrscheinlich Sie selbst, hat angegeben, den Zugang vergessen zu haben.",
           False: "Ihre Verwaltung hat für Sie einen neuen Zugang veranlasst."},
    "en": {True: "somebody, probably you, said that the old one was forgotten.",
           False: "your administrator asked the system to let you set a new one."},
}
_LOGIN = {"de": " Ihr Anmeldename ist {}.", "en": " Your login name is {}."}


def compose(mail: ResetMail) -> EmailMessage:
    language = mail.language
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = _SUBJECT[language][mail.secret]
    message["From"] = sender(mail.sender_name, mail.sender)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Date"] = format_datetime(mail.at)
    message["Message-ID"] = f"<{mail.message_id}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT[language].format(
        name=mail.name, why=_WHY[language][mail.asked_by_owner], what=_WHAT[language][mail.secret], link=mail.link,
        minutes=LINK_MINUTES, it=_IT[language][mail.secret],
        login=_LOGIN[language].format(mail.login_name) if mail.login_name and mail.secret == "password" else "",  # noqa: S105
    ), cte="quoted-printable")
    return message
