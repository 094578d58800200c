"""Stands between the worker and the switch's event socket, and keeps back a command or its reply, so that the worker
can be killed at that very point.
"""

from __future__ import annotations

import re
import socket
from collections import Counter

import gevent
from gevent.event import Event as Flag
from gevent.server import StreamServer

_ATTEMPT = re.compile(rb"pbx_attempt=([0-9a-f-]{36})")


class Between:
    """hold_command, hold_reply: by the device an originate rings. .originates counts commands let through."""

    def __init__(self, host: str, port: int) -> None:
        self._switch = (host, port)
        self.hold_command: set[str] = set()
        self.hold_reply: set[str] = set()
        self.originates: Counter[str] = Counter()
        self.held = Flag()
        """A command was kept back."""
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    def start(self) -> int:
        self._server.start()
        return int(self._server.server_port)

    def stop(self) -> None:
        self._server.stop(timeout=1)

    def again(self) -> None:
        """Nothing is kept back from now on."""
        self.hold_command.clear()
        self.hold_reply.clear()
        self.held.clear()

    def _serve(self, worker: socket.socket, _address: object) -> None:
        try:
            switch = socket.create_connection(self._switch, timeout=5)
        except OSError:
            worker.close()
            return
        switch.settimeout(None)
        silent = Flag()
        down = gevent.spawn(self._down, switch, worker, silent)
        try:
            self._up(worker, switch, silent)
        except OSError:
            pass
        finally:
            down.kill()
            for line in (worker, switch):
                line.close()

    def _up(self, worker: socket.socket, switch: socket.socket, silent: Flag) -> None:
        read = b""
        stuck = False
        while part := worker.recv(65536):
            if stuck:
                continue
            read += part
            while b"\n\n" in read:
                command, _, read = read.partition(b"\n\n")
                if command.startswith(b"bgapi originate"):
                    if self._rings(command, self.hold_command):
                        stuck = True
                        self.held.set()
                        break
                    found = _ATTEMPT.search(command)
                    self.originates[found.group(1).decode() if found else "?"] += 1
                    if self._rings(command, self.hold_reply):
                        silent.set()
                switch.sendall(command + b"\n\n")

    def _down(self, switch: socket.socket, worker: socket.socket, silent: Flag) -> None:
        try:
            while part := switch.recv(65536):
                if not silent.is_set():
                    worker.sendall(part)
            if not silent.is_set():
                worker.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _rings(self, command: bytes, devices: set[str]) -> bool:
        return any(f"/{device}%".encode() in command for device in devices)
