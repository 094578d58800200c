"""A message as a mail. Core: facts in, EmailMessage out.

The Message-ID comes from the message's id, so a mail that had to be sent again is the same mail; Date is
the time of the recording; every header passes EmailMessage, which refuses line breaks itself.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal
from zoneinfo import ZoneInfo

from services.voicemail.mailbox import Language, Reason
from shared.mail_sender import sender
from shared.phone_number import InvalidNumber, PhoneNumber

Kind = Literal["forward", "notification", "copy"]
AudioFormat = Literal["wav", "mp3"]


@dataclass(frozen=True, slots=True)
class Audio:
    format: AudioFormat
    content: bytes


@dataclass(frozen=True, slots=True)
class MailRules:
    """What mails are made by, the same for all."""

    sender: str
    """Address of the own domain."""
    largest_bytes: int
    """Of a whole mail, attachment encoded; a larger one carries a link instead."""
    public_url: str
    """What people reach this service's HTTP under, without a slash at the end."""


@dataclass(frozen=True, slots=True)
class MailFacts:
    message_id: str
    kind: Kind
    language: Language
    sender: str
    """Address of the own domain."""
    sender_name: str
    recipient: str
    owner_name: str
    left_at: datetime
    time_zone: str
    duration_ms: int
    caller_number: str | None
    caller_name: str | None
    country: str
    """The site's, for how numbers are written."""
    reason: Reason
    urgent: bool = False
    incomplete: bool = False
    link: str | None = None
    """Where the recording can be heard, when it is too large for a mail."""
    link_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    urgent: str
    withheld: str
    caller: str
    at: str
    length: str
    mailbox: str
    why: str
    opening: dict[Kind | Literal["link"], str]
    reasons: dict[Reason, str]
    incomplete: str
    file: str
    file_from: str
    file_withheld: str
    time: str


_WORDS: dict[Language, _Words] = {
    "de": _Words(
        subject="Neue Sprachnachricht von {caller} ({length})",
        urgent="Dringend",
        withheld="unbekannt (Rufnummer unterdrückt)",
        caller="Anrufer",
        at="Aufgenommen",
        length="Dauer",
        mailbox="Mailbox",
        why="Anlass",
        opening={
            "forward": "auf Ihrer Mailbox wurde eine Nachricht hinterlassen. Sie hängt dieser E-Mail an.",
            "copy": "auf der Mailbox wurde eine Nachricht hinterlassen. Diese E-Mail enthält eine Kopie.",
            "notification": "auf der Mailbox wurde eine Nachricht hinterlassen. Sie können sie dort abhören.",
            "link": "auf der Mailbox wurde eine Nachricht hinterlassen. Für eine E-Mail ist die Aufnahme zu groß; Sie"
                    " können sie bis {until} unter diesem Link anhören und speichern:",
        },
        reasons={
            "always": "alle Anrufe zur Mailbox",
            "busy": "besetzt",
            "no_answer": "nicht angenommen",
            "not_reachable": "nicht erreichbar",
            "direct": "Mailbox direkt angerufen",
        },
        incomplete="Die Aufnahme ist unvollständig.",
        file="Sprachnachricht",
        file_from="von",
        file_withheld="unbekannt",
        time="%d.%m.%Y, %H:%M Uhr",
    ),
    "en": _Words(
        subject="New voice message from {caller} ({length})",
        urgent="Urgent",
        withheld="unknown (number withheld)",
        caller="Caller",
        at="Recorded",
        length="Length",
        mailbox="Mailbox",
        why="Reason",
        opening={
            "forward": "someone left a message in your mailbox. It is attached to this mail.",
            "copy": "someone left a message in the mailbox. This mail carries a copy of it.",
            "notification": "someone left a message in the mailbox. You can listen to it there.",
            "link": "someone left a message in the mailbox. The recording is too large for a mail; until {until} you"
                    " can listen to it and save it with this link:",
        },
        reasons={
            "always": "all calls go to the mailbox",
            "busy": "busy",
            "no_answer": "no answer",
            "not_reachable": "not reachable",
            "direct": "mailbox called directly",
        },
        incomplete="The recording is incomplete.",
        file="voice-message",
        file_from="from",
        file_withheld="unknown",
        time="%d %B %Y, %H:%M",
    ),
}
_GREETING = {"de": "Guten Tag,", "en": "Hello,"}


