"""Who asks, in PostgreSQL: his telephones, settings and limits, whom his company has, how much is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.callback.limits import Limits
from services.callback.modes import Mode as CallMode
from services.callback.modes import Place, Preferences, Telephones
from services.callback.targets import Allowed
from shared.barring import Range
from shared.database import Kept, Transaction

_UNDER_WAY = "state NOT IN ('ended', 'failed', 'cancelled', 'unknown')"
# As many requests as can be between their look at the company's limit and their commit: a pool of connections, twice.
_REQUESTS_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Asker:
    """The subscriber in whose name the call is made."""

    company_id: int
    subscriber_id: int
    country: str
    area_code: str
    numbers: Sequence[str]
    """His own, the main one first."""
    allowed: Allowed
    limits: Limits
    company_limits: Limits
    ring_s: int
    preferences: Preferences
    telephones: Telephones


@dataclass(frozen=True, slots=True)
class Usage:
    now: datetime
    under_way: int
    recent: Sequence[datetime]
    company_is_near: bool = False
    """So near to the company's limits that all of its attempts must be counted."""


@dataclass(frozen=True, slots=True)
class Colleague:
    name: str
    number: str | None
    """His main number."""


def asker(tx: Transaction, company_id: int, subscriber_id: int) -> Asker | None:
    """None: the company has no such subscriber. The company is named, although row security sees to it, for the
    indexes begin with it."""
    row = tx.row(
        Kept("""SELECT s.company_id, s.subscriber_id, s.mobile_number, i.country, i.area_code, c.allowed_classes,
               coalesce(t.max_simultaneous, 2) AS max_simultaneous,
               coalesce(t.max_per_minute, 10) AS max_per_minute, coalesce(t.ring_s, 30) AS ring_s,
               coalesce(t.mode, 'call_back') AS mode, coalesce(t.always_call_back, false) AS always_call_back,
               coalesce(t.first_leg, 'devices') AS first_leg, t.device_id, coalesce(t.press_1, false) AS press_1,
               t.countries, y.countries AS company_countries,
               coalesce(y.max_simultaneous, 100) AS company_simultaneous,
               coalesce(y.max_per_minute, 100) AS company_per_minute,
               (SELECT o.number FROM routing.remote_offices o
                WHERE o.company_id = s.company_id AND o.subscriber_id = s.subscriber_id) AS remote_office,
               ARRAY(SELECT d.device_id FROM directory.devices d
                     WHERE d.company_id = s.company_id AND d.subscriber_id = s.subscriber_id
                     ORDER BY d.device_id) AS device_ids,
               ARRAY(SELECT n.number FROM directory.numbers n
                     WHERE n.company_id = s.company_id AND n.subscriber_id = s.subscriber_id
                     ORDER BY NOT n.is_main, n.number) AS numbers,
               (SELECT jsonb_agg(jsonb_build_array(r.prefix, r.allowed)) FROM routing.outgoing_ranges r
                WHERE r.company_id = s.company_id AND r.subscriber_id = s.subscriber_id) AS ranges
           FROM directory.subscribers s
           JOIN directory.sites i ON i.company_id = s.company_id AND i.site_id = s.site_id
           JOIN directory.companies c ON c.company_id = s.company_id
           LEFT JOIN callback.settings t ON t.company_id = s.company_id AND t.subscriber_id = s.subscriber_id
           LEFT JOIN callback.company_settings y ON y.company_id = s.company_id
           WHERE s.company_id = :company_id AND s.subscriber_id = :subscriber_id"""),
        company_id=company_id, subscriber_id=subscriber_id,
    )
    if row is None:
        return None
    countries = [frozenset(one) for one in (row.countries, row.company_countries) if one is not None]
    return Asker(
        row.company_id, row.subscriber_id, row.country, row.area_code, row.numbers,
        allowed=Allowed(row.allowed_classes, [Range(*line) for line in row.ranges or ()], countries),
        limits=Limits(row.max_simultaneous, row.max_per_minute),
        company_limits=Limits(row.company_simultaneous, row.company_per_minute), ring_s=row.ring_s,
        preferences=Preferences(
            CallMode(row.mode), row.always_call_back, Place(row.first_leg), row.device_id, row.press_1),
        telephones=Telephones(row.device_ids, row.mobile_number, row.remote_office),
    )


