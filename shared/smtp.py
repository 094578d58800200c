"""One mail to one recipient over SMTP. Shell.

smtplib's sendmail() says too little about where it broke; here the steps are taken one by one, so that
"the server never had it" and "it may have it" are different errors, and so that the caller can write down
that the data is about to go out right before it does.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from functools import lru_cache
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from shared.settings import Environment

log = structlog.get_logger()

STEP_TIMEOUT_S = 20.0
TAKING_TIMEOUT_S = 40.0
"""To send the whole mail, and then for the word on it, as a server may look through it first: who gives up
there may send it twice."""

STEPS = ("connection", "greeting", "hello", "tls", "login", "sender", "recipient", "data", "taken")
"""In their order; tls and login only where the settings ask for them."""
Heard = Callable[[str, str], None]
"""Told of each step that went well: its name of STEPS, and the server's words."""


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
    """5xx to the recipient or the data: no use in asking again."""


class TooLarge(RefusedForGood):
    """The server takes no mail of this size; a smaller one may go."""


class RefusedForNow(NotSent):
    """4xx; or the server does not want us at all (greeting, TLS, login, sender), which the operator can mend."""


class Unreachable(NotSent):
    """No server, or it fell silent before it had the data."""


class Unclear(Exception):
    """The line broke after the data went out and before the server's word on it."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def _nobody(_step: str, _words: str) -> None:
    return


def send(
    server: SmtpServer, sender: str, recipient: str, mail: EmailMessage, about_to_send: Callable[[], None],
    heard: Heard = _nobody,
) -> str:
    """The server's word that it took the mail. about_to_send runs when the next bytes are the mail itself."""
    content = mail.as_bytes()
    data_is_out = False
    try:
        connection = _connect(server, heard)
        try:
            heard("sender", _mail_from(connection, sender, len(content)))
            heard("recipient", _expect(connection.rcpt(recipient)))
            heard("data", _expect(connection.docmd("DATA"), wanted=3))
            about_to_send()
            if connection.sock is not None:  # sendall's time is for all of it
                connection.sock.settimeout(TAKING_TIMEOUT_S)
            connection.send(_dots_doubled(content))
            data_is_out = True  # without the closing dot no server may take it
            connection.send(b".\r\n")
            reply = connection.getreply()
            data_is_out = False
            taken = _expect(reply)
            heard("taken", taken)
            return taken
        finally:
            _leave(connection)
    except (OSError, smtplib.SMTPException, SoftTimeLimitExceeded) as error:
        reply_text = " ".join(str(error).split()) or type(error).__name__
        raise (Unclear(reply_text) if data_is_out else Unreachable(reply_text)) from error


class _KeepsGreeting(smtplib.SMTP):
    """smtplib reads the greeting and forgets it."""

    greeting = ""

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        code, words = super().connect(*where, **more)
        self.greeting = _text((code, words))
        return code, words


class _KeepsGreetingInTls(_KeepsGreeting, smtplib.SMTP_SSL):
    pass


