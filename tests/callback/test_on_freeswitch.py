"""Click-to-dial with a real FreeSWITCH, its own configuration and real SIP telephones; only routing is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import gevent
import pytest

from operations.instance import find_freeswitch
from operations.testing import scratch_database
from services.callback.dial import dial
from services.callback.follow import Follower
from shared.database import Database
from shared.esl.call import OutboundCall
from tests.callback.conftest import People, open_web, settle, sql_as_owner
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import Telephones

pytestmark = [
    pytest.mark.live, pytest.mark.slow,
    pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine"),
]

PATIENCE_S = 10.0


@dataclass
class Stage:
    lab: Lab
    telephones: Telephones
    people: People
    database: Database

    def open(self) -> None:
        self.open_follower()
        self.web = open_web(self.database, self.people, hang_up=lambda legs: self.follower.hang_up(legs))

    def open_follower(self) -> None:
        self.follower = Follower(
            self.database, "127.0.0.1", int(self.lab.environment["PBX_ESL_PORT"]),
            self.lab.environment["PBX_ESL_PASSWORD"], dial_within_s=60, keep_days=30, reconnect_delay_s=(0.05, 0.1),
        )
        self.follower.start()
        assert self.follower.client.wait_connected(PATIENCE_S)

    def ask(self, body: dict[str, Any] | None = None) -> str:
        """Asks and dials, as the worker would."""
        answer = self.web.post(body or {"target": "22", "device": "anna-desk"})
        assert answer.status_code == 202, answer.json
        attempt_id: str = answer.json["id"]
        dial(UUID(attempt_id), self.database, self.follower.client, 60)
        return attempt_id

    def wait_for(self, attempt_id: str, state: str) -> dict[str, Any]:
        with gevent.Timeout(PATIENCE_S, TimeoutError(f"no {state}: {self.web.get('/' + attempt_id).json}")):
            while (found := self.web.get(f"/{attempt_id}").json)["state"] != state:
                gevent.sleep(0.02)
        return found


def bridge_to_bernd(call: OutboundCall) -> Mapping[str, str]:
    """What routing would say of a call to 22; its own way to a target that did not answer is an announcement."""
    if call.channel.get("Caller-Destination-Number") == "again":
        return {"pbx_step": "reject", "pbx_cause": "NORMAL_CLEARING"}
    return {
        "pbx_step": "bridge", "pbx_dial": f"sofia/internal/bernd-desk%{DOMAIN}", "continue_on_fail": "true",
        "hangup_after_bridge": "true", "effective_caller_id_number": "+49305550021", "effective_caller_id_name": "Anna",
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    lab = Lab(Path(tmp_path_factory.mktemp("lab")))
    with scratch_database() as scratch, sql_as_owner(scratch.admin_url) as owner:
        people = settle(owner, DOMAIN, "")
        owner("INSERT INTO callback.settings (company_id, subscriber_id, max_per_minute, ring_s)"
              " VALUES (%s, %s, 60, 5)",
              people.anna.company_id, people.anna.subscriber_id)
        database = Database(scratch.role_urls["callback"])
        try:
            telephones = lab.start()
            lab.open_routing()
            for name in ("anna", "anna-soft", "bernd"):
                telephones[name].register()
            yield Stage(lab, telephones, people, database)
        finally:
            lab.stop()
            database.close()


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    running.lab.answer = bridge_to_bernd
    running.lab.questions.clear()
    with running.database.platform() as tx:
        tx.execute("DELETE FROM callback.attempts")
    running.open()
    yield running
    running.telephones.reset()
    running.follower.stop()


def test_the_first_leg_shows_the_target_then_the_target_rings_and_both_are_connected(stage: Stage):
    attempt_id = stage.ask()
    anna = stage.telephones["anna"].wait_for_ring()
    assert (anna.shown_number, anna.shown_name) == ("22", "Bernd Bäcker")
    stage.wait_for(attempt_id, "ringing_first")
    anna.answer()
    bernd = stage.telephones["bernd"].wait_for_ring()
    assert bernd.shown_number == "+49305550021"
    stage.wait_for(attempt_id, "ringing_target")
    bernd.answer()
    stage.wait_for(attempt_id, "connected")
    bernd.hangup()
    anna.wait_for("ended")
    found = stage.wait_for(attempt_id, "ended")
    assert [step["state"] for step in found["history"]] == [
        "accepted", "ringing_first", "first_answered", "ringing_target", "connected", "ended"]
    [question] = stage.lab.questions
    assert question.channel.get("Caller-Destination-Number") == "22"
    assert question.channel.get("Caller-Context") == "internal"
    for name, value in (("pbx_attempt", attempt_id), ("pbx_acting_device", "anna-desk"),
                        ("pbx_acting_subscriber", str(stage.people.anna.subscriber_id))):
        assert question.channel.variable(name) == value


def test_all_telephones_ring_together_and_the_first_to_answer_takes_it(stage: Stage):
    attempt_id = stage.ask({"target": "22"})
    desk = stage.telephones["anna"].wait_for_ring()
    soft = stage.telephones["anna-soft"].wait_for_ring()
    soft.answer()
    desk.wait_for("ended")
    bernd = stage.telephones["bernd"].wait_for_ring()
    bernd.answer()
    stage.wait_for(attempt_id, "connected")
    soft.hangup()
    bernd.wait_for("ended")
    assert stage.wait_for(attempt_id, "ended")["reason"] is None


@pytest.mark.parametrize(("sip_status", "reason"), [(486, "first_busy"), (603, "first_rejected")])
def test_a_first_leg_that_refuses_fails_the_call(stage: Stage, sip_status: int, reason: str):
    attempt_id = stage.ask()
    stage.telephones["anna"].wait_for_ring().reject(sip_status)
    assert stage.wait_for(attempt_id, "failed")["reason"] == reason
    assert stage.lab.questions == []


def test_a_first_leg_that_is_not_answered_fails_the_call_when_it_has_rung_long_enough(stage: Stage):
    attempt_id = stage.ask()
    call = stage.telephones["anna"].wait_for_ring()
    call.wait_for("ended", timeout_s=PATIENCE_S)
    assert stage.wait_for(attempt_id, "failed")["reason"] == "first_not_answered"


def test_a_telephone_that_is_not_registered_fails_the_call(stage: Stage):
    stage.telephones["anna-soft"].unregister()
    try:
        attempt_id = stage.ask({"target": "22", "device": "anna-soft"})
        assert stage.wait_for(attempt_id, "failed")["reason"] == "first_not_reachable"
    finally:
        stage.telephones["anna-soft"].register()


@pytest.mark.parametrize(("sip_status", "reason"), [
    (486, "target_busy"), (603, "target_rejected"), (480, "target_no_answer"),
])
def test_a_target_that_refuses_fails_the_call_with_the_targets_reason(stage: Stage, sip_status: int, reason: str):
    attempt_id = stage.ask()
    anna = stage.telephones["anna"].wait_for_ring().answer()
    stage.telephones["bernd"].wait_for_ring().reject(sip_status)
    anna.wait_for("ended")
    assert stage.wait_for(attempt_id, "failed")["reason"] == reason


def test_a_caller_who_gives_up_while_the_target_rings_is_told_so(stage: Stage):
    attempt_id = stage.ask()
    anna = stage.telephones["anna"].wait_for_ring().answer()
    bernd = stage.telephones["bernd"].wait_for_ring()
    anna.hangup()
    bernd.wait_for("ended")
    assert stage.wait_for(attempt_id, "failed")["reason"] == "hung_up_before_target"


def test_a_barred_target_is_told_as_barred(stage: Stage):
    stage.lab.answer = lambda call: {"pbx_step": "reject", "pbx_cause": "OUTGOING_CALL_BARRED"}
    attempt_id = stage.ask()
    stage.telephones["anna"].wait_for_ring().answer().wait_for("ended")
    assert stage.wait_for(attempt_id, "failed")["reason"] == "barred"


@pytest.mark.parametrize("until", ["ringing_first", "first_answered", "ringing_target", "connected"])
def test_a_cancel_ends_every_leg_at_whatever_point(stage: Stage, until: str):
    if until == "first_answered":
        stage.lab.answer = lambda call: gevent.sleep(3)  # routing takes its time
    attempt_id = stage.ask()
    anna = stage.telephones["anna"].wait_for_ring()
    legs = [anna]
    if until != "ringing_first":
        anna.answer()
    if until in ("ringing_target", "connected"):
        legs.append(stage.telephones["bernd"].wait_for_ring())
    if until == "connected":
        legs[1].answer()
    stage.wait_for(attempt_id, until)
    assert stage.web.delete(attempt_id).json["state"] == "cancelled"
    for leg in legs:
        leg.wait_for("ended")
    assert stage.web.delete(attempt_id).json["state"] == "cancelled"
    assert stage.web.get(f"/{attempt_id}").json["state"] == "cancelled"


def test_a_second_command_for_the_same_attempt_is_refused_by_the_switch_itself(stage: Stage):
    """The last line of defence, should the claim ever fail: a leg id that is up is not given twice."""
    attempt_id = stage.ask()
    first = stage.telephones["anna"].wait_for_ring()
    stage.wait_for(attempt_id, "ringing_first")
    with stage.database.platform() as tx:
        tx.execute("UPDATE callback.attempts SET state = 'accepted'")
    dial(UUID(attempt_id), stage.database, stage.follower.client, 60)
    stage.wait_for(attempt_id, "failed")  # what the second command was answered
    assert stage.telephones["anna"].stays_silent()
    assert first.up


def test_what_happened_while_the_service_was_away_is_seen_on_the_switch(stage: Stage):
    attempt_id = stage.ask()
    anna = stage.telephones["anna"].wait_for_ring()
    stage.wait_for(attempt_id, "ringing_first")
    stage.follower.stop()
    anna.answer()
    stage.telephones["bernd"].wait_for_ring().answer()
    stage.open_follower()
    stage.wait_for(attempt_id, "connected")
    anna.hangup()
    stage.wait_for(attempt_id, "ended")


def test_without_routing_the_call_still_reaches_the_extension(stage: Stage):
    stage.lab.close_routing()
    try:
        attempt_id = stage.ask()
        stage.telephones["anna"].wait_for_ring().answer()
        stage.telephones["bernd"].wait_for_ring().answer()
        stage.wait_for(attempt_id, "connected")
    finally:
        stage.lab.open_routing()
