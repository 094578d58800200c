"""Use cases: contacts one at a time, a person's own or the company's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.routing.company.common import note
from services.routing.features import Actor, Refused
from services.routing.features.words import InUse
from shared.database import NotFound, Row, Transaction
from shared.phone_number import InvalidNumber, PhoneNumber

MOST_OWN = 2_000
MOST_OF_COMPANY = 20_000
LABELS = ("work", "mobile", "home", "fax", "other")
# So short a number is meant as an extension, as click-to-dial takes it.
_ONLY_EXTENSION = re.compile(r"[0-9]{1,4}")
_NAMES = ("first_name", "last_name", "organisation")


@dataclass(frozen=True, slots=True)
class Book:
    """Whose contacts, and how numbers are written where he is."""

    company_id: int
    subscriber_id: int | None
    """None: the company's."""
    country: str
    area_code: str


def book(tx: Transaction, company_id: int, subscriber_id: int | None, reader_id: int | None = None) -> Book:
    """reader_id: a person of the company whose site counts for the company's book; None: its first site. Raises
    NotFound."""
    site = tx.one(
        "SELECT t.country::text AS country, t.area_code FROM directory.sites t WHERE t.company_id = :company_id"
        " ORDER BY t.site_id = (SELECT s.site_id FROM directory.subscribers s WHERE s.company_id = :company_id"
        " AND s.subscriber_id = :person) DESC NULLS LAST, t.site_id LIMIT 1",
        company_id=company_id, person=subscriber_id if subscriber_id is not None else reader_id)
    return Book(company_id, subscriber_id, site.country.strip(), site.area_code)


_SHOWN = """
    SELECT c.contact_id, c.first_name, c.last_name, c.organisation, c.changed_at,
        coalesce((SELECT jsonb_agg(jsonb_build_object('label', n.label, 'number', n.number) ORDER BY n.position)
                  FROM directory.contact_numbers n
                  WHERE n.company_id = c.company_id AND n.contact_id = c.contact_id), '[]') AS numbers
    FROM directory.contacts c
    WHERE c.company_id = :company_id AND c.subscriber_id IS NOT DISTINCT FROM CAST(:subscriber_id AS bigint)
"""


def page(tx: Transaction, of: Book, after: int, limit: int) -> list[Row]:
    """In the order they were made, those after this one."""
    return tx.rows(f"{_SHOWN} AND c.contact_id > :after ORDER BY c.contact_id LIMIT :limit",
                   company_id=of.company_id, subscriber_id=of.subscriber_id, after=after, limit=limit)


def one(tx: Transaction, of: Book, contact_id: int) -> Row:
    """Raises NotFound."""
    found = tx.row(f"{_SHOWN} AND c.contact_id = :id FOR UPDATE OF c",
                   company_id=of.company_id, subscriber_id=of.subscriber_id, id=contact_id)
    if found is None:
        raise NotFound("no such contact")
    return found


def add(tx: Transaction, of: Book, fields: Mapping[str, Any], actor: Actor) -> Row:
    """fields: names and numbers. Raises Refused, InUse."""
    numbers = _numbers(tx, of, fields["numbers"])
    _must_have_a_name(fields)
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('contacts', :id))",
               id=of.company_id if of.subscriber_id is None else of.subscriber_id)
    most = MOST_OF_COMPANY if of.subscriber_id is None else MOST_OWN
    there = tx.one(
        "SELECT count(*) AS n FROM directory.contacts WHERE company_id = :company_id"
        " AND subscriber_id IS NOT DISTINCT FROM CAST(:subscriber_id AS bigint)",
        company_id=of.company_id, subscriber_id=of.subscriber_id).n
    if there >= most:
        raise InUse("too_many_contacts", f"at most {most} contacts", hint="delete one that is not needed any more")
    contact_id = int(tx.one(
        "INSERT INTO directory.contacts (company_id, subscriber_id, first_name, last_name, organisation)"
        " VALUES (:company_id, :subscriber_id, :first_name, :last_name, :organisation) RETURNING contact_id",
        company_id=of.company_id, subscriber_id=of.subscriber_id,
        **{name: fields[name] for name in _NAMES}).contact_id)
    _write_numbers(tx, of, contact_id, numbers)
    made = one(tx, of, contact_id)
    _note(tx, of, actor, None, made)
    return made


