"""One event-socket connection, whichever side made it: commands in, replies and events out (mod_event_socket.c).

A reader greenlet takes commands; a writer greenlet sends, so that an event never waits for a slow reader of it.
What mod_event_socket offers and the suite does not use (json, xml, log, userauth) is refused with -ERR.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
import gevent.queue
import structlog

from freeswitch.simulator import events
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.names import new_uuid
from shared.esl import wire
from shared.esl.commands import Command
from shared.esl.errors import ProtocolError
from shared.esl.event_names import EVENT_NAMES

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()

_ANY_VALUE = "/./"  # the one regular expression of filters that is known: the header is there

QUEUE_LIMIT = 100_000  # MAX_QUEUE_LEN; more than MAX_MISSED lost events end the connection
_GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
_MY_EVENTS = frozenset(
    (
        "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_CREATE", "CHANNEL_DATA", "CHANNEL_DESTROY",
        "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_ORIGINATE", "CHANNEL_OUTGOING", "CHANNEL_PARK", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_STATE", "CHANNEL_UNBRIDGE", "CHANNEL_UNPARK", "DTMF",
    )
)  # fmt: skip


class Connection:
    def __init__(self, switch: Switch, sock: socket.socket) -> None:
        self.switch = switch
        self._sock = sock
        self._out: gevent.queue.Queue[bytes | None] = gevent.queue.Queue(QUEUE_LIMIT)
        self._parser = wire.CommandParser()
        self._listening = False
        self._subscribed: set[str] = set()
        self._subclasses: set[str] = set()
        self._filters: list[tuple[str, str]] = []
        self.my_events_of: str | None = None
        self.running = True
        self.authenticated = False
        self.full = True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writer = gevent.spawn(self._write)

    # Bytes

    def read(self, take: Callable[[Command], None]) -> None:
        """Commands one after the other until the connection is over."""
        while self.running:
            try:
                data = self._sock.recv(65536)
                commands = self._parser.feed(data)
            except (OSError, ProtocolError) as error:
                log.info("event socket closed", reason=str(error))
                return
            if not data:
                return
            for command in commands:
                take(command)
                if not self.running:
                    return

    def _write(self) -> None:
        for data in self._out:
            if data is None:
                return
            try:
                self._sock.sendall(data)
            except OSError:
                return

    def send(self, data: bytes) -> None:
        try:
            self._out.put_nowait(data)
        except gevent.queue.Full:
            log.error("an event socket does not read; closed")
            self.running = False
            self._sock.close()

    def reply(self, text: str, **more: str) -> None:
        self.send(wire.encode_reply(text, **more))

    def say_goodbye(self, channel: Channel | None = None) -> None:
        headers = {"Content-Type": "text/disconnect-notice"}
        if channel is not None:
            headers |= {"Controlled-Session-UUID": channel.uuid, "Content-Disposition": "disconnect"}
        self.send(wire.encode_frame(headers, _GOODBYE))

    def close(self) -> None:
        self.running = False
        self.switch.bus.remove(self)
        self._out.put(None)
        self._writer.join(timeout=2)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    # Events

    def offer(self, event: SwitchEvent) -> None:
        """event_handler: subscribed, through the filters, and with myevents only of the own leg."""
        if event.name not in self._subscribed:
            return
        if event.name == "CUSTOM" and event.subclass is not None and event.subclass not in self._subclasses:
            return
        if self._filters and not self._passes(event):
            return
        if self.my_events_of is not None and event.get("Unique-ID") != self.my_events_of:
            return
        self.send(event.plain())

    def _passes(self, event: SwitchEvent) -> bool:
        send = False
        for name, wanted in self._filters:
            value = event.get(name)
            if value is None:
                continue
            positive = not wanted.startswith("-")
            if send and positive:
                continue
            if wanted == _ANY_VALUE or value.lower() == wanted.lstrip("+- ").lower():
                if not positive:
                    return False
                send = True
        return send

    # Commands

    def obey(self, command: Command) -> None:
        """Everything but auth and what only a socket of a leg can do."""
        word, _, rest = command.line.strip().partition(" ")
        word = word.lower()
        if word in ("exit", "..."):
            self.reply("+OK bye")
            self.running = False
            return
        if word == "filter":
            self._filter(rest.strip())
            return
        handler = {
            "sendmsg": self._sendmsg, "sendevent": self._sendevent, "api": self._api, "bgapi": self._bgapi,
            "event": self._event, "nixevent": self._nixevent, "noevents": self._noevents,
        }.get(word)  # fmt: skip
        if handler is None or (not self.full and word != "sendmsg"):
            if handler is None and word not in ("", "auth"):
                log.warning("no such event-socket command in the simulator", command=word)
            self.reply("-ERR command not found")
            return
        handler(rest.strip(), command)

    def _filter(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if name.lower() == "delete":
            name, _, value = value.partition(" ")
            self._filters = [] if name.lower() == "all" else [
                one for one in self._filters if one[0].lower() != name.lower() or (value and one[1] != value)
            ]  # fmt: skip
            self.reply(f"+OK filter deleted. [{name}][{value}]")
            return
        if name.lower() == "add":
            name, _, value = value.partition(" ")
        if not value:
            self.reply("-ERR invalid syntax")
            return
        if value.startswith("/") and value != _ANY_VALUE:
            log.error("filters with this regular expression are not simulated", expression=value)
            self.reply("-ERR the simulator has no regular expression but /./ in filters")
            return
        self._filters.append((name, value))
        self.reply(f"+OK filter added. [{name}]=[{value}]")

    def _event(self, rest: str, command: Command) -> None:
        words = rest.split()
        if words and words[0].lower() in ("json", "xml"):
            log.error("only plain events are simulated", asked_for=words[0])
            self.reply("-ERR the simulator sends plain events only")
            return
        if words and words[0].lower() == "plain":
            words = words[1:]
        names, subclasses, custom = set(), set(), False
        for word in words:
            if custom:
                subclasses.add(word)
            elif word.upper() in EVENT_NAMES:
                names.add(word.upper())
                custom = word.upper() == "CUSTOM"
        missing = names - events.NAMES - {"ALL"}
        if missing:
            log.error("events that are not simulated", names=sorted(missing))
            self.reply(f"-ERR the simulator does not send {', '.join(sorted(missing))}")
            return
        if not names:
            self.reply("-ERR no keywords supplied")
            return
        if "ALL" in names:
            names |= events.NAMES
            subclasses |= set(events.SUBCLASSES)
        self._listening = True
        self._subscribed |= names
        self._subclasses |= subclasses
        self.reply("+OK event listener enabled plain")

    def _nixevent(self, rest: str, command: Command) -> None:
        self._listening = True
        names = {word.upper() for word in rest.split()}
        self._subscribed = set() if "ALL" in names else self._subscribed - names
        self._subclasses -= set(rest.split())
        self.reply("+OK events nixed")

    def _noevents(self, rest: str, command: Command) -> None:
        listening, self._listening = self._listening, False
        self._subscribed.clear()
        self._subclasses.clear()
        self.reply("+OK no longer listening for events" if listening else "-ERR not listening for events")

    def listen_to(self, channel: Channel) -> None:
        self._listening = True
        self.my_events_of = channel.uuid
        self._subscribed |= _MY_EVENTS

    def _sendmsg(self, rest: str, command: Command) -> None:
        headers = lower_headers(command)
        uuid = rest or headers.get("session-id", "")
        channel = self.switch.channels.get(uuid)
        if channel is None or channel.down:
            self.reply(f"-ERR invalid session id [{uuid}]")
            return
        channel.send(lambda: obey_message(channel, command))
        self.reply("+OK")

    def _sendevent(self, rest: str, command: Command) -> None:
        name = rest.partition(" ")[0].upper()
        headers = lower_headers(command)
        event_uuid = new_uuid()
        event = SwitchEvent(name, headers.get("event-subclass") if name == "CUSTOM" else None, function="parse_command")
        for header, value in command.headers:
            event.add(header, value)
        event.add("Event-UUID", event_uuid)
        if command.body:
            event.body = command.body.decode("utf-8", "replace")
        if self.switch.take_sent_event(event):
            self.switch.bus.fire(event)
            self.reply(f"+OK {event_uuid}")
        else:
            log.error("an event the simulator does nothing with", name=name)
            self.reply(f"-ERR the simulator does nothing with {name}")

    def _api(self, rest: str, command: Command) -> None:
        name, _, arguments = rest.partition(" ")
        self.send(wire.encode_api_response(self.switch.api.run(name, arguments)))

    def _bgapi(self, rest: str, command: Command) -> None:
        name, _, arguments = rest.partition(" ")
        job_uuid = lower_headers(command).get("job-uuid") or new_uuid()
        self.reply(f"+OK Job-UUID: {job_uuid}", **{"Job-UUID": job_uuid})
        gevent.spawn(self._run_job, job_uuid, name, arguments)

    def _run_job(self, job_uuid: str, name: str, arguments: str) -> None:
        event_body = self.switch.api.run(name, arguments)
        event = SwitchEvent("BACKGROUND_JOB", function="api_exec")
        event.add("Job-UUID", job_uuid)
        event.add("Job-Owner-UUID", self.my_events_of or "")
        event.add("Job-Command", name)
        if arguments:
            event.add("Job-Command-Arg", arguments)
        event.body = event_body
        self.switch.bus.fire(event)


def lower_headers(command: Command) -> dict[str, str]:
    return {name.lower(): value for name, value in command.headers}


def obey_message(channel: Channel, command: Command) -> None:
    """switch_ivr_parse_event, in the leg's own greenlet."""
    from freeswitch.simulator import applications, causes

    headers = lower_headers(command)
    what = headers.get("call-command", "")
    locked = headers.get("event-lock", "").lower() == "true"
    channel.event_locked = channel.event_locked or locked
    try:
        if what == "hangup":
            channel.hangup(causes.named(headers.get("hangup-cause")))
        elif what == "execute":
            argument = headers.get("execute-app-arg", "")
            if not argument and headers.get("content-type", "").lower() == "text/plain":
                argument = command.body.decode("utf-8", "replace")
            if headers.get("loops", "1") != "1":
                log.error("loops of sendmsg are not simulated")
            applications.execute(channel, headers.get("execute-app-name", ""), argument, headers.get("event-uuid"))
        else:
            log.error("this call-command is not simulated", command=what)
    finally:
        if locked:
            channel.event_locked = False


def serve(switch: Switch, sock: socket.socket, address: object) -> None:
    """Somebody connected to us: auth first, then whatever is asked (listener_run)."""
    connection = Connection(switch, sock)
    connection.send(b"Content-Type: auth/request\n\n")

    def take(command: Command) -> None:
        if connection.authenticated:
            connection.obey(command)
            return
        word, _, rest = command.line.strip().partition(" ")
        if word.lower() == "auth" and rest == switch.settings.esl_password:
            connection.authenticated = True
            connection.reply("+OK accepted")
        elif word.lower() == "exit":
            connection.obey(command)
        elif word.lower() != "auth":
            connection.reply("-ERR command not found")
        else:
            log.warning("event-socket login refused")
            connection.reply("-ERR invalid")
            connection.running = False

    switch.bus.add(connection)
    try:
        connection.read(take)
        connection.say_goodbye()
    finally:
        connection.close()
