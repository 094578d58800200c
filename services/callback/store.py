"""The attempts in PostgreSQL: every statement of this service, none of its decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.callback.attempt import Progress, State
from services.callback.first_leg import Errand, FirstLeg
from services.callback.reasons import Reason
from shared.database import Kept, Row, Transaction

_UNDER_WAY = "state NOT IN ('ended', 'failed', 'cancelled', 'unknown')"


@dataclass(frozen=True, slots=True)
class Followed:
    """An attempt locked for its next step."""

    attempt_id: UUID
    company_id: int
    progress: Progress
    first_legs: frozenset[UUID]


def lock_subscriber(tx: Transaction, subscriber_id: int) -> None:
    """Until the transaction ends, nobody else accepts an attempt of this subscriber: limits and keys hold."""
    tx.later("SELECT pg_advisory_xact_lock(hashtextextended('callback', :id))", id=subscriber_id)


def attempt_by_key(tx: Transaction, company_id: int, subscriber_id: int, asked_by: str, key: str) -> Row | None:
    """The company is named here and below although row security sees to it: the indexes begin with it."""
    return tx.row(
        Kept("SELECT attempt_id, request_sha256 FROM callback.attempts WHERE company_id = :company_id"
        " AND subscriber_id = :subscriber_id AND asked_by = :asked_by AND idempotency_key = :key"),
        company_id=company_id, subscriber_id=subscriber_id, asked_by=asked_by, key=key,
    )


def company_of(tx: Transaction, subscriber_id: int) -> int | None:
    row = tx.row("SELECT company_id FROM directory.subscribers WHERE subscriber_id = :id", id=subscriber_id)
    return None if row is None else int(row.company_id)


def insert(tx: Transaction, attempt: dict[str, Any], legs: Sequence[FirstLeg]) -> None:
    columns = ", ".join(attempt)
    values = ", ".join(f":{name}" for name in attempt)
    tx.later(Kept(f"INSERT INTO callback.attempts ({columns}) VALUES ({values})"), **attempt)
    _insert_legs(tx, attempt["company_id"], attempt["attempt_id"], legs)


def _insert_legs(tx: Transaction, company_id: int, attempt_id: str, legs: Sequence[FirstLeg]) -> None:
    for leg in legs:
        tx.later(
            Kept("INSERT INTO callback.first_legs (leg_uuid, company_id, attempt_id, device_id, number, position)"
            " VALUES (:leg_uuid, :company_id, :attempt_id, :device_id, :number, :position)"),
            leg_uuid=str(leg.leg_uuid), company_id=company_id, attempt_id=attempt_id, device_id=leg.device_id,
            number=leg.number, position=leg.position,
        )


def number_to_ring(tx: Transaction, attempt_id: UUID) -> Row | None:
    """company_id, subscriber_id, number, leg_uuid, press_1, number_class of an attempt not yet taken up whose first leg
    is a number outside; None: it is none such."""
    return tx.row(
        """SELECT a.company_id, a.subscriber_id, l.number, l.leg_uuid::text, a.press_1, a.number_class
           FROM callback.attempts a
           JOIN callback.first_legs l ON l.attempt_id = a.attempt_id AND l.position = 0 AND l.number IS NOT NULL
           WHERE a.attempt_id = :id AND a.state = 'accepted'""",
        id=str(attempt_id),
    )


def claim(tx: Transaction, attempt_id: UUID, within_s: int, further: Sequence[FirstLeg] = ()) -> Errand | None:
    """The fence: accepted -> dialling for whoever comes first and in time; None for everybody else.

    further: legs to the same number over the next trunks, known with the attempt before anything is dialled.
    """
    claimed = tx.execute(
        Kept("UPDATE callback.attempts SET state = 'dialling', checked_at = now() WHERE attempt_id = :id"
        " AND state = 'accepted' AND created_at > now() - make_interval(secs => :within_s)"),
        id=str(attempt_id), within_s=within_s,
    )
    if not claimed:
        return None
    row = tx.one(
        Kept("""SELECT a.company_id, a.subscriber_id, a.destination, a.shown_name, a.shown_number, a.ring_s,
               a.business_number, a.presentation, s.language, s.extension, c.sip_domain, i.main_number AS site_number,
               (SELECT t.name FROM directory.trunks t WHERE t.company_id = a.company_id AND t.enabled
                ORDER BY t.position LIMIT 1) AS gateway
           FROM callback.attempts a
           JOIN directory.subscribers s ON s.company_id = a.company_id AND s.subscriber_id = a.subscriber_id
           JOIN directory.companies c ON c.company_id = a.company_id
           JOIN directory.sites i ON i.company_id = s.company_id AND i.site_id = s.site_id
           WHERE a.attempt_id = :id"""),
        id=str(attempt_id),
    )
    _insert_legs(tx, row.company_id, str(attempt_id), further)
    legs = tx.rows(
        Kept("SELECT leg_uuid, device_id, number, position FROM callback.first_legs WHERE attempt_id = :id"
        " ORDER BY position, device_id"),
        id=str(attempt_id),
    )
    return Errand(attempt_id=attempt_id, **row, legs=[
        FirstLeg(UUID(str(leg.leg_uuid)), leg.device_id, leg.number, leg.position) for leg in legs
    ])


def lock(tx: Transaction, attempt_id: UUID) -> Followed | None:
    row = tx.row(
        Kept("""SELECT a.company_id, a.state::text, a.reason, a.target_reason,
               ARRAY(SELECT l.leg_uuid::text FROM callback.first_legs l
                     WHERE l.attempt_id = a.attempt_id) AS first_legs
           FROM callback.attempts a WHERE a.attempt_id = :id FOR UPDATE OF a"""),
        id=str(attempt_id),
    )
    if row is None:
        return None
    progress = Progress(
        State(row.state), row.reason and Reason(row.reason), row.target_reason and Reason(row.target_reason)
    )
    return Followed(attempt_id, row.company_id, progress, frozenset(map(UUID, row.first_legs)))


def save(tx: Transaction, attempt_id: UUID, progress: Progress) -> None:
    tx.execute(
        Kept("UPDATE callback.attempts SET state = CAST(:state AS callback.state), reason = :reason,"
        " target_reason = :target_reason, checked_at = now() WHERE attempt_id = :id"),
        id=str(attempt_id), state=progress.state.value, reason=progress.reason,
        target_reason=progress.target_reason,
    )


def note_checked(tx: Transaction, attempt_id: UUID) -> None:
    tx.execute("UPDATE callback.attempts SET checked_at = now() WHERE attempt_id = :id", id=str(attempt_id))


def set_to_be_hung_up(tx: Transaction, attempt_id: UUID, due: bool) -> None:
    tx.execute(
        "UPDATE callback.attempts SET to_be_hung_up = :due, checked_at = now() WHERE attempt_id = :id",
        id=str(attempt_id), due=due,
    )


def hang_up_if_cancelled(tx: Transaction, attempt_id: UUID) -> bool:
    """A leg may be up although the attempt was called off: somebody is to look after it."""
    return bool(tx.execute(
        Kept("UPDATE callback.attempts SET to_be_hung_up = true WHERE attempt_id = :id AND state = 'cancelled'"),
        id=str(attempt_id),
    ))


def under_way(tx: Transaction) -> list[Row]:
    """What is not settled or has legs to be ended: attempt_id, state, to_be_hung_up, age_s, unchecked_s, settled_s."""
    return tx.rows(
        f"""SELECT attempt_id::text, state::text, to_be_hung_up,
               extract(epoch FROM now() - created_at)::float AS age_s,
               extract(epoch FROM now() - checked_at)::float AS unchecked_s
           FROM callback.attempts WHERE {_UNDER_WAY} OR to_be_hung_up ORDER BY checked_at LIMIT 1000"""
    )


def cancelled_s_ago(tx: Transaction, attempt_id: UUID) -> float:
    return float(tx.one(
        "SELECT coalesce(extract(epoch FROM clock_timestamp() - max(at)), 1e9)::float AS s FROM callback.changes"
        " WHERE attempt_id = :id AND state = 'cancelled'", id=str(attempt_id),
    ).s)


def forget_older_than(tx: Transaction, days: int) -> int:
    return tx.execute(
        f"DELETE FROM callback.attempts WHERE created_at < now() - make_interval(days => :days) AND NOT ({_UNDER_WAY})",
        days=days,
    )


_VIEW = """
    SELECT a.attempt_id::text AS id, a.subscriber_id, a.target, a.destination, a.number_class, a.state::text,
        a.reason, s.language, a.created_at, a.first_leg,
        ARRAY(SELECT l.device_id FROM callback.first_legs l
              WHERE l.attempt_id = a.attempt_id AND l.device_id IS NOT NULL ORDER BY l.device_id) AS devices,
        (SELECT l.number FROM callback.first_legs l WHERE l.attempt_id = a.attempt_id AND l.position = 0
         AND l.number IS NOT NULL) AS first_leg_number,
        (SELECT jsonb_agg(jsonb_build_object('id', c.change_id, 'state', c.state, 'at', c.at) ORDER BY c.change_id)
         FROM callback.changes c WHERE c.attempt_id = a.attempt_id) AS history
    FROM callback.attempts a
    JOIN directory.subscribers s ON s.company_id = a.company_id AND s.subscriber_id = a.subscriber_id
