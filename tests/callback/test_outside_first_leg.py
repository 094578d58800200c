"""A first leg at a number outside: routing is asked, one trunk after the other is tried, and who answers may have to
press 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from gevent.pywsgi import WSGIServer

from services.callback import readings
from services.callback.attempt import Fact, Observation
from services.callback.dial import dial
from services.callback.reasons import Reason
from services.callback.ways import NoWay, Routing, RoutingAway
from shared.database import Database
from shared.esl.client import InboundClient
from shared.esl.events import Event
from tests.callback.conftest import Web
from tests.callback.script import ScriptedSwitch
from tests.callback.test_dial import client, switch  # noqa: F401  (fixtures)

SECRET = "sixteen-letters-and-more"  # noqa: S105
MOBILE = "+491715550100"
LEG = UUID("22222222-2222-4222-8222-222222222222")
TWO_WAYS = {"ways": [
    {"trunk": "backstube-1", "number": MOBILE, "variables": {"origination_caller_id_number": "+49305551121"}},
    {"trunk": "backstube-2", "number": "01715550100", "variables": {"origination_caller_id_number": "0305551121"}},
]}
Owner = Callable[..., list[Any]]


class Door:
    """Routing's door, answering what the test says."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.answer: bytes = json.dumps(TWO_WAYS).encode()
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self._server = WSGIServer(("127.0.0.1", 0), self._serve, log=None, error_log=None)
        self._server.start()
        self.routing = Routing("127.0.0.1", self._server.server_port, SECRET)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        self.authorizations.append(environ["HTTP_AUTHORIZATION"])
        self.asked.append(json.loads(environ["wsgi.input"].read()))
        start_response(self.status, [("Content-Type", "application/json")])
        return [self.answer]

    def says(self, **answer: Any) -> None:
        self.answer = json.dumps(answer).encode()

    def close(self) -> None:
        self._server.stop()


@pytest.fixture
def door() -> Iterator[Door]:
    found = Door()
    yield found
    found.close()


def ways(door: Door) -> Any:
    return door.routing.ways(company_id=7, subscriber_id=42, number=MOBILE, leg_uuid=LEG, confirm=True, urgent=False)


def test_routing_is_asked_in_whose_name_and_says_one_way_for_each_trunk(door: Door):
    assert [(way.trunk, way.number) for way in ways(door)] == [
        ("backstube-1", MOBILE), ("backstube-2", "01715550100")]
    assert door.asked == [{"company_id": 7, "subscriber_id": 42, "number": MOBILE, "leg_uuid": str(LEG),
                           "confirm": True, "urgent": False}]
    assert door.authorizations[0].startswith("Basic ")


@pytest.mark.parametrize(("said", "reason"), [
    ("barred", Reason.FIRST_BARRED), ("limit", Reason.FIRST_LIMIT), ("not_reachable", Reason.FIRST_NOT_REACHABLE),
    ("unknown", Reason.FIRST_FAILED), ("something new", Reason.FIRST_FAILED),
])
def test_its_refusal_is_the_reason(door: Door, said: str, reason: Reason):
    door.says(refused=said)
    with pytest.raises(NoWay) as refused:
        ways(door)
    assert refused.value.reason is reason


def test_no_way_at_all_is_a_refusal(door: Door):
    door.says(ways=[])
    with pytest.raises(NoWay):
        ways(door)


@pytest.mark.parametrize(("status", "answer"), [
    ("503 Service Unavailable", b""), ("401 Unauthorized", b""), ("200 OK", b""), ("200 OK", b"<xml/>"),
    ("200 OK", b'{"ways": [{"trunk": "a"}]}'), ("200 OK", b'{"ways": 7}'), ("200 OK", b"{}"),
])
def test_an_answer_that_is_none_means_routing_is_away(door: Door, status: str, answer: bytes):
    door.status, door.answer = status, answer
    with pytest.raises(RoutingAway):
        ways(door)


def test_nobody_at_the_door_means_routing_is_away(door: Door):
    door.close()
    with pytest.raises(RoutingAway):
        ways(door)


@pytest.fixture
def asked(web: Web, owner: Owner) -> UUID:
    owner("UPDATE directory.subscribers SET mobile_number = %s WHERE subscriber_id = %s",
          MOBILE, web.people.anna.subscriber_id)
    answer = web.post({"target": "22", "first_leg": "mobile", "press_1": True})
    assert answer.status_code == 202, answer.json
    return UUID(answer.json["id"])


