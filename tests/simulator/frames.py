"""Conversations on the event socket, made alike with FreeSWITCH and the simulator, kept frame by frame.

Raw sockets, so that what is compared is what is on the wire: content type, reply text and, of the answer to
`connect`, the mode. Each conversation is a function of a lab with telephones.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator

import gevent
from gevent.event import AsyncResult
from gevent.server import StreamServer

from shared.esl.wire import FrameParser
from tests.live.lab import Lab
from tests.scenarios.telephones import Telephones

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEADERS = ("Content-Type", "Reply-Text", "Content-Disposition", "Linger-Time", "Socket-Mode", "Control", "Job-UUID")
ANSWER_S = 8.0

Line = dict[str, str]


class Wire:
    """One end of a connection that writes text and keeps what comes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(ANSWER_S)
        self._parser = FrameParser()
        self._frames = self._read()
        self.lines: list[Line] = []

    def _read(self) -> Iterator[Line | None]:
        while True:
            try:
                data = self._sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                yield None
                return
            for frame in self._parser.feed(data):
                headers = frame.headers
                line = {name: _UUID.sub("<id>", headers[name]) for name in _HEADERS if name in headers}
                if frame.content_type == "text/event-plain":
                    line["event"] = frame.event().name
                    application = frame.event().get("Application")
                    if application:
                        line["event"] += f" {application}"
                elif frame.content_type in ("api/response", "text/disconnect-notice"):
                    line["body"] = _UUID.sub("<id>", frame.body.decode())
                yield line

    def next(self) -> Line | None:
        line = next(self._frames)
        self.lines.append({"closed": "yes"} if line is None else line)
        return line

    def say(self, text: str, answers: int = 1) -> None:
        """Writes a command (its blank line is added) and takes what is answered."""
        self._sock.sendall((text.strip() + "\n\n").encode())
        for _ in range(answers):
            self.next()

    def until_reply(self, text: str) -> None:
        """As `say`, for a connection on which events may come first."""
        self._sock.sendall((text.strip() + "\n\n").encode())
        while (line := self.next()) is not None and line.get("Content-Type") != "command/reply":
            pass

    def until_closed(self) -> None:
        while self.next() is not None:
            pass

    def until(self, event: str) -> None:
        while (line := self.next()) is not None and line.get("event") != event:
            pass

    def close(self) -> None:
        self._sock.close()


def _login(lab: Lab) -> Wire:
    wire = Wire(socket.create_connection(("127.0.0.1", lab.switch.esl_port), timeout=ANSWER_S))
    wire.next()
    return wire


def inbound(lab: Lab, telephones: Telephones) -> list[Line]:
    wire = _login(lab)
    wire.say("api status")
    wire.close()
    lines = wire.lines
    wire = _login(lab)
    wire.say(f"auth {lab.switch.esl_password}")
    for command in (
        "nonsense", "api nonsense", "api uuid_exists 11111111-2222-4333-8444-555555555555", "event plain",
        "event plain CHANNEL_ANSWER CUSTOM sofia::register", "filter Unique-ID x", "filter delete all", "nixevent DTMF",
        "noevents", "noevents", "api uuid_kill 11111111-2222-4333-8444-555555555555",
        "api uuid_getvar 11111111-2222-4333-8444-555555555555 x", "api uuid_transfer x", "api create_uuid",
        "api user_data nobody@nowhere var x", "api sofia_contact nobody@nowhere", "api originate x",
        "api originate user/nobody@nowhere &park()", "api originate sofia/nothing/x &park()",
        "api originate error/USER_BUSY &park()",
        "api originate sofia/gateway/nothing/1 &park()", "api show channels as json", "api uuid_dump x",
        "api sched_del 11111111-2222-4333-8444-555555555555", "api sofia status profile nothing",
        "api xml_flush_cache id x y",
        "api module_exists mod_sofia", "api module_exists mod_nothing", "api eval x",
        "sendmsg 11111111-2222-4333-8444-555555555555\ncall-command: hangup", "sendevent PRESENCE_IN\nproto: lamp",
    ):  # fmt: skip
        wire.say(command)
    wire.say("bgapi uuid_exists x\nJob-UUID: 11111111-2222-4333-8444-555555555555")
    wire.say("exit")
    wire.until_closed()
    return lines + wire.lines


def wrong_password(lab: Lab, telephones: Telephones) -> list[Line]:
    wire = _login(lab)
    wire.say("auth wrong")
    wire.until_closed()
    return wire.lines


