"""Settings of people, sites and the company for the while of a story, made over HTTP as an administrator makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Call, Telephones

MOBILE = "+491715550100"
"""Outside, at the carrier."""


@contextmanager
def set_to(stage: Stage, name: str, whose: str, **fields: Any) -> Iterator[None]:
    """whose: a first name, "site" (Berlin) or "company". As it was before, afterwards."""
    if whose == "company":
        path = f"/v1/company/settings/{name}"
    elif whose == "site":
        path = f"/v1/sites/{site_id(stage)}/settings/{name}"
    else:
        path = f"/v1/subscribers/{stage.subscriber_id(whose)}/settings/{name}"
    before = stage.http("routing", "GET", path, token="admin")
    assert before.status == 200, before.body
    answer = stage.http("routing", "PATCH", path, token="admin", json_body=fields)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        back = stage.http("routing", "PATCH", path, token="admin",
                          json_body={field: before.body[field] for field in fields})
        assert back.status == 200, back.body


def site_id(stage: Stage) -> int:
    with stage.database.platform() as tx:
        row = tx.one("SELECT site_id FROM directory.sites WHERE company_id = :c AND name = 'Berlin'",
                     c=stage.company_id())
        return int(row.site_id)


def rule(name: str = "Rule", **conditions: Any) -> dict[str, Any]:
    return {"name": name, **conditions}


def registered(stage: Stage, *names: str) -> Telephones:
    for who in names or ("anna", "bernd", "clara", "david"):
        stage.telephones[who].register()
    return stage.telephones


def is_told(stage: Stage, call: Call, prompt: str, cause: str, *, rung: str = "", callee: str = "bernd") -> None:
    """The caller hears an announcement without being answered, and it ends; the callee's list says why."""
    call.wait_for("early")
    call.wait_for("ended", timeout_s=30)
    assert "answered" not in call.states
    assert call.end_cause == cause
    if rung:
        in_the_log(stage, callee, rung, prompt)


def in_the_log(stage: Stage, who: str, rung: str, prompt: str = "") -> dict[str, Any]:
    """The newest call of his list, once it is the one that this rung decided and that was told this."""
    def look() -> dict[str, Any] | None:
        entries = stage.http("routing", "GET", "/v1/call-log?limit=1", token=who).body["entries"]
        if not entries:
            return None
        whole = stage.http("routing", "GET", f"/v1/call-log/{entries[0]['call_id']}", token=who).body
        told = whole["steps"][-1].get("prompt", "") if whole.get("steps") else ""
        return {**entries[0], **whole} if whole["rung"] == rung and prompt in ("", told) else None

    return stage.wait_until(look, 15, f"a call in {who}'s list that {rung!r} decided")


def nobody_is_on_a_call(stage: Stage) -> bool:
    """As routing knows it."""
    with stage.database.platform() as tx:
        return not tx.rows("SELECT subscriber_id FROM presence.calls_up WHERE cardinality(leg_uuids) > 0")


def wait_until_on_a_call(stage: Stage, who: str, calls: int = 1) -> None:
    """Until routing may know it: presence writes who is on a call a moment later."""
    def look() -> bool:
        with stage.database.platform() as tx:
            row = tx.row("SELECT cardinality(leg_uuids) AS calls FROM presence.calls_up WHERE subscriber_id = :id",
                         id=stage.subscriber_id(who))
            return (row.calls if row else 0) == calls

    stage.wait_until(look, 10, f"{who} on {calls} calls")
