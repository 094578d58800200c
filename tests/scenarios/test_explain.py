"""Why it rang there: told of a call that was, of the same call imagined, and of a whole week."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from operations import explain
from operations.screen import Trouble
from operations.story_report import proves
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Telephones

OUTSIDE = "+491715550100"
BERNDS_NUMBER = "+49305550022"
COMPANY = "musterbau.example"


@contextmanager
def setting(stage: Stage, who: str, name: str, *, site: bool = False, **changes: Any) -> Iterator[None]:
    """A setting of a person, or of his site, changed over HTTP and put back as it was."""
    whose = f"sites/{site_of(stage, who)}" if site else f"subscribers/{stage.subscriber_id(who)}"
    path = f"/v1/{whose}/settings/{name}"
    before = stage.http("routing", "GET", path, token="operator").body
    answer = stage.http("routing", "PATCH", path, token="operator", json_body=changes)
    assert answer.status == 200, answer.body
    try:
        yield
    finally:
        back = {field: before[field] for field in changes}
        answer = stage.http("routing", "PATCH", path, token="operator", json_body=back)
        assert answer.status == 200, answer.body


def site_of(stage: Stage, who: str) -> int:
    with stage.database.platform() as tx:
        return int(tx.one("SELECT site_id FROM directory.subscribers WHERE subscriber_id = :id",
                          id=stage.subscriber_id(who)).site_id)


def clock(stage: Stage) -> datetime:
    """The database's, a little back: the switch writes its times in steps of 20 ms (seen: a call dialled right after
    this began before it). The record of an earlier story's call may still be on its way."""
    with stage.database.platform() as tx:
        at: datetime = tx.one("SELECT clock_timestamp() - interval '100 ms' AS now").now
        return at


def explained_after_the_fact(stage: Stage, since: datetime) -> dict[str, Any]:
    """The one call that began since, once its end is written down."""
    def ended() -> str | None:
        with stage.database.platform() as tx:
            row = tx.row("SELECT call_id FROM routing.calls WHERE ended_at IS NOT NULL AND trace IS NOT NULL"
                         " AND started_at > :since", since=since)
        return str(row.call_id) if row else None

    call_id = stage.wait_until(ended, 20, "the record of the call")
    answer = stage.http("routing", "GET", f"/v1/calls/{call_id}/explain", token="operator")
    assert answer.status == 200, answer.body
    account: dict[str, Any] = answer.body
    return account


def imagined(stage: Stage, caller: str, callee: str, at: str = "") -> dict[str, Any]:
    path = f"/v1/explain?caller={caller.replace('+', '%2B')}&callee={callee.replace('+', '%2B')}&company={COMPANY}"
    answer = stage.http("routing", "GET", f"{path}&at={at}" if at else path, token="operator")
    assert answer.status == 200, answer.body
    account: dict[str, Any] = answer.body
    return account


