"""A mailbox for the demo and the tests: takes in any mail by SMTP, delivers none, keeps all in a Maildir.

    python -m operations.mail_sink        PBX_SMTP_HOST, PBX_SMTP_PORT, PBX_MAILDIR

Any login is accepted, in the clear too; so it binds to the loopback interface only.
"""

import ipaddress
import os
import signal
import sys
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SIZE_LIMIT = 50 * 1024 * 1024


def accept_any_login(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=True)


class MailSink:
    """An SMTP server whose mail ends in `maildir`."""

    def __init__(self, host: str, port: int, maildir: Path) -> None:
        for folder in ("cur", "new", "tmp"):
            (maildir / folder).mkdir(parents=True, exist_ok=True)
        self._controller = Controller(
            Mailbox(str(maildir)), hostname=host, port=port, data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True,
            authenticator=accept_any_login, auth_require_tls=False,
        )

    def start(self) -> None:
        """Returns when it listens; OSError when the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


def mails(maildir: Path) -> list[EmailMessage]:
    """What lies in the mailbox, oldest first."""
    if not (maildir / "new").is_dir():
        return []
    files = sorted((maildir / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def main() -> None:
    host, port = os.environ.get("PBX_SMTP_HOST", "127.0.0.1"), os.environ.get("PBX_SMTP_PORT", "")
    maildir = os.environ.get("PBX_MAILDIR", "")
    if not port.isdigit() or not maildir:
        sys.exit("cannot start: PBX_SMTP_PORT and PBX_MAILDIR must be set")
    if not ipaddress.ip_address(host).is_loopback:
        sys.exit(f"cannot start: PBX_SMTP_HOST is {host}; the mail sink takes any login and only serves 127.0.0.1")
    sink = MailSink(host, int(port), Path(maildir))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    try:
        sink.start()
    except OSError as error:
        sys.exit(f"cannot start: the mail sink's port {port} cannot be opened: {error.strerror or error}")
    ended.wait()
    sink.stop()


if __name__ == "__main__":
    main()
