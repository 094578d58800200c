"""The end of messages: deleted, past their time, or with their owner; what goes, what stays, what must not be left."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime

import pytest

from services.voicemail.greetings import Greetings
from services.voicemail.mailbox import LeftMessage
from services.voicemail.retention import STRAY_S
from services.voicemail.spool import Spool
from services.voicemail.sweeper import REFUSED, WAITING
from shared.database import Database
from tests.voicemail.conftest import Company, Leave, Swept, a_message, write_wav
from tests.voicemail.test_store import message_row


def test_audio_goes_when_its_row_goes_and_not_before(
    admin: Database, spool: Spool, company: Company, leave: Leave, swept: Swept
) -> None:
    kept, deleted = leave(), leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET state = 'sent' WHERE company_id = :id", id=company.company_id)
        tx.execute("UPDATE voicemail.messages SET deleted_at = now() WHERE message_id = :id",
                   id=uuid.UUID(deleted.message_id))
    swept.end_messages()
    assert spool.audio(deleted.message_id).exists(), "it can be taken back for a day"
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.messages SET deleted_at = now() - interval '25 hours'"
                   " WHERE message_id = :id", id=uuid.UUID(deleted.message_id))
    swept.end_messages()
    assert message_row(admin, deleted) is None
    assert not spool.audio(deleted.message_id).exists()
    assert spool.audio(kept.message_id).exists()


def test_audio_stays_while_a_mail_still_needs_it(
    admin: Database, spool: Spool, company: Company, leave: Leave, swept: Swept
) -> None:
    message = leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.messages SET deleted_at = now() - interval '25 hours'"
                   " WHERE company_id = :id", id=company.company_id)
    swept.end_messages()
    assert spool.audio(message.message_id).exists()


def test_erasing_a_subscriber_erases_his_recordings(
    admin: Database, spool: Spool, company: Company, leave: Leave, swept: Swept
) -> None:
    message = leave()
    with admin.platform() as tx:
        tx.execute("DELETE FROM directory.subscribers WHERE subscriber_id = :id", id=company.anna)
    swept.end_messages()
    assert not spool.audio(message.message_id).exists()


def test_retention_ends_old_messages(
    admin: Database, spool: Spool, company: Company, leave: Leave, swept: Swept
) -> None:
    old = leave(left_at=datetime(2020, 1, 1, tzinfo=UTC))
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET state = 'sent' WHERE company_id = :id", id=company.company_id)
    swept.end_messages()
    assert message_row(admin, old) is not None, "without a retention nothing goes"
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET retention_days = 30 WHERE subscriber_id = :id", id=company.anna)
    swept.end_messages()
    assert message_row(admin, old) is None


def erase(admin: Database, subscriber_id: int) -> None:
    with admin.platform() as tx:
        tx.execute("DELETE FROM directory.subscribers WHERE subscriber_id = :id", id=subscriber_id)


def files(spool: Spool) -> list[str]:
    return sorted(path.name for path in spool.root.rglob("*") if path.is_file())


def test_who_is_erased_leaves_no_file_and_no_word(
    admin: Database, database: Database, spool: Spool, company: Company, leave: Leave, swept: Swept
) -> None:
    """New and deleted messages, mails still to go, MP3, greeting, a note that waits, recordings nobody could place."""
    kept, _ = leave(subscriber_id=company.bernd), leave()
    deleted = leave()
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.messages SET deleted_at = now() WHERE message_id = :id",
                   id=uuid.UUID(deleted.message_id))
    spool.mp3(deleted.message_id).write_bytes(b"ID3")
    draft = spool.draft()
    write_wav(draft, 3000)
    Greetings(database, spool).save(company.company_id, company.anna, "personal", draft, made_by="upload")
    waiting, unplaced = a_message(company), a_message(company)
    for message in (waiting, unplaced):
        spool.write_note(message)
        write_wav(spool.audio(message.message_id), 2000)
    spool.refuse(spool.audio(unplaced.message_id))
    spool.refuse(spool.note(unplaced.message_id))
    name = f"{uuid.uuid4()}_{company.company_id}_{company.anna}_1_+491715550100.wav"
    for folder in (spool.fallback, spool.refused):
        write_wav(folder / name, 2000)

    erase(admin, company.anna)
    swept.sweeper.take_in_fallback()
    swept.sweeper.take_in_notes()
    swept.end_messages()

    assert files(spool) == [f"{kept.message_id}.wav"]
    with admin.platform() as tx:
        for table in ("messages", "mailboxes", "greetings"):
            assert not tx.rows(f"SELECT 1 FROM voicemail.{table} WHERE subscriber_id = :id", id=company.anna)
        assert not tx.rows("SELECT 1 FROM voicemail.deliveries WHERE company_id = :id AND message_id <> :kept",
                           id=company.company_id, kept=uuid.UUID(kept.message_id))
        assert not tx.rows("SELECT 1 FROM voicemail.audio_to_erase WHERE message_id = :id",
                           id=uuid.UUID(deleted.message_id))


def test_a_recording_that_turns_up_after_the_erasure_is_erased_and_a_strangers_is_kept(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    erase(admin, company.anna)
    swept.end_messages()
    late = a_message(company)
    spool.write_note(late)
    write_wav(spool.audio(late.message_id), 2000)
    write_wav(spool.fallback / f"{uuid.uuid4()}__{company.anna}_1_unknown.wav", 2000)
    strange = f"{uuid.uuid4()}__999999999_1_unknown.wav"
    write_wav(spool.fallback / strange, 2000)
    swept.sweeper.round()
    assert files(spool) == [strange], "it may be of somebody: the operator's to look at"


def test_a_mailbox_made_anew_takes_messages_again(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    with admin.platform() as tx:
        tx.execute("DELETE FROM voicemail.mailboxes WHERE subscriber_id = :id", id=company.anna)
        tx.execute("INSERT INTO voicemail.mailboxes (company_id, subscriber_id) VALUES (:company, :id)",
                   company=company.company_id, id=company.anna)
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 2000)
    swept.sweeper.round()
    assert message_row(admin, message) is not None


def test_what_a_killed_process_left_half_made_goes_after_a_while(spool: Spool, leave: Leave, swept: Swept) -> None:
    message = leave()
    mp3 = spool.mp3(message.message_id)
    strays = [spool.recordings / f".{mp3.stem}.77.mp3", spool.recordings / f".{uuid.uuid4()}.json.77.tmp",
              spool.mp3(str(uuid.uuid4()))]
    for path in (mp3, *strays):
        path.write_bytes(b"ID3")
    swept.end_messages()
    assert all(path.exists() for path in strays), "somebody may still be at it"
    for path in (mp3, *strays):
        os.utime(path, (time.time() - STRAY_S - 1,) * 2)
    swept.end_messages()
    assert files(spool) == sorted([mp3.name, f"{message.message_id}.wav"])


def test_thousands_in_the_spool_are_taken_in_by_turns(
    admin: Database, spool: Spool, company: Company, swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at the front that never can be taken in keep nobody out."""
    monkeypatch.setattr("services.voicemail.sweeper._TAKEN_AT_ONCE", 3)
    messages: list[LeftMessage] = sorted((a_message(company) for _ in range(10)), key=lambda one: one.message_id)
    for number, message in enumerate(messages):
        spool.write_note(message)
        if number >= 4:     # the first ones are still being written
            write_wav(spool.audio(message.message_id), 2000)
    for _ in range(6):
        swept.sweeper.round()
    assert sorted(swept.stored) == [message.message_id for message in messages[4:]]


