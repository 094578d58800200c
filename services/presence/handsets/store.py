"""What a handset's configuration is made of, from the tables; and the note that it was fetched."""

from __future__ import annotations

from dataclasses import dataclass

from services.presence.handsets.configuration import (
    MAILBOX_CODE,
    Account,
    Configuration,
    Contact,
    lamp_keys,
    phone_book,
    plain,
)
from services.presence.handsets.time_zone import rule_of
from shared.database import Database, NotFound, Transaction
from shared.handset_secrets import sip_password, token_sha256


@dataclass(frozen=True, slots=True)
class Handset:
    """Whose token was shown."""

    company_id: int
    device_id: str


def handset_of(database: Database, token: str) -> Handset | None:
    rows = database.call("SELECT company_id, device_id FROM directory.device_of_token(:sha256)",
                         sha256=token_sha256(token))
    return Handset(rows[0].company_id, rows[0].device_id) if rows else None


def read_configuration(database: Database, handset: Handset, token: str, *, server: str, year: int) -> Configuration:
    """server: host:port of the switch for handsets. Raises NotFound for a device that went in this moment."""
    with database.company(handset.company_id) as tx:
        row = tx.one(
            "SELECT d.lamp_key, c.sip_domain AS domain, s.subscriber_id, s.extension, s.language,"
            " btrim(s.first_name || ' ' || s.last_name) AS name, t.time_zone, t.country,"
            " EXISTS (SELECT FROM voicemail.mailbox_routing m WHERE m.company_id = s.company_id"
            " AND m.subscriber_id = s.subscriber_id) AS has_mailbox,"
            " (SELECT f.code FROM routing.changed_codes f WHERE f.company_id = c.company_id AND f.function = :mailbox)"
            " AS mailbox_code"
            " FROM directory.devices d"
            " JOIN directory.companies c ON c.company_id = d.company_id"
            " JOIN directory.subscribers s ON s.company_id = d.company_id AND s.subscriber_id = d.subscriber_id"
            " JOIN directory.sites t ON t.company_id = s.company_id AND t.site_id = s.site_id"
            " WHERE d.company_id = :company AND d.device_id = :device",
            company=handset.company_id, device=handset.device_id, mailbox=MAILBOX_CODE[0])
        names = _watched_names(tx, handset.company_id, row.subscriber_id)
        colleagues = _colleagues(tx, handset.company_id, row.subscriber_id)
        contacts = _contacts(tx, handset.company_id, row.subscriber_id)
    return Configuration(
        account=Account(handset.device_id, row.domain, sip_password(token, handset.device_id, row.domain),
                        plain(row.name), row.extension, server),
        lamp_keys=lamp_keys(row.extension, row.lamp_key, row.domain, names),
        contacts=phone_book(
            [one for one in contacts if one.personal], [*colleagues, *(one for one in contacts if not one.personal)]),
        mailbox_code=(row.mailbox_code or MAILBOX_CODE[1]) if row.has_mailbox else None,
        clock=rule_of(row.time_zone, year), language=row.language, country=row.country,
    )


def _watched_names(tx: Transaction, company_id: int, subscriber_id: int) -> dict[int, str]:
    return {row.position: row.name for row in tx.rows(
        "SELECT w.position, btrim(s.first_name || ' ' || s.last_name) AS name FROM presence.watched w"
        " JOIN directory.subscribers s ON s.company_id = w.company_id AND s.subscriber_id = w.watched_subscriber_id"
        " WHERE w.company_id = :company AND w.subscriber_id = :subscriber",
        company=company_id, subscriber=subscriber_id)}


def _colleagues(tx: Transaction, company_id: int, subscriber_id: int) -> list[Contact]:
    return [Contact(row.name, row.extension, personal=False) for row in tx.rows(
        "SELECT s.extension, btrim(s.first_name || ' ' || s.last_name) AS name FROM directory.subscribers s"
        " WHERE s.company_id = :company AND s.subscriber_id <> :subscriber",
        company=company_id, subscriber=subscriber_id)]


def _contacts(tx: Transaction, company_id: int, subscriber_id: int) -> list[Contact]:
    """The subscriber's own and the company's, an entry for each number; fax machines are not called."""
    return [Contact(row.name, row.number, personal=row.personal, kind=row.label) for row in tx.rows(
        "SELECT coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.organisation) AS name, n.number,"
        " n.label, c.subscriber_id IS NOT NULL AS personal FROM directory.contacts c"
        " JOIN directory.contact_numbers n ON n.company_id = c.company_id AND n.contact_id = c.contact_id"
        " WHERE c.company_id = :company AND (c.subscriber_id = :subscriber OR c.subscriber_id IS NULL)"
        " AND n.label <> 'fax'",
        company=company_id, subscriber=subscriber_id)]


def note_fetch(database: Database, handset: Handset, *, vendor: str, user_agent: str, address: str) -> None:
    with database.company(handset.company_id) as tx:
        # A device that went in this moment has nothing to be noted for.
        if tx.row("SELECT 1 AS there FROM directory.devices WHERE company_id = :company AND device_id = :device",
                  company=handset.company_id, device=handset.device_id) is None:
            raise NotFound("no such device")
        tx.execute(
            "INSERT INTO presence.handset_fetches (company_id, device_id, vendor, user_agent, address)"
            " VALUES (:company, :device, :vendor, :user_agent, :address)"
            " ON CONFLICT (company_id, device_id) DO UPDATE SET at = now(), vendor = excluded.vendor,"
            " user_agent = excluded.user_agent, address = excluded.address",
            company=handset.company_id, device=handset.device_id, vendor=vendor, user_agent=user_agent[:200],
            address=address[:64])
