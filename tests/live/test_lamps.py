"""Lamps and message lamps on the wire: what the switch makes of the events the services send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.esl.client import InboundClient
from shared.esl.commands import send_event
from shared.esl.events import Event
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import Telephones

pytestmark = pytest.mark.live

KEY = "lamp+21-1-k3y"


class Services:
    """Answers like presence and voicemail would: every lamp idle, one new message."""

    def __init__(self, lab: Lab) -> None:
        self.probes: list[Event] = []
        self.client: InboundClient = lab.switch.client(
            "services", events=["PRESENCE_PROBE", "MESSAGE_QUERY"], on_event=self._take)
        self.client.start()
        assert self.client.wait_connected(5)

    def _take(self, event: Event) -> None:
        if event.name == "MESSAGE_QUERY":
            account = event.require("Message-Account")
            self.messages(account.removeprefix("sip:").partition("@")[0], new=1)
        elif event.get("proto") == "lamp":
            self.probes.append(event)
            self.lamp(event.require("to").removeprefix("lamp+"), "terminated")

    def lamp(self, who: str, state: str) -> None:
        self.client.send(send_event("PRESENCE_IN", {
            "proto": "lamp", "from": who, "login": who, "event_type": "presence", "alt_event_type": "dialog",
            "unique-id": "lamp", "answer-state": state, "Presence-Call-Direction": "outbound",
            "channel-state": "CS_HANGUP" if state == "terminated" else "CS_EXECUTE"}))

    def messages(self, device: str, new: int) -> None:
        self.client.send(send_event("MESSAGE_WAITING", {
            "MWI-Messages-Waiting": "yes" if new else "no", "MWI-Message-Account": f"sip:{device}@{DOMAIN}",
            "MWI-Voice-Message": f"{new}/0 (0/0)"}))


@pytest.fixture
def services(lab: Lab) -> Iterator[Services]:
    services = Services(lab)
    yield services
    services.client.stop()


def test_a_lamp_key_shows_what_presence_sends(services: Services, telephones: Telephones) -> None:
    lamp = telephones["anna"].watch(KEY).wait_for("terminated")
    probe = services.probes[0]
    assert probe.get("from") == f"anna-desk@{DOMAIN}"
    for state in ("early", "confirmed", "terminated"):
        services.lamp(f"{KEY.removeprefix('lamp+')}@{DOMAIN}", state)
        lamp.wait_for(state)


def test_the_message_lamp_is_asked_for_at_registration_and_follows(
        services: Services, telephones: Telephones) -> None:
    telephones["anna"].unregister()
    telephones["anna"].register()
    lamp = telephones["anna"].message_lamp.wait_for(new=1)
    services.messages("anna-desk", new=3)
    lamp.wait_for(new=3)
    services.messages("anna-desk", new=0)
    lamp.wait_for(new=0)


def test_a_plain_extension_shows_that_it_rings_and_not_who_calls(lab: Lab, telephones: Telephones) -> None:
    lab.answer = lambda call: {
        "pbx_step": "bridge", "continue_on_fail": "true",
        "pbx_dial": f"{{presence_privacy=true}}[presence_id=22@{DOMAIN}]sofia/internal/bernd-desk%{DOMAIN}"}
    lab.open_routing()
    lamp = telephones["anna"].watch("22").wait_for("terminated")
    call = telephones.carrier.dial("+49305550022", from_number="+491711234567")
    telephones["bernd"].wait_for_ring()
    lamp.wait_for("early")
    call.hangup()
    lamp.wait_for("terminated")
    assert "1711234567" not in str(lamp.history)
