"""From the spool into the database, whatever goes wrong on the way."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from services.voicemail.mailbox import Caller, LeftMessage, Mailbox
from services.voicemail.recording import Recording
from services.voicemail.spool import Spool
from services.voicemail.store import NoSuchMailbox, mailbox_for_deposit, store
from services.voicemail.sweeper import STALE_S
from shared.database import Database, DatabaseUnavailable, RuleBroken
from tests.voicemail.conftest import (
    Company,
    Leave,
    Swept,
    a_message,
    make_company,
    recorded,
    tasks_of,
    write_wav,
)


def message_row(admin: Database, message: LeftMessage) -> Any:
    with admin.platform() as tx:
        return tx.row("SELECT * FROM voicemail.messages WHERE message_id = :id", id=uuid.UUID(message.message_id))


def test_message_mails_and_tasks_come_in_one_transaction(admin: Database, company: Company, leave: Leave) -> None:
    message = leave()
    row = message_row(admin, message)
    assert (row.duration_ms, row.caller_number, row.caller_name) == (2000, "+491715550100", "Max Muster")
    assert tasks_of(admin, message) == [("voicemail.store", ""), ("voicemail.mail", "forward")]


def test_storing_twice_changes_nothing(
    admin: Database, database: Database, spool: Spool, leave: Leave
) -> None:
    message = leave()
    again = store(database, message, recorded(spool, message), incomplete=False)
    assert not again.new
    assert len(tasks_of(admin, message)) == 2


def test_each_kind_of_mail_has_its_own_address(admin: Database, company: Company, leave: Leave) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET deliver_as_mail = false, notify_email = 'n@x.example',"
                   " copy_email = 'c@x.example' WHERE subscriber_id = :id", id=company.anna)
    message = leave()
    assert sorted(tasks_of(admin, message)[1:]) == [("voicemail.mail", "copy"), ("voicemail.mail", "notification")]


def test_a_colleague_is_shown_by_name_and_extension(admin: Database, company: Company, leave: Leave) -> None:
    row = message_row(admin, leave(caller=Caller("+4900", "Forged", company.bernd)))
    assert (row.caller_number, row.caller_name, row.caller_subscriber_id) == ("22", "Bernd Test", company.bernd)


def test_a_subscriber_of_another_company_is_no_colleague(admin: Database, company: Company, leave: Leave) -> None:
    stranger = make_company(admin)
    row = message_row(admin, leave(caller=Caller("+4930123456", None, stranger.anna)))
    assert (row.caller_number, row.caller_subscriber_id) == ("+4930123456", None)


def test_a_message_for_nobody_is_refused(database: Database, company: Company) -> None:
    recording = Recording(8000, 1, 16000, 32044, True)
    with pytest.raises(NoSuchMailbox):
        store(database, a_message(company, subscriber_id=2**40), recording, incomplete=False)


def test_a_mailbox_counts_down_to_its_quota(
    admin: Database, database: Database, company: Company, leave: Leave
) -> None:
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.mailboxes SET max_messages = 2 WHERE subscriber_id = :id", id=company.anna)
    left = []
    for _ in range(2):
        leave()
        mailbox = mailbox_for_deposit(database, company.company_id, company.anna)
        assert mailbox is not None
        left.append(mailbox.messages_left_to_quota)
    assert left == [1, 0]


def test_the_mailbox_speaks_its_owners_language(database: Database, company: Company) -> None:
    mailbox = mailbox_for_deposit(database, company.company_id, company.bernd)
    assert isinstance(mailbox, Mailbox)
    assert mailbox.language == "en"
    assert mailbox_for_deposit(database, company.company_id, 2**40) is None


def test_another_company_finds_no_mailbox(admin: Database, database: Database, company: Company) -> None:
    assert mailbox_for_deposit(database, make_company(admin).company_id, company.anna) is None


# The sweeper

def test_a_recording_left_by_a_killed_service_is_taken_in(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 3000)
    swept.sweeper.round()
    assert message_row(admin, message).duration_ms == 3000
    assert swept.stored == [message.message_id]
    assert list(spool.notes()) == []


def test_a_recording_somebody_still_writes_is_left_alone_until_it_rests(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    message = a_message(company)
    spool.write_note(message)
    path = spool.audio(message.message_id)
    write_wav(path, 3000)
    with path.open("r+b") as file:  # the header as it is while the switch writes
        file.seek(40)
        file.write(bytes(4))
    swept.sweeper.round()
    assert message_row(admin, message) is None
    swept.now = lambda: time.time() + STALE_S + 1
    swept.sweeper.round()
    assert message_row(admin, message).duration_ms == 3000
    assert recorded(spool, message).closed, "the header was finished for every player's sake"


def test_a_message_a_call_is_still_about_is_not_the_sweepers(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 3000)
    swept.in_progress.add(message.message_id)
    swept.sweeper.round()
    assert message_row(admin, message) is None


def test_a_recording_the_database_refuses_does_not_keep_the_others_waiting(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    refused, other = sorted((a_message(company), a_message(company)), key=lambda message: message.message_id)
    refused = replace(refused, caller=Caller("+491715550100", "Max\0"))  # no text of a database
    for message in (refused, other):
        spool.write_note(message)
        write_wav(spool.audio(message.message_id), 3000)
    swept.sweeper.round()
    assert swept.stored == [other.message_id]
    assert [path.stem for path in spool.notes()] == [refused.message_id], "it is the operator's to look at"


def test_with_the_database_away_everything_stays_in_the_spool(spool: Spool, company: Company) -> None:
    message = a_message(company)
    spool.write_note(message)
    write_wav(spool.audio(message.message_id), 3000)
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        store(away, message, recorded(spool, message), incomplete=False)
    swept = Swept(away, spool)
    swept.sweeper.round()
    assert [path.stem for path in spool.notes()] == [message.message_id]
    assert recorded(spool, message).duration_ms == 3000


def test_the_dialplans_own_recordings_are_taken_in_once(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    leg = str(uuid.uuid4())
    name = f"{leg}_{company.company_id}_{company.anna}_{int(time.time())}_+491715550100.wav"
    write_wav(spool.fallback / name, 4000)
    swept.sweeper.round()
    swept.sweeper.round()
    with admin.platform() as tx:
        rows = tx.rows("SELECT * FROM voicemail.messages WHERE company_id = :id", id=company.company_id)
    assert [(row.caller_number, row.duration_ms, str(row.call_id)) for row in rows] == [
        ("+491715550100", 4000, leg)
    ]
    assert len(swept.stored) == 1
    assert list(spool.fallback.iterdir()) == []


def test_a_recording_for_nobody_is_kept_for_the_operator(spool: Spool, company: Company, swept: Swept) -> None:
    name = f"{uuid.uuid4()}_{company.company_id}_999999999_1_unknown.wav"
    write_wav(spool.fallback / name, 2000)
    write_wav(spool.fallback / "strange.wav", 2000)
    swept.sweeper.round()
    assert sorted(path.name for path in spool.refused.iterdir()) == sorted([name, "strange.wav"])


def test_a_company_cannot_leave_recordings_in_anothers_mailbox(
    admin: Database, spool: Spool, company: Company, swept: Swept
) -> None:
    name = f"{uuid.uuid4()}_{make_company(admin).company_id}_{company.anna}_1_unknown.wav"
    write_wav(spool.fallback / name, 2000)
    swept.sweeper.round()
    assert [path.name for path in spool.refused.iterdir()] == [name]


def test_a_note_without_a_word_goes_away(spool: Spool, company: Company, swept: Swept) -> None:
    message = a_message(company)
    spool.write_note(message)
    swept.sweeper.round()
    assert spool.note(message.message_id).exists()
    os.utime(spool.note(message.message_id), (time.time() - STALE_S - 1,) * 2)
    swept.sweeper.round()
    assert not spool.note(message.message_id).exists()


def test_a_note_nobody_can_read_is_kept_for_the_operator(spool: Spool, swept: Swept) -> None:
    (spool.recordings / f"{uuid.uuid4()}.json").write_text("{")
    swept.sweeper.round()
    assert list(spool.notes()) == []
    assert len(list(spool.refused.iterdir())) == 1


# The database's own rules

def test_routing_sees_the_mailboxes_of_its_company_only(
    admin: Database, service_database_urls: dict[str, str], company: Company
) -> None:
    routing = Database(service_database_urls["routing"])
    try:
        with routing.company(company.company_id) as tx:
            rows = tx.rows("SELECT * FROM voicemail.mailbox_routing ORDER BY subscriber_id")
            assert rows[0] == {
                "company_id": company.company_id, "subscriber_id": company.anna, "always": False, "busy": True,
                "no_answer": True, "rings": 4,
            }
            assert len(rows) == 2
    finally:
        routing.close()


@pytest.mark.parametrize("change", [
    "no_answer_rings = 1", "no_answer_rings = 21", "email = NULL", "email = 'a b@c'", "delete_after_mail = true,"
    " deliver_as_mail = false", "max_messages = 0", "audio_format = 'ogg'", "copy_email = E'a@b\\r\\nBcc: x@y'",
])
def test_a_mailbox_keeps_its_limits(database: Database, company: Company, change: str) -> None:
    with pytest.raises(RuleBroken), database.company(company.company_id) as tx:
        tx.execute(f"UPDATE voicemail.mailboxes SET {change} WHERE subscriber_id = :id", id=company.anna)
