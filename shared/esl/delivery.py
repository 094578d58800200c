"""Events on their way to one handler: a bounded queue and a greenlet of its own.

In front of the events of each connection there is a resync mark, so the handler's picture is rebuilt after
every gap before it sees what happened since. The reader never waits for a handler: a queue that is full
says so, and the client gives up the connection and starts afresh.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import gevent
import structlog
from gevent.event import Event as Flag

from shared.esl.errors import EslError
from shared.esl.events import Event

log = structlog.get_logger()


class Resync:
    """The mark in front of a connection's events; .run rebuilds the handler's picture."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run


class Delivery:
    """One handler with its queue. names None: it gets every event that comes."""

    def __init__(
        self,
        handler: Callable[[Event], None] | None,
        names: Iterable[str] | None,
        *,
        queue_limit: int,
        queue_bytes_limit: int,
    ) -> None:
        self._handler = handler
        self._names = None if names is None else frozenset(names)
        self._items: deque[Event | Resync] = deque()
        self._bytes = 0
        self._limit = queue_limit
        self._bytes_limit = queue_bytes_limit
        self._wake = Flag()
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self.handled = 0
        self.failed = 0

    def start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def __len__(self) -> int:
        return len(self._items)

    def resync(self, run: Callable[[], None]) -> None:
        self._items.append(Resync(run))
        self._wake.set()

    def offer(self, event: Event) -> bool:
        """Queue the event if it is for this handler; False when the queue is full."""
        if self._handler is None:
            return True
        names = self._names
        if names is not None:
            name = event.name
            if name not in names and (name != "CUSTOM" or f"CUSTOM {event.subclass}" not in names):
                return True
        size = event.size_bytes
        if len(self._items) >= self._limit or self._bytes + size > self._bytes_limit:
            return False
        self._items.append(event)
        self._bytes += size
        if not self._wake.is_set():
            self._wake.set()
        return True

    def clear(self) -> int:
        """Drop what waits, resync marks too; how many events that were."""
        dropped = sum(1 for item in self._items if isinstance(item, Event))
        self._items.clear()
        self._bytes = 0
        return dropped

    def _run(self) -> None:
        while True:
            self._wake.wait()
            while self._items:
                item = self._items.popleft()
                if isinstance(item, Resync):
                    item.run()
                else:
                    self._bytes -= item.size_bytes
                    self._handle(item)
            self._wake.clear()

    def _handle(self, event: Event) -> None:
        assert self._handler is not None
        self.handled += 1
        try:
            self._handler(event)
        except EslError as error:
            # The connection went while the handler asked the switch; the resync that follows heals it.
            self.failed += 1
            log.warning("event_handler_interrupted", event_name=event.get("Event-Name"), reason=str(error))
        except Exception:
            # One bad event must not stop those of all other calls.
            self.failed += 1
            log.exception("event_handler_failed", event_name=event.get("Event-Name"))
