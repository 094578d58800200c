"""Lamps of plain extensions, which the switch lights by itself: for colleagues only, and they name nobody (P5, N1).

What only SIP can say is told to the real switch alone, and so proves no row: those are told to both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest

from operations.story_report import proves
from tests.handsets.by_hand import DeviceByHand
from tests.handsets.configuration import Login
from tests.handsets.driver import HandsetDriver
from tests.scenarios.left import leave
from tests.scenarios.stage import DOMAIN, OTHER_DOMAIN, Stage
from tests.scenarios.telephones import Lamp
from tests.scenarios.test_voicemail import delete_all, mailbox_of

LAMP_S = 1.0
BERNDS_NUMBER = "+49305550022"
MOBILE = "+491715550123"


@pytest.fixture(autouse=True)
def all_there(stage: Stage) -> None:
    """Registered once: a REGISTER still under way would come after that of a watch, which comes from another port."""
    for name in ("anna", "bernd", "clara", "ulf"):
        if not stage.telephones[name].registered:
            stage.telephones[name].register()


def plain(stage: Stage, who: str, address: str) -> Lamp:
    return stage.telephones[who].watch(address).wait_for("terminated")


def names_nobody(lamp: Lamp, but: str) -> bool:
    """but: the extension that is watched."""
    shown = {change[what] for change in lamp.history for what in ("remote_name", "remote_number")}
    return shown <= {"", but, "Anonymous", "anonymous"}


@proves("P5", "P2")
def test_a_colleague_sees_a_call_of_a_plain_extension_and_not_with_whom(stage: Stage) -> None:
    bernd = stage.extension("bernd")
    before = plain(stage, "anna", bernd)
    call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
    ringing = stage.telephones["bernd"].wait_for_ring()
    before.wait_for("early", LAMP_S)
    ringing.answer()
    before.wait_for("confirmed", LAMP_S)
    # The answer to whoever begins to watch now comes from elsewhere in the switch.
    later = stage.telephones["clara"].watch(bernd).wait_for("confirmed")
    call.hangup()
    for lamp in (before, later):
        lamp.wait_for("terminated", LAMP_S)
    out = stage.telephones["bernd"].dial(MOBILE)
    stage.telephones.carrier.wait_for_ring().answer()
    before.wait_for("confirmed", LAMP_S)
    during = stage.telephones["clara"].watch(bernd).wait_for("confirmed")
    out.hangup()
    for lamp in (before, later, during):
        lamp.wait_for("terminated", LAMP_S)
        assert names_nobody(lamp, but=bernd), lamp.history


@proves("P5", "N1")
def test_nobody_of_another_company_sees_a_plain_extension(stage: Stage) -> None:
    bernd = stage.extension("bernd")
    strangers = [stage.telephones["ulf"].watch(f"{bernd}@{domain}") for domain in (DOMAIN, "127.0.0.1")]
    ours = plain(stage, "anna", bernd)
    call = stage.telephones["clara"].dial(bernd)
    stage.telephones["bernd"].wait_for_ring().answer()
    ours.wait_for("confirmed", LAMP_S)
    strangers.append(stage.telephones["ulf"].watch(f"{bernd}@{DOMAIN}"))
    call.hangup()
    ours.wait_for("terminated", LAMP_S)
    # Their own they see, and by the end of its call whatever was sent before has arrived.
    own = plain(stage, "ulf", stage.extension("ulf"))
    call = stage.telephones["ulf"].dial(stage.extension("vera"))
    own.wait_for("early", LAMP_S)
    call.hangup()
    own.wait_for("terminated", LAMP_S)
    assert [lamp.history for lamp in strangers] == [[], [], []]


class Intruder:
    """Ulf's telephone, played by hand; what it was sent since it was last looked."""

    def __init__(self, stage: Stage) -> None:
        assert isinstance(stage.driver, HandsetDriver)
        self._own = f"{stage.extension('ulf')}@{OTHER_DOMAIN}"
        login = Login("ulf-desk", OTHER_DOMAIN, stage.secrets["devices"]["ulf-desk"])
        self._told: list[str] = []
        self.device = DeviceByHand(login, stage.driver.places, self._told.append)

    def told(self) -> list[str]:
        """Everything until the answer to a watch on his own: the switch sends in order."""
        sent, his = len(self._told), f'entity="sip:{self._own}"'
        assert self.device.subscribe(self._own) == 202
        with gevent.Timeout(5):
            while not any(his in notify for notify in self._told[sent:]):
                gevent.sleep(0.02)
        told = [notify for notify in self._told if his not in notify]
        self._told.clear()
        return told


