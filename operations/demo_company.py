"""The demo company: ten people at two sites, a trunk, mailboxes, lamps; and a second, small company beside it.

Idempotent: what is missing is made, what somebody changed in it stays. Passwords and tokens are made once per
instance and kept in <run>/secrets.json, which the database only knows as hashes:

    {"devices": {"anna-desk": password}, "tokens": {"anna": token, "admin": token, "operator": token},
     "lamp_keys": {"anna-desk": key}}
"""

import hashlib
import json
import secrets
import string
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from operations.screen import Trouble
from operations.secrets_file import new_secret, write_private


@dataclass(frozen=True)
class Site:
    name: str
    area_code: str
    region: str
    main_number: str
    pool: tuple[str, str]


@dataclass(frozen=True)
class Person:
    first_name: str
    last_name: str
    extension: str
    number: str
    site: str
    department: str
    language: str = "de"
    audio_format: str = "wav"
    more_devices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short and plain: in e-mail addresses and device ids."""
        return self.first_name.lower()

    @property
    def devices(self) -> tuple[str, ...]:
        return (f"{self.name}-desk", *self.more_devices)


@dataclass(frozen=True)
class Company:
    name: str
    sip_domain: str
    sites: tuple[Site, ...]
    people: tuple[Person, ...]
    trunks: tuple[str, ...] = ()
    watched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


BERLIN = Site("Berlin", "30", "BE", "+49305550000", ("+49305550000", "+49305550099"))
MUENCHEN = Site("München", "89", "BY", "+49895550000", ("+49895550000", "+49895550099"))
HAMBURG = Site("Hamburg", "40", "HH", "+49405550000", ("+49405550000", "+49405550099"))

MUSTERBAU = Company(
    "Musterbau GmbH", "musterbau.example", (BERLIN, MUENCHEN),
    (
        Person("Anna", "Berger", "21", "+49305550021", "Berlin", "Verkauf", more_devices=("anna-soft",)),
        Person("Bernd", "Köhler", "22", "+49305550022", "Berlin", "Verkauf", language="en", audio_format="mp3"),
        Person("Clara", "Schäfer", "23", "+49305550023", "Berlin", "Verkauf"),
        Person("David", "Groß", "24", "+49305550024", "Berlin", "Technik"),
        Person("Emma", "Weiß", "25", "+49305550025", "Berlin", "Technik"),
        Person("Felix", "Jäger", "26", "+49305550026", "Berlin", "Technik"),
        Person("Greta", "Möller", "27", "+49895550027", "München", "Einkauf"),
        Person("Hans", "Zimmermann", "28", "+49895550028", "München", "Einkauf"),
        Person("Ida", "Lorenz", "29", "+49895550029", "München", "Buchhaltung"),
        Person("Jonas", "Fuchs", "30", "+49895550030", "München", "Buchhaltung"),
    ),
    trunks=("musterbau-1",),
    watched={"anna": ("bernd", "clara")},
)
# Same extensions, other company: what one of them can see or reach of the other is a defect.
KONKURRENZ = Company(
    "Konkurrenz AG", "konkurrenz.example", (HAMBURG,),
    (
        Person("Ulf", "Krüger", "21", "+49405550021", "Hamburg", "Verkauf"),
        Person("Vera", "Sommer", "22", "+49405550022", "Hamburg", "Verkauf"),
    ),
)
COMPANIES = (MUSTERBAU, KONKURRENZ)


def secrets_of(run: Path) -> dict[str, dict[str, str]]:
    """Passwords by device, tokens by name, lamp keys by device; those that are missing made now."""
    file = run / "secrets.json"
    known: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}
    before = json.dumps(known)
    devices = [device for company in COMPANIES for person in company.people for device in person.devices]
    names = [person.name for company in COMPANIES for person in company.people]
    for device in devices:
        known.setdefault("devices", {}).setdefault(device, new_secret(16))
        known.setdefault("lamp_keys", {}).setdefault(device, _lamp_key())
    for name in [*names, "admin", "operator"]:
        known.setdefault("tokens", {}).setdefault(name, new_secret(43))
    if json.dumps(known) != before:
        write_private(file, json.dumps(known, indent=1))
    return known


def _lamp_key() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(16))


def ensure(env: Mapping[str, str]) -> None:
    """Both companies in the instance's database, one transaction."""
    known = secrets_of(Path(env["PBX_RUN"]))
    with _transaction(env["PBX_ADMIN_DATABASE_URL"]) as cursor:
        for company in COMPANIES:
            _ensure_company(cursor, company, known, env)
        musterbau = _value(cursor, "SELECT company_id FROM directory.companies WHERE sip_domain = %(domain)s",
                           domain=MUSTERBAU.sip_domain)
        _ensure_token(cursor, "demo admin", known["tokens"]["admin"], "administrator", musterbau, None)
        _ensure_token(cursor, "demo operator", known["tokens"]["operator"], "operator", None, None)
        # Without passwords: "forgotten" sends a link to the local mailbox.
        for role, company_id, name, address in (("administrator", musterbau, "admin", f"admin@{MUSTERBAU.sip_domain}"),
                                                ("operator", None, "operator", "operator@example.test")):
            cursor.execute("INSERT INTO directory.logins (role, company_id, login_name, name, email, language)"
                           " VALUES (%s, %s, %s, %s, %s, 'de') ON CONFLICT DO NOTHING",
                           (role, company_id, name, name.capitalize(), address))


