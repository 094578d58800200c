"""Who took a call, when, and why it rang there: also when it was handed on, left the house, or was begun by a click or
out of the voice portal (L1, L2, R15)."""

from __future__ import annotations

from typing import Any

import gevent

from operations.story_report import proves
from tests.scenarios.portal import PIN, Caller, give_pin, has_messages
from tests.scenarios.stage import Stage
from tests.scenarios.test_call_log import emptied, entries, newest
from tests.scenarios.test_calls import forwarding, no_mailbox
from tests.scenarios.test_click_to_dial import click, wait_for_state
from tests.scenarios.test_voicemail import mailbox_of

OUTSIDE = "+491715550123"
CUSTOMER = "+491715550177"


def explained(stage: Stage, call_id: str, token: str = "admin") -> dict[str, Any]:
    answer = stage.http("routing", "GET", f"/v1/calls/{call_id}/explain", token=token)
    assert answer.status == 200, answer.body
    account: dict[str, Any] = answer.body
    return account


def record(stage: Stage, call_id: str) -> dict[str, Any]:
    answer = stage.http("routing", "GET", f"/v1/company/calls/{call_id}", token="admin")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


@proves("L1", "R15")
def test_who_answers_and_hands_the_caller_on_has_not_missed_him(stage: Stage) -> None:
    telephones = stage.telephones
    bernd, david = telephones["bernd"].register(), telephones["david"].register()
    emptied(stage, "bernd", "david")
    outside = telephones.carrier.dial("+49305550022", from_number=OUTSIDE)
    answered = bernd.wait_for_ring().answer()
    outside.wait_for("answered")
    answered.transfer("24")
    second = david.wait_for_ring().answer()
    answered.wait_for("ended")
    gevent.sleep(1)  # talk has a length
    second.hangup()
    outside.wait_for("ended")

    line = newest(stage, "david", kind="received", number=OUTSIDE)
    assert newest(stage, "bernd", kind="received", number=OUTSIDE)["call_id"] == line["call_id"]
    assert line["rung"] == "devices"
    account = explained(stage, line["call_id"])
    assert [answer["by"]["extension"] for answer in account["answers"]] == ["22", "24"]
    assert account["answered_by"]["extension"] == "22"
    assert {one["place"] for one in account["rungs"]} == {"22"}
    [later] = account["later"]
    assert later["dialled"] == "24"
    assert "24" in {one["place"] for one in later["rungs"] if one["decides"]}
    text = stage.http("routing", "GET", f"/v1/calls/{line['call_id']}/explain", token="admin",
                      headers={"Accept": "text/plain"}).content.decode()
    assert "Sent on to 24" in text
    assert text.count("answered by") == 2
    # Each sees his own rungs.
    assert explained(stage, line["call_id"], "bernd")["later"][0]["rungs"] == []
    assert {one["place"] for one in explained(stage, line["call_id"], "david")["later"][0]["rungs"]} == {"24"}


@proves("L1")
def test_who_answers_and_is_handed_on_himself_has_not_missed_the_call(stage: Stage) -> None:
    telephones = stage.telephones
    call = telephones["anna"].register().dial("22")
    answered = telephones["bernd"].register().wait_for_ring().answer()
    david = telephones["david"].register()
    emptied(stage, "bernd")
    call.wait_for("answered").transfer("24")
    david.wait_for_ring().answer()
    answered.hangup()
    stage.wait_until(lambda: [line for line in entries(stage, "bernd", "&kind=received") if line["number"] == "21"],
                     15, "Anna's call in Bernd's list, as received")


@proves("L1", "R15")
def test_who_pays_for_a_call_outside_is_not_who_answers_it(stage: Stage) -> None:
    telephones = stage.telephones
    anna = telephones["anna"].register()
    emptied(stage, "anna", "bernd")
    call = anna.dial("01715550177")
    telephones.carrier.wait_for_ring().answer()
    call.wait_for("answered")
    call.hangup()
    line = newest(stage, "anna", kind="placed", number=CUSTOMER)
    account = explained(stage, line["call_id"], "anna")
    assert account["answered_by"] is None
    assert [answer["by"] for answer in account["answers"]] == [None]

    with forwarding(stage, "bernd", "always", OUTSIDE):
        call = anna.dial("22")
        telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered")
        call.hangup()
        line = newest(stage, "anna", kind="placed", number="22")
        assert explained(stage, line["call_id"])["answered_by"] is None
        assert newest(stage, "bernd", number="21")["kind"] == "missed", "somebody else spoke"


@proves("L1", "C1", "C3")
def test_a_click_is_answered_when_the_target_answers(stage: Stage) -> None:
    telephones = stage.telephones
    anna, bernd = telephones["anna"].register(), telephones["bernd"].register()
    emptied(stage, "anna", "bernd")
    with no_mailbox(stage, "bernd"):
        attempt = click(stage, "22").body
        anna.wait_for_ring().answer()
        bernd.wait_for_ring().reject(486)
        wait_for_state(stage, attempt, "failed")
        line = newest(stage, "anna", kind="placed", number="22")
    assert line["duration_s"] == 0
    assert record(stage, line["call_id"])["answered_at"] is None

    emptied(stage, "anna")
    attempt = click(stage, "22").body
    first = anna.wait_for_ring().answer()
    second = bernd.wait_for_ring()
    gevent.sleep(3)  # it rings for a while
    second.answer()
    wait_for_state(stage, attempt, "connected")
    first.hangup()
    line = newest(stage, "anna", kind="placed", number="22")
    assert line["duration_s"] <= 2
    whole = record(stage, line["call_id"])
    assert (whole["answered_by"], whole["answered_at"] is not None) == (stage.subscriber_id("bernd"), True)


@proves("L1", "V2")
def test_a_call_back_out_of_the_portal_is_a_call_to_the_one_who_is_called_back(stage: Stage) -> None:
    give_pin(stage, "anna")
    has_messages(stage, "anna", 600)
    emptied(stage, "anna")
    carrier = stage.telephones.carrier
    with mailbox_of(stage, "anna", on_always=True):
        caller = Caller(stage, carrier.dial("+49305550021", from_number=CUSTOMER))
        caller.hears("mailbox-greeting").presses("*").hears("portal-enter-pin").presses(f"{PIN}#")
        caller.hears("portal-you-have").presses("1").hears_tone(600).presses("5")
        back = carrier.wait_for_ring(timeout_s=10).answer()
        gevent.sleep(1)  # talk has a length
        back.hangup()
        caller.call.wait_for("ended")

    def placed() -> dict[str, Any] | None:
        return next(iter(entries(stage, "anna", "&kind=placed")), None)

    line = stage.wait_until(placed, 15, "the call back in Anna's list")
    assert (line["number"], line["colleague_id"]) == (OUTSIDE, None)
    assert 1 <= line["duration_s"] <= 4
