"""Changes of a plan -> rows, a statement or two for each kind, however many there are.

In one transaction of the company; the caller commits. New devices get their passwords here.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.routing.apply.document import MAILBOX_FIELDS, TRUNK_FIELDS
from services.routing.apply.state import Action, Change, Kind
from services.routing.apply.wanted import Secret
from shared.database import Transaction

_EVER = "1970-01-01"
_LETTERS = string.ascii_letters + string.digits
_LAMP_LETTERS = string.ascii_lowercase + string.digits
PASSWORD_LENGTH = 20
BULK_FROM = 200
"""So many rows of people and more are told to the switch as one notice."""


def new_password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(PASSWORD_LENGTH))


def new_lamp_key() -> str:
    return "".join(secrets.choice(_LAMP_LETTERS) for _ in range(16))


def sip_ha1(device_id: str, domain: str, password: str) -> str:
    """What SIP digest compares (RFC 2617); the password itself is not kept."""
    return hashlib.md5(f"{device_id}:{domain}:{password}".encode(), usedforsecurity=False).hexdigest()


def write(tx: Transaction, company_id: int, domain: str, changes: Sequence[Change]) -> dict[str, str]:
    """Everything but settings, in the order of the changes. Passwords of new devices, by device."""
    of_people = sum(1 for one in changes if one.kind in (Kind.SUBSCRIBER, Kind.NUMBER, Kind.DEVICE, Kind.MAILBOX))
    if of_people >= BULK_FROM:
        tx.execute("SELECT set_config('pbx.bulk', 'on', true)")
        tx.execute("SELECT pg_notify('pbx_directory', '*')")
    by_kind: dict[tuple[Kind, bool], list[Change]] = {}
    for change in changes:
        if change.action is not Action.KEEP:
            by_kind.setdefault((change.kind, change.action is Action.REMOVE), []).append(change)
    passwords: dict[str, str] = {}
    for kind in _GO_FIRST:
        if found := by_kind.get((kind, True)):
            _REMOVE[kind](tx, company_id, found)
    # A number that changes hands leaves the one before it comes to the other: nobody has two main ones meanwhile.
    moved = [change for change in by_kind.get((Kind.NUMBER, False), ()) if change.action is Action.CHANGE]
    if moved:
        _remove_numbers(tx, company_id, moved)
    for kind in Kind:
        if found := by_kind.get((kind, False)):
            if kind is Kind.DEVICE:
                passwords = _put_devices(tx, company_id, domain, found)
            else:
                _PUT[kind](tx, company_id, found)
    for kind in _GO_LAST:
        if found := by_kind.get((kind, True)):
            _REMOVE[kind](tx, company_id, found)
    return passwords


def create_company(tx: Transaction, domain: str, fields: Mapping[str, Any]) -> int:
    """The transaction is one for all companies until then, and the new company's afterwards."""
    row = tx.one(
        "INSERT INTO directory.companies (name, sip_domain, language, mobile_integration, allowed_classes)"
        " VALUES (:name, :domain, :language, :mobile_integration, :classes) RETURNING company_id",
        domain=domain, **fields)
    company_id = int(row.company_id)
    narrow(tx, company_id)
    return company_id


def narrow(tx: Transaction, company_id: int) -> None:
    """From here on the transaction sees this company only."""
    tx.execute("SELECT set_config('pbx.company', :company, true)", company=str(company_id))


