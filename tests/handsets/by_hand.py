"""A device that speaks SIP by hand over UDP: it says in its headers whatever a test wants, with a login of its own.

What no honest handset does: a From or To of somebody else, a Contact at somebody else's address.
"""

from __future__ import annotations

import hashlib
import re
import socket
import uuid
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult

from tests.handsets.configuration import Login, Places

ANSWER_S = 5.0
_MOST_BYTES = 65_535
_QUOTED = re.compile(r'(\w+)="([^"]*)"')


class DeviceByHand:
    """Listens from the first line on. on_notify gets every NOTIFY it is sent, in a greenlet of its own."""

    def __init__(self, login: Login, places: Places, on_notify: Callable[[str], None]) -> None:
        self.login = login
        self._on_notify = on_notify
        self._system = (places.system_host, places.system_internal_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((places.system_host, 0))
        self._answers: dict[tuple[str, str], AsyncResult[tuple[int, str]]] = {}
        self._number = 0
        self._reader = gevent.spawn(self._read)

    def __enter__(self) -> DeviceByHand:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What it has subscribed to runs out."""
        self._reader.kill()
        self._socket.close()

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def register(self, contact: str | None = None, expires_s: int = 600) -> int:
        """The final status. contact: where it is to be reached, its own address unless told otherwise."""
        own = f"{self.login.device}@{self.login.domain}"
        return self._ask("REGISTER", self.login.domain, own, own, contact or self._contact(),
                         [f"Expires: {expires_s}"])

    def subscribe(self, address: str, event: str = "dialog", *, sender: str | None = None,
                  contact: str | None = None, call_id: str | None = None) -> int:
        """The final status. address: user@host; sender: what stands in From, and the login stays the device's own."""
        accept = {"dialog": "application/dialog-info+xml", "presence": "application/pidf+xml",
                  "message-summary": "application/simple-message-summary"}.get(event, "*/*")
        return self._ask("SUBSCRIBE", address, sender or f"{self.login.device}@{self.login.domain}", address,
                         contact or self._contact(), [f"Event: {event}", f"Accept: {accept}", "Expires: 600"], call_id)

    def _contact(self) -> str:
        return f"sip:{self.login.device}@{self.address}"

    def _ask(self, method: str, uri: str, sender: str, to: str, contact: str, more: list[str],
             call_id: str | None = None) -> int:
        call_id = call_id or uuid.uuid4().hex
        head = [f"From: <sip:{sender}>;tag={uuid.uuid4().hex[:8]}", f"To: <sip:{to}>", f"Call-ID: {call_id}",
                f"Contact: <{contact}>", "Max-Forwards: 70", *more]
        status, answer = self._send(method, uri, call_id, head)
        challenge = re.search(r"^(WWW|Proxy)-Authenticate: (.*)$", answer, re.M | re.I)
        if status not in (401, 407) or challenge is None:
            return status
        nonce = dict(_QUOTED.findall(challenge.group(2)))["nonce"]
        name = "Authorization" if challenge.group(1).upper() == "WWW" else "Proxy-Authorization"
        status, _ = self._send(method, uri, call_id, [*head, f"{name}: {self._digest(method, uri, nonce)}"])
        return status

    def _digest(self, method: str, uri: str, nonce: str) -> str:
        """In the realm of its own company, whatever it was asked for."""
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        secret = md5(f"{self.login.device}:{self.login.domain}:{self.login.password}")
        response = md5(f"{secret}:{nonce}:{md5(f'{method}:sip:{uri}')}")
        return (f'Digest username="{self.login.device}", realm="{self.login.domain}", nonce="{nonce}",'
                f' uri="sip:{uri}", response="{response}", algorithm=MD5')

    def _send(self, method: str, uri: str, call_id: str, head: list[str]) -> tuple[int, str]:
        self._number += 1
        answered = self._answers[call_id, f"{self._number} {method}"] = AsyncResult()
        self._socket.sendto("\r\n".join([
            f"{method} sip:{uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.address};rport;branch=z9hG4bK{uuid.uuid4().hex}",
            f"CSeq: {self._number} {method}", *head, "Content-Length: 0", "", ""]).encode(), self._system)
        final = answered.get(timeout=ANSWER_S)
        assert final is not None
        return final

    def _read(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(_MOST_BYTES)
            message = data.decode("utf-8", "replace")
            names: dict[str, Any] = dict(re.findall(r"^([A-Za-z-]+): (.*)\r$", message, re.M))
            if message.startswith("SIP/2.0 "):
                status = int(message.split()[1])
                asked = self._answers.get((names.get("Call-ID", ""), names.get("CSeq", "")))
                if asked is not None and status >= 200:
                    asked.set((status, message))
                continue
            if message.startswith("NOTIFY "):
                self._on_notify(message)
            copied = [f"{name}: {names[name]}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
            self._socket.sendto("\r\n".join(
                ["SIP/2.0 200 OK", *copied, "Content-Length: 0", "", ""]).encode(), sender)
