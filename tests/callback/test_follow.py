"""Where an attempt is, from events and from looks at the switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import gevent
import pytest

from services.callback import store
from services.callback.attempt import Fact
from services.callback.follow import Follower
from shared.database import Database
from tests.callback.conftest import Web
from tests.callback.script import PATIENCE_S, ScriptedSwitch, scripted_switch
from tests.callback.test_api import bring
from tests.shared.esl.peers import PASSWORD

Owner = Callable[..., list[Any]]
TARGET = "99999999-9999-4999-8999-999999999999"
ANSWERED = {"Caller-Channel-Answered-Time": "1767225600000000"}


@pytest.fixture
def switch() -> Iterator[ScriptedSwitch]:
    with scripted_switch() as found:
        yield found


@pytest.fixture
def follower(database: Database, switch: ScriptedSwitch) -> Iterator[Follower]:
    found = Follower(database, "127.0.0.1", switch.port, PASSWORD, dial_within_s=60, keep_days=30,
                     reconnect_delay_s=(0.01, 0.05))
    found.start()
    assert switch.subscribed.wait(PATIENCE_S)
    yield found
    found.stop()


class Story:
    """One attempt that was given to the switch."""

    def __init__(self, web: Web, database: Database, owner: Owner) -> None:
        self.web = web
        self.owner = owner
        self.id: str = web.post().json["id"]
        bring(database, self.id, Fact.CLAIMED)
        with database.platform() as tx:
            self.desk, self.soft = sorted(store.lock(tx, UUID(self.id)).first_legs)

    def wait_for(self, state: str) -> dict[str, Any]:
        with gevent.Timeout(PATIENCE_S, TimeoutError(f"{state} did not come: {self.web.get('/' + self.id).json}")):
            while (found := self.web.get(f"/{self.id}").json)["state"] != state:
                gevent.sleep(0.01)
        return found

    def quiet_for(self, seconds: int) -> None:
        self.owner("UPDATE callback.attempts SET checked_at = now() - make_interval(secs => %s),"
                   " created_at = now() - make_interval(secs => %s)", seconds, seconds)


@pytest.fixture
def story(web: Web, database: Database, owner: Owner) -> Story:
    return Story(web, database, owner)


def test_a_call_is_followed_from_the_first_ring_to_its_end(story: Story, follower: Follower, switch: ScriptedSwitch):
    for name, leg, headers, state in (
        ("CHANNEL_PROGRESS", story.desk, {}, "ringing_first"),
        ("CHANNEL_ANSWER", story.desk, ANSWERED, "first_answered"),
        ("CHANNEL_PROGRESS", TARGET, {}, "ringing_target"),
        ("CHANNEL_BRIDGE", story.desk, {}, "connected"),
        ("CHANNEL_HANGUP_COMPLETE", story.desk, {**ANSWERED, "variable_last_bridge_to": TARGET}, "ended"),
    ):
        switch.event(name, story.id, leg, headers)
        found = story.wait_for(state)
    assert [step["state"] for step in found["history"]] == [
        "accepted", "ringing_first", "first_answered", "ringing_target", "connected", "ended"]
    assert found["reason"] is None


def test_the_telephone_that_was_slower_does_not_end_the_call(
    story: Story, follower: Follower, switch: ScriptedSwitch
):
    switch.event("CHANNEL_ANSWER", story.id, story.desk, ANSWERED)
    switch.event("CHANNEL_ANSWER", story.id, story.soft, ANSWERED)
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, story.soft, {**ANSWERED, "Hangup-Cause": "LOSE_RACE"})
    switch.event("CHANNEL_BRIDGE", story.id, story.desk)
    assert "failed" not in [step["state"] for step in story.wait_for("connected")["history"]]


@pytest.mark.parametrize(("answer", "reason"), [
    ("-ERR NO_ANSWER\n", "first_not_answered"), ("-ERR USER_BUSY\n", "first_busy"),
    ("-ERR CALL_REJECTED\n", "first_rejected"), ("-ERR USER_NOT_REGISTERED\n", "first_not_reachable"),
    ("-ERR SOMETHING_ELSE\n", "first_failed"),
])
def test_a_first_leg_that_does_not_answer_fails_the_call_in_the_callers_words(
    story: Story, follower: Follower, switch: ScriptedSwitch, answer: str, reason: str
):
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, story.desk, {"Hangup-Cause": "NO_ANSWER"})
    switch.job(story.id, answer)
    assert story.wait_for("failed")["reason"] == reason


def test_the_legs_own_end_counts_more_than_an_answer_that_comes_before_it(
    story: Story, follower: Follower, switch: ScriptedSwitch
):
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    switch.job(story.id, "-ERR NORMAL_CLEARING\n")
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, story.desk, {
        **ANSWERED, "variable_pbx_first_leg": "outside", "variable_group_confirm_key": "1",
        "Hangup-Cause": "NORMAL_CLEARING"})
    assert story.wait_for("failed")["reason"] == "first_not_confirmed"


@pytest.mark.parametrize(("cause", "first_cause", "reason"), [
    ("USER_BUSY", "NORMAL_CLEARING", "target_busy"),
    ("ORIGINATOR_CANCEL", "NORMAL_CLEARING", "hung_up_before_target"),
    (None, "OUTGOING_CALL_BARRED", "barred"),
    (None, "NORMAL_CLEARING", "hung_up_before_target"),
])
def test_a_target_that_is_not_reached_fails_the_call_with_its_own_reason(
    story: Story, follower: Follower, switch: ScriptedSwitch, cause: str | None, first_cause: str, reason: str
):
    switch.event("CHANNEL_ANSWER", story.id, story.desk, ANSWERED)
    if cause is not None:
        switch.event("CHANNEL_HANGUP_COMPLETE", story.id, TARGET, {"Hangup-Cause": cause})
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, story.desk, {**ANSWERED, "Hangup-Cause": first_cause})
    assert story.wait_for("failed")["reason"] == reason


def test_a_message_left_in_the_mailbox_is_no_failure(story: Story, follower: Follower, switch: ScriptedSwitch):
    switch.event("CHANNEL_ANSWER", story.id, story.desk, ANSWERED)
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, TARGET, {"Hangup-Cause": "NO_ANSWER"})
    switch.event("CHANNEL_HANGUP_COMPLETE", story.id, story.desk, {**ANSWERED, "variable_pbx_step": "voicemail"})
    assert story.wait_for("ended")["reason"] is None


def test_a_leg_that_appears_after_the_cancel_is_hung_up(story: Story, follower: Follower, switch: ScriptedSwitch):
    story.web.delete(story.id)
    switch.legs = {str(story.desk): {"Answer-State": "ringing"}}
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    switch.wait_for(f"api uuid_kill {story.desk}")
    assert story.wait_for("cancelled")
    assert not switch.legs


def test_a_cancel_the_switch_did_not_hear_is_repeated(
    story: Story, database: Database, switch: ScriptedSwitch, owner: Owner
):
    story.web.delete(story.id)  # nobody is connected to the switch
    switch.legs = {str(story.soft): {"Answer-State": "answered"}}
    follower = Follower(database, "127.0.0.1", switch.port, PASSWORD, dial_within_s=60, keep_days=30)
    follower.start()
    try:
        switch.wait_for(f"api uuid_kill {story.soft}")
        owner("UPDATE callback.changes SET at = at - interval '1 minute'")
        follower.sweep()
        assert owner("SELECT to_be_hung_up FROM callback.attempts") == [(False,)]
    finally:
        follower.stop()
    assert not switch.legs


def test_what_happened_while_the_line_was_cut_is_looked_up(
    story: Story, follower: Follower, switch: ScriptedSwitch
):
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    story.wait_for("ringing_first")
    switch.legs = {str(story.desk): {"Answer-State": "answered", "variable_last_bridge_to": TARGET}}
    switch.cut()
    story.wait_for("connected")
    switch.legs = {}
    switch.cut()
    story.wait_for("ended")


def test_a_worker_that_died_before_its_command_leaves_the_call_unknown(
    story: Story, follower: Follower, switch: ScriptedSwitch
):
    follower.sweep()
    assert story.wait_for("accepted")  # the command may be on its way
    story.quiet_for(11)
    follower.sweep()
    assert story.wait_for("unknown")["reason"] == "out_of_sight"
    # It was on its way after all.
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    story.wait_for("ringing_first")


def test_a_request_nobody_took_up_fails_and_says_so(web: Web, follower: Follower, owner: Owner):
    attempt_id = web.post().json["id"]
    owner("UPDATE callback.attempts SET created_at = now() - interval '61 seconds'")
    follower.sweep()
    found = web.get(f"/{attempt_id}").json
    assert (found["state"], found["reason"]) == ("failed", "not_dialled_in_time")


def test_a_switch_that_stays_away_leaves_no_call_open(story: Story, database: Database):
    follower = Follower(database, "127.0.0.1", 1, PASSWORD, dial_within_s=60, keep_days=30)
    story.quiet_for(200)
    follower.sweep()
    story.wait_for("accepted")
    story.quiet_for(301)
    follower.sweep()
    story.wait_for("unknown")


def test_events_of_other_calls_and_odd_ones_change_nothing(story: Story, follower: Follower, switch: ScriptedSwitch):
    switch.event("CHANNEL_ANSWER", "77777777-7777-4777-8777-777777777777", story.desk)
    switch.event("CHANNEL_ANSWER", "not a uuid", story.desk)
    switch.event("CHANNEL_ANSWER", story.id, "not a uuid")
    switch.job(story.id, "")
    switch.event("CHANNEL_PROGRESS", story.id, story.desk)
    story.wait_for("failed")


def test_old_attempts_are_forgotten_and_with_them_their_keys(web: Web, database: Database, owner: Owner):
    old = web.post(key="key-of-old").json["id"]
    web.delete(old)
    owner("UPDATE callback.attempts SET created_at = now() - interval '31 days'")
    with database.platform() as tx:
        assert store.forget_older_than(tx, 30) == 1
    assert web.get(f"/{old}").status_code == 404
    assert web.post(key="key-of-old").json["id"] != old
