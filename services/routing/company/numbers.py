"""Use cases: number pools of sites (N7), and which subscriber has which number (N2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from services.routing.apply.wanted import MOST_ADDITIONAL_NUMBERS, range_rule
from services.routing.company.common import as_e164, note, site_of
from services.routing.features import Actor, Refused
from services.routing.features.words import InUse
from shared.database import NotFound, Row, Transaction

STATES = ("free", "assigned", "not_yet_valid")
_POOL = ("SELECT p.pool_id, p.site_id, p.first_number, p.last_number, nullif(p.valid_from, '1970-01-01') AS valid_from,"
         " CAST(substring(p.last_number, 2) AS bigint) - CAST(substring(p.first_number, 2) AS bigint) + 1 AS size"
         " FROM directory.number_pools p WHERE p.company_id = :company_id")


# ----- pools


def pools(tx: Transaction, company_id: int, site_id: int) -> list[Row]:
    return tx.rows(f"{_POOL} AND p.site_id = :site_id ORDER BY p.first_number",
                   company_id=company_id, site_id=site_id)


def add_pool(tx: Transaction, company_id: int, site_id: int, fields: Mapping[str, Any], actor: Actor) -> Row:
    """fields: first, last (None: one number), valid_from (None: now)."""
    site = site_of(tx, company_id, site_id)
    first = as_e164(fields["first"], site, "first")
    last = as_e164(fields["last"], site, "last") if fields["last"] is not None else first
    if rule := range_rule(first, last):
        raise Refused("range_invalid", f"last: {rule}", "last")
    tx.execute("SELECT pg_advisory_xact_lock(hashtext('number pools'))")
    other = tx.row(
        "SELECT s.name, p.first_number, p.last_number FROM directory.number_pools p"
        " JOIN directory.sites s ON (s.company_id, s.site_id) = (p.company_id, p.site_id)"
        " WHERE p.company_id = :company_id AND length(p.first_number) = length(:first)"
        " AND p.first_number <= :last AND p.last_number >= :first", company_id=company_id, first=first, last=last)
    if other is not None:
        raise InUse("range_overlaps", f"overlaps the pool {other.first_number} to {other.last_number} of {other.name}",
                    "first")
    if taken_elsewhere(tx, company_id, firsts=[first], lasts=[last]):
        raise InUse("range_overlaps", f"not all numbers of {first} to {last} are free", "first")
    pool_id = tx.one(
        "INSERT INTO directory.number_pools (company_id, site_id, first_number, last_number, valid_from)"
        " VALUES (:company_id, :site_id, :first, :last, coalesce(CAST(:valid_from AS date), '1970-01-01'))"
        " RETURNING pool_id", company_id=company_id, site_id=site_id, first=first, last=last,
        valid_from=fields["valid_from"]).pool_id
    note(tx, company_id, actor, f"pool {first} to {last}", None, {"valid_from": fields["valid_from"]},
         site_id=site_id)
    return pool(tx, company_id, site_id, pool_id)


def pool(tx: Transaction, company_id: int, site_id: int, pool_id: int) -> Row:
    """Raises NotFound."""
    return tx.one(f"{_POOL} AND p.site_id = :site_id AND p.pool_id = :pool_id",
                  company_id=company_id, site_id=site_id, pool_id=pool_id)


def remove_pool(tx: Transaction, company_id: int, site_id: int, pool_id: int, actor: Actor) -> None:
    old = pool(tx, company_id, site_id, pool_id)
    used = tx.rows(
        "SELECT number FROM (SELECT n.number FROM directory.numbers n WHERE n.company_id = :company_id UNION"
        " SELECT s.main_number FROM directory.sites s WHERE s.company_id = :company_id) AS had"
        " WHERE length(number) = length(:first) AND number BETWEEN :first AND :last ORDER BY number LIMIT 6",
        company_id=company_id, first=old.first_number, last=old.last_number)
    if used:
        raise InUse("pool_in_use", f"numbers of it are assigned: {', '.join(row.number for row in used[:5])}"
                    f"{' and more' if len(used) > 5 else ''}", None, "release them first")
    tx.execute("DELETE FROM directory.number_pools WHERE company_id = :company_id AND pool_id = :pool_id",
               company_id=company_id, pool_id=pool_id)
    note(tx, company_id, actor, f"pool {old.first_number} to {old.last_number}", {"valid_from": old.valid_from}, None,
         site_id=site_id)


def numbers(tx: Transaction, company_id: int, site_id: int, *, state: str | None, search: str | None, after: int,
            limit: int, today: date) -> list[Row]:
    """The site's numbers, one a row, from the pools; after: the digits of the last one seen."""
    digits = re.sub(r"[^0-9]", "", search).removeprefix("00").lstrip("0") if search else None
    return tx.rows(
        """SELECT * FROM (
               SELECT all_of.number, all_of.digits, nullif(all_of.valid_from, '1970-01-01') AS valid_from,
                      p.subscriber_id, p.extension, nullif(btrim(p.first_name || ' ' || p.last_name), '') AS name,
                      n.is_main, n.distinctive_ring AS ring,
                      s.main_number IS NOT DISTINCT FROM all_of.number AS is_main_number_of_site,
                      CASE WHEN n.number IS NOT NULL OR s.main_number IS NOT DISTINCT FROM all_of.number
                           THEN 'assigned'
                           WHEN all_of.valid_from > CAST(:today AS date) THEN 'not_yet_valid' ELSE 'free' END AS state
               FROM (SELECT '+' || one AS number, one AS digits, r.valid_from, r.site_id
                     FROM directory.number_pools r, generate_series(
                         greatest(CAST(substring(r.first_number, 2) AS bigint), :after + 1),
                         CAST(substring(r.last_number, 2) AS bigint)) one
                     WHERE r.company_id = :company_id AND r.site_id = :site_id) all_of
               JOIN directory.sites s ON s.company_id = :company_id AND s.site_id = all_of.site_id
               LEFT JOIN directory.numbers n ON n.company_id = :company_id AND n.number = all_of.number
               LEFT JOIN directory.subscribers p
                    ON p.company_id = :company_id AND p.subscriber_id = n.subscriber_id
               WHERE CAST(:digits AS text) IS NULL OR strpos(all_of.number, :digits) > 0
           ) shown WHERE CAST(:state AS text) IS NULL OR state = :state ORDER BY digits LIMIT :limit""",
        company_id=company_id, site_id=site_id, after=after, today=today, digits=digits, state=state, limit=limit)


