"""Programs are told of every state of a call: once it is committed, signed, tried again, and who may set that up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import gevent
import pytest

from services.callback import notice
from services.callback.attempt import Fact
from services.callback.receivers import BadReceiver, NotReached, Receiver
from services.callback.tell import TOGETHER, Due, Teller
from shared.database import Database
from tests.callback.conftest import People, Web
from tests.callback.test_api import bring

Owner = Callable[..., list[Any]]
URL = "https://crm.example.com/calls"


class CRM:
    """The receiver: what it was posted, and what it answers; an exception instead of a status is raised."""

    def __init__(self) -> None:
        self.answers: list[int | Exception] = []
        self.had: list[tuple[Receiver, Mapping[str, str], dict[str, Any]]] = []
        self.pause: gevent.event.Event | None = None

    def post(self, receiver: Receiver, headers: Mapping[str, str], body: bytes, networks: Sequence[Any]) -> int:
        self.had.append((receiver, headers, {"raw": body, **json.loads(body)}))
        if self.pause is not None:
            self.pause.wait()
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def crm() -> CRM:
    return CRM()


@pytest.fixture
def teller(database: Database, crm: CRM) -> Teller:
    return Teller(database, (), post=crm.post)


@pytest.fixture(autouse=True)
def no_webhooks(owner: Owner) -> None:
    owner("DELETE FROM callback.webhooks")


def hooks(web: Web, method: str, path: str = "", body: Any = None, token: str | None = None) -> Any:
    return web.client.open(f"/v1/webhooks{path}", method=method, json=body,
                           headers={"Authorization": f"Bearer {token or web.people.anna.token}"})


def queued(owner: Owner) -> list[UUID]:
    rows = owner("DELETE FROM callback.outbox WHERE queue = 'callback.webhook' RETURNING outbox_id, payload")
    return [UUID(payload["delivery_id"]) for _, payload in sorted(rows, key=lambda row: int(row[0]))]


def test_each_state_of_a_call_is_told_with_what_was_known_then(
    web: Web, database: Database, teller: Teller, crm: CRM, owner: Owner
):
    made = hooks(web, "POST", body={"url": URL, "label": "CRM"})
    assert made.status_code == 201, made.json
    call_id = web.post().json["id"]
    bring(database, call_id, Fact.CLAIMED, Fact.FIRST_RANG, Fact.FIRST_ANSWERED, Fact.HUNG_UP_UNCONNECTED)
    for delivery_id in queued(owner):
        assert teller.tell(delivery_id) == "delivered"
    told = [body["data"] for _, _, body in crm.had]
    assert [call["state"] for call in told] == ["accepted", "ringing_first", "first_answered", "failed"]
    assert [call["reason"] for call in told] == [None, None, None, "hung_up_before_target"]
    assert [len(call["history"]) for call in told] == [1, 2, 3, 4]
    assert told[-1] == web.get(f"/{call_id}").json
    sequences = [body["sequence"] for _, _, body in crm.had]
    assert sequences == sorted(sequences)
    for receiver, headers, body in crm.had:
        assert (receiver.host, receiver.path) == ("crm.example.com", "/calls")
        assert headers["webhook-signature"] == notice.signature(
            made.json["secret"], headers["webhook-id"], int(headers["webhook-timestamp"]), body["raw"])
    assert len({headers["webhook-id"] for _, headers, _ in crm.had}) == 4


def test_only_the_wanted_states_of_the_wanted_people_are_told(web: Web, owner: Owner, database: Database):
    people = web.people
    hooks(web, "POST", body={"url": URL, "states": ["failed", "ended"]})
    hooks(web, "POST", body={"url": URL}, token=people.bernd.token)
    whole = hooks(web, "POST", body={"url": URL, "states": ["ringing_first"]}, token=people.admin_token)
    assert whole.json["subscriber_id"] is None
    call_id = web.post().json["id"]
    assert queued(owner) == []
    bring(database, call_id, Fact.CLAIMED, Fact.FIRST_RANG)
    [of_company] = queued(owner)
    assert owner("SELECT webhook_id FROM callback.deliveries WHERE delivery_id = %s", str(of_company)) == [
        (whole.json["webhook_id"],)]
    bring(database, call_id, Fact.FIRST_NOT_CONNECTED)
    assert len(queued(owner)) == 1


def test_a_call_of_another_company_is_never_told(web: Web, owner: Owner, database: Database):
    hooks(web, "POST", body={"url": URL}, token=web.people.admin_token)
    with database.platform() as tx:
        tx.execute("INSERT INTO callback.attempts (attempt_id, company_id, subscriber_id, asked_by, idempotency_key,"
                   " request_sha256, target, destination, number_class, shown_name, shown_number, ring_s)"
                   " SELECT gen_random_uuid(), :company, :person, 'subscriber', 'a-key-of-his', sha256('x'), '21',"
                   " '21', 'internal', '', '21', 30", company=web.people.stranger.company_id,
                   person=web.people.stranger.subscriber_id)
    assert queued(owner) == []


@pytest.mark.parametrize("answer", [500, 404, 302, NotReached("nobody there")])
def test_a_notice_that_is_not_taken_waits_for_its_next_try(
    web: Web, teller: Teller, crm: CRM, owner: Owner, database: Database, answer: int | Exception
):
    hook = hooks(web, "POST", body={"url": URL}).json["webhook_id"]
    web.post()
    [delivery_id] = queued(owner)
    crm.answers = [answer]
    assert teller.tell(delivery_id) == "later"
    [shown] = hooks(web, "GET", f"/{hook}/deliveries").json["deliveries"]
    assert (shown["state"], shown["tries"], shown["call_state"]) == ("waiting", 1, "accepted")
    assert shown["last_status"] == (answer if isinstance(answer, int) else None)
    assert bool(shown["last_error"]) == isinstance(answer, Exception)
    assert teller.tell(delivery_id) == "nothing to do", "not before its time"
    due = Due(database, lambda: None)
    assert due.round() == 0
    owner("UPDATE callback.deliveries SET next_try_at = now()")
    assert due.round() == 1
    assert due.round() == 0, "it is in the queue already"
    assert queued(owner) == [delivery_id]
    assert teller.tell(delivery_id) == "delivered"
    assert teller.tell(delivery_id) == "nothing to do", "a task that comes twice"
    first, second = crm.had
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    [shown] = hooks(web, "GET", f"/{hook}/deliveries?state=delivered").json["deliveries"]
    assert (shown["last_status"], shown["last_error"], shown["tries"]) == (200, None, 2)


def test_what_is_never_taken_is_given_up_shown_and_can_be_tried_again(
    web: Web, teller: Teller, crm: CRM, owner: Owner
):
    hook = hooks(web, "POST", body={"url": URL}).json["webhook_id"]
    web.post()
    [delivery_id] = queued(owner)
    owner("UPDATE callback.deliveries SET tries = 10")
    crm.answers = [503]
    assert teller.tell(delivery_id) == "given up"
    [shown] = hooks(web, "GET", f"/{hook}/deliveries?state=given_up").json["deliveries"]
    assert (shown["state"], shown["last_status"], shown["next_try_at"]) == ("given_up", 503, None)
    again = hooks(web, "POST", f"/{hook}/deliveries/{delivery_id}/retry")
    assert (again.status_code, again.json["state"]) == (202, "waiting")
    assert queued(owner) == [delivery_id]
    assert teller.tell(delivery_id) == "delivered"
    refused = hooks(web, "POST", f"/{hook}/deliveries/{delivery_id}/retry")
    assert (refused.status_code, refused.json["error"]) == (409, "delivered")


def test_a_receiver_that_is_gone_is_not_told_any_more(web: Web, teller: Teller, crm: CRM, owner: Owner):
    hook = hooks(web, "POST", body={"url": URL}).json["webhook_id"]
    web.post()
    first = queued(owner)
    web.post()
    second = queued(owner)
    crm.answers = [410]
    assert [teller.tell(one) for one in first + second] == ["given up", "given up"]
    assert len(crm.had) == 1
    found = hooks(web, "GET", f"/{hook}").json
    assert (found["enabled"], found["disabled_because"]) == (False, "the receiver answered 410 Gone")
    assert hooks(web, "PATCH", f"/{hook}", {"enabled": True}).json["disabled_because"] is None


def test_an_address_found_to_lead_inside_is_given_up_at_once(web: Web, teller: Teller, crm: CRM, owner: Owner):
    hook = hooks(web, "POST", body={"url": URL}).json["webhook_id"]
    web.post()
    crm.answers = [BadReceiver("crm.example.com is not in the internet, or not over https")]
    assert [teller.tell(one) for one in queued(owner)] == ["given up"]
    [shown] = hooks(web, "GET", f"/{hook}/deliveries").json["deliveries"]
    assert "not in the internet" in shown["last_error"]


def test_a_worker_that_died_in_the_middle_leaves_a_claim_that_runs_out(
    web: Web, database: Database, teller: Teller, crm: CRM, owner: Owner
):
    hooks(web, "POST", body={"url": URL})
    web.post()
    [delivery_id] = queued(owner)
    owner("UPDATE callback.deliveries SET claimed_until = now() + interval '30 seconds', tries = 1")
    assert teller.tell(delivery_id) == "nothing to do"
    owner("UPDATE callback.deliveries SET claimed_until = now() - interval '1 second',"
          " queued_at = now() - interval '2 minutes'")
    assert Due(database, lambda: None).round() == 1
    assert teller.tell(delivery_id) == "delivered"


def test_slow_receivers_leave_room_for_others(web: Web, teller: Teller, crm: CRM, owner: Owner):
    hooks(web, "POST", body={"url": URL})
    owner("INSERT INTO callback.settings (company_id, subscriber_id, max_simultaneous, max_per_minute)"
          " VALUES (%s, %s, 20, 60)", web.people.anna.company_id, web.people.anna.subscriber_id)
    for _ in range(TOGETHER + 1):
        assert web.post().status_code == 202
    crm.pause = gevent.event.Event()
    *first, last = queued(owner)
    telling = [gevent.spawn(teller.tell, one) for one in first]
    with gevent.Timeout(5):
        while len(crm.had) < TOGETHER:
            gevent.sleep(0.01)
    assert teller.tell(last) == "no room"
    crm.pause.set()
    gevent.joinall(telling, raise_error=True)
    assert owner("SELECT count(*) FROM callback.deliveries WHERE state = 'waiting' AND tries = 0") == [(1,)]


# -- who may, and what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "field"), [
    ({}, "url"), ({"url": "http://crm.example.com/"}, "url"), ({"url": "https://127.0.0.1/"}, "url"),
    ({"url": 1}, "url"), ({"url": URL, "states": []}, "states"), ({"url": URL, "states": ["dialling"]}, "states.0"),
    ({"url": URL, "label": "x" * 81}, "label"), ({"url": URL, "colour": "red"}, "colour"),
    ({"url": URL, "subscriber_id": 0}, "subscriber_id"), ([], "body"),
])
def test_what_is_wrong_is_named(web: Web, owner: Owner, body: Any, field: str):
    answer = hooks(web, "POST", body=body)
    assert (answer.status_code, answer.json["field"]) == (422, field), answer.json
    assert owner("SELECT count(*) FROM callback.webhooks") == [(0,)]


def test_the_secret_is_shown_once_and_can_be_made_anew(web: Web):
    made = hooks(web, "POST", body={"url": URL}).json
    assert made["secret"].startswith("whsec_")
    assert "secret" not in hooks(web, "GET", f"/{made['webhook_id']}").json
    assert "secret" not in hooks(web, "GET").json["webhooks"][0]
    assert hooks(web, "POST", f"/{made['webhook_id']}/secret").json["secret"] != made["secret"]


def test_an_eleventh_is_refused(web: Web):
    for _ in range(10):
        assert hooks(web, "POST", body={"url": URL}).status_code == 201
    answer = hooks(web, "POST", body={"url": URL})
    assert (answer.status_code, answer.json["error"]) == (409, "too_many_webhooks")
    assert hooks(web, "POST", body={"url": URL}, token=web.people.admin_token).status_code == 201, "the company's own"


def test_ones_own_only_and_an_administrators_are_all_of_the_company(web: Web):
    people = web.people
    mine = hooks(web, "POST", body={"url": URL}).json["webhook_id"]
    for token in (people.bernd.token, people.stranger.token):
        assert hooks(web, "GET", token=token).json == {"webhooks": []}
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/secret"), ("GET", "/deliveries")):
            assert hooks(web, method, f"/{mine}{path}", token=token).status_code == 404
        assert hooks(web, "PATCH", f"/{mine}", {"label": "x"}, token=token).status_code == 404
    assert [one["webhook_id"] for one in hooks(web, "GET", token=people.admin_token).json["webhooks"]] == [mine]
    assert hooks(web, "GET", token=people.operator_token).status_code == 403
    of_company = f"?company_id={people.anna.company_id}"
    assert len(hooks(web, "GET", of_company, token=people.operator_token).json["webhooks"]) == 1
    assert hooks(web, "GET", f"?company_id={people.stranger.company_id}").status_code == 404
    forbidden = hooks(web, "POST", body={"url": URL, "subscriber_id": people.bernd.subscriber_id})
    assert (forbidden.status_code, forbidden.json["field"]) == (403, "subscriber_id")
    foreign = hooks(web, "POST", of_company, {"url": URL, "subscriber_id": people.stranger.subscriber_id},
                    token=people.operator_token)
    assert foreign.status_code == 404
    assert hooks(web, "DELETE", f"/{mine}").status_code == 204
    assert hooks(web, "GET", f"/{mine}").status_code == 404
    assert web.client.get("/v1/webhooks").status_code == 401


def test_a_network_the_operator_named_may_be_told_over_plain_http(database: Database, people: People):
    from tests.callback.conftest import open_web

    web = open_web(database, people, networks=(ip_network("127.0.0.0/8"),))
    assert hooks(web, "POST", body={"url": "http://127.0.0.1:8080/calls"}).status_code == 201
    assert hooks(web, "POST", body={"url": "http://10.0.0.1/calls"}).status_code == 422