def test_what_holds_no_sound_is_put_aside_and_counted_not_waited_for(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    """After a power cut: the note was on the disk, the sound was not yet, or only its length."""
    before = REFUSED._value.get()
    empty, zeros = a_message(company), a_message(company)
    for message, content in ((empty, b""), (zeros, bytes(32_044))):
        spool.write_note(message)
        spool.audio(message.message_id).write_bytes(content)
    fallback = spool.fallback / f"{uuid.uuid4()}_{company.company_id}_{company.anna}_1700000000_unknown.wav"
    fallback.write_bytes(b"")
    swept.sweeper.round()
    assert len(list(spool.notes())) == 2, "somebody may still write there"
    swept.now = lambda: time.time() + 61
    swept.sweeper.round()
    assert list(spool.notes()) == []
    assert sorted(path.name for path in spool.refused.iterdir()) == sorted(
        [f"{one.message_id}.{kind}" for one in (empty, zeros) for kind in ("json", "wav")] + [fallback.name])
    assert REFUSED._value.get() == before + 3
    swept.sweeper.round()
    assert WAITING._value.get() == 0


@pytest.mark.parametrize(("again_ms", "kept_ms"), [(2500, 2500), (700, 4000)])
def test_of_a_caller_who_was_saying_it_again_the_second_counts_once_it_is_a_message(
    admin: Database, spool: Spool, company: Company, swept: Swept, again_ms: int, kept_ms: int
) -> None:
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 4000)
    write_wav(spool.again(message.message_id), again_ms)
    if again_ms < 1000:
        swept.now = lambda: time.time() + 61
    swept.sweeper.round()
    row = message_row(admin, message)
    assert row is not None
    assert row.duration_ms == kept_ms
    assert [path.name for path in spool.recordings.iterdir()] == [f"{message.message_id}.wav"]


def test_what_is_still_being_said_again_is_waited_for(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 4000)
    spool.again(message.message_id).write_bytes(spool.audio(message.message_id).read_bytes()[:44])  # just begun
    swept.sweeper.round()
    assert message_row(admin, message) is None
    swept.now = lambda: time.time() + 61
    swept.sweeper.round()
    assert message_row(admin, message) is not None