"""


def view(tx: Transaction, attempt_id: UUID, subscriber_id: int | None) -> Row | None:
    """subscriber_id: only if it is this one's; None: anybody's."""
    return tx.row(
        Kept(_VIEW + "WHERE a.attempt_id = :id AND a.subscriber_id = coalesce(:subscriber_id, a.subscriber_id)"),
        id=str(attempt_id), subscriber_id=subscriber_id,
    )


def page(
    tx: Transaction, company_id: int | None, subscriber_id: int | None, before: UUID | None, limit: int
) -> list[Row]:
    """Newest first, those after `before` in that order; None: of every company, of everybody."""
    conditions = ["true"]
    if company_id is not None:
        conditions.append("a.company_id = :company_id")
    if subscriber_id is not None:
        conditions.append("a.subscriber_id = :subscriber_id")
    if before is not None:
        conditions.append(
            "(a.created_at, a.attempt_id) < (SELECT b.created_at, b.attempt_id FROM callback.attempts b"
            " WHERE b.attempt_id = CAST(:before AS uuid))"
        )
    return tx.rows(
        f"{_VIEW} WHERE {' AND '.join(conditions)} ORDER BY a.created_at DESC, a.attempt_id DESC LIMIT :limit",
        limit=limit,
        **({"company_id": company_id} if company_id is not None else {}),
        **({"subscriber_id": subscriber_id} if subscriber_id is not None else {}),
        **({"before": str(before)} if before is not None else {}),
    )


# -- changes, for the event stream ---------------------------------------------------------------------

_LONGEST_TRANSACTION_S = 8
"""A statement takes 5 s at most (shared/database.py), and whoever writes a change commits right after it."""


def settled_change(tx: Transaction) -> int:
    """The change up to which none can appear any more: a number is given some time before its commit."""
    return int(tx.one(
        "SELECT coalesce((SELECT change_id FROM callback.changes"
        f" WHERE at < clock_timestamp() - interval '{_LONGEST_TRANSACTION_S} seconds'"
        " ORDER BY change_id DESC LIMIT 1), 0) AS change_id"
    ).change_id)


def changes_after(tx: Transaction, change_id: int) -> list[Row]:
    """change_id, attempt_id, company_id, subscriber_id of what others may see, in order."""
    return tx.rows(
        "SELECT c.change_id, c.attempt_id::text, c.company_id, a.subscriber_id FROM callback.changes c"
        " JOIN callback.attempts a ON a.attempt_id = c.attempt_id"
        " WHERE c.change_id > :change_id AND c.state <> 'dialling' ORDER BY c.change_id LIMIT 10000",
        change_id=change_id,
    )


def views(tx: Transaction, attempt_ids: Sequence[str]) -> list[Row]:
    return tx.rows(_VIEW + "WHERE a.attempt_id = ANY (CAST(:ids AS uuid[]))", ids=list(attempt_ids))


def changed_since(
    tx: Transaction, company_id: int | None, subscriber_id: int | None, change_id: int | None
) -> list[Row]:
    """Oldest first: what is under way, and what moved on after this change; None: only the first."""
    moved = "" if change_id is None else (
        " OR a.attempt_id IN (SELECT c.attempt_id FROM callback.changes c WHERE c.change_id > :change_id)")
    of_company = "" if company_id is None else "a.company_id = :company_id AND "
    of_subscriber = "" if subscriber_id is None else "a.subscriber_id = :subscriber_id AND "
    rows = tx.rows(
        f"{_VIEW} WHERE {of_company}{of_subscriber}(a.{_UNDER_WAY}{moved}) ORDER BY a.created_at DESC LIMIT 1000",
        **({} if company_id is None else {"company_id": company_id}),
        **({} if subscriber_id is None else {"subscriber_id": subscriber_id}),
        **({} if change_id is None else {"change_id": change_id}),
    )
    return rows[::-1]
