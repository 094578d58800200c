"""What a file asks for, as a State: numbers as E.164, names resolved, every rule that needs no database. Pure.

    of(document, source, secrets) -> State; raises Unreadable with everything that is wrong, in the order of the lines
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

from services.routing import extensions
from services.routing.apply.document import MAILBOX_FIELDS, TRUNK_FIELDS, region_of
from services.routing.apply.marks import Path, Source, Unreadable, Wrong
from services.routing.apply.state import Kind, State
from shared.phone_number import InvalidNumber, PhoneNumber

MOST_ADDITIONAL_NUMBERS = 10
MOST_NUMBERS_OF_A_POOL = 100_000
COMPANY_FIELDS = ("name", "language", "mobile_integration", "classes")


@dataclass(frozen=True, slots=True)
class Secret:
    """Compared like its value, shown as none."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "(secret)"


class _Reading:
    def __init__(self, document: Mapping[str, Any], source: Source, secrets: Mapping[str, str]) -> None:
        self.document = document
        self.source = source
        self.secrets = secrets
        self.state = State()
        self.wrong: list[Wrong] = []
        self.sites: dict[str, Mapping[str, Any]] = {}

    def refuse(self, path: Path, rule: str) -> None:
        self.wrong.append(self.source.wrong(path, rule))

    def put(self, kind: Kind, key: tuple[str, ...], fields: dict[str, Any], path: Path) -> bool:
        """False, and refused, if it stands in the file already."""
        if key in self.state.of(kind):
            before = self.source.mark(self.state.paths[kind, key])
            self.refuse(path, f"{' / '.join(key)} is there already{f' (line {before.line})' if before else ''}")
            return False
        self.state.put(kind, key, fields, path)
        return True

    def number(self, text: str, site: Mapping[str, Any], path: Path) -> str | None:
        try:
            return PhoneNumber.parse(text, site["country"], site["area_code"]).e164
        except InvalidNumber as invalid:
            self.refuse(path, invalid.rule)
            return None


def of(document: Mapping[str, Any], source: Source, secrets: Mapping[str, str]) -> State:
    reading = _Reading(document, source, secrets)
    company = document["company"]
    reading.put(Kind.COMPANY, (), {name: company[name] for name in COMPANY_FIELDS} | {
        "classes": sorted(set(company["classes"]))}, ("company",))
    _settings(reading, ("company", ""), company["settings"], ("company", "settings"))
    for at, trunk in enumerate(document["trunks"]):
        _trunk(reading, trunk, at)
    for at, site in enumerate(document["sites"]):
        _site(reading, site, ("sites", at))
    _no_pools_overlap(reading)
    inside = extensions.Inside(
        countries=frozenset(site["country"] for site in document["sites"]),
        mobile_integration=company["mobile_integration"])
    for at, person in enumerate(document["subscribers"]):
        _subscriber(reading, person, inside, ("subscribers", at))
    if reading.wrong:
        raise Unreadable(in_order(reading.wrong))
    return reading.state


def in_order(wrong: list[Wrong]) -> list[Wrong]:
    return sorted(wrong, key=lambda one: (one.mark.line, one.mark.column) if one.mark else (0, 0))


def _settings(reading: _Reading, whose: tuple[str, str], settings: Mapping[str, Any], path: Path) -> None:
    for name, resource in settings.items():
        reading.put(Kind.SETTING, (*whose, name), {"resource": resource}, (*path, name))


def _trunk(reading: _Reading, trunk: Mapping[str, Any], at: int) -> None:
    path: Path = ("trunks", at)
    fields = {name: trunk[name] for name in TRUNK_FIELDS} | {"position": at + 1}
    named = trunk["password_env"]
    if named is not None:
        secret = reading.secrets.get(named)
        if not secret or not all("!" <= sign <= "~" for sign in secret) or len(secret) > 120:
            reading.refuse((*path, "password_env"), f"{named} is not set to a password" if not secret else
                           f"{named} is no password for SIP: 1 to 120 ASCII characters without spaces")
            return
        fields["password"] = Secret(secret)
    if trunk["register"] and trunk["username"] is None:
        reading.refuse((*path, "username"), "is needed where register is true")
    reading.put(Kind.TRUNK, (trunk["name"],), fields, (*path, "name"))


def _site(reading: _Reading, site: Mapping[str, Any], path: Path) -> None:
    if wrong_region := region_of(site["country"], site["region"]):
        reading.refuse((*path, "region"), wrong_region)
    fields = {name: site[name] for name in ("country", "area_code", "region", "time_zone", "main_number")}
    if site["main_number"] is not None:
        fields["main_number"] = reading.number(site["main_number"], site, (*path, "main_number"))
    name = site["name"]
    if not reading.put(Kind.SITE, (name,), fields, (*path, "name")):
        return
    reading.sites[name] = site
    for at, pool in enumerate(site["pools"]):
        _pool(reading, site, pool, (*path, "pools", at))
    for at, department in enumerate(site["departments"]):
        reading.put(Kind.DEPARTMENT, (name, department), {}, (*path, "departments", at))
    _settings(reading, ("site", name), site["settings"], (*path, "settings"))


