"""Use cases: subscribers and their devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.routing.apply.write import new_lamp_key, new_password, sip_ha1
from services.routing.company import numbers
from services.routing.company.common import as_e164, differing, inside_of, must_be_possible, note, site_of
from services.routing.features import Actor, Refused
from services.routing.features.words import InUse
from shared.database import NotFound, Row, Transaction
from shared.handset_secrets import new_token, sip_password, token_sha256

FIELDS = ("first_name", "last_name", "extension", "site_id", "department_id", "email", "language", "mobile_number")
_SHOWN = (
    "SELECT s.subscriber_id, s.extension, s.first_name, s.last_name, s.site_id, s.department_id, s.email, s.language,"
    " s.mobile_number, (SELECT n.number FROM directory.numbers n WHERE n.company_id = s.company_id"
    " AND n.subscriber_id = s.subscriber_id AND n.is_main) AS number FROM directory.subscribers s"
    " WHERE s.company_id = :company_id")


def subscribers(tx: Transaction, company_id: int, *, search: str | None, site_id: int | None, after: str,
                limit: int) -> list[Row]:
    """In the order of their extensions, those after this one; search: part of name, extension, e-mail or number."""
    return tx.rows(
        f"{_SHOWN} AND s.extension > :after AND s.site_id = coalesce(:site_id, s.site_id)"
        " AND (CAST(:search AS text) IS NULL OR strpos(lower(s.extension || ' ' || s.first_name || ' ' || s.last_name"
        " || ' ' || coalesce(s.email, '')), lower(:search)) > 0 OR EXISTS (SELECT FROM directory.numbers m"
        " WHERE m.company_id = s.company_id AND m.subscriber_id = s.subscriber_id"
        " AND strpos(m.number, :search) > 0)) ORDER BY s.extension LIMIT :limit",
        company_id=company_id, search=search, site_id=site_id, after=after, limit=limit)


def subscriber(tx: Transaction, company_id: int, subscriber_id: int, *, held: bool = False) -> Row:
    """Raises NotFound. held: nobody else changes this person until the end of the transaction."""
    row = tx.row(f"{_SHOWN} AND s.subscriber_id = :id{' FOR NO KEY UPDATE OF s' if held else ''}",
                 company_id=company_id, id=subscriber_id)
    if row is None:
        raise NotFound("no such subscriber")
    return row


def add(tx: Transaction, company_id: int, fields: Mapping[str, Any], actor: Actor) -> Row:
    """fields: FIELDS; language None: the company's. Raises Refused, InUse."""
    wanted = _checked(tx, company_id, fields)
    must_be_possible(wanted["extension"], inside_of(tx, company_id))
    subscriber_id = int(tx.one(
        "INSERT INTO directory.subscribers (company_id, first_name, last_name, extension, site_id, department_id,"
        " email, language, mobile_number) SELECT c.company_id, :first_name, :last_name, :extension, :site_id,"
        " :department_id, :email, coalesce(:language, c.language), :mobile_number FROM directory.companies c"
        " WHERE c.company_id = :company_id RETURNING subscriber_id", company_id=company_id, **wanted).subscriber_id)
    note(tx, company_id, actor, f"subscriber {wanted['extension']}", None, wanted, subscriber_id=subscriber_id)
    return subscriber(tx, company_id, subscriber_id)


def change(tx: Transaction, company_id: int, subscriber_id: int, changes: Mapping[str, Any], actor: Actor) -> Row:
    old = subscriber(tx, company_id, subscriber_id, held=True)
    whole = {name: changes.get(name, old[name]) for name in FIELDS}
    if "site_id" in changes and changes["site_id"] != old.site_id and "department_id" not in changes:
        whole["department_id"] = None       # a department belongs to its site
    wanted = _checked(tx, company_id, whole)
    if wanted["extension"] != old.extension:
        must_be_possible(wanted["extension"], inside_of(tx, company_id, but_subscriber=subscriber_id))
    before, after = differing(old, wanted)
    if after:
        tx.execute(
            "UPDATE directory.subscribers SET first_name = :first_name, last_name = :last_name,"
            " extension = :extension, site_id = :site_id, department_id = :department_id, email = :email,"
            " language = coalesce(:language, language), mobile_number = :mobile_number"
            " WHERE company_id = :company_id AND subscriber_id = :id",
            company_id=company_id, id=subscriber_id, **wanted)
        if "site_id" in after:
            tx.execute("UPDATE directory.numbers SET site_id = :site_id WHERE company_id = :company_id"
                       " AND subscriber_id = :id", company_id=company_id, id=subscriber_id, site_id=wanted["site_id"])
        note(tx, company_id, actor, f"subscriber {wanted['extension']}", before, after, subscriber_id=subscriber_id)
    return subscriber(tx, company_id, subscriber_id)


