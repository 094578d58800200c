"""A company as it is in the database, as a State."""

from __future__ import annotations

from services.routing.apply.document import MAILBOX_FIELDS, TRUNK_FIELDS
from services.routing.apply.state import Kind, State
from services.routing.apply.wanted import Secret
from shared.database import Transaction

_EVER = "1970-01-01"


def of(tx: Transaction, company_id: int) -> State:
    """Without settings: those are read by their features (settings.py). One query a kind."""
    state = State()
    for row in tx.rows(
            "SELECT name, language, mobile_integration, allowed_classes FROM directory.companies"
            " WHERE company_id = :id", id=company_id):
        state.put(Kind.COMPANY, (), {
            "name": row.name, "language": row.language, "mobile_integration": row.mobile_integration,
            "classes": sorted(set(row.allowed_classes))})
    for row in tx.rows(
            f"SELECT name, position, password, {', '.join(TRUNK_FIELDS)} FROM directory.trunks"
            " WHERE company_id = :id ORDER BY position", id=company_id):
        state.put(Kind.TRUNK, (row.name,), {name: row[name] for name in TRUNK_FIELDS} | {
            "position": row.position, "password": Secret(row.password) if row.password else None})
    for row in tx.rows(
            "SELECT name, country::text, area_code, region, time_zone, main_number FROM directory.sites"
            " WHERE company_id = :id ORDER BY site_id", id=company_id):
        state.put(Kind.SITE, (row.name,), {
            name: row[name] for name in ("country", "area_code", "region", "time_zone", "main_number")})
    for row in tx.rows(
            "SELECT s.name AS site, p.first_number, p.last_number, p.valid_from::text FROM directory.number_pools p"
            " JOIN directory.sites s ON (s.company_id, s.site_id) = (p.company_id, p.site_id)"
            " WHERE p.company_id = :id ORDER BY p.first_number", id=company_id):
        state.put(Kind.POOL, (row.site, row.first_number, row.last_number), {
            "valid_from": None if row.valid_from == _EVER else row.valid_from})
    for row in tx.rows(
            "SELECT s.name AS site, d.name FROM directory.departments d"
            " JOIN directory.sites s ON (s.company_id, s.site_id) = (d.company_id, d.site_id)"
            " WHERE d.company_id = :id ORDER BY d.department_id", id=company_id):
        state.put(Kind.DEPARTMENT, (row.site, row.name), {})
    _people(tx, company_id, state)
    return state


def _people(tx: Transaction, company_id: int, state: State) -> None:
    for row in tx.rows(
            "SELECT s.extension, s.first_name, s.last_name, t.name AS site, d.name AS department, s.email, s.language,"
            " s.mobile_number FROM directory.subscribers s"
            " JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)"
            " LEFT JOIN directory.departments d ON (d.company_id, d.department_id) = (s.company_id, s.department_id)"
            " WHERE s.company_id = :id ORDER BY s.extension", id=company_id):
        state.put(Kind.SUBSCRIBER, (row.pop("extension"),), dict(row))
    for row in tx.rows(
            "SELECT n.number, s.extension, n.is_main, n.distinctive_ring FROM directory.numbers n"
            " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (n.company_id, n.subscriber_id)"
            " WHERE n.company_id = :id ORDER BY n.number", id=company_id):
        state.put(Kind.NUMBER, (row.number,), {
            "subscriber": row.extension, "main": row.is_main, "ring": row.distinctive_ring})
    for row in tx.rows(
            "SELECT d.device_id, s.extension, d.label, d.is_mobile FROM directory.devices d"
            " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (d.company_id, d.subscriber_id)"
            " WHERE d.company_id = :id ORDER BY d.device_id", id=company_id):
        state.put(Kind.DEVICE, (row.device_id,), {
            "subscriber": row.extension, "label": row.label, "mobile": row.is_mobile})
    for row in tx.rows(
            f"SELECT s.extension, {', '.join(f'm.{name}' for name in MAILBOX_FIELDS)} FROM voicemail.mailboxes m"
            " JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (m.company_id, m.subscriber_id)"
            " WHERE m.company_id = :id ORDER BY s.extension", id=company_id):
        state.put(Kind.MAILBOX, (row.pop("extension"),), dict(row))
