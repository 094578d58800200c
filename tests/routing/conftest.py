"""A small company in the scratch database, and routing's own way to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from shared.database import Database

COMPANY_SQL = """
INSERT INTO directory.companies (company_id, name, sip_domain)
VALUES (701, 'Amsel GmbH', 'amsel.example'), (702, 'Buche AG', 'buche.example');
INSERT INTO directory.sites (company_id, site_id, name, area_code, main_number)
VALUES (701, 7011, 'Berlin', '30', '+49305557000'), (702, 7021, 'Hamburg', '40', NULL);
INSERT INTO directory.subscribers (company_id, subscriber_id, site_id, first_name, last_name, extension, mobile_number)
SELECT 701, 70100 + n, 7011, 'Person', n::text, n::text, CASE WHEN n = 21 THEN '+491715550121' END
FROM generate_series(21, 30) n;
INSERT INTO directory.subscribers (company_id, subscriber_id, site_id, first_name, last_name, extension)
VALUES (702, 70221, 7021, 'Fremde', 'Person', '21');
INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)
SELECT '+493055570' || n, 701, 7011, 70100 + n, true FROM generate_series(21, 30) n;
INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main, distinctive_ring)
VALUES ('+4930555799', 701, 7011, 70122, false, 'bellcore-2'), ('+4940555721', 702, 7021, 70221, true, NULL);
INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)
SELECT 701, 'amsel-' || n, 70100 + n, repeat('a', 32), 'keykeykey' || n FROM generate_series(21, 30) n;
INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)
VALUES (702, 'buche-21', 70221, repeat('b', 32), 'otherother21');
INSERT INTO directory.trunks (company_id, name, position, host)
VALUES (701, 'amsel-2', 2, 'two.example'), (701, 'amsel-1', 1, 'one.example');
INSERT INTO presence.watched (company_id, subscriber_id, position, watched_subscriber_id) VALUES (701, 70121, 1, 70122);
INSERT INTO voicemail.mailboxes (company_id, subscriber_id, on_busy, on_no_answer, no_answer_rings)
VALUES (701, 70122, false, true, 6);
"""


@pytest.fixture(scope="session")
def owner_sql(admin_database_url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Statements as the owner of the schema; the companies are there."""
    connection = psycopg2.connect(admin_database_url)
    connection.autocommit = True

    def run(statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    run("SET pbx.company = 'platform'")
    run(COMPANY_SQL)
    yield run
    run("DELETE FROM directory.numbers WHERE company_id IN (701, 702)")
    run("DELETE FROM directory.subscribers WHERE company_id IN (701, 702)")
    run("DELETE FROM directory.companies WHERE company_id IN (701, 702)")
    connection.close()


@pytest.fixture(scope="session")
def database(service_database_urls: dict[str, str], owner_sql: object) -> Iterator[Database]:
    one = Database(service_database_urls["routing"])
    yield one
    one.close()


@pytest.fixture
def forwards(owner_sql: Callable[..., object]) -> Iterator[Callable[..., None]]:
    """forwards("22", busy="23", no_answer=("+49171…", 3)), taken back afterwards."""
    def set_up(extension: str, **kinds: str | tuple[str, int]) -> None:
        for kind, to in kinds.items():
            target, rings = (to, 4) if isinstance(to, str) else to
            owner_sql(
                "INSERT INTO routing.forwardings (company_id, subscriber_id, kind, target, rings)"
                " VALUES (701, %(id)s, %(kind)s, %(target)s, %(rings)s)",
                id=70100 + int(extension), kind=kind, target=target, rings=rings)

    yield set_up
    owner_sql("DELETE FROM routing.forwardings")
