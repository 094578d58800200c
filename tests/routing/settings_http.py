"""A client of the settings over HTTP, with a token for each role."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient

from services.routing.api import audit as audit_api
from services.routing.api import forwardings as forwardings_api
from services.routing.api import settings as settings_api
from services.routing.features import FEATURES, Scope
from shared.api import create_app
from shared.database import Database

ANNA, BERND, CLARA = 70121, 70122, 70123
COMPANY, SITE, OTHER_COMPANY, OTHER_SITE, STRANGER = 701, 7011, 702, 7021, 70221
TOKENS = {
    "anna": ("subscriber", COMPANY, ANNA), "bernd": ("subscriber", COMPANY, BERND),
    "admin": ("administrator", COMPANY, None), "clara": ("administrator", COMPANY, CLARA),
    "stranger": ("subscriber", OTHER_COMPANY, STRANGER), "other admin": ("administrator", OTHER_COMPANY, None),
    "operator": ("operator", None, None),
}
TABLES = ("routing.audit", "routing.assistants", "routing.executives", "routing.night_switchers", "routing.intercepts",
          "routing.call_rules", "routing.speed_dials", "routing.simultaneous_numbers", "routing.call_settings",
          "routing.site_settings", "routing.barring_profiles", "routing.forwardings", "routing.call_limits",
          "routing.pickup_groups")


def token(who: str) -> str:
    return f"settings-{who.replace(' ', '-')}-0123456789"


class Client:
    def __init__(self, flask: FlaskClient, published: list[Any]) -> None:
        self.flask = flask
        self.published = published

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.flask.open(
            path, method=method, json=body,
            headers={"Authorization": f"Bearer {token(who)}",
                     **{name.replace("_", "-"): value for name, value in headers.items()}})

    def get(self, who: str, path: str) -> Any:
        return self.ask(who, "GET", path)

    def patch(self, who: str, path: str, body: Any, **headers: str) -> Any:
        return self.ask(who, "PATCH", path, body, **headers)


@contextmanager
def settings_client(database: Database, owner_sql: Any) -> Iterator[Client]:
    for who, (role, company, subscriber) in TOKENS.items():
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                  " VALUES (%(hash)s, %(role)s, %(company)s, %(subscriber)s, 'settings')",
                  hash=hashlib.sha256(token(who).encode()).digest(), role=role, company=company, subscriber=subscriber)
    app, api = create_app("routing", database=database)
    published: list[Any] = []
    api.register_blueprint(settings_api.blueprint(database, published.append))
    api.register_blueprint(audit_api.blueprint(database))
    api.register_blueprint(forwardings_api.blueprint(database, published.append))
    yield Client(app.test_client(), published)
    owner_sql("DELETE FROM directory.api_tokens WHERE label = 'settings'")
    wipe(owner_sql)


def wipe(owner_sql: Any) -> None:
    for table in TABLES:
        owner_sql(f"DELETE FROM {table}")
    owner_sql("UPDATE directory.companies SET allowed_classes = ARRAY['national', 'mobile'],"
              " max_external_calls_per_minute = 100, call_retention_days = NULL, pin_digits_at_least = DEFAULT"
              " WHERE company_id IN (701, 702)")
    owner_sql("UPDATE directory.subscribers SET mobile_number = CASE subscriber_id WHEN 70121 THEN '+491715550121' END"
              " WHERE company_id IN (701, 702)")
    owner_sql("UPDATE directory.numbers SET distinctive_ring = CASE number WHEN '+4930555799' THEN 'bellcore-2' END"
              " WHERE company_id IN (701, 702)")
    owner_sql("UPDATE voicemail.mailboxes SET on_always = false, on_busy = false, on_no_answer = true,"
              " no_answer_rings = 6 WHERE company_id = 701")


def resources() -> list[tuple[str, Scope]]:
    return [(feature.name, scope) for feature in FEATURES.values() for scope in Scope if scope in feature.scopes]


def address(name: str, scope: Scope, who: int | None = None) -> str:
    """who: the person, site or company; None: Anna, her site, her company."""
    match scope:
        case Scope.SUBSCRIBER:
            return f"/v1/subscribers/{who or ANNA}/settings/{name}"
        case Scope.SITE:
            return f"/v1/sites/{who or SITE}/settings/{name}"
        case _:
            return f"/v1/companies/{who or COMPANY}/settings/{name}"


def taken(client: Client, who: str, name: str, body: Any, scope: Scope = Scope.SUBSCRIBER,
          of: int | None = None) -> dict[str, Any]:
    """The whole resource after the change, which is what stands there from now on."""
    path = f"/v1/settings/{name}" if scope is Scope.SUBSCRIBER and of is None else address(name, scope, of)
    answer = client.patch(who, path, body)
    assert answer.status_code == 200, answer.get_json()
    kept = client.get(who, path)
    assert kept.get_json() == answer.get_json()
    assert kept.headers["ETag"] == answer.headers["ETag"]
    whole: dict[str, Any] = answer.get_json()
    return whole


def refused(client: Client, name: str, body: Any, scope: Scope = Scope.SUBSCRIBER,
            who: str = "admin") -> tuple[int, str, str | None]:
    """(status, error, field); and nothing of the resource has changed."""
    path = address(name, scope)
    before = client.get(who, path)
    answer = client.patch(who, path, body)
    assert client.get(who, path).headers["ETag"] == before.headers["ETag"]
    said = answer.get_json()
    assert said["message"]
    return answer.status_code, said["error"], said["field"]
