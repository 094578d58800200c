"""The watched list and the lamp keys that show it (P1, P2, P5)."""

from __future__ import annotations

from typing import Any

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.stage import Stage


def watch(stage: Stage, *names: str, token: str = "anna") -> list[dict[str, Any]]:
    answer = stage.http("presence", "PUT", "/v1/watched", token=token,
                        json_body={"extensions": [stage.extension(name) for name in names]})
    assert answer.status == 200, answer.body
    return list(answer.body["watched"])


def state_of(stage: Stage, name: str, token: str = "anna") -> str | None:
    lamps = stage.http("presence", "GET", "/v1/lamps", token=token).body["lamps"]
    return next((lamp["state"] for lamp in lamps if lamp["extension"] == stage.extension(name)), None)


@proves("P1", "P2")
def test_a_lamp_follows_its_colleague_through_a_call(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    watch(stage, "bernd", "clara")
    first, second = anna.watch(stage.lamp_address("anna-desk", 1)), anna.watch(stage.lamp_address("anna-desk", 2))
    first.wait_for("terminated")
    second.wait_for("terminated")
    call = clara.dial(stage.extension("bernd"))
    ringing = bernd.wait_for_ring()
    first.wait_for("early", timeout_s=2)
    ringing.answer()
    first.wait_for("confirmed", timeout_s=2)
    second.wait_for("confirmed", timeout_s=2)
    call.hangup()
    first.wait_for("terminated", timeout_s=2)
    second.wait_for("terminated", timeout_s=2)


@proves("P1")
def test_changing_the_list_changes_the_lamps_and_nothing_at_the_handset(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara, david = stage.telephones["clara"].register(), stage.telephones["david"].register()
    watch(stage, "bernd", "clara")
    lamp = anna.watch(stage.lamp_address("anna-desk", 1)).wait_for("terminated")
    call = clara.dial(stage.extension("david"))
    david.wait_for_ring().answer()
    assert lamp.state == "terminated"
    watch(stage, "david", "bernd")
    lamp.wait_for("confirmed", timeout_s=2)
    call.hangup()
    lamp.wait_for("terminated", timeout_s=2)
    assert bernd.stays_silent()


@proves("P1")
def test_pressing_the_lamp_key_calls_the_colleague(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    watch(stage, "bernd")
    call = anna.dial(stage.lamp_address("anna-desk", 1))
    bernd.wait_for_ring().answer()
    call.wait_for("answered")
    call.hangup()


@proves("P1")
def test_the_ninth_is_refused_and_the_eight_stay(stage: Stage) -> None:
    eight = ("bernd", "clara", "david", "emma", "felix", "greta", "hans", "ida")
    assert len(watch(stage, *eight)) == 8
    nine = [stage.extension(name) for name in (*eight, "jonas")]
    refused = stage.http("presence", "PUT", "/v1/watched", json_body={"extensions": nine})
    assert refused.status == 422
    assert refused.body["field"].startswith("extensions")
    assert "8" in refused.body["message"]
    kept = stage.http("presence", "GET", "/v1/watched").body["watched"]
    assert [person["extension"] for person in kept] == nine[:8]
    for wrong in (["999"], ["22", "22"], ["22", 5], "22"):
        assert stage.http("presence", "PUT", "/v1/watched", json_body={"extensions": wrong}).status == 422
    watch(stage, "bernd", "clara")


@proves("P2")
def test_finer_states_are_shown_over_http(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd, clara = stage.telephones["bernd"].register(), stage.telephones["clara"].register()
    watch(stage, "bernd", "clara")
    stage.wait_until(lambda: state_of(stage, "bernd") == "idle", 3, "idle")
    call = clara.dial(stage.extension("bernd"))
    ringing = bernd.wait_for_ring()
    stage.wait_until(lambda: state_of(stage, "bernd") == "ringing", 2, "ringing")
    ringing.answer()
    stage.wait_until(lambda: state_of(stage, "bernd") == "on_call", 2, "on a call")
    call.hangup()
    stage.wait_until(lambda: state_of(stage, "bernd") == "idle", 2, "idle again")
    bernd.unregister()
    stage.wait_until(lambda: state_of(stage, "bernd") == "not_registered", 3, "not registered")
    bernd.register()
    stage.wait_until(lambda: state_of(stage, "bernd") == "idle", 3, "registered again")


@proves("P2", "X1")
def test_lamps_are_right_again_after_the_service_was_restarted_in_a_call(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    clara = stage.telephones["clara"].register()
    watch(stage, "bernd")
    lamp = anna.watch(stage.lamp_address("anna-desk", 1)).wait_for("terminated")
    call = clara.dial(stage.extension("bernd"))
    bernd.wait_for_ring().answer()
    lamp.wait_for("confirmed", timeout_s=2)
    instances.stop_process(stage.instance, "presence")
    call.hangup()
    instances.start_process(stage.instance, "presence")
    instances.wait_until_healthy(stage.instance, ["presence"])
    lamp.wait_for("terminated", timeout_s=5)


@proves("P5")
def test_a_lamp_with_a_wrong_key_tells_nothing(stage: Stage) -> None:
    stage.telephones["anna"].register()
    bernd, clara = stage.telephones["bernd"].register(), stage.telephones["clara"].register()
    watch(stage, "bernd")
    good = stage.telephones["anna"].watch(stage.lamp_address("anna-desk", 1)).wait_for("terminated")
    spy = clara.watch(f"lamp+{stage.extension('anna')}-1-0123456789")
    call = clara.dial(stage.extension("bernd"))
    bernd.wait_for_ring().answer()
    good.wait_for("confirmed", timeout_s=2)
    assert all(change["state"] == "terminated" for change in spy.history)
    call.hangup()
