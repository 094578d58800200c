"""The socket application: the leg calls a service and does what it says (socket_function in mod_event_socket.c).

sync: the leg's own greenlet obeys the commands, so `execute` is answered when the application has ended, and
only the caller's hang-up interrupts. async: the leg is parked and takes messages; the connection lives
beside it.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque

import gevent
import gevent.event
import structlog

from freeswitch.simulator.channel import Channel, NotReady
from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.listener import Connection, lower_headers, obey_message
from freeswitch.simulator.variables import leading_int
from shared.esl import wire
from shared.esl.commands import Command

log = structlog.get_logger()

_CONNECT_LIMIT_S = 25  # what read_packet waits for the first command; also our limit for connect()


def socket_application(channel: Channel, data: str) -> None:
    words = data.split()
    if not words:
        log.error("socket without a host", leg_uuid=channel.uuid)
        return
    sock = _connect(channel, words[0])
    if sock is None:
        log.warning("no service takes the call", hosts=words[0], leg_uuid=channel.uuid)
        return
    options = {word.lower() for word in words[1:]}
    connection = LegConnection(channel, sock, asynchronous="async" in options, full="full" in options)
    if connection.asynchronous:
        connection.run_beside()
    else:
        connection.run_inside()


def _connect(channel: Channel, hosts: str) -> socket.socket | None:
    for one in hosts.split("|"):
        host, _, port = one.rpartition(":")
        port = port.partition("/")[0]
        channel.set_variable("socket_host", host)
        try:
            return socket.create_connection((host, int(port)), timeout=_CONNECT_LIMIT_S)
        except (OSError, ValueError) as error:
            log.info("socket error", host=one, reason=str(error))
    return None


class LegConnection(Connection):
    def __init__(self, channel: Channel, sock: socket.socket, *, asynchronous: bool, full: bool) -> None:
        sock.settimeout(None)
        super().__init__(channel.switch, sock)
        self.channel = channel
        self.asynchronous = asynchronous
        self.full = full
        self.authenticated = True
        self.connected = False
        self.finished = False
        self._linger_s: float | None = None
        self._lingers = False
        channel.on_hangup.append(self._told_hung_up)
        self._queue: deque[Command] = deque()
        self.switch.bus.add(self)

    def run_inside(self) -> None:
        """sync: commands are obeyed here, between them the leg waits for more."""
        reader = gevent.spawn(self._read_into_queue)
        channel = self.channel
        try:
            while self.running:
                # A transfer only changes the state: it comes into effect when the socket is gone.
                channel.wait(
                    lambda: bool(self._queue) or self.finished or channel.down or not self.running,
                    even_when_not_ready=True,
                )
                if channel.down:
                    break
                if self._queue:
                    self.obey(self._queue.popleft())
                elif self.finished:
                    break
        finally:
            channel.lingering -= int(self._lingers)
            self.say_goodbye(channel)
            self.close()
            reader.kill(block=False)

    def _read_into_queue(self) -> None:
        def take(command: Command) -> None:
            self._queue.append(command)
            self.channel.changed()

        self.read(take)
        self.finished = True
        self.channel.changed()

    def run_beside(self) -> None:
        """async: parked until the connection ends; a service that never says `connect` leaves it parked."""
        from freeswitch.simulator.applications import park

        channel = self.channel
        gevent.spawn(self._live_beside)
        channel.wait(lambda: self.connected or self.finished)
        park(channel)
        channel.obey_messages()

    def _live_beside(self) -> None:
        reader = gevent.spawn(self.read, self.obey)
        watcher = gevent.event.Event()
        self.channel.watch(watcher)
        reader.link(lambda _: watcher.set())
        try:
            while not reader.dead and not self.channel.down:
                watcher.clear()
                watcher.wait(5)
            if self.channel.down and not reader.dead:
                self._linger(reader)
        finally:
            self.channel.unwatch(watcher)
            self.say_goodbye(self.channel)
            self.close()
            reader.kill(block=False)
            self.finished = True
            self.channel.lingering -= int(self._lingers)
            self.channel.controlled = False
            self.channel.changed()

    def _linger(self, reader: gevent.Greenlet[..., None]) -> None:
        """The last events of a leg that is gone, for as long as was asked.

        Without it what was fired before the leg went is sent before the goodbye, what comes later is not.
        """
        if self._linger_s is not None:
            reader.join(timeout=None if self._linger_s < 0 else self._linger_s)

    def _told_hung_up(self) -> None:
        if self._linger_s is None:
            return
        self.channel.lingering += 1
        self._lingers = True
        self.send(wire.encode_frame({
            "Content-Type": "text/disconnect-notice", "Controlled-Session-UUID": self.channel.uuid,
            "Content-Disposition": "linger", "Channel-Name": self.channel.name,
            "Linger-Time": str(int(self._linger_s)), "Content-Length": "0",
        }))  # fmt: skip

    def obey(self, command: Command) -> None:
        word, _, rest = command.line.strip().partition(" ")
        channel = self.channel
        match word.lower():
            case "connect":
                self._say_who(channel)
            case "getvar":
                value = channel.get_variable(rest.strip())
                self.reply(value if value else "-ERR command not found")
            case "myevents":
                if self.my_events_of is not None:
                    self.reply("-ERR aready enabled.")
                elif rest.strip().lower() in ("", "plain"):
                    self.listen_to(channel)
                    self.reply("+OK Events Enabled")
                else:
                    log.error("only plain events are simulated", asked_for=rest)
                    self.reply("-ERR the simulator sends plain events only")
            case "linger" if self.full:
                self._linger_s = float(leading_int(rest)) if rest.strip() else -1.0
                self.reply(f"+OK will linger {int(self._linger_s)} seconds" if rest.strip() else "+OK will linger")
            case "nolinger" if self.full:
                self._linger_s = None
                self.reply("+OK will not linger")
            case "resume":
                log.error("resume is not simulated")
                self.reply("-ERR the simulator has no resume")
            case "sendmsg" if rest.strip() in ("", channel.uuid):
                self._own_message(command)
            case _:
                super().obey(command)

    def _own_message(self, command: Command) -> None:
        if self.asynchronous or lower_headers(command).get("async", "").lower() == "true":
            if self.channel.down:
                self.reply(f"-ERR invalid session id [{self.channel.uuid}]")
                return
            self.channel.send(lambda: obey_message(self.channel, command))
        else:
            with contextlib.suppress(NotReady):
                obey_message(self.channel, command)
        self.reply("+OK")

    def _say_who(self, channel: Channel) -> None:
        self.connected = True
        event = channel.describe(SwitchEvent("CHANNEL_DATA", function="parse_command"), {})
        self.send(wire.encode_connect_reply(event.headers, asynchronous=self.asynchronous, full=self.full))
        channel.changed()

