"""What stories about calls to the outside share: settings over HTTP and back, a trunk more, what callers hear."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Call

MOBILE = "+491715550123"
BARRED_HEARS = 403
"""What a handset is told with OUTGOING_CALL_BARRED (mod_sofia.c, hangup_cause_to_sip)."""


@contextmanager
def setting(stage: Stage, who: str, name: str, **changes: Any) -> Iterator[None]:
    """A subscriber's settings resource changed by an administrator, and as it was afterwards."""
    with changed(stage, f"/v1/subscribers/{stage.subscriber_id(who)}/settings/{name}", changes):
        yield


@contextmanager
def site_setting(stage: Stage, site_id: int, name: str, **changes: Any) -> Iterator[None]:
    with changed(stage, f"/v1/sites/{site_id}/settings/{name}", changes):
        yield


@contextmanager
def company_setting(stage: Stage, name: str, **changes: Any) -> Iterator[None]:
    with changed(stage, f"/v1/company/settings/{name}", changes):
        yield


@contextmanager
def changed(stage: Stage, path: str, changes: dict[str, Any]) -> Iterator[None]:
    before = stage.http("routing", "GET", path, token="admin")
    assert before.status == 200, before.body
    answer = stage.http("routing", "PATCH", path, token="admin", json_body=changes)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        back = {name: before.body[name] for name in changes}
        answer = stage.http("routing", "PATCH", path, token="admin", json_body=back)
        assert answer.status == 200, answer.body


@contextmanager
def trunk(stage: Stage, **body: Any) -> Iterator[dict[str, Any]]:
    """One trunk more, known to the switch; gone afterwards."""
    made = stage.http("routing", "POST", "/v1/trunks", token="admin",
                      json_body={"label": f"Story {uuid.uuid4().hex[:8]}", "host": "127.0.0.1", **body})
    assert made.status == 201, made.body
    try:
        wait_for_state(
            stage, made.body["trunk_id"], ("unregistered", "failed") if body.get("register") else ("not_needed",))
        yield made.body
    finally:
        gone = stage.http("routing", "DELETE", f"/v1/trunks/{made.body['trunk_id']}", token="admin")
        assert gone.status == 204, gone.body


@contextmanager
def plenty_of_calls(stage: Stage) -> Iterator[None]:
    """So that what many stories dial in a minute does not add up to the limit."""
    with company_setting(stage, "call_limits", per_subscriber_per_minute=1000, external_calls_per_minute=10_000,
                         forwarded_at_once=100, daily_budget_cents=None):
        yield


@contextmanager
def plenty_of_clicks(stage: Stage, who: str = "anna") -> Iterator[None]:
    """The same for what she has the system dial for her."""
    path = f"/v1/subscribers/{stage.subscriber_id(who)}/settings/click_to_dial_limits"
    with changed(stage, path, {"per_minute": 60}):
        yield


def trunks(stage: Stage) -> list[dict[str, Any]]:
    answer = stage.http("routing", "GET", "/v1/trunks", token="admin")
    assert answer.status == 200, answer.body
    listed: list[dict[str, Any]] = answer.body["trunks"]
    return listed


def first_trunk(stage: Stage) -> dict[str, Any]:
    return trunks(stage)[0]


@contextmanager
def first_trunk_with(stage: Stage, **changes: Any) -> Iterator[None]:
    """From when calls know of it."""
    trunk_id = first_trunk(stage)["trunk_id"]
    try:
        with changed(stage, f"/v1/trunks/{trunk_id}", changes):
            wait_until_known(stage, trunk_id)
            yield
    finally:
        wait_until_known(stage, trunk_id)


def wait_until_known(stage: Stage, trunk_id: int) -> None:
    stage.wait_until(lambda: all(one["state"] != "pending" for one in trunks(stage) if one["trunk_id"] == trunk_id),
                     10, f"calls know of the change of trunk {trunk_id}")


def wait_for_state(stage: Stage, trunk_id: int, states: tuple[str, ...], timeout_s: float = 10) -> None:
    def look() -> bool:
        return any(one["trunk_id"] == trunk_id and one["state"] in states for one in trunks(stage))

    stage.wait_until(look, timeout_s, f"trunk {trunk_id} {' or '.join(states)}")


def second_carrier_port(stage: Stage) -> int:
    return int(stage.env["PBX_TRUNK_PORT"]) + 1


def dead_port(stage: Stage) -> int:
    """Where nobody listens."""
    return int(stage.env["PBX_TRUNK_PORT"]) + 5


@contextmanager
def silent_port(stage: Stage) -> Iterator[int]:
    """Where somebody listens who never says a word."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", dead_port(stage)))
        yield dead_port(stage)


def hears_an_announcement(call: Call, timeout_s: float = 15) -> Call:
    """Early media, then the end: what a barred caller gets."""
    call.wait_for("early", timeout_s=5)
    return call.wait_for("ended", timeout_s=timeout_s)


def written_down(stage: Stage, who: str, rung: str, reason: str = "") -> None:
    """Until the newest call this person made is on record as decided by this rung, with this reason of its step."""
    def look() -> bool:
        with stage.database.platform() as tx:
            row = tx.row("SELECT rung, steps FROM routing.calls WHERE caller_subscriber_id = :id"
                         " ORDER BY started_at DESC LIMIT 1", id=stage.subscriber_id(who))
        return row is not None and row.rung == rung and reason in ("", row.steps[0].get("reason"))

    stage.wait_until(look, 10, f"the record of {who}'s call: {rung} {reason}")


def wait_until_over(stage: Stage, who: str) -> None:
    """Until routing knows that no call this person made is up."""
    def look() -> bool:
        with stage.database.platform() as tx:
            return not tx.rows("SELECT call_id FROM routing.calls WHERE caller_subscriber_id = :id"
                               " AND ended_at IS NULL", id=stage.subscriber_id(who))

    stage.wait_until(look, 10, f"the end of {who}'s calls")
