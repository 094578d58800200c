"""What operators look at: legs put together to calls, the switch's own words, errors that were kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

from services.presence.overview.calls import calls_of
from services.presence.overview.switch_status import NotAStatus, registered_devices, status_of
from shared import last_errors, logs, metrics
from shared.calls_up import CallState, Direction, Leg
from shared.trunk_states import state_of, states_of

# As a FreeSWITCH 1.11.2 said it.
STATUS = (
    "UP 0 years, 3 days, 1 hour, 1 minute, 5 seconds, 88 milliseconds, 110 microseconds\n"
    "FreeSWITCH (Version 1.11.2-release  64bit) is ready\n"
    "12 session(s) since startup\n"
    "4 session(s) - peak 6, last 5min 5 \n"
    "1 session(s) per Sec out of max 200, peak 3, last 5min 2 \n"
    "1000 session(s) max\n"
    "min idle cpu 0.00/97.33\n"
    "Current Stack Size/Max 240K/8192K\n")


def leg(uuid: str, call: str | None, state: CallState, direction: Direction = Direction.OUTBOUND) -> Leg:
    return Leg(uuid, state, direction, None, call_uuid=call)


def test_legs_are_put_together_to_calls_the_first_leg_first():
    [one, other] = calls_of([
        leg("b2", "a", CallState.RINGING), leg("a", "a", CallState.RING_WAIT, Direction.INBOUND),
        leg("b1", "a", CallState.RINGING), leg("c", None, CallState.ACTIVE, Direction.INBOUND)])
    assert (one.call_id, [each.leg_uuid for each in one.legs], one.state) == ("a", ["a", "b1", "b2"], "ringing")
    assert (other.call_id, len(other.legs), other.state) == ("c", 1, "talking")
    assert calls_of([]) == []


@pytest.mark.parametrize(("states", "state"), [
    ([CallState.RING_WAIT, CallState.RINGING], "ringing"),
    ([CallState.EARLY, CallState.EARLY], "ringing"),
    ([CallState.ACTIVE, CallState.ACTIVE], "talking"),
    ([CallState.ACTIVE, CallState.HELD], "held"),
    ([CallState.UNHELD, CallState.ACTIVE], "talking"),
])
def test_the_state_of_a_call_is_that_of_its_legs(states, state):
    [call] = calls_of([leg(str(n), "0", one) for n, one in enumerate(states)])
    assert call.state == state


def test_the_switchs_status_is_read():
    found = status_of(STATUS)
    assert (found.version, found.ready, found.uptime_s) == ("1.11.2-release", True, 3 * 86_400 + 3_665)
    assert (found.sessions, found.sessions_peak, found.sessions_limit, found.sessions_started) == (4, 6, 1000, 12)
    assert (found.sessions_per_second, found.sessions_per_second_limit, found.idle_cpu_percent) == (1, 200, 97.33)
    assert not status_of(STATUS.replace("is ready", "is not ready")).ready


@pytest.mark.parametrize("text", ["", "-ERR no reply", STATUS.partition("session(s) per Sec")[0]])
def test_what_is_no_status_is_refused(text: str):
    with pytest.raises(NotAStatus):
        status_of(text)


def test_registrations_are_read_and_of_two_the_one_that_lasts_counts():
    row = {"reg_user": "anna-desk", "network_ip": "10.0.0.9", "network_port": "5061", "network_proto": "udp"}
    found = registered_devices(json.dumps({"rows": [
        {**row, "expires": "2000", "network_ip": "10.0.0.8"}, {**row, "expires": "1000"}]}))
    assert found["anna-desk"].address == "10.0.0.8:5061"
    assert registered_devices('{"row_count": 0}') == {}
    for wrong in ("", "[]", '{"rows": [{}]}', "-ERR"):
        with pytest.raises(NotAStatus):
            registered_devices(wrong)


def test_states_of_gateways_are_words_of_ours():
    one = "<gateway><name>{}</name><profile>{}</profile><state>{}</state></gateway>"
    text = "<gateways>" + "".join(one.format(f"t-{state}", "external", state) for state in (
        "REGED", "NOREG", "FAIL_WAIT", "TRYING")) + one.format("other", "internal", "REGED") + "</gateways>"
    assert states_of(text, "external") == {
        "t-REGED": "registered", "t-NOREG": "not_needed", "t-FAIL_WAIT": "failed", "t-TRYING": "unregistered"}
    assert state_of(one.format("t", "external", "REGED")) == "registered"
    assert state_of("Invalid Gateway!") == "unknown"
    with pytest.raises(ValueError, match="no list"):
        states_of("-ERR", "external")


def entry(event: str, **more: object) -> dict[str, object]:
    return {"timestamp": "2026-03-02T08:00:00Z", "service": "routing", "level": "error", "event": event, **more}


def test_kept_errors_are_shown_the_newest_first(tmp_path: Path):
    keeper = last_errors.Keeper(tmp_path)
    keeper.keep(entry("first", reason="because", call_id="c-1", port=5060))
    keeper.keep(entry("second", exception="Traceback (most recent call last):\n  …\nValueError: no such thing\n"))
    second, first = last_errors.last(tmp_path, 10)
    assert (first["event"], first["reason"], first["call_id"], first["details"]) == (
        "first", "because", "c-1", {"port": "5060"})
    assert (second["reason"], second["call_id"]) == ("ValueError: no such thing", None)
    assert [one["event"] for one in last_errors.last(tmp_path, 1)] == ["second"]
    (tmp_path / last_errors.NAME).open("a").write('half a li\n"text"\n{"at": 1}\n')
    assert len(last_errors.last(tmp_path, 10)) == 2
    assert (tmp_path / last_errors.NAME).stat().st_mode & 0o077 == 0


def test_kept_errors_have_an_end_and_a_long_one_is_cut(tmp_path: Path):
    keeper = last_errors.Keeper(tmp_path)
    for n in range(600):
        keeper.keep(entry(f"number {n}", reason="x" * 5000, **{f"detail_{i}": "y" * 5000 for i in range(9)}))
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert sum(sizes) < 2 * (last_errors.KEPT_BYTES + 4000)
    newest = last_errors.last(tmp_path, 500)
    assert len(newest) == 500
    assert newest[0]["event"] == "number 599"
    assert last_errors.last(tmp_path / "nowhere", 5) == []
    last_errors.Keeper(tmp_path / "nowhere").keep(entry("cannot be kept"))


def test_errors_are_counted_and_kept_whoever_logs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PBX_RUN", str(tmp_path))
    before = structlog.get_config()
    try:
        logs.configure("tested", "info")
        log = structlog.get_logger()
        log.info("nothing")
        log.warning("careful")
        log.error("of ours", reason="why")
        try:
            raise ValueError("went wrong")
        except ValueError:
            log.exception("with its trace")
        logging.getLogger("a library").error("of a library")
    finally:
        structlog.configure(**before)
        logging.basicConfig(handlers=[], force=True)
    kept = last_errors.last(tmp_path, 10)
    assert [one["event"] for one in kept] == ["of a library", "with its trace", "of ours"]
    assert {one["service"] for one in kept} == {"tested"}
    assert kept[1]["reason"] == "ValueError: went wrong"
    figures = metrics.generate_latest().decode()
    assert 'pbx_log_entries_total{level="warning",service="tested"} 1.0' in figures
    assert 'pbx_log_entries_total{level="error",service="tested"} 3.0' in figures
