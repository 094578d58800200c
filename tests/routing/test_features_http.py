"""Settings over HTTP, whatever the resource: whole, described, locked, audited, and never our fault."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.features import FEATURES, Scope
from tests.routing.settings_http import (
    ANNA,
    COMPANY,
    SITE,
    address,
    refused,
    resources,
    settings_client,
    taken,
    token,
    wipe,
)

RESOURCES = resources()


@pytest.fixture(scope="module")
def client(database, owner_sql):
    with settings_client(database, owner_sql) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(owner_sql):
    yield
    wipe(owner_sql)


@pytest.fixture
def ok(client):
    """ok("anna", "call_waiting", {...}): the whole resource after a change that is taken."""
    return partial(taken, client)



# ----- every resource


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_every_resource_is_whole_before_anybody_set_it_and_its_schema_takes_it_back(client, name, scope):
    answer = client.get("admin", address(name, scope))
    whole = {field: value for field, value in answer.get_json().items() if field not in ("shown", "warnings")}
    assert FEATURES[name].schema().load(whole) == whole
    again = client.patch("admin", address(name, scope), answer.get_json())
    assert (again.status_code, again.get_json(), again.headers["ETag"]) == (
        200, answer.get_json(), answer.headers["ETag"])


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_the_description_shows_every_resource_with_schema_and_examples_that_hold(client, name, scope):
    described = client.flask.get("/openapi.json").get_json()
    [path] = [path for path in described["paths"]
              if path.endswith(f"/settings/{name}") and f"{{{scope.value}_id}}" in path]
    get, patch = described["paths"][path]["get"], described["paths"][path]["patch"]
    view = get["responses"]["200"]
    shape = view["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    properties = described["components"]["schemas"][shape]["properties"]
    example = view["content"]["application/json"]["example"]
    assert set(FEATURES[name].schema().fields) <= set(properties)
    assert set(example) <= set(properties)
    assert "ETag" in view["headers"]
    assert FEATURES[name].schema().load(FEATURES[name].example) == FEATURES[name].example
    assert {"403", "404", "409", "412", "422"} <= set(patch["responses"])
    assert [one["name"] for one in patch["parameters"]] == ["If-Match"]
    sent = patch["requestBody"]["content"]["application/json"]
    assert sent["example"]
    assert set(sent["example"]) <= set(properties)
    assert "required" not in described["components"]["schemas"][sent["schema"]["$ref"].rsplit("/", 1)[1]]


NEEDS_MORE = {  # what must be there before the example can be
    "barring": ("barring_profiles", Scope.COMPANY, {"profiles": [{"name": "Germany only"}]}),
    "night_service": ("night_service", Scope.SITE, {"target": "21"}),
}


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_the_example_of_a_change_is_taken_audited_and_announced(client, owner_sql, name, scope):
    if name in NEEDS_MORE:
        before, before_scope, body = NEEDS_MORE[name]
        assert client.patch("admin", address(before, before_scope), body).status_code == 200
    owner_sql("INSERT INTO voicemail.mailboxes (company_id, subscriber_id) VALUES (701, 70121) ON CONFLICT DO NOTHING")
    owner_sql("INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id)"
              " VALUES ('+49305550031', 701, 7011, 70121)")
    owner_sql("DELETE FROM routing.audit")
    client.published.clear()
    answer = client.patch("admin", address(name, scope), FEATURES[name].change_example)
    owner_sql("DELETE FROM directory.numbers WHERE number = '+49305550031'")
    owner_sql("DELETE FROM voicemail.mailboxes WHERE subscriber_id = 70121")
    assert answer.status_code == 200, answer.get_json()
    [entry] = client.get("admin", "/v1/company/audit").get_json()["entries"]
    assert (entry["what"], entry["actor_role"], entry["via"]) == (name, "administrator", "http")
    assert entry["subscriber_id"] == (ANNA if scope is Scope.SUBSCRIBER else None)
    assert entry["site_id"] == (SITE if scope is Scope.SITE else None)
    assert entry["before"] != entry["after"]
    [told] = client.published
    assert (told.company_id, told.subscriber_id) == (COMPANY, entry["subscriber_id"])
    assert told.what == {"forwardings": "forwarding", "mailbox_conditions": "mailbox"}.get(name, name)


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
@pytest.mark.parametrize("body", [
    {"no_such_field": 1}, [], "text", 5, None, {"enabled": "maybe"}, {"codes": []}, {"target": 5},
])
def test_what_is_no_change_of_it_is_a_clear_4xx(client, name, scope, body):
    status, error, field = refused(client, name, body, scope)
    assert status in (400, 422)
    assert error
    if isinstance(body, dict):
        assert field == next(iter(body))


@pytest.mark.parametrize(("sent", "kind", "status"), [
    (b'{"enabled": true', "application/json", 400), (b'{"enabled": true}', "text/plain", 422),
    (b"", "application/json", 422), (b'{"enabled": "\\u0000"}', "application/json", 422),
    (b'{"enabled": ' + b"9" * 5000 + b"}", "application/json", 400), (b"[" * 100_000, "application/json", 400),
    (b'{"enabled": "' + b"x" * 1_100_000 + b'"}', "application/json", 413), (b"\xff\xfe", "application/json", 400),
])
def test_what_cannot_be_read_is_the_senders_fault(client, sent, kind, status):
    answer = client.flask.patch("/v1/settings/do_not_disturb", data=sent, content_type=kind,
                                headers={"Authorization": f"Bearer {token('anna')}"})
    assert answer.status_code == status
    assert answer.get_json()["error"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
    | st.sampled_from(["22", "+491715550100", "0171 5550100", "DE-BE", "08:00", "", "112", "*" * 50]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["name", "number", "target", "enabled", "internal", "times", "weekly", "from", "to", "weekday",
                         "prefix", "allowed", "code", "ring", "confirm", "id", "outgoing", "x"]), inner, max_size=6),
    max_leaves=12)


@pytest.mark.parametrize(("name", "scope"), RESOURCES)
def test_whatever_stands_in_its_fields_is_never_our_fault(client, name, scope):
    names = sorted(FEATURES[name].schema().fields)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.dictionaries(st.sampled_from(names), _JSON, max_size=3))
    def sent(body):
        answer = client.patch("admin", address(name, scope), body)
        assert answer.status_code in (200, 400, 409, 422), (body, answer.get_json())

    sent()


# ----- meant for another state


def test_a_change_meant_for_a_state_that_is_gone_is_refused_with_the_etag_of_now(client):
    path = "/v1/settings/call_waiting"
    first = client.get("anna", path).headers["ETag"]
    taken = client.patch("anna", path, {"enabled": False}, If_Match=first)
    assert taken.status_code == 200
    assert taken.headers["ETag"] != first
    late = client.patch("admin", f"/v1/subscribers/{ANNA}/settings/call_waiting", {"enabled": True}, If_Match=first)
    assert (late.status_code, late.get_json()["error"], late.headers["ETag"]) == (
        412, "changed_meanwhile", taken.headers["ETag"])
    assert client.get("anna", path).get_json()["enabled"] is False
    for matching in ("*", f'"x", {taken.headers["ETag"]}'):
        assert client.patch("anna", path, {"enabled": False}, If_Match=matching).status_code == 200
    for other in ("", '"x"', f'W/{taken.headers["ETag"]}', "nonsense,,"):
        assert client.patch("anna", path, {"enabled": True}, If_Match=other).status_code == 412, other


def test_of_two_writers_with_the_same_etag_one_is_refused(client, database, owner_sql):
    """Both read, then both write at the same moment: the owner's row lets one go first."""
    path = "/v1/settings/speed_dials"
    seen = client.get("anna", path).headers["ETag"]
    together, statuses = threading.Barrier(2), []

    def write(code):
        together.wait()
        statuses.append(client.patch(
            "anna", path, {"entries": [{"code": code, "number": "22"}]}, If_Match=seen).status_code)

    writers = [threading.Thread(target=write, args=(code,)) for code in ("01", "02")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(statuses) == [200, 412]
    assert len(client.get("anna", path).get_json()["entries"]) == 1


# ----- audit


def test_the_audit_is_paged_and_searched_by_person_and_resource(client, ok):
    ok("anna", "call_waiting", {"enabled": False})
    ok("admin", "call_waiting", {"enabled": True}, of=ANNA)
    ok("clara", "do_not_disturb", {"enabled": True})
    ok("admin", "intercept", {"incoming": True}, Scope.SITE)

    def page(query=""):
        answer = client.get("admin", f"/v1/company/audit?{query}")
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    everything = page()["entries"]
    assert [(one["what"], one["actor_role"], one["actor_name"], one["subscriber_name"]) for one in everything] == [
        ("intercept", "administrator", None, None), ("do_not_disturb", "administrator", "Person 23", "Person 23"),
        ("call_waiting", "administrator", None, "Person 21"), ("call_waiting", "subscriber", "Person 21", "Person 21")]
    assert (everything[-1]["before"], everything[-1]["after"]) == ({"enabled": True}, {"enabled": False})
    assert len(page(f"subscriber_id={ANNA}")["entries"]) == 2
    assert len(page("what=call_waiting")["entries"]) == 2
    assert len(page(f"site_id={SITE}")["entries"]) == 1
    first = page("limit=3")
    last = page(f"limit=3&next={first['next']}")
    assert first["entries"] + last["entries"] == everything
    assert last["next"] is None
    for query in ("limit=0", "limit=201", "next=x", "subscriber_id=99999999999999999999", "what="):
        assert client.get("admin", f"/v1/company/audit?{query}").status_code == 422, query


def test_an_entry_of_the_audit_cannot_be_changed_or_taken_away(database, client, ok):
    ok("anna", "call_waiting", {"enabled": False})
    with database.company(COMPANY) as tx:
        rights = tx.one(
            "SELECT has_table_privilege('routing.audit', 'UPDATE') AS may_change,"
            " has_table_privilege('routing.audit', 'DELETE') AS may_delete")
    assert (rights.may_change, rights.may_delete) == (False, False)


def test_the_table_of_resources_in_the_docs_is_the_registry(client):
    text = (Path(__file__).resolve().parents[2] / "docs" / "resources.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("| `")]
    assert {row[0].strip("`"): (row[1], row[2]) for row in rows} == {
        name: (", ".join(scope.value for scope in Scope if scope in feature.scopes), feature.subscriber.value)
        for name, feature in FEATURES.items()}
