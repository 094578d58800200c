"""The event stream: every state of a call as it is reached, to whoever may see the call.

    a change's row -> one read for all open streams -> each reader's backlog -> server-sent events

Changes come from this process (events of the switch, requests) and from the worker's: the first kind wakes the
reader, the others it finds at its next look. With no stream open nothing is read.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import gevent
import structlog
from gevent.event import Event as Flag

from services.callback import present, store
from services.callback.attempt import FINAL, State
from services.callback.schemas.calls import Call
from shared.database import Database, DatabaseError, DatabaseUnavailable, Row
from shared.metrics import Gauge

log = structlog.get_logger()

PING_EVERY_S = 15.0
LOOK_EVERY_S = 0.3
STREAMS_PER_READER = 10
BACKLOG = 1000
"""Changes a slow reader may be behind; beyond that his stream ends, and he comes back for what he missed."""
LONGEST_S = 3600.0
"""A stream ends then, so that a token that was taken back is no good for ever; its reader comes back by himself."""

STREAMS = Gauge("pbx_callback_streams", "Open event streams")


class TooManyStreams(Exception):
    """This reader has as many open streams as he may."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a stream shows; None: not limited by it."""

    company_id: int | None
    subscriber_id: int | None
    attempt_id: UUID | None = None

    def holds(self, change: Row) -> bool:
        return (
            self.company_id in (None, change.company_id)
            and self.subscriber_id in (None, change.subscriber_id)
            and (self.attempt_id is None or str(self.attempt_id) == change.attempt_id)
        )


@dataclass(eq=False)
class _Stream:
    sight: Sight
    backlog: list[Message] = field(default_factory=list)
    overrun: bool = False
    something: Flag = field(default_factory=Flag)


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event."""

    change_id: int
    kind: str
    data: dict[str, Any]
    last: bool = False

    def text(self) -> str:
        data = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.change_id}\nevent: {self.kind}\ndata: {data}\n\n"


class Feed:
    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._streams: list[_Stream] = []
        self._opened = Flag()
        self._woken = Flag()
        self._seen: set[int] = set()
        self._floor: int | None = None
        """Every change up to here was read; None: nobody has been reading."""
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    # -- readers ----------------------------------------------------------------------------------

    def stream(self, sight: Sight, after: int | None, *, ping_every_s: float = PING_EVERY_S) -> Iterator[str]:
        """after: the last change this reader has had. Raises TooManyStreams; DatabaseUnavailable at its first step."""
        mine = (sight.company_id, sight.subscriber_id)
        if sum((one.sight.company_id, one.sight.subscriber_id) == mine for one in self._streams) >= STREAMS_PER_READER:
            raise TooManyStreams(f"at most {STREAMS_PER_READER} event streams at a time")
        beginning = self._history(sight, after) if sight.attempt_id is not None else self._snapshot(sight, after)
        return self._written(_Stream(sight), beginning, ping_every_s)

    def _written(self, stream: _Stream, beginning: Callable[[], list[Message]], ping_every_s: float) -> Iterator[str]:
        # Known only from its first step on: an iterator nobody starts is never closed either.
        self._streams.append(stream)
        STREAMS.set(len(self._streams))
        self._opened.set()
        ends_at = self._clock() + LONGEST_S
        had: dict[str, int] = {}
        try:
            # In this order nothing falls between what was and what comes.
            if self._floor is None:
                self._begin()
            stream.backlog[:0] = beginning()
            yield ": here\n\n"
            while self._clock() < ends_at:
                stream.something.clear()
                while stream.backlog:
                    message = stream.backlog.pop(0)
                    if _is_old(message, had):
                        continue
                    yield message.text()
                    if message.last:
                        return
                if stream.overrun:
                    return
                if not stream.something.wait(ping_every_s):
                    yield ": ping\n\n"
        finally:
            self._streams.remove(stream)
            STREAMS.set(len(self._streams))

    def _snapshot(self, sight: Sight, after: int | None) -> Callable[[], list[Message]]:
        def read() -> list[Message]:
            with self._database.platform() as tx:
                rows = store.changed_since(tx, sight.company_id, sight.subscriber_id, after)
            newest = max((step["id"] for row in rows for step in row.history), default=after or 0)
            return [Message(newest, "snapshot", {"calls": [_dumped(present.call(row)) for row in rows]})]

        return read

    def _history(self, sight: Sight, after: int | None) -> Callable[[], list[Message]]:
        def read() -> list[Message]:
            with self._database.platform() as tx:
                rows = store.views(tx, [str(sight.attempt_id)])
            return [
                message for row in rows for step in row.history if step["id"] > (after or 0)
                if (message := _message(row, step["id"], ends=True)) is not None
            ]

        return read

    # -- changes ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            if not self._streams:
                self._floor, self._seen = None, set()
                self._opened.clear()
                if not self._streams:
                    self._opened.wait()
            self._woken.clear()
            try:
                self.look()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("changes not read", reason=str(error))
            except Exception:  # the streams would go silent for good
                log.exception("changes not read")
            self._woken.wait(LOOK_EVERY_S)

    def _begin(self) -> None:
        """What is there already is not news to whoever comes now."""
        with self._database.platform() as tx:
            floor = store.settled_change(tx)
            seen = {change.change_id for change in store.changes_after(tx, floor)}
        if self._floor is None:
            self._floor, self._seen = floor, seen

    def look(self) -> None:
        """Reads what is new, and puts it where somebody may see it."""
        if self._floor is None:
            self._begin()
            return
        with self._database.platform() as tx:
            floor = store.settled_change(tx)
            fresh = [change for change in store.changes_after(tx, self._floor) if change.change_id not in self._seen]
            wanted = {change.attempt_id for change in fresh
                      if any(stream.sight.holds(change) for stream in self._streams)}
            rows = {row.id: row for row in store.views(tx, sorted(wanted))} if wanted else {}
        # Numbers are given before their transaction commits: a smaller one may still come, so the last seconds are
        # read again each time.
        self._floor = floor
        self._seen = {one for one in itertools.chain(self._seen, (c.change_id for c in fresh)) if one > floor}
        for change in fresh:
            row = rows.get(change.attempt_id)
            if row is None:
                continue
            for stream in self._streams:
                if not stream.sight.holds(change):
                    continue
                message = _message(row, change.change_id, ends=stream.sight.attempt_id is not None)
                if message is not None:
                    self._put(stream, message)

    def _put(self, stream: _Stream, message: Message) -> None:
        if len(stream.backlog) >= BACKLOG:
            stream.overrun = True
        else:
            stream.backlog.append(message)
        stream.something.set()


def _message(row: Row, change_id: int, *, ends: bool) -> Message | None:
    found = present.call_as_of(row, change_id)
    if found is None:
        return None
    return Message(change_id, "call", _dumped(found), last=ends and State(found["state"]) in FINAL)


def _dumped(found: dict[str, Any]) -> dict[str, Any]:
    dumped: dict[str, Any] = Call().dump(found)
    return dumped


def _is_old(message: Message, had: dict[str, int]) -> bool:
    """Whether the reader knows already what it says; notes what he knows by it."""
    if message.kind == "snapshot":
        for one in message.data["calls"]:
            had[one["id"]] = message.change_id
        return False
    of = message.data["id"]
    if message.change_id <= had.get(of, 0):
        return True
    had[of] = message.change_id
    return False