def taken_elsewhere(tx: Transaction, company_id: int, *, numbers: list[str] | None = None,
                    devices: list[str] | None = None, firsts: list[str] | None = None,
                    lasts: list[str] | None = None) -> list[Row]:
    """Those that another company has."""
    return tx.rows(
        "SELECT kind, name FROM routing.taken_elsewhere(:company_id, CAST(:numbers AS text[]),"
        " CAST(:devices AS text[]), CAST('{}' AS text[]), CAST(:firsts AS text[]), CAST(:lasts AS text[]))",
        company_id=company_id, numbers=numbers or [], devices=devices or [], firsts=firsts or [], lasts=lasts or [])


# ----- of a subscriber

_OF_SUBSCRIBER = ("SELECT number, is_main, distinctive_ring AS ring FROM directory.numbers"
                  " WHERE company_id = :company_id AND subscriber_id = :id")


def of_subscriber(tx: Transaction, company_id: int, subscriber_id: int) -> list[Row]:
    """The main one first."""
    return tx.rows(f"{_OF_SUBSCRIBER} ORDER BY NOT is_main, number", company_id=company_id, id=subscriber_id)


def assign(tx: Transaction, company_id: int, person: Row, entered: str, *, main: bool, ring: str | None, today: date,
           actor: Actor) -> Row:
    """person: subscriber_id, site_id, extension; his row is held. A new main number frees the one before."""
    site = site_of(tx, company_id, person.site_id)
    number = as_e164(entered, site, "number")
    own = of_subscriber(tx, company_id, person.subscriber_id)
    if any(row.number == number and row.is_main == main for row in own):
        raise InUse("number_taken", f"{number} is {person.extension}'s own already", "number")
    _must_be_free(tx, company_id, number, person, site, today)
    if not main and sum(1 for row in own if not row.is_main and row.number != number) >= MOST_ADDITIONAL_NUMBERS:
        raise Refused("too_many_numbers", f"a subscriber has at most {MOST_ADDITIONAL_NUMBERS} additional numbers",
                      "number", "release one of them first")
    gone = [row.number for row in own if row.number == number or (main and row.is_main)]
    tx.execute("DELETE FROM directory.numbers WHERE company_id = :company_id AND number = ANY (:gone)",
               company_id=company_id, gone=gone)
    tx.execute(
        "INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main, distinctive_ring)"
        " VALUES (:number, :company_id, :site_id, :id, :main, :ring)", number=number, company_id=company_id,
        site_id=person.site_id, id=person.subscriber_id, main=main, ring=ring)
    note(tx, company_id, actor, f"number {number}", {"numbers": gone} if gone else None, {"main": main, "ring": ring},
         subscriber_id=person.subscriber_id)
    return tx.one(f"{_OF_SUBSCRIBER} AND number = :number", company_id=company_id, id=person.subscriber_id,
                  number=number)


