"""Who may see and change what (X7): every resource, every role, one's own company and another."""

from __future__ import annotations

import pytest

from services.routing.features import FEATURES, Actor, Forbidden, Scope, Whose, change
from tests.routing.settings_http import (
    ANNA,
    BERND,
    COMPANY,
    OTHER_COMPANY,
    OTHER_SITE,
    SITE,
    STRANGER,
    Client,
    address,
    resources,
    settings_client,
    wipe,
)

# What a subscriber may do with his own, and with his site's and company's. Everything else is his to change.
READ_ONLY = {("barring", Scope.SUBSCRIBER), ("intercept", Scope.SUBSCRIBER), ("barring", Scope.SITE),
             ("speed_dials", Scope.SITE), ("intercept", Scope.SITE), ("night_service", Scope.SITE),
             ("number_classes", Scope.COMPANY), ("feature_codes", Scope.COMPANY), ("mailbox_pins", Scope.COMPANY),
             ("pickup_groups", Scope.COMPANY),
             ("click_to_dial_limits", Scope.SUBSCRIBER)}
HIDDEN = {("enterprise_rules", Scope.SUBSCRIBER), ("enterprise_rules", Scope.SITE),
          ("enterprise_rules", Scope.COMPANY), ("barring_profiles", Scope.COMPANY), ("call_limits", Scope.COMPANY),
          ("call_retention", Scope.COMPANY), ("click_to_dial_company_limits", Scope.COMPANY)}
OTHERS = {Scope.SUBSCRIBER: STRANGER, Scope.SITE: OTHER_SITE, Scope.COMPANY: OTHER_COMPANY}
RESOURCES = resources()


@pytest.fixture(scope="module")
def client(database, owner_sql):
    with settings_client(database, owner_sql) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(owner_sql):
    yield
    wipe(owner_sql)


def status(client: Client, who: str, method: str, path: str) -> int:
    return int(client.ask(who, method, path, {} if method == "PATCH" else None).status_code)


def test_the_table_of_this_test_names_resources_there_are():
    assert set(RESOURCES) >= READ_ONLY | HIDDEN


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_operators_and_administrators_see_and_change_everything_of_the_company(client, name, scope):
    path = address(name, scope)
    for who in ("operator", "admin", "clara"):
        assert [status(client, who, method, path) for method in ("GET", "PATCH")] == [200, 200], who


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_to_administrators_another_company_does_not_exist(client, name, scope):
    path = address(name, scope, OTHERS[scope])
    for who, expected in (("admin", 404), ("clara", 404), ("operator", 200), ("other admin", 200)):
        assert [status(client, who, method, path) for method in ("GET", "PATCH")] == [expected] * 2, who


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_a_subscriber_sees_and_changes_what_is_his(client, name, scope):
    path = address(name, scope)
    may = (403, 403) if (name, scope) in HIDDEN else (200, 403) if (name, scope) in READ_ONLY else (200, 200)
    assert tuple(status(client, "anna", method, path) for method in ("GET", "PATCH")) == may
    own = f"/v1/settings/{name}" if scope is Scope.SUBSCRIBER else path
    assert tuple(status(client, "anna", method, own) for method in ("GET", "PATCH")) == may


@pytest.mark.parametrize("name", [name for name, scope in RESOURCES if scope is Scope.SUBSCRIBER])
def test_a_colleagues_settings_are_none_of_a_subscribers_business(client, name):
    for of in (BERND, STRANGER, 999_999_999):
        path = address(name, Scope.SUBSCRIBER, of)
        assert [status(client, "anna", method, path) for method in ("GET", "PATCH")] == [404, 404]


@pytest.mark.parametrize(("name", "scope"), [one for one in RESOURCES if one[1] is not Scope.SUBSCRIBER])
def test_another_companys_sites_and_settings_do_not_exist_for_a_subscriber(client, name, scope):
    path = address(name, scope, OTHERS[scope])
    assert [status(client, "anna", method, path) for method in ("GET", "PATCH")] == [404, 404]


def test_what_is_no_number_of_anything_is_not_found(client):
    for path in ("/v1/subscribers/99999999999999999999999/settings/call_waiting", "/v1/sites/0/settings/barring",
                 "/v1/companies/888/settings/number_classes", "/v1/settings/no_such_thing",
                 "/v1/sites/7011/settings/call_waiting", "/v1/subscribers/-1/settings/call_waiting"):
        for method in ("GET", "PATCH"):
            assert status(client, "operator", method, path) == 404, path


