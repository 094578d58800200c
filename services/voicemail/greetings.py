"""What owners say to their callers: recordings that are saved, chosen, removed, and where each one lies. Use case.

    draft() -> record or upload into it -> save(...) -> spool/greetings/<id>.wav and a row of voicemail.greetings

A mailbox has at most one recording of each kind (mailbox.GreetingKind). Saving one gives it a new id and so a new file:
nobody's greeting changes while he hears it. The file of a row that is gone is erased by the sweeper.
"""

from __future__ import annotations

import sys
import time
import uuid
from array import array
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import gevent

from services.voicemail.mailbox import GreetingKind
from services.voicemail.recording import HEADER_BYTES, Recording, header_for, without_silence
from services.voicemail.spool import Spool, write_whole
from services.voicemail.store import NoSuchMailbox
from services.voicemail.welcome import LONGEST_MS, SHORTEST_MS
from shared.database import Database, Row, RuleBroken

MadeBy = Literal["telephone", "upload"]

_COLUMNS = "kind, greeting_id, in_use, duration_ms, audio_bytes, made_by, made_at"
_ORPHAN_AFTER_S = 3600.0


class GreetingRefused(ValueError):
    """The recording cannot be a greeting; .rule is a stable word, the text says it to a person."""

    def __init__(self, rule: Literal["no_audio", "too_short", "too_long"], message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Greeting:
    kind: GreetingKind
    greeting_id: str
    in_use: bool
    duration_ms: int
    audio_bytes: int
    made_by: MadeBy
    made_at: datetime


class Greetings:
    """Every method raises DatabaseUnavailable when the database is away; then nothing has changed."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    def draft(self) -> Path:
        """Where to record, or to write, one that is not saved yet: 8 kHz, mono, 16 bit, at most 120 s (a name 10 s)."""
        return self._spool.draft()

    def path(self, greeting: Greeting) -> Path:
        """For `playback`."""
        return self._spool.greeting(greeting.greeting_id)

    def all(self, company_id: int, subscriber_id: int) -> dict[GreetingKind, Greeting]:
        with self._database.company(company_id) as tx:
            rows = tx.rows(
                f"SELECT {_COLUMNS} FROM voicemail.greetings"
                " WHERE company_id = :company_id AND subscriber_id = :subscriber_id",
                company_id=company_id, subscriber_id=subscriber_id,
            )
        return {row.kind: _greeting(row) for row in rows}

    def save(
        self, company_id: int, subscriber_id: int, kind: GreetingKind, draft: Path, *, made_by: MadeBy
    ) -> Greeting:
        """Makes what lies in draft the recording of this kind, in use from the next call on; the draft is gone then.

        Silence at both ends is cut off. Raises GreetingRefused and NoSuchMailbox, both with the draft left as it is;
        OSError when the disk takes nothing.
        """
        content, recording = gevent.get_hub().threadpool.apply(_checked, (self._spool, draft, kind))
        greeting_id = str(uuid.uuid4())
        path = self._spool.greeting(greeting_id)
        gevent.get_hub().threadpool.apply(write_whole, (path, content))
        try:
            with self._database.company(company_id) as tx:
                row = tx.one(
                    f"""
                    INSERT INTO voicemail.greetings
                        (company_id, subscriber_id, kind, greeting_id, duration_ms, audio_bytes, made_by)
                    VALUES (:company_id, :subscriber_id, :kind, CAST(:greeting_id AS uuid), :duration_ms, :audio_bytes,
                            :made_by)
                    ON CONFLICT (company_id, subscriber_id, kind) DO UPDATE
                    SET greeting_id = excluded.greeting_id, in_use = true, duration_ms = excluded.duration_ms,
                        audio_bytes = excluded.audio_bytes, made_by = excluded.made_by, made_at = now()
                    RETURNING {_COLUMNS}
                    """,
                    company_id=company_id, subscriber_id=subscriber_id, kind=kind, greeting_id=greeting_id,
                    duration_ms=recording.duration_ms, audio_bytes=recording.audio_bytes, made_by=made_by,
                )
        except RuleBroken as error:
            path.unlink(missing_ok=True)
            if error.constraint == "greetings_company_id_subscriber_id_fkey":
                raise NoSuchMailbox(f"subscriber {subscriber_id}") from error
            raise
        draft.unlink(missing_ok=True)
        return _greeting(row)

    def choose(self, company_id: int, subscriber_id: int, kind: GreetingKind, *, in_use: bool) -> Greeting | None:
        """On, or off but kept for later; None: there is no such recording."""
        with self._database.company(company_id) as tx:
            row = tx.row(
                "UPDATE voicemail.greetings SET in_use = :in_use WHERE company_id = :company_id"
                f" AND subscriber_id = :subscriber_id AND kind = :kind RETURNING {_COLUMNS}",
                company_id=company_id, subscriber_id=subscriber_id, kind=kind, in_use=in_use,
            )
        return None if row is None else _greeting(row)

    def remove(self, company_id: int, subscriber_id: int, kind: GreetingKind) -> bool:
        """False: there was none. Callers hear what comes next in welcome.py."""
        with self._database.company(company_id) as tx:
            return tx.execute(
                "DELETE FROM voicemail.greetings WHERE company_id = :company_id"
                " AND subscriber_id = :subscriber_id AND kind = :kind",
                company_id=company_id, subscriber_id=subscriber_id, kind=kind,
            ) == 1

    def drop_orphans(self) -> int:
        """For a start: drafts and files of a process that was killed before it could save them; how many there were."""
        old = time.time() - _ORPHAN_AFTER_S
        orphans = [path for path in self._spool.drafts.iterdir() if path.stat().st_mtime < old]
        files = {path.stem: path for path in self._spool.greetings.glob("*.wav") if path.stat().st_mtime < old}
        if files:
            with self._database.platform() as tx:
                known = {str(row.greeting_id) for row in tx.rows("SELECT greeting_id FROM voicemail.greetings")}
            orphans += [path for stem, path in files.items() if stem not in known]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)


def _greeting(row: Row) -> Greeting:
    return Greeting(**{**row, "greeting_id": str(row.greeting_id)})


def _checked(spool: Spool, draft: Path, kind: GreetingKind) -> tuple[bytes, Recording]:
    """The file's content as it will be played, and what it holds."""
    found = spool.measure(draft)
    if found is None or found.channels != 1:
        raise GreetingRefused("no_audio", "there is no recording")
    if found.duration_ms > LONGEST_MS[kind] + 60_000:  # not even worth reading
        raise _too_long(kind, found.duration_ms)
    samples = array("h")
    samples.frombytes(draft.read_bytes()[HEADER_BYTES:HEADER_BYTES + 2 * found.samples])
    if sys.byteorder == "big":
        samples.byteswap()
    heard = without_silence(samples, found.sample_rate)
    recording = Recording(
        sample_rate=found.sample_rate, channels=1, samples=len(heard), audio_bytes=HEADER_BYTES + 2 * len(heard),
        closed=True,
    )
    if not heard:
        raise GreetingRefused("no_audio", "nothing can be heard in it")
    if recording.duration_ms < SHORTEST_MS:
        raise GreetingRefused(
            "too_short",
            f"it is {recording.duration_ms / 1000:.1f} s long, at least {SHORTEST_MS / 1000:.1f} s are needed",
        )
    if recording.duration_ms > LONGEST_MS[kind]:
        raise _too_long(kind, recording.duration_ms)
    if sys.byteorder == "big":
        heard.byteswap()
    return header_for(recording) + heard.tobytes(), recording


def _too_long(kind: GreetingKind, duration_ms: int) -> GreetingRefused:
    return GreetingRefused(
        "too_long", f"it is {duration_ms / 1000:.1f} s long, at most {LONGEST_MS[kind] // 1000} s are allowed"
    )