def _pool(reading: _Reading, site: Mapping[str, Any], pool: Mapping[str, Any], path: Path) -> None:
    first = reading.number(pool["first"], site, (*path, "first"))
    last = reading.number(pool.get("last", pool["first"]), site, (*path, "last" if "last" in pool else "first"))
    if first is None or last is None:
        return
    if rule := range_rule(first, last):
        reading.refuse((*path, "last"), rule)
        return
    since: date | None = pool["valid_from"]
    reading.put(Kind.POOL, (site["name"], first, last), {
        "valid_from": since.isoformat() if since else None}, (*path, "first"))


def range_rule(first: str, last: str) -> str | None:
    """What is wrong with a pool from first to last, or None."""
    if len(first) != len(last):
        return "must have as many digits as first"
    if last < first:
        return "must not come before first"
    if int(last) - int(first) >= MOST_NUMBERS_OF_A_POOL:
        return f"a pool holds at most {MOST_NUMBERS_OF_A_POOL:,} numbers"
    return None


def _no_pools_overlap(reading: _Reading) -> None:
    pools = sorted(reading.state.of(Kind.POOL), key=lambda key: (len(key[1]), key[1]))
    for before, after in pairwise(pools):
        if len(before[1]) == len(after[1]) and after[1] <= before[2]:
            reading.refuse(reading.state.paths[Kind.POOL, after],
                           f"overlaps the pool {before[1]} to {before[2]} of {before[0]}")


def _subscriber(reading: _Reading, person: Mapping[str, Any], inside: extensions.Inside, path: Path) -> None:
    extension = person["extension"]
    if found := extensions.broken(extension, inside):
        reading.refuse((*path, "extension"), found.message)
        return
    site = _site_of(reading, person, path)
    if site is None:
        return
    department = person["department"]
    if department is not None and (site["name"], department) not in reading.state.of(Kind.DEPARTMENT):
        reading.refuse((*path, "department"), f"{site['name']} has no department {department}")
    mobile = person["mobile_number"]
    if mobile is not None:
        mobile = reading.number(mobile, site, (*path, "mobile_number"))
    fields = {
        "first_name": person["first_name"], "last_name": person["last_name"], "site": site["name"],
        "department": department, "email": person["email"],
        "language": person["language"] or reading.document["company"]["language"], "mobile_number": mobile,
    }
    if not reading.put(Kind.SUBSCRIBER, (extension,), fields, (*path, "extension")):
        return
    _numbers(reading, person, site, extension, path)
    for at, device in enumerate(person["devices"]):
        if device["mobile"] and not inside.mobile_integration:
            reading.refuse((*path, "devices", at, "mobile"), "needs mobile_integration of the company")
        reading.put(Kind.DEVICE, (device["id"],), {
            "subscriber": extension, "label": device["label"], "mobile": device["mobile"],
        }, (*path, "devices", at, "id"))
    if person["mailbox"] is not None:
        _mailbox(reading, person["mailbox"], extension, (*path, "mailbox"))
    _settings(reading, ("subscriber", extension), person["settings"], (*path, "settings"))


def _site_of(reading: _Reading, person: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    name = person["site"]
    if name is None and len(reading.sites) == 1:
        return next(iter(reading.sites.values()))
    if name is None:
        reading.refuse((*path, "site"), "is missing: there is more than one site" if reading.sites else
                       "is missing: the file has no site")
        return None
    if name not in reading.sites:
        reading.refuse((*path, "site"), f"there is no site {name} in the file")
        return None
    return reading.sites[name]


def _numbers(reading: _Reading, person: Mapping[str, Any], site: Mapping[str, Any], extension: str,
             path: Path) -> None:
    additional = person["additional_numbers"]
    if len(additional) > MOST_ADDITIONAL_NUMBERS:
        reading.refuse((*path, "additional_numbers", MOST_ADDITIONAL_NUMBERS),
                       f"a subscriber has at most {MOST_ADDITIONAL_NUMBERS} additional numbers")
    written = [(person["number"], True, None, (*path, "number"))] if person["number"] is not None else []
    written += [(one["number"], False, one["ring"], (*path, "additional_numbers", at, "number"))
                for at, one in enumerate(additional)]
    for text, is_main, ring, place in written:
        number = reading.number(text, site, place)
        if number is not None:
            reading.put(Kind.NUMBER, (number,), {"subscriber": extension, "main": is_main, "ring": ring}, place)


def _mailbox(reading: _Reading, mailbox: Mapping[str, Any], extension: str, path: Path) -> None:
    if mailbox["deliver_as_mail"] and mailbox["email"] is None:
        reading.refuse((*path, "email"), "is needed where deliver_as_mail is true")
    if mailbox["delete_after_mail"] and not mailbox["deliver_as_mail"]:
        reading.refuse((*path, "delete_after_mail"), "needs deliver_as_mail")
    reading.put(Kind.MAILBOX, (extension,), {name: mailbox[name] for name in MAILBOX_FIELDS}, path)
