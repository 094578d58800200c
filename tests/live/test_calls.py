"""Calls through the dialplan, with answers written down instead of routing's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer

from shared.esl.call import OutboundCall
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.stage import Sound
from tests.scenarios.telephones import Telephones

pytestmark = pytest.mark.live

TO_BERND = {
    "pbx_step": "bridge", "pbx_dial": f"[presence_id=22@{DOMAIN}]sofia/internal/bernd-desk%{DOMAIN}",
    "continue_on_fail": "true", "hangup_after_bridge": "true",
    "effective_caller_id_name": "Anna Beispiel", "effective_caller_id_number": "21",
}


def rings_bernd(call: OutboundCall) -> Mapping[str, str]:
    if call.channel.get("Caller-Destination-Number") == "again":
        return {"pbx_step": "reject", "pbx_cause": "USER_BUSY"}
    return TO_BERND


def test_two_handsets_call_and_hear_each_other(lab: Lab, telephones: Telephones) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    call = telephones["anna"].dial("22")
    ringing = telephones["bernd"].wait_for_ring()
    assert (ringing.shown_name, ringing.shown_number) == ("Anna Beispiel", "21")
    call.wait_for("ringing")
    ringing.answer()
    call.wait_for("answered").speak("tone:440")
    ringing.speak("tone:880")
    ringing.record()
    call.record()
    call.send_digits("12#")
    ringing.wait_for_digits("12#")
    gevent.sleep(1.0)       # long enough to be heard
    assert Sound.read(ringing.heard()).seconds_of(440) > 0.3
    assert Sound.read(call.heard()).seconds_of(880) > 0.3
    ringing.hangup()
    call.wait_for("ended")
    assert call.end_cause == "NORMAL_CLEARING"


def test_the_identity_of_a_caller_is_his_login(lab: Lab, telephones: Telephones) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    telephones["anna"].dial("22", name="Bernd")
    telephones["bernd"].wait_for_ring()
    channel = lab.questions[0].channel
    assert channel.variable("pbx_device") == "anna-desk"
    assert channel.variable("presence_id") == f"21@{DOMAIN}"
    assert channel.variable("max_forwards") == "70"  # as the telephone said; routing makes it fewer


@pytest.mark.parametrize(("sip_status", "cause"), [(486, "USER_BUSY"), (603, "CALL_REJECTED"), (480, "NO_ANSWER")])
def test_the_next_question_knows_why_the_leg_failed(
        lab: Lab, telephones: Telephones, sip_status: int, cause: str) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring().reject(sip_status)
    call.wait_for("ended")
    again = lab.questions[1].channel
    assert again.variable("originate_disposition") == cause
    assert (again.variable("originate_causes") or "").endswith(f";{cause}")
    # The caller is told what the step said, not the last leg's status.
    assert (call.end_cause, call.sip_status) == ("USER_BUSY", 486)


@pytest.mark.parametrize("named", ["0900123456", "23"])
def test_a_redirect_ends_the_leg_and_nobody_follows_it(lab: Lab, telephones: Telephones, named: str) -> None:
    """Without outbound_redirect_fatal the caller is sent to what the handset named: the address is our own."""
    clara = telephones["clara"].register()
    lab.answer = lambda call: (
        {"pbx_step": "reject", "pbx_cause": "NO_ANSWER"} if call.channel.get("Caller-Destination-Number") == "again"
        else {**TO_BERND, "pbx_dial": f"{{outbound_redirect_fatal=true}}{TO_BERND['pbx_dial']}"})
    lab.open_routing()
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring().redirect(named)
    call.wait_for("ended")
    assert [one.channel.get("Caller-Destination-Number") for one in lab.questions] == ["22", "again"]
    assert lab.questions[1].channel.variable("originate_disposition") == "REQUESTED_CHAN_UNAVAIL"
    assert clara.stays_silent()
    assert telephones.carrier.stays_silent()
    clara.unregister()


def test_a_device_that_is_not_registered_leaves_no_leg(lab: Lab, telephones: Telephones) -> None:
    lab.answer = lambda call: (
        {"pbx_step": "reject", "pbx_cause": "NO_ANSWER"} if call.channel.get("Caller-Destination-Number") == "again"
        else {**TO_BERND, "pbx_dial": f"sofia/internal/clara-desk%{DOMAIN}"})
    lab.open_routing()
    call = telephones["anna"].dial("23")
    call.wait_for("ended")
    again = lab.questions[1].channel
    assert again.variable("originate_disposition") == "USER_NOT_REGISTERED"
    assert again.variable("originate_causes") is None


def test_distinctive_ring_and_diversion_reach_the_handset(lab: Lab, telephones: Telephones) -> None:
    lab.answer = lambda call: {
        **TO_BERND, "alert_info": "<http://127.0.0.1>;info=external", "export_vars": "alert_info",
        "sip_h_Diversion": "<sip:+49305550021@musterbau.example>;reason=no-answer"}
    lab.open_routing()
    telephones["anna"].dial("22")
    ringing = telephones["bernd"].wait_for_ring()
    assert ringing.alert_info == "<http://127.0.0.1>;info=external"
    assert ringing.diversion == ["<sip:+49305550021@musterbau.example>;reason=no-answer"]


def test_a_caller_from_outside_is_asked_about_in_public(lab: Lab, telephones: Telephones) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    telephones.carrier.dial("+49305550022", from_number="+491711234567")
    telephones["bernd"].wait_for_ring()
    channel = lab.questions[0].channel
    assert channel.get("Caller-Context") == "public"
    assert channel.get("Caller-Destination-Number") == "+49305550022"
    assert channel.variable("pbx_device") is None


def test_hold_plays_and_ends(lab: Lab, telephones: Telephones) -> None:
    lab.answer = rings_bernd
    lab.open_routing()
    call = telephones["anna"].dial("22")
    ringing = telephones["bernd"].wait_for_ring()
    ringing.answer()
    call.wait_for("answered").hold()
    call.unhold()
    call.hangup()
    ringing.wait_for("ended")


class TestWithoutRouting:
    def test_the_extension_still_rings(self, lab: Lab, telephones: Telephones) -> None:
        began = time.monotonic()
        call = telephones["anna"].dial("22")
        ringing = telephones["bernd"].wait_for_ring()
        assert time.monotonic() - began < 2.0
        ringing.answer()
        call.wait_for("answered").hangup()

    def test_a_number_called_from_outside_still_rings(self, lab: Lab, telephones: Telephones) -> None:
        telephones.carrier.dial("+49305550022", from_number="+491711234567")
        assert telephones["bernd"].wait_for_ring().shown_number == "+491711234567"

    def test_an_emergency_call_goes_out_with_the_sites_number(self, lab: Lab, telephones: Telephones) -> None:
        call = telephones["anna"].dial("112")
        ringing = telephones.carrier.wait_for_ring()
        assert (ringing.number, ringing.shown_number) == ("112", "+49305550000")
        ringing.answer()
        call.wait_for("answered")

    def test_no_other_number_goes_out(self, lab: Lab, telephones: Telephones) -> None:
        for number in ("+491711234567", "0171123456", "09001234567"):
            telephones["anna"].dial(number).wait_for("ended")
        assert telephones.carrier.stays_silent()

    def test_a_hung_routing_that_is_ended_frees_the_caller(self, lab: Lab, telephones: Telephones) -> None:
        held: list[Any] = []

        def accept_and_say_nothing(sock: Any, address: Any) -> None:
            held.append(sock)
            gevent.sleep(60)

        hung = StreamServer(("127.0.0.1", lab.routing_port), accept_and_say_nothing)
        hung.start()
        try:
            call = telephones["anna"].dial("22")
            with gevent.Timeout(5):
                while not held:
                    gevent.sleep(0.02)
        finally:
            hung.stop()
        held[0].close()     # what the end of the process does
        telephones["bernd"].wait_for_ring(timeout_s=2.0)
        call.hangup()

    def test_it_stays_away_between_two_questions(self, lab: Lab, telephones: Telephones) -> None:
        lab.answer = rings_bernd
        lab.open_routing()
        call = telephones["anna"].dial("22")
        ringing = telephones["bernd"].wait_for_ring()
        lab.close_routing()
        ringing.reject(486)
        call.wait_for("ended", timeout_s=15)

    def test_nobody_answers_and_the_mailbox_service_is_away_too(self, lab: Lab, telephones: Telephones) -> None:
        call = telephones.carrier.dial("+49305550022", from_number="+491711110000")
        telephones["bernd"].wait_for_ring().reject(486)
        call.wait_for("answered")
        call.speak("tone:440")
        gevent.sleep(2.0)       # the length of the message
        call.hangup()
        with gevent.Timeout(5):     # the file gets its length when the call has ended at the switch
            while "0 total." not in lab.api("show", "channels"):
                gevent.sleep(0.05)
        [message] = (lab.folder / "spool" / "fallback").glob("*_1_2_*_+491711110000.wav")
        assert Sound.read(message).seconds_of(440) > 0.3