def _connect(server: SmtpServer, heard: Heard) -> smtplib.SMTP:
    """A session that may send. Raises RefusedForNow, OSError, SMTPException."""
    context = ssl.create_default_context() if server.tls != "none" else None
    try:
        connection = _open(server, context, heard)
        try:
            if server.tls == "tls":
                heard("tls", _tls(connection))
            heard("greeting", connection.greeting)
            connection.ehlo_or_helo_if_needed()
            heard("hello", _features(connection))
            if server.tls == "starttls":
                connection.starttls(context=context)
                connection.ehlo()
                heard("tls", _tls(connection))
            if server.user:
                heard("login", _text(connection.login(server.user, server.password)))
        except BaseException:
            connection.close()
            raise
        return connection
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error
        raise RefusedForNow(_text((error.smtp_code, words if isinstance(words, bytes) else words.encode()))) from error
    except (smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
        raise RefusedForNow(" ".join(str(error).split())) from error
    except UnicodeEncodeError as error:  # smtplib's login knows no other characters
        raise RefusedForNow("PBX_SMTP_USER and PBX_SMTP_PASSWORD must be ASCII") from error


def _open(server: SmtpServer, context: ssl.SSLContext | None, heard: Heard) -> _KeepsGreeting:
    """Connected, and greeted."""
    where = f"{server.host} port {server.port}"
    try:
        if server.tls == "tls":
            connection: _KeepsGreeting = _KeepsGreetingInTls(
                server.host, server.port, local_hostname=_own_name(), timeout=STEP_TIMEOUT_S, context=context
            )
        else:
            connection = _KeepsGreeting(
                server.host, server.port, local_hostname=_own_name(), timeout=STEP_TIMEOUT_S
            )
    except ssl.SSLError:
        heard("connection", where)
        raise
    except smtplib.SMTPConnectError:
        heard("connection", where)
        if server.tls == "tls":
            heard("tls", "yes")
        raise
    heard("connection", where)
    return connection


@lru_cache(maxsize=1)
def _own_name() -> str:
    """For EHLO; looked up once, since a name server that does not answer takes its time for every mail."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _features(connection: smtplib.SMTP) -> str:
    return ", ".join(f"{name} {value}".strip() for name, value in connection.esmtp_features.items()) or "no extensions"


def _tls(connection: smtplib.SMTP) -> str:
    assert isinstance(connection.sock, ssl.SSLSocket)
    certificate: Any = connection.sock.getpeercert() or {}
    names = ", ".join(value for _, value in certificate.get("subjectAltName", ()))
    return f"{connection.sock.version()}, certificate for {names}, until {certificate.get('notAfter')}"


def _mail_from(connection: smtplib.SMTP, sender: str, size: int) -> str:
    """Whoever does not want our sender wants none of our mails: that is PBX_MAIL_FROM, which the operator can mend."""
    has_size = connection.has_extn("size")
    largest = connection.esmtp_features["size"].strip() if has_size else ""
    if largest.isdecimal() and 0 < int(largest) < size:  # RFC 1870: 0 is "no fixed limit"
        raise TooLarge(f"the server takes {largest} bytes, the mail has {size}")
    try:
        return _expect(connection.mail(sender, [f"size={size}"] if has_size else ()))
    except TooLarge:
        raise
    except RefusedForGood as error:
        log.error("the mail server refuses PBX_MAIL_FROM", sender=sender, reply=error.reply)
        raise RefusedForNow(error.reply) from error


# What a server means by these is us, not this mail: no login, or the wrong one (RFC 4954, 6).
_OPERATORS = {530, 534, 535, 538}
_TOO_LARGE = re.compile(r"^552\b|\b5\.(3\.4|2\.3)\b")  # RFC 1870, 6; RFC 3463: 5.3.4, 5.2.3


def _expect(reply: tuple[int, bytes], wanted: int = 2) -> str:
    """The server's words, if they are the wanted kind."""
    code, words = reply[0], _text(reply)
    if code // 100 == wanted:
        return words
    if code == -1:
        raise smtplib.SMTPServerDisconnected("the server closed the connection")
    if code // 100 != 5 or code in _OPERATORS:
        raise RefusedForNow(words)
    raise (TooLarge if _TOO_LARGE.search(words) else RefusedForGood)(words)


def _dots_doubled(content: bytes) -> bytes:
    """RFC 5321, 4.5.2; ends with a line break."""
    doubled = re.sub(rb"(?m)^\.", b"..", content)
    return doubled if doubled.endswith(b"\r\n") else doubled + b"\r\n"


def _text(reply: tuple[int, bytes]) -> str:
    return f"{reply[0]} {reply[1].decode('ascii', 'replace')}".replace("\n", " ")[:500]


def _leave(connection: smtplib.SMTP) -> None:
    """QUIT is a courtesy: nobody waits for the answer, which may drip for ever, and changes nothing."""
    try:
        if connection.sock is not None:
            connection.sock.settimeout(2.0)
            connection.putcmd("QUIT")
    except (OSError, smtplib.SMTPException):
        pass
    finally:
        connection.close()
