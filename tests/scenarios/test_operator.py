"""What an operator sees of a running system: calls with the rung that decided, handsets, queues, the parts (X2), and
the figures and logs of all services (X1)."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from operations.instance import SERVICES
from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.test_voicemail import leave_message


def seen(stage: Stage, what: str, token: str = "operator") -> Any:
    answer = stage.http("presence", "GET", f"/v1/operator/{what}", token=token)
    assert answer.status == 200, answer.body
    return answer.body


def the_call(stage: Stage, state: str) -> dict[str, Any] | None:
    """Once its record is written, too."""
    calls = seen(stage, "calls")["calls"]
    return next((one for one in calls if one["state"] == state and one["rung"] is not None), None)


@proves("X2")
def test_a_call_is_seen_with_the_rung_that_decided(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    ringing = bernd.wait_for_ring()
    found = stage.wait_until(lambda: the_call(stage, "ringing"), 10, "the call")
    assert (found["rung"], found["direction"], found["company"]) == ("devices", "internal", "Musterbau GmbH")
    assert [leg["extension"] for leg in found["legs"]] == ["21", "22"]
    ringing.answer()
    stage.wait_until(lambda: the_call(stage, "talking"), 10, "the talk")
    ringing.hold()
    stage.wait_until(lambda: the_call(stage, "held"), 10, "the hold")
    call.hangup()
    stage.wait_until(lambda: not seen(stage, "calls")["calls"], 10, "its end")


@proves("X2")
def test_handsets_and_the_parts_of_the_system_are_seen(stage: Stage) -> None:
    stage.telephones["anna"].register()

    def anna() -> dict[str, Any]:
        found: dict[str, Any] = seen(stage, "registrations?search=anna-desk", token="admin")["registrations"][0]
        return found

    stage.wait_until(lambda: anna()["registered"], 10, "the registration")
    assert anna()["address"]
    stage.telephones["anna"].unregister()
    stage.wait_until(lambda: not anna()["registered"], 10, "its end")
    # As of the last look, which every part has by now had time for.
    found = stage.wait_until(lambda: all(one["ready"] for one in seen(stage, "overview")["services"])
                             and seen(stage, "overview"), 20, "all services to be ready")
    assert {one["name"] for one in found["services"]} == {"routing", "callback", "voicemail"}
    assert all(found[part]["up"] for part in ("switch", "database", "broker"))
    consumers = {one["name"]: one["consumers"] for one in found["queues"]}
    assert {"calls.record", "callback.dial", "voicemail.store", "voicemail.mail"} <= consumers.keys()
    assert all(consumers.values())
    assert [one["name"] for one in found["trunks"]][:1] == ["musterbau-1"]
    for what in ("overview", "errors"):
        assert stage.http("presence", "GET", f"/v1/operator/{what}", token="admin").status == 403
        assert stage.http("presence", "GET", f"/v1/operator/{what}", token="anna").status == 403
    assert isinstance(seen(stage, "errors")["errors"], list)


@proves("X1")
def test_each_service_says_how_it_is_and_logs_the_calls_id(stage: Stage) -> None:
    for service in SERVICES:
        url = stage.instance.url(service)
        for path, word in (("/health", '"up"'), ("/ready", '"ready":true'), ("/metrics", "\npbx_http_requests_total")):
            with urllib.request.urlopen(url + path, timeout=5) as answer:
                assert word in answer.read().decode().replace(": ", ":"), f"{service}{path}"
    stage.telephones["anna"].register()
    stage.telephones["bernd"].unregister()
    leave_message(stage, "22", seconds=2)

    def ids(service: str) -> set[str]:
        found = set()
        for line in Path(stage.instance.run, "logs", f"{service}.log").read_text().splitlines():
            if line.startswith("{") and '"call_id"' in line:
                found.add(str(json.loads(line)["call_id"]))
        return found

    stage.wait_until(lambda: ids("routing") & ids("voicemail"), 10, "a call's id in two logs")
