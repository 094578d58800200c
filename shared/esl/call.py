"""One call the switch has handed to a service over an outbound socket.

In sync mode the reply to an application comes when the application has ended; in async mode it comes at
once and CHANNEL_EXECUTE_COMPLETE tells the end. `execute` looks the same in both. A call that is over
raises CallEnded wherever it is touched, so a handler needs no other check.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from gevent.event import AsyncResult
from gevent.event import Event as Flag

from shared.esl import commands
from shared.esl.commands import Command
from shared.esl.connection import OutboundConnection, Reply
from shared.esl.errors import CallEnded, EslError, ProtocolError, ReplyTimeout
from shared.esl.events import Event

log = structlog.get_logger()

_KEPT_EVENTS = 1000
_ENDS = frozenset({"CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"})


class OutboundCall:
    """Made by OutboundServer; `open()` has run when a handler gets it."""

    channel: Event
    leg_uuid: str = ""

    def __init__(self, sock: Any, *, command_timeout_s: float) -> None:
        self._command_timeout_s = command_timeout_s
        self._events: deque[Event] = deque()
        self._arrived = Flag()
        self._executing: dict[str, AsyncResult[Event]] = {}
        self._own_events_on = False
        self._hung_up = False
        self.events_dropped = 0
        self._connection = OutboundConnection(
            sock, on_event=self._take, on_close=self._closed, command_timeout_s=command_timeout_s
        )

    def open(self) -> None:
        """Ask for the channel's data, which the switch gives before it accepts anything else."""
        frame = self._connection.request(commands.connect())
        self.channel = frame.event()
        if self.channel.get("Unique-ID") is None:
            raise ProtocolError("the answer to connect has no Unique-ID")
        self.leg_uuid = self.channel.leg_uuid

    @property
    def asynchronous(self) -> bool:
        return self.channel.get("Socket-Mode") == "async"

    @property
    def full(self) -> bool:
        """Whether api, bgapi and sendevent are allowed on this socket."""
        return self.channel.get("Control") == "full"

    @property
    def hung_up(self) -> bool:
        return self._hung_up or self._connection.noticed

    @property
    def closed(self) -> bool:
        return self._connection.closed.is_set()

    # -- commands ------------------------------------------------------------------------------

    def command(self, command: Command, timeout_s: float | None = None) -> Reply:
        self._check()
        return self._connection.send(command, timeout_s)

    def execute(self, app: str, argument: str = "", *, timeout_s: float) -> Reply | Event:
        """Run an application to its end: the Reply of a sync socket, the completing Event of an async one."""
        if not self.asynchronous:
            return self.command(commands.execute(app, argument), timeout_s)
        if not self._own_events_on:
            self.subscribe_own_events()
        event_uuid = str(uuid.uuid4())
        began = time.monotonic()
        ended: AsyncResult[Event] = AsyncResult()
        self._executing[event_uuid] = ended
        try:
            self.command(commands.execute(app, argument, event_uuid=event_uuid, event_lock=True))
            if self._connection.closed.is_set():
                raise self._end()
            ended.wait(max(0.0, timeout_s - (time.monotonic() - began)))
            if not ended.ready():
                raise ReplyTimeout(timeout_s)
            event = ended.get()
            assert event is not None
            return event
        finally:
            self._executing.pop(event_uuid, None)

    def start_execute(self, app: str, argument: str = "") -> None:
        """Begin an application without waiting for its end; on a sync socket that means until it ends."""
        self.command(commands.execute(app, argument))

    def set_variables(self, variables: Mapping[str, str], *, timeout_s: float | None = None) -> Reply | Event:
        """Set channel variables with one application; they are set when this returns, with what execute brings."""
        limit = self._command_timeout_s if timeout_s is None else timeout_s
        return self.execute("multiset", commands.multiset_argument(variables), timeout_s=limit)

    def subscribe_own_events(self) -> None:
        """myevents: the events of this leg, which may begin to come before the reply."""
        if not self._own_events_on:
            self.command(commands.my_events())
            self._own_events_on = True

    def finish(self, command: Command, timeout_s: float | None = None) -> Reply:
        """The last command, and the end of the socket in the same breath.

        On a sync socket the dialplan goes on as soon as the command is done, without our hearing of it first: an
        exit that waits in the switch's buffer is read next (mod_event_socket.c, parse_command: sendmsg, exit).
        """
        self._check()
        return self._connection.send(command, timeout_s, then=commands.leave())

    def close(self) -> None:
        """Let the call go: the dialplan goes on behind the socket application."""
        self._connection.close(CallEnded("the call was given back to the dialplan"))

    # -- events --------------------------------------------------------------------------------

    def wait_event(self, names: Collection[str], timeout_s: float) -> Event | None:
        """The next event with one of these names, or None in time; others stay for later calls.

        Raises CallEnded when none is left and none can come any more.
        """
        if isinstance(names, str):
            names = (names,)
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                if event.get("Event-Name") in names:
                    self._events.remove(event)
                    return event
            self._arrived.clear()
            if self._connection.closed.is_set():
                raise self._end()
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            self._arrived.wait(remaining)

    def _take(self, event: Event) -> None:
        """In the reader: never waits."""
        name = event.get("Event-Name")
        if name == "CHANNEL_EXECUTE_COMPLETE":
            waiting = self._executing.get(event.get("Application-UUID") or "")
            if waiting is not None:
                waiting.set(event)
        elif name in _ENDS and event.get("Unique-ID") == self.leg_uuid:
            self._hung_up = True
        if len(self._events) >= _KEPT_EVENTS:
            # A handler that only executes never reads them; what execute waits for does not pass here.
            self._events.popleft()
            if self.events_dropped == 0:
                log.warning("call_events_dropped", leg_uuid=self.leg_uuid, kept=_KEPT_EVENTS)
            self.events_dropped += 1
        self._events.append(event)
        self._arrived.set()

    # -- the end -------------------------------------------------------------------------------

    def _closed(self) -> None:
        for waiting in self._executing.values():
            if not waiting.ready():
                waiting.set_exception(self._end())
        self._arrived.set()

    def _check(self) -> None:
        if self._connection.closed.is_set() or self.hung_up:
            raise self._end()

    def _end(self) -> EslError:
        failure = self._connection.failure
        if self.hung_up or failure is None:
            return CallEnded("the caller hung up")
        return failure
