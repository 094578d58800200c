"""Who is let into a mailbox: the PIN, its tries and its locks (V6). Use case.

3 tries a call (dialogue.py), 5 in 15 minutes lock the mailbox for 30, 10 in a row until an operator unlocks it; counted
in the database before anybody compares, so that no number of calls at a time has more tries. A mailbox that does not
exist, has no PIN or is locked is refused in the same words and after the same time as a wrong PIN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.voicemail.portal.words import Box
from shared.database import Database, Row
from shared.metrics import Counter
from shared.passwords import hash_of, pin_problem, verify

FAILURES_THAT_LOCK_FOR_GOOD = 10

PINS = Counter("pbx_voicemail_pin_tries_total", "PINs that were entered by telephone", ["outcome"])

_BOX = """
SELECT s.language, t.time_zone, t.country, c.pin_digits_at_least,
       array_remove(s.extension || ARRAY(
           SELECT n.number FROM directory.numbers n
           WHERE n.company_id = s.company_id AND n.subscriber_id = s.subscriber_id), NULL) AS numbers,
       (SELECT count(*) FROM voicemail.messages m
        WHERE m.company_id = s.company_id AND m.subscriber_id = s.subscriber_id
          AND m.read_at IS NULL AND m.deleted_at IS NULL) AS new
FROM directory.subscribers s
JOIN directory.sites t ON t.company_id = s.company_id AND t.site_id = s.site_id
JOIN directory.companies c ON c.company_id = s.company_id
WHERE s.company_id = :company_id AND s.subscriber_id = :subscriber_id
"""
_OF_MAILBOX = " WHERE company_id = :company_id AND subscriber_id = :subscriber_id"


class PinRefused(ValueError):
    """The new PIN breaks a rule; the text says which, after "pin: "."""


@dataclass(frozen=True, slots=True)
class PinState:
    set: bool
    failures: int
    """In a row."""
    locked_until: datetime | None
    needs_operator: bool


def let_in(
    database: Database, company_id: int, pin: str, *, subscriber_id: int | None = None, extension: str | None = None,
) -> Box | None:
    """None: not with this PIN, whatever the reason. Raises DatabaseUnavailable, DatabaseError: nobody is let in."""
    with database.company(company_id) as tx:
        tried = tx.row(
            "SELECT * FROM voicemail.take_pin_try(:company_id, :subscriber_id, :extension)",
            company_id=company_id, subscriber_id=subscriber_id, extension=extension,
        )
    assert tried is not None
    right = verify(tried.pin_hash, pin)
    if not (right and tried.allowed):
        PINS.labels("wrong" if tried.allowed else "locked" if tried.pin_hash else "no such mailbox").inc()
        return None
    with database.company(company_id) as tx:
        tx.execute(
            "UPDATE voicemail.mailboxes SET pin_failures = 0, pin_failed_at = '{}', pin_locked_until = NULL"
            + _OF_MAILBOX, company_id=company_id, subscriber_id=tried.subscriber_id,
        )
        row = tx.one(_BOX, company_id=company_id, subscriber_id=tried.subscriber_id)
    PINS.labels("right").inc()
    return _box(company_id, tried.subscriber_id, row)


def _box(company_id: int, subscriber_id: int, row: Row) -> Box:
    return Box(company_id, subscriber_id, **{**row, "country": row.country.strip(), "numbers": tuple(row.numbers)})


def change_pin(database: Database, company_id: int, subscriber_id: int, pin: str) -> bool:
    """False: there is no such mailbox. A lock stays: only what is compared with changes. Raises PinRefused."""
    with database.company(company_id) as tx:
        row = tx.row(_BOX, company_id=company_id, subscriber_id=subscriber_id)
    if row is None:
        return False
    problem = pin_problem(pin, row.pin_digits_at_least, row.numbers)
    if problem:
        raise PinRefused(problem)
    hashed = hash_of(pin)
    with database.company(company_id) as tx:
        return tx.execute("UPDATE voicemail.mailboxes SET pin_hash = :hashed" + _OF_MAILBOX,
                          company_id=company_id, subscriber_id=subscriber_id, hashed=hashed) == 1


def state_of(database: Database, company_id: int, subscriber_id: int) -> PinState | None:
    """None: there is no such mailbox."""
    with database.company(company_id) as tx:
        row = tx.row(
            "SELECT pin_hash IS NOT NULL AS set, pin_failures AS failures,"
            " CASE WHEN pin_locked_until > now() THEN pin_locked_until END AS locked_until FROM voicemail.mailboxes"
            + _OF_MAILBOX, company_id=company_id, subscriber_id=subscriber_id,
        )
    return None if row is None else PinState(**row, needs_operator=row.failures >= FAILURES_THAT_LOCK_FOR_GOOD)


def unlock(database: Database, company_id: int, subscriber_id: int) -> bool:
    """The PIN stays as it is. False: there is no such mailbox."""
    with database.company(company_id) as tx:
        return tx.execute(
            "UPDATE voicemail.mailboxes SET pin_failures = 0, pin_failed_at = '{}', pin_locked_until = NULL"
            + _OF_MAILBOX, company_id=company_id, subscriber_id=subscriber_id) == 1
