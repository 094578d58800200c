"""Telephones call each other, and what happens when the one called does not take it (R2, R10, R12, R13)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest

from operations.story_report import proves
from tests.scenarios.stage import Sound, Stage

TALK_S = 1.0        # what is said has a length
MOBILE = "+491715550123"


@contextmanager
def forwarding(stage: Stage, who: str, kind: str, target: str, rings: int | None = None) -> Iterator[None]:
    """Switched on over HTTP by its owner, and off again afterwards."""
    body = {"enabled": True, "target": target, **({"rings": rings} if rings is not None else {})}
    answer = stage.http("routing", "PUT", f"/v1/forwardings/{kind}", token=who, json_body=body)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        stage.http("routing", "PUT", f"/v1/forwardings/{kind}", token=who, json_body={"enabled": False})


@contextmanager
def no_mailbox(stage: Stage, who: str) -> Iterator[None]:
    """So that what comes after the forwarding is not a recording."""
    answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=who, json_body={"enabled": False})
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        stage.http("voicemail", "PATCH", "/v1/mailbox", token=who, json_body={"enabled": True})


@proves("R13", "O1", "N2")
def test_two_colleagues_call_talk_and_hang_up(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    ringing = bernd.wait_for_ring()
    assert (ringing.shown_name, ringing.shown_number) == ("Anna Berger", "21")
    call.wait_for("ringing")
    ringing.answer()
    call.wait_for("answered").speak("tone:440")
    ringing.speak("tone:880")
    call.record()
    ringing.record()
    call.send_digits("12#")
    ringing.wait_for_digits("12#")
    gevent.sleep(TALK_S)
    assert Sound.read(ringing.heard()).seconds_of(440) > 0.3
    assert Sound.read(call.heard()).seconds_of(880) > 0.3
    ringing.hangup()
    call.wait_for("ended")
    assert call.end_cause == "NORMAL_CLEARING"


@proves("R13")
def test_a_caller_the_company_knows_is_shown_by_name_from_outside_too(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    stage.telephones.carrier.dial("+49305550022", from_number=MOBILE, name="Kunde Klein")
    ringing = bernd.wait_for_ring()
    assert MOBILE[-7:] in ringing.shown_number


@proves("R2", "R13")
def test_a_busy_telephone_sends_the_caller_on_and_the_next_sees_who_was_called(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    with forwarding(stage, "bernd", "busy", "23"):
        call = anna.dial("22")
        bernd.wait_for_ring().reject(486)
        ringing = clara.wait_for_ring()
        assert ringing.shown_name.startswith("Anna Berger")
        assert len(ringing.diversion) == 1
        assert "22" in ringing.diversion[0]
        assert "reason=user-busy" in ringing.diversion[0]
        ringing.answer()
        call.wait_for("answered")


@proves("R2", "R10")
def test_rejecting_at_ones_own_telephone_is_busy(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    with forwarding(stage, "bernd", "busy", "23"):
        anna.dial("22")
        bernd.wait_for_ring().reject(603)
        clara.wait_for_ring()


@proves("R2")
def test_after_the_set_rings_the_call_goes_to_the_next(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    with forwarding(stage, "bernd", "no_answer", "23", rings=2):
        call = anna.dial("22")
        began = time.monotonic()
        first = bernd.wait_for_ring()
        ringing = clara.wait_for_ring(timeout_s=15)
        # two rings of five seconds; the switch counts whole seconds (decision 6)
        assert 8.5 <= time.monotonic() - began <= 12.5
        first.wait_for("ended")
        assert "reason=no-answer" in ringing.diversion[0]
        ringing.answer()
        call.wait_for("answered")


@proves("R2")
def test_a_telephone_that_is_not_there_sends_the_caller_on(stage: Stage) -> None:
    anna, clara = stage.telephones["anna"].register(), stage.telephones["clara"].register()
    stage.telephones["bernd"].register().unregister()
    with forwarding(stage, "bernd", "not_reachable", "23"):
        anna.dial("22")
        ringing = clara.wait_for_ring()
        assert ringing.shown_name.startswith("Anna Berger")


@proves("R2", "R13")
def test_a_call_from_outside_is_forwarded_outside_with_both_numbers_told(stage: Stage) -> None:
    stage.telephones["bernd"].register().unregister()
    carrier = stage.telephones.carrier
    with forwarding(stage, "bernd", "not_reachable", "0171 5550999"):
        call = carrier.dial("+49305550022", from_number=MOBILE)
        outside = stage.wait_until(
            lambda: next((c for c in carrier.calls if c.direction == "incoming"), None), 5, "the forwarded leg")
        assert outside.number == "+491715550999"
        assert "<sip:+49305550022@" in outside.diversion[0]
        assert "Bernd" not in outside.diversion[0]
        outside.answer()
        call.wait_for("answered")


@proves("R2")
def test_busy_without_forward_and_mailbox_is_busy(stage: Stage) -> None:
    anna, david = stage.telephones["anna"].register(), stage.telephones["david"].register()
    with no_mailbox(stage, "david"):
        call = anna.dial("24")
        david.wait_for_ring().reject(486)
        call.wait_for("ended", timeout_s=15)
        assert (call.end_cause, call.sip_status) == ("USER_BUSY", 486)


@proves("R12")
def test_two_who_forward_to_each_other_end_with_an_announcement(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    for name in ("bernd", "clara"):
        stage.telephones[name].register().unregister()
    with forwarding(stage, "bernd", "not_reachable", "23"), forwarding(stage, "clara", "not_reachable", "22"):
        call = anna.dial("22")
        call.wait_for("ended", timeout_s=20)
        assert "answered" not in call.states or call.end_cause == "NORMAL_CLEARING"


@proves("R2")
@pytest.mark.parametrize(("field", "body"), [
    ("rings", {"enabled": True, "target": "23", "rings": 1}),
    ("rings", {"enabled": True, "target": "23", "rings": 21}),
    ("target", {"enabled": True, "target": "12"}),
    ("target", {"enabled": True, "target": "${system(id)}"}),
])
def test_a_forwarding_that_cannot_work_is_refused_and_says_where(
        stage: Stage, field: str, body: dict[str, object]) -> None:
    answer = stage.http("routing", "PUT", "/v1/forwardings/no_answer", token="anna", json_body=body)
    assert answer.status == 422
    assert answer.body["field"] == field
