"""`make mail-test TO=you@example.com`: one mail by the settings of the running suite, and what the server says to each
step; where it stops, what that usually means.

The mail goes the same way as a voicemail's (shared/smtp.py). Settings given to this command go before the suite's, so
that others can be tried: make mail-test TO=… PBX_SMTP_HOST=mail.example.com PBX_SMTP_TLS=starttls.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from operations import instance, settings_of_instance
from operations.screen import Trouble, say
from shared import smtp
from shared.smtp import SmtpServer

# What a subscriber's mailbox takes as an address, too.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}")
_SAID = {
    "connection": "connected to {}",
    "greeting": "it greets: {}",
    "hello": "it offers: {}",
    "tls": "encrypted: {}",
    "login": "logged in: {}",
    "sender": "sender taken: {}",
    "recipient": "recipient taken: {}",
    "data": "ready for the mail: {}",
    "taken": "mail taken: {}",
}
# By the step that failed.
_MEANS = {
    "connection": "is PBX_SMTP_HOST right, PBX_SMTP_PORT open from here (25, 587 with starttls, 465 with tls)?"
                  " Many networks let nothing out on 25",
    "greeting": "the server does not talk to this machine: is its address on a block list? Or PBX_SMTP_TLS is"
                " wrong: 465 wants tls, 25 and 587 none or starttls",
    "hello": "is this a mail server at all?",
    "tls": "the certificate must be of PBX_SMTP_HOST's very name and from an authority this machine knows"
           " (SSL_CERT_FILE names another); or the server has no STARTTLS: then PBX_SMTP_TLS is tls or none",
    "login": "PBX_SMTP_USER and PBX_SMTP_PASSWORD; some providers want a password made for programs, or forbid it"
             " without encryption",
    "sender": "PBX_MAIL_FROM must be an address this server sends for; and perhaps it wants a login",
    "recipient": "the server does not know TO, or does not pass on mail for others without a login; 4xx: it wants"
                 " to be asked again later, as the system does by itself",
    "data": "ask whoever runs the server",
    "taken": "the server looked at the mail and does not want it: its words say why",
}


def main(words: list[str]) -> int:
    recipient = words[0] if words else ""
    if len(words) != 1 or not _ADDRESS.fullmatch(recipient):
        raise Trouble(f"TO={recipient!r} is not a mail address" if recipient else "Where should the mail go?",
                      "make mail-test TO=you@example.com")
    env = {**instance.load("dev").env, **settings_of_instance.given_by_environment()}
    settings_of_instance.check(env)
    return try_out(env, recipient)


def try_out(env: Mapping[str, str], recipient: str) -> int:
    """0 when the server took the mail."""
    server = SmtpServer(env["PBX_SMTP_HOST"], int(env["PBX_SMTP_PORT"]), env["PBX_SMTP_USER"],
                        env["PBX_SMTP_PASSWORD"], env["PBX_SMTP_TLS"])
    sender = env["PBX_MAIL_FROM"]
    say(f"  {sender} -> {recipient}, by {server.host} port {server.port}, "
        + {"none": "not encrypted", "starttls": "STARTTLS", "tls": "TLS"}[server.tls]
        + (f", as {server.user}" if server.user else ", without a login"))
    began = time.monotonic()
    went_well: list[str] = []

    def heard(step: str, reply: str) -> None:
        went_well.append(step)
        say(f"  {time.monotonic() - began:5.2f} s  {_SAID[step].format(reply)}")

    try:
        smtp.send(server, sender, recipient, a_mail(sender, recipient), lambda: None, heard)
    except (smtp.NotSent, smtp.Unclear) as error:
        failed = next(step for step in steps_of(server) if step not in went_well)
        say(f"  {time.monotonic() - began:5.2f} s  {_verdict(failed, error)}")
        raise Trouble(f"Not sent, it stopped at: {failed}", _MEANS[failed]) from error
    say(f"  Done. If it is not in the mailbox of {recipient} soon, look into the spam folder there:"
        " then the domain of PBX_MAIL_FROM lacks SPF or DKIM for this server.")
    return 0


def steps_of(server: SmtpServer) -> list[str]:
    """In the order they come with these settings."""
    steps = [step for step in smtp.STEPS if not ((step == "tls" and server.tls == "none")
                                                 or (step == "login" and not server.user))]
    if server.tls == "tls":     # encrypted before a word is said
        steps.remove("tls")
        steps.insert(1, "tls")
    return steps


def _verdict(failed: str, error: smtp.NotSent | smtp.Unclear) -> str:
    if isinstance(error, smtp.RefusedForGood):
        return f"refused for good: {error.reply}"
    if isinstance(error, smtp.RefusedForNow):
        return f"refused for now: {error.reply}"
    if isinstance(error, smtp.Unclear):
        return f"the line broke when the server had the mail, it may have taken it: {error.reply}"
    return f"no {failed}: {error.reply}"


def a_mail(sender: str, recipient: str) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = "Testnachricht der Telefonanlage / Test of the telephone system"
    mail["From"] = Address("Telefonanlage", addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid("mail-test", sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        "Wenn Sie das lesen, kommen Sprachnachrichten bei Ihnen an.\n\n"
        "If you can read this, voicemail reaches you.\n", cte="quoted-printable")
    return mail

