"""Calls over HTTP, on the real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import gevent
import pytest

from services.callback import store
from services.callback.attempt import Fact, Observation, Progress, after
from services.callback.reasons import Reason
from shared.database import Database
from tests.callback.conftest import Web

Owner = Callable[..., list[Any]]


def bring(database: Database, attempt_id: str, *facts: Fact | Observation) -> Progress:
    """Lets the attempt live through these facts, as worker and events would."""
    with database.platform() as tx:
        progress = store.lock(tx, UUID(attempt_id)).progress
        for fact in facts:
            progress = after(progress, fact if isinstance(fact, Observation) else Observation(fact))
            store.save(tx, UUID(attempt_id), progress)
    return progress


def test_a_call_is_accepted_with_its_row_and_its_task_and_nothing_is_dialled_yet(web: Web, owner: Owner):
    answer = web.post({"target": "tel:+49-171-1234567"})
    assert answer.status_code == 202, answer.json
    assert answer.headers["Location"] == f"/v1/calls/{answer.json['id']}"
    assert answer.json["state"] == "accepted"
    assert answer.json["destination"] == "+491711234567"
    assert answer.json["devices"] == ["cb-anna-desk", "cb-anna-soft"]
    assert [step["state"] for step in answer.json["history"]] == ["accepted"]
    assert owner("SELECT queue, task, payload FROM callback.outbox") == [
        ("callback.dial", "callback.dial", {"attempt_id": answer.json["id"]})
    ]
    assert len(web.woken) == 1


def test_the_same_key_answers_the_same_call_and_dials_once(web: Web, owner: Owner):
    first = web.post(key="order-4711")
    again = web.post(key="order-4711")
    assert (again.status_code, again.json) == (202, first.json)
    assert owner("SELECT count(*) FROM callback.outbox") == [(1,)]
    assert len(web.woken) == 1


def test_the_same_key_at_the_same_moment_makes_one_call(web: Web, owner: Owner):
    greenlets = [gevent.spawn(web.post, None, "order-4712") for _ in range(6)]
    gevent.joinall(greenlets, raise_error=True)
    assert len({greenlet.value.json["id"] for greenlet in greenlets}) == 1
    assert owner("SELECT count(*) FROM callback.attempts") == [(1,)]
    assert owner("SELECT count(*) FROM callback.outbox") == [(1,)]


def test_the_same_key_for_another_request_is_refused(web: Web):
    web.post({"target": "22"}, key="order-4713")
    other = web.post({"target": "22", "device": "cb-anna-desk"}, key="order-4713")
    assert (other.status_code, other.json["error"]) == (409, "idempotency_key_reused")
    assert other.json["field"] == "Idempotency-Key"


def test_two_subscribers_may_choose_the_same_key(web: Web):
    mine = web.post(key="same-for-all")
    his = web.post(key="same-for-all", token=web.people.bernd.token, body={"target": "21"})
    assert his.status_code == 202
    assert his.json["id"] != mine.json["id"]


@pytest.mark.parametrize("key", [None, "short", "x" * 129, "smörgåsbord"])
def test_a_missing_or_odd_key_is_refused_by_name(web: Web, key: str | None):
    answer = web.post(key=key)
    assert answer.status_code == 422
    assert answer.json["field"] == "Idempotency-Key"


@pytest.mark.parametrize(("body", "status", "error", "field"), [
    ({}, 422, "invalid_field", "target"),
    ({"target": ""}, 422, "invalid_field", "target"),
    ({"target": 22}, 422, "invalid_field", "target"),
    ({"target": "x" * 257}, 422, "invalid_field", "target"),
    ({"target": "nobody"}, 422, "invalid_target", "target"),
    ({"target": "*62"}, 422, "invalid_target", "target"),
    ({"target": "99"}, 422, "invalid_target", "target"),
    ({"target": "22\u0000"}, 422, "invalid_field", "target"),
    ({"target": "22", "colour": "red"}, 422, "invalid_field", "colour"),
    ({"target": "22", "device": "cb-bernd-desk"}, 422, "unknown_device", "device"),
    ({"target": "22", "device": {"a": 1}}, 422, "invalid_field", "device"),
    ({"target": "22", "first_leg": "pocket"}, 422, "invalid_field", "first_leg"),
    ({"target": "22", "first_leg": "mobile"}, 409, "no_mobile_number", "first_leg"),
    ({"target": "22", "first_leg": "remote_office"}, 409, "remote_office_off", "first_leg"),
    ({"target": "22", "first_leg": "mobile", "device": "cb-anna-desk"}, 422, "invalid_field", "device"),
    ({"target": "22", "mode": "carrier pigeon"}, 422, "invalid_field", "mode"),
    ({"target": "22", "mode": "this_phone", "device": "cb-anna-desk"}, 422, "invalid_field", "device"),
    ({"target": "22", "mode": "this_phone", "first_leg": "mobile"}, 422, "invalid_field", "first_leg"),
    ({"target": "99", "mode": "this_phone"}, 422, "invalid_target", "target"),
    ({"target": "22", "press_1": "yes"}, 422, "invalid_field", "press_1"),
    ({"target": "22", "shown_number": "030 5551122"}, 422, "number_not_own", "shown_number"),
    ({"target": "22", "shown_number": "mine"}, 422, "number_not_own", "shown_number"),
    ({"target": "22", "suppress_number": 7}, 422, "invalid_field", "suppress_number"),
    ({"target": "0900 1234567"}, 403, "number_not_allowed", "target"),
    ({"target": "+44 20 7946 0018"}, 403, "number_not_allowed", "target"),
    ({"target": "22", "subscriber_id": 999999}, 403, "forbidden", "subscriber_id"),
    ([], 422, "invalid_field", "body"),
])
def test_what_is_wrong_is_named(web: Web, owner: Owner, body: Any, status: int, error: str, field: str):
    answer = web.post(body)
    assert (answer.status_code, answer.json["error"], answer.json["field"]) == (status, error, field), answer.json
    assert answer.json["message"]
    assert owner("SELECT count(*) FROM callback.attempts") == [(0,)]


def test_a_body_that_is_no_json_is_the_callers_fault(web: Web):
    answer = web.client.post("/v1/calls", data=b"{", headers={
        "Authorization": f"Bearer {web.people.anna.token}", "Idempotency-Key": "12345678",
        "Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json["error"]


def test_one_device_can_be_chosen(web: Web):
    assert web.post({"target": "22", "device": "cb-anna-soft"}).json["devices"] == ["cb-anna-soft"]


def test_who_has_no_device_is_told_so(web: Web):
    answer = web.post({"target": "030 123456"}, token=web.people.stranger.token)
    assert (answer.status_code, answer.json["error"]) == (409, "no_device")


@pytest.fixture
def annas(owner: Owner, web: Web) -> Callable[..., None]:
    """annas(mobile_number=…, remote_office=…): her settings, until the next test."""
    anna = web.people.anna

    def settle(mobile_number: str | None = None, remote_office: str | None = None, **click: Any) -> None:
        owner("UPDATE directory.subscribers SET mobile_number = %s WHERE subscriber_id = %s",
              mobile_number, anna.subscriber_id)
        if remote_office:
            owner("INSERT INTO routing.call_settings (company_id, subscriber_id, remote_office_on,"
                  " remote_office_number) VALUES (%s, %s, true, %s)",
                  anna.company_id, anna.subscriber_id, remote_office)
        if click:
            names = ", ".join(click)
            owner(f"INSERT INTO callback.settings (company_id, subscriber_id, {names})"
                  f" VALUES (%s, %s, {', '.join(['%s'] * len(click))})",
                  anna.company_id, anna.subscriber_id, *click.values())

    return settle


def test_remote_office_rings_first_while_it_is_on_and_the_mobile_when_asked_for(web: Web, annas, owner: Owner):
    annas("+491715550100", "+49897654321")
    home = web.post().json
    assert (home["first_leg"], home["devices"], home["first_leg_number"]) == ("remote_office", [], "+49897654321")
    mobile = web.post({"target": "22", "first_leg": "mobile"}).json
    assert (mobile["first_leg"], mobile["first_leg_number"]) == ("mobile", "+491715550100")
    web.delete(mobile["id"])
    desk = web.post({"target": "22", "device": "cb-anna-desk"}).json
    assert (desk["first_leg"], desk["devices"], desk["first_leg_number"]) == ("devices", ["cb-anna-desk"], None)
    assert [payload.get("outside") for (payload,) in owner(
        "SELECT payload FROM callback.outbox ORDER BY outbox_id")] == [True, True, None]


def test_where_calls_are_forwarded_to_is_no_telephone_of_ones_own(web: Web):
    answer = web.post({"target": "22", "first_leg": "+491715550199"})
    assert (answer.status_code, answer.json["field"]) == (422, "first_leg")
    answer = web.post({"target": "22", "device": "+491715550199"})
    assert (answer.status_code, answer.json["error"]) == (422, "unknown_device")


def test_the_telephone_that_rings_first_is_no_target_and_is_barred_like_one(web: Web, annas, owner: Owner):
    annas("+491715550100")
    answer = web.post({"target": "0171 5550100", "first_leg": "mobile"})
    assert (answer.status_code, answer.json["field"]) == (422, "target")
    annas("+447911123456")
    answer = web.post({"target": "22", "first_leg": "mobile"})
    assert (answer.status_code, answer.json["error"], answer.json["field"]) == (403, "number_not_allowed", "first_leg")
    assert web.post({"target": "112", "first_leg": "mobile"}).status_code == 202
    assert owner("SELECT count(*) FROM callback.attempts") == [(1,)]


def test_a_barring_profile_counts_for_both_legs(web: Web, annas, owner: Owner):
    anna = web.people.anna
    annas("+491715550100")
    [(profile_id,)] = owner("INSERT INTO routing.barring_profiles (company_id, name) VALUES (%s, 'Kein 0171')"
                            " RETURNING profile_id", anna.company_id)
    owner("INSERT INTO routing.barring_ranges (company_id, profile_id, part, prefix, allowed) VALUES"
          " (%s, %s, 'outgoing', '+49171', false), (%s, %s, 'forwarded', '+49172', false),"
          " (%s, %s, 'outgoing', '+49900', true)", *(anna.company_id, profile_id) * 3)
    owner("INSERT INTO routing.call_settings (company_id, subscriber_id, barring_profile_id) VALUES (%s, %s, %s)",
          anna.company_id, anna.subscriber_id, profile_id)
    barred = web.post({"target": "0171 1234567"})
    assert (barred.status_code, barred.json["error"], barred.json["field"]) == (403, "number_not_allowed", "target")
    assert "barred" in barred.json["message"]
    barred = web.post({"target": "22", "first_leg": "mobile"})
    assert (barred.status_code, barred.json["field"]) == (403, "first_leg")
    assert web.post({"target": "0172 1234567"}).status_code == 202
    assert web.post({"target": "0900 1234567"}).status_code == 202, "a range that is allowed opens its class"
    owner("DELETE FROM routing.call_settings WHERE subscriber_id = %s", anna.subscriber_id)


def test_in_the_mode_this_phone_the_answer_is_the_number_to_dial_and_nothing_is_begun(web: Web, annas, owner: Owner):
    annas(mode="this_phone")
    answer = web.post({"target": "tel:0171-1234567"})
    assert answer.status_code == 200
    assert answer.json == {
        "mode": "this_phone", "target": "tel:0171-1234567", "destination": "+491711234567", "number_class": "mobile",
        "dial": "+491711234567", "link": "tel:+491711234567"}
    assert web.post({"target": "22"}).json["dial"] == "+49305551122", "a colleague's number, from any telephone"
    assert web.post({"target": "112"}).json["dial"] == "112"
    assert owner("SELECT count(*) FROM callback.attempts") == [(0,)]
    assert owner("SELECT count(*) FROM callback.outbox") == [(0,)]
    assert web.woken == []
    assert web.post({"target": "22", "mode": "call_back"}).status_code == 202
    assert web.post({"target": "22", "device": "cb-anna-desk"}).status_code == 202


def test_always_call_back_holds_whatever_is_asked_for(web: Web, annas):
    annas(mode="this_phone", always_call_back=True)
    assert web.post({"target": "22", "mode": "this_phone"}).status_code == 202


def test_the_number_shown_is_one_of_ones_own_and_can_be_withheld_for_this_call(web: Web, owner: Owner):
    assert web.post({"target": "0171 1234567", "shown_number": "030 5551131"}).status_code == 202
    assert web.post({"target": "0171 1234567", "suppress_number": True}).status_code == 202
    assert owner("SELECT business_number, presentation FROM callback.attempts ORDER BY created_at") == [
        ("+49305551131", "as_set"), (None, "suppressed_once")]


def test_the_same_key_with_another_wish_is_another_request(web: Web):
    assert web.post({"target": "22"}, key="wish-4711").status_code == 202
    other = web.post({"target": "22", "suppress_number": True}, key="wish-4711")
    assert (other.status_code, other.json["error"]) == (409, "idempotency_key_reused")


def test_countries_of_ones_own_and_of_the_company_hold_together(web: Web, annas, owner: Owner):
    owner("UPDATE directory.companies SET allowed_classes = '{national,mobile,international}' WHERE company_id = %s",
          web.people.anna.company_id)
    try:
        annas(countries=["DE", "GB"])
        owner("INSERT INTO callback.company_settings (company_id, countries) VALUES (%s, '{DE,AT}')",
              web.people.anna.company_id)
        assert web.post({"target": "030 123456"}).status_code == 202
        for number in ("+44 20 7946 0018", "+43 1 5123456"):
            refused = web.post({"target": number})
            assert (refused.status_code, refused.json["error"]) == (403, "number_not_allowed"), refused.json
        assert "AT" in refused.json["message"]
    finally:
        owner("UPDATE directory.companies SET allowed_classes = '{national,mobile}' WHERE company_id = %s",
              web.people.anna.company_id)


def test_limits_of_the_company_hold_for_all_together(web: Web, owner: Owner):
    owner("INSERT INTO callback.company_settings (company_id, max_simultaneous, max_per_minute) VALUES (%s, 2, 3)",
          web.people.anna.company_id)
    bernd = web.people.bernd.token
    first = web.post().json["id"]
    assert web.post({"target": "21"}, token=bernd).status_code == 202
    refused = web.post({"target": "21"}, token=bernd)
    assert (refused.status_code, refused.json["error"]) == (429, "too_many_calls")
    assert "company" in refused.json["message"]
    web.delete(first)
    assert web.post({"target": "21"}, token=bernd).status_code == 202
    refused = web.post()
    assert "3 calls a minute in the company" in refused.json["message"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert web.post({"target": "112"}).status_code == 202


def test_people_who_ask_together_do_not_slip_past_the_companys_limit(web: Web, owner: Owner):
    owner("INSERT INTO callback.company_settings (company_id, max_simultaneous) VALUES (%s, 3)",
          web.people.anna.company_id)
    owner("INSERT INTO callback.settings (company_id, subscriber_id, max_simultaneous) VALUES (%s, %s, 5), (%s, %s, 5)",
          web.people.anna.company_id, web.people.anna.subscriber_id,
          web.people.bernd.company_id, web.people.bernd.subscriber_id)
    bernd = web.people.bernd.token
    asked = [gevent.spawn(web.post) for _ in range(4)]
    asked += [gevent.spawn(web.post, {"target": "21"}, str(uuid4()), bernd) for _ in range(4)]
    gevent.joinall(asked, raise_error=True)
    assert sorted(one.value.status_code for one in asked) == [202] * 3 + [429] * 5


def test_a_third_call_at_the_same_time_waits_and_an_emergency_does_not(web: Web, database: Database):
    first = web.post().json["id"]
    web.post()
    refused = web.post()
    assert (refused.status_code, refused.json["error"]) == (429, "too_many_calls")
    assert int(refused.headers["Retry-After"]) > 0
    assert web.post({"target": "112"}).status_code == 202
    web.delete(first)
    web.delete(web.get().json["calls"][0]["id"])
    assert web.post().status_code == 202


def test_the_eleventh_call_in_a_minute_waits(web: Web):
    for _ in range(10):
        accepted = web.post()
        assert accepted.status_code == 202
        web.delete(accepted.json["id"])
    refused = web.post()
    assert refused.status_code == 429
    assert "10 calls a minute" in refused.json["message"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert web.post(key=None).status_code == 422


def test_limits_of_ones_own_can_be_set(web: Web, owner: Owner):
    owner("INSERT INTO callback.settings (company_id, subscriber_id, max_simultaneous) VALUES (%s, %s, 1)",
          web.people.anna.company_id, web.people.anna.subscriber_id)
    assert web.post().status_code == 202
    assert web.post().status_code == 429


def test_requests_that_come_together_do_not_slip_past_the_limit(web: Web):
    greenlets = [gevent.spawn(web.post) for _ in range(6)]
    gevent.joinall(greenlets, raise_error=True)
    assert sorted(greenlet.value.status_code for greenlet in greenlets) == [202, 202, 429, 429, 429, 429]


def test_a_subscriber_sees_only_his_own_calls(web: Web):
    mine = web.post().json["id"]
    for other in (web.people.bernd, web.people.stranger):
        assert web.get(f"/{mine}", token=other.token).status_code == 404
        assert web.delete(mine, token=other.token).status_code == 404
        assert web.get(token=other.token).json == {"calls": [], "next": None}
    assert web.get(f"/{mine}").json["state"] == "accepted"
    assert web.get(f"/{uuid4()}").status_code == 404
    assert web.get("/not-a-uuid").status_code == 404


def test_an_operator_asks_in_somebodys_name(web: Web):
    token = web.people.operator_token
    assert web.post({"target": "22"}, token=token).json["field"] == "subscriber_id"
    assert web.post({"target": "22", "subscriber_id": 10**9}, token=token).status_code == 404
    asked = web.post({"target": "22", "subscriber_id": web.people.anna.subscriber_id}, token=token)
    assert asked.status_code == 202
    assert web.get(f"/{asked.json['id']}").json == asked.json
    assert web.get(f"/{asked.json['id']}", token=token).status_code == 200
    listed = web.get(f"?subscriber_id={web.people.anna.subscriber_id}", token=token).json["calls"]
    assert [call["id"] for call in listed] == [asked.json["id"]]
    assert web.get(f"?subscriber_id={web.people.bernd.subscriber_id}", token=token).json["calls"] == []


def test_an_administrator_asks_in_the_name_of_his_own_people_only(web: Web, owner: Owner):
    token, anna, stranger = web.people.admin_token, web.people.anna, web.people.stranger
    assert web.post({"target": "22"}, token=token).json["field"] == "subscriber_id"
    assert web.post({"target": "22", "subscriber_id": stranger.subscriber_id}, token=token).status_code == 404
    asked = web.post({"target": "22", "subscriber_id": anna.subscriber_id}, token=token)
    assert asked.status_code == 202
    assert web.get(f"/{asked.json['id']}", token=token).status_code == 200
    assert [call["id"] for call in web.get(token=token).json["calls"]] == [asked.json["id"]]
    owner("INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
          " VALUES (%s, 'muehle-desk', %s, repeat('0', 32), 'lampkey00001') ON CONFLICT DO NOTHING",
          stranger.company_id, stranger.subscriber_id)
    theirs = web.post({"target": "0171 5550100"}, token=stranger.token).json["id"]
    assert web.get(f"/{theirs}", token=token).status_code == 404
    assert web.delete(theirs, token=token).status_code == 404
    assert web.delete(asked.json["id"], token=token).status_code == 200


def test_without_a_valid_token_nothing_is_said(web: Web):
    assert web.post(token="x" * 40).status_code == 401
    assert web.get(token="x" * 40).status_code == 401


def test_calls_are_listed_newest_first_page_by_page(web: Web, owner: Owner):
    asked = []
    for _ in range(5):
        asked.append(web.post().json["id"])
        web.delete(asked[-1])
    first = web.get("?limit=2").json
    second = web.get(f"?limit=2&before={first['next']}").json
    third = web.get(f"?limit=2&before={second['next']}").json
    assert [call["id"] for page in (first, second, third) for call in page["calls"]] == asked[::-1]
    assert third["next"] is None
    assert web.get("?limit=0").json["field"] == "limit"
    assert web.get("?limit=101").status_code == 422
    assert web.get("?before=x").status_code == 422


def test_a_failure_says_why_in_the_subscribers_language(web: Web, database: Database):
    busy = Observation(Fact.TARGET_LEG_ENDED, Reason.TARGET_BUSY)
    end = (Fact.CLAIMED, Fact.FIRST_RANG, Fact.FIRST_ANSWERED, busy, Fact.HUNG_UP_UNCONNECTED)
    german = web.post().json["id"]
    bring(database, german, *end)
    found = web.get(f"/{german}").json
    assert (found["state"], found["reason"]) == ("failed", "target_busy")
    assert found["message"] == "die gewählte Nummer war besetzt"
    assert [step["state"] for step in found["history"]] == [
        "accepted", "ringing_first", "first_answered", "failed"]
    english = web.post({"target": "21"}, token=web.people.bernd.token).json["id"]
    bring(database, english, *end)
    assert web.get(f"/{english}", token=web.people.bernd.token).json["message"] == "the number called was busy"


def test_a_call_not_yet_dialled_is_called_off_without_asking_the_switch(web: Web, database: Database):
    attempt_id = web.post().json["id"]
    assert web.delete(attempt_id).json["state"] == "cancelled"
    assert web.hung_up == []
    with database.platform() as tx:
            assert store.claim(tx, UUID(attempt_id), 60) is None


@pytest.mark.parametrize("facts", [
    [Fact.CLAIMED], [Fact.CLAIMED, Fact.FIRST_RANG], [Fact.CLAIMED, Fact.FIRST_ANSWERED],
    [Fact.CLAIMED, Fact.TARGET_RANG], [Fact.CLAIMED, Fact.CONNECTED], [Fact.CLAIMED, Fact.OUTCOME_LOST],
])
def test_a_call_can_be_called_off_at_any_point_and_every_leg_is_hung_up(web: Web, database: Database, facts):
    attempt_id = web.post().json["id"]
    bring(database, attempt_id, *facts)
    cancelled = web.delete(attempt_id)
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")
    assert len(web.hung_up) == 2
    assert web.delete(attempt_id).json == cancelled.json
    assert len(web.hung_up) == 2


def test_a_call_that_is_over_stays_as_it_ended(web: Web, database: Database):
    attempt_id = web.post().json["id"]
    bring(database, attempt_id, Fact.CLAIMED, Fact.CONNECTED, Fact.HUNG_UP)
    assert web.delete(attempt_id).json["state"] == "ended"
    assert web.hung_up == []


def test_the_documentation_describes_the_calls_with_examples(web: Web):
    document = web.client.get("/openapi.json").json
    posted = document["paths"]["/v1/calls"]["post"]
    assert posted["requestBody"]["content"]["application/json"]["example"]["target"]
    assert posted["responses"]["202"]["content"]["application/json"]["example"]["state"]
    assert any(one.get("name") == "Idempotency-Key" for one in posted["parameters"])
    assert "429" in posted["responses"]