def change(tx: Transaction, of: Book, contact_id: int, changes: Mapping[str, Any], actor: Actor) -> Row:
    """Numbers are replaced as a whole. Raises NotFound, Refused."""
    old = one(tx, of, contact_id)
    wanted = {name: changes.get(name, old[name]) for name in _NAMES}
    _must_have_a_name(wanted)
    tx.execute(
        "UPDATE directory.contacts SET first_name = :first_name, last_name = :last_name,"
        " organisation = :organisation, changed_at = now() WHERE company_id = :company_id AND contact_id = :id",
        company_id=of.company_id, id=contact_id, **wanted)
    if "numbers" in changes:
        numbers = _numbers(tx, of, changes["numbers"])
        tx.execute("DELETE FROM directory.contact_numbers WHERE company_id = :company_id AND contact_id = :id",
                   company_id=of.company_id, id=contact_id)
        _write_numbers(tx, of, contact_id, numbers)
    new = one(tx, of, contact_id)
    _note(tx, of, actor, old, new)
    return new


def remove(tx: Transaction, of: Book, contact_id: int, actor: Actor) -> None:
    """Raises NotFound."""
    old = one(tx, of, contact_id)
    tx.execute("DELETE FROM directory.contacts WHERE company_id = :company_id AND contact_id = :id",
               company_id=of.company_id, id=contact_id)
    _note(tx, of, actor, old, None)


def _note(tx: Transaction, of: Book, actor: Actor, before: Row | None, after: Row | None) -> None:
    """Of the company's contacts; whom a person knows is nobody's business."""
    if of.subscriber_id is None:
        note(tx, of.company_id, actor, "contact", before, after)


def _must_have_a_name(fields: Mapping[str, Any]) -> None:
    if not any(fields[name] for name in _NAMES):
        raise Refused("name_missing", "last_name: a contact needs a first name, a last name or an organisation",
                      "last_name")


def _numbers(tx: Transaction, of: Book, entered: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for place, one_number in enumerate(entered):
        number = _number(tx, of, one_number["number"], f"numbers.{place}.number")
        if number in [known["number"] for known in found]:
            raise Refused("number_twice", f"numbers.{place}.number: this number stands there already",
                          f"numbers.{place}.number")
        found.append({"position": place + 1, "label": one_number["label"], "number": number})
    return found


def _number(tx: Transaction, of: Book, entered: str, field: str) -> str:
    if entered.isascii() and entered.isdigit() and tx.row(
            "SELECT 1 AS there FROM directory.subscribers WHERE company_id = :company_id AND extension = :extension",
            company_id=of.company_id, extension=entered):
        return entered
    if _ONLY_EXTENSION.fullmatch(entered):
        raise Refused("number_invalid", f"{field}: there is no such extension", field,
                      "give a number with its area code")
    try:
        return PhoneNumber.parse(entered, of.country, of.area_code).e164
    except InvalidNumber as invalid:
        raise Refused("number_invalid", f"{field}: {invalid.rule}", field,
                      "an extension, or a number such as +49 30 123456 or 030 123456") from invalid


def _write_numbers(tx: Transaction, of: Book, contact_id: int, numbers: list[dict[str, Any]]) -> None:
    tx.execute_many(
        "INSERT INTO directory.contact_numbers (company_id, contact_id, position, label, number)"
        " VALUES (:company_id, :contact_id, :position, :label, :number)",
        [{"company_id": of.company_id, "contact_id": contact_id, **number} for number in numbers])
