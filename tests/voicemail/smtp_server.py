"""A real SMTP server for tests, in a process of its own: python smtp_server.py FOLDER

Prints its port. FOLDER/mode says how it treats the next mail; accepted ones become FOLDER/*.eml with the
envelope's recipient in the first line.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

NUMBERS = itertools.count(1)


class Treatment:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def mode(self) -> str:
        return (self.folder / "mode").read_text()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self.mode:
            case "greylist":
                return "451 4.7.1 Greylisted, try again"
            case "unknown":
                return "550 5.1.1 No such user here"
            case "drop at rcpt":
                server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mode = self.mode
        match mode:
            case "full":
                return "452 4.2.2 Mailbox full"
            case "spam":
                return "554 5.7.1 We think this is spam"
            case "drop after data":
                server.transport.abort()
                return "250 never heard"
        content: Any = envelope.content
        (self.folder / f"{next(NUMBERS):04d}.eml").write_bytes(envelope.rcpt_tos[0].encode() + b"\n" + content)
        if mode == "take it and drop":
            server.transport.abort()
        return "250 2.0.0 taken"


async def serve(folder: Path) -> None:
    (folder / "mode").write_text("accept")
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Treatment(folder), hostname="mail.example.test"), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