def compose(facts: MailFacts, audio: Audio | None) -> EmailMessage:
    """The mail. audio: None for a notification, and when facts.link leads to it."""
    words = _WORDS[facts.language]
    local_time = facts.left_at.astimezone(ZoneInfo(facts.time_zone))
    length = length_text(facts.duration_ms)
    caller = caller_text(facts)
    mail = EmailMessage(policy=policy.SMTP)
    subject = words.subject.format(caller=caller, length=length)
    mail["Subject"] = f"{words.urgent}: {subject}" if facts.urgent else subject
    mail["From"] = sender(facts.sender_name, facts.sender)
    mail["To"] = Address(addr_spec=facts.recipient)
    mail["Date"] = format_datetime(local_time)
    mail["Message-ID"] = mail_message_id(facts.message_id, facts.kind, facts.sender)
    mail["Auto-Submitted"] = "auto-generated"
    if facts.urgent:
        mail["Importance"] = "high"

    lines = [
        (words.caller, caller),
        (words.at, local_time.strftime(words.time)),
        (words.length, f"{length} min"),
        (words.why, words.reasons[facts.reason]),
        (words.mailbox, facts.owner_name),
    ]
    opening = words.opening[facts.kind]
    if facts.link is not None and facts.link_until is not None:
        until = facts.link_until.astimezone(ZoneInfo(facts.time_zone)).strftime(words.time)
        opening = words.opening["link"].format(until=until)
    remark = words.incomplete if facts.incomplete else ""
    mail.set_content(_as_text(facts, opening, lines, remark), cte="quoted-printable")
    mail.add_alternative(_as_html(facts, opening, lines, remark), subtype="html", cte="quoted-printable")
    if audio is not None:
        mail.add_attachment(
            audio.content,
            maintype="audio",
            subtype="mpeg" if audio.format == "mp3" else "wav",
            filename=file_name(facts, audio.format),
        )
        # RFC 2424: whole seconds, rounded up, so that no player believes it to be shorter.
        list(mail.iter_attachments())[-1]["Content-Duration"] = str(-(-facts.duration_ms // 1000))
    return mail


def mail_message_id(message_id: str, kind: Kind, sender: str) -> str:
    return f"<{message_id}.{kind}@{sender.rpartition('@')[2]}>"


def length_text(duration_ms: int) -> str:
    """3 s -> 0:03; half a second and more counts as one."""
    seconds = max(1, (duration_ms + 500) // 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def caller_text(facts: MailFacts) -> str:
    if facts.caller_number is None:
        return _WORDS[facts.language].withheld
    try:
        number = PhoneNumber(facts.caller_number).shown_in(facts.country)
    except InvalidNumber:  # an extension
        number = facts.caller_number
    return f"{facts.caller_name}, {number}" if facts.caller_name else number


def file_name(facts: MailFacts, audio_format: AudioFormat) -> str:
    """Sprachnachricht_2026-11-22_14-05_von_+4930123456.mp3: ASCII, sorts by time, tells who."""
    words = _WORDS[facts.language]
    at = facts.left_at.astimezone(ZoneInfo(facts.time_zone)).strftime("%Y-%m-%d_%H-%M")
    caller = re.sub(r"[^0-9+]", "", facts.caller_number or "") or words.file_withheld
    return f"{words.file}_{at}_{words.file_from}_{caller}.{audio_format}"


def _as_text(facts: MailFacts, opening: str, lines: list[tuple[str, str]], remark: str) -> str:
    width = max(len(label) for label, _ in lines) + 1
    table = "\n".join(f"{label + ':':<{width}} {value}" for label, value in lines)
    parts = (_GREETING[facts.language], opening, facts.link, table, remark)
    return "\n\n".join(part for part in parts if part) + "\n"


def _as_html(facts: MailFacts, opening: str, lines: list[tuple[str, str]], remark: str) -> str:
    rows = "\n".join(
        f'<tr><th style="text-align:left;padding-right:1em">{html.escape(label)}</th>'
        f"<td>{html.escape(value)}</td></tr>"
        for label, value in lines
    )
    link = html.escape(facts.link) if facts.link else ""
    link = f'\n<p><a href="{link}">{link}</a></p>' if link else ""
    after = f"\n<p><strong>{html.escape(remark)}</strong></p>" if remark else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{facts.language}">\n<head><meta charset="utf-8"></head>\n'
        '<body style="font-family:sans-serif">\n'
        f"<p>{_GREETING[facts.language]}</p>\n<p>{html.escape(opening)}</p>{link}\n"
        f"<table>\n{rows}\n</table>{after}\n"
        "</body>\n</html>\n"
    )
