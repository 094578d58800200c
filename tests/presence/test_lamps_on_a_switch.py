"""Lamps on a switch: handsets subscribe, telephones call, presence answers.

The same on the simulator and on a real FreeSWITCH, where SIPp is the handset with the lamp keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gevent
import pytest

from operations.instance import find_freeswitch
from services.presence.people import Device, People, Person
from services.presence.switch_events import SwitchEvents
from shared import calls_up
from shared.esl import commands
from shared.esl.client import InboundClient
from tests.handsets.baresip import Baresip, baresip_binary
from tests.handsets.configuration import Login
from tests.handsets.lamps import sipp_binary
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import Lamp, NeverHappened, Telephones
from tests.simulator.simulated_lab import SimulatedLab

SWITCHES = [
    "simulator",
    pytest.param("freeswitch", marks=[
        pytest.mark.live,
        pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine"),
        pytest.mark.skipif(sipp_binary() is None, reason="no SIPp on this machine"),
    ]),
]

ANNA = Person(1, 101, "21", "Anna Ahrens", DOMAIN)
BERND = Person(1, 102, "22", 'Bernd <b>&"Bauer" ${x}', DOMAIN)
CLARA = Person(1, 103, "23", "Clara Conrad", DOMAIN)
DEVICES = (
    Device("anna-desk", 101, "annadeskkey"),
    Device("anna-soft", 101, "annasoftkey"),
    Device("bernd-desk", 102, "bernddeskkey"),
    Device("clara-desk", 103, "claradeskkey"),
)
LAMP_S = 1.0
"""P2: right within a second."""
BACK_IN_STEP_S = 1.2
"""What the switch's list of channels needs to catch up with what nobody heard (shared/calls_up.py)."""


@dataclass
class Stage:
    lab: Lab
    telephones: Telephones
    watched: dict[int, dict[int, int]]
    presence: SwitchEvents
    client: InboundClient
    endless: list[gevent.Greenlet]

    def open_presence(self) -> None:
        self.client = self.lab.switch.client("presence")
        self.presence = SwitchEvents(
            self.client, read_people=lambda: People((ANNA, BERND, CLARA), DEVICES, self.watched))
        self.endless = self.presence.start()
        with gevent.Timeout(10):
            while not self.client.synced:
                gevent.sleep(0.02)

    def close_presence(self) -> None:
        gevent.killall(self.endless)
        self.client.stop()

    def state(self, person: Person) -> str:
        return self.presence.board.state_of(person.subscriber_id).name

    def wait_for_state(self, person: Person, name: str) -> None:
        with gevent.Timeout(5, NeverHappened(f"{person.name} never {name}: {self.state(person)}")):
            while self.state(person) != name:
                gevent.sleep(0.02)

    def wait_for_listed(self, extensions: set[str]) -> None:
        """Until the switch's own list of channels has legs of just these."""
        listed: set[str | None] = set()
        wanted = {f"{extension}@{DOMAIN}" for extension in extensions}
        with gevent.Timeout(5, NeverHappened(f"the list never had just {wanted}")):
            while listed != wanted:
                answer = self.lab.api(*calls_up.CHANNEL_LIST)
                listed = {leg.presence_id for leg in calls_up.rows_of(answer)}
                gevent.sleep(0.05)


