"""Feature codes with a database behind them: what they change, what they say, and a company's own ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from services.routing import features
from services.routing.api import feature_codes as feature_codes_api
from services.routing.codes import saying
from services.routing.codes.doing import Codes
from services.routing.features import Actor, Forbidden, Refused, Whose
from services.routing.plan import Act
from shared.api import create_app
from shared.database import Database
from tests.routing.build import person

ANNA = replace(person(21), subscriber_id=70121)
OWN = Whose(701, subscriber_id=70121)
COMPANY = Whose(701)
TABLES = ("audit", "call_settings", "feature_codes", "forwardings")
CHIEF = Actor("administrator", None, "http")


@pytest.fixture
def published():
    return []


@pytest.fixture
def does(database, owner_sql, published):
    codes = Codes(database, published.append)

    def one(function, argument=""):
        said = codes.done(Act(function, argument, "de"), 701, ANNA)
        assert said.language == "de"
        return said.prompts

    for table in TABLES:   # what other modules left behind in the session's database
        owner_sql(f"DELETE FROM routing.{table}")
    yield one
    for table in TABLES:
        owner_sql(f"DELETE FROM routing.{table}")


@pytest.mark.parametrize(("function", "feature", "field", "prompt"), [
    ("do_not_disturb", "do_not_disturb", "enabled", "do-not-disturb"),
    ("anonymous_rejection", "anonymous_rejection", "enabled", "anonymous-rejection"),
    ("call_waiting", "call_waiting", "enabled", "call-waiting"),
])
def test_a_switch_is_set_told_and_noted_as_done_by_code(database, does, published, function, feature, field, prompt):
    for on in (True, False):
        assert does(f"{function}_{'on' if on else 'off'}") == (f"{prompt}-{'on' if on else 'off'}",)
        with database.company(701) as tx:
            assert features.read(tx, feature, OWN)[field] is on
            notes = tx.rows("SELECT via, actor_subscriber_id FROM routing.audit")
    assert {(note.via, note.actor_subscriber_id) for note in notes} == {("code", 70121)}
    assert [message.what for message in published] == [feature, feature]


def test_without_a_database_it_is_said_that_it_is_not_possible_now(owner_sql, published):
    away = Codes(Database("postgresql://nobody@127.0.0.1:9/none"), published.append)
    assert away.done(Act("do_not_disturb_on", "", "en"), 701, ANNA).prompts == (saying.NOT_POSSIBLE_NOW,)
    assert published == []


def test_a_database_that_is_too_slow_is_not_waited_for(database, owner_sql, published):
    with database.company(701) as other:  # holds the row that the change must lock
        other.execute("SELECT 1 FROM directory.subscribers WHERE company_id = 701 AND subscriber_id = 70121 FOR UPDATE")
        slow = Codes(database, published.append, limit_s=0.2)
        assert slow.done(Act("do_not_disturb_on", "", "de"), 701, ANNA).prompts == (saying.NOT_POSSIBLE_NOW,)
    with database.company(701) as tx:
        assert features.read(tx, "do_not_disturb", OWN)["enabled"] is False


@pytest.mark.parametrize(("number", "country", "said"), [
    ("22", "DE", "2 2"), ("+4930123", "DE", "0 3 0 1 2 3"), ("+442079460000", "DE", "+ 4 4 2 0 7 9 4 6 0 0 0 0"),
])
def test_numbers_are_read_out_as_people_of_the_country_write_them(number, country, said):
    prompts = tuple("plus" if mark == "+" else f"number-{mark}" for mark in said.split())
    assert saying.number(number, country) == prompts


# ----- a company's own codes


def test_a_company_changes_a_code_and_takes_it_back(database, does):
    with database.company(701) as tx:
        changed = features.change(tx, "feature_codes", COMPANY, {"codes": {"do_not_disturb_on": "*123"}}, CHIEF)
        assert changed["codes"]["do_not_disturb_on"] == "*123"
        assert changed["codes"]["do_not_disturb_off"] == "*79"
    with database.company(701) as tx:
        assert features.read(tx, "feature_codes", COMPANY) == changed
        features.change(tx, "feature_codes", COMPANY, {"codes": {"do_not_disturb_on": None}}, CHIEF)
        assert tx.rows("SELECT * FROM routing.feature_codes") == []


@pytest.mark.parametrize(("codes", "field"), [
    ({"do_not_disturb_on": "*79"}, "codes.do_not_disturb_on"),
    ({"do_not_disturb_on": "*610"}, "codes.do_not_disturb_on"),
    ({"do_not_disturb_on": "*7"}, "codes.do_not_disturb_on"),
    ({"do_not_disturb_on": "78"}, "codes.do_not_disturb_on"),
    ({"do_not_disturb_on": "*123", "do_not_disturb_off": "*123"}, "codes.do_not_disturb_on"),
    ({"dance": "*123"}, "codes.dance.key"),
    ({"do_not_disturb_on": 123}, "codes.do_not_disturb_on.value"),
])
def test_a_clash_is_refused_with_the_field_and_changes_nothing(database, does, codes, field):
    with database.company(701) as tx:
        with pytest.raises(Refused) as refused:
            features.change(tx, "feature_codes", COMPANY, {"codes": codes}, CHIEF)
        assert refused.value.field == field
        assert tx.rows("SELECT * FROM routing.feature_codes") == []


def test_a_subscriber_changes_no_codes(database, does):
    with database.company(701) as tx, pytest.raises(Forbidden):
        features.change(tx, "feature_codes", COMPANY, {"codes": {}}, Actor("subscriber", 70121, "http"))


def test_codes_are_looked_up_over_http(database, does, owner_sql):
    for who, role, company, subscriber in (
            ("anna", "subscriber", 701, 70121), ("chief", "administrator", 701, None),
            ("operator", "operator", None, None)):
        token = f"codes-{who}-token-token"
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                  " VALUES (%(hash)s, %(role)s, %(company)s, %(subscriber)s, 'codes')",
                  hash=hashlib.sha256(token.encode()).digest(), role=role, company=company, subscriber=subscriber)
    app, api = create_app("routing", database=database)
    api.register_blueprint(feature_codes_api.blueprint(database))
    client = app.test_client()

    def get(who, path="/v1/feature-codes"):
        return client.get(path, headers={"Authorization": f"Bearer codes-{who}-token-token"})

    try:
        with database.company(701) as tx:
            features.change(tx, "feature_codes", COMPANY, {"codes": {"call_waiting_on": "*143"}}, CHIEF)
        shown = {one["function"]: one for one in get("anna").get_json()["codes"]}
        assert shown["call_waiting_on"] == {
            "function": "call_waiting_on", "code": "*143", "mobile_code": "788143", "takes": "nothing",
            "text": {"de": "Anklopfen einschalten", "en": "call waiting: on"}, "row": "R7", "available": True,
            "since": "0.1.0", "changed": True}
        assert shown["pickup_group"]["available"] is False
        assert shown["forward_no_answer_rings"]["mobile_code"] is None
        assert get("chief").status_code == 200
        assert get("operator").status_code == 403
        assert get("operator", "/v1/companies/701/feature-codes").status_code == 200
        assert get("anna", "/v1/companies/701/feature-codes").status_code == 403
        assert get("chief", "/v1/companies/702/feature-codes").status_code == 404
        assert client.get("/v1/feature-codes").status_code == 401
    finally:
        owner_sql("DELETE FROM directory.api_tokens WHERE label = 'codes'")
