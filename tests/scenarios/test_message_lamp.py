"""The message lamp, on every telephone of a person: after each change, after registering, after every restart (V4)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from operations import instance as instances
from operations.story_report import proves
from shared.broker import EVENTS
from shared.messages import VoicemailLeft, from_bytes
from tests.scenarios.left import leave, message_of
from tests.scenarios.stage import Stage
from tests.scenarios.test_voicemail import delete_all, mailbox_of

AFTER_A_RESTART_S = 5.0


@pytest.fixture(autouse=True)
def annas_mailbox(stage: Stage) -> Iterator[None]:
    """Empty before and after, nothing mailed; both telephones are there and dark."""
    delete_all(stage, "anna")
    with mailbox_of(stage, "anna", deliver_as_mail=False, delete_after_mail=False, lamp_enabled=True):
        for name in ("anna", "anna-soft"):
            stage.telephones[name].register().message_lamp.wait_for(new=0)
        yield
        delete_all(stage, "anna")


def lamps_show(stage: Stage, new: int, within_s: float = 5.0) -> None:
    for name in ("anna", "anna-soft"):
        stage.telephones[name].message_lamp.wait_for(new=new, timeout_s=within_s)


@proves("V4")
def test_each_telephone_follows_each_change_and_is_dark_where_the_lamp_is_switched_off(stage: Stage) -> None:
    leave(stage, "anna")
    path = f"/v1/messages/{message_of(stage, 'anna')['message_id']}"
    lamps_show(stage, 1)
    for state, new in (("saved", 0), ("new", 1)):
        assert stage.http("voicemail", "PATCH", path, json_body={"state": state}).status == 200
        lamps_show(stage, new)
    with mailbox_of(stage, "anna", lamp_enabled=False):
        lamps_show(stage, 0)
        leave(stage, "anna", caller="+491715550178")
        message_of(stage, "anna", caller="+491715550178")
        stage.telephones["anna"].unregister()
        stage.telephones["anna"].register()
        lamps_show(stage, 0)
    lamps_show(stage, 2)
    delete_all(stage, "anna")
    lamps_show(stage, 0)


@proves("V4")
def test_a_telephone_that_was_away_is_right_when_it_registers_again(stage: Stage) -> None:
    anna = stage.telephones["anna"].unregister()
    leave(stage, "anna")
    stage.telephones["anna-soft"].message_lamp.wait_for(new=1, timeout_s=10)
    anna.register().message_lamp.wait_for(new=1)
    anna.unregister()
    delete_all(stage, "anna")
    stage.telephones["anna-soft"].message_lamp.wait_for(new=0)
    anna.register().message_lamp.wait_for(new=0)


@proves("V4")
def test_the_lamp_is_right_after_the_service_was_away(stage: Stage) -> None:
    """What changed meanwhile (mails go out, and messages with them) is told when it is back."""
    leave(stage, "anna")
    message_of(stage, "anna")
    lamps_show(stage, 1)
    instances.stop_process(stage.instance, "voicemail")
    try:
        with stage.database.company(stage.company_id()) as tx:
            tx.execute("UPDATE voicemail.messages SET deleted_at = now() WHERE subscriber_id = :id",
                       id=stage.subscriber_id("anna"))
    finally:
        instances.start_process(stage.instance, "voicemail")
        instances.wait_until_healthy(stage.instance, ["voicemail"], timeout_s=60)
    lamps_show(stage, 0, AFTER_A_RESTART_S)


@proves("V4")
def test_the_lamp_is_right_after_the_switch_was_killed(stage: Stage) -> None:
    """No telephone has to register first: the switch knows them from before."""
    leave(stage, "anna")
    path = f"/v1/messages/{message_of(stage, 'anna')['message_id']}"
    lamps_show(stage, 1)
    os.kill(instances.pid(stage.instance, "switch"), signal.SIGKILL)
    assert stage.http("voicemail", "DELETE", path).status in (200, 204)
    leave(stage, "anna", caller="+491715550178")
    leave(stage, "anna", caller="+491715550179")
    instances.wait_until_healthy(stage.instance, ["switch"], timeout_s=60)
    lamps_show(stage, 2, 10 + AFTER_A_RESTART_S)


@proves("V4")
def test_push_services_hear_of_each_new_message(stage: Stage) -> None:
    from kombu import Connection, Consumer, Queue

    heard: list[VoicemailLeft] = []

    def took(body: object, message: object) -> None:
        fact = from_bytes(message.body.encode() if isinstance(message.body, str) else message.body)  # type: ignore[attr-defined]
        assert isinstance(fact, VoicemailLeft)
        heard.append(fact)
        message.ack()  # type: ignore[attr-defined]

    queue = Queue("story.push", EVENTS, routing_key=VoicemailLeft.topic, exclusive=True, auto_delete=True)
    with Connection(stage.env["PBX_BROKER_URL"]) as connection, \
            Consumer(connection, [queue], callbacks=[took], accept=["json", "application/json"]):
        leave(stage, "anna")
        while not heard:
            connection.drain_events(timeout=10)
    message = message_of(stage, "anna")
    assert [(one.subscriber_id, one.message_id, one.duration_ms) for one in heard] == [
        (stage.subscriber_id("anna"), message["message_id"], 2000)]
