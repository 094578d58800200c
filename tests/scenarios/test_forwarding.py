"""Where a call goes when nobody answers, somebody is busy, or no telephone is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Telephones

OUTSIDE = "+491715550100"
RING_S = 5


@contextmanager
def forwarding(stage: Stage, who: str, **kinds: str | tuple[str, int]) -> Iterator[None]:
    """forwarding(stage, "bernd", busy="23", no_answer=("0171 …", 2)): set over HTTP, gone afterwards."""
    try:
        for kind, to in kinds.items():
            target, rings = (to, None) if isinstance(to, str) else to
            answer = stage.http("routing", "PUT", f"/v1/forwardings/{kind}", token=who,
                                json_body={"enabled": True, "target": target, "rings": rings})
            assert answer.status == 200, answer.body
        yield
    finally:
        with stage.database.platform() as tx:
            tx.execute("DELETE FROM routing.forwardings WHERE subscriber_id = :id", id=stage.subscriber_id(who))


def registered(stage: Stage) -> Telephones:
    for who in ("anna", "bernd", "clara", "david"):
        stage.telephones[who].register()
    return stage.telephones


@proves("R2", "R13", "N1")
def test_a_busy_telephone_forwards_and_the_new_one_sees_who_was_called(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", busy="23"):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().reject(486)
        ringing = telephones["clara"].wait_for_ring()
        assert ringing.shown_number == "21"
        assert ringing.shown_name.startswith("Anna")
        [diversion] = ringing.diversion
        assert "sip:22@musterbau.example" in diversion
        assert "Bernd" in diversion
        assert diversion.endswith("reason=user-busy")
        ringing.answer()
        call.wait_for("answered").hangup()


@proves("R2")
def test_each_place_a_call_comes_to_is_judged_by_what_happened_there(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", no_answer=("23", 3)), forwarding(stage, "clara", busy="24"):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().reject(480)
        telephones["clara"].wait_for_ring().reject(486)
        telephones["david"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R2")
def test_a_telephone_that_is_not_there_forwards_at_once(stage: Stage) -> None:
    telephones = registered(stage)
    telephones["bernd"].unregister()
    try:
        with forwarding(stage, "bernd", not_reachable="23", busy="24"):
            call = telephones["anna"].dial("22")
            ringing = telephones["clara"].wait_for_ring()
            assert ringing.diversion[0].endswith("reason=unavailable")
            ringing.answer()
            call.wait_for("answered").hangup()
    finally:
        telephones["bernd"].register()


@proves("R2", "R11", "R13")
def test_after_the_rings_set_the_call_goes_on_and_the_first_telephone_is_silent(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", no_answer=("23", 2)):
        call = telephones["anna"].dial("22")
        first = telephones["bernd"].wait_for_ring()
        second = telephones["clara"].wait_for_ring(timeout_s=2 * RING_S + 3)
        first.wait_for("ended")
        assert second.diversion[0].endswith("reason=no-answer")
        second.answer()
        call.wait_for("answered").hangup()


@proves("R2", "N3", "O2", "R13")
def test_a_forward_to_a_mobile_goes_out_under_the_forwarders_number(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", always="0171 / 555 0100"):
        call = telephones["anna"].dial("22")
        ringing = telephones.carrier.wait_for_ring()
        assert ringing.number == OUTSIDE
        assert ringing.shown_number == "+49305550022"
        assert "sip:+49305550022@" in ringing.diversion[0]  # outside nobody knows our extensions
        ringing.answer()
        call.wait_for("answered").hangup()


@proves("R13")
def test_two_forwards_tell_the_last_telephone_both(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", always="23"), forwarding(stage, "clara", busy="24"):
        call = telephones["anna"].dial("22")
        telephones["clara"].wait_for_ring().reject(486)
        ringing = telephones["david"].wait_for_ring()
        assert ["sip:23@" in ringing.diversion[0], "sip:22@" in ringing.diversion[-1]] == [True, True]
        ringing.answer()
        call.wait_for("answered").hangup()


@proves("R12")
def test_two_who_forward_to_one_another_end_in_an_announcement(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", always="23"), forwarding(stage, "clara", always="22"):
        call = telephones["anna"].dial("22").wait_for("ended", timeout_s=15)
        assert call.end_cause == "EXCHANGE_ROUTING_ERROR"
        assert "answered" not in call.states


@proves("R2")
@pytest.mark.parametrize(("body", "field"), [
    ({"enabled": True, "target": "22", "rings": 1}, "rings"),
    ({"enabled": True, "target": "22", "rings": 21}, "rings"),
    ({"enabled": True, "target": "112"}, "target"),
    ({"enabled": True, "target": "0900 5 123456"}, "target"),
    ({"enabled": True, "target": "21"}, "target"),
])
def test_a_forward_that_cannot_work_is_refused_with_its_field(
        stage: Stage, body: dict[str, object], field: str) -> None:
    answer = stage.http("routing", "PUT", "/v1/forwardings/no_answer", token="anna", json_body=body)
    assert answer.status == 422
    assert answer.body["field"].endswith(field)


@proves("L1", "R13")
def test_a_call_tells_afterwards_why_it_rang_there(stage: Stage) -> None:
    telephones = registered(stage)
    with forwarding(stage, "bernd", busy="23"):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().reject(486)
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()

    def newest(who: str) -> dict[str, object]:
        entries = stage.http("routing", "GET", "/v1/call-log?limit=1", token=who).body["entries"]
        return entries[0] if entries else {}

    stage.wait_until(lambda: newest("clara").get("kind") == "received", 10, "the call in the log")
    call_id = newest("clara")["call_id"]
    assert [(newest(who)["call_id"], newest(who)["kind"]) for who in ("anna", "bernd")] == [
        (call_id, "placed"), (call_id, "missed")]
    assert {line["place"] for line in stage.http(
        "routing", "GET", f"/v1/call-log/{call_id}", token="anna").body["trace"]} == {"outgoing"}, "others' are theirs"
    whole = stage.http("routing", "GET", f"/v1/call-log/{call_id}", token="bernd").body
    assert whole["rung"] == "devices"
    assert {"when busy": "forward to 23"}.items() <= {line["rung"]: line["said"] for line in whole["trace"]}.items()
    assert [step["do"] for step in whole["steps"]] == ["ring", "ring"]
    assert whole["steps"][1]["outcome"] == "busy"
    assert stage.http("routing", "GET", f"/v1/call-log/{call_id}", token="ulf").status == 404
