"""Sites, departments, subscribers, devices, numbers and company files over HTTP (N1, N2, N4, N6, N7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from services.routing import api as http
from services.routing.apply.write import sip_ha1
from shared.api import create_app
from shared.database import Database
from shared.handset_secrets import sip_password
from tests.routing.test_apply import FILE, Files, files  # noqa: F401

TOKENS = {"operator": ("operator", None), "admin": ("administrator", "zeisig.example"),
          "stranger": ("administrator", "buche.example")}


def token(who: str) -> str:
    return f"company-{who}-0123456789"


class Client:
    def __init__(self, flask: Any, published: list[Any], rows: Any) -> None:
        self.flask = flask
        self.published = published
        self.rows = rows

    def ask(self, method: str, path: str, body: Any = None, who: str = "admin", **more: Any) -> Any:
        return self.flask.open(path, method=method, json=body, headers={"Authorization": f"Bearer {token(who)}"},
                               **more)

    def done(self, method: str, path: str, body: Any = None, status: int = 200, who: str = "admin") -> Any:
        answer = self.ask(method, path, body, who)
        assert answer.status_code == status, answer.text
        return answer.json if answer.data else None

    def refused(self, method: str, path: str, body: Any = None, *, status: int, error: str, field: str | None,
                who: str = "admin") -> str:
        answer = self.ask(method, path, body, who)
        assert (answer.status_code, answer.json["error"], answer.json["field"]) == (status, error, field), answer.json
        return str(answer.json["message"])

    def site_id(self, name: str = "Berlin") -> int:
        return next(one["site_id"] for one in self.done("GET", "/v1/sites")["sites"] if one["name"] == name)

    def subscriber_id(self, extension: str) -> int:
        found = self.done("GET", f"/v1/subscribers?search={extension}")["subscribers"]
        return next(one["subscriber_id"] for one in found if one["extension"] == extension)


@pytest.fixture(scope="module")
def served(database: Database) -> tuple[Any, list[Any]]:
    """The application and what it published; made once, as its many schemas take a second."""
    app, api = create_app("routing", database=database)
    published: list[Any] = []
    http.register(app, api, database, published.append)
    return app.test_client(), published


@pytest.fixture
def client(files: Files, served: tuple[Any, list[Any]], owner_sql: Any) -> Iterator[Client]:  # noqa: F811
    files.apply(FILE)
    for who, (role, domain) in TOKENS.items():
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, label) VALUES (%(hash)s, %(role)s,"
                  " (SELECT company_id FROM directory.companies WHERE sip_domain = %(domain)s), 'company')",
                  hash=hashlib.sha256(token(who).encode()).digest(), role=role, domain=domain)
    flask, published = served
    published.clear()
    yield Client(flask, published, files.rows)
    owner_sql("DELETE FROM directory.api_tokens WHERE label = 'company'")


# ----- subscribers


def test_a_subscriber_is_made_changed_searched_and_deleted(client: Client) -> None:
    made = client.done("POST", "/v1/subscribers", {
        "first_name": "Clara", "last_name": "Specht", "extension": "23", "site_id": client.site_id(),
        "mobile_number": "0171 5550123"}, 201)
    assert (made["language"], made["mobile_number"], made["number"]) == ("de", "+491715550123", None)
    address = f"/v1/subscribers/{made['subscriber_id']}"
    assert client.done("PATCH", address, {"extension": "24"})["extension"] == "24"
    assert [one["extension"] for one in client.done("GET", "/v1/subscribers?search=spech")["subscribers"]] == ["24"]
    client.done("POST", f"{address}/numbers", {"number": "030 5558024", "main": True}, 201)
    client.done("POST", f"{address}/devices", {"device_id": "zeisig-clara"}, 201)
    client.done("PATCH", f"/v1/subscribers/{client.subscriber_id('22')}/settings/forwardings",
                {"busy": {"enabled": True, "target": "24"}})
    gone = client.done("DELETE", address)
    assert gone == {"subscriber_id": made["subscriber_id"], "extension": "24", "freed_numbers": ["+49305558024"],
                    "devices": ["zeisig-clara"], "messages": 0, "still_sent_there": ["forwarding of 22"]}
    assert client.ask("GET", address).status_code == 404
    free = client.done("GET", f"/v1/sites/{client.site_id()}/numbers?state=free&search=5558024")["numbers"]
    assert [one["number"] for one in free] == ["+49305558024"]


@pytest.mark.parametrize(("extension", "status", "error"), [
    ("77", 422, "extension_reserved"), ("7801", 422, "extension_reserved"), ("112", 422, "extension_is_emergency"),
    ("144", 422, "extension_is_emergency"),     # Vienna is a site of the company
    ("21", 409, "extension_in_use"), ("2", 422, "extension_invalid"), ("2x", 422, "extension_invalid"),
])
def test_an_extension_there_may_not_be_is_refused(client: Client, extension: str, status: int, error: str) -> None:
    body = {"last_name": "Specht", "extension": extension, "site_id": client.site_id()}
    message = client.refused("POST", "/v1/subscribers", body, status=status, error=error, field="extension")
    if error == "extension_in_use":
        assert "Anna Amsel" in message
    client.refused("PATCH", f"/v1/subscribers/{client.subscriber_id('22')}", {"extension": extension},
                   status=status, error=error, field="extension")


def test_with_mobile_integration_two_digits_are_too_few(client: Client) -> None:
    client.rows("UPDATE directory.companies SET mobile_integration = true WHERE sip_domain = 'zeisig.example'"
                " RETURNING 1")
    site_id = client.site_id()
    for extension in ("23", "023", "911"):
        client.refused("POST", "/v1/subscribers", {"last_name": "S", "extension": extension, "site_id": site_id},
                       status=422, error="extension_not_for_mobiles", field="extension")
    client.done("POST", "/v1/subscribers", {"last_name": "S", "extension": "230", "site_id": site_id}, 201)


def test_subscribers_come_in_pages(client: Client) -> None:
    for extension in ("31", "32", "33"):
        client.done("POST", "/v1/subscribers", {"last_name": "S", "extension": extension,
                                                "site_id": client.site_id("Wien")}, 201)
    first = client.done("GET", "/v1/subscribers?limit=2")
    second = client.done("GET", f"/v1/subscribers?limit=10&next={first['next']}")
    assert [one["extension"] for one in first["subscribers"] + second["subscribers"]] == ["21", "22", "31", "32", "33"]
    assert second["next"] is None


# ----- numbers


def test_the_eleventh_additional_number_is_refused_and_nothing_changes(client: Client) -> None:
    address = f"/v1/subscribers/{client.subscriber_id('22')}/numbers"
    for number in range(10):
        client.done("POST", address, {"number": f"+493055580{30 + number}"}, 201)
    client.refused("POST", address, {"number": "+49305558040"}, status=422, error="too_many_numbers", field="number")
    assert len(client.done("GET", address)["numbers"]) == 11
    client.done("DELETE", f"{address}/+49305558030", status=204)
    client.done("POST", address, {"number": "+49305558040", "ring": "bellcore-dr2"}, 201)


@pytest.mark.parametrize(("number", "status", "error"), [
    ("030 5557999", 422, "number_not_in_pool"), ("030 5558150", 422, "number_not_yet_valid"),
    ("030 5558021", 409, "number_taken"), ("+4940555721", 409, "number_taken"), ("abc", 422, "number_invalid"),
])
def test_a_number_that_cannot_be_had_is_refused(client: Client, number: str, status: int, error: str) -> None:
    client.refused("POST", f"/v1/subscribers/{client.subscriber_id('22')}/numbers", {"number": number},
                   status=status, error=error, field="number")


def test_a_new_main_number_frees_the_one_before(client: Client) -> None:
    address = f"/v1/subscribers/{client.subscriber_id('22')}/numbers"
    client.done("POST", address, {"number": "030 5558050", "main": True}, 201)
    assert [(one["number"], one["is_main"]) for one in client.done("GET", address)["numbers"]] == [
        ("+49305558050", True)]
    numbers = client.done("GET", f"/v1/sites/{client.site_id()}/numbers?search=8022")["numbers"]
    assert [one["state"] for one in numbers if one["number"] == "+49305558022"] == ["free"]


def test_numbers_of_a_site_are_listed_by_state_searched_and_in_pages(client: Client) -> None:
    address = f"/v1/sites/{client.site_id()}/numbers"
    assigned = client.done("GET", f"{address}?state=assigned")["numbers"]
    assert [(one["number"], one["extension"], one["is_main_number_of_site"]) for one in assigned] == [
        ("+49305558000", None, True), ("+49305558021", "21", False), ("+49305558022", "22", False),
        ("+49305558091", "21", False)]
    later = client.done("GET", f"{address}?state=not_yet_valid&limit=500")["numbers"]
    assert (len(later), later[0]["valid_from"]) == (100, "2027-01-01")
    first = client.done("GET", f"{address}?state=free&limit=60")
    second = client.done("GET", f"{address}?state=free&limit=60&next={first['next']}")
    assert (len(first["numbers"]), len(second["numbers"]), second["next"]) == (60, 36, None)
    assert not {one["number"] for one in first["numbers"]} & {one["number"] for one in second["numbers"]}
    assert [one["number"] for one in client.done("GET", f"{address}?search=030 555802")["numbers"]][:1] == [
        "+49305558020"]


def test_pools_may_not_overlap_nor_go_while_a_number_is_in_use(client: Client) -> None:
    address = f"/v1/sites/{client.site_id()}/pools"
    client.refused("POST", address, {"first": "030 5558090", "last": "030 5558110"}, status=409,
                   error="range_overlaps", field="first", who="operator")
    client.refused("POST", address, {"first": "030 5559099", "last": "030 5559000"}, status=422,
                   error="range_invalid", field="last", who="operator")
    [used, unused] = client.done("GET", address)["pools"]
    message = client.refused("DELETE", f"{address}/{used['pool_id']}", status=409, error="pool_in_use", field=None,
                             who="operator")
    assert "+49305558021" in message
    client.done("DELETE", f"{address}/{unused['pool_id']}", status=204, who="operator")
    made = client.done("POST", address, {"first": "030 5559000", "last": "030 5559009"}, 201, who="operator")
    assert (made["size"], made["valid_from"]) == (10, None)


def test_a_ring_of_its_own_for_an_additional_number(client: Client) -> None:
    address = f"/v1/subscribers/{client.subscriber_id('21')}/numbers/+49305558091"
    assert client.done("PATCH", address, {"ring": "bellcore-dr5"})["ring"] == "bellcore-dr5"
    client.refused("PATCH", address, {"ring": "<bad>"}, status=422, error="invalid_field", field="ring")


# ----- devices


def test_a_lost_handset_gets_a_new_password_once_or_goes(client: Client) -> None:
    def kept() -> Any:
        return client.rows("SELECT sip_ha1 FROM directory.devices WHERE device_id = 'zeisig-anna'")

    before = kept()
    renewed = client.done("POST", "/v1/devices/zeisig-anna/password")
    digest = hashlib.md5(f"zeisig-anna:zeisig.example:{renewed['password']}".encode(), usedforsecurity=False)
    assert kept() == [(digest.hexdigest(),)] != before
    assert "password" not in client.done("GET", "/v1/devices/zeisig-anna")
    client.done("DELETE", "/v1/devices/zeisig-anna", status=204)
    assert client.ask("GET", "/v1/devices/zeisig-anna").status_code == 404
    assert kept() == []


def test_a_handsets_token_is_shown_once_makes_its_password_and_ends_with_it(client: Client) -> None:
    def kept() -> list[Any]:
        return list(client.rows("SELECT d.sip_ha1, t.token_sha256 FROM directory.devices d"
                                " LEFT JOIN directory.device_tokens t USING (device_id)"
                                " WHERE d.device_id = 'zeisig-anna'"))

    def made_of(token: str) -> tuple[str, bytes]:
        password = sip_password(token, "zeisig-anna", "zeisig.example")
        return sip_ha1("zeisig-anna", "zeisig.example", password), hashlib.sha256(token.encode()).digest()

    def as_kept() -> list[tuple[str, bytes | None]]:
        return [(ha1, sha256 and bytes(sha256)) for ha1, sha256 in kept()]

    first = client.done("POST", "/v1/devices/zeisig-anna/token")["token"]
    assert as_kept() == [made_of(first)]
    second = client.done("POST", "/v1/devices/zeisig-anna/token")["token"]
    assert as_kept() == [made_of(second)] != [made_of(first)]
    assert "token" not in client.done("GET", "/v1/devices/zeisig-anna")
    client.done("PATCH", "/v1/devices/zeisig-anna", {"label": "Besprechung"})
    assert as_kept() == [made_of(second)], "a label is no secret"
    client.done("POST", "/v1/devices/zeisig-anna/password")
    assert as_kept()[0][1] is None
    noted = client.rows("SELECT after FROM routing.audit WHERE what = 'device zeisig-anna' AND via = 'http'")
    assert [row[0] for row in noted].count({"token": "made"}) == 2
    assert client.ask("POST", "/v1/devices/nobody-here/token").status_code == 404


def test_a_device_id_is_free_once_in_all_companies(client: Client) -> None:
    address = f"/v1/subscribers/{client.subscriber_id('22')}/devices"
    for taken in ("zeisig-anna", "buche-21"):
        client.refused("POST", address, {"device_id": taken}, status=409, error="device_taken", field="device_id")
    client.refused("POST", address, {"device_id": "Großes Telefon"}, status=422, error="invalid_field",
                   field="device_id")
    client.refused("POST", address, {"device_id": "zeisig-mobil", "mobile": True}, status=422,
                   error="no_mobile_integration", field="mobile")


# ----- sites and departments


def test_a_site_with_people_or_a_department_with_members_stays_and_says_who(client: Client) -> None:
    message = client.refused("DELETE", f"/v1/sites/{client.site_id()}", status=409, error="site_in_use", field=None)
    assert "21, 22" in message
    department = next(one for one in client.done("GET", "/v1/departments")["departments"] if one["name"] == "Verkauf")
    address = f"/v1/departments/{department['department_id']}"
    assert "21" in client.refused("DELETE", address, status=409, error="department_in_use", field=None)
    assert client.done("PATCH", address, {"name": "Vertrieb"})["name"] == "Vertrieb"
    client.done("DELETE", f"/v1/sites/{client.site_id('Wien')}", status=204)


def test_a_site_is_made_and_changed_with_its_rules(client: Client) -> None:
    hamburg = {"name": "Hamburg", "area_code": "40"}
    client.refused("POST", "/v1/sites", {**hamburg, "main_number": "040 5558000"}, status=422,
                   error="number_not_in_pool", field="main_number")
    made = client.done("POST", "/v1/sites", hamburg, 201)
    address = f"/v1/sites/{made['site_id']}"
    client.refused("PATCH", address, {"main_number": "030 5558000"}, status=422, error="number_not_in_pool",
                   field="main_number")
    pool = {"first": "040 5558000", "last": "040 5558009"}
    assert client.ask("POST", f"{address}/pools", pool, who="admin").status_code == 403, "operators give numbers"
    pool_id = client.done("POST", f"{address}/pools", pool, 201, who="operator")["pool_id"]
    assert client.done("PATCH", address, {"main_number": "040 5558000"})["main_number"] == "+49405558000"
    message = client.refused("DELETE", f"{address}/pools/{pool_id}", status=409, error="pool_in_use", field=None,
                             who="operator")
    assert "+49405558000" in message
    client.refused("PATCH", address, {"region": "XX"}, status=422, error="region_unknown", field="region")
    client.refused("PATCH", address, {"time_zone": "Mars/Base"}, status=422, error="invalid_field", field="time_zone")
    client.refused("PATCH", address, {"name": "Berlin"}, status=409, error="name_taken", field="name")
    assert client.done("PATCH", address, {"region": "HH"})["region"] == "HH"


# ----- whose it is


def test_an_administrator_sees_and_changes_his_own_company_only(client: Client) -> None:
    subscriber_id, site_id = client.subscriber_id("21"), client.site_id()
    for method, path, body in (
            ("GET", f"/v1/subscribers/{subscriber_id}", None), ("DELETE", f"/v1/subscribers/{subscriber_id}", None),
            ("GET", f"/v1/sites/{site_id}/numbers", None), ("DELETE", "/v1/devices/zeisig-anna", None),
            ("POST", "/v1/devices/zeisig-anna/password", None), ("POST", "/v1/devices/zeisig-anna/token", None),
            ("DELETE", f"/v1/sites/{site_id}", None)):
        assert client.ask(method, path, body, who="stranger").status_code == 404, path
    assert client.ask("GET", "/v1/companies", who="admin").status_code == 403
    assert client.ask("POST", "/v1/companies/apply", who="admin").status_code == 403
    body = {"last_name": "S", "extension": "40", "site_id": site_id}
    assert client.ask("POST", "/v1/subscribers", body, who="stranger").status_code == 422
    assert client.ask("POST", "/v1/subscribers", body, who="operator").status_code == 403, "an operator names it"


def test_every_change_is_audited_and_announced(client: Client) -> None:
    client.done("PATCH", f"/v1/subscribers/{client.subscriber_id('22')}", {"last_name": "Birke"})
    [row] = client.rows("SELECT actor_role, via, what, before ->> 'last_name' AS old, after ->> 'last_name' AS new"
                        " FROM routing.audit WHERE via = 'http' AND what = 'subscriber 22'")
    assert row == ("administrator", "http", "subscriber 22", "Buche", "Birke")
    assert [one.what for one in client.published] == ["subscriber"]


# ----- files


def test_a_file_over_http_is_planned_kept_ordered_and_fetched(client: Client) -> None:
    changed = FILE.replace("last_name: Buche", "last_name: Birke").replace("    password_env: TRUNK_PASSWORD_ZEISIG\n",
                                                                           "")

    def send(query: str, text: str = changed) -> Any:
        return client.flask.post(f"/v1/companies/apply{query}", data=text, headers={
            "Authorization": f"Bearer {token('operator')}", "Content-Type": "application/yaml"})

    planned = send("")
    assert (planned.status_code, planned.json["applied"], planned.json["plan"]["changed"]) == (200, False, 1)
    order_id = send("?do=keep").json["order_id"]
    assert client.ask("GET", f"/v1/companies/plans/{order_id}", who="operator").json["state"] == "kept"
    ordered = client.ask("POST", f"/v1/companies/plans/{order_id}/order", who="operator")
    assert (ordered.status_code, ordered.json["applied"]) == (200, True), ordered.json
    again = client.ask("POST", f"/v1/companies/plans/{order_id}/order", who="operator")
    assert (again.status_code, again.json["error"]) == (409, "order_ended")
    assert client.ask("DELETE", f"/v1/companies/plans/{order_id}", who="operator").status_code == 409
    company_id = ordered.json["company_id"]
    assert [one.what for one in client.published] == ["company"]
    file = client.ask("GET", f"/v1/companies/{company_id}/file", who="admin")
    assert "Birke" in file.text
    assert client.ask("GET", f"/v1/companies/{company_id}/file", who="stranger").status_code == 404
    assert send("?do=apply&prune=true", file.text).json["plan"]["changes"] == []


def test_a_wrong_file_over_http_names_every_line(client: Client) -> None:
    wrong = FILE.replace("extension: 22", "extension: 77").replace("region: BE", "region: XX")
    answer = client.flask.post("/v1/companies/apply?do=apply", data=wrong, headers={
        "Authorization": f"Bearer {token('operator')}", "Content-Type": "application/yaml"})
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_file")
    found = [(one["line"], one["field"]) for one in answer.json["wrong"]]
    lines = wrong.splitlines()
    assert (lines.index("    region: XX") + 1, "sites[1].region") in found
    assert (lines.index("  - extension: 77") + 1, "subscribers[2].extension") in found
