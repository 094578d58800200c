"""The HTTP conventions of all services, over a real server and a real database."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import pytest
from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from gevent.event import Event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields

from shared.api import ApiError, create_app, event_stream, principal, requires, serve, token_sha256
from shared.database import Database

SUBSCRIBER_TOKEN = "subscriber-token-0123456789"  # noqa: S105
OPERATOR_TOKEN = "operator-token-0123456789abc"  # noqa: S105


class Inner(Schema):
    digits = fields.String(required=True)


class Wanted(Schema):
    target = fields.String(required=True)
    inner = fields.Nested(Inner)


@dataclass
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


def ask(url: str, method: str = "GET", body: bytes | None = None, token: str | None = None) -> Answer:
    request = urllib.request.Request(url, method=method, data=body)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, json.loads(response.read() or b"null"), dict(response.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read() or b"null"), dict(error.headers))


@pytest.fixture(scope="module")
def url(admin_database_url: str, service_database_urls: Mapping[str, str]) -> Iterator[str]:
    owner = Database(admin_database_url)
    with owner.platform() as tx:
        company_id = tx.one(
            "INSERT INTO directory.companies (name, sip_domain) VALUES ('api', 'api.example') RETURNING company_id"
        ).company_id
        subscriber_id = tx.one(
            "WITH site AS (INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, 'Berlin', '30')"
            " RETURNING site_id)"
            " INSERT INTO directory.subscribers (company_id, site_id, last_name, extension)"
            " SELECT :id, site_id, 'Muster', '21' FROM site RETURNING subscriber_id", id=company_id,
        ).subscriber_id
        tx.execute(
            "INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
            " VALUES (:a, 'subscriber', :company, :subscriber), (:b, 'operator', NULL, NULL)",
            a=token_sha256(SUBSCRIBER_TOKEN), b=token_sha256(OPERATOR_TOKEN),
            company=company_id, subscriber=subscriber_id,
        )
    database = Database(service_database_urls["callback"])
    app, api = create_app("test", database=database)
    blueprint = Blueprint("things", "things", url_prefix="/v1/things")

    @blueprint.route("")
    class Things(MethodView):
        @requires("subscriber")
        @blueprint.arguments(Wanted)
        @blueprint.response(200)
        def post(self, wanted: dict[str, Any]) -> dict[str, Any]:
            if wanted["target"] == "raise":
                raise RuntimeError("secret detail")
            if wanted["target"] == "refuse":
                raise ApiError(409, "taken", "that is taken", field="target", hint="choose another")
            return {"subscriber": principal().subscriber_id}

        @requires("subscriber")
        @blueprint.arguments(Wanted, location="query")
        @blueprint.response(200)
        def get(self, wanted: dict[str, Any]) -> dict[str, Any]:
            return {"target": wanted["target"]}

    @blueprint.route("/events")
    class Events(MethodView):
        @requires("subscriber")
        @blueprint.response(200, content_type="text/event-stream")
        def get(self) -> Response:
            silent = "silent" in request.args

            def events() -> Iterator[str]:
                try:
                    while True:
                        yield "data: here\n\n"
                        if "once" in request.args:
                            return
                        gevent.sleep(60 if silent else 0.02)
                finally:
                    ENDED.set()
            return event_stream(events(), looks_every_s=0)

    api.register_blueprint(blueprint)
    server = serve(app, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)
    with owner.platform() as tx:
        tx.execute("DELETE FROM directory.api_tokens")
        tx.execute("DELETE FROM directory.subscribers WHERE company_id = :id", id=company_id)
        tx.execute("DELETE FROM directory.companies WHERE company_id = :id", id=company_id)


ENDED = Event()


def test_a_stream_ends_when_its_reader_goes_also_while_nothing_is_told(url: str) -> None:
    """Not with the second event after that: silent ones would add up."""
    ENDED.clear()
    request = urllib.request.Request(f"{url}/v1/things/events?silent=1",
                                     headers={"Authorization": f"Bearer {SUBSCRIBER_TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as stream:
        assert stream.readline() == b"data: here\n"
        assert not ENDED.wait(0.2)
    assert ENDED.wait(1)


def test_after_a_stream_the_connection_takes_the_next_request(url: str) -> None:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    headers = {"Authorization": f"Bearer {SUBSCRIBER_TOKEN}"}
    for _ in range(2):
        connection.request("GET", "/v1/things/events?once=1", headers=headers)
        assert connection.getresponse().read() == b"data: here\n\n"
    connection.close()


def test_a_stream_ends_when_its_token_is_taken_back(url: str, admin_database_url: str) -> None:
    ENDED.clear()
    token = "token-to-be-taken-back-0123456789"  # noqa: S105
    owner = Database(admin_database_url)
    with owner.platform() as tx:
        tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                   " SELECT :new, role, company_id, subscriber_id FROM directory.api_tokens WHERE token_sha256 = :old",
                   new=token_sha256(token), old=token_sha256(SUBSCRIBER_TOKEN))
    request = urllib.request.Request(f"{url}/v1/things/events", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as stream:
        assert stream.readline() == b"data: here\n"
        assert not ENDED.is_set()
        with owner.platform() as tx:
            tx.execute("DELETE FROM directory.api_tokens WHERE token_sha256 = :new", new=token_sha256(token))
        stream.read()
    assert ENDED.wait(5), "what was behind it is closed"
    owner.close()


def post(url: str, body: Any, token: str | None = SUBSCRIBER_TOKEN) -> Answer:
    return ask(f"{url}/v1/things", "POST", json.dumps(body).encode(), token)


def test_a_good_request_is_answered_for_the_tokens_subscriber(url: str) -> None:
    answer = post(url, {"target": "22"})
    assert (answer.status, type(answer.body["subscriber"])) == (200, int)


@pytest.mark.parametrize("token", [None, "", "wrong-token-0123456789abc", "x" * 300])
def test_without_a_valid_token_nothing_is_told(url: str, token: str | None) -> None:
    answer = post(url, {}, token)
    assert answer.status == 401
    assert answer.body["error"] == "unauthorized"
    assert answer.body["field"] == "Authorization"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_another_role_is_forbidden_and_told_which_is_needed(url: str) -> None:
    answer = post(url, {"target": "22"}, OPERATOR_TOKEN)
    assert (answer.status, answer.body["error"]) == (403, "forbidden")
    assert "subscriber" in answer.body["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "target"), ({"target": 5}, "target"), ({"target": "1", "inner": {}}, "inner.digits"),
     ({"target": "1", "x": 1}, "x")],
)
def test_a_wrong_field_is_named_with_its_rule(url: str, body: Any, field: str) -> None:
    answer = post(url, body)
    assert (answer.status, answer.body["error"], answer.body["field"]) == (422, "invalid_field", field)
    assert answer.body["message"].startswith(f"{field}: ")


def test_broken_json_and_too_much_of_it_are_the_callers_fault(url: str) -> None:
    assert ask(f"{url}/v1/things", "POST", b"{", SUBSCRIBER_TOKEN).status == 400
    assert ask(f"{url}/v1/things", "POST", b'"' + b"x" * 2_000_000 + b'"', SUBSCRIBER_TOKEN).status == 413


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"target":' * 90_000, b'{"target": ' + b"9" * 5000 + b"}"])
def test_json_that_python_itself_gives_up_on_is_the_callers_fault(url: str, body: bytes) -> None:
    answer = ask(f"{url}/v1/things", "POST", body, SUBSCRIBER_TOKEN)
    assert (answer.status, answer.body["error"]) == (400, "malformed_request")


@pytest.mark.parametrize("text", [r"22\u0000", r"22\\\u0000", r"22\ud800"])
def test_text_no_database_keeps_is_refused_with_its_field(url: str, text: str) -> None:
    answer = ask(f"{url}/v1/things", "POST", b'{"target": "%s"}' % text.encode(), SUBSCRIBER_TOKEN)
    assert (answer.status, answer.body["field"]) == (422, "target")


def test_a_query_is_held_to_the_same(url: str) -> None:
    assert ask(f"{url}/v1/things?target=%C3%A4", token=SUBSCRIBER_TOKEN).body == {"target": "ä"}
    answer = ask(f"{url}/v1/things?target=2%00", token=SUBSCRIBER_TOKEN)
    assert (answer.status, answer.body["field"]) == (422, "target")


def test_errors_of_ours_keep_their_details_to_themselves(url: str) -> None:
    answer = post(url, {"target": "raise"})
    assert (answer.status, answer.body["error"]) == (500, "internal_error")
    assert "secret" not in json.dumps(answer.body)


def test_refusals_unknown_paths_and_methods_have_the_one_format(url: str) -> None:
    refused = post(url, {"target": "refuse"})
    assert refused.body == {"error": "taken", "message": "that is taken", "field": "target", "hint": "choose another"}
    for answer, status in ((ask(f"{url}/nowhere"), 404), (ask(f"{url}/v1/things", "PUT"), 405)):
        assert answer.status == status
        assert set(answer.body) == {"error", "message", "field", "hint"}


def test_health_readiness_metrics_and_openapi_are_served(url: str) -> None:
    assert ask(f"{url}/health").body["status"] == "up"
    assert ask(f"{url}/ready").body == {"ready": True, "checks": {"database": "ok"}}
    assert ask(f"{url}/openapi.json").body["openapi"] == "3.1.0"
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        assert b"pbx_http_requests_total" in response.read()


def test_a_dependency_that_is_away_or_hangs_makes_it_not_ready() -> None:
    database = Database("postgresql://nobody:x@127.0.0.1:9/none")
    app, _ = create_app("away", database=database, readiness_checks={"switch": lambda: False})
    answer = app.test_client().get("/ready")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["switch"] == "not ready"
    assert answer.json["checks"]["database"] != "ok"


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers(url: str) -> None:
    address, _, port = url.removeprefix("http://").partition(":")
    took = []
    with socket.create_connection((address, int(port)), timeout=10) as connection:
        for _ in range(10):
            # As a system does with a connection that stays open: acknowledged 40 ms later, or with the next request.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            began = time.perf_counter()
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += connection.recv(4096)
            took.append(time.perf_counter() - began)
    assert min(took) < 0.03


def test_a_taken_port_is_named(url: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    app, _ = create_app("second", database=Database("postgresql://nobody:x@127.0.0.1:9/none"))
    with pytest.raises(OSError, match=str(port)):
        serve(app, "127.0.0.1", port)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=50).map(lambda text: json.dumps({"target": text}).encode()))
def test_whatever_is_sent_is_never_our_fault(url: str, body: bytes) -> None:
    if b"raise" not in body:
        assert ask(f"{url}/v1/things", "POST", body, SUBSCRIBER_TOKEN).status < 500