def _must_be_free(tx: Transaction, company_id: int, number: str, person: Row, site: Row, today: date) -> None:
    holder = tx.row(
        "SELECT n.subscriber_id, p.extension, btrim(p.first_name || ' ' || p.last_name) AS name"
        " FROM directory.numbers n LEFT JOIN directory.subscribers p"
        " ON (p.company_id, p.subscriber_id) = (n.company_id, n.subscriber_id)"
        " WHERE n.company_id = :company_id AND n.number = :number", company_id=company_id, number=number)
    if holder is not None and holder.subscriber_id == person.subscriber_id:
        return      # his main number becomes an additional one, or the other way round
    if holder is not None:
        who = f"{holder.extension} {holder.name}" if holder.extension else f"the site {site.name}"
        raise InUse("number_taken", f"{number} belongs to {who}", "number", "release it there first")
    if taken_elsewhere(tx, company_id, numbers=[number]):
        raise InUse("number_taken", f"{number} is not free", "number")
    found = tx.row(
        "SELECT valid_from FROM directory.number_pools WHERE company_id = :company_id AND site_id = :site_id"
        " AND length(first_number) = length(:number) AND :number BETWEEN first_number AND last_number",
        company_id=company_id, site_id=person.site_id, number=number)
    if found is None:
        raise Refused("number_not_in_pool", f"{number} is in no number pool of {site.name}", "number",
                      f"GET /v1/sites/{person.site_id}/numbers?state=free lists those that can be had")
    if found.valid_from > today:
        raise Refused("number_not_yet_valid", f"{number} is not valid before {found.valid_from}", "number")


def set_ring(tx: Transaction, company_id: int, person: Row, number: str, ring: str | None, actor: Actor) -> Row:
    old = _own(tx, company_id, person, number)
    tx.execute("UPDATE directory.numbers SET distinctive_ring = :ring WHERE company_id = :company_id"
               " AND number = :number", company_id=company_id, number=number, ring=ring)
    note(tx, company_id, actor, f"number {number}", {"ring": old.ring}, {"ring": ring},
         subscriber_id=person.subscriber_id)
    return _own(tx, company_id, person, number)


def release(tx: Transaction, company_id: int, person: Row, number: str, actor: Actor) -> None:
    old = _own(tx, company_id, person, number)
    tx.execute("DELETE FROM directory.numbers WHERE company_id = :company_id AND number = :number",
               company_id=company_id, number=number)
    tx.execute("UPDATE routing.call_settings SET shown_number = NULL WHERE company_id = :company_id"
               " AND subscriber_id = :id AND shown_number = :number",
               company_id=company_id, id=person.subscriber_id, number=number)
    note(tx, company_id, actor, f"number {number}", {"main": old.is_main, "ring": old.ring}, None,
         subscriber_id=person.subscriber_id)


def _own(tx: Transaction, company_id: int, person: Row, number: str) -> Row:
    row = tx.row(f"{_OF_SUBSCRIBER} AND number = :number", company_id=company_id, id=person.subscriber_id,
                 number=number)
    if row is None:
        raise NotFound("no such number of this subscriber")
    return row
