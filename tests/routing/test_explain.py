"""The account of calls imagined and past, over HTTP and as text: the decision is the one real calls get."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime

import pytest

from services.routing import call_log
from services.routing.api import explain as explain_api
from services.routing.call import Answers
from services.routing.directory import Directory
from services.routing.directory_xml import Entry
from services.routing.explain.account import Explainer
from services.routing.memory import Memory
from services.routing.ringing import Ringing
from services.routing.served import Served
from services.routing.switch_directory import SwitchDirectory
from shared.api import create_app

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)  # a Wednesday
OUTSIDE = "+491715550100"
ANNA, BERND = 70121, 70122


@pytest.fixture(scope="module")
def switch_directory(database, tmp_path_factory):
    return SwitchDirectory(database, "x" * 16, Served(tmp_path_factory.mktemp("served") / "list"),
                           host="127.0.0.1", port=0)


@pytest.fixture(scope="module")
def answers(database):
    return Answers(Directory(database, Memory()), Ringing(), now=lambda: NOW)


@pytest.fixture(scope="module")
def client(database, owner_sql, answers, switch_directory):
    tokens = (("anna", "subscriber", 701, ANNA), ("admin", "administrator", 701, None),
              ("fremde", "subscriber", 702, 70221), ("operator", "operator", None, None))
    for name, role, company, subscriber in tokens:
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
                  " VALUES (%(hash)s, %(role)s, %(company)s, %(subscriber)s, 'explain')",
                  hash=hashlib.sha256(f"explain-token-{name}".encode()).digest(), role=role, company=company,
                  subscriber=subscriber)
    app, api = create_app("routing", database=database)
    explainer = Explainer(database, answers, switch_directory.entry,
                          lambda devices, domain: {device: device != "amsel-22" for device in devices})
    api.register_blueprint(explain_api.blueprint(database, explainer))
    yield app.test_client()
    owner_sql("DELETE FROM directory.api_tokens WHERE label = 'explain'")


@pytest.fixture(autouse=True)
def tidy(owner_sql):
    yield
    for table in ("call_rules", "site_settings", "forwardings", "call_settings", "calls"):
        owner_sql(f"DELETE FROM routing.{table} WHERE company_id IN (701, 702)")


def ask(client, who="admin", accept="application/json", path="/v1/explain", **query):
    return client.get(path, query_string=query,
                      headers={"Authorization": f"Bearer explain-token-{who}", "Accept": accept})


def explained(client, caller="21", callee="22", at=None, who="admin", **more):
    answer = ask(client, who, caller=caller, callee=callee, **({"at": at} if at else {}), **more)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def line(account, rung, place="22"):
    return next(one for one in account["rungs"] if one["rung"] == rung and one["place"] == place)


def night_every_weekday_from_18(owner_sql, target="30"):
    times = {"weekly": [{"weekday": day, "from": "18:00", "to": "08:00"} for day in range(5)]}
    owner_sql("INSERT INTO routing.site_settings (company_id, site_id, night_target, night_scheduled, night_times)"
              " VALUES (701, 7011, %(target)s, true, %(times)s)", target=target, times=json.dumps(times))


# ----- imagined calls


def test_a_plain_call_climbs_the_whole_ladder_and_shows_each_rung(client):
    account = explained(client)
    assert [one["number"] for one in account["rungs"] if one["place"] == "22" and one["number"] is not None] == [
        *range(15)]
    assert account["rung"] == "devices"
    assert line(account, "devices")["decides"]
    assert [one["rung"] for one in account["rungs"] if one["place"] == "outgoing"][-1] == "extension"
    assert account["caller"] == {"number": "21", "name": "Person 21", "withheld": False}
    assert account["at"] == "2026-11-25T10:30:00+01:00"


def test_it_is_the_very_plan_a_real_call_gets(client, answers, switch_directory, forwards):
    forwards("22", busy="23", no_answer=(OUTSIDE, 3))
    forwards("23", always="24")
    real = answers.decided(_question_of_a_device(switch_directory.entry("amsel-21", "amsel.example"), "22"))
    account = explained(client)
    assert account["rung"] == real.decision.rung
    assert [(one["place"], one["rung"], one["said"]) for one in account["rungs"]] == [
        (one.place, one.rung, one.said) for one in real.decision.trace]
    assert account["plan"]["busy"]["do"] == "send_on"
    assert account["plan"]["for_s"] == real.decision.step.ring_timeout_s == 16


def _question_of_a_device(entry: Entry, dialled: str):
    from services.routing import question
    from services.routing.directory_xml import device_variables
    from shared.esl.events import Event
    return question.read(Event.of({
        "Unique-ID": str(uuid.uuid4()), "Caller-Context": "internal", "Caller-Destination-Number": dialled,
        "Caller-Caller-ID-Number": "21", **{f"variable_{k}": v for k, v in device_variables(entry).items()}}))


def test_a_forward_that_is_barred_is_shown_with_the_reason_and_what_came_instead(client, forwards):
    forwards("22", always="+4990051234567", busy="23")
    account = explained(client)
    refused = line(account, "forward always, mailbox always")
    assert "refused" in refused["said"]
    assert "premium" in refused["said"]
    assert not refused["decides"]
    assert account["rung"] == "devices"


def test_forwards_are_climbed_with_their_places(client, forwards):
    forwards("22", always="23")
    forwards("23", no_answer=("24", 2))
    account = explained(client)
    assert account["rung"] == "forward always, mailbox always"
    assert {(one["place"], one["sent_on"]) for one in account["rungs"]} >= {("22", 0), ("23", 1), ("24", 2)}
    assert account["plan"]["do"] == "send_on"
    assert account["plan"]["then"]["no_answer"]["do"] == "send_on"


def test_two_who_forward_to_one_another_show_the_loop_guard(client, forwards):
    forwards("22", always="23")
    forwards("23", always="22")
    account = explained(client)
    assert any(one["rung"] == "loop guard" and one["decides"] for one in account["rungs"])


def test_night_service_is_shown_with_its_hours_for_the_time_asked_about(client, owner_sql):
    night_every_weekday_from_18(owner_sql)
    day = explained(client, OUTSIDE, "22", "2026-11-26T12:00")
    night = explained(client, OUTSIDE, "22", "2026-11-26 20:00")
    assert (day["rung"], night["rung"]) == ("devices", "night service")
    assert day["calendar"]["night"] == {
        "on": False, "by": "schedule", "until": "2026-11-26T18:00+01:00", "target": "30"}
    assert night["calendar"]["night"] == {
        "on": True, "by": "schedule", "until": "2026-11-27T08:00+01:00", "target": "30"}
    assert explained(client, "21", "22", "2026-11-26 20:00")["rung"] == "devices"


def test_night_by_hand_says_until_when(client, owner_sql):
    night_every_weekday_from_18(owner_sql)
    owner_sql("UPDATE routing.site_settings SET night_by_hand = true, night_by_hand_at = %(at)s WHERE company_id = 701",
              at=NOW)
    account = explained(client, OUTSIDE)
    assert account["rung"] == "night service"
    assert account["calendar"]["night"] == {
        "on": True, "by": "hand", "until": "2026-11-25T18:00+01:00", "target": "30"}


def test_holidays_are_named(client, owner_sql):
    owner_sql("UPDATE directory.sites SET region = 'BE' WHERE site_id = 7011")
    account = explained(client, at="2026-12-25T12:00")
    assert (account["calendar"]["weekday"], account["calendar"]["holiday"]) == ("Friday", "Christmas Day")
    assert explained(client, at="2026-12-24T12:00")["calendar"]["holiday"] is None


def test_what_holds_only_now_is_said_to_be_unknown_of_another_time(client):
    now, then = explained(client), explained(client, at="2026-11-26T12:00")
    assert (now["not_known"], then["not_known"]) == ([], ["calls_up", "registrations", "limits"])
    assert now["plan"]["legs"][0]["registered"] is False
    assert "registered" not in then["plan"]["legs"][0]


@pytest.mark.parametrize(("caller", "shown"), [
    ("21", ("21", "Person 21", False)), ("030 5557 0 21", ("21", "Person 21", False)),
    ("0171 5550121", ("+491715550121", "Person 21", False)), (OUTSIDE, (OUTSIDE, "", False)),
    ("withheld", (None, "", True)),
])
def test_callers_are_understood_as_people_write_them(client, caller, shown):
    account = explained(client, caller)
    assert tuple(account["caller"].values()) == shown


@pytest.mark.parametrize(("callee", "rung"), [
    ("112", "emergency"), ("0171 555 0100", "external number"), ("0900 5 123456", "barring"), ("*999999", None),
    ("4711", None), ("030 5557 022", "devices"),
])
def test_what_is_dialled_may_be_anything(client, callee, rung):
    account = explained(client, "21", callee)
    assert rung is None or account["rung"] == rung
    assert account["rungs"][-1]["said"]
    assert account["caller"]["name"] == "Person 21"
    assert in_one_piece(client, "21", callee)


def in_one_piece(client, caller, callee, **more):
    answer = ask(client, accept="text/plain", caller=caller, callee=callee, **more)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    return answer.get_data(as_text=True)


def test_the_text_is_readable_on_a_terminal(client, forwards, owner_sql):
    night_every_weekday_from_18(owner_sql, "23")
    forwards("22", busy="23", no_answer=("+491715550100", 3))
    forwards("23", always="24")
    text = in_one_piece(client, OUTSIDE, "22", at="2026-11-26T20:00")
    assert "calls Person 22 (22)" in text
    assert "Night service of the site: on by its schedule until Fri 27 Nov 2026, 08:00" in text
    assert "»  4  night service" in text
    assert "Decided by: night service" in text
    assert all(len(row) <= 120 for row in text.splitlines())
    inside = in_one_piece(client, "21", "22")
    assert "├─ no answer after 16 s: sent on by Person 22 (22), no-answer:" in inside
    assert "rings +491715550100 (over amsel-1, as +493055570" in inside
    assert "amsel-22 (22, not registered)" in inside


@pytest.mark.parametrize(("query", "status", "field"), [
    ({"caller": "21"}, 422, "callee"),
    ({"callee": "22"}, 422, "caller"),
    ({"caller": "99", "callee": "22"}, 404, "caller"),
    ({"caller": "drei", "callee": "22"}, 422, "caller"),
    ({"caller": "21", "callee": "sip:22@evil"}, 422, "callee"),
    ({"caller": "21", "callee": "22", "at": "tomorrow"}, 422, "at"),
    ({"caller": "21", "callee": "22", "at": "2026-13-01T00:00"}, 422, "at"),
    ({"caller": "21", "callee": "22", "at": "0001-01-01T00:00"}, 422, "at"),
    ({"caller": "21", "callee": "22", "at": "2026-03-29T02:30"}, 422, "at"),
    ({"caller": OUTSIDE, "callee": "99"}, 404, "callee"),
    ({"caller": OUTSIDE, "callee": "+4940555721"}, 404, "callee"),  # another company's
    ({"caller": OUTSIDE, "callee": "*21"}, 422, "callee"),
    ({"caller": "21", "callee": "22", "company": "702"}, 404, None),
    ({"caller": "21", "callee": "22", "company": "buche.example"}, 404, None),
])
def test_what_cannot_be_imagined_is_refused_with_field_and_rule(client, query, status, field):
    answer = ask(client, **query)
    assert answer.status_code == status, answer.get_json()
    assert field is None or answer.get_json()["field"].endswith(field)
    assert answer.get_json()["message"]


def test_an_operator_names_the_company(client):
    assert ask(client, "operator", caller="21", callee="22").status_code == 422
    assert ask(client, "operator", caller="21", callee="22", company="nobody.example").status_code == 404
    for company in ("amsel.example", "701"):
        assert explained(client, who="operator", company=company)["callee"]["subscriber_id"] == BERND
    assert explained(client, who="operator", company="702")["callee"] is None  # nobody has 22 there


def test_a_number_of_the_company_that_nobody_has_is_explained_as_such(client):
    account = explained(client, OUTSIDE, "+49305557000")  # the site's
    assert (account["rung"], account["callee"], account["plan"]["do"]) == ("number", None, "announce")
    assert "calls +49305557000" in in_one_piece(client, OUTSIDE, "+49305557000")


@pytest.mark.parametrize("called", ["+49305557000", "+49305557055"])
def test_at_night_such_a_number_is_explained_by_night_service(client, owner_sql, called):
    owner_sql("INSERT INTO directory.number_pools (company_id, site_id, first_number, last_number)"
              " VALUES (701, 7011, '+49305557000', '+49305557099')")
    owner_sql("INSERT INTO routing.site_settings (company_id, site_id, night_target, night_by_hand, night_by_hand_at)"
              " VALUES (701, 7011, 'mailbox:24', true, now())")
    try:
        account = explained(client, OUTSIDE, called)
        assert (account["rung"], account["callee"], account["plan"]["do"]) == ("night service", None, "mailbox")
        assert "mailbox of Person 24 (24)" in in_one_piece(client, OUTSIDE, called)
        assert ask(client, "fremde", caller=OUTSIDE, callee=called).status_code == 404
    finally:
        owner_sql("DELETE FROM routing.site_settings WHERE company_id = 701")
        owner_sql("DELETE FROM directory.number_pools WHERE company_id = 701")


def test_an_integrated_mobile_does_not_stand_for_the_telephone_on_the_desk(client, owner_sql):
    owner_sql("INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key, is_mobile)"
              " VALUES (701, 'a-mobile', 70121, repeat('c', 32), 'mobilemobile', true)")
    try:
        assert explained(client, "21", "*78")["plan"]["do"] == "code"
    finally:
        owner_sql("DELETE FROM directory.devices WHERE device_id = 'a-mobile'")


# ----- what a subscriber may see


def test_a_subscriber_may_not_look_into_a_colleagues_settings(client):
    answer = ask(client, "anna", caller="21", callee="22")
    assert answer.status_code == 403
    assert "colleague" in answer.get_json()["message"]
    assert ask(client, "anna", caller=OUTSIDE, callee="+493055570 22").status_code == 403
    assert ask(client, "fremde", caller=OUTSIDE, callee="+493055570 22").status_code == 404
    assert client.get("/v1/explain?caller=21&callee=22").status_code == 401


def test_a_subscriber_sees_his_own_rungs_and_not_those_of_whom_he_forwards_to(client, forwards):
    forwards("21", always="22", busy="+491715550100")
    forwards("22", always="+491715550177")
    account = explained(client, "23", "21", who="anna")
    assert {one["place"] for one in account["rungs"]} == {"21"}
    assert account["plan"]["then"] == {"do": "private"}
    assert "0177" not in json.dumps(account)


def test_a_subscriber_sees_why_his_own_call_to_outside_is_barred(client):
    account = explained(client, "21", "0900 5 123456", who="anna")
    assert account["rung"] == "barring"
    assert account["plan"]["do"] == "announce"


# ----- calls that were


def record(call_id, **more):
    return [
        {"kind": "decided", "call_id": call_id, "company_id": 701, "at": NOW.isoformat(), "direction": "internal",
         "device_id": "amsel-23", "caller_id": 70123, "caller_number": "23", "caller_name": "Person 23",
         "dialled": "21", "callee_id": ANNA, "callee_name": "Person 21", "callee_number": "21", "rung": "devices",
         "trace": [{"place": "outgoing", "rung": "extension", "saw": {"owner": "21"}, "said": "decided",
                    "sent_on": 0, "decides": True},
                   {"place": "21", "rung": "devices", "saw": {"devices": 1}, "said": "ring", "sent_on": 0,
                    "decides": True},
                   {"place": "22", "rung": "negative list", "saw": {"rule": "aunt"}, "said": "announce x",
                    "sent_on": 1, "decides": True}],
         "step": {"do": "ring", "legs": ["amsel-21"], "trunks": [], "reason": "devices", "for_s": 120}, "rang": [ANNA],
         "from_memory": False},
        {"kind": "went_on", "call_id": call_id, "company_id": 701, "at": NOW.replace(minute=31).isoformat(),
         "question": 2, "outcome": "busy", "causes": ["USER_BUSY"],
         "step": {"do": "ring", "legs": ["amsel-22", OUTSIDE], "trunks": ["amsel-1"], "reason": "devices",
                  "for_s": 21}, "rang": [BERND]},
        {"kind": "leg_answered", "call_id": call_id, "company_id": 701, "at": NOW.isoformat(),
         "answered_at": NOW.replace(minute=32).isoformat(), "subscriber_id": BERND},
        {"kind": "ended", "call_id": call_id, "company_id": 701, "at": NOW.replace(minute=33).isoformat(),
         "began_at": NOW.isoformat(), "answered_at": NOW.replace(minute=32).isoformat(), "cause": "NORMAL_CLEARING"},
    ]


@pytest.fixture
def past_call(database):
    call_id = str(uuid.uuid4())
    with database.company(701) as tx:
        call_log.write(tx, 701, record(call_id))
    return f"/v1/calls/{call_id}/explain"


def test_a_past_call_is_told_with_what_came_of_it(client, past_call):
    for who in ("admin", "operator"):
        account = ask(client, who, path=past_call).get_json()
        assert (account["kind"], account["rung"], account["cause"]) == ("past", "devices", "NORMAL_CLEARING")
        assert account["answered_by"] == {"extension": "22", "name": "Person 22"}
        assert [step["do"] for step in account["happened"]] == ["ring", "ring"]
        assert account["happened"][1]["at"] == "2026-11-25T10:31:00+01:00"
        assert line(account, "devices", "21")["number"] == 14
    text = ask(client, path=past_call, accept="text/plain").get_data(as_text=True)
    assert "Person 23 (23) calls Person 21 (21)" in text
    assert "10:31:00  busy (USER_BUSY): rang amsel-22, +491715550100 over amsel-1 for up to 21 s (devices)" in text
    assert "10:32:00  answered by Person 22 (22)" in text


def test_of_a_past_call_too_a_subscriber_sees_his_own_part_only(client, past_call):
    account = ask(client, "anna", path=past_call).get_json()
    assert {one["place"] for one in account["rungs"]} == {"21"}
    assert [(step["legs"], step.get("reason")) for step in account["happened"]] == [
        (["amsel-21"], "devices"), ([], None)]
    text = ask(client, "anna", path=past_call, accept="text/plain").get_data(as_text=True)
    assert "busy (USER_BUSY): rang elsewhere for up to 21 s" in text
    assert OUTSIDE not in json.dumps(account)
    assert ask(client, "fremde", path=past_call).status_code == 404
    assert ask(client, path=f"/v1/calls/{uuid.uuid4()}/explain").status_code == 404


def test_the_description_names_the_resources_and_their_answers_hold_to_it(client):
    described = client.get("/openapi.json").get_json()
    assert {"/v1/explain", "/v1/calls/{call_id}/explain"} <= set(described["paths"])
    fields = set(described["components"]["schemas"]["Explanation"]["properties"])
    assert set(explained(client)) <= fields
