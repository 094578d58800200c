"""The service's line to the switch: always trying to be connected, never out of step without saying so.

    supervisor: connect, log in, subscribe, mark a resync for every handler, wait for the end, delay, again
    reader (connection.py): replies to whoever sent the command, events into the bounded queues
    delivery: on_resync(client), then the events since, one after the other

A gap of any kind - lost connection, silence, overflow - ends in a new connection and a resync.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import gevent
import structlog
from gevent.event import AsyncResult
from gevent.event import Event as Flag

from shared import metrics
from shared.esl import commands
from shared.esl.commands import Command
from shared.esl.connection import InboundConnection, Reply
from shared.esl.delivery import Delivery
from shared.esl.errors import (
    AuthenticationFailed,
    CommandRejected,
    ConnectionLost,
    EslError,
    EventQueueOverflow,
    JobTimeout,
    NotConnected,
)
from shared.esl.events import Event

log = structlog.get_logger()

QUEUE_BYTES_LIMIT = 32 * 1024 * 1024


def reconnect_delay_s(attempt: int, dice: float, limits: tuple[float, float]) -> float:
    """How long to wait before attempt n (from 0): between the lower limit and a growing upper one.

    dice is in [0, 1): many services that lost the same switch do not come back in step.
    """
    low, high = limits
    upper = min(high, low * 1.5 ** min(attempt + 1, 30))
    return low + dice * (upper - low)


@dataclass
class Counters:
    """What happened so far, for metrics."""

    connects: int = 0
    resyncs: int = 0
    overflows: int = 0
    events_received: int = 0
    events_dropped: int = 0
    silences: int = 0


class InboundClient:
    """Commands to one switch and its events, over connections that come and go."""

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        name: str,
        events: Sequence[str] = (),
        on_event: Callable[[Event], None] | None = None,
        on_resync: Callable[[InboundClient], None] | None = None,
        queue_limit: int = 10_000,
        queue_bytes_limit: int = QUEUE_BYTES_LIMIT,
        command_timeout_s: float = 5.0,
        heartbeat_timeout_s: float = 25.0,
        reconnect_delay_s: tuple[float, float] = (0.5, 10.0),
    ) -> None:
        commands.authenticate(password)  # refuses what cannot be sent
        if events:
            commands.subscribe(events)
        self.host = host
        self.port = port
        self.name = name
        self._password = password
        self._events = list(events)
        self._queue_limit = queue_limit
        self._queue_bytes_limit = queue_bytes_limit
        self._command_timeout_s = command_timeout_s
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._delay_limits = reconnect_delay_s
        self._log = log.bind(esl=name, switch=f"{host}:{port}")
        self._connection: InboundConnection | None = None
        self._up = Flag()
        self._settled = Flag()  # connected, or given up
        self._stopping = False
        self._supervisor: gevent.Greenlet[..., None] | None = None
        self._failure: AuthenticationFailed | None = None
        self._attempt = 0
        self._jobs: dict[str, AsyncResult[Event]] = {}
        self._job_events_on: InboundConnection | None = None
        self._on_resync: list[Callable[[InboundClient], None]] = []
        self._deliveries: list[Delivery] = []
        self._step_watchers: list[Callable[[bool], None]] = []
        self._unsynced = 0
        self.counters = Counters()
        self.listen(on_event, on_resync, names=events)

    # -- life ----------------------------------------------------------------------------------

    def listen(
        self,
        on_event: Callable[[Event], None] | None,
        on_resync: Callable[[InboundClient], None] | None = None,
        *,
        names: Iterable[str] | None = None,
    ) -> None:
        """Add a handler with a queue and greenlet of its own; before start().

        Each handler gets every event it named, whoever else gets it too; without names it gets all
        that the others asked for.
        """
        if self._supervisor is not None:
            raise RuntimeError("listen() comes before start()")
        wanted = None if names is None else list(names)
        self._events += [event for event in wanted or () if event not in self._events]
        self._deliveries.append(
            Delivery(
                on_event,
                None if wanted is None or "ALL" in wanted else wanted,
                queue_limit=self._queue_limit,
                queue_bytes_limit=self._queue_bytes_limit,
            )
        )
        self._on_resync.append(on_resync or (lambda client: None))

    def watch_step(self, changed: Callable[[bool], None]) -> None:
        """changed: told False the moment the connection is gone, True when every on_resync has run; never to wait."""
        self._step_watchers.append(changed)

    def start(self) -> None:
        if self._supervisor is None:
            metrics.SWITCH_CONNECTED.labels(self.name).set_function(lambda: float(self.connected))
            metrics.SWITCH_EVENTS.labels(self.name).set_function(lambda: self.counters.events_received)
            metrics.SWITCH_RESYNCS.labels(self.name).set_function(lambda: self.counters.resyncs)
            for delivery in self._deliveries:
                delivery.start()
            self._supervisor = gevent.spawn(self._supervise)

    def stop(self) -> None:
        self._stopping = True
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor = None
        self._drop_connection(ConnectionLost("stopped"))
        for delivery in self._deliveries:
            delivery.stop()
        self._settled.set()

    @property
    def connected(self) -> bool:
        """Logged in and subscribed."""
        return self._up.is_set()

    @property
    def synced(self) -> bool:
        """Connected, and every on_resync of this connection has run."""
        return self._up.is_set() and self._unsynced == 0

    def wait_connected(self, timeout_s: float) -> bool:
        """Raises AuthenticationFailed when the switch refused us before we were ever connected."""
        deadline = time.monotonic() + timeout_s
        while not self._up.is_set():
            remaining = deadline - time.monotonic()
            if self._failure is not None:
                raise self._failure
            if remaining <= 0 or self._stopping:
                return False
            self._settled.wait(remaining)  # a connection may be lost again before we get here
        return True

    # -- commands ------------------------------------------------------------------------------

    def send(self, command: Command, timeout_s: float | None = None) -> Reply:
        connection = self._connection
        if connection is None or not self._up.is_set():
            raise NotConnected(f"not connected to {self.host}:{self.port}")
        return connection.send(command, timeout_s)

    def api(self, name: str, *args: str, timeout_s: float | None = None) -> str:
        """The command's output; the whole connection waits for it, so long work goes to background()."""
        return self.send(commands.api(name, *args), timeout_s).text

    def background(self, name: str, *args: str, job_uuid: str | None = None, timeout_s: float = 60) -> str:
        """Run an API command in the switch's background and wait for its output.

        With the connection lost while waiting, whether it ran is unknown; the job_uuid given finds out.
        """
        job = job_uuid or str(uuid.uuid4())
        command = commands.bgapi(name, *args, job_uuid=job)
        began = time.monotonic()
        connection = self._connection
        if connection is None or not self._up.is_set():
            raise NotConnected(f"not connected to {self.host}:{self.port}")
        if self._job_events_on is not connection:
            connection.send(commands.subscribe(["BACKGROUND_JOB"]))
            self._job_events_on = connection
        result: AsyncResult[Event] = AsyncResult()
        self._jobs[job] = result
        try:
            connection.send(command)
            result.wait(max(0.0, timeout_s - (time.monotonic() - began)))
            if not result.ready():
                raise JobTimeout(timeout_s)
            event = result.get()
            assert event is not None
        finally:
            self._jobs.pop(job, None)
        output = event.body or ""
        if output.startswith(("-ERR", "-USAGE")):
            raise CommandRejected(output)
        return output.rstrip("\n")

    # -- events (called in the reader: never waits) ------------------------------------------------

    def _take(self, event: Event) -> None:
        self.counters.events_received += 1
        if self._jobs and event.get("Event-Name") == "BACKGROUND_JOB":
            waiting = self._jobs.get(event.get("Job-UUID") or "")
            if waiting is not None:
                waiting.set(event)
        for delivery in self._deliveries:
            if not delivery.offer(event):
                self._overflow()
                return

    def _overflow(self) -> None:
        dropped = sum(delivery.clear() for delivery in self._deliveries)
        self.counters.overflows += 1
        self.counters.events_dropped += dropped + 1
        self._log.warning("event_queue_overflow", dropped=dropped + 1, limit=self._queue_limit)
        self._drop_connection(EventQueueOverflow("events came faster than they were handled"))

    # -- the supervisor ----------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._stopping:
            try:
                connection = self._connect()
            except AuthenticationFailed as error:
                if self.counters.connects == 0:
                    self._log.error("esl_refused", reason=str(error))
                    self._failure = error
                    self._settled.set()
                    return
                self._log.warning("esl_connect_failed", reason=str(error))
            except EslError as error:
                self._log.warning("esl_connect_failed", reason=str(error))
            else:
                connection.closed.wait()
                self._fail_jobs(connection.failure)
                if "silent" in str(connection.failure):
                    self.counters.silences += 1
                self._log.warning("esl_disconnected", reason=str(connection.failure))
            self._connection = None
            gevent.sleep(reconnect_delay_s(self._attempt, random.random(), self._delay_limits))
            self._attempt += 1

    def _connect(self) -> InboundConnection:
        connection = InboundConnection(
            self.host,
            self.port,
            self._password,
            on_event=self._take,
            on_close=self._down,
            command_timeout_s=self._command_timeout_s,
            silence_limit_s=self._heartbeat_timeout_s,
        )
        self._connection = connection
        connection.connect()
        opened: AsyncResult[bool] = AsyncResult()
        self._unsynced = len(self._deliveries)
        try:
            # The marks come before the subscription, so that no event is delivered before its resync.
            for delivery, on_resync in zip(self._deliveries, self._on_resync, strict=True):
                delivery.resync(partial(self._resync, connection, opened, on_resync))
            connection.send(commands.subscribe(["HEARTBEAT", *self._events]))
            self.counters.connects += 1
            self._log.info("esl_connected", count=self.counters.connects)
            self._up.set()
            self._settled.set()
            opened.set(True)
        except EslError as error:
            connection.close(error)
            raise
        finally:
            if not opened.ready():
                opened.set(False)
        return connection

    def _resync(
        self,
        connection: InboundConnection,
        opened: AsyncResult[bool],
        on_resync: Callable[[InboundClient], None],
    ) -> None:
        """Runs in a delivery's greenlet; a resync that fails costs the connection, and the next one tries."""
        if not opened.get() or connection.closed.is_set():
            return
        try:
            on_resync(self)
        except Exception as error:
            # Without it the handler's picture is wrong, so this connection is of no use.
            if isinstance(error, EslError):
                self._log.warning("resync_failed", reason=str(error))
            else:
                self._log.exception("resync_failed")
            connection.close(ConnectionLost(f"resync failed: {error}"))
            return
        if not connection.closed.is_set():
            self._unsynced -= 1
            if self._unsynced == 0:
                self.counters.resyncs += 1
                self._attempt = 0
                self._tell_step(True)

    def _drop_connection(self, failure: EslError) -> None:
        if self._connection is not None:
            self._connection.close(failure)
        self._fail_jobs(failure)

    def _down(self) -> None:
        """Called by the connection, of which there is never more than one, the moment it closes."""
        self._up.clear()
        self._settled.clear()
        self._tell_step(False)

    def _tell_step(self, in_step: bool) -> None:
        for changed in self._step_watchers:
            changed(in_step)

    def _fail_jobs(self, failure: EslError | None) -> None:
        reason = failure if isinstance(failure, ConnectionLost) else ConnectionLost(str(failure))
        for waiting in list(self._jobs.values()):
            if not waiting.ready():
                waiting.set_exception(reason)
