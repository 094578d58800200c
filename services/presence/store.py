"""The tables presence reads, and the one it writes.

    directory.*, presence.watched, routing.availability, … -> read_people -> People
    the same of some people of a company, or of all        -> read_some   -> People
    PUT /v1/watched                -> replace_watched -> presence.watched
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import gevent

from services.presence.people import Availability, Device, People, Person, Site
from services.presence.watching import chosen_ids
from shared.database import Database, Transaction
from shared.schedule import NO_NIGHT_SERVICE, NightService, times_in

T = TypeVar("T")

_WITHOUT_PAUSE = 500


def in_turns(many: Iterable[T]) -> Iterator[T]:
    """The same, with a pause for everybody else again and again: a hub that is silent for two seconds is killed."""
    for count, one in enumerate(many, 1):
        yield one
        if count % _WITHOUT_PAUSE == 0:
            gevent.sleep(0)


_PERSONS = """
SELECT s.company_id, s.subscriber_id, s.extension, btrim(s.first_name || ' ' || s.last_name) AS name,
       lower(c.sip_domain) AS domain, s.site_id, g.pickup_group_id, coalesce(m.always, false) AS mailbox,
       a.do_not_disturb, a.forwarded, a.intercepted, a.remote_office
FROM directory.subscribers s
JOIN directory.companies c ON c.company_id = s.company_id
JOIN routing.availability a ON a.company_id = s.company_id AND a.subscriber_id = s.subscriber_id
LEFT JOIN voicemail.mailbox_routing m ON m.company_id = s.company_id AND m.subscriber_id = s.subscriber_id
LEFT JOIN routing.pickup_group_members g ON g.company_id = s.company_id AND g.subscriber_id = s.subscriber_id
"""
_DEVICES = "SELECT s.device_id, s.subscriber_id, s.lamp_key FROM directory.devices s"
_WATCHED = "SELECT s.subscriber_id, s.position, s.watched_subscriber_id FROM presence.watched s"
_SITES = """
SELECT s.company_id, s.site_id, s.name, s.time_zone, s.country, s.region, n.target, n.scheduled, n.times, n.by_hand,
       n.by_hand_at
FROM directory.sites s
LEFT JOIN routing.night_services n ON n.company_id = s.company_id AND n.site_id = s.site_id
"""
# Row security keeps companies apart but uses no index: with the company named a few rows are read.
_OF_COMPANY = " WHERE s.company_id = :company"
_OF_SOME = " WHERE s.company_id = :company AND s.subscriber_id = ANY(:ids)"


def read_people(database: Database) -> People:
    """All companies at once: the lamps of all of them hang on one switch."""
    with database.platform() as tx:
        return _people(tx, "", "")


def read_some(database: Database, company_id: int, subscriber_ids: Collection[int] | None) -> People:
    """Of one company; None: all its people. The sites are there in any case."""
    with database.company(company_id) as tx:
        if subscriber_ids is None:
            return _people(tx, _OF_COMPANY, _OF_COMPANY, company=company_id)
        return _people(tx, _OF_SOME, _OF_COMPANY, company=company_id, ids=list(subscriber_ids))


def _people(tx: Transaction, whose: str, which_sites: str, **named: Any) -> People:
    persons = [
        Person(row.company_id, row.subscriber_id, row.extension, row.name, row.domain, row.site_id,
               Availability(row.do_not_disturb, row.forwarded, row.mailbox, row.intercepted, row.remote_office),
               row.pickup_group_id)
        for row in in_turns(tx.rows(_PERSONS + whose, **named))
    ]
    devices = [Device(row.device_id, row.subscriber_id, row.lamp_key)
               for row in in_turns(tx.rows(_DEVICES + whose, **named))]
    watched: dict[int, dict[int, int]] = {}
    for row in in_turns(tx.rows(_WATCHED + whose, **named)):
        watched.setdefault(row.subscriber_id, {})[row.position] = row.watched_subscriber_id
    sites = [
        Site(row.company_id, row.site_id, row.name, row.time_zone, row.country, row.region or "",
             NightService(row.target, row.scheduled, times_in(row.times), row.by_hand, row.by_hand_at)
             if row.target else NO_NIGHT_SERVICE)
        for row in in_turns(tx.rows(_SITES + which_sites, **{name: named[name] for name in named if name != "ids"}))
    ]
    return People(persons, devices, watched, sites)


def person_at(database: Database, extension: str, domain: str) -> tuple[int, int] | None:
    """Company and subscriber of an extension in a SIP domain."""
    with database.platform() as tx:
        row = tx.row(
            "SELECT s.company_id, s.subscriber_id FROM directory.companies c"
            " JOIN directory.subscribers s ON s.company_id = c.company_id AND s.extension = :extension"
            " WHERE c.sip_domain = :domain", extension=extension, domain=domain)
    return (row.company_id, row.subscriber_id) if row is not None else None


def replace_watched(
    database: Database, company_id: int, watcher_id: int, chosen: Sequence[int] | Sequence[str]
) -> None:
    """Puts the chosen colleagues, by id or by extension, in the place of the list: all of them or none.

    Raises WatchRefused, NotFound for a watcher who is not there, RuleBroken for what only the schema sees.
    """
    with database.company(company_id) as tx:
        # Orders two changes of one list; without it they could mix.
        tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('presence.watched', :watcher))",
                   watcher=watcher_id)
        tx.one("SELECT 1 AS there FROM directory.subscribers WHERE subscriber_id = :watcher", watcher=watcher_id)
        # Row security keeps companies apart but uses no index: with the company named this reads a few rows.
        colleagues = tx.rows(
            "SELECT subscriber_id, extension FROM directory.subscribers WHERE company_id = :company"
            " AND (subscriber_id = ANY(:ids) OR extension = ANY(:extensions))",
            company=company_id, ids=[one for one in chosen if isinstance(one, int)],
            extensions=[one for one in chosen if isinstance(one, str)])
        watched_ids = chosen_ids(
            chosen,
            watcher_id=watcher_id,
            extensions={row.extension: row.subscriber_id for row in colleagues},
        )
        tx.execute("DELETE FROM presence.watched WHERE company_id = :company AND subscriber_id = :watcher",
                   company=company_id, watcher=watcher_id)
        tx.execute_many(
            "INSERT INTO presence.watched (company_id, subscriber_id, position, watched_subscriber_id)"
            " VALUES (:company, :watcher, :position, :watched)",
            [
                {"company": company_id, "watcher": watcher_id, "position": position, "watched": watched_id}
                for position, watched_id in enumerate(watched_ids, start=1)
            ])
