"""An imagined call, as the switch would put it: who calls and what is dialled, read by question.py like any other.

What an authenticated telephone's channel carries is taken from where the switch gets it (directory_xml.py), so an
imagined call of a subscriber differs from his real one in nothing but the leg.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.routing import question
from services.routing.directory_xml import Entry, device_variables
from services.routing.question import Question, WhatNext
from shared.database import Transaction
from shared.esl.events import Event
from shared.phone_number import InvalidNumber, PhoneNumber

WITHHELD = ("withheld", "anonymous")
IMAGINED_LEG = "00000000-0000-4000-8000-000000000000"
# Nobody has these: kept free for films (Bundesnetzagentur, Rufnummern für Medienproduktionen), here for "somebody".
SOMEBODY_OUTSIDE = "+493023125000"
NO_NUMBER = "no_number"
_EXTENSION = re.compile(r"[0-9]{2,6}")
_PUNCTUATION = re.compile(r"[ ()/.\-]")
_DIALLED = re.compile(r"\+?[0-9*#]{1,32}")

# user, domain -> the entry the switch would get; None: there is none (switch_directory.py).
EntryOf = Callable[[str, str], Entry | None]


class NotUnderstood(Exception):
    """What was asked cannot be read: .field names the part, the text the rule."""

    def __init__(self, error: str, field: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.field = field
        self.message = message
        self.hint = hint


class NobodyThere(NotUnderstood):
    """It can be read, but the company has nobody of that kind."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its clock and calendar are the ones meant."""

    site_id: int
    name: str
    country: str
    area_code: str
    time_zone: str
    region: str


@dataclass(frozen=True, slots=True)
class Person:
    """A subscriber of the company, as far as a call needs him to begin or to be named."""

    subscriber_id: int
    extension: str
    name: str
    language: str
    domain: str
    main_number: str
    device_id: str
    site: Place


@dataclass(frozen=True, slots=True)
class Imagined:
    """A call that could be put to routing now."""

    question: Question
    caller: Person | None
    """None: from outside."""
    caller_number: str
    """E.164 of an outside caller; empty: withheld."""
    callee: Person | None
    """None: something that is not one of the company's subscribers (a code, a number outside)."""
    site: Place
    """The callee's, else the caller's."""


def imagine(tx: Transaction, company_id: int, caller: str, callee: str, entry_of: EntryOf) -> Imagined:
    """caller: extension, number in any usual form, or `withheld`; callee: what is dialled. Raises NotUnderstood."""
    dialled = _PUNCTUATION.sub("", callee)
    if not _DIALLED.fullmatch(dialled):
        raise NotUnderstood("invalid_field", "callee", "callee: must be an extension, a number or a code",
                            "digits, * and #, with an optional + in front")
    origin = caller.strip()
    if origin.lower() in WITHHELD:
        return _from_outside(tx, company_id, "", dialled)
    person = _by_extension(tx, company_id, origin) if _EXTENSION.fullmatch(origin) else None
    if person is None:
        number = _number(tx, company_id, origin, "caller")
        person = _by_number(tx, company_id, number)
        if person is None:
            return _from_outside(tx, company_id, number, dialled)
    return _from_inside(tx, company_id, person, dialled, entry_of)


def of_subscriber(tx: Transaction, company_id: int, subscriber_id: int) -> Person | None:
    return _person(tx, company_id, "s.subscriber_id = :value", subscriber_id)


def some_colleague(tx: Transaction, company_id: int, of: Person) -> Person | None:
    """Somebody else of the company to imagine an inside call from: none of his assistants, for their calls are never
    filtered (E1). None: there is nobody else."""
    return _person(
        tx, company_id,
        "s.subscriber_id <> :value AND NOT EXISTS (SELECT FROM routing.assistants a WHERE a.company_id = s.company_id"
        " AND a.executive_id = :value AND a.assistant_id = s.subscriber_id)", of.subscriber_id)


def moment(text: str, time_zone: str) -> datetime:
    """ISO date and time; without a zone it is the clock at the site. Raises NotUnderstood."""
    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotUnderstood("invalid_field", "at", "at: must be an ISO date and time",
                            "2026-12-24T15:00, or with a zone: 2026-12-24T15:00+01:00") from None
    if not 1970 < said.year < 2200:
        raise NotUnderstood("invalid_field", "at", "at: must lie between 1971 and 2199")
    if said.tzinfo is not None:
        return said.astimezone(UTC)
    there = said.replace(tzinfo=ZoneInfo(time_zone))
    if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != said:
        raise NotUnderstood("invalid_field", "at", f"at: no clock in {time_zone} shows this time on that day",
                            f"an hour is left out; try {(said + timedelta(hours=1)).isoformat()}")
    return there.astimezone(UTC)


# ----- from inside and from outside


def _from_inside(tx: Transaction, company_id: int, caller: Person, dialled: str, entry_of: EntryOf) -> Imagined:
    entry = entry_of(caller.device_id or caller.extension, caller.domain)
    if entry is None:
        raise NobodyThere("not_found", "caller", f"caller: {caller.extension} is gone by now")
    variables = {f"variable_{name}": value for name, value in device_variables(entry).items()}
    if not caller.device_id:  # he may have none, and still be called for by our own services
        variables["variable_pbx_acting_subscriber"] = str(caller.subscriber_id)
    asked = _asked("internal", dialled, caller.extension, variables)
    callee = _by_extension(tx, company_id, dialled) if _EXTENSION.fullmatch(dialled) else None
    if callee is None:
        try:
            number = PhoneNumber.parse(dialled, caller.site.country, caller.site.area_code).e164
        except InvalidNumber:
            number = ""  # a code, or something that cannot be dialled: the ladder says so
        callee = _by_number(tx, company_id, number)
    return Imagined(asked, caller, "", callee, (callee or caller).site)