def test_each_trunk_has_a_leg_id_of_its_own_known_before_anything_is_dialled(
    web: Web, owner: Owner, database: Database, client: InboundClient, switch: ScriptedSwitch, door: Door, asked: UUID,  # noqa: F811
):
    dial(asked, database, client, 60, door.routing)
    [command] = switch.originates()
    legs = owner("SELECT leg_uuid::text, number, position FROM callback.first_legs WHERE attempt_id = %s"
                 " ORDER BY position", str(asked))
    assert [(number, position) for _, number, position in legs] == [(MOBILE, 0), (MOBILE, 1)]
    first, second = command.split("|")
    assert f"origination_uuid={legs[0][0]}" in first
    assert f"origination_uuid={legs[1][0]}" in second
    assert door.asked[0]["confirm"] is True
    dial(asked, database, client, 60, door.routing)
    assert len(switch.originates()) == 1
    assert web.delete(str(asked)).json["state"] == "cancelled"
    assert {str(leg) for leg in web.hung_up} == {leg for leg, _, _ in legs}


def test_what_routing_refuses_fails_without_a_command_and_says_why(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch, door: Door, asked: UUID,  # noqa: F811
):
    door.says(refused="limit")
    dial(asked, database, client, 60, door.routing)
    found = web.get(f"/{asked}").json
    assert (found["state"], found["reason"]) == ("failed", "first_limit")
    assert "Grenze" in found["message"]
    assert switch.originates() == []


def test_with_routing_away_nothing_is_taken_up_and_it_can_be_tried_again(
    web: Web, database: Database, client: InboundClient, switch: ScriptedSwitch, door: Door, asked: UUID,  # noqa: F811
):
    door.status = "503 Service Unavailable"
    with pytest.raises(RoutingAway):
        dial(asked, database, client, 60, door.routing)
    assert web.get(f"/{asked}").json["state"] == "accepted"
    door.status = "200 OK"
    dial(asked, database, client, 60, door.routing)
    assert len(switch.originates()) == 1


# ----- what the switch says of such a leg


def event(name: str, **headers: str) -> Event:
    return Event.of({"Event-Name": name, "Unique-ID": str(LEG), "variable_pbx_first_leg": "outside", **headers})


ASKED_FOR_1 = {"variable_group_confirm_key": "1", "Caller-Channel-Answered-Time": "1767225600000000"}


def test_who_must_press_1_has_not_answered_yet():
    assert readings.read(event("CHANNEL_ANSWER", **ASKED_FOR_1), [LEG]) is None
    assert readings.read(event("CHANNEL_ANSWER"), [LEG]) == Observation(Fact.FIRST_ANSWERED)
    dump = event("CHANNEL_DATA", **ASKED_FOR_1, **{"Answer-State": "answered"})
    assert readings.read_dump(dump) == Observation(Fact.FIRST_RANG)


def test_a_mailbox_that_presses_nothing_is_the_reason():
    ended = event("CHANNEL_HANGUP_COMPLETE", **ASKED_FOR_1, **{"Hangup-Cause": "ALLOTTED_TIMEOUT"})
    assert readings.read(ended, [LEG]) == Observation(Fact.FIRST_NOT_CONNECTED, Reason.FIRST_NOT_CONFIRMED)


@pytest.mark.parametrize(("cause", "seen"), [
    ("USER_BUSY", Observation(Fact.FIRST_NOT_CONNECTED, Reason.FIRST_BUSY)),
    ("ALLOTTED_TIMEOUT", Observation(Fact.FIRST_NOT_CONNECTED, Reason.FIRST_NOT_ANSWERED)),
    ("UNALLOCATED_NUMBER", Observation(Fact.FIRST_NOT_CONNECTED, Reason.FIRST_NOT_REACHABLE)),
    ("NORMAL_TEMPORARY_FAILURE", None),
])
def test_what_says_something_about_the_number_ends_it_and_a_trunk_that_fails_does_not(cause, seen):
    assert readings.read(event("CHANNEL_HANGUP_COMPLETE", **{"Hangup-Cause": cause}), [LEG]) == seen


def test_who_hangs_up_while_he_is_told_why_was_told_why():
    ended = Event.of({
        "Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": str(LEG), "Hangup-Cause": "NORMAL_CLEARING",
        "Caller-Channel-Answered-Time": "1767225600000000", "variable_pbx_step": "tell",
        "variable_pbx_cause": "OUTGOING_CALL_BARRED"})
    assert readings.read(ended, [LEG]) == Observation(Fact.HUNG_UP_UNCONNECTED, Reason.BARRED)
