"""Lamp keys: a colleague's state at a glance, a list that follows without touching the handset, and what pressing a
lit key does (P1, P2)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Lamp

LAMP_S = 1.0
"""P2: right within a second."""
AFTER_A_RESTART_S = 5.0


def watch(stage: Stage, *names: str, who: str = "anna") -> None:
    answer = stage.http("presence", "PUT", "/v1/watched", token=who,
                        json_body={"subscriber_ids": [stage.subscriber_id(name) for name in names]})
    assert answer.status == 200, answer.body


def state_of(stage: Stage, name: str, who: str = "anna") -> str | None:
    lamps = stage.http("presence", "GET", "/v1/lamps", token=who).body["lamps"]
    return next((lamp["state"] for lamp in lamps if lamp["extension"] == stage.extension(name)), None)


def wait_for_state(stage: Stage, name: str, state: str, who: str = "anna") -> None:
    stage.wait_until(lambda: state_of(stage, name, who) == state, 5, f"{name} {state}")


def key(stage: Stage, position: int = 1, device: str = "anna-desk") -> Lamp:
    name = device.partition("-")[0]
    return stage.telephones[name].watch(stage.lamp_address(device, position)).wait_for("terminated")


@pytest.fixture(autouse=True)
def annas_list(stage: Stage) -> Iterator[None]:
    """As the demo company has it, before and after; all three telephones are there."""
    for name in ("anna", "bernd", "clara"):
        stage.telephones[name].register()
    watch(stage, "bernd", "clara")
    for name in ("bernd", "clara"):
        wait_for_state(stage, name, "idle")
    yield
    watch(stage, "bernd", "clara")


@proves("P1", "P2")
def test_a_lamp_follows_the_colleagues_call(stage: Stage) -> None:
    phones = stage.telephones
    lamp = key(stage)
    call = phones["clara"].dial(stage.extension("bernd"))
    ringing = phones["bernd"].wait_for_ring()
    lamp.wait_for("early", LAMP_S)
    assert lamp.history[-1]["remote_number"] == stage.extension("bernd")
    assert state_of(stage, "bernd") == "ringing"
    # Who dials is on a call from the start.
    assert state_of(stage, "clara") == "on_a_call"
    ringing.answer()
    lamp.wait_for("confirmed", LAMP_S)
    ringing.hold()
    wait_for_state(stage, "bernd", "held")
    ringing.unhold()
    wait_for_state(stage, "bernd", "on_a_call")
    call.hangup()
    lamp.wait_for("terminated", LAMP_S)
    assert [change["state"] for change in lamp.history] == ["terminated", "early", "confirmed", "terminated"]


@proves("P1")
def test_a_changed_list_is_on_the_handset_at_once(stage: Stage) -> None:
    phones = stage.telephones
    lamp = key(stage)
    call = phones["clara"].dial(stage.extension("bernd"))
    phones["bernd"].wait_for_ring()
    lamp.wait_for("early", LAMP_S)
    watch(stage, "clara")
    lamp.wait_for("confirmed", LAMP_S)
    assert lamp.history[-1]["remote_number"] == stage.extension("clara")
    watch(stage)
    lamp.wait_for("terminated", LAMP_S)
    call.hangup()


@proves("P1")
def test_eight_colleagues_are_watched_and_the_ninth_is_refused(stage: Stage) -> None:
    names = ["bernd", "clara", "david", "emma", "felix", "greta", "hans", "ida"]
    watch(stage, *names)
    ids = [stage.subscriber_id(name) for name in [*names, "jonas"]]
    refused = stage.http("presence", "PUT", "/v1/watched", json_body={"subscriber_ids": ids})
    assert (refused.status, refused.body["error"], refused.body["field"]) == (
        422, "too_many_watched", "subscriber_ids")
    kept = stage.http("presence", "GET", "/v1/watched").body["watched"]
    assert [one["extension"] for one in kept] == [stage.extension(name) for name in names]


@proves("P1", "N1")
def test_nobody_watches_another_company(stage: Stage) -> None:
    refused = stage.http("presence", "PUT", "/v1/watched",
                         json_body={"subscriber_ids": [stage.subscriber_id("ulf")]})
    assert (refused.status, refused.body["error"]) == (422, "unknown_subscriber")
    # Not by a key taken from a handset of the company either.
    stage.telephones["ulf"].register()
    lamp = stage.telephones["ulf"].watch(stage.lamp_address("anna-desk", 1)).wait_for("terminated")
    ours = key(stage)
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    ours.wait_for("early", LAMP_S)
    call.hangup()
    ours.wait_for("terminated", LAMP_S)
    assert {change["state"] for change in lamp.history} == {"terminated"}


@proves("P1")
def test_pressing_a_dark_key_calls(stage: Stage) -> None:
    call = stage.telephones["anna"].dial(stage.lamp_address("anna-desk", 1))
    ringing = stage.telephones["bernd"].wait_for_ring()
    assert ringing.shown_number == stage.extension("anna")
    ringing.answer()
    call.wait_for("answered")
    call.hangup()


@proves("P1")
def test_pressing_a_blinking_key_picks_up(stage: Stage) -> None:
    phones = stage.telephones
    lamp = key(stage)
    calling = phones["clara"].dial(stage.extension("bernd"))
    ringing = phones["bernd"].wait_for_ring()
    lamp.wait_for("early", LAMP_S)
    taken = phones["anna"].dial(stage.lamp_address("anna-desk", 1))
    taken.wait_for("answered")
    calling.wait_for("answered")
    ringing.wait_for("ended")
    lamp.wait_for("terminated", LAMP_S)
    # A key pressed here arrives there: the two are connected.
    taken.send_digits("5")
    calling.wait_for_digits("5")
    taken.hangup()
    calling.wait_for("ended")


@proves("P2")
def test_lamps_are_right_after_presence_was_restarted(stage: Stage) -> None:
    phones = stage.telephones
    lamp = key(stage)
    call = phones["clara"].dial(stage.extension("bernd"))
    phones["bernd"].wait_for_ring().answer()
    lamp.wait_for("confirmed", LAMP_S)
    instances.stop_process(stage.instance, "presence")
    call.hangup()
    instances.start_process(stage.instance, "presence")
    instances.wait_until_healthy(stage.instance, ["presence"])
    lamp.wait_for("terminated", AFTER_A_RESTART_S)
    wait_for_state(stage, "bernd", "idle")


@proves("P2")
def test_a_telephone_that_is_not_registered_is_told_from_an_idle_one(stage: Stage) -> None:
    stage.telephones["bernd"].unregister()
    wait_for_state(stage, "bernd", "not_registered")
    stage.telephones["bernd"].register()
    wait_for_state(stage, "bernd", "idle")


@proves("P1", "X1")
def test_programs_follow_the_lamps_as_a_stream(stage: Stage) -> None:
    line = http.client.HTTPConnection(stage.env["PBX_BIND"], int(stage.env["PBX_PRESENCE_HTTP_PORT"]), timeout=10)
    line.request("GET", "/v1/lamps/events", headers={"Authorization": f"Bearer {stage.secrets['tokens']['anna']}"})
    response = line.getresponse()
    assert response.status == 200

    def message() -> tuple[str, Any]:
        while True:
            fields = {}
            while text := response.readline().decode().rstrip("\n"):
                name, _, value = text.partition(": ")
                fields[name] = value
            if "event" in fields:
                return fields["event"], json.loads(fields["data"])

    kind, snapshot = message()
    assert kind == "snapshot"
    assert [lamp["extension"] for lamp in snapshot["lamps"]] == [stage.extension("bernd"), stage.extension("clara")]
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    told = [message(), message()]
    assert {(lamp["extension"], lamp["state"]) for kind, lamp in told if kind == "lamp"} == {
        (stage.extension("clara"), "on_a_call"), (stage.extension("bernd"), "ringing")}
    call.hangup()
    line.close()
