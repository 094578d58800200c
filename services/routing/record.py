"""What happened to calls, on its way to the log: never on a call's path.

note() only appends. A greenlet gathers what came in half a second (in two when many come) and writes it as one
outbox row a company, from where the relay hands it to the queue calls.record (worker.py). With the database away the
batch goes to a side file, which is taken in when it is back; the memory in front of it is bounded, and what it had
to drop is counted, not hidden. A record the database refuses, or a file nobody can read, costs itself and no other.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import gevent
import structlog
from gevent.event import Event

from shared import outbox
from shared.database import Database, DatabaseError, DatabaseUnavailable
from shared.metrics import Counter, Gauge

log = structlog.get_logger()

DROPPED = Counter("pbx_routing_records_dropped_total", "Call records lost because memory and disk were full")
WAITING = Gauge("pbx_routing_record_files", "Side files of call records waiting for the database")

QUEUE = "calls.record"
TASK = "routing.record_calls"
_GATHER_S = 0.5
_GATHER_BUSY_S = 2.0
_BUSY = 16
"""Records in one batch from which on more are gathered: each batch costs a transaction and a message."""
_MOST_WAITING = 20_000
_MOST_PER_ROW = 200
_MOST_FILES = 20_000
_REFUSALS = (DatabaseError, KeyError, TypeError, ValueError, AttributeError)


class Recorder:
    """folder: where side files lie while the database is away."""

    def __init__(self, database: Database, folder: Path, relay: outbox.Relay | None = None) -> None:
        self._database = database
        self._folder = folder
        self._relay = relay
        self._waiting: deque[dict[str, Any]] = deque()
        self._woken = Event()
        self._stopping = False
        self._greenlet: gevent.Greenlet[[], None] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._files = len(list(folder.glob("*.json")))

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write what is left, to the database or to disk."""
        self._stopping = True
        self._woken.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def note(self, record: dict[str, Any]) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            DROPPED.inc()
        self._waiting.append(record)
        self._woken.set()

    def write_waiting(self) -> None:
        """Everything noted so far, into the outbox; to the side files when the database is away."""
        while self._waiting:
            count = min(len(self._waiting), _MOST_PER_ROW)
            batch = [self._waiting.popleft() for _ in range(count)]
            try:
                self._put_what_is_good(batch)
            except DatabaseUnavailable:
                self._put_aside(batch)
        if self._relay is not None:
            self._relay.wake()

    def take_in_files(self) -> None:
        """Side files into the outbox, oldest first; a file goes only when its rows are committed."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                whole = self._put_what_is_good(json.loads(path.read_bytes()))
            except FileNotFoundError:
                continue
            except (ValueError, TypeError, OSError) as error:
                log.error("side file not readable", file=path.name, reason=str(error))
                whole = False
            if whole:
                path.unlink(missing_ok=True)
            else:
                log.error("side file set aside: not all of it could be taken in", file=path.name)
                path.rename(path.with_suffix(".broken"))
        self._files = len(list(self._folder.glob("*.json")))
        WAITING.set(self._files)

    def _put_what_is_good(self, batch: list[dict[str, Any]]) -> bool:
        """True: all of it. Raises DatabaseUnavailable, and TypeError when it is no list of records."""
        try:
            self._put(batch)
        except _REFUSALS as error:
            log.warning("call records one by one, as one of them is refused", count=len(batch), reason=str(error))
        else:
            return True
        refused = 0
        for record in batch:
            try:
                self._put([record])
            except _REFUSALS as error:  # a company that was removed meanwhile, mostly
                refused += 1
                log.error("call record refused", reason=str(error))
        DROPPED.inc(refused)
        return not refused

    def _put(self, batch: list[dict[str, Any]]) -> None:
        by_company: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for record in batch:
            by_company[record["company_id"]].append(record)
        with self._database.platform() as tx:
            for company_id, records in by_company.items():
                outbox.put(tx, "routing", company_id, queue=QUEUE, task=TASK,
                           payload={"company_id": company_id, "records": records})

    def _put_aside(self, batch: list[dict[str, Any]]) -> None:
        if self._files >= _MOST_FILES:
            DROPPED.inc(len(batch))
            return
        name = f"{datetime.now(UTC).isoformat()}_{uuid4()}"
        try:
            # A disk that is slow to sync must not hold up the calls: outside of the loop.
            gevent.get_hub().threadpool.apply(_write, (self._folder / f"{name}.json", json.dumps(batch, default=str)))
        except OSError as error:
            DROPPED.inc(len(batch))
            log.error("call records lost: neither database nor disk", count=len(batch), reason=str(error))
            return
        self._files += 1
        WAITING.set(self._files)

    def _run(self) -> None:
        gather_s = _GATHER_S
        while not self._stopping:
            self._woken.wait(timeout=5.0)
            self._woken.clear()
            if not self._stopping:
                gevent.sleep(gather_s)  # gathers a batch; nobody waits for it
            gather_s = _GATHER_BUSY_S if len(self._waiting) >= _BUSY else _GATHER_S
            try:
                self.write_waiting()
                if self._files:
                    self.take_in_files()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("side files wait", reason=str(error))
            except Exception:  # whatever it was: the records of the calls to come are still to be written
                log.exception("call records not written")


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
