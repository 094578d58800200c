"""What lamps show besides calls, and to whom: settings, Remote Office, night service, and who rings (P2, P3, P5)."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from operations.story_report import proves
from tests.scenarios.dialled_codes import dials
from tests.scenarios.settings import MOBILE, registered, set_to
from tests.scenarios.stage import Stage
from tests.scenarios.telephones import Lamp
from tests.scenarios.test_lamps import LAMP_S, wait_for_state, watch

BERNDS_NUMBER = "+49305550022"
HOME = "+493312345678"


@pytest.fixture(autouse=True)
def lists(stage: Stage) -> Iterator[None]:
    """Anna watches Bernd and Clara, Clara and David watch Bernd."""
    registered(stage)
    watch(stage, "bernd", "clara")
    for who in ("clara", "david"):
        watch(stage, "bernd", who=who)
    wait_for_state(stage, "bernd", "idle")
    yield
    for who in ("clara", "david"):
        watch(stage, who=who)


def bernds(stage: Stage, who: str = "anna") -> dict[str, Any]:
    """What is shown of Bernd over HTTP."""
    lamps = stage.http("presence", "GET", "/v1/lamps", token=who).body["lamps"]
    return next(lamp for lamp in lamps if lamp["extension"] == stage.extension("bernd"))


def key(stage: Stage, shows: int | str = 1) -> Lamp:
    address = stage.lamp_address("anna-desk", 1)
    return stage.telephones["anna"].watch(address.replace("-1-", f"-{shows}-")).wait_for("terminated")


@contextmanager
def pickup_group(stage: Stage, *names: str) -> Iterator[None]:
    members = [stage.extension(name) for name in names]
    with set_to(stage, "pickup_groups", "company", groups=[{"name": "Story", "members": members}]):
        yield


# ----- settings (P2)


@proves("P2")
def test_do_not_disturb_lights_the_lamp_and_a_call_comes_first(stage: Stage) -> None:
    lamp = key(stage)
    with set_to(stage, "do_not_disturb", "bernd", enabled=True):
        lamp.wait_for("confirmed", LAMP_S)
        assert (bernds(stage)["state"], bernds(stage)["because"]) == ("do_not_disturb", ["do_not_disturb"])
        # He himself may well call somebody.
        call = stage.telephones["bernd"].dial(stage.extension("clara"))
        stage.telephones["clara"].wait_for_ring()
        wait_for_state(stage, "bernd", "on_a_call")
        call.hangup()
        wait_for_state(stage, "bernd", "do_not_disturb")
    lamp.wait_for("terminated", LAMP_S)
    assert [change["state"] for change in lamp.history] == ["terminated", "confirmed", "terminated"]


@proves("P2", "R1")
def test_whose_calls_go_elsewhere_is_away_and_where_to_is_nobodys_business(stage: Stage) -> None:
    lamp = key(stage)
    target = stage.extension("david")
    with set_to(stage, "forwardings", "bernd", always={"enabled": True, "target": target}):
        lamp.wait_for("confirmed", LAMP_S)
        shown = bernds(stage)
        assert (shown["state"], shown["because"]) == ("away", ["forwarded"])
        assert target not in json.dumps(shown)
    lamp.wait_for("terminated", LAMP_S)
    with set_to(stage, "mailbox_conditions", "bernd", always=True):
        lamp.wait_for("confirmed", LAMP_S)
        assert (bernds(stage)["state"], bernds(stage)["because"]) == ("away", ["mailbox"])
    lamp.wait_for("terminated", LAMP_S)
    # Other forwards wait for something to happen: he is there.
    with set_to(stage, "forwardings", "bernd", busy={"enabled": True, "target": target}):
        assert stage.http("presence", "GET", "/v1/lamps").status == 200
        assert bernds(stage)["state"] == "idle"


@proves("P2", "F1")
def test_a_code_dialled_at_the_telephone_is_on_the_lamp_as_well(stage: Stage) -> None:
    lamp = key(stage)
    on = stage.telephones["bernd"].dial("*78")
    lamp.wait_for("confirmed", 5)
    on.wait_for("ended", 20)
    off = stage.telephones["bernd"].dial("*79")
    lamp.wait_for("terminated", 5)
    off.wait_for("ended", 20)


@proves("P2", "R9")
def test_a_remote_office_call_lights_the_lamp_without_a_telephone_at_the_desk(stage: Stage) -> None:
    lamp = key(stage)
    stage.telephones["bernd"].unregister()
    wait_for_state(stage, "bernd", "not_registered")
    with set_to(stage, "remote_office", "bernd", enabled=True, number=HOME):
        wait_for_state(stage, "bernd", "idle")
        assert bernds(stage)["because"] == ["remote_office"]
        call = stage.telephones["clara"].dial(stage.extension("bernd"))
        ringing = stage.telephones.carrier.wait_for_ring()
        assert ringing.number == HOME
        lamp.wait_for("early", LAMP_S)
        ringing.answer()
        lamp.wait_for("confirmed", LAMP_S)
        wait_for_state(stage, "bernd", "on_a_call")
        call.hangup()
        lamp.wait_for("terminated", LAMP_S)
    wait_for_state(stage, "bernd", "not_registered")
    stage.telephones["bernd"].register()


@proves("P2", "R9", "C1")
def test_at_home_a_call_made_for_him_lights_the_lamp_too(stage: Stage) -> None:
    lamp = key(stage)
    with set_to(stage, "remote_office", "bernd", enabled=True, number=HOME):
        stage.wait_until(lambda: bernds(stage)["because"] == ["remote_office"], LAMP_S, "Remote Office")
        call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
        ringing = stage.telephones.carrier.wait_for_ring()
        ringing.answer()
        lamp.wait_for("confirmed", LAMP_S)
        call.hangup()
        ringing.wait_for("ended")
        lamp.wait_for("terminated", LAMP_S)


# ----- night service (P3)


def night_of(stage: Stage, who: str = "anna") -> Any:
    return stage.http("presence", "GET", "/v1/lamps", token=who).body["night_service"]


@proves("P3", "G6")
def test_the_lamp_of_the_night_service_follows_hand_and_schedule(stage: Stage) -> None:
    assert night_of(stage) is None
    lamp = key(stage, "night")
    now, over = ({"periods": [{"from": "2020-01-01T00:00", "to": f"{year}-01-01T00:00"}]} for year in (2090, 2021))
    with set_to(stage, "night_service", "site", target="24"):
        stage.wait_until(lambda: night_of(stage), LAMP_S, "night service")
        assert night_of(stage)["on"] is False
        with set_to(stage, "night_service", "site", by_hand=True):
            lamp.wait_for("confirmed", LAMP_S)
            assert night_of(stage)["on"] is True
            # Only calls from outside go elsewhere: whoever watches him sees why some do.
            assert (bernds(stage)["state"], bernds(stage)["because"]) == ("idle", ["night_service"])
        lamp.wait_for("terminated", LAMP_S)
        with set_to(stage, "night_service", "site", scheduled=True, times=now):
            lamp.wait_for("confirmed", LAMP_S)
        lamp.wait_for("terminated", LAMP_S)
        with set_to(stage, "night_service", "site", scheduled=True, times=over):
            assert stage.http("presence", "GET", "/v1/lamps").body["night_service"]["on"] is False
    stage.wait_until(lambda: night_of(stage) is None, LAMP_S, "the end of the night service")


@proves("P3", "G6")
def test_pressing_the_key_of_the_night_service_switches_it_for_those_who_may(stage: Stage) -> None:
    lamp = key(stage, "night")
    address = stage.lamp_address("anna-desk", 1).replace("-1-", "-night-")
    with set_to(stage, "night_service", "site", target="24", who_may_switch="listed",
                switchers=[stage.extension("bernd")]), set_to(stage, "night_service", "site", by_hand=False):
        dials(stage, ("anna", address, ["code-not-permitted"]))
        assert night_of(stage)["on"] is False
        with set_to(stage, "night_service", "site", who_may_switch="everybody"):
            dials(stage, ("anna", address, ["night-service-on"]))
            lamp.wait_for("confirmed", LAMP_S)
            off = stage.telephones["anna"].dial(f"**{address.removeprefix('lamp+')}")
            lamp.wait_for("terminated", 5)
            off.wait_for("ended", 20)
            # The key of somebody else's handset switches nothing.
            dials(stage, ("bernd", address, ["code-not-available"]))
            assert night_of(stage)["on"] is False


# ----- who sees who rings (P5)


@proves("P5")
def test_who_rings_is_shown_to_the_own_pickup_group_and_to_nobody_else(stage: Stage) -> None:
    with pickup_group(stage, "anna", "bernd"):
        lamp = key(stage)
        call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
        stage.telephones["bernd"].wait_for_ring()
        lamp.wait_for("early", LAMP_S)
        stage.wait_until(lambda: bernds(stage)["caller"], LAMP_S, "the caller")
        assert bernds(stage)["caller"]["number"] == MOBILE
        for who in ("clara", "david"):
            assert (bernds(stage, who)["state"], bernds(stage, who)["caller"]) == ("ringing", None)
        # Whoever answers for others sees what they see, not more.
        for role in ("admin", "operator"):
            for who, shown in (("anna", {"number": MOBILE, "name": None}), ("clara", None)):
                path = f"/v1/subscribers/{stage.subscriber_id(who)}/lamps"
                lamps = stage.http("presence", "GET", path, token=role).body["lamps"]
                seen = next(one for one in lamps if one["extension"] == stage.extension("bernd"))
                assert seen["caller"] == shown
        # A handset is told the watched person, whatever group its owner is in.
        assert {change["remote_number"] for change in lamp.history} <= {"", stage.extension("bernd")}
        call.hangup()
        stage.wait_until(lambda: bernds(stage)["caller"] is None, LAMP_S, "nobody")


@proves("P5", "R13")
def test_a_colleague_who_rings_is_named(stage: Stage) -> None:
    with pickup_group(stage, "anna", "bernd"):
        call = stage.telephones["clara"].dial(stage.extension("bernd"))
        stage.telephones["bernd"].wait_for_ring()
        shown = stage.wait_until(lambda: bernds(stage)["caller"], 5, "the caller")
        assert shown["number"] == stage.extension("clara")
        assert shown["name"].startswith("Clara")
        call.hangup()


@proves("P5")
def test_who_withholds_his_number_stays_unknown_to_the_group_as_well(stage: Stage) -> None:
    with pickup_group(stage, "anna", "bernd"):
        call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=None)
        stage.telephones["bernd"].wait_for_ring()
        wait_for_state(stage, "bernd", "ringing")
        assert bernds(stage)["caller"] is None
        call.hangup()
        with set_to(stage, "shown_number", "clara", suppressed=True):
            call = stage.telephones["clara"].dial(stage.extension("bernd"))
            stage.telephones["bernd"].wait_for_ring()
            wait_for_state(stage, "bernd", "ringing")
            assert bernds(stage)["caller"] is None
            call.hangup()


@proves("P5", "C1")
def test_whom_somebody_calls_by_click_is_not_shown_as_who_rings_at_him(stage: Stage) -> None:
    with pickup_group(stage, "anna", "bernd"):
        answer = stage.http("callback", "POST", "/v1/calls", token="bernd", json_body={"target": MOBILE},
                            headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status == 202, answer.body
        ringing = stage.telephones["bernd"].wait_for_ring()
        assert ringing.shown_number == MOBILE
        wait_for_state(stage, "bernd", "ringing")
        assert bernds(stage)["caller"] is None
        ringing.reject(486)


@proves("P5", "N1", "X7")
def test_each_role_sees_the_lamps_it_may_and_no_others(stage: Stage) -> None:
    annas, ulfs = (f"/v1/subscribers/{stage.subscriber_id(who)}" for who in ("anna", "ulf"))
    for what in ("lamps", "watched", "lamps/events"):
        assert stage.http("presence", "GET", f"/v1/{what}", token=None).status == 401
        assert stage.http("presence", "GET", f"{annas}/{what}", token="bernd").status == 403
        assert stage.http("presence", "GET", f"{annas}/{what}", token="ulf").status == 403
        assert stage.http("presence", "GET", f"{ulfs}/{what}", token="admin").status == 404
    assert stage.http("presence", "PUT", f"{annas}/watched", token="bernd",
                      json_body={"extensions": []}).status == 403
    for token in ("admin", "operator"):
        assert stage.http("presence", "GET", f"{annas}/lamps", token=token).status == 200
    assert stage.http("presence", "GET", f"{ulfs}/lamps", token="operator").status == 200
    assert stage.http("presence", "GET", "/v1/lamps", token="operator").status == 403


@proves("P1", "P5")
def test_the_lamp_of_a_plain_extension_picks_up_when_it_is_pressed(stage: Stage) -> None:
    telephones = stage.telephones
    calling = telephones["clara"].dial(stage.extension("bernd"))
    ringing = telephones["bernd"].wait_for_ring()
    taken = telephones["anna"].dial(f"**{stage.extension('bernd')}")
    taken.wait_for("answered")
    calling.wait_for("answered")
    ringing.wait_for("ended")
    taken.hangup()
    calling.wait_for("ended")
    # Nothing rings: it calls.
    call = telephones["anna"].dial(f"**{stage.extension('bernd')}")
    assert telephones["bernd"].wait_for_ring().shown_number == stage.extension("anna")
    call.hangup()
    # Nor does it reach another company.
    telephones["ulf"].register()
    assert telephones["ulf"].dial(f"**{stage.extension('david')}").wait_for("ended", 30).end_cause != "NORMAL_CLEARING"
    assert telephones["david"].stays_silent()


@proves("P2", "P4")
def test_the_stream_tells_settings_callers_and_the_night(stage: Stage) -> None:
    with pickup_group(stage, "anna", "bernd"), set_to(stage, "night_service", "site", target="24"):
        stage.wait_until(lambda: night_of(stage), LAMP_S, "night service")
        line = http.client.HTTPConnection(
            stage.env["PBX_BIND"], int(stage.env["PBX_PRESENCE_HTTP_PORT"]), timeout=10)
        line.request("GET", "/v1/lamps/events", headers={"Authorization": f"Bearer {stage.secrets['tokens']['anna']}"})
        response = line.getresponse()
        told: list[tuple[str, Any]] = []

        def until(kind: str, **wanted: Any) -> None:
            while not (told and told[-1][0] == kind and wanted.items() <= told[-1][1].items()):
                fields = {}
                while text := response.readline().decode().rstrip("\n"):
                    name, _, value = text.partition(": ")
                    fields[name] = value
                if "event" in fields:
                    told.append((fields["event"], json.loads(fields["data"])))

        until("snapshot")
        assert told[-1][1]["night_service"]["on"] is False
        with set_to(stage, "do_not_disturb", "bernd", enabled=True):
            until("lamp", position=1, state="do_not_disturb", because=["do_not_disturb"])
        until("lamp", position=1, state="idle")
        with set_to(stage, "night_service", "site", by_hand=True):
            until("night_service", on=True)
        until("night_service", on=False)
        call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
        until("lamp", position=1, state="ringing", caller={"number": MOBILE, "name": None})
        call.hangup()
        until("lamp", position=1, state="idle", caller=None)
        line.close()
