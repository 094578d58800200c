"""The tables presence reads, and the one it writes.

    directory.* + presence.watched -> read_people -> People
    PUT /v1/watched                -> replace_watched -> presence.watched
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import gevent

from services.presence.people import Device, People, Person
from services.presence.watching import chosen_ids
from shared.database import Database

T = TypeVar("T")

_WITHOUT_PAUSE = 500


def in_turns(many: Iterable[T]) -> Iterator[T]:
    """The same, with a pause for everybody else again and again: a hub that is silent for two seconds is killed."""
    for count, one in enumerate(many, 1):
        yield one
        if count % _WITHOUT_PAUSE == 0:
            gevent.sleep(0)


def read_people(database: Database) -> People:
    """All companies at once: the lamps of all of them hang on one switch."""
    with database.platform() as tx:
        persons = [
            Person(row.company_id, row.subscriber_id, row.extension, row.name, row.domain)
            for row in in_turns(tx.rows(
                "SELECT s.company_id, s.subscriber_id, s.extension,"
                " btrim(s.first_name || ' ' || s.last_name) AS name, lower(c.sip_domain) AS domain"
                " FROM directory.subscribers s JOIN directory.companies c USING (company_id)"))
        ]
        devices = [
            Device(row.device_id, row.subscriber_id, row.lamp_key)
            for row in in_turns(tx.rows("SELECT device_id, subscriber_id, lamp_key FROM directory.devices"))
        ]
        watched: dict[int, dict[int, int]] = {}
        for row in in_turns(tx.rows("SELECT subscriber_id, position, watched_subscriber_id FROM presence.watched")):
            watched.setdefault(row.subscriber_id, {})[row.position] = row.watched_subscriber_id
    return People(persons, devices, watched)


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