def test_without_a_person_or_company_of_ones_own_the_short_address_says_so(client):
    for who, path in (("operator", "/v1/settings/call_waiting"), ("admin", "/v1/settings/call_waiting"),
                      ("operator", "/v1/company/settings/number_classes")):
        answer = client.get(who, path)
        assert (answer.status_code, answer.get_json()["error"]) == (403, "forbidden")
    assert client.get("clara", "/v1/settings/call_waiting").status_code == 200
    assert client.get("admin", "/v1/company/settings/number_classes").status_code == 200
    assert client.flask.get("/v1/settings/call_waiting").status_code == 401


def test_all_settings_at_once_are_those_one_may_see(client):
    everything = client.get("anna", "/v1/settings").get_json()["settings"]
    assert set(everything) == {name for name, scope in RESOURCES
                               if scope is Scope.SUBSCRIBER and (name, scope) not in HIDDEN}
    assert everything["call_waiting"] == {"enabled": True}
    assert set(client.get("anna", "/v1/company/settings").get_json()["settings"]) == {
        "number_classes", "feature_codes", "mailbox_pins", "pickup_groups"}
    assert client.get("admin", f"/v1/sites/{SITE}/settings").get_json()["settings"]["barring"] == {"profile": None}
    assert set(client.get("operator", f"/v1/companies/{COMPANY}/settings").get_json()["settings"]) == {
        name for name, scope in RESOURCES if scope is Scope.COMPANY}


def test_who_may_switch_the_night_is_set_per_site(client, owner_sql):
    path = f"/v1/sites/{SITE}/settings/night_service"

    def switched(who: str, **more: object) -> int:
        return int(client.patch(who, path, {"by_hand": True, **more}).status_code)

    assert client.patch("admin", path, {"target": "25"}).status_code == 200
    assert (switched("anna"), switched("bernd")) == (403, 403)
    assert client.patch("admin", path, {"who_may_switch": "listed", "switchers": ["22"]}).status_code == 200
    assert (switched("anna"), switched("bernd"), switched("bernd", target="26")) == (403, 200, 403)
    assert client.patch("admin", path, {"who_may_switch": "everybody"}).status_code == 200
    assert (switched("anna"), switched("stranger")) == (200, 404)


def test_a_person_who_is_an_administrator_switches_the_night_by_code_too(client, database, owner_sql):
    night = Whose(COMPANY, site_id=SITE)
    assert client.patch("admin", f"/v1/sites/{SITE}/settings/night_service", {"target": "25"}).status_code == 200
    by_code = Actor("subscriber", BERND, "code")
    with database.company(COMPANY) as tx, pytest.raises(Forbidden):
        change(tx, "night_service", night, {"by_hand": True}, by_code)
    owner_sql("INSERT INTO directory.logins (role, company_id, subscriber_id) VALUES ('administrator', 701, 70122)")
    with database.company(COMPANY) as tx:
        assert change(tx, "night_service", night, {"by_hand": True}, by_code)["by_hand"] is True
    owner_sql("DELETE FROM directory.logins WHERE subscriber_id = 70122")


def test_nobody_hands_out_what_is_an_administrators_by_another_address(client):
    """An administrator of one company with a person's or site's id of another, in the path of his own."""
    for name in ("intercept", "barring"):
        assert client.patch("other admin", f"/v1/subscribers/{ANNA}/settings/{name}", {}).status_code == 404
        assert client.patch("other admin", f"/v1/sites/{SITE}/settings/{name}", {}).status_code == 404
    assert client.patch("other admin", f"/v1/companies/{COMPANY}/settings/number_classes", {}).status_code == 404


def test_the_audit_is_an_administrators(client):
    assert client.patch("anna", "/v1/settings/call_waiting", {"enabled": False}).status_code == 200
    for path, who, expected in (
            ("/v1/company/audit", "admin", 200), ("/v1/company/audit", "clara", 200),
            ("/v1/company/audit", "anna", 403), ("/v1/company/audit", "operator", 403),
            (f"/v1/companies/{COMPANY}/audit", "operator", 200), (f"/v1/companies/{COMPANY}/audit", "admin", 200),
            (f"/v1/companies/{COMPANY}/audit", "other admin", 404), (f"/v1/companies/{COMPANY}/audit", "anna", 403),
            ("/v1/companies/999999/audit", "operator", 404)):
        assert client.get(who, path).status_code == expected, (who, path)
    assert client.get("other admin", "/v1/company/audit").get_json()["entries"] == []
    assert len(client.get("admin", "/v1/company/audit").get_json()["entries"]) == 1


def test_every_resource_of_the_registry_is_there():
    assert {name for name, _ in RESOURCES} == set(FEATURES)