@contextmanager
def _transaction(url: str) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(url, connect_timeout=5)
    except psycopg2.OperationalError as error:
        raise Trouble(f"The database does not answer: {str(error).strip().splitlines()[0]}",
                      "start it with `make up`") from error
    with closing(connection), connection, connection.cursor() as cursor:
        cursor.execute("SET pbx.company = 'platform'")
        yield cursor


def _value(cursor: Any, sql: str, **values: object) -> Any:
    cursor.execute(sql, values)
    row = cursor.fetchone()
    return row[0] if row else None


def _ensure_company(
    cursor: Any, company: Company, known: Mapping[str, Mapping[str, str]], env: Mapping[str, str],
) -> None:
    cursor.execute("INSERT INTO directory.companies (name, sip_domain) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                   (company.name, company.sip_domain))
    company_id = _value(cursor, "SELECT company_id FROM directory.companies WHERE sip_domain = %(domain)s",
                        domain=company.sip_domain)
    sites = {site.name: _ensure_site(cursor, company_id, site) for site in company.sites}
    for position, trunk in enumerate(company.trunks, start=1):
        # Where it leads is a setting of the instance; the rest may have been changed meanwhile.
        cursor.execute("INSERT INTO directory.trunks (company_id, name, position, host, port)"
                       " VALUES (%s, %s, %s, %s, %s)"
                       " ON CONFLICT (name) DO UPDATE SET host = excluded.host, port = excluded.port",
                       (company_id, trunk, position, env["PBX_TRUNK_HOST"], env["PBX_TRUNK_PORT"]))
    ids = {}
    for person in company.people:
        ids[person.name] = _ensure_person(cursor, company, company_id, sites[person.site], person, known)
    for watcher, others in company.watched.items():
        # Only where nothing is watched yet: a list somebody made shorter stays short.
        if _value(cursor, "SELECT 1 FROM presence.watched WHERE subscriber_id = %(id)s", id=ids[watcher]) is None:
            for position, other in enumerate(others, start=1):
                cursor.execute("INSERT INTO presence.watched VALUES (%s, %s, %s, %s)",
                               (company_id, ids[watcher], position, ids[other]))


def _ensure_site(cursor: Any, company_id: int, site: Site) -> int:
    cursor.execute("INSERT INTO directory.sites (company_id, name, area_code, region, main_number)"
                   " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                   (company_id, site.name, site.area_code, site.region, site.main_number))
    site_id: int = _value(
        cursor, "SELECT site_id FROM directory.sites WHERE company_id = %(company)s AND name = %(name)s",
        company=company_id, name=site.name)
    first, last = site.pool
    cursor.execute("INSERT INTO directory.number_pools (company_id, site_id, first_number, last_number)"
                   " SELECT %(company)s, %(site)s, %(first)s, %(last)s WHERE NOT EXISTS"
                   " (SELECT FROM directory.number_pools WHERE site_id = %(site)s AND first_number = %(first)s)",
                   {"company": company_id, "site": site_id, "first": first, "last": last})
    return site_id


def _ensure_person(cursor: Any, company: Company, company_id: int, site_id: int, person: Person,
                   known: Mapping[str, Mapping[str, str]]) -> int:
    cursor.execute("INSERT INTO directory.departments (company_id, site_id, name) VALUES (%s, %s, %s)"
                   " ON CONFLICT DO NOTHING", (company_id, site_id, person.department))
    department_id = _value(
        cursor, "SELECT department_id FROM directory.departments WHERE site_id = %(site)s AND name = %(name)s",
        site=site_id, name=person.department)
    email = f"{person.name}@{company.sip_domain}"
    cursor.execute(
        "INSERT INTO directory.subscribers (company_id, site_id, department_id, first_name, last_name, extension,"
        " email, language) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (company_id, site_id, department_id, person.first_name, person.last_name, person.extension, email,
         person.language))
    subscriber_id: int = _value(
        cursor, "SELECT subscriber_id FROM directory.subscribers WHERE company_id = %(company)s"
        " AND extension = %(extension)s", company=company_id, extension=person.extension)
    cursor.execute("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)"
                   " VALUES (%s, %s, %s, %s, true) ON CONFLICT DO NOTHING",
                   (person.number, company_id, site_id, subscriber_id))
    for device in person.devices:
        digest = f"{device}:{company.sip_domain}:{known['devices'][device]}".encode()
        # The secrets file is the truth: if it was made anew, the devices get the new passwords, but for those that
        # somebody gave a token since.
        cursor.execute(
            "INSERT INTO directory.devices (company_id, device_id, subscriber_id, label, sip_ha1, lamp_key)"
            " VALUES (%(company)s, %(device)s, %(subscriber)s, %(label)s, %(ha1)s, %(key)s)"
            " ON CONFLICT (device_id) DO UPDATE SET lamp_key = %(key)s, sip_ha1 = CASE"
            " WHEN EXISTS (SELECT FROM directory.device_tokens t WHERE t.device_id = %(device)s)"
            " THEN devices.sip_ha1 ELSE %(ha1)s END",
            {"company": company_id, "device": device, "subscriber": subscriber_id,
             "label": "Softphone" if device.endswith("-soft") else "Tischtelefon",
             "ha1": hashlib.md5(digest, usedforsecurity=False).hexdigest(), "key": known["lamp_keys"][device]})
    cursor.execute(
        "INSERT INTO voicemail.mailboxes (company_id, subscriber_id, deliver_as_mail, email, audio_format)"
        " VALUES (%s, %s, true, %s, %s) ON CONFLICT DO NOTHING",
        (company_id, subscriber_id, email, person.audio_format))
    _ensure_token(cursor, f"demo {person.name}", known["tokens"][person.name], "subscriber", company_id, subscriber_id)
    return subscriber_id


def _ensure_token(cursor: Any, label: str, token: str, role: str, company_id: int | None,
                  subscriber_id: int | None) -> None:
    digest = hashlib.sha256(token.encode()).digest()
    cursor.execute("DELETE FROM directory.api_tokens WHERE label = %s AND token_sha256 <> %s", (label, digest))
    cursor.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                   " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                   (digest, role, company_id, subscriber_id, label))