def _checked(tx: Transaction, company_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {name: fields[name] for name in FIELDS}
    site = site_of(tx, company_id, wanted["site_id"])
    if wanted["department_id"] is not None and tx.row(
            "SELECT 1 AS there FROM directory.departments WHERE company_id = :company_id AND site_id = :site_id"
            " AND department_id = :id", company_id=company_id, site_id=site.site_id,
            id=wanted["department_id"]) is None:
        raise Refused("department_unknown", f"{site.name} has no such department", "department_id")
    if wanted["mobile_number"] is not None:
        wanted["mobile_number"] = as_e164(wanted["mobile_number"], site, "mobile_number")
    return wanted


def remove(tx: Transaction, company_id: int, subscriber_id: int, actor: Actor) -> dict[str, Any]:
    """Gone with everything of his; what that was. Numbers are free again, whoever sent calls to him is named."""
    old = subscriber(tx, company_id, subscriber_id, held=True)
    own = [row.number for row in numbers.of_subscriber(tx, company_id, subscriber_id)]
    gone = {
        "subscriber_id": subscriber_id, "extension": old.extension, "freed_numbers": own,
        "devices": [row.device_id for row in devices(tx, company_id, subscriber_id)],
        "messages": tx.one("SELECT voicemail.messages_kept(:company_id, :id) AS kept", company_id=company_id,
                           id=subscriber_id).kept,
        "still_sent_there": _sent_there(tx, company_id, subscriber_id, [old.extension, *own]),
    }
    tx.execute("DELETE FROM directory.subscribers WHERE company_id = :company_id AND subscriber_id = :id",
               company_id=company_id, id=subscriber_id)
    note(tx, company_id, actor, f"subscriber {old.extension}", {**old, **gone}, None)
    return gone


def _sent_there(tx: Transaction, company_id: int, subscriber_id: int, places: list[str]) -> list[str]:
    """Settings of others that lead to these extensions or numbers, and now to nobody."""
    return [row.words for row in tx.rows(
        """SELECT DISTINCT words FROM (
               SELECT 'forwarding of ' || s.extension AS words FROM routing.forwardings f
               JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (f.company_id, f.subscriber_id)
               WHERE f.company_id = :company_id AND f.target = ANY (:places) AND f.subscriber_id <> :id
               UNION ALL
               SELECT coalesce('rule of ' || s.extension, 'rule of site ' || t.name, 'rule of the company')
               FROM routing.call_rules r
               LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (r.company_id, r.subscriber_id)
               LEFT JOIN directory.sites t ON (t.company_id, t.site_id) = (r.company_id, r.site_id)
               WHERE r.company_id = :company_id AND r.target = ANY (:places) AND r.subscriber_id IS DISTINCT FROM :id
               UNION ALL
               SELECT 'night service of ' || t.name FROM routing.site_settings g
               JOIN directory.sites t ON (t.company_id, t.site_id) = (g.company_id, g.site_id)
               WHERE g.company_id = :company_id AND (g.night_target = ANY (:places)
                     OR substr(g.night_target, 9) = ANY (:places) AND g.night_target LIKE 'mailbox:%')
               UNION ALL
               SELECT coalesce('intercept of ' || s.extension, 'intercept of ' || t.name) FROM routing.intercepts i
               LEFT JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (i.company_id, i.subscriber_id)
               LEFT JOIN directory.sites t ON (t.company_id, t.site_id) = (i.company_id, i.site_id)
               WHERE i.company_id = :company_id AND i.target = ANY (:places) AND i.subscriber_id IS DISTINCT FROM :id
           ) found ORDER BY words""", company_id=company_id, id=subscriber_id, places=places)]


# ----- devices

_DEVICE = ("SELECT d.device_id, d.subscriber_id, d.label, d.is_mobile AS mobile, c.sip_domain AS domain"
           " FROM directory.devices d JOIN directory.companies c ON c.company_id = d.company_id"
           " WHERE d.company_id = :company_id")


def devices(tx: Transaction, company_id: int, subscriber_id: int) -> list[Row]:
    return tx.rows(f"{_DEVICE} AND d.subscriber_id = :id ORDER BY d.device_id", company_id=company_id,
                   id=subscriber_id)


def device(tx: Transaction, company_id: int, device_id: str) -> Row:
    """Raises NotFound."""
    row = tx.row(f"{_DEVICE} AND d.device_id = :id FOR UPDATE OF d", company_id=company_id, id=device_id)
    if row is None:
        raise NotFound("no such device")
    return row


def add_device(tx: Transaction, company_id: int, subscriber_id: int, fields: Mapping[str, Any], actor: Actor) -> Row:
    """With its password: the only time it is shown."""
    subscriber(tx, company_id, subscriber_id)
    _mobile_is_possible(tx, company_id, fields["mobile"])
    device_id = fields["device_id"]
    there = tx.row("SELECT 1 AS there FROM directory.devices WHERE company_id = :company_id AND device_id = :id",
                   company_id=company_id, id=device_id)
    if there or numbers.taken_elsewhere(tx, company_id, devices=[device_id]):
        raise InUse("device_taken", f"{device_id} is not free", "device_id", "choose another id")
    password = new_password()
    tx.execute(
        "INSERT INTO directory.devices (company_id, device_id, subscriber_id, label, is_mobile,"
        " sip_ha1, lamp_key) VALUES (:company_id, :device_id, :id, :label, :mobile, :ha1, :lamp_key)",
        company_id=company_id, id=subscriber_id, ha1=sip_ha1(device_id, _domain(tx, company_id), password),
        lamp_key=new_lamp_key(), **fields)
    note(tx, company_id, actor, f"device {device_id}", None, dict(fields), subscriber_id=subscriber_id)
    return Row({**device(tx, company_id, device_id), "password": password})


def change_device(tx: Transaction, company_id: int, device_id: str, changes: Mapping[str, Any], actor: Actor) -> Row:
    old = device(tx, company_id, device_id)
    wanted = {name: changes.get(name, old[name]) for name in ("label", "mobile")}
    _mobile_is_possible(tx, company_id, wanted["mobile"])
    before, after = differing(old, wanted)
    if after:
        tx.execute("UPDATE directory.devices SET label = :label, is_mobile = :mobile"
                   " WHERE company_id = :company_id AND device_id = :id", company_id=company_id, id=device_id, **wanted)
        note(tx, company_id, actor, f"device {device_id}", before, after, subscriber_id=old.subscriber_id)
    return device(tx, company_id, device_id)


def new_password_for(tx: Transaction, company_id: int, device_id: str, actor: Actor) -> Row:
    """The old one is void at once."""
    old = device(tx, company_id, device_id)
    password = new_password()
    tx.execute("UPDATE directory.devices SET sip_ha1 = :ha1 WHERE company_id = :company_id AND device_id = :id",
               company_id=company_id, id=device_id, ha1=sip_ha1(device_id, old.domain, password))
    note(tx, company_id, actor, f"device {device_id}", None, {"password": "changed"}, subscriber_id=old.subscriber_id)
    return Row({**old, "password": password})


def new_token_for(tx: Transaction, company_id: int, device_id: str, actor: Actor) -> Row:
    """With it the handset fetches its configuration, its new SIP password included; the old token and the old
    password are void at once."""
    old = device(tx, company_id, device_id)
    token = new_token()
    tx.execute("UPDATE directory.devices SET sip_ha1 = :ha1 WHERE company_id = :company_id AND device_id = :id",
               company_id=company_id, id=device_id,
               ha1=sip_ha1(device_id, old.domain, sip_password(token, device_id, old.domain)))
    tx.execute("INSERT INTO directory.device_tokens (company_id, device_id, token_sha256)"
               " VALUES (:company_id, :id, :sha256)", company_id=company_id, id=device_id, sha256=token_sha256(token))
    note(tx, company_id, actor, f"device {device_id}", None, {"token": "made"}, subscriber_id=old.subscriber_id)
    return Row({**old, "token": token})


def remove_device(tx: Transaction, company_id: int, device_id: str, actor: Actor) -> None:
    """A lost one: it can neither register nor call from now on."""
    old = device(tx, company_id, device_id)
    tx.execute("DELETE FROM directory.devices WHERE company_id = :company_id AND device_id = :id",
               company_id=company_id, id=device_id)
    note(tx, company_id, actor, f"device {device_id}", {"label": old.label}, None, subscriber_id=old.subscriber_id)


def _mobile_is_possible(tx: Transaction, company_id: int, mobile: bool) -> None:
    if mobile and not tx.one("SELECT mobile_integration FROM directory.companies WHERE company_id = :id",
                             id=company_id).mobile_integration:
        raise Refused("no_mobile_integration", "the company has no mobile integration", "mobile",
                      "the operator switches it on")


def _domain(tx: Transaction, company_id: int) -> str:
    return str(tx.one("SELECT sip_domain FROM directory.companies WHERE company_id = :id", id=company_id).sip_domain)