def same_way(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """The rungs by whose they are, what they looked at and what they said."""
    ways = [[(line["place"], line["rung"], line["saw"], line["said"], line["decides"]) for line in account["rungs"]]
            for account in (one, other)]
    return ways[0] == ways[1]


def registered(stage: Stage) -> Telephones:
    for who in ("anna", "bernd", "clara"):
        stage.telephones[who].register()
    return stage.telephones


@proves("R15", "R6", "R2")
def test_a_call_that_rang_elsewhere_says_why_and_so_does_the_same_call_imagined(stage: Stage) -> None:
    telephones, since = registered(stage), clock(stage)
    with (setting(stage, "bernd", "do_not_disturb", enabled=True),
          setting(stage, "bernd", "forwardings", busy={"enabled": True, "target": "23"})):
        call = telephones["anna"].dial("22")
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
        was, would_be = explained_after_the_fact(stage, since), imagined(stage, "21", "22")
    assert was["rung"] == would_be["rung"] == "do not disturb"
    assert same_way(was, would_be)
    assert was["answered_by"] == {"extension": "23", "name": "Clara Schäfer"}
    assert was["cause"] == "NORMAL_CLEARING"
    assert [step["legs"] for step in was["happened"]] == [["clara-desk"]]
    ring = would_be["plan"]["then"]
    assert [(leg["device"], leg["registered"]) for leg in ring["legs"]] == [("clara-desk", True)]
    assert ring["caller_shown"]["name"] == "Anna Berger"


@proves("R15", "R2", "R11")
def test_what_came_of_each_ringing_is_told_with_its_causes(stage: Stage) -> None:
    telephones, since = registered(stage), clock(stage)
    with (setting(stage, "bernd", "forwardings", busy={"enabled": True, "target": "23"}),
          setting(stage, "clara", "mailbox_conditions", busy=False)):
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().reject(486)
        telephones["clara"].wait_for_ring().reject(486)
        call.wait_for("ended")
        was = explained_after_the_fact(stage, since)
    assert was["rung"] == "devices"
    assert [(step["do"], step.get("outcome")) for step in was["happened"]] == [
        ("ring", None), ("ring", "busy"), ("end", "busy")]
    assert "USER_BUSY" in was["happened"][1]["causes"]
    assert was["answered_by"] is None


REFUSED = (
    ("anonymous rejection", None, {"anonymous_rejection": {"enabled": True}}),
    ("negative list", OUTSIDE, {"negative_list": {
        "enabled": True, "rules": [{"name": "that one", "numbers": [OUTSIDE]}]}}),
    ("positive list", OUTSIDE, {"positive_list": {"enabled": True, "rules": [{"name": "family", "internal": True}]}}),
    ("intercept", OUTSIDE, {"intercept": {"incoming": True, "action": "announce"}}),
)


@proves("R15", "R4", "R5", "G9")
@pytest.mark.parametrize(("rung", "caller", "settings"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_refused_call_is_explained_like_any_other(
    stage: Stage, rung: str, caller: str | None, settings: dict[str, dict[str, Any]],
) -> None:
    telephones, since = registered(stage), clock(stage)
    with ExitStack() as stack:
        for name, changes in settings.items():
            stack.enter_context(setting(stage, "bernd", name, **changes))
        call = telephones.carrier.dial(BERNDS_NUMBER, from_number=caller)
        call.wait_for("ended", timeout_s=20)
        was, would_be = explained_after_the_fact(stage, since), imagined(stage, caller or "withheld", "22")
    assert was["rung"] == would_be["rung"] == rung
    assert same_way(was, would_be)
    assert [line["rung"] for line in was["rungs"] if line["decides"]] == [rung]
    assert was["happened"][0]["do"] == "announce"
    assert telephones["bernd"].stays_silent()


@proves("R15", "N5", "N3")
@pytest.mark.parametrize(("dialled", "rung", "done"), [
    ("09005123456", "barring", "announce"), ("99", "external number", "announce"), ("112", "emergency", "ring")])
def test_a_call_that_is_made_is_explained_too(stage: Stage, dialled: str, rung: str, done: str) -> None:
    telephones, since = registered(stage), clock(stage)
    call = telephones["anna"].dial(dialled)
    if done == "ring":
        telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered").hangup()
    call.wait_for("ended", timeout_s=20)
    was, would_be = explained_after_the_fact(stage, since), imagined(stage, "21", dialled)
    assert was["rung"] == would_be["rung"] == rung
    assert same_way(was, would_be)
    assert was["happened"][0]["do"] == done
    assert would_be["caller"]["name"] == "Anna Berger"


@proves("R15", "R12")
def test_a_call_in_circles_shows_the_loop_guard(stage: Stage) -> None:
    telephones, since = registered(stage), clock(stage)
    with (setting(stage, "bernd", "forwardings", always={"enabled": True, "target": "23"}),
          setting(stage, "clara", "forwardings", always={"enabled": True, "target": "22"})):
        telephones["anna"].dial("22").wait_for("ended", timeout_s=20)
        was, would_be = explained_after_the_fact(stage, since), imagined(stage, "21", "22")
    assert same_way(was, would_be)
    assert any(line["rung"] == "loop guard" and line["decides"] for line in was["rungs"])
    assert {line["place"] for line in was["rungs"]} >= {"22", "23"}


@proves("R15", "F1")
def test_a_code_dialled_is_explained_and_imagining_it_changes_nothing(stage: Stage) -> None:
    telephones, since = registered(stage), clock(stage)
    would_be = imagined(stage, "21", "*78")
    own = stage.http("routing", "GET", "/v1/settings/do_not_disturb", token="anna").body
    assert own["enabled"] is False
    with setting(stage, "anna", "do_not_disturb", enabled=False):
        telephones["anna"].dial("*78").wait_for("ended", timeout_s=20)
        assert stage.http("routing", "GET", "/v1/settings/do_not_disturb", token="anna").body["enabled"] is True
        was = explained_after_the_fact(stage, since)
    assert was["rung"] == would_be["rung"] == "feature code or speed dial"
    assert same_way(was, would_be)
    assert would_be["plan"] | {"id": 0} == {"id": 0, "do": "code", "function": "do_not_disturb_on", "argument": ""}


@proves("R15", "R7")
def test_who_is_on_a_call_is_known_now_and_of_no_other_time(stage: Stage) -> None:
    telephones = registered(stage)
    with setting(stage, "bernd", "call_waiting", enabled=False):
        telephones["bernd"].dial("23")
        talk = telephones["clara"].wait_for_ring().answer()
        now = stage.wait_until(
            lambda: found if (found := imagined(stage, "21", "22"))["rung"] == "busy" else None, 10, "the busy rung")
        tomorrow = imagined(stage, "21", "22", "2026-12-23T12:00")
        talk.hangup()
    assert next(line["saw"] for line in now["rungs"] if line["decides"] and line["rung"] == "busy")["calls_up"] == 1
    assert (tomorrow["rung"], tomorrow["not_known"]) == ("devices", ["calls_up", "registrations", "limits"])


@proves("R15", "G6")
def test_night_service_is_explained_and_stands_in_the_timetable(stage: Stage) -> None:
    telephones, since = registered(stage), clock(stage)
    nights = {"weekly": [{"weekday": day, "from": "18:00", "to": "08:00"} for day in range(5)], "on_holidays": True}
    week = f"/v1/subscribers/{stage.subscriber_id('bernd')}/timetable"
    with setting(stage, "bernd", "night_service", site=True, target="23", scheduled=True, times=nights, by_hand=True):
        call = telephones.carrier.dial(BERNDS_NUMBER, from_number=OUTSIDE)
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()
        was = explained_after_the_fact(stage, since)
        now = imagined(stage, OUTSIDE, "22")
        later = imagined(stage, OUTSIDE, "22", "2026-12-24T19:30")
        at_noon = imagined(stage, OUTSIDE, "22", "2026-12-23T12:00")
        told = stage.http("routing", "GET", f"{week}?week=2026-W52", token="operator").body
        drawn = stage.http("routing", "GET", f"{week}.svg?week=2026-W52", token="operator")
    assert was["rung"] == now["rung"] == later["rung"] == "night service"
    assert (now["calendar"]["night"]["by"], later["calendar"]["night"]["by"]) == ("hand", "schedule")
    assert later["calendar"]["night"]["until"] == "2026-12-27T00:00+01:00"  # through both holidays
    assert at_noon["rung"] == "devices"
    wednesday = told["days"][2]["lanes"][0]
    assert [(one["begins"][11:16], one["kind"]) for one in wednesday] == [
        ("00:00", "night"), ("08:00", "devices"), ("18:00", "night")]
    christmas = told["days"][4]
    assert christmas["holiday"] == "Christmas Day"  # Bernd reads English
    assert [one["kind"] for one in christmas["lanes"][0]] == ["night"]
    assert [one["kind"] for one in christmas["lanes"][1]] == ["devices"]
    assert drawn.headers["Content-Type"].startswith("image/svg+xml")
    assert "default-src 'none'" in drawn.headers["Content-Security-Policy"]
    assert any("night service" in (one.text or "") for one in ElementTree.fromstring(drawn.content).iter())


@proves("R15")
def test_the_command_line_tells_it_as_text(stage: Stage) -> None:
    with setting(stage, "bernd", "forwardings", always={"enabled": True, "target": "23"}):
        text = explain.told(stage.instance, explain.imagined("21", "22"))
        picture = explain.drawn(stage.instance, "22", "2026-W52").read_text()
    assert "Anna Berger (21) calls Bernd Köhler (22)" in text
    assert "Decided by: forward always, mailbox always" in text
    assert "rings clara-desk" in text
    assert "→ 23 Clara Schäfer" in picture
    with pytest.raises(Trouble, match="nobody in this company has the extension 99"):
        explain.told(stage.instance, explain.imagined("99", "22"))


@proves("R15")
def test_a_colleagues_settings_stay_his_own_matter(stage: Stage) -> None:
    with (setting(stage, "anna", "forwardings", always={"enabled": True, "target": "23"}),
          setting(stage, "clara", "forwardings", always={"enabled": True, "target": "0171 5550177"})):
        own = stage.http("routing", "GET", "/v1/explain?caller=22&callee=21", token="anna")
    assert own.status == 200
    assert {line["place"] for line in own.body["rungs"]} == {"21"}
    assert b"5550177" not in own.content
    refused = stage.http("routing", "GET", "/v1/explain?caller=21&callee=22", token="anna")
    assert (refused.status, refused.body["field"]) == (403, "callee")
    assert stage.http("routing", "GET", "/v1/explain?caller=21&callee=22", token="ulf").status == 403
