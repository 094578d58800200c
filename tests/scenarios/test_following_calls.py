"""A click is followed: as a stream of events, and by a program that is told with signed notices (C2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import gevent
import pytest
from gevent.pywsgi import WSGIServer

from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.test_click_to_dial import click, wait_for_state

WHOLE_CALL = ["accepted", "ringing_first", "first_answered", "ringing_target", "connected", "ended"]


class Stream:
    """Server-sent events of one address, read in the background."""

    def __init__(self, stage: Stage, path: str, token: str = "anna") -> None:
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.ended = False
        where = urlsplit(stage.instance.url("callback"))
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        headers = {"Authorization": f"Bearer {stage.secrets['tokens'][token]}"}
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.getheader("Content-Type", "").startswith("text/event-stream")
        self._greenlet = gevent.spawn(self._read)

    def _read(self) -> None:
        lines: dict[str, str] = {}
        while line := self._answer.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                lines[name] = value
            elif "data" in lines:
                self.events.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
                lines = {}
            else:
                lines = {}
        self.ended = True

    def states(self, call_id: str) -> list[str]:
        return [data["state"] for _, kind, data in self.events if kind == "call" and data["id"] == call_id]

    def close(self) -> None:
        self._greenlet.kill()
        self._connection.close()


class Receiver:
    """A program's own HTTP server: what it was told, and what it answers."""

    def __init__(self) -> None:
        self.had: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[str] = []
        self._server = WSGIServer(("127.0.0.1", 0), self._take, log=None)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/calls"

    def _take(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = {name: environ[f"HTTP_WEBHOOK_{name.upper()}"] for name in ("id", "timestamp", "signature")}
        self.had.append((headers, environ["wsgi.input"].read()))
        start_response(self.answers.pop(0) if self.answers else "204 No Content", [])
        return []

    def states(self, call_id: str) -> list[str]:
        """In the order they were reached, as a receiver sorts them."""
        told = {(body["sequence"], body["data"]["state"]) for _, raw in self.had
                if (body := json.loads(raw))["data"]["id"] == call_id}
        return [state for _, state in sorted(told)]

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.stop()


@proves("C2")
def test_every_state_of_a_click_comes_over_the_stream_and_as_a_signed_notice(stage: Stage, receiver: Receiver) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    receiver.answers = ["503 Not Now"]
    hook = stage.http("callback", "POST", "/v1/webhooks", json_body={"url": receiver.url})
    assert hook.status == 201, hook.body
    stream = Stream(stage, "/v1/calls/events")
    others = Stream(stage, "/v1/calls/events", token="bernd")
    try:
        answer = click(stage, "22")
        call_id = answer.body["id"]
        of_one = Stream(stage, f"/v1/calls/{call_id}/events")
        anna.wait_for_ring().answer()
        target = bernd.wait_for_ring().answer()
        stage.wait_until(lambda: "connected" in stream.states(call_id), 10, "the state connected")
        target.hangup()
        stage.wait_until(lambda: of_one.ended, 10, "the end of the call's stream")
        assert of_one.states(call_id) == WHOLE_CALL
        stage.wait_until(lambda: stream.states(call_id) == WHOLE_CALL, 5, "all states")
        assert others.states(call_id) == []
        # The first notice was not taken, so it comes again, under its old id.
        stage.wait_until(lambda: len(receiver.had) == len(WHOLE_CALL) + 1, 20, "all notices, and one of them again")
        assert receiver.states(call_id) == WHOLE_CALL
        assert receiver.had[-1][0]["id"] == receiver.had[0][0]["id"]
        key = base64.b64decode(hook.body["secret"].removeprefix("whsec_"))
        for headers, body in receiver.had:
            signed = f"{headers['id']}.{headers['timestamp']}.".encode() + body
            expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            assert headers["signature"] == f"v1,{expected}"
        shown = stage.http("callback", "GET", f"/v1/webhooks/{hook.body['webhook_id']}/deliveries").body["deliveries"]
        assert {one["state"] for one in shown} == {"delivered"}
    finally:
        stream.close()
        others.close()
        stage.http("callback", "DELETE", f"/v1/webhooks/{hook.body['webhook_id']}")


@proves("C2", "C3")
def test_a_call_that_is_called_off_is_told_so_and_one_that_fails_why(stage: Stage, receiver: Receiver) -> None:
    anna = stage.telephones["anna"].register()
    hook = stage.http("callback", "POST", "/v1/webhooks",
                      json_body={"url": receiver.url, "states": ["cancelled", "failed"]}).body
    try:
        first = click(stage, "22").body
        anna.wait_for_ring()
        stage.http("callback", "DELETE", f"/v1/calls/{first['id']}")
        stage.wait_until(lambda: receiver.states(first["id"]) == ["cancelled"], 10, "the notice of the cancel")
        second = click(stage, "22").body
        anna.wait_for_ring().reject(486)
        wait_for_state(stage, second, "failed")
        stage.wait_until(lambda: receiver.states(second["id"]) == ["failed"], 10, "the notice of the failure")
        told = json.loads(receiver.had[-1][1])["data"]
        assert told["reason"] in ("first_busy", "first_rejected")
        assert told["message"]
    finally:
        stage.http("callback", "DELETE", f"/v1/webhooks/{hook['webhook_id']}")


@proves("C2")
def test_who_may_not_be_told_and_who_may_not_listen(stage: Stage) -> None:
    for url, rule in (("https://10.0.0.1/", "internet"), ("nonsense", "web address"), ("https://a@b.example/", "user")):
        refused = stage.http("callback", "POST", "/v1/webhooks", json_body={"url": url})
        assert (refused.status, refused.body["field"]) == (422, "url"), (url, refused.body)
        assert rule in refused.body["message"]
    assert stage.http("callback", "GET", "/v1/calls/events", token=None).status == 401
    nowhere = stage.http("callback", "GET", "/v1/calls/00000000-0000-4000-8000-000000000000/events")
    assert nowhere.status == 404
