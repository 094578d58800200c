"""The other end of the wire in tests: a scripted event socket, and a switch that opens outbound sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import gevent
from gevent import socket
from gevent.event import Event as Flag
from gevent.lock import BoundedSemaphore
from gevent.server import StreamServer

from shared.esl.commands import Command
from shared.esl.wire import CommandParser, encode_api_response, encode_connect_reply, encode_event, encode_reply

PASSWORD = "a password of the tests"  # noqa: S105
LEG = "11111111-2222-4333-8444-555555555555"


class Peer:
    """One connection, seen from the switch."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._writing = BoundedSemaphore(1)
        self._parser = CommandParser()
        self._commands: list[Command] = []

    def send(self, data: bytes) -> None:
        with self._writing:
            self.sock.sendall(data)

    def event(self, name: str, body: bytes = b"", **headers: str) -> None:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.send(encode_event({"Event-Name": name, **named}, body))

    def command(self) -> Command:
        """The next command; EOFError when the service has closed the connection."""
        while not self._commands:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self._commands += self._parser.feed(data)
        return self._commands.pop(0)

    def login(self) -> None:
        self.send(b"Content-Type: auth/request\n\n")
        command = self.command()
        if command.line == f"auth {PASSWORD}":
            self.send(encode_reply("+OK accepted"))
        else:
            self.send(encode_reply("-ERR invalid"))
            raise EOFError

    def answer(self) -> Command:
        """Answer one command as a switch would: api with its own text, everything else with +OK."""
        command = self.command()
        if command.line.startswith("api "):
            self.send(encode_api_response("+OK " + command.line[4:60] + "\n"))
        elif command.line.startswith("bgapi "):
            job = dict(command.headers)["Job-UUID"]
            self.send(encode_reply(f"+OK Job-UUID: {job}", **{"Job-UUID": job}))
            self.event("BACKGROUND_JOB", b"+OK done\n", Job_UUID=job)
        elif command.line == "exit":
            self.send(encode_reply("+OK bye"))
            self.sock.close()
            raise EOFError
        else:
            self.send(encode_reply("+OK"))
        return command

    def serve(self) -> None:
        """Answer everything until the service goes."""
        while True:
            self.answer()

    def until(self, line: str) -> Command:
        """Answer commands up to and with the first that begins like this."""
        while True:
            command = self.answer()
            if command.line.startswith(line):
                return command


@contextmanager
def event_socket(script: Callable[[Peer, int], None]) -> Iterator[int]:
    """A port where every connection is played by script(peer, number from 0)."""
    count = 0

    def play(sock: socket.socket, _address: object) -> None:
        nonlocal count
        number, count = count, count + 1
        with suppress(EOFError, OSError):
            script(Peer(sock), number)

    server = StreamServer(("127.0.0.1", 0), play)
    server.start()
    try:
        yield server.server_port
    finally:
        server.stop(timeout=0)


class CallingSwitch:
    """The switch's end of one outbound socket."""

    def __init__(self, port: int, *, asynchronous: bool = False, full: bool = False, leg_uuid: str = LEG) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 3)
        self.sock.settimeout(None)
        self.peer = Peer(self.sock)
        self.asynchronous = asynchronous
        self.full = full
        self.leg_uuid = leg_uuid

    def connected(self, **channel: str) -> None:
        """Wait for `connect` and answer it."""
        command = self.peer.command()
        assert command.line == "connect", command
        named = {key.replace("_", "-"): value for key, value in channel.items()}
        self.peer.send(
            encode_connect_reply(
                {"Event-Name": "CHANNEL_DATA", "Unique-ID": self.leg_uuid, **named},
                asynchronous=self.asynchronous,
                full=self.full,
            )
        )

    def ended(self, timeout_s: float) -> bool:
        """Whether the service closes this socket in time; commands before that are answered."""
        done = Flag()

        def read() -> None:
            with suppress(EOFError, OSError):
                self.peer.serve()
            done.set()

        reader = gevent.spawn(read)
        try:
            return bool(done.wait(timeout_s))
        finally:
            reader.kill()

    def hang_up(self, *, linger: bool = False) -> None:
        """What the switch sends when the caller has hung up (send_disconnect in mod_event_socket.c)."""
        how = "linger" if linger else "disconnect"
        text = b"" if linger else b"Disconnected, goodbye.\n"
        self.peer.send(
            (
                "Content-Type: text/disconnect-notice\n"
                f"Controlled-Session-UUID: {self.leg_uuid}\n"
                f"Content-Disposition: {how}\nContent-Length: {len(text)}\n\n"
            ).encode()
            + text
        )
        if not linger:
            self.close()

    def close(self) -> None:
        self.sock.close()