def test_whatever_a_stranger_writes_into_his_requests_he_sees_nothing(stage: Stage) -> None:
    if not stage.real:
        pytest.skip("the simulator speaks no SIP")
    bernd = stage.extension("bernd")
    call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
    stage.telephones["bernd"].wait_for_ring().answer()
    intruder = Intruder(stage)
    with intruder.device as device:
        # Calls go on reaching his telephone.
        port = stage.driver.places.handset_port
        assert device.register(f"sip:ulf-desk@127.0.0.1:{port};transport=udp;gw=ulf-desk;by=hand") == 200
        for event in ("dialog", "presence", "message-summary", "call-info"):
            for address in (f"{bernd}@{DOMAIN}", f"bernd-desk@{DOMAIN}", f"{bernd}@127.0.0.1",
                            f"sip+{bernd}@{DOMAIN}", f"sip+{bernd}+{DOMAIN}@{OTHER_DOMAIN}",
                            f"lamp+{bernd}@{DOMAIN}", f"lamp+bernd-desk@{DOMAIN}"):
                assert device.subscribe(address, event) == 202, (address, event)
                assert device.subscribe(address, event, sender=f"anna-desk@{DOMAIN}") == 202
            # Lamp keys are answered whoever asks, those that nobody has with a dark lamp.
            for notify in intruder.told():
                assert "From: <sip:lamp+" in notify
                assert not re.search("early|confirmed|phone|ring<|call<", notify.partition("\r\n\r\n")[2], re.I), notify
        # A watch on his own, continued as one on Bernd; the other way round nothing was kept that could go on.
        for number, first in enumerate((f"{stage.extension('ulf')}@{OTHER_DOMAIN}", f"lamp+x@{OTHER_DOMAIN}")):
            call_id = f"{number}-{call.id}"
            assert device.subscribe(first, call_id=call_id) == 202
            for event in ("presence", "dialog"):
                assert device.subscribe(f"{bernd}@{DOMAIN}", event, call_id=call_id) == 202
        call.hangup()
        stage.telephones["bernd"].calls[-1].wait_for("ended")
        for notify in intruder.told():
            assert DOMAIN not in notify
            assert not re.search("early|confirmed|phone|ring<|call<", notify.partition("\r\n\r\n")[2], re.I), notify


@contextmanager
def annas_second(stage: Stage) -> Iterator[tuple[DeviceByHand, list[str]]]:
    """Anna's second telephone, played by hand and not registered, and the NOTIFYs it is sent."""
    if not stage.real:
        pytest.skip("the simulator speaks no SIP")
    assert isinstance(stage.driver, HandsetDriver)
    told: list[str] = []
    login = Login("anna-soft", DOMAIN, stage.secrets["devices"]["anna-soft"])
    with DeviceByHand(login, stage.driver.places, told.append) as device:
        yield device, told
        assert device.register(expires_s=0) == 200


def test_the_message_lamp_of_a_colleague_is_not_for_me(stage: Stage) -> None:
    with annas_second(stage) as (device, told):
        assert device.register() == 200
        for address in (f"bernd-desk@{DOMAIN}", f"anna-soft@{DOMAIN}"):
            assert device.subscribe(address, "message-summary") == 202
        with gevent.Timeout(5):
            while not any("To: <sip:anna-soft" in notify and "Event: message-summary" in notify for notify in told):
                gevent.sleep(0.02)
        assert not any("bernd-desk" in notify for notify in told)


def test_a_telephone_that_asks_a_moment_before_it_is_registered_hears_of_the_next_change(stage: Stage) -> None:
    """As telephones do that have just started: both questions are under way at the same time."""
    with annas_second(stage) as (device, told):
        assert device.subscribe(f"{stage.extension('bernd')}@{DOMAIN}") == 202
        assert device.subscribe(f"anna-soft@{DOMAIN}", "message-summary") == 202
        assert device.register() == 200
        stage.telephones["bernd"].register()
        call = stage.telephones.carrier.dial(BERNDS_NUMBER, from_number=MOBILE)
        stage.telephones["bernd"].wait_for_ring()
        with gevent.Timeout(5):
            while not any(re.search("early", notify) for notify in told):
                gevent.sleep(0.02)
        call.hangup()
        with mailbox_of(stage, "anna", deliver_as_mail=False, lamp_enabled=True):
            leave(stage, "anna")
            with gevent.Timeout(10):
                while not any("Messages-Waiting: yes" in notify and ";expires=" in notify for notify in told):
                    gevent.sleep(0.02)
        delete_all(stage, "anna")
