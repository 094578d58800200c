"""The log of calls: written from reports in any order and any number, read page by page, over HTTP."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from services.routing import call_log
from services.routing.__main__ import Service  # noqa: F401  (imports as the process does)
from services.routing.api import call_log as call_log_api
from services.routing.api import forwardings as forwardings_api
from services.routing.call_log import BadCursor, Wanted, read_cursor
from services.routing.record import Recorder
from services.routing.worker import write_what_is_good
from shared.api import create_app
from shared.database import Database

NOON = datetime(2026, 8, 12, 10, 0, tzinfo=UTC)
ANNA, BERND, CLARA = 70121, 70122, 70123


def at(seconds):
    return (NOON + timedelta(seconds=seconds)).isoformat()


def story(call_id, begins=0, answered_by=None, caller=ANNA, callee=BERND):
    """What is reported of one call that rings at Bernd, then at Clara."""
    def records():
        yield {"kind": "decided", "call_id": call_id, "company_id": 701, "at": at(begins), "direction": "internal",
               "device_id": "amsel-21", "caller_id": caller, "caller_number": "21", "caller_name": "Person 21",
               "dialled": "22", "callee_id": callee, "callee_name": "Person 22", "callee_number": "22",
               "rung": "devices", "trace": [{"place": "22", "rung": "devices", "saw": {}, "said": "ring"}],
               "step": {"do": "ring", "legs": ["amsel-22"]}, "rang": [callee], "from_memory": False}
        yield {"kind": "went_on", "call_id": call_id, "company_id": 701, "at": at(begins + 5), "question": 2,
               "outcome": "busy", "causes": ["USER_BUSY"], "step": {"do": "ring", "legs": ["amsel-23"]},
               "rang": [CLARA]}
        if answered_by:
            yield {"kind": "leg_answered", "call_id": call_id, "company_id": 701, "at": at(begins + 40),
                   "answered_at": at(begins + 10), "subscriber_id": answered_by}
        yield {"kind": "ended", "call_id": call_id, "company_id": 701, "at": at(begins + 40),
               "began_at": at(begins), "answered_at": at(begins + 10) if answered_by else None,
               "cause": "NORMAL_CLEARING"}
    return list(records())


@pytest.fixture
def tx(database, owner_sql):
    with database.company(701) as transaction:
        yield transaction
    owner_sql("DELETE FROM routing.calls")


def lines(tx, subscriber_id, **wanted):
    return call_log.page(tx, Wanted(701, subscriber_id, **wanted))[0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_the_log_is_the_same_in_whatever_order_and_number_the_reports_come(tx, order):
    call_id = str(uuid.uuid4())
    reports = story(call_id, answered_by=CLARA)
    reports = [reports[i] for i in order]
    call_log.write(tx, 701, [*reports, random.Random(1).choice(reports), *reports])
    assert [(line.kind, line.name, line.number, line.duration_s) for who in (ANNA, BERND, CLARA)
            for line in lines(tx, who)] == [
        ("placed", "Person 22", "22", 30), ("missed", "Person 21", "21", 0), ("received", "Person 21", "21", 30)]
    whole = call_log.one(tx, uuid.UUID(call_id), None)
    assert [step["do"] for step in whole.steps] == ["ring", "ring"]
    assert (whole.rung, whole.cause) == ("devices", "NORMAL_CLEARING")
    assert [answer["subscriber_id"] for answer in whole.answers] == [CLARA]


def test_a_call_nobody_answered_is_missed_by_everyone_it_rang_at(tx):
    call_log.write(tx, 701, story(str(uuid.uuid4())))
    assert [line.kind for who in (ANNA, BERND, CLARA) for line in lines(tx, who)] == ["placed", "missed", "missed"]


def test_a_call_still_up_is_not_missed_yet(tx):
    now = datetime.now(UTC).isoformat()
    call_log.write(tx, 701, [{**story(str(uuid.uuid4()))[0], "at": now}])
    assert lines(tx, BERND) == []


def test_pages_follow_one_another_without_gap_or_double(tx):
    for n in range(7):
        call_log.write(tx, 701, story(str(uuid.uuid4()), begins=(n // 2) * 60))  # some at the same moment
    seen, following = [], None
    while True:
        rows, text = call_log.page(tx, Wanted(701, ANNA, limit=3, before=following))
        seen += [row.call_id for row in rows]
        if text is None:
            break
        following = read_cursor(call_log.cursor(text))
    assert len(seen) == len(set(seen)) == 7


def test_search_takes_signs_literally(tx):
    call_log.write(tx, 701, story(str(uuid.uuid4())))
    assert len(lines(tx, ANNA, search="person 2")) == 1
    assert lines(tx, ANNA, search="%") == []
    assert lines(tx, ANNA, kind="missed") == []


@pytest.mark.parametrize("text", ["", "x", "____", "bm9w", "ä" * 9])
def test_a_made_up_cursor_is_refused(text):
    with pytest.raises(BadCursor):
        read_cursor(text)


def test_a_deleted_line_stays_deleted_when_a_late_report_comes_and_the_others_keep_theirs(tx):
    call_id = str(uuid.uuid4())
    call_log.write(tx, 701, story(call_id))
    assert call_log.delete(tx, 701, BERND) == 1
    call_log.write(tx, 701, story(call_id))
    assert lines(tx, BERND) == []
    assert len(lines(tx, ANNA)) == 1


# ----- on the way to the log


def outbox_rows(owner_sql):
    return owner_sql("SELECT company_id, queue, task, payload FROM routing.outbox ORDER BY outbox_id")


@pytest.fixture
def folder(tmp_path, owner_sql):
    owner_sql("DELETE FROM routing.outbox")
    yield tmp_path / "records"
    owner_sql("DELETE FROM routing.outbox")


def test_records_are_gathered_into_one_row_a_company(database, folder, owner_sql):
    recorder = Recorder(database, folder)
    for record in story(str(uuid.uuid4())):
        recorder.note(record)
    recorder.write_waiting()
    [(company_id, queue, task, payload)] = outbox_rows(owner_sql)
    assert (company_id, queue, task, len(payload["records"])) == (701, "calls.record", "routing.record_calls", 3)


def test_with_the_database_away_records_wait_in_a_file_and_are_taken_in_once(database, folder, owner_sql):
    away = Recorder(Database("postgresql://u:p@127.0.0.1:9/x"), folder)
    for record in story(str(uuid.uuid4())):
        away.note(record)
    away.write_waiting()
    [file] = folder.glob("*.json")
    assert len(json.loads(file.read_text())) == 3
    back = Recorder(database, folder)
    back.take_in_files()
    back.take_in_files()
    assert len(outbox_rows(owner_sql)) == 1
    assert list(folder.iterdir()) == []


def test_a_broken_file_is_set_aside_and_does_not_stop_the_others(database, folder, owner_sql):
    recorder = Recorder(database, folder)
    (folder / "2026_half.json").write_text("[{")
    (folder / "2027_whole.json").write_text(json.dumps(story(str(uuid.uuid4()))))
    recorder.take_in_files()
    assert len(outbox_rows(owner_sql)) == 1
    assert [path.name for path in folder.iterdir()] == ["2026_half.broken"]


def test_a_file_with_one_bad_record_is_set_aside_and_its_good_ones_are_taken_in(database, folder, owner_sql):
    recorder = Recorder(database, folder)
    (folder / "2026_bad.json").write_text(json.dumps([{"no": "company"}, *story(str(uuid.uuid4()))]))
    (folder / "2026_list.json").write_text('{"a": 1}')
    (folder / "2027_whole.json").write_text(json.dumps(story(str(uuid.uuid4()))))
    recorder.take_in_files()
    assert sum(len(payload["records"]) for _, _, _, payload in outbox_rows(owner_sql)) == 6
    assert sorted(path.name for path in folder.iterdir()) == ["2026_bad.broken", "2026_list.broken"]


def test_a_record_nobody_can_write_down_costs_no_other(database, folder, owner_sql):
    recorder = Recorder(database, folder)
    for record in ({"company_id": "none"}, *story(str(uuid.uuid4()))):
        recorder.note(record)
    recorder.write_waiting()
    assert sum(len(payload["records"]) for _, _, _, payload in outbox_rows(owner_sql)) == 3


def test_a_bad_record_of_a_batch_costs_the_log_no_other(database, owner_sql):
    call_id = str(uuid.uuid4())
    bad = [{"kind": "unheard of"}, {"kind": "ended"}, {**story(call_id)[-1], "call_id": "no uuid"}]
    write_what_is_good(database, 701, [bad[0], *story(call_id), *bad[1:]])
    [(dialled, cause)] = owner_sql("SELECT dialled, cause FROM routing.calls WHERE call_id = %(id)s", id=call_id)
    assert (dialled, cause) == ("22", "NORMAL_CLEARING")
    owner_sql("DELETE FROM routing.calls WHERE call_id = %(id)s", id=call_id)


# ----- over HTTP


@pytest.fixture(scope="module")
def client(database, owner_sql):
    for token, role, company, subscriber in (
        ("anna-token-anna-token", "subscriber", 701, ANNA), ("bernd-token-bernd-token", "subscriber", 701, BERND),
        ("fremde-token-fremde-token", "subscriber", 702, 70221), ("operator-token-operator", "operator", None, None),
        ("chefin-token-chefin-token", "administrator", 701, None),
        ("clara-token-clara-token", "administrator", 701, CLARA),
    ):
        owner_sql("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                  " VALUES (%(hash)s, %(role)s, %(company)s, %(subscriber)s)",
                  hash=hashlib.sha256(token.encode()).digest(), role=role, company=company, subscriber=subscriber)
    app, api = create_app("routing", database=database)
    published = []
    api.register_blueprint(forwardings_api.blueprint(database, published.append))
    api.register_blueprint(call_log_api.blueprint(database))
    one = app.test_client()
    one.published = published
    yield one
    owner_sql("DELETE FROM directory.api_tokens WHERE company_id IN (701, 702) OR role = 'operator'")


def as_(who):
    return {"Authorization": f"Bearer {who}-token-{who}{'-token' if who != 'operator' else ''}"}


def test_one_sees_ones_own_calls_and_why_they_rang(client, database, owner_sql):
    call_id = str(uuid.uuid4())
    with database.company(701) as tx:
        call_log.write(tx, 701, story(call_id, answered_by=CLARA))
    page = client.get("/v1/call-log", headers=as_("anna")).get_json()
    assert [(line["kind"], line["name"], line["colleague_id"], line["rung"]) for line in page["entries"]] == [
        ("placed", "Person 22", BERND, "devices")]
    whole = client.get(f"/v1/call-log/{call_id}", headers=as_("bernd")).get_json()
    assert whole["trace"][0]["rung"] == "devices"
    assert client.get(f"/v1/call-log/{call_id}", headers=as_("fremde")).status_code == 404
    assert client.get(f"/v1/call-log/{call_id}", headers=as_("operator")).status_code == 200
    assert len(client.get(f"/v1/subscribers/{CLARA}/call-log", headers=as_("operator")).get_json()["entries"]) == 1
    assert client.get(f"/v1/subscribers/{CLARA}/call-log", headers=as_("anna")).status_code == 404
    assert client.delete(f"/v1/call-log/{call_id}", headers=as_("anna")).status_code == 204
    assert client.delete(f"/v1/call-log/{call_id}", headers=as_("anna")).status_code == 404
    assert client.delete("/v1/call-log", headers=as_("bernd")).status_code == 204
    assert client.get("/v1/call-log", headers=as_("bernd")).get_json()["entries"] == []
    owner_sql("DELETE FROM routing.calls")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "kind=all", "next=nonsense"])
def test_wrong_paging_is_named(client, query):
    answer = client.get(f"/v1/call-log?{query}", headers=as_("anna"))
    assert answer.status_code == 422
    assert answer.get_json()["field"].endswith(query.split("=")[0])


def put(client, kind, body, who="anna", path="/v1/forwardings"):
    return client.put(f"{path}/{kind}", json=body, headers=as_(who))


def test_a_forwarding_is_off_until_set_and_shown_as_people_write_it(client, owner_sql):
    before = client.get("/v1/forwardings", headers=as_("anna")).get_json()["forwardings"]
    assert [(one["kind"], one["enabled"], one["target"]) for one in before] == [
        ("always", False, None), ("busy", False, None), ("no_answer", False, None), ("not_reachable", False, None)]
    answer = put(client, "no_answer", {"enabled": True, "target": "0171 / 555-0199", "rings": 3})
    assert answer.get_json() == {"kind": "no_answer", "enabled": True, "target": "+491715550199",
                                 "target_shown": "0171 5550199", "rings": 3}
    assert put(client, "no_answer", {"enabled": False}).get_json()["target"] == "+491715550199"
    assert put(client, "no_answer", {"enabled": True}).get_json()["rings"] == 3
    assert put(client, "busy", {"enabled": True, "target": "22"}).get_json()["target"] == "22"
    assert client.published[-1].what == "forwarding"
    owner_sql("DELETE FROM routing.forwardings")


@pytest.mark.parametrize(("kind", "body", "error", "field"), [
    ("busy", {"enabled": True}, "target_missing", "target"),
    ("busy", {"enabled": True, "target": "99"}, "target_unknown", "target"),
    ("busy", {"enabled": True, "target": "21"}, "target_is_own", "target"),
    ("busy", {"enabled": True, "target": "+49 30 555 7021"}, "target_is_own", "target"),
    ("busy", {"enabled": True, "target": "112"}, "target_is_emergency", "target"),
    ("busy", {"enabled": True, "target": "0900 5 123456"}, "target_not_allowed", "target"),
    ("busy", {"enabled": True, "target": "drei"}, "target_invalid", "target"),
    ("busy", {"enabled": True, "target": "22", "rings": 3}, "invalid_field", "rings"),
    ("no_answer", {"enabled": True, "target": "22", "rings": 1}, None, "rings"),
    ("no_answer", {"enabled": True, "target": "22", "rings": 21}, None, "rings"),
    ("no_answer", {"target": "22"}, None, "enabled"),
])
def test_a_forwarding_that_cannot_work_is_refused_with_the_field(client, kind, body, error, field):
    answer = put(client, kind, body)
    assert answer.status_code == 422
    assert answer.get_json()["field"].endswith(field)
    assert error is None or answer.get_json()["error"] == error
    assert client.get(f"/v1/forwardings/{kind}", headers=as_("anna")).get_json()["enabled"] is False


def test_forwardings_of_others_are_an_operators_matter(client, owner_sql):
    path = f"/v1/subscribers/{BERND}/forwardings"
    assert put(client, "always", {"enabled": True, "target": "23"}, "anna", path).status_code == 404
    assert put(client, "always", {"enabled": True, "target": "23"}, "operator", path).status_code == 200
    assert client.get("/v1/forwardings/always", headers=as_("bernd")).get_json()["target"] == "23"
    assert put(client, "always", {"enabled": True, "target": "23"}, "operator",
               "/v1/subscribers/999999/forwardings").status_code == 404
    assert client.get("/v1/forwardings/sometimes", headers=as_("anna")).status_code == 404
    assert client.get("/v1/forwardings").status_code == 401
    owner_sql("DELETE FROM routing.forwardings")


def test_an_administrator_answers_for_the_people_of_his_company_only(client, database, owner_sql):
    own, foreign = f"/v1/subscribers/{BERND}", "/v1/subscribers/70221"
    assert put(client, "always", {"enabled": True, "target": "23"}, "chefin", f"{own}/forwardings").status_code == 200
    assert client.get(f"{own}/forwardings/always", headers=as_("chefin")).get_json()["target"] == "23"
    for path in (f"{foreign}/forwardings", f"{foreign}/forwardings/always", f"{foreign}/call-log",
                 "/v1/subscribers/999999/call-log"):
        assert client.get(path, headers=as_("chefin")).status_code == 404
    assert put(client, "always", {"enabled": True, "target": "23"}, "chefin",
               f"{foreign}/forwardings").status_code == 404
    assert client.get("/v1/forwardings", headers=as_("chefin")).status_code == 403
    call_id = str(uuid.uuid4())
    with database.company(701) as tx:
        call_log.write(tx, 701, story(call_id))
    assert client.get(f"/v1/call-log/{call_id}", headers=as_("chefin")).status_code == 200
    assert client.get(f"/v1/call-log/{call_id}", headers=as_("clara")).status_code == 200
    owner_sql("DELETE FROM routing.calls")
    owner_sql("DELETE FROM routing.forwardings")


def test_an_administrator_who_is_a_person_has_settings_of_his_own(client, owner_sql):
    assert put(client, "busy", {"enabled": True, "target": "21"}, "clara").status_code == 200
    assert client.get("/v1/forwardings/busy", headers=as_("clara")).get_json()["target"] == "21"
    assert client.get(f"/v1/subscribers/{BERND}/forwardings", headers=as_("clara")).status_code == 200
    owner_sql("DELETE FROM routing.forwardings")


def test_the_description_of_the_api_names_every_resource(client):
    paths = client.get("/openapi.json").get_json()["paths"]
    assert {"/v1/forwardings", "/v1/forwardings/{kind}", "/v1/call-log", "/v1/call-log/{call_id}"} <= set(paths)


# ----- who called, who took it, and what was decided later


def later(call_id, at_s, *, callee=CLARA, **more):
    """The caller was transferred, and asks again."""
    return {**story(call_id)[0], "kind": "decided_again", "at": at(at_s), "dialled": "23", "callee_id": callee,
            "callee_number": "23", "callee_name": "Person 23", "rung": "extension", "rang": [callee],
            "trace": [{"place": "23", "rung": "devices", "saw": {}, "said": "ring", "decides": True}], **more}


def answered(call_id, by, begins, ends):
    return {"kind": "leg_answered", "call_id": call_id, "company_id": 701, "at": at(ends), "answered_at": at(begins),
            "subscriber_id": by}


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7])
def test_a_call_that_was_handed_on_was_taken_by_both_and_its_second_ladder_is_kept(tx, order):
    call_id = str(uuid.uuid4())
    decided, _, end = story(call_id)
    reports = [decided, answered(call_id, BERND, 5, 15), later(call_id, 14), answered(call_id, CLARA, 16, 40),
               {**end, "answered_at": at(5)}]
    for number in order:
        call_log.write(tx, 701, [reports[number]])
    call_log.write(tx, 701, reports)
    assert [(line.kind, line.duration_s) for who in (ANNA, BERND, CLARA) for line in lines(tx, who)] == [
        ("placed", 35), ("received", 10), ("received", 24)]
    assert len(lines(tx, BERND, kind="received")) == len(lines(tx, CLARA, kind="received")) == 1
    whole = call_log.one(tx, uuid.UUID(call_id), None)
    assert (whole.callee_number, whole.rung) == ("22", "devices"), "what was decided first stays"
    assert [(one["dialled"], one["rung"], one["trace"][0]["place"]) for one in whole.later] == [
        ("23", "extension", "23")]
    assert [one["subscriber_id"] for one in whole.answers] == [BERND, CLARA]


def test_a_withheld_caller_is_in_the_callees_list_as_on_the_display_and_in_his_own_as_ever(tx):
    call_id = str(uuid.uuid4())
    call_log.write(tx, 701, [{**one, "withheld": True} for one in story(call_id)])
    for who in (BERND, CLARA):
        [line] = lines(tx, who)
        assert (line.name, line.number, line.colleague_id) == (None, None, None)
        assert lines(tx, who, search="Person") == lines(tx, who, search="21") == []
        whole = call_log.one(tx, uuid.UUID(call_id), who)
        assert (whole.caller_name, whole.caller_number, whole.caller_subscriber_id) == (None, None, None)
    assert lines(tx, ANNA)[0].number == "22"
    for viewer in (ANNA, None):
        assert call_log.one(tx, uuid.UUID(call_id), viewer).caller_number == "21"


def test_a_call_back_out_of_the_portal_is_placed_to_whom_it_called(tx):
    """Somebody's mobile called his own mailbox, and the portal called the sender of a message."""
    call_id = str(uuid.uuid4())
    decided, _, end = story(call_id, caller=None, callee=ANNA)
    back = later(call_id, 20, callee=None, caller_id=ANNA, anew=True, rang=[], callee_number="+491715550177",
                 callee_name=None)
    call_log.write(tx, 701, [decided, back, answered(call_id, None, 25, 35), {**end, "answered_at": at(2)}])
    found = {line.kind: (line.number, line.name, line.duration_s) for line in lines(tx, ANNA)}
    assert found == {"placed": ("+491715550177", None, 10), "missed": ("21", "Person 21", 0)}
