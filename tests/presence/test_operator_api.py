"""What operators and administrators see over HTTP, on a real database and a real broker."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kombu import Connection

from services.presence.overview.broker import QUEUES
from shared import last_errors
from shared.broker import celery_app
from shared.database import Database
from tests.presence.office import ADMINISTRATOR, OPERATOR, SUBSCRIBER, Office
from tests.presence.test_overview import STATUS

CALL = "7f3cfd5e-6f0e-4c53-8d2c-3a5a2b9d0c11"
OF_OPERATORS = ("/v1/operator/overview", "/v1/operator/errors")
OF_BOTH = ("/v1/operator/calls", "/v1/operator/registrations", "/v1/operator/mails")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def office(admin_database_url: str, service_database_urls: Mapping[str, str], broker_url: str,
           run_folder: Path) -> Iterator[Office]:
    owner, database = Database(admin_database_url), Database(service_database_urls["presence"])
    office = Office(owner, database, broker_url, run_folder)
    yield office
    office.server.stop(timeout=1)
    database.close()
    owner.close()


@pytest.fixture(autouse=True)
def switch_is_there(office: Office) -> Iterator[None]:
    row = {"reg_user": "o1-anna", "network_ip": "10.0.0.9", "network_port": "5060", "network_proto": "udp",
           "expires": str(int(time.time()) + 300)}
    office.switch.answers = {
        "status": STATUS, "show registrations as json": json.dumps({"rows": [row, {**row, "reg_user": "o2-bernd"}]}),
        "sofia xmlstatus gateway": "<gateways/>"}
    yield
    office.switch.answers = {}


def test_operators_only_and_administrators_of_their_company(office: Office):
    for path in (*OF_OPERATORS, *OF_BOTH):
        assert office.ask(path, OPERATOR).status == 200, path
        assert office.ask(path).status == 401, path
        assert office.ask(path, SUBSCRIBER).status == 403, path
        assert office.ask(path, ADMINISTRATOR).status == (200 if path in OF_BOTH else 403), path


def test_the_overview_shows_all_parts(office: Office, broker_url: str):
    with Connection(broker_url) as connection:
        for name in QUEUES:     # what other modules left at the session's broker
            connection.default_channel.queue_delete(name)
        app = celery_app("office", broker_url, [QUEUES[0]])
        [queue] = app.conf.task_queues
        queue(connection.default_channel).declare()
        app.send_task("unknown", queue=QUEUES[0], routing_key=QUEUES[0])
        office.look.round()
        seen = office.ask("/v1/operator/overview", OPERATOR).body
        queue(connection.default_channel).delete()
    assert (seen["switch"]["up"], seen["switch"]["sessions"], seen["switch"]["version"]) == (True, 4, "1.11.2-release")
    assert seen["database"]["up"]
    assert seen["database"]["connections"] >= 1
    assert seen["broker"] == {"up": True, "reason": None}
    assert seen["queues"] == [{"name": "callback.dial", "messages": 1, "consumers": 0}]
    assert [(one["name"], one["waiting"]) for one in seen["outboxes"]] == [
        ("callback", 0), ("routing", 0), ("voicemail", 0)]
    assert seen["devices"]["known"] >= 6
    [routing] = seen["services"]
    assert (routing["name"], routing["up"], routing["ready"]) == ("routing", False, False)
    assert "refused" in routing["reason"]
    assert seen["mails"] == {"waiting": 0, "sending": 0, "refused": 0, "given_up": 0, "ambiguous": 0}


def test_what_is_away_says_why_and_costs_the_others_nothing(office: Office):
    office.switch.answers = {}
    office.look.round()
    seen = office.ask("/v1/operator/overview", OPERATOR).body
    assert seen["switch"] == {"up": False, "reason": "not connected"}
    assert seen["database"]["up"]
    figures = office.ask("/metrics").content.decode()
    assert "\npbx_switch_up 0.0" in figures
    assert "\npbx_switch_sessions NaN" in figures
    assert "\npbx_database_up 1.0" in figures
    answer = office.ask("/v1/operator/registrations", OPERATOR)
    assert (answer.status, answer.body["error"]) == (503, "switch_unavailable")


def test_the_figures_are_there(office: Office):
    office.look.round()
    figures = office.ask("/metrics").content.decode()
    for line in ("pbx_switch_up 1.0", "pbx_switch_sessions 4.0", "pbx_switch_sessions_limit 1000.0",
                 "pbx_broker_up 1.0", 'pbx_service_ready{service="routing"} 0.0',
                 'pbx_outbox_waiting{schema="voicemail"} 0.0'):
        assert f"\n{line}\n" in figures, line


def test_calls_show_legs_people_and_the_rung_that_decided(office: Office):
    first, second = CALL, str(uuid.uuid4())
    office.tell(first, "RING_WAIT", None, call=first, direction="inbound", number="+491715550123", withheld=True)
    office.tell(second, "RINGING", "22", call=first)
    try:
        [call] = office.ask("/v1/operator/calls", OPERATOR).body["calls"]
        assert [one["number"] for one in call["legs"]] == [None, None]
        office.tell(first, "RING_WAIT", None, call=first, direction="inbound", number="+491715550123")
        [call] = office.ask("/v1/operator/calls", OPERATOR).body["calls"]
        assert (call["call_id"], call["state"], call["rung"], call["company_id"]) == (
            first, "ringing", None, office.company_id)
        assert [(one["extension"], one["number"], one["state"]) for one in call["legs"]] == [
            (None, "+491715550123", "ring_wait"), ("22", None, "ringing")]
        with office.owner.platform() as tx:
            tx.execute(
                "INSERT INTO routing.calls (company_id, call_id, started_at, direction, caller_number, dialled,"
                " callee_number, callee_name, rung) VALUES (:company, :call, now(), 'incoming', '+491715550123',"
                " '+49305550022', '22', 'Bernd Beispiel', 'devices')", company=office.company_id, call=first)
        [call] = office.ask("/v1/operator/calls", ADMINISTRATOR).body["calls"]
        assert (call["rung"], call["direction"], call["callee_name"]) == ("devices", "incoming", "Bernd Beispiel")
        assert call["company"] == "office-eins.example"
    finally:
        office.tell(first, "HANGUP", None, call=first, direction="inbound")
        office.tell(second, "HANGUP", "22", call=first)
    assert office.ask("/v1/operator/calls", OPERATOR).body["calls"] == []


def test_an_administrator_sees_no_call_of_another_company(office: Office):
    with office.owner.platform() as tx:
        call_id = str(uuid.uuid4())
        tx.execute("INSERT INTO routing.calls (company_id, call_id, started_at, rung) VALUES (:id, :call, now(), 'x')",
                   id=office.other_company_id, call=call_id)
    office.tell(call_id, "ACTIVE", None, call=call_id, direction="inbound")
    try:
        assert len(office.ask("/v1/operator/calls", OPERATOR).body["calls"]) == 1
        assert office.ask("/v1/operator/calls", ADMINISTRATOR).body["calls"] == []
    finally:
        office.tell(call_id, "HANGUP", None, call=call_id, direction="inbound")


def test_registrations_are_searched_in_pages_and_kept_apart(office: Office):
    def devices(query: str, token: str = ADMINISTRATOR) -> list[str]:
        return [one["device_id"] for one in office.ask(f"/v1/operator/registrations?{query}", token).body[
            "registrations"]]

    assert devices("") == ["o1-anna", "o1-bernd", "o1-clara"]
    assert devices("registered=true") == ["o1-anna"]
    assert devices("registered=false") == ["o1-bernd", "o1-clara"]
    assert devices("search=CLARA") == ["o1-clara"]
    assert {"o1-anna", "o2-bernd"} <= set(devices("registered=true", OPERATOR))
    anna = office.ask("/v1/operator/registrations?search=o1-anna", OPERATOR).body["registrations"][0]
    assert (anna["registered"], anna["address"], anna["transport"], anna["extension"], anna["has_token"]) == (
        True, "10.0.0.9:5060", "udp", "21", False)
    page = office.ask("/v1/operator/registrations?limit=2", ADMINISTRATOR).body
    assert page["next"] == "o1-bernd"
    rest = office.ask(f"/v1/operator/registrations?limit=2&next={page['next']}", ADMINISTRATOR).body
    assert ([one["device_id"] for one in rest["registrations"]], rest["next"]) == (["o1-clara"], None)


def test_mails_that_did_not_go_are_shown_with_the_servers_words(office: Office):
    with office.owner.platform() as tx:
        tx.execute("INSERT INTO voicemail.mailboxes (company_id, subscriber_id) VALUES (:company, :anna)",
                   company=office.company_id, anna=office.anna)
        for state, reply in (("refused", "550 no such user"), ("waiting", None), ("sent", "250 ok")):
            message_id = str(uuid.uuid4())
            tx.execute("INSERT INTO voicemail.messages (company_id, message_id, subscriber_id, left_at, duration_ms,"
                       " sample_rate, audio_bytes, reason)"
                       " VALUES (:company, :id, :anna, now(), 1000, 8000, 100, 'busy')",
                       company=office.company_id, id=message_id, anna=office.anna)
            tx.execute("INSERT INTO voicemail.deliveries (company_id, message_id, kind, recipient, state, last_reply)"
                       " VALUES (:company, :id, 'forward', 'anna@office-eins.example', :state, :reply)",
                       company=office.company_id, id=message_id, state=state, reply=reply)
    found = office.ask("/v1/operator/mails", ADMINISTRATOR).body["mails"]
    assert {(one["state"], one["last_reply"], one["extension"]) for one in found} == {
        ("refused", "550 no such user", "21"), ("waiting", None, "21")}
    assert "recipient" not in found[0]
    [refused] = office.ask("/v1/operator/mails?state=refused", OPERATOR).body["mails"]
    assert refused["company"] == "office-eins.example"
    office.look.round()
    mails = office.ask("/v1/operator/overview", OPERATOR).body["mails"]
    assert (mails["refused"], mails["waiting"]) == (1, 1)


def test_the_last_errors_are_shown(office: Office, run_folder: Path):
    assert office.ask("/v1/operator/errors", OPERATOR).body == {"errors": []}
    last_errors.Keeper(run_folder).keep({
        "timestamp": "2026-03-02T08:00:00Z", "service": "voicemail", "level": "error", "event": "disk full",
        "reason": "no space", "call_id": CALL})
    [error] = office.ask("/v1/operator/errors", OPERATOR).body["errors"]
    assert (error["service"], error["event"], error["reason"], error["call_id"]) == (
        "voicemail", "disk full", "no space", CALL)


@pytest.mark.parametrize(("query", "field"), [
    ("registrations?limit=0", "limit"), ("registrations?limit=x", "limit"), ("registrations?registered=perhaps",
                                                                             "registered"),
    ("mails?state=lost", "state"), ("mails?limit=501", "limit"), ("errors?limit=-1", "limit"),
    ("registrations?search=" + "x" * 81, "search"), ("registrations?search=%00", "search"),
])
def test_a_wrong_question_names_the_field(office: Office, query: str, field: str):
    answer = office.ask(f"/v1/operator/{query}", OPERATOR)
    assert (answer.status, answer.body["error"], answer.body["field"]) == (422, "invalid_field", field)


def test_every_queue_of_the_workers_is_watched():
    from services.callback.ask import DIAL_QUEUE
    from services.routing.accounts import resets
    from services.routing.record import QUEUE
    from services.voicemail.store import MAIL_QUEUE, STORE_QUEUE

    assert {DIAL_QUEUE, QUEUE, resets.QUEUE, STORE_QUEUE, MAIL_QUEUE} <= set(QUEUES)