def _rows(changes: Iterable[Change], *key_names: str) -> str:
    """The changes as the argument of jsonb_to_recordset."""
    return json.dumps([
        {**dict(zip(key_names, change.key, strict=True)), **change.new} for change in changes], default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return value.value
    raise TypeError(type(value).__name__)


def _put_company(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.action is Action.CHANGE:
            tx.execute(
                "UPDATE directory.companies SET name = :name, language = :language,"
                " mobile_integration = :mobile_integration, allowed_classes = :classes WHERE company_id = :company_id",
                company_id=company_id, **change.new)


def _put_trunks(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    # Positions are unique at every moment: all step aside, then each takes its own.
    tx.execute(
        "UPDATE directory.trunks SET position = position + 1 + (SELECT max(t.position) FROM directory.trunks t"
        " WHERE t.company_id = :company_id) + 1000 WHERE company_id = :company_id", company_id=company_id)
    for change in changes:
        values = {name: change.new[name] for name in (*TRUNK_FIELDS, "position")}
        if "password" in change.new:
            values["password"] = change.new["password"].value
        columns = ", ".join(values)
        tx.execute(
            f"INSERT INTO directory.trunks (company_id, name, {columns})"
            f" VALUES (:company_id, :name, {', '.join(f':{name}' for name in values)})"
            f" ON CONFLICT (name) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in values)}",
            company_id=company_id, name=change.key[0], **values)
    _close_up_trunks(tx, company_id)


def _close_up_trunks(tx: Transaction, company_id: int) -> None:
    """Those that only stepped aside stand behind, in their order."""
    for row in tx.rows(
            "SELECT trunk_id, row_number() OVER (ORDER BY position) AS place, position FROM directory.trunks"
            " WHERE company_id = :company_id ORDER BY position", company_id=company_id):
        if row.place != row.position:
            tx.execute("UPDATE directory.trunks SET position = :place WHERE company_id = :company_id"
                       " AND trunk_id = :id", place=row.place, company_id=company_id, id=row.trunk_id)


def _remove_trunks(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute("DELETE FROM directory.trunks WHERE company_id = :company_id AND name = ANY (:names)",
               company_id=company_id, names=[change.key[0] for change in changes])
    _close_up_trunks(tx, company_id)


def _put_sites(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute(
        "INSERT INTO directory.sites (company_id, name, country, area_code, region, time_zone, main_number)"
        " SELECT :company_id, w.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS"
        " w(name text, country text, area_code text, region text, time_zone text, main_number text)"
        " ON CONFLICT (company_id, name) DO UPDATE SET country = excluded.country, area_code = excluded.area_code,"
        " region = excluded.region, time_zone = excluded.time_zone, main_number = excluded.main_number",
        company_id=company_id, rows=_rows(changes, "name"))


def _remove_sites(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    names = [change.key[0] for change in changes]
    tx.execute(   # numbers that belong to a site and to nobody are free with it
        "DELETE FROM directory.numbers n USING directory.sites s WHERE n.company_id = :company_id"
        " AND s.company_id = n.company_id AND s.site_id = n.site_id AND n.subscriber_id IS NULL"
        " AND s.name = ANY (:names)", company_id=company_id, names=names)
    tx.execute("DELETE FROM directory.sites WHERE company_id = :company_id AND name = ANY (:names)",
               company_id=company_id, names=names)


def _put_pools(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    _remove_pools(tx, company_id, [change for change in changes if change.action is Action.CHANGE])
    tx.execute(
        "INSERT INTO directory.number_pools (company_id, site_id, first_number, last_number, valid_from)"
        " SELECT s.company_id, s.site_id, w.first, w.last, coalesce(w.valid_from, CAST(:ever AS date))"
        " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(site text, first text, last text, valid_from date)"
        " JOIN directory.sites s ON s.company_id = :company_id AND s.name = w.site",
        company_id=company_id, ever=_EVER, rows=_rows(changes, "site", "first", "last"))


def _remove_pools(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute(
        "DELETE FROM directory.number_pools p USING directory.sites s,"
        " unnest(CAST(:sites AS text[]), CAST(:firsts AS text[]), CAST(:lasts AS text[])) AS gone(site, first, last)"
        " WHERE p.company_id = :company_id AND s.company_id = p.company_id AND s.site_id = p.site_id"
        " AND (s.name, p.first_number, p.last_number) = (gone.site, gone.first, gone.last)",
        company_id=company_id, sites=[change.key[0] for change in changes],
        firsts=[change.key[1] for change in changes], lasts=[change.key[2] for change in changes])


def _put_departments(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute(
        "INSERT INTO directory.departments (company_id, site_id, name) SELECT s.company_id, s.site_id, w.name"
        " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(site text, name text)"
        " JOIN directory.sites s ON s.company_id = :company_id AND s.name = w.site",
        company_id=company_id, rows=_rows(changes, "site", "name"))


def _remove_departments(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    gone = {"company_id": company_id, "sites": [change.key[0] for change in changes],
            "names": [change.key[1] for change in changes]}
    # Whoever is in it and stays gets the department the file names for him, or none (_put_subscribers).
    tx.execute(
        "UPDATE directory.subscribers p SET department_id = NULL FROM directory.departments d, directory.sites s,"
        " unnest(CAST(:sites AS text[]), CAST(:names AS text[])) AS gone(site, name)"
        " WHERE p.company_id = :company_id AND d.company_id = p.company_id AND d.department_id = p.department_id"
        " AND s.company_id = d.company_id AND s.site_id = d.site_id AND (s.name, d.name) = (gone.site, gone.name)",
        **gone)
    tx.execute(
        "DELETE FROM directory.departments d USING directory.sites s,"
        " unnest(CAST(:sites AS text[]), CAST(:names AS text[])) AS gone(site, name)"
        " WHERE d.company_id = :company_id AND s.company_id = d.company_id AND s.site_id = d.site_id"
        " AND (s.name, d.name) = (gone.site, gone.name)", **gone)


_PEOPLE = (
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(extension text, first_name text, last_name text, site text,"
    " department text, email text, language text, mobile_number text)"
    " JOIN directory.sites s ON s.company_id = :company_id AND s.name = w.site"
    " LEFT JOIN directory.departments d"
    " ON d.company_id = s.company_id AND d.site_id = s.site_id AND d.name = w.department")


def _put_subscribers(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    rows = _rows(changes, "extension")
    tx.execute(
        "INSERT INTO directory.subscribers (company_id, site_id, department_id, first_name, last_name, extension,"
        " email, language, mobile_number) SELECT s.company_id, s.site_id, d.department_id, w.first_name, w.last_name,"
        f" w.extension, w.email, w.language, w.mobile_number{_PEOPLE}"
        " ON CONFLICT (company_id, extension) DO UPDATE SET site_id = excluded.site_id,"
        " department_id = excluded.department_id, first_name = excluded.first_name, last_name = excluded.last_name,"
        " email = excluded.email, language = excluded.language, mobile_number = excluded.mobile_number",
        company_id=company_id, rows=rows)
    if any(change.action is Action.CHANGE for change in changes):
        tx.execute(
            "UPDATE directory.numbers n SET site_id = p.site_id FROM directory.subscribers p"
            " WHERE n.company_id = :company_id AND p.company_id = n.company_id AND p.subscriber_id = n.subscriber_id"
            " AND n.site_id <> p.site_id", company_id=company_id)


def _remove_subscribers(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute("DELETE FROM directory.subscribers WHERE company_id = :company_id AND extension = ANY (:extensions)",
               company_id=company_id, extensions=[change.key[0] for change in changes])


def _put_numbers(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    # A site's own main number may stand there as nobody's: now it is somebody's.
    tx.execute(
        "INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main, distinctive_ring)"
        " SELECT w.number, p.company_id, p.site_id, p.subscriber_id, w.main, w.ring"
        " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(number text, subscriber text, main boolean, ring text)"
        " JOIN directory.subscribers p ON p.company_id = :company_id AND p.extension = w.subscriber"
        " ON CONFLICT (number) DO UPDATE SET site_id = excluded.site_id, subscriber_id = excluded.subscriber_id,"
        " is_main = excluded.is_main, distinctive_ring = excluded.distinctive_ring",
        company_id=company_id, rows=_rows(changes, "number"))


def _remove_numbers(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute("DELETE FROM directory.numbers WHERE company_id = :company_id AND number = ANY (:numbers)",
               company_id=company_id, numbers=[change.key[0] for change in changes])


def _put_devices(tx: Transaction, company_id: int, domain: str, changes: Sequence[Change]) -> dict[str, str]:
    passwords = {change.key[0]: new_password() for change in changes if change.action is Action.CREATE}
    rows = json.dumps([
        {"id": change.key[0], **change.new, "lamp_key": new_lamp_key(),
         "ha1": sip_ha1(change.key[0], domain, passwords[change.key[0]])}
        for change in changes if change.action is Action.CREATE])
    tx.execute(
        "INSERT INTO directory.devices"
        " (company_id, device_id, subscriber_id, label, is_mobile, sip_ha1, lamp_key)"
        " SELECT p.company_id, w.id, p.subscriber_id, w.label, w.mobile, w.ha1, w.lamp_key"
        " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS"
        " w(id text, subscriber text, label text, mobile boolean, ha1 text, lamp_key text)"
        " JOIN directory.subscribers p ON p.company_id = :company_id AND p.extension = w.subscriber",
        company_id=company_id, rows=rows)
    tx.execute(
        "UPDATE directory.devices d SET subscriber_id = p.subscriber_id, label = w.label,"
        " is_mobile = w.mobile FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS"
        " w(id text, subscriber text, label text, mobile boolean)"
        " JOIN directory.subscribers p ON p.company_id = :company_id AND p.extension = w.subscriber"
        " WHERE d.company_id = :company_id AND d.device_id = w.id",
        company_id=company_id, rows=_rows((change for change in changes if change.action is Action.CHANGE), "id"))
    return passwords


def _remove_devices(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    tx.execute("DELETE FROM directory.devices WHERE company_id = :company_id AND device_id = ANY (:devices)",
               company_id=company_id, devices=[change.key[0] for change in changes])


def _put_mailboxes(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    ids = subscriber_ids(tx, company_id)
    rows = [{"subscriber_id": ids[change.key[0]], **{name: change.new[name] for name in MAILBOX_FIELDS}}
            for change in changes]
    tx.execute("SELECT voicemail.put_mailboxes(:company_id, CAST(:rows AS jsonb))",
               company_id=company_id, rows=json.dumps(rows))


def _remove_mailboxes(tx: Transaction, company_id: int, changes: Sequence[Change]) -> None:
    ids = subscriber_ids(tx, company_id)
    tx.execute("SELECT voicemail.remove_mailboxes(:company_id, CAST(:ids AS bigint[]))",
               company_id=company_id, ids=[ids[change.key[0]] for change in changes])


def subscriber_ids(tx: Transaction, company_id: int) -> dict[str, int]:
    return {row.extension: int(row.subscriber_id) for row in tx.rows(
        "SELECT extension, subscriber_id FROM directory.subscribers WHERE company_id = :id", id=company_id)}


def site_ids(tx: Transaction, company_id: int) -> dict[str, int]:
    return {row.name: int(row.site_id) for row in tx.rows(
        "SELECT name, site_id FROM directory.sites WHERE company_id = :id", id=company_id)}


_Write = Callable[[Transaction, int, Sequence[Change]], None]
_PUT: Mapping[Kind, _Write] = {
    Kind.COMPANY: _put_company, Kind.TRUNK: _put_trunks, Kind.SITE: _put_sites, Kind.POOL: _put_pools,
    Kind.DEPARTMENT: _put_departments, Kind.SUBSCRIBER: _put_subscribers, Kind.NUMBER: _put_numbers,
    Kind.MAILBOX: _put_mailboxes,
}
_REMOVE: Mapping[Kind, _Write] = {
    Kind.TRUNK: _remove_trunks, Kind.SITE: _remove_sites, Kind.POOL: _remove_pools,
    Kind.DEPARTMENT: _remove_departments, Kind.SUBSCRIBER: _remove_subscribers, Kind.NUMBER: _remove_numbers,
    Kind.DEVICE: _remove_devices, Kind.MAILBOX: _remove_mailboxes,
}
_GO_FIRST = (Kind.MAILBOX, Kind.DEVICE, Kind.NUMBER, Kind.POOL, Kind.TRUNK)
# What others may still hang on until they were changed: a site whose people move, a person whose handset is handed on.
_GO_LAST = (Kind.SUBSCRIBER, Kind.DEPARTMENT, Kind.SITE)
