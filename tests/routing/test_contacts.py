"""The phone book: who is found by what is typed, who may see and change whom; names in the log of calls (C7, L1)."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from services.routing import api as http
from services.routing import call_log
from services.routing.contacts import entries
from shared.api import create_app, token_sha256
from tests.routing.test_call_lists import ANNA, BERND, call

MUELLER = {"first_name": "Jürgen", "last_name": "Müller-Lüdenscheidt", "organisation": "Baustoffe Groß & Söhne",
           "numbers": [{"label": "work", "number": "030 5551234"}, {"label": "mobile", "number": "0171 5550123"}]}


class Client:
    def __init__(self, flask: Any, tokens: dict[str, str]) -> None:
        self.flask = flask
        self.tokens = tokens

    def ask(self, method: str, path: str, body: Any = None, who: str = "bernd", **query: Any) -> Any:
        return self.flask.open(f"/v1{path}", method=method, json=body, query_string=query or None,
                               headers={"Authorization": f"Bearer {self.tokens[who]}"})

    def made(self, body: Any, path: str = "/contacts", who: str = "bernd") -> Any:
        answer = self.ask("POST", path, body, who)
        assert answer.status_code == 201, answer.text
        return answer.json

    def found(self, text: str, who: str = "bernd", **query: Any) -> list[str]:
        answer = self.ask("GET", "/directory", None, who, search=text, **query)
        assert answer.status_code == 200, answer.text
        return [entry["name"] for entry in answer.json["entries"]]


@pytest.fixture(scope="module")
def client(database, owner_sql):
    app, api = create_app("routing", database=database)
    http.register(app, api, database, lambda message: None)
    tokens = {}
    for name, role, company, subscriber in (
        ("anna", "subscriber", 701, ANNA), ("bernd", "subscriber", 701, BERND), ("admin", "administrator", 701, None),
        ("stranger", "subscriber", 702, 70221), ("operator", "operator", None, None),
    ):
        tokens[name] = secrets.token_urlsafe(32)
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                  " VALUES (%(sha)s, %(role)s, %(company)s, %(subscriber)s, 'contacts')",
                  sha=token_sha256(tokens[name]), role=role, company=company, subscriber=subscriber)
    yield Client(app.test_client(), tokens)
    owner_sql("DELETE FROM directory.api_tokens WHERE label = 'contacts'")


@pytest.fixture(autouse=True)
def empty_book(owner_sql):
    yield
    owner_sql("DELETE FROM directory.contacts")


def test_a_contact_is_made_read_changed_and_deleted(client):
    made = client.made(MUELLER)
    assert made["numbers"] == [
        {"label": "work", "number": "+49305551234", "shown": "030 5551234"},
        {"label": "mobile", "number": "+491715550123", "shown": "0171 5550123"}]
    address = f"/contacts/{made['contact_id']}"
    changed = client.ask("PATCH", address, {"organisation": "", "numbers": [{"number": "22"}]}).json
    assert (changed["last_name"], changed["organisation"]) == ("Müller-Lüdenscheidt", "")
    assert changed["numbers"] == [{"label": "work", "number": "22", "shown": "22"}], "a colleague's extension"
    assert client.ask("GET", "/contacts").json["contacts"] == [changed]
    assert client.ask("DELETE", address).status_code == 204
    assert client.ask("GET", address).status_code == 404


@pytest.mark.parametrize("typed", [
    "m", "m%", "mül", "mul", "muel", "MÜLLER", "müller-l", "jur mül", "mül jür", "lüden", "gross", "groß sö", "baust",
    "soehne",
    "0171 555", "+49171", "0171/5550123", "5551234", "030 555", "  mül  ", "jurgen müller ludenscheidt",
])
def test_it_is_found_by_what_is_typed_so_far(client, typed):
    client.made(MUELLER)
    assert client.found(typed, kind="personal") == ["Jürgen Müller-Lüdenscheidt"]


@pytest.mark.parametrize("typed", [
    "üller", "mü x", "%", "_", "\\", "'", "0172", "9", "%%", "mül mül ler", "((", "—",
])
def test_what_does_not_begin_a_word_or_is_no_word_finds_nobody(client, typed):
    client.made(MUELLER)
    assert client.found(typed, kind="personal") == []


def test_colleagues_the_companys_contacts_and_ones_own_come_in_one_list(client):
    client.made({**MUELLER, "first_name": "Person", "last_name": "Aal"})
    nameless = {**MUELLER, "first_name": "", "last_name": "", "organisation": "Personal & Co"}
    client.made(nameless, "/company/contacts", "admin")
    everybody = client.ask("GET", "/directory", search="person", limit=100).json
    assert {one["kind"] for one in everybody["entries"]} == {"colleague", "company", "personal"}
    assert everybody["next"] is None
    colleague = next(one for one in everybody["entries"] if one["kind"] == "colleague" and one["id"] == BERND)
    assert colleague["numbers"] == [
        {"label": "extension", "number": "22", "shown": "22"},
        {"label": "work", "number": "+49305557022", "shown": "030 5557022"},
        {"label": "work", "number": "+4930555799", "shown": "030 555799"}]
    assert "+491715550121" not in str(everybody), "a person's own mobile number is not in the directory"
    pages = [client.ask("GET", "/directory", search="person", limit=5, next=at).json for at in (0, 5, 10)]
    assert [one for page in pages for one in page["entries"]] == everybody["entries"]
    assert [page["next"] for page in pages] == [5, 10, None]


def test_colleagues_are_found_by_extension_from_its_first_digit_and_contacts_by_exactly_one_number(client):
    client.made(MUELLER)
    assert client.found("22", kind="colleague") == ["Person 22"]
    assert len(client.found("2", kind="colleague", limit=50)) == 9
    assert client.found("", number="0171 5550123") == ["Jürgen Müller-Lüdenscheidt"]
    assert client.found("", number="22") == ["Person 22"]
    assert client.found("", number="no number") == []
    assert client.found("mül", kind="contact") == ["Jürgen Müller-Lüdenscheidt"]


def test_ones_own_contacts_are_nobody_elses(client):
    mine = client.made(MUELLER)["contact_id"]
    for who in ("anna", "admin", "stranger"):
        assert client.found("müller", who) == []
    for method, body in (("GET", None), ("PATCH", {"first_name": "X"}), ("DELETE", None)):
        assert client.ask(method, f"/contacts/{mine}", body, "anna").status_code == 404
        assert client.ask(method, f"/company/contacts/{mine}", body, "admin").status_code == 404
    assert client.ask("GET", "/contacts", who="admin").status_code == 403, "is no person with contacts of his own"


def test_the_companys_contacts_are_read_by_all_and_written_by_administrators(client, owner_sql):
    one = client.made(MUELLER, "/company/contacts", "admin")
    assert client.found("müller", "anna") == client.found("müller", "bernd") == ["Jürgen Müller-Lüdenscheidt"]
    assert client.found("müller", "stranger") == []
    assert client.ask("GET", f"/company/contacts/{one['contact_id']}").json == one
    assert client.ask("POST", "/company/contacts", MUELLER).status_code == 403
    assert client.ask("DELETE", f"/company/contacts/{one['contact_id']}").status_code == 403
    assert client.found("müller", "operator", company_id=701) == ["Jürgen Müller-Lüdenscheidt"]
    assert client.ask("GET", "/directory", who="operator").status_code == 403
    assert client.ask("GET", "/directory", company_id=702).status_code == 404
    assert client.ask("GET", "/companies/701/contacts", who="operator").json["contacts"] == [one]
    assert client.ask("GET", "/companies/702/contacts", who="admin").status_code == 404
    changed = client.ask("PATCH", f"/company/contacts/{one['contact_id']}", {"first_name": "Jörg"}, "admin")
    assert changed.status_code == 200
    audit = owner_sql("SELECT what, before ->> 'first_name', after ->> 'first_name' FROM routing.audit"
                      " WHERE what = 'contact' ORDER BY audit_id DESC LIMIT 2")
    assert audit == [("contact", "Jürgen", "Jörg"), ("contact", None, "Jürgen")]


@pytest.mark.parametrize(("change", "error", "field"), [
    ({"numbers": []}, "invalid_field", "numbers"), ({"numbers": [{"number": "22"}] * 11}, "invalid_field", "numbers"),
    ({"numbers": [{"number": "what"}]}, "number_invalid", "numbers.0.number"),
    ({"numbers": [{"number": "99"}]}, "number_invalid", "numbers.0.number"),
    ({"numbers": [{"number": "22"}, {"number": "22"}]}, "number_twice", "numbers.1.number"),
    ({"numbers": [{"number": "22", "label": "pager"}]}, "invalid_field", "numbers.0.label"),
    ({"first_name": "x" * 81}, "invalid_field", "first_name"), ({"colour": "red"}, "invalid_field", "colour"),
    ({"first_name": "", "last_name": " ", "organisation": ""}, "name_missing", "last_name"),
    ({"first_name": "A\u0007"}, "invalid_field", "first_name"), ({"last_name": None}, "invalid_field", "last_name"),
])
def test_what_is_wrong_is_named_and_nothing_is_kept(client, change, error, field):
    answer = client.ask("POST", "/contacts", {**MUELLER, **change})
    assert (answer.status_code, answer.json["error"], answer.json["field"]) == (422, error, field), answer.json
    assert client.ask("GET", "/contacts").json["contacts"] == []
    made = client.made(MUELLER)
    answer = client.ask("PATCH", f"/contacts/{made['contact_id']}", change)
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert client.ask("GET", f"/contacts/{made['contact_id']}").json["numbers"] == made["numbers"]


def test_one_more_than_there_may_be_is_refused(client, monkeypatch):
    monkeypatch.setattr(entries, "MOST_OWN", 1)
    client.made(MUELLER)
    answer = client.ask("POST", "/contacts", MUELLER)
    assert (answer.status_code, answer.json["error"]) == (409, "too_many_contacts")
    client.made(MUELLER, who="anna")


def test_contacts_come_in_pages(client):
    ids = [client.made(MUELLER)["contact_id"] for _ in range(3)]
    first = client.ask("GET", "/contacts", limit=2).json
    second = client.ask("GET", "/contacts", limit=2, next=first["next"]).json
    assert [one["contact_id"] for one in first["contacts"] + second["contacts"]] == ids
    assert second["next"] is None


def test_the_log_of_calls_names_whom_a_number_belongs_to(client, database, owner_sql):
    records = [
        call(0, ("+491715550123", None)), call(1, ("+49305551234", "As the carrier says")),
        call(2, ("+491715550199", None)), call(3, ("21", "Person 21"), caller_id=ANNA, direction="internal")]
    with database.company(701) as tx:
        call_log.write(tx, 701, [record for _, of_one in records for record in of_one])
    try:
        company = client.made({**MUELLER, "last_name": "Müller"}, "/company/contacts", "admin")["contact_id"]
        own = {"organisation": "Meine Baustoffe", "numbers": [{"number": "+491715550123"}]}
        mine = client.made(own)["contact_id"]
        client.made({**MUELLER, "numbers": [{"number": "+491715550199"}, {"number": "21"}]}, who="anna")
        shown = client.ask("GET", "/call-log").json["entries"]
        assert [(line["name"], line["contact_id"], line["colleague_id"]) for line in shown] == [
            ("Person 21", None, ANNA), (None, None, None), ("Jürgen Müller", company, None),
            ("Meine Baustoffe", mine, None)]
        for typed, whom in (("baustoffe", mine), ("carrier", company), ("jürgen", company)):
            found = client.ask("GET", "/call-log", search=typed).json["entries"]
            assert [line["contact_id"] for line in found] == [whom]
    finally:
        owner_sql("DELETE FROM routing.calls")


def test_twenty_thousand_contacts_are_searched_while_one_types(client, owner_sql):
    owner_sql("INSERT INTO directory.contacts (company_id, contact_id, last_name, first_name, organisation)"
              " SELECT 701, 1000000 + n, 'Name' || md5(n::text), 'Vor' || n, 'Firma ' || n"
              " FROM generate_series(1, 20000) n")
    owner_sql("INSERT INTO directory.contact_numbers (company_id, contact_id, position, label, number)"
              " SELECT 701, 1000000 + n, 1, 'work', '+4930' || (10000000 + n) FROM generate_series(1, 20000) n")
    for typed in ("name", "firma 199", "10019999", "nobody"):
        took = []
        for _ in range(3):  # a busy machine may hold up one of them
            began = time.perf_counter()
            client.found(typed)
            took.append(time.perf_counter() - began)
        assert min(took) < 2.0, typed
