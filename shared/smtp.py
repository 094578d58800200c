"""One mail to one recipient over SMTP. Shell.

smtplib's sendmail() says too little about where it broke; here the steps are taken one by one, so that
"the server never had it" and "it may have it" are different errors, and so that the caller can write down
that the data is about to go out right before it does.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage

from celery.exceptions import SoftTimeLimitExceeded

from shared.settings import Environment

STEP_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class SmtpServer:
    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: str = "none"
    """none, starttls or tls"""


def read_server(env: Environment) -> SmtpServer:
    """The mail server of the settings, the same for all who send mail."""
    return SmtpServer(
        host=env.text("SMTP_HOST"),
        port=env.port("SMTP_PORT"),
        user=env.text("SMTP_USER", ""),
        password=env.text("SMTP_PASSWORD", ""),
        tls=env.choice("SMTP_TLS", ("none", "starttls", "tls"), "none"),
    )


class NotSent(Exception):
    """The server does not have the mail. .reply: its words, or ours."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


class RefusedForGood(NotSent):
    """5xx to the sender, the recipient or the data: no use in asking again."""


class RefusedForNow(NotSent):
    """4xx; or the server does not want us at all (greeting, TLS, login), which the operator can mend."""


class Unreachable(NotSent):
    """No server, or it fell silent before it had the data."""


class Unclear(Exception):
    """The line broke after the data went out and before the server's word on it."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def send(
    server: SmtpServer, sender: str, recipient: str, mail: EmailMessage, about_to_send: Callable[[], None]
) -> str:
    """The server's word that it took the mail. about_to_send runs when the next bytes are the mail itself."""
    content = mail.as_bytes()
    data_is_out = False
    try:
        connection = _connect(server)
        try:
            _expect(connection.mail(sender, [f"size={len(content)}"] if connection.has_extn("size") else []))
            _expect(connection.rcpt(recipient))
            _expect(connection.docmd("DATA"), wanted=3)
            about_to_send()
            connection.send(_dots_doubled(content))
            data_is_out = True  # without the closing dot no server may take it
            connection.send(b".\r\n")
            reply = connection.getreply()
            data_is_out = False
            _expect(reply)
            return _text(reply)
        finally:
            _leave(connection)
    except (OSError, smtplib.SMTPException, SoftTimeLimitExceeded) as error:
        reply_text = " ".join(str(error).split()) or type(error).__name__
        raise (Unclear(reply_text) if data_is_out else Unreachable(reply_text)) from error


def _connect(server: SmtpServer) -> smtplib.SMTP:
    """A session that may send. Raises RefusedForNow, OSError, SMTPException."""
    context = ssl.create_default_context() if server.tls != "none" else None
    try:
        if server.tls == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=STEP_TIMEOUT_S, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=STEP_TIMEOUT_S)
        try:
            connection.ehlo_or_helo_if_needed()
            if server.tls == "starttls":
                connection.starttls(context=context)
                connection.ehlo()
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPResponseException, smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
        raise RefusedForNow(" ".join(str(error).split())) from error


def _expect(reply: tuple[int, bytes], wanted: int = 2) -> None:
    code = reply[0]
    if code // 100 == wanted:
        return
    if code == -1:
        raise smtplib.SMTPServerDisconnected("the server closed the connection")
    raise (RefusedForGood if code // 100 == 5 else RefusedForNow)(_text(reply))


def _dots_doubled(content: bytes) -> bytes:
    """RFC 5321, 4.5.2; ends with a line break."""
    doubled = re.sub(rb"(?m)^\.", b"..", content)
    return doubled if doubled.endswith(b"\r\n") else doubled + b"\r\n"


def _text(reply: tuple[int, bytes]) -> str:
    return f"{reply[0]} {reply[1].decode('ascii', 'replace')}".replace("\n", " ")[:500]


def _leave(connection: smtplib.SMTP) -> None:
    """QUIT is a courtesy; what it brings changes nothing."""
    try:
        if connection.sock is not None:
            connection.sock.settimeout(2.0)
        connection.quit()
    except (OSError, smtplib.SMTPException):
        connection.close()
