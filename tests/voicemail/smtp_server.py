"""A real SMTP server for tests, in a process of its own: python smtp_server.py FOLDER [OPTIONS AS JSON]

Prints its port. FOLDER/mode says how it treats the next mail; accepted ones become FOLDER/*.eml with the
envelope's recipient in the first line. Options: "tls" ("starttls" or "tls") with "certificate" and "key" (files),
"login" ([user, password]: nobody else may send), "largest" (bytes, announced).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

NUMBERS = itertools.count(1)
UNANNOUNCED_LIMIT = 20_000


class Treatment:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def mode(self) -> str:
        return (self.folder / "mode").read_text()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self.mode == "drip at hello":
            await drip(server)
        if self.mode == "silent at hello":
            await asyncio.sleep(600)
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self.mode:
            case "sender unwanted":
                return "553 5.1.8 Sender address rejected"
            case "login wanted":
                return "530 5.7.0 Authentication required"
            case "closing":
                return "421 4.3.2 Service closing"
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
        content: Any = envelope.content
        match mode:
            case "full":
                return "452 4.2.2 Mailbox full"
            case "spam":
                return "554 5.7.1 We think this is spam"
            case "too large" if len(content) > UNANNOUNCED_LIMIT:
                return "552 5.3.4 Message too big for system"
            case "never too small":
                return "552 5.3.4 Message too big for system"
            case "drop after data":
                server.transport.abort()
                return "250 never heard"
            case "drip after data":
                await drip(server)
        (self.folder / f"{next(NUMBERS):04d}.eml").write_bytes(envelope.rcpt_tos[0].encode() + b"\n" + content)
        if mode == "take it and drop":
            server.transport.abort()
        return "250 2.0.0 taken"


async def drip(server: SMTP) -> None:
    """An answer that never ends, a byte at a time: each comes well within any time-out of one step."""
    while True:
        server.transport.write(b"2")
        await asyncio.sleep(0.1)


class ClosedDoor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"554 5.3.2 No service for you\r\n")
        transport.close()


async def serve(folder: Path, options: dict[str, Any]) -> None:
    (folder / "mode").write_text("accept")
    treatment = Treatment(folder)
    context = None
    if "tls" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["certificate"], options["key"])

    def may_send(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: Any) -> AuthResult:
        right = isinstance(said, LoginPassword) and [said.login.decode(), said.password.decode()] == options["login"]
        return AuthResult(success=right, handled=False)

    def session() -> asyncio.BaseProtocol:
        if treatment.mode == "closed door":
            return ClosedDoor()
        more: dict[str, Any] = {}
        if options.get("tls") == "starttls":
            more |= {"tls_context": context, "require_starttls": True}
        if "login" in options:
            more |= {"authenticator": may_send, "auth_required": True,
                     "auth_require_tls": options.get("tls") == "starttls"}
        if "largest" in options:
            more["data_size_limit"] = options["largest"]
        return SMTP(treatment, hostname="mail.example.test", **more)

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if options.get("tls") == "tls" else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}))
