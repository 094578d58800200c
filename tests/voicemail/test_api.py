"""Messages and settings over HTTP: one's own and nobody else's."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.voicemail.spool import Spool
from shared.database import Database
from tests.voicemail.conftest import Company, Http, Leave, Swept, make_company


def test_messages_come_newest_first_with_counts_and_pages(http: Http, leave: Leave) -> None:
    left = [leave().message_id for _ in range(3)]
    answer = http("GET", "/v1/messages?page_size=2").json
    assert [item["message_id"] for item in answer["messages"]] == left[:0:-1]
    assert (answer["total"], answer["new"], answer["saved"]) == (3, 3, 0)
    assert [item["message_id"] for item in http("GET", "/v1/messages?page_size=2&page=2").json["messages"]] == left[:1]
    assert answer["messages"][0]["caller"] == {
        "number": "+491715550100", "name": "Max Muster", "subscriber_id": None,
    }


def test_the_mailbox_tells_of_the_newest_mail_that_will_not_be_tried_again(
    http: Http, admin: Database, company: Company, leave: Leave
) -> None:
    messages = [leave() for _ in range(3)]
    assert http("GET", "/v1/mailbox").json["mail_problem"] is None
    with admin.platform() as tx:
        for message, state, reply in zip(messages, ("refused", "given_up", "sent"), ("550 no", "451 later", "250 ok"),
                                         strict=True):
            tx.execute("UPDATE voicemail.deliveries SET state = :state, last_reply = :reply WHERE message_id = :id",
                       state=state, reply=reply, id=uuid.UUID(message.message_id))
    assert http("GET", "/v1/mailbox").json["mail_problem"] == {
        "message_id": messages[1].message_id, "kind": "forward", "recipient": f"anna@{company.domain}",
        "state": "given_up", "last_reply": "451 later",
    }
    for message in messages[:2]:
        http("DELETE", f"/v1/messages/{message.message_id}")
    assert http("GET", "/v1/mailbox").json["mail_problem"] is None


def test_one_message_tells_what_became_of_its_mail(http: Http, company: Company, leave: Leave) -> None:
    message = leave()
    answer = http("GET", f"/v1/messages/{message.message_id}").json
    assert answer["state"] == "new"
    assert answer["duration_ms"] == 2000
    (mail,) = answer["mails"]
    assert (mail["kind"], mail["recipient"], mail["state"]) == ("forward", f"anna@{company.domain}", "waiting")


def test_marking_moves_a_message_and_tells_the_lamp(http: Http, leave: Leave) -> None:
    path = f"/v1/messages/{leave().message_id}"
    assert http("PATCH", path, json={"state": "saved"}).json["state"] == "saved"
    answer = http("GET", "/v1/messages?state=saved").json
    assert (answer["total"], answer["new"], answer["saved"]) == (1, 0, 1)
    assert http("PATCH", path, json={"state": "new"}).json["state"] == "new"
    assert len(http.changes) == 2
    wrong = http("PATCH", path, json={"state": "deleted"})
    assert (wrong.status_code, wrong.json["field"]) == (422, "state")


def test_deleting_takes_the_message_out_of_sight(http: Http, leave: Leave) -> None:
    path = f"/v1/messages/{leave().message_id}"
    assert http("DELETE", path).status_code == 204
    assert http("GET", path).status_code == http("DELETE", path).status_code == 404
    assert http("GET", f"{path}/audio").status_code == 404
    assert http("GET", "/v1/messages").json["total"] == 0


def test_a_deleted_message_is_listed_apart_and_taken_back(http: Http, leave: Leave) -> None:
    kept, message = leave().message_id, leave().message_id
    path = f"/v1/messages/{message}"
    http("PATCH", path, json={"state": "saved"})
    http("DELETE", path)
    deleted = http("GET", "/v1/messages?state=deleted").json
    assert ([one["message_id"] for one in deleted["messages"]], deleted["total"]) == ([message], 1)
    assert deleted["messages"][0]["restore_until"] > deleted["messages"][0]["left_at"]
    before = len(http.changes)
    back = http("POST", f"{path}/restore")
    assert (back.status_code, back.json["state"], back.json["restore_until"]) == (200, "saved", None)
    assert len(http.changes) == before + 1, "the lamp is told"
    assert http("POST", f"{path}/restore").json["state"] == "saved", "asked again it is what it is"
    assert {one["message_id"] for one in http("GET", "/v1/messages").json["messages"]} == {kept, message}
    assert http("GET", "/v1/messages?state=deleted").json["total"] == 0
    assert http("POST", f"/v1/messages/{uuid.uuid4()}/restore").status_code == 404


def test_a_message_past_its_day_cannot_be_taken_back(http: Http, leave: Leave, admin: Database, swept: Swept) -> None:
    message = leave().message_id
    http("DELETE", f"/v1/messages/{message}")
    with admin.platform() as tx:
        tx.execute("UPDATE voicemail.deliveries SET state = 'sent' WHERE message_id = :id", id=uuid.UUID(message))
        tx.execute("UPDATE voicemail.messages SET deleted_at = now() - interval '25 hours' WHERE message_id = :id",
                   id=uuid.UUID(message))
    swept.end_messages()
    assert http("POST", f"/v1/messages/{message}/restore").status_code == 404


def test_a_full_mailbox_takes_nothing_back(http: Http, leave: Leave) -> None:
    message = leave().message_id
    http("DELETE", f"/v1/messages/{message}")
    http("PATCH", "/v1/mailbox", json={"max_messages": 1})
    other = leave().message_id
    full = http("POST", f"/v1/messages/{message}/restore")
    assert (full.status_code, full.json["error"]) == (409, "mailbox_full")
    assert http("GET", "/v1/messages?state=deleted").json["total"] == 1
    http("DELETE", f"/v1/messages/{other}")
    assert http("POST", f"/v1/messages/{message}/restore").status_code == 200


def test_messages_are_counted_by_kind(http: Http, leave: Leave) -> None:
    assert http("GET", "/v1/messages/count").json == {
        "new": 0, "saved": 0, "new_urgent": 0, "saved_urgent": 0, "deleted": 0, "quota": 100,
    }
    saved, deleted = leave(urgent=True).message_id, leave().message_id
    leave(urgent=True)
    leave()
    http("PATCH", f"/v1/messages/{saved}", json={"state": "saved"})
    http("DELETE", f"/v1/messages/{deleted}")
    assert http("GET", "/v1/messages/count").json == {
        "new": 2, "saved": 1, "new_urgent": 1, "saved_urgent": 1, "deleted": 1, "quota": 100,
    }


def test_many_are_deleted_at_once_when_it_is_said_which(http: Http, company: Company, leave: Leave) -> None:
    saved, _, colleagues = leave().message_id, leave(), leave(subscriber_id=company.bernd)
    http("PATCH", f"/v1/messages/{saved}", json={"state": "saved"})
    missing = http("DELETE", "/v1/messages")
    assert (missing.status_code, missing.json["field"]) == (422, "state")
    assert http("DELETE", "/v1/messages?state=saved").json == {"deleted": 1}
    assert http("GET", "/v1/messages").json["total"] == 1
    assert http("DELETE", "/v1/messages?state=all").json == {"deleted": 1}
    assert http("GET", "/v1/messages?state=deleted").json["total"] == 2
    http.token = company.tokens["bernd"]
    assert http("GET", f"/v1/messages/{colleagues.message_id}").status_code == 200


def test_audio_comes_whole_or_in_parts(http: Http, spool: Spool, leave: Leave) -> None:
    message = leave(1500)
    content = spool.audio(message.message_id).read_bytes()
    path = f"/v1/messages/{message.message_id}/audio"
    whole = http("GET", path)
    assert (whole.status_code, whole.mimetype, whole.data) == (200, "audio/wav", content)
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = http("GET", path, headers={"Range": "bytes=44-99"})
    assert (part.status_code, part.data) == (206, content[44:100])
    assert part.headers["Content-Range"] == f"bytes 44-99/{len(content)}"
    assert http("GET", path, headers={"Range": "bytes=-4"}).data == content[-4:]
    assert http("GET", path, headers={"Range": "bytes=999999999-"}).status_code == 416
    head = http("HEAD", path)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(len(content)), b"")
    stale = http("GET", path, headers={"Range": "bytes=44-99", "If-Range": '"another"'})
    assert (stale.status_code, stale.data) == (200, content)
    assert http("GET", path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    spool.erase(message.message_id)
    assert http("GET", path).json["error"] == "audio_gone"


def test_a_subscriber_sees_his_own_mailbox_only(http: Http, admin: Database, company: Company, leave: Leave) -> None:
    message = leave()
    stranger = make_company(admin)
    for token in (company.tokens["bernd"], stranger.tokens["anna"]):
        http.token = token
        assert http("GET", "/v1/messages").json["total"] == 0
        for method, path in (
            ("GET", ""), ("GET", "/audio"), ("DELETE", ""), ("PATCH", ""), ("POST", "/restore"),
        ):
            answer = http(method, f"/v1/messages/{message.message_id}{path}",
                          **({"json": {"state": "saved"}} if method == "PATCH" else {}))
            assert answer.status_code == 404
        query = f"?company_id={company.company_id}&subscriber_id={company.anna}"
        assert http("GET", f"/v1/messages{query}").status_code == 404
        assert http("PATCH", f"/v1/mailbox{query}", json={"enabled": False}).status_code == 404


def test_an_operator_says_whose_mailbox(http: Http, company: Company, leave: Leave) -> None:
    message = leave()
    http.token = company.tokens["operator"]
    query = f"?company_id={company.company_id}&subscriber_id={company.anna}"
    assert http("GET", f"/v1/messages{query}").json["total"] == 1
    assert http("GET", f"/v1/messages/{message.message_id}{query}").status_code == 200
    assert http("GET", f"/v1/mailbox{query}").json["subscriber_id"] == company.anna
    missing = http("GET", "/v1/messages")
    assert (missing.status_code, missing.json["field"]) == (422, "company_id")
    assert http("GET", f"/v1/messages?company_id={company.company_id}&subscriber_id=999999").status_code == 404


def test_an_administrator_serves_the_mailboxes_of_his_company_only(
    http: Http, company: Company, leave: Leave, admin: Database
) -> None:
    message = leave()
    stranger = make_company(admin)
    http.token = company.tokens["admin"]
    query = f"?subscriber_id={company.anna}"
    assert http("GET", f"/v1/messages{query}").json["total"] == 1
    assert http("GET", f"/v1/messages/{message.message_id}{query}").status_code == 200
    assert http("PATCH", f"/v1/mailbox{query}", json={"no_answer_rings": 2}).status_code == 200
    assert http("GET", "/v1/mailbox").json["field"] == "subscriber_id"
    for foreign in (f"?subscriber_id={stranger.anna}",
                    f"?company_id={stranger.company_id}&subscriber_id={stranger.anna}",
                    f"?company_id={stranger.company_id}&subscriber_id={company.anna}"):
        assert http("GET", f"/v1/mailbox{foreign}").status_code == 404
        assert http("PATCH", f"/v1/mailbox{foreign}", json={"enabled": False}).status_code == 404
        assert http("GET", f"/v1/messages/{message.message_id}{foreign}").status_code == 404
    http.token = company.tokens["anna as admin"]
    assert http("GET", "/v1/mailbox").json["subscriber_id"] == company.anna
    assert http("GET", f"/v1/mailbox?subscriber_id={company.bernd}").json["subscriber_id"] == company.bernd


def test_without_a_token_there_is_nothing(http: Http) -> None:
    http.token = "x" * 40
    for path in ("/v1/messages", f"/v1/messages/{uuid.uuid4()}", "/v1/mailbox"):
        assert http("GET", path).status_code == 401


def test_settings_are_changed_one_by_one(http: Http, company: Company) -> None:
    before = http("GET", "/v1/mailbox")
    answer = http("PATCH", "/v1/mailbox", json={"no_answer_rings": 3, "lamp_enabled": False})
    assert (answer.json["no_answer_rings"], answer.json["lamp_enabled"]) == (3, False)
    assert answer.json["revision"] == before.json["revision"] + 1
    assert answer.headers["ETag"] != before.headers["ETag"]
    assert [(fact.topic, fact.company_id) for fact in http.facts] == [("settings.changed", company.company_id)]
    changed = dict(answer.json, no_answer_rings=before.json["no_answer_rings"], lamp_enabled=True)
    assert dict(changed, revision=0) == dict(before.json, revision=0)


def test_a_change_over_somebody_elses_change_is_refused(http: Http) -> None:
    etag = http("GET", "/v1/mailbox").headers["ETag"]
    assert http("PATCH", "/v1/mailbox", json={"enabled": False}, headers={"If-Match": etag}).status_code == 200
    late = http("PATCH", "/v1/mailbox", json={"enabled": True}, headers={"If-Match": etag})
    assert (late.status_code, late.json["error"]) == (412, "changed_meanwhile")
    assert http("GET", "/v1/mailbox").json["enabled"] is False


@pytest.mark.parametrize(("change", "field"), [
    ({"no_answer_rings": 1}, "no_answer_rings"),
    ({"no_answer_rings": 21}, "no_answer_rings"),
    ({"no_answer_rings": "four"}, "no_answer_rings"),
    ({"max_messages": 0}, "max_messages"),
    ({"max_message_s": 601}, "max_message_s"),
    ({"retention_days": 10**30}, "retention_days"),
    ({"email": "a@b\r\nBcc: c@d"}, "email"),
    ({"copy_email": "ä@example.test"}, "copy_email"),
    ({"email": None}, "email"),
    ({"deliver_as_mail": False, "delete_after_mail": True}, "delete_after_mail"),
    ({"audio_format": "ogg"}, "audio_format"),
    ({"pin_hash": "x"}, "pin_hash"),
    ({"revision": 1}, "revision"),
])
def test_a_wrong_setting_is_named_and_nothing_is_changed(http: Http, change: dict[str, Any], field: str) -> None:
    before = http("GET", "/v1/mailbox").json
    answer = http("PATCH", "/v1/mailbox", json={"enabled": False, **change})
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert http("GET", "/v1/mailbox").json == before


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(["email", "no_answer_rings", "enabled", "max_messages", "retention_days", "audio_format"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON | st.dictionaries(_NAMES, _JSON, max_size=3), st.text(max_size=12), st.text(max_size=12))
def test_bad_input_is_the_callers_fault(http: Http, body: Any, value: str, other: str) -> None:
    for answer in (
        http("PATCH", "/v1/mailbox", json=body),
        http("GET", "/v1/messages", query_string={"page": value, "state": other}),
        http("GET", "/v1/messages", query_string={"company_id": value, "page_size": other}),
        http("GET", f"/v1/messages/{uuid.uuid4()}/audio", query_string={"subscriber_id": value}),
        http("DELETE", "/v1/messages", query_string={"state": value, "company_id": other}),
        http("POST", f"/v1/messages/{uuid.uuid4()}/restore", query_string={"subscriber_id": value}, json=body),
        http("PATCH", "/v1/greetings/busy", json=body),
        http("PUT", "/v1/greetings/personal", query_string={"subscriber_id": value}, data=b""),
        http("GET", f"/v1/greetings/{quote(other, safe='')}/audio"),
    ):
        assert answer.status_code < 500, answer.data


def test_the_description_has_examples(http: Http) -> None:
    paths = http("GET", "/openapi.json").json["paths"]
    assert {"/v1/messages", "/v1/messages/{message_id}", "/v1/messages/{message_id}/audio", "/v1/mailbox"} <= set(paths)
    answer = paths["/v1/messages"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["example"]["messages"][0]["caller"]["name"] == "Max Muster"
