"""A switch that does what the test says: which legs it has, how it answers, what events it sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

import gevent
from gevent.event import Event as Flag

from shared.esl.wire import encode_api_response, encode_event, encode_reply, serialize_event
from tests.shared.esl.peers import Peer, event_socket

PATIENCE_S = 10.0


class ScriptedSwitch:
    """Answers the callback service's commands; .legs are those that are up, with what uuid_dump shows of them."""

    def __init__(self) -> None:
        self.port = 0
        self.legs: dict[str, dict[str, str]] = {}
        self.commands: list[str] = []
        self.on_originate = "accept"
        """accept; cut: the connection ends without a reply; silent: no reply at all; or the text of a refusal."""
        self.subscribed = Flag()
        self._peers: list[Peer] = []
        self._news = Flag()

    def play(self, peer: Peer, _number: int) -> None:
        peer.login()
        self._peers.append(peer)
        try:
            while True:
                self._answer(peer)
        finally:
            self._peers.remove(peer)

    def _answer(self, peer: Peer) -> None:
        command = peer.command()
        self.commands.append(command.line)
        self._news.set()
        name, _, rest = command.line.partition(" ")
        if name == "bgapi":
            if self.on_originate == "cut":
                peer.sock.close()
                raise EOFError
            if self.on_originate == "silent":
                return
            if self.on_originate != "accept":
                peer.send(encode_reply(self.on_originate))
                return
            job = dict(command.headers)["Job-UUID"]
            peer.send(encode_reply(f"+OK Job-UUID: {job}", **{"Job-UUID": job}))
        elif name == "api":
            peer.send(encode_api_response(self._api(rest)))
        else:
            peer.send(encode_reply("+OK"))
            if command.line == "filter Event-Name HEARTBEAT":
                self.subscribed.set()

    def _api(self, line: str) -> str:
        name, leg, *_ = line.split()
        if leg not in self.legs:
            return "-ERR No such channel!\n"
        if name == "uuid_kill":
            del self.legs[leg]
            return "+OK\n"
        return serialize_event({"Event-Name": "CHANNEL_DATA", "Unique-ID": leg, **self.legs[leg]}).decode()

    def event(self, name: str, attempt_id: str, leg: UUID | str, headers: Mapping[str, str] | None = None) -> None:
        self._send({"Event-Name": name, "variable_pbx_attempt": attempt_id, "Unique-ID": str(leg), **(headers or {})})

    def job(self, attempt_id: str, answer: str) -> None:
        self._send(
            {"Event-Name": "BACKGROUND_JOB", "Job-UUID": attempt_id, "Job-Command": "originate"}, answer.encode()
        )

    def _send(self, headers: Mapping[str, str], body: bytes = b"") -> None:
        for peer in list(self._peers):
            peer.send(encode_event(headers, body))

    def cut(self) -> None:
        for peer in list(self._peers):
            peer.sock.close()

    def originates(self) -> list[str]:
        return [line for line in self.commands if line.startswith("bgapi originate ")]

    def wait_for(self, beginning: str, count: int = 1, timeout_s: float = PATIENCE_S) -> None:
        """Until so many commands that begin like this have come."""
        with gevent.Timeout(timeout_s, TimeoutError(f"{beginning} did not come: {self.commands}")):
            while sum(line.startswith(beginning) for line in self.commands) < count:
                self._news.clear()
                self._news.wait()


@contextmanager
def scripted_switch() -> Iterator[ScriptedSwitch]:
    switch = ScriptedSwitch()
    with event_socket(switch.play) as port:
        switch.port = port
        yield switch
