"""A click over HTTP connects two telephones: the subscriber's own rings first, then the target (C1, C2, C3)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from operations.story_report import proves
from tests.scenarios.stage import Answer, Stage

FINAL = ("ended", "failed", "cancelled", "unknown")


def click(stage: Stage, target: str, *, key: str | None = None, token: str = "anna", **more: Any) -> Answer:
    return stage.http("callback", "POST", "/v1/calls", token=token, json_body={"target": target, **more},
                      headers={"Idempotency-Key": key or str(uuid.uuid4())})


def wait_for_state(stage: Stage, attempt: dict[str, Any], *states: str, timeout_s: float = 10) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body: dict[str, Any] = stage.http("callback", "GET", f"/v1/calls/{attempt['id']}").body
        assert body["state"] in states or body["state"] not in FINAL, body
        return body if body["state"] in states else None

    return stage.wait_until(look, timeout_s, f"state {states}")


@proves("C1", "N2", "R13", "X1")
def test_a_click_rings_the_own_telephone_first_and_then_the_colleague(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    answer = click(stage, "22")
    assert answer.status == 202, answer.body
    first = anna.wait_for_ring()
    assert first.shown_number == "22", "the first leg shows whom it will call"
    assert first.shown_name.startswith("Bernd")
    assert bernd.stays_silent(), "the target rings only when the first leg has answered"
    wait_for_state(stage, answer.body, "ringing_first")
    first.answer()
    target = bernd.wait_for_ring()
    assert target.shown_number == "21"
    assert target.shown_name.startswith("Anna")
    target.answer()
    wait_for_state(stage, answer.body, "connected")
    target.hangup()
    first.wait_for("ended")
    ended = wait_for_state(stage, answer.body, "ended")
    states = [step["state"] for step in ended["history"]]
    assert states == ["accepted", "ringing_first", "first_answered", "ringing_target", "connected", "ended"]


@proves("C1", "O2")
def test_outside_the_business_number_is_shown_whatever_form_the_target_is_written_in(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    answer = click(stage, "tel:+49-171-5550123")
    assert answer.status == 202, answer.body
    anna.wait_for_ring().answer()
    outside = stage.telephones.carrier.wait_for_ring()
    assert outside.number == "+491715550123"
    assert outside.shown_number == "+49305550021", "the target sees the subscriber's business number"
    outside.answer()
    wait_for_state(stage, answer.body, "connected")
    outside.hangup()


@proves("C2")
def test_the_same_key_never_dials_twice(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    key = str(uuid.uuid4())
    first, second = click(stage, "22", key=key), click(stage, "22", key=key)
    assert (first.status, second.status) == (202, 202)
    assert first.body["id"] == second.body["id"]
    anna.wait_for_ring().hangup()
    wait_for_state(stage, first.body, "failed")
    assert click(stage, "22", key=key).body["id"] == first.body["id"]
    assert anna.stays_silent()
    another = click(stage, "23", key=key)
    assert another.status == 409
    assert another.body["error"] == "idempotency_key_reused"


@proves("C2")
def test_a_call_can_be_called_off_while_the_first_leg_rings(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    answer = click(stage, "22")
    ringing = anna.wait_for_ring()
    path = f"/v1/calls/{answer.body['id']}"
    assert stage.http("callback", "DELETE", path).body["state"] == "cancelled"
    ringing.wait_for("ended")
    assert stage.http("callback", "DELETE", path).body["state"] == "cancelled"


@proves("C2")
def test_a_call_can_be_called_off_while_both_talk(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    answer = click(stage, "22")
    first = anna.wait_for_ring().answer()
    second = bernd.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "connected")
    stage.http("callback", "DELETE", f"/v1/calls/{answer.body['id']}")
    first.wait_for("ended")
    second.wait_for("ended")


@proves("C3")
def test_a_first_leg_that_is_rejected_says_so_in_words(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    answer = click(stage, "22")
    anna.wait_for_ring().reject(486)
    failed = wait_for_state(stage, answer.body, "failed")
    assert failed["reason"] in ("first_busy", "first_rejected")
    assert failed["message"]
    assert stage.telephones["bernd"].stays_silent()


@proves("C3", "R10")
def test_rejected_at_one_of_his_telephones_it_rings_at_none(stage: Stage) -> None:
    desk, soft = stage.telephones["anna"].register(), stage.telephones["anna-soft"].register()
    answer = click(stage, "22")
    other = soft.wait_for_ring()
    desk.wait_for_ring().reject(603)
    other.wait_for("ended")
    failed = wait_for_state(stage, answer.body, "failed")
    assert failed["reason"] == "first_rejected"
    assert stage.telephones["bernd"].stays_silent()


@proves("C3", "R10")
def test_busy_at_one_of_his_telephones_it_rings_on_at_the_other(stage: Stage) -> None:
    desk, soft = stage.telephones["anna"].register(), stage.telephones["anna-soft"].register()
    bernd = stage.telephones["bernd"].register()
    answer = click(stage, "22")
    desk.wait_for_ring().reject(486)
    first = soft.wait_for_ring().answer()
    bernd.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "connected")
    first.hangup()


@proves("C3")
def test_a_busy_target_is_the_reason(stage: Stage) -> None:
    anna, david = stage.telephones["anna"].register(), stage.telephones["david"].register()
    assert stage.http("voicemail", "PATCH", "/v1/mailbox", token="david", json_body={"on_busy": False}).status == 200
    answer = click(stage, stage.extension("david"))
    anna.wait_for_ring().answer()
    david.wait_for_ring().reject(486)
    failed = wait_for_state(stage, answer.body, "failed")
    assert failed["reason"] == "target_busy"


@proves("C3")
def test_a_target_whose_mailbox_answers_is_no_failure(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    answer = click(stage, stage.extension("jonas"))  # not registered, but with a mailbox
    first = anna.wait_for_ring().answer()
    wait_for_state(stage, answer.body, "first_answered", "ringing_target")
    first.wait_for("ended", timeout_s=40)  # greeting, beep, and nothing said
    ended = wait_for_state(stage, answer.body, "ended")
    assert ended["reason"] is None


@proves("C1")
@pytest.mark.parametrize(
    ("target", "status", "field"),
    [("", 422, "target"), ("what?", 422, "target"), ("99", 422, "target"), ("0900 1234567", 403, "target"),
     ("+881612345678", 403, "target"), ("x" * 500, 422, "target")],
)
def test_a_target_that_cannot_be_called_is_refused_with_the_field_and_the_rule(
    stage: Stage, target: str, status: int, field: str
) -> None:
    stage.telephones["anna"].register()
    answer = click(stage, target)
    assert (answer.status, answer.body["field"]) == (status, field), answer.body
    assert answer.body["message"]
    assert stage.telephones["anna"].stays_silent()


@proves("C2")
def test_without_a_key_nothing_is_dialled(stage: Stage) -> None:
    answer = stage.http("callback", "POST", "/v1/calls", json_body={"target": "22"})
    assert answer.status == 422
    assert "idempotency" in answer.body["field"].lower()