def _asked(lab: Lab, telephones: Telephones, port_variable: str, serve: Callable[[Wire], None]) -> list[Line]:
    """One call that comes to the outbound socket behind a port of the lab."""
    done: AsyncResult[list[Line]] = AsyncResult()

    def take(sock: socket.socket, address: object) -> None:
        wire = Wire(sock)
        try:
            serve(wire)
        finally:
            wire.close()
            if not done.ready():
                done.set(wire.lines)

    port = lab.routing_port if port_variable == "routing" else int(lab.environment[port_variable])
    lab.close_routing()
    server = StreamServer(("127.0.0.1", port), take)
    server.start()
    try:
        telephones["anna"].dial("22")
        return done.get(timeout=20)
    finally:
        server.stop()
        lab.open_routing()


def _execute(application: str, argument: str = "", *, more: str = "") -> str:
    text = f"sendmsg\ncall-command: execute\nexecute-app-name: {application}\n"
    return text + (f"execute-app-arg: {argument}\n" if argument else "") + more


def sync_socket(lab: Lab, telephones: Telephones) -> list[Line]:
    def serve(wire: Wire) -> None:
        wire.say("connect")
        wire.say("getvar pbx_device")
        wire.say("getvar not_there")
        wire.say("api create_uuid")
        wire.say("linger")
        wire.say(_execute("set", "x=1"))
        wire.say("getvar x")
        wire.say(_execute("nothing_like_it"))
        wire.until_closed()

    return _asked(lab, telephones, "routing", serve)


def sync_socket_that_the_caller_leaves(lab: Lab, telephones: Telephones) -> list[Line]:
    def serve(wire: Wire) -> None:
        wire.say("connect")
        gevent.spawn_later(0.5, lambda: telephones["anna"].calls[-1].hangup())
        wire.until_closed()

    return _asked(lab, telephones, "routing", serve)


def _voicemail(lab: Lab, telephones: Telephones, serve: Callable[[Wire], None]) -> list[Line]:
    done: AsyncResult[list[Line]] = AsyncResult()

    def take(sock: socket.socket, address: object) -> None:
        wire = Wire(sock)
        try:
            serve(wire)
        finally:
            wire.close()
            done.set(wire.lines)

    lab.answer = lambda call: {"pbx_step": "voicemail", "pbx_mailbox": "2", "pbx_company": "1", "pbx_language": "de"}
    server = StreamServer(("127.0.0.1", int(lab.environment["PBX_VOICEMAIL_CALL_PORT"])), take)
    server.start()
    try:
        telephones["anna"].dial("22")
        return done.get(timeout=25)
    finally:
        server.stop()


def async_socket(lab: Lab, telephones: Telephones) -> list[Line]:
    def serve(wire: Wire) -> None:
        wire.say("connect")
        wire.say(_execute("sched_cancel"))
        wire.say("api create_uuid")
        wire.say("nonsense")
        wire.say("linger 2")
        gevent.sleep(0.3)  # FreeSWITCH tells what was before `myevents` if that is asked too soon
        wire.until_reply("myevents")
        wire.until_reply(_execute("playback", "silence_stream://100", more="event-lock: true\n"))
        wire.until("CHANNEL_EXECUTE_COMPLETE playback")
        wire.until_reply("sendmsg\ncall-command: hangup\nhangup-cause: NORMAL_CLEARING")
        wire.until_closed()

    return _voicemail(lab, telephones, serve)


def async_socket_that_the_caller_leaves(lab: Lab, telephones: Telephones) -> list[Line]:
    def serve(wire: Wire) -> None:
        wire.say("connect")
        wire.say(_execute("sched_cancel"))
        gevent.spawn_later(0.5, lambda: telephones["anna"].calls[-1].hangup())
        wire.until_closed()

    return _voicemail(lab, telephones, serve)


def async_socket_that_exits(lab: Lab, telephones: Telephones) -> list[Line]:
    def serve(wire: Wire) -> None:
        wire.say("connect")
        wire.say("exit")
        wire.until_closed()

    return _voicemail(lab, telephones, serve)


Conversation = Callable[[Lab, Telephones], list[Line]]
CONVERSATIONS: tuple[Conversation, ...] = (
    inbound, wrong_password, sync_socket, sync_socket_that_the_caller_leaves, async_socket,
    async_socket_that_the_caller_leaves, async_socket_that_exits,
)  # fmt: skip