def _from_outside(tx: Transaction, company_id: int, number: str, dialled: str) -> Imagined:
    callee = _by_extension(tx, company_id, dialled) if _EXTENSION.fullmatch(dialled) else None
    if callee is not None:
        called = _any_number(tx, company_id, callee.subscriber_id)
        if not called:
            raise NotUnderstood(NO_NUMBER, "callee", f"callee: {callee.extension} has no number, so nobody outside"
                                " can call it", "take a caller inside the company")
        site: Place | None = callee.site
    else:
        called = _number(tx, company_id, dialled, "callee")
        callee = _by_number(tx, company_id, called)
        site = callee.site if callee else _site_of_number(tx, company_id, called)
    if site is None:
        raise NobodyThere("not_found", "callee", f"callee: nobody in this company has {dialled}",
                          "from outside only its extensions and numbers can be called")
    return Imagined(_asked("public", called, number, {}), None, number, callee, site)


def _asked(context: str, dialled: str, caller_number: str, variables: dict[str, str]) -> Question:
    asked = question.read(Event.of({
        "Event-Name": "CHANNEL_DATA", "Unique-ID": IMAGINED_LEG, "Caller-Context": context,
        "Caller-Destination-Number": dialled, "Caller-Caller-ID-Number": caller_number, **variables}))
    assert not isinstance(asked, WhatNext)
    return asked


# ----- who is meant

_PEOPLE = """
SELECT s.subscriber_id, s.extension, btrim(s.first_name || ' ' || s.last_name) AS name, s.language,
       c.sip_domain AS domain, t.site_id, t.name AS site_name, t.country, t.area_code, t.time_zone,
       coalesce(t.region, '') AS region,
       coalesce((SELECT n.number FROM directory.numbers n WHERE n.company_id = s.company_id
                 AND n.subscriber_id = s.subscriber_id AND n.is_main), '') AS main_number,
       -- The one on the desk: an integrated mobile dials codes in another form.
       coalesce((SELECT d.device_id FROM directory.devices d WHERE d.company_id = s.company_id
                 AND d.subscriber_id = s.subscriber_id ORDER BY d.is_mobile, d.device_id LIMIT 1), '') AS device_id
FROM directory.subscribers s
JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
JOIN directory.companies c ON c.company_id = s.company_id
WHERE s.company_id = :company_id AND """
_SITES = """
SELECT t.site_id, t.name, t.country, t.area_code, t.time_zone, coalesce(t.region, '') AS region
FROM directory.sites t
WHERE t.company_id = :company_id"""


def _person(tx: Transaction, company_id: int, condition: str, value: object) -> Person | None:
    row = tx.row(f"{_PEOPLE}{condition} ORDER BY length(s.extension), s.extension LIMIT 1",
                 company_id=company_id, value=value)
    if row is None:
        return None
    site = Place(row.site_id, row.site_name, row.country, row.area_code, row.time_zone, row.region)
    return Person(row.subscriber_id, row.extension, row.name, row.language, row.domain, row.main_number,
                  row.device_id, site)


def _by_extension(tx: Transaction, company_id: int, extension: str) -> Person | None:
    return _person(tx, company_id, "s.extension = :value", extension)


def _by_number(tx: Transaction, company_id: int, number: str) -> Person | None:
    return _person(
        tx, company_id, "s.subscriber_id = (SELECT n.subscriber_id FROM directory.numbers n"
        " WHERE n.company_id = :company_id AND n.number = :value)", number)


def _any_number(tx: Transaction, company_id: int, subscriber_id: int) -> str:
    row = tx.row("SELECT number FROM directory.numbers WHERE company_id = :company_id AND subscriber_id = :id"
                 " ORDER BY is_main DESC, number LIMIT 1", company_id=company_id, id=subscriber_id)
    return str(row.number) if row else ""


def _site_of_number(tx: Transaction, company_id: int, number: str) -> Place | None:
    """Of a number that is the company's and nobody's: free, in a pool, or the site's own."""
    row = tx.row(
        f"{_SITES} AND (t.main_number = :number OR EXISTS (SELECT FROM directory.numbers n"
        " WHERE n.company_id = t.company_id AND n.number = :number AND n.site_id = t.site_id)"
        " OR EXISTS (SELECT FROM directory.number_pools p WHERE p.company_id = t.company_id AND p.site_id = t.site_id"
        " AND length(p.first_number) = length(:number) AND :number BETWEEN p.first_number AND p.last_number))"
        " ORDER BY t.site_id LIMIT 1", company_id=company_id, number=number)
    return Place(**row) if row else None


def _number(tx: Transaction, company_id: int, text: str, field: str) -> str:
    """As written at the company's first site. Raises NotUnderstood."""
    if _EXTENSION.fullmatch(text) and not text.startswith("0"):
        raise NobodyThere("not_found", field, f"{field}: nobody in this company has the extension {text}",
                          "numbers outside begin with 0 or +")
    first = tx.one(f"{_SITES} ORDER BY t.site_id LIMIT 1", company_id=company_id)
    try:
        return PhoneNumber.parse(text, first.country, first.area_code).e164
    except InvalidNumber as error:
        raise NotUnderstood("invalid_field", field, f"{field}: {error.rule}",
                            "an extension or a number" + (", or `withheld`" if field == "caller" else "")) from error