def with_extension(tx: Transaction, company_id: int, extension: str) -> Colleague | None:
    """None: the company has no such extension."""
    row = tx.row(
        Kept("SELECT concat_ws(' ', nullif(s.first_name, ''), s.last_name) AS name, n.number"
        " FROM directory.subscribers s LEFT JOIN directory.numbers n"
        " ON n.company_id = s.company_id AND n.subscriber_id = s.subscriber_id AND n.is_main"
        " WHERE s.company_id = :company_id AND s.extension = :extension"),
        company_id=company_id, extension=extension,
    )
    return None if row is None else Colleague(str(row.name), row.number)


def with_number(tx: Transaction, company_id: int, number: str) -> Colleague | None:
    """None: not a number of the company."""
    row = tx.row(
        Kept("SELECT concat_ws(' ', nullif(s.first_name, ''), s.last_name) AS name FROM directory.numbers n"
        " LEFT JOIN directory.subscribers s ON s.company_id = n.company_id AND s.subscriber_id = n.subscriber_id"
        " WHERE n.company_id = :company_id AND n.number = :number"),
        company_id=company_id, number=number,
    )
    return None if row is None else Colleague(str(row.name), number)


def usage(tx: Transaction, company_id: int, subscriber_id: int, of_company: Limits) -> Usage:
    """Near the company's limits is a look at two indexes that ends where the answer is known."""
    row = tx.one(
        Kept(f"""SELECT clock_timestamp() AS now,
               count(*) FILTER (WHERE {_UNDER_WAY}) AS under_way,
               coalesce(array_agg(created_at) FILTER (WHERE created_at > now() - interval '1 minute'),
                        '{{}}') AS recent,
               EXISTS (SELECT FROM callback.attempts WHERE company_id = :company_id AND {_UNDER_WAY}
                       OFFSET :simultaneous)
               OR EXISTS (SELECT FROM callback.attempts
                          WHERE company_id = :company_id AND created_at > now() - interval '1 minute'
                          OFFSET :per_minute) AS near
           FROM callback.attempts WHERE company_id = :company_id AND subscriber_id = :id
               AND (created_at > now() - interval '1 minute' OR {_UNDER_WAY})"""),
        company_id=company_id, id=subscriber_id,
        simultaneous=max(0, of_company.max_simultaneous - 1 - _REQUESTS_TOGETHER),
        per_minute=max(0, of_company.max_per_minute - 1 - _REQUESTS_TOGETHER),
    )
    return Usage(row.now, row.under_way, row.recent, row.near)


def usage_of_company(tx: Transaction, company_id: int, limits: Limits) -> Usage:
    """As far as it matters for these limits. Requests are counted one after the other, so that one more than allowed
    never slips through; far below the limits nobody need ask, and nobody waits for anybody."""
    tx.later("SELECT pg_advisory_xact_lock(hashtextextended('callback company', :id))", id=company_id)
    row = tx.one(
        f"""SELECT clock_timestamp() AS now,
               (SELECT count(*) FROM callback.attempts WHERE company_id = :company_id AND {_UNDER_WAY}) AS under_way,
               ARRAY(SELECT created_at FROM callback.attempts
                     WHERE company_id = :company_id AND created_at > clock_timestamp() - interval '1 minute'
                     ORDER BY created_at DESC LIMIT :per_minute) AS recent""",
        company_id=company_id, per_minute=limits.max_per_minute,
    )
    return Usage(row.now, row.under_way, row.recent)