@pytest.fixture(scope="module", params=SWITCHES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    kind = Lab if request.param == "freeswitch" else SimulatedLab
    lab = kind(Path(tmp_path_factory.mktemp("presence")))
    stage = Stage(lab, None, {101: {1: 102, 2: 103}}, None, None, [])  # type: ignore[arg-type]
    try:
        stage.telephones = lab.start()
        stage.open_presence()
        for name in ("anna", "bernd", "clara"):
            stage.telephones[name].register()
        yield stage
    finally:
        if stage.client is not None:
            stage.close_presence()
        lab.stop()


@pytest.fixture(autouse=True)
def quiet(stage: Stage) -> Iterator[None]:
    yield
    stage.telephones.reset()
    stage.watched = {101: {1: 102, 2: 103}}
    stage.presence.read_people()
    for person in (ANNA, BERND, CLARA):
        stage.wait_for_state(person, "idle")


def only_on_freeswitch(stage: Stage, why: str) -> None:
    if isinstance(stage.lab, SimulatedLab):
        pytest.skip(why)


def lamp_of_anna(stage: Stage, key: int = 1) -> Lamp:
    return stage.telephones["anna"].watch(f"lamp+21-{key}-annadeskkey").wait_for("terminated")


def test_the_lamp_follows_a_call(stage: Stage):
    lamp = lamp_of_anna(stage)
    call = stage.telephones["clara"].dial("22")
    ringing = stage.telephones["bernd"].wait_for_ring()
    lamp.wait_for("early", LAMP_S)
    # Whom it shows is the watched person, whatever he is called; not who rings (P5).
    assert lamp.history[-1]["remote_number"] == "22"
    assert lamp.history[-1]["remote_name"] == BERND.name
    ringing.answer()
    lamp.wait_for("confirmed", LAMP_S)
    ringing.hold()
    stage.wait_for_state(BERND, "held")
    ringing.unhold()
    stage.wait_for_state(BERND, "on_a_call")
    assert lamp.state == "confirmed"
    call.hangup()
    lamp.wait_for("terminated", LAMP_S)
    # On hold or not looks the same on a key, so it was not sent.
    assert [change["state"] for change in lamp.history] == ["terminated", "early", "confirmed", "terminated"]


def test_whoever_dials_is_on_a_call(stage: Stage):
    lamp = lamp_of_anna(stage, 2)
    call = stage.telephones["clara"].dial("22")
    lamp.wait_for("confirmed", LAMP_S)
    call.hangup()
    lamp.wait_for("terminated", LAMP_S)


def test_a_changed_list_changes_the_lamp_without_the_handset(stage: Stage):
    lamp = lamp_of_anna(stage)
    call = stage.telephones["clara"].dial("22")
    lamp.wait_for("early", LAMP_S)
    stage.watched = {101: {1: 103}}
    stage.presence.read_people()
    lamp.wait_for("confirmed", LAMP_S)
    assert lamp.history[-1]["remote_number"] == "23"
    stage.watched = {}
    stage.presence.read_people()
    lamp.wait_for("terminated", LAMP_S)
    call.hangup()


@pytest.mark.parametrize("address", [
    "lamp+21-1-guessedkey0",      # no such key
    "lamp+21-7-annadeskkey",      # nobody at this position
    "lamp+22-1-annadeskkey",      # the key of somebody else
    "lamp+21-9-annadeskkey",      # no ninth key
])
def test_a_lamp_that_shows_nobody_stays_dark(stage: Stage, address: str):
    lamp = stage.telephones["anna"].watch(address)
    lamp.wait_for("terminated")
    seen = lamp_of_anna(stage)
    call = stage.telephones["clara"].dial("22")
    seen.wait_for("early", LAMP_S)
    call.hangup()
    seen.wait_for("terminated", LAMP_S)
    assert {change["state"] for change in lamp.history} == {"terminated"}


def test_a_copied_key_is_dark_on_a_foreign_handset(stage: Stage):
    call = stage.telephones["clara"].dial("22")
    stage.wait_for_state(BERND, "ringing")
    stage.telephones["bernd"].watch("lamp+21-1-annadeskkey").wait_for("terminated")
    call.hangup()


def test_lamps_are_right_after_presence_was_away(stage: Stage):
    lamp = lamp_of_anna(stage)
    stage.close_presence()
    call = stage.telephones["clara"].dial("22")
    ringing = stage.telephones["bernd"].wait_for_ring()
    ringing.answer()
    stage.open_presence()
    lamp.wait_for("confirmed", BACK_IN_STEP_S + LAMP_S)
    stage.close_presence()
    call.hangup()
    stage.open_presence()
    lamp.wait_for("terminated", BACK_IN_STEP_S + LAMP_S)


def test_a_subscription_made_while_presence_was_away_is_served_when_it_is_back(stage: Stage):
    stage.close_presence()
    lamp = stage.telephones["anna"].watch("lamp+21-1-annadeskkey")
    call = stage.telephones["clara"].dial("22")
    stage.telephones["bernd"].wait_for_ring()
    assert lamp.history == []
    stage.open_presence()
    lamp.wait_for("early", BACK_IN_STEP_S + LAMP_S)
    call.hangup()
    lamp.wait_for("terminated", LAMP_S)


def test_a_call_whose_end_nobody_heard_is_gone_after_the_next_look(stage: Stage):
    lamp = lamp_of_anna(stage)
    call = stage.telephones["clara"].dial("22")
    lamp.wait_for("early", LAMP_S)
    stage.wait_for_listed({"22", "23"})  # the list lags behind; an empty one would look like the end awaited below
    # Deaf for a moment, with the line up all the time.
    stage.client.send(commands.unsubscribe(["CHANNEL_CALLSTATE"]))
    call.hangup()
    stage.wait_for_listed(set())
    stage.client.send(commands.subscribe(["CHANNEL_CALLSTATE"]))
    assert lamp.state == "early"
    with gevent.Timeout(5):
        while {stage.state(BERND), stage.state(CLARA)} != {"idle"}:
            stage.presence.reconcile()
            gevent.sleep(0.05)
    lamp.wait_for("terminated", LAMP_S)


def test_registrations_are_known(stage: Stage):
    stage.telephones["bernd"].unregister()
    stage.wait_for_state(BERND, "not_registered")
    stage.telephones["bernd"].register()
    stage.wait_for_state(BERND, "idle")


def test_a_plain_extension_is_lit_by_the_switch_itself_and_the_two_do_not_meet(stage: Stage):
    plain = stage.telephones["anna"].watch("22")
    ours = lamp_of_anna(stage)
    call = stage.telephones["clara"].dial("22")
    plain.wait_for("early")
    ours.wait_for("early", LAMP_S)
    stage.telephones["bernd"].wait_for_ring().answer()
    plain.wait_for("confirmed")
    ours.wait_for("confirmed", LAMP_S)
    call.hangup()
    plain.wait_for("terminated")
    ours.wait_for("terminated", LAMP_S)


def test_a_killed_switch_comes_back_with_right_lamps(stage: Stage):
    only_on_freeswitch(stage, "the simulator keeps no subscriptions")
    lamp = lamp_of_anna(stage)
    stage.telephones["clara"].dial("22")
    lamp.wait_for("early", LAMP_S)
    stage.lab.switch.kill()
    stage.lab.switch.start()
    # Its calls are gone, the subscription is in its database, and nothing on the switch sends a NOTIFY.
    lamp.wait_for("terminated", 5.0)
    stage.lab.client.wait_connected(10)


def test_baresip_shows_a_lamp_key_and_a_plain_extension(stage: Stage, tmp_path: Path):
    only_on_freeswitch(stage, "the simulator speaks no SIP")
    if baresip_binary() is None:
        pytest.skip("no baresip on this machine")
    key = "lamp+21-1-annasoftkey"
    login = Login("anna-soft", DOMAIN, stage.lab.passwords["anna-soft"])
    softphone = Baresip(tmp_path / "baresip", login, stage.lab.places, ["22", key])

    def wait_for(shown: str) -> None:
        with gevent.Timeout(10, NeverHappened(f"{shown} on both, but {softphone.shown()}: {softphone.said()[-2000:]}")):
            while softphone.shown() != {"22": shown, key: shown}:
                gevent.sleep(0.05)

    softphone.start()
    try:
        with gevent.Timeout(30, NeverHappened(f"nothing told: {softphone.said()[-2000:]}")):
            while softphone.told() != {"22", key}:
                gevent.sleep(0.05)
        call = stage.telephones["clara"].dial("22")
        stage.telephones["bernd"].wait_for_ring().answer()
        wait_for("Busy")
        call.hangup()
        wait_for("Online")
    finally:
        softphone.stop()
