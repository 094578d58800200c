"""Brings what lies in the spool, and what is due, back on its way. Shell: a greenlet's rounds.

    note next to audio, no row yet       -> stored (the database was away, or the service was killed)
    recording of the dialplan's fallback -> given a note and a message id of its own, then stored
    deliveries that are due              -> into the outbox again
    what has ended                       -> gone (retention.py)

Each round's parts are independent; whatever fails is met again in the next round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import gevent
import structlog
from gevent.event import Event

from services.voicemail.deposit import SHORTEST_MESSAGE_MS
from services.voicemail.fallback import fallback_message_id, parse_fallback_name
from services.voicemail.mailbox import Caller, LeftMessage, UnreadableNote, caller_from
from services.voicemail.recording import Recording
from services.voicemail.retention import Retention
from services.voicemail.spool import Spool
from services.voicemail.store import MAIL_QUEUE, MAIL_TASK, SCHEMA, NoSuchMailbox, store
from shared import outbox
from shared.database import Database, DatabaseError, DatabaseUnavailable
from shared.metrics import Counter, Gauge

log = structlog.get_logger()

# The switch writes 50 times a second and unbuffered (call.py); a file at rest for a minute has no writer.
STALE_S = 60.0
LOST_TASK = "15 minutes"
_ROUND_S = 2.0
_SLOW_ROUND = 15  # every so many rounds what is in no hurry
_RARE_ROUND = 300
_TAKEN_AT_ONCE = 200
"""Of what waits in the spool, so that mails that are due are not kept waiting by thousands of recordings."""
REFUSED = Counter("pbx_voicemail_refused_total", "Recordings put aside for the operator: nothing to hear, or nobody's")
TAKEN_IN = Counter("pbx_voicemail_swept_total", "Recordings the sweeper took in", ["from_"])
WAITING = Gauge("pbx_voicemail_notes_waiting", "Recordings that are not in the database yet")
MAILS = Gauge("pbx_voicemail_mails", "Mails that did not go, by what became of them", ["state"])
AMBIGUOUS = Gauge("pbx_voicemail_mails_ambiguous", "Times nobody can know whether a mail went: perhaps sent twice")


class Sweeper:
    def __init__(
        self, database: Database, spool: Spool, *, in_progress: Container[str],
        stored: Callable[[LeftMessage, Recording], None], wake_relay: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._spool = spool
        self._in_progress = in_progress
        self._stored = stored
        self._wake_relay = wake_relay
        self._retention = Retention(database, spool)
        self._clock = clock
        self._woken = Event()
        self._stopping = False
        self._rounds = 0
        self._taken_in = 0
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                self.round()
            except Exception:  # without rounds recordings would lie unseen until the next start
                log.exception("sweeper's round broken off")
            self._woken.wait(0 if self._taken_in >= _TAKEN_AT_ONCE else _ROUND_S)

    def round(self) -> None:
        self._taken_in = 0
        ending = self._retention
        parts = [self.take_in_fallback, self.take_in_notes, self.queue_due_mails, ending.erase]
        if self._rounds % _SLOW_ROUND == 0:
            parts += [ending.purge, ending.erase_what_was_refused, ending.end_links, self.count_mails]
        if self._rounds % _RARE_ROUND == 0:
            parts.append(ending.drop_strays)
        self._rounds += 1
        for part in parts:
            try:
                part()
            except DatabaseUnavailable as error:
                log.warning("sweeper waits for the database", part=part.__name__, reason=str(error))
                return
            except (OSError, DatabaseError) as error:
                log.error("sweeper failed", part=part.__name__, reason=str(error))

    # Recordings

    def take_in_notes(self) -> None:
        # Listed in a thread: thousands of recordings lie there, and calls are served by this one.
        notes = [path for path in gevent.get_hub().threadpool.apply(lambda: list(self._spool.notes()))
                 if path.stem not in self._in_progress]
        for path in self._some_of(notes):
            try:
                message = self._spool.read_note(path)
            except FileNotFoundError:
                continue
            except UnreadableNote as error:
                log.error("note not understood", file=path.name, reason=str(error))
                self._refuse(path)
                continue
            self._each(path, partial(self._take_in, message, origin="note"))
        WAITING.set(len(notes))

    def take_in_fallback(self) -> None:
        for path in self._some_of(list(self._spool.fallback_recordings())):
            self._each(path, partial(self._take_in_one_of_fallback, path))

    def _some_of(self, waiting: list[Path]) -> list[Path]:
        """Others in each round, so that some that cannot be taken in keep nobody else out."""
        first = self._rounds * _TAKEN_AT_ONCE % max(1, len(waiting))
        return [*waiting[first:], *waiting[:first]][:_TAKEN_AT_ONCE]

    def _each(self, path: Path, take_in: Callable[[], None]) -> None:
        """One recording that cannot be taken in does not keep the others waiting."""
        try:
            take_in()
        except (OSError, DatabaseError, ValueError) as error:
            log.error("recording not taken in", file=path.name, reason=str(error))

    def _take_in_one_of_fallback(self, path: Path) -> None:
        recording = self._finished(path)
        if recording is None:
            if self._is_unusable(path):
                log.error("recording without sound put aside", file=path.name)
                self._refuse(path)
            return
        name = parse_fallback_name(path.name)
        company_id = None if name is None else self._company_of(name.subscriber_id)
        if name is not None and company_id is None and self._is_erased(name.subscriber_id):
            path.unlink(missing_ok=True)
            log.info("recording of an erased mailbox erased", call_id=name.leg_uuid)
            return
        if name is None or company_id is None or name.company_id not in (None, company_id):
            log.error("fallback recording cannot be placed", file=path.name)
            self._refuse(path)
            return
        changed_at = self._spool.last_change(path) or self._clock()
        message = LeftMessage(
            message_id=fallback_message_id(path.name), company_id=company_id,
            subscriber_id=name.subscriber_id, call_id=name.leg_uuid,
            left_at=datetime.fromtimestamp(changed_at - recording.duration_ms / 1000, UTC),
            reason="no_answer",
            caller=caller_from(name.caller_number, None, withheld=False)
            if name.caller_number else Caller(None, None),
        )
        gevent.get_hub().threadpool.apply(self._spool.adopt, (path, message))
        self._take_in(message, origin="fallback")

    def _take_in(self, message: LeftMessage, *, origin: str) -> None:
        if not self._settle_again(message.message_id):
            return
        audio = self._spool.audio(message.message_id)
        recording = self._finished(audio)
        if recording is None:
            if self._is_unusable(audio):  # after a power cut: the note was on the disk, the sound was not yet
                log.error("recording without sound put aside", message_id=message.message_id,
                          call_id=message.call_id)
                self._refuse(audio, self._spool.note(message.message_id))
            elif self._spool.last_change(audio) is None and self._is_stale(
                self._spool.note(message.message_id)
            ):
                self._spool.drop_note(message.message_id)  # nothing was said
            return
        if recording.duration_ms < SHORTEST_MESSAGE_MS:
            self._spool.erase(message.message_id)
            return
        if not recording.closed:
            self._spool.finish_header(audio, recording)
        gevent.get_hub().threadpool.apply(self._spool.make_lasting, (audio,))
        try:
            result = store(self._database, message, recording, incomplete=False)
        except NoSuchMailbox:
            if self._is_erased(message.subscriber_id):
                self._spool.erase(message.message_id)
                log.info("recording of an erased mailbox erased", message_id=message.message_id)
                return
            log.error("recording without a mailbox", message_id=message.message_id)
            self._refuse(audio, self._spool.note(message.message_id))
            return
        self._spool.drop_note(message.message_id)
        if result.new:
            self._taken_in += 1
            TAKEN_IN.labels(origin).inc()
            log.info("recording taken in", message_id=message.message_id, call_id=message.call_id, origin=origin)
            self._stored(message, recording)

    def _settle_again(self, message_id: str) -> bool:
        """Which of the two counts, of a caller who was saying it again; False: it is still being written."""
        again = self._spool.again(message_id)
        if self._spool.last_change(again) is None:
            return True
        recording = self._finished(again)
        if recording is not None and recording.duration_ms >= SHORTEST_MESSAGE_MS:
            gevent.get_hub().threadpool.apply(self._spool.take_again, (message_id,))
            return True
        if recording is None and not self._is_stale(again):
            return False
        self._spool.drop_again(message_id)
        return True

    def _finished(self, path: Path) -> Recording | None:
        """The recording once nobody writes it any more."""
        recording = self._spool.measure(path)
        if recording is not None and ((recording.closed and recording.samples) or self._is_stale(path)):
            return recording
        return None

    def _is_unusable(self, path: Path) -> bool:
        """No recording, and none any more: nobody writes it."""
        return self._is_stale(path) and self._spool.measure(path) is None

    def _refuse(self, *files: Path) -> None:
        """The files of one recording."""
        for file in files:
            self._spool.refuse(file)
        REFUSED.inc()

    def _is_stale(self, path: Path) -> bool:
        changed_at = self._spool.last_change(path)
        return changed_at is not None and self._clock() - changed_at > STALE_S

    def _company_of(self, subscriber_id: int) -> int | None:
        with self._database.platform() as tx:
            row = tx.row(
                "SELECT company_id FROM voicemail.mailboxes WHERE subscriber_id = :id", id=subscriber_id
            )
        return None if row is None else int(row.company_id)

    def _is_erased(self, subscriber_id: int) -> bool:
        with self._database.platform() as tx:
            return tx.row("SELECT 1 AS one FROM voicemail.erased_mailboxes WHERE subscriber_id = :id",
                          id=subscriber_id) is not None

    # What is due

    def queue_due_mails(self) -> None:
        """Retries whose time has come, claims of dead workers, tasks the broker lost."""
        with self._database.platform() as tx:
            due = tx.rows(
                f"""
                UPDATE voicemail.deliveries SET queued_at = now()
                WHERE (company_id, message_id, kind) IN (
                    SELECT company_id, message_id, kind FROM voicemail.deliveries
                    WHERE state IN ('waiting', 'sending') AND next_attempt_at <= now()
                      AND (claimed_until IS NULL OR claimed_until < now())
                      AND (queued_at IS NULL OR queued_at < claimed_until
                           OR queued_at < now() - interval '{LOST_TASK}')
                    ORDER BY next_attempt_at LIMIT 200 FOR UPDATE SKIP LOCKED)
                RETURNING company_id, message_id, kind
                """
            )
            for row in due:
                outbox.put(
                    tx, SCHEMA, row.company_id, queue=MAIL_QUEUE, task=MAIL_TASK,
                    payload={"company_id": row.company_id, "message_id": str(row.message_id), "kind": row.kind},
                )
        if due:
            self._wake_relay()

    def count_mails(self) -> None:
        """For /metrics: the workers that send have none of their own."""
        with self._database.platform() as tx:
            rows = tx.rows(
                "SELECT state, count(*) AS mails, sum(ambiguous) AS ambiguous FROM voicemail.deliveries"
                " WHERE state <> 'sent' OR ambiguous > 0 GROUP BY state"
            )
        MAILS.clear()
        for row in rows:
            if row.state != "sent":
                MAILS.labels(row.state).set(row.mails)
        AMBIGUOUS.set(sum(row.ambiguous for row in rows))
