"""Handing on whom one talks with: when it may be, and where to."""

from __future__ import annotations

from typing import Any

import pytest

from services.callback.attempt import Fact
from shared.database import Database
from tests.callback.conftest import Web
from tests.callback.test_api import bring


@pytest.fixture
def connected(web: Web, database: Database) -> str:
    call_id: str = web.post().json["id"]
    bring(database, call_id, Fact.CLAIMED, Fact.FIRST_ANSWERED, Fact.CONNECTED)
    return call_id


def transfer(web: Web, call_id: str, body: Any, token: str | None = None) -> Any:
    return web.client.post(f"/v1/calls/{call_id}/transfer", json=body,
                           headers={"Authorization": f"Bearer {token or web.people.anna.token}"})


@pytest.mark.parametrize("target", ["21", "tel:22", "030 5551122"])
def test_the_other_side_is_sent_to_a_colleague(web: Web, connected: str, target: str):
    answer = transfer(web, connected, {"target": target})
    assert answer.status_code == 202, answer.json
    [handed] = web.sent
    assert (len(handed.first_legs), handed.in_the_name_of) == (2, None)
    assert handed.destination == {"21": "21", "tel:22": "22", "030 5551122": "+49305551122"}[target]


def test_outside_it_goes_in_the_name_of_who_hands_it_on(web: Web, connected: str):
    assert transfer(web, connected, {"target": "0171 1234567"}).status_code == 202
    [handed] = web.sent
    assert handed.destination == "+491711234567"
    assert handed.in_the_name_of == (web.people.anna.company_id, web.people.anna.subscriber_id)


@pytest.mark.parametrize(("body", "status", "error", "field"), [
    ({"target": "99"}, 422, "invalid_target", "target"),
    ({"target": "110"}, 422, "invalid_target", "target"), ({"target": "*62"}, 422, "invalid_target", "target"),
    ({"target": "0900 1234567"}, 403, "number_not_allowed", "target"), ({}, 422, "invalid_field", "target"),
    ({"target": "22", "colour": "red"}, 422, "invalid_field", "colour"),
    ({"target": "**22"}, 422, "invalid_target", "target"),
])
def test_where_it_may_not_go_is_said_and_the_call_stays(
    web: Web, connected: str, body: Any, status: int, error: str, field: str
):
    answer = transfer(web, connected, body)
    assert (answer.status_code, answer.json["error"], answer.json["field"]) == (status, error, field), answer.json
    assert web.sent == []
    assert web.get(f"/{connected}").json["state"] == "connected"


def test_who_is_not_connected_cannot_be_handed_on(web: Web, connected: str):
    waiting = web.post().json["id"]
    assert transfer(web, waiting, {"target": "22"}).json["error"] == "not_connected"
    web.partner_is_there = False
    gone = transfer(web, connected, {"target": "22"})
    assert (gone.status_code, gone.json["error"]) == (409, "not_connected")


def test_a_colleagues_call_is_not_ones_own(web: Web, connected: str):
    for token in (web.people.bernd.token, web.people.stranger.token):
        assert transfer(web, connected, {"target": "22"}, token).status_code == 404
    assert transfer(web, connected, {"target": "22"}, web.people.admin_token).status_code == 202
