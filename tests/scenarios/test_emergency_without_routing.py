"""Who called an emergency centre while routing was away is called back as everybody else: then, and when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from operations import instance as instances
from operations.story_report import proves
from shared.esl.errors import CommandRejected
from tests.event_socket import event_socket
from tests.scenarios.outside import MOBILE, setting
from tests.scenarios.stage import Stage

BERLIN = "+49305550000"
MUENCHEN = "+49895550000"
HOUR_S = 3600


@pytest.fixture(autouse=True)
def nobody_called_yet(whole_stage: Stage) -> Iterator[None]:
    """Neither by what is written, nor by what the switch or routing remembers; and nobody is registered at a switch
    that was started anew."""
    for number in (BERLIN, MUENCHEN):
        at_the_switch(whole_stage, "delete", number)
    with whole_stage.database.platform() as tx:
        tx.execute("DELETE FROM routing.emergency_calls")
    yield
    for name in ("anna", "bernd"):
        whole_stage.telephones[name].registered = False


def at_the_switch(stage: Stage, what: str, number: str = "", text: str = "") -> str:
    """What its own database says; nothing when it has nothing to say."""
    with event_socket(stage.env) as client:
        try:
            return client.api("db", "/".join(filter(None, (what, "emergency", number, text))))
        except CommandRejected:
            return ""


def left_by(stage: Stage, who: str, seconds_ago: int = 0) -> str:
    """What the dialplan writes of a call."""
    return (f"{time.time_ns() // 1000 - seconds_ago * 1_000_000}:{stage.company_id()}:{stage.subscriber_id(who)}"
            f":{stage.extension(who)}@musterbau.example")


def known_to_the_switch(stage: Stage, *names: str) -> None:
    """Whose telephones register, and how they ring without routing."""
    for name in names:
        stage.telephones[name].register()
    with event_socket(stage.env) as client:
        for name in names:
            for entry in (f"{name}-desk@musterbau.example", f"{stage.extension(name)}@musterbau.example"):
                assert client.api("user_data", entry, "var", "pbx_company") == str(stage.company_id())


def starts(stage: Stage) -> None:
    instances.start_process(stage.instance, "routing")
    instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)


def last_callers(stage: Stage) -> dict[str, int]:
    """By site number, as written."""
    with stage.database.platform() as tx:
        return {row.main_number: row.subscriber_id for row in tx.rows(
            "SELECT s.main_number, e.subscriber_id FROM routing.emergency_calls e"
            " JOIN directory.sites s ON (s.company_id, s.site_id) = (e.company_id, e.site_id)")}


def taken_over(stage: Stage, expected: dict[str, int]) -> None:
    """Written, and only then gone from the switch."""
    stage.wait_until(lambda: at_the_switch(stage, "count") == "0", 10, "an empty table at the switch")
    assert last_callers(stage) == expected


@proves("O5", "N5")
def test_who_called_without_routing_is_called_back_before_and_after_it_is_there_again(stage: Stage) -> None:
    known_to_the_switch(stage, "anna", "bernd")
    anna, bernd, carrier = stage.telephones["anna"], stage.telephones["bernd"], stage.telephones.carrier
    bernd.dial("112").wait_for("ringing").hangup()
    carrier.wait_for_ring()
    instances.stop_process(stage.instance, "routing")
    try:
        call = anna.dial("112")
        outside = carrier.wait_for_ring()
        assert (outside.number, outside.shown_number) == ("112", BERLIN)
        call.hangup()

        back = carrier.dial(BERLIN, from_number=MOBILE)
        ringing = anna.wait_for_ring(timeout_s=10)
        assert ringing.shown_number == MOBILE
        ringing.answer()
        back.wait_for("answered").hangup()
        assert bernd.stays_silent()
        assert at_the_switch(stage, "select", BERLIN)
    finally:
        starts(stage)
    taken_over(stage, {BERLIN: stage.subscriber_id("anna")})
    with setting(stage, "anna", "do_not_disturb", enabled=True):
        back = carrier.dial(BERLIN, from_number=MOBILE)
        anna.wait_for_ring().answer()
        back.wait_for("answered").hangup()
        assert bernd.stays_silent()


@proves("O5", "N5")
def test_a_restart_of_the_switch_in_between_forgets_nobody(stage: Stage) -> None:
    known_to_the_switch(stage, "anna")
    instances.stop_process(stage.instance, "routing")
    try:
        call = stage.telephones["anna"].dial("112")
        stage.telephones.carrier.wait_for_ring()
        call.hangup()
        instances.restart(stage.instance, "switch")
        stage.wait_until(lambda: at_the_switch(stage, "select", BERLIN), 20, "the call at the new switch")
    finally:
        starts(stage)
    taken_over(stage, {BERLIN: stage.subscriber_id("anna")})


@proves("O5", "N5")
def test_without_routing_too_the_hour_ends(stage: Stage) -> None:
    known_to_the_switch(stage, "anna")
    at_the_switch(stage, "insert", BERLIN, left_by(stage, "anna", HOUR_S))
    instances.stop_process(stage.instance, "routing")
    try:
        stage.telephones.carrier.dial(BERLIN, from_number=MOBILE).wait_for("ended", timeout_s=15)
        assert stage.telephones["anna"].stays_silent()
        at_the_switch(stage, "insert", BERLIN, left_by(stage, "anna", HOUR_S - 60))
        stage.telephones.carrier.dial(BERLIN, from_number=MOBILE)
        stage.telephones["anna"].wait_for_ring()
    finally:
        starts(stage)


@proves("O5", "N5")
def test_neither_an_older_call_nor_what_is_none_takes_the_place_of_the_last(stage: Stage) -> None:
    known_to_the_switch(stage, "anna", "bernd")
    stage.telephones["anna"].dial("112").wait_for("ringing").hangup()
    expected = {BERLIN: stage.subscriber_id("anna")}
    stage.wait_until(lambda: last_callers(stage) == expected, 10, "the call in the database")
    at_the_switch(stage, "insert", BERLIN, left_by(stage, "bernd", 120))
    at_the_switch(stage, "insert", MUENCHEN, left_by(stage, "bernd").replace(":", "; "))
    at_the_switch(stage, "insert", "nowhere", left_by(stage, "bernd"))
    instances.restart(stage.instance, "routing")
    instances.wait_until_healthy(stage.instance, ["routing"], timeout_s=60)
    taken_over(stage, expected)
    back = stage.telephones.carrier.dial(BERLIN, from_number=MOBILE)
    stage.telephones["anna"].wait_for_ring()
    assert stage.telephones["bernd"].stays_silent()
    back.hangup()
