"""A company with two subscribers and another one beside it, on the real database; the service's HTTP without a port."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from flask.testing import FlaskClient

from services.callback.api.calls import blueprint
from services.callback.api.webhooks import blueprint as webhooks_blueprint
from services.callback.feed import Feed
from services.callback.receivers import Network
from services.callback.transfer import HandedOn
from shared.api import create_app, token_sha256
from shared.database import Database

DOMAIN = "backstube.example"
Owner = Callable[..., list[Any]]


@dataclass
class Person:
    company_id: int
    subscriber_id: int
    token: str


@dataclass
class People:
    anna: Person
    bernd: Person
    stranger: Person
    """Of another company, with Anna's extension."""
    operator_token: str = "operator-token-0000"  # noqa: S105
    admin_token: str = "admin-token-00000000"  # noqa: S105
    """Of the administrator of Anna's company, who is nobody there himself."""


@dataclass
class Web:
    """HTTP as a subscriber's program speaks it."""

    client: FlaskClient
    people: People
    feed: Feed
    woken: list[None] = field(default_factory=list)
    hung_up: list[UUID] = field(default_factory=list)
    sent: list[HandedOn] = field(default_factory=list)
    """Whose partner was handed on, and where; partner_is_there False: there was none."""
    partner_is_there: bool = True

    def handed_on(self, handed: HandedOn) -> bool:
        if self.partner_is_there:
            self.sent.append(handed)
        return self.partner_is_there

    def _headers(self, token: str | None, key: str | None) -> dict[str, str]:
        found = {"Authorization": f"Bearer {token or self.people.anna.token}"}
        return {**found, "Idempotency-Key": key} if key is not None else found

    def post(self, body: Any = None, key: str | None = "", token: str | None = None) -> Any:
        key = str(uuid4()) if key == "" else key
        return self.client.post("/v1/calls", json={"target": "22"} if body is None else body,
                                headers=self._headers(token, key))

    def get(self, path: str = "", token: str | None = None) -> Any:
        return self.client.get(f"/v1/calls{path}", headers=self._headers(token, None))

    def delete(self, attempt_id: str, token: str | None = None) -> Any:
        return self.client.delete(f"/v1/calls/{attempt_id}", headers=self._headers(token, None))


@contextmanager
def sql_as_owner(admin_database_url: str) -> Iterator[Owner]:
    """SQL as the owner of the database, over all companies."""
    connection = psycopg2.connect(admin_database_url)
    connection.autocommit = True

    def run(sql: str, *values: object) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SET pbx.company = 'platform'")
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    yield run
    connection.close()


@pytest.fixture(scope="session")
def owner(admin_database_url: str) -> Iterator[Owner]:
    with sql_as_owner(admin_database_url) as run:
        yield run


@pytest.fixture(scope="session")
def people(owner: Owner) -> People:
    return settle(owner, DOMAIN, "cb-")


def settle(owner: Owner, domain: str, prefix: str) -> People:
    """prefix: of the device ids, which no two companies of a database may share."""
    def company(name: str, domain: str, country: str, area_code: str) -> tuple[int, int]:
        [(company_id,)] = owner(
            "INSERT INTO directory.companies (name, sip_domain) VALUES (%s, %s) RETURNING company_id", name, domain)
        [(site_id,)] = owner(
            "INSERT INTO directory.sites (company_id, name, country, area_code) VALUES (%s, 'Haus', %s, %s)"
            " RETURNING site_id", company_id, country, area_code)
        return company_id, site_id

    def person(at: tuple[int, int], name: str, extension: str, language: str, *devices: str) -> Person:
        [(subscriber_id,)] = owner(
            "INSERT INTO directory.subscribers (company_id, site_id, first_name, last_name, extension, language)"
            " VALUES (%s, %s, %s, 'Bäcker', %s, %s) RETURNING subscriber_id", *at, name, extension, language)
        for device in devices:
            owner("INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
                  " VALUES (%s, %s, %s, repeat('0', 32), 'lampkey00000')", at[0], device, subscriber_id)
        token = f"{name}-token-{uuid4()}"
        owner("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
              " VALUES (%s, 'subscriber', %s, %s)", token_sha256(token), at[0], subscriber_id)
        return Person(at[0], subscriber_id, token)

    bakery = company("Backstube", domain, "DE", "30")
    other = company("Mühle", "muehle.example", "DE", "40")
    found = People(
        anna=person(bakery, "Anna", "21", "de", prefix + "anna-desk", prefix + "anna-soft"),
        bernd=person(bakery, "Bernd", "22", "en", prefix + "bernd-desk"),
        stranger=person(other, "Ulf", "21", "de"),
    )
    owner("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)"
          " VALUES ('+49305551122', %s, %s, %s, true)", *bakery, found.bernd.subscriber_id)
    owner("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)"
          " VALUES ('+49305551121', %s, %s, %s, true), ('+49305551131', %s, %s, %s, false)",
          *bakery, found.anna.subscriber_id, *bakery, found.anna.subscriber_id)
    owner("INSERT INTO directory.api_tokens (token_sha256, role) VALUES (%s, 'operator') ON CONFLICT DO NOTHING",
          token_sha256(found.operator_token))
    owner("INSERT INTO directory.api_tokens (token_sha256, role, company_id) VALUES (%s, 'administrator', %s)"
          " ON CONFLICT DO NOTHING", token_sha256(found.admin_token), bakery[0])
    return found


@pytest.fixture
def database(service_database_urls: Mapping[str, str], people: People,
             owner: Owner) -> Iterator[Database]:
    """As the service itself logs in; no attempt is left from another test."""
    owner("DELETE FROM callback.attempts")
    owner("DELETE FROM callback.settings")
    owner("DELETE FROM callback.company_settings")
    owner("DELETE FROM routing.call_settings WHERE company_id IN (%s, %s)",
          people.anna.company_id, people.stranger.company_id)
    owner("UPDATE directory.subscribers SET mobile_number = NULL WHERE company_id = %s", people.anna.company_id)
    owner("DELETE FROM callback.outbox")
    found = Database(service_database_urls["callback"])
    yield found
    found.close()


@pytest.fixture
def web(database: Database, people: People) -> Web:
    return open_web(database, people)


def open_web(
    database: Database, people: People, hang_up: Callable[[Iterable[UUID]], object] | None = None,
    networks: Sequence[Network] = (),
) -> Web:
    """hang_up: what really ends legs; without it they are only noted. networks: where webhooks may lead, too."""
    app, api = create_app("callback", database=database)
    found = Web(app.test_client(), people, Feed(database))
    api.register_blueprint(blueprint(
        database, lambda: found.woken.append(None), hang_up or found.hung_up.extend, found.feed,
        found.handed_on))
    api.register_blueprint(webhooks_blueprint(database, networks, lambda: found.woken.append(None)))
    return found
