"""The test's end of smtp_server.py: starts it, says how it treats mails, reads what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from shared.smtp import SmtpServer


class MailServer:
    def __init__(self, folder: Path, **options: Any) -> None:
        """options: as smtp_server.py takes them."""
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.voicemail.smtp_server", str(folder), json.dumps(options)],
            stdout=subprocess.PIPE, text=True,
        )
        assert self.process.stdout is not None
        self.server = SmtpServer("127.0.0.1", int(self.process.stdout.readline()))

    def treat(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def begin_anew(self) -> None:
        for path in self.folder.glob("*.eml"):
            path.unlink()
        self.treat("accept")

    def taken(self) -> list[tuple[str, EmailMessage]]:
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            recipient, _, content = path.read_bytes().partition(b"\n")
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            assert not mail.defects
            found.append((recipient.decode(), mail))
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
