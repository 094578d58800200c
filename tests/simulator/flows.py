"""Calls that are made alike on FreeSWITCH and on the simulator, and what is kept of their events.

A flow drives telephones and services of a lab (tests/live/lab.py, or the simulated one); `observe` turns the
events of its legs into lines that can be compared: which leg, which event, its key headers, with ids and moments
left out.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gevent

from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.errors import CallEnded, CommandRejected
from shared.esl.events import Event
from shared.esl.server import OutboundServer
from tests.live.lab import DOMAIN, Lab
from tests.scenarios.telephones import Telephones

EVENTS = (
    "CHANNEL_CREATE", "CHANNEL_OUTGOING", "CHANNEL_ORIGINATE", "CHANNEL_CALLSTATE", "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_PARK",
    "CHANNEL_UNPARK", "DTMF", "RECORD_START", "RECORD_STOP", "PLAYBACK_START", "PLAYBACK_STOP", "CHANNEL_HOLD",
    "CHANNEL_UNHOLD", "BACKGROUND_JOB", "CUSTOM sofia::register", "CUSTOM sofia::unregister", "MESSAGE_QUERY",
)  # fmt: skip
HEADERS = (
    "Call-Direction", "Channel-Name", "Channel-Call-State", "Original-Channel-Call-State", "Answer-State",
    "Hangup-Cause",
    "Channel-Presence-ID", "Channel-HIT-Dialplan", "Caller-Direction", "Caller-Logical-Direction",
    "Caller-Caller-ID-Number", "Caller-Caller-ID-Name", "Caller-Destination-Number", "Caller-Context",
    "Caller-Dialplan", "Caller-RDNIS", "Other-Type", "Application", "Application-Data", "Application-Response",
    "DTMF-Digit", "Record-File-Path", "Playback-File-Path", "Playback-Status", "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID", "Channel-Call-UUID", "Other-Leg-Unique-ID", "Message-Account", "Job-Command",
    "from-user", "from-host", "username", "realm", "status", "profile-name",
)  # fmt: skip
VARIABLES = (
    "direction", "originate_disposition", "DIALSTATUS", "originate_causes", "originate_failed_cause",
    "last_bridge_hangup_cause", "bridge_hangup_cause", "hangup_cause", "hangup_cause_q850", "current_application",
    "endpoint_disposition", "sip_term_status", "sip_invite_failure_status", "user_name", "domain_name",
    "sip_auth_username", "pbx_device", "max_forwards", "originator", "last_bridge_to", "presence_id",
    "silence_hits_exhausted", "playback_terminator_used", "read_result", "call_uuid", "sip_gateway_name",
    "last_bridge_role", "transfer_history", "sofia_profile_name", "socket_host", "is_outbound", "dialed_user",
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
QUIET_S = 0.8  # FreeSWITCH may take this long between two events of a call that ends


@dataclass
class Observed:
    """Events of one flow, legs named a, b, c… in the order they appeared."""

    folder: str
    _names: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        name = event.name if event.subclass is None else f"{event.name} {event.subclass}"
        line = {"event": name}
        leg = event.get("Unique-ID")
        if leg is not None:
            line["leg"] = self._name(leg)
        for header in HEADERS:
            value = event.get(header)
            if value is not None:
                line[header] = self.clean(value)
        for variable in VARIABLES:
            value = event.variable(variable)
            if value is not None:
                line[f"variable_{variable}"] = self.clean(value)
        if event.name == "BACKGROUND_JOB":
            line["body"] = self.clean((event.body or "").strip())
        self.lines.append(line)

    def _name(self, uuid: str) -> str:
        return self._names.setdefault(uuid, f"<{chr(ord('a') + len(self._names))}>")

    def clean(self, value: str) -> str:
        value = value.replace(self.folder, "<folder>")
        # A handset played by FreeSWITCH tells a number of its own besides its login.
        value = "<handset>" if value in ("0000000000", "anna-desk", "bernd-desk", "clara-desk") else value
        value = _UUID.sub(lambda found: self._names.get(found.group(), "<id>"), value)
        value = re.sub(r"_\d{10}_(0000000000|unknown)\.wav", "_<moment>_<handset>.wav", value)
        value = re.sub(r"pbx_caller=(0000000000|unknown)", "pbx_caller=<handset>", value)
        value = re.sub(r"\b\d{10,16}:<id>|\b1[78]\d{8}:", "<moment>:", value)
        value = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:<port>", value)
        return re.sub(r"gw\+\S+?@", "<contact>@", value)


Flow = Callable[[Lab, Telephones], None]


def observe(lab: Lab, telephones: Telephones, flow: Flow, quiet_s: float = QUIET_S) -> list[dict[str, str]]:
    """Runs one flow and comes back with its events when nothing more happens."""
    observed = Observed(str(lab.folder))
    client: InboundClient = lab.switch.client("observer", events=list(EVENTS), on_event=observed.take)
    client.start()
    assert client.wait_connected(5)
    try:
        flow(lab, telephones)
        telephones.reset()
        seen = -1
        while seen != len(observed.lines):
            seen = len(observed.lines)
            gevent.sleep(quiet_s)
    finally:
        client.stop()
    return observed.lines


def _answer(variables: Mapping[str, str]) -> Callable[[OutboundCall], Mapping[str, str] | None]:
    """Routing that hands the route back on the first question, and lets the fallback go on at the second."""
    asked: list[str] = []

    def answer(call: OutboundCall) -> Mapping[str, str] | None:
        asked.append(call.leg_uuid)
        return variables if len(asked) == 1 else {"pbx_step": "reject", "pbx_cause": "NORMAL_CLEARING"}

    return answer


def _bridge(target: str, **more: str) -> Mapping[str, str]:
    ring = {"pbx_step": "bridge", "pbx_dial": target, "hangup_after_bridge": "true", "continue_on_fail": "true"}
    return {**ring, **more}


BERND = f"[presence_id=22@{DOMAIN}]sofia/internal/bernd-desk%{DOMAIN}"
CLARA = f"[presence_id=23@{DOMAIN}]sofia/internal/clara-desk%{DOMAIN}"


def answered(lab: Lab, telephones: Telephones) -> None:
    """Anna calls Bernd, he answers, keys go both ways, he hangs up."""
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    call.wait_for("ringing")
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    call.send_digits("1")
    ring.wait_for_digits("1")
    ring.hangup()
    call.wait_for("ended")


def caller_hangs_up(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    call.hangup()
    ring.wait_for("ended")


def cancelled(lab: Lab, telephones: Telephones) -> None:
    """The caller gives up while it rings."""
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    call.wait_for("ringing")
    gevent.sleep(0.3)
    call.hangup()
    ring.wait_for("ended")


def no_answer(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(BERND, call_timeout="2"))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    ring.wait_for("ended", timeout_s=6)
    call.wait_for("ended")


def busy(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring().reject(486)
    call.wait_for("ended")


def rejected_busy_tone(lab: Lab, telephones: Telephones) -> None:
    """Without continue_on_fail the caller gets the callee's refusal."""
    lab.answer = _answer({"pbx_step": "bridge", "pbx_dial": BERND})
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring().reject(603)
    call.wait_for("ended")


def unregistered(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(f"sofia/internal/anna-soft%{DOMAIN}"))
    telephones["anna"].dial("21").wait_for("ended")


def two_legs(lab: Lab, telephones: Telephones) -> None:
    """Both ring, one answers, the other loses the race."""
    lab.answer = _answer(_bridge(f"{BERND},{CLARA}"))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    other = telephones["clara"].wait_for_ring()
    gevent.sleep(0.3)
    ring.answer()
    call.wait_for("answered")
    other.wait_for("ended")
    gevent.sleep(0.3)
    call.hangup()


def two_legs_one_busy_one_silent(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(f"{BERND},[leg_timeout=2]{CLARA}".replace("[leg_timeout=2][", "[leg_timeout=2,")))
    call = telephones["anna"].dial("22")
    telephones["bernd"].wait_for_ring().reject(486)
    telephones["clara"].wait_for_ring().wait_for("ended", timeout_s=8)
    call.wait_for("ended")


def user_without_routing(lab: Lab, telephones: Telephones) -> None:
    """Nobody says what to do: the fallback rings the extension through the directory."""
    lab.answer = lambda call: None
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    ring.hangup()
    call.wait_for("ended")


def to_the_carrier(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge("sofia/gateway/musterbau-1/+49891234567", effective_caller_id_number="+49305550021"))
    call = telephones["anna"].dial("0891234567")
    ring = telephones.carrier.wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    ring.hangup()
    call.wait_for("ended")


def from_the_carrier(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(BERND))
    call = telephones.carrier.dial("+49305550022", from_number="+491711234567")
    ring = telephones["bernd"].wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    call.hangup()
    ring.wait_for("ended")


def held(lab: Lab, telephones: Telephones) -> None:
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    call.hold()
    gevent.sleep(0.5)
    call.unhold()
    gevent.sleep(0.5)
    call.hangup()
    ring.wait_for("ended")


def rejected(lab: Lab, telephones: Telephones) -> None:
    """Routing says no."""
    lab.answer = _answer({"pbx_step": "reject", "pbx_cause": "USER_BUSY"})
    telephones["anna"].dial("22").wait_for("ended")


def announced(lab: Lab, telephones: Telephones) -> None:
    """An announcement that is not there: the call ends at once, with the cause asked for."""
    lab.answer = _answer(
        {"pbx_step": "announce", "pbx_language": "de", "pbx_prompt": "nothing", "pbx_cause": "CALL_REJECTED"})
    telephones["anna"].dial("22").wait_for("ended")


def _mailbox(lab: Lab, serve: Callable[[OutboundCall], None]) -> OutboundServer:
    lab.answer = _answer({"pbx_step": "voicemail", "pbx_mailbox": "2", "pbx_company": "1", "pbx_language": "de"})
    server = OutboundServer("127.0.0.1", int(lab.environment["PBX_VOICEMAIL_CALL_PORT"]), serve)
    server.start()
    return server


def message_ended_by_key(lab: Lab, telephones: Telephones) -> None:
    """An async socket records until # and hangs up."""
    recording = f"{lab.folder}/spool/key.wav"

    def serve(call: OutboundCall) -> None:
        call.start_execute("sched_cancel")
        call.set_variables({"playback_terminators": "#"})
        call.execute("playback", "tone_stream://%(200,0,1000)", timeout_s=5)
        call.execute("record", f"{recording} 20 200 5", timeout_s=20)
        call.execute("hangup", "NORMAL_CLEARING", timeout_s=5)

    server = _mailbox(lab, serve)
    try:
        call = telephones["anna"].dial("22").wait_for("answered")
        call.speak("tone:440")
        gevent.sleep(1.5)
        call.send_digits("5#")
        call.wait_for("ended")
    finally:
        server.stop()


def message_ended_by_silence(lab: Lab, telephones: Telephones) -> None:
    recording = f"{lab.folder}/spool/silence.wav"

    def serve(call: OutboundCall) -> None:
        call.start_execute("sched_cancel")
        call.execute("record", f"{recording} 20 200 2", timeout_s=20)
        call.execute("hangup", "NORMAL_CLEARING", timeout_s=5)

    server = _mailbox(lab, serve)
    try:
        call = telephones["anna"].dial("22").wait_for("answered")
        call.speak("tone:440")
        gevent.sleep(1.0)
        call.speak("silence")
        call.wait_for("ended", timeout_s=10)
    finally:
        server.stop()


def message_ended_by_the_caller(lab: Lab, telephones: Telephones) -> None:
    recording = f"{lab.folder}/spool/hangup.wav"

    def serve(call: OutboundCall) -> None:
        call.start_execute("sched_cancel")
        try:
            call.execute("record", f"{recording} 20 200 5", timeout_s=20)
        except CallEnded:
            return

    server = _mailbox(lab, serve)
    try:
        call = telephones["anna"].dial("22").wait_for("answered")
        call.speak("tone:440")
        gevent.sleep(1.0)
        call.hangup()
        gevent.sleep(0.5)
    finally:
        server.stop()


def digits_are_read(lab: Lab, telephones: Telephones) -> None:
    def serve(call: OutboundCall) -> None:
        call.start_execute("sched_cancel")
        call.execute("play_and_get_digits", "2 4 1 3000 # silence_stream://200 silence_stream://100 pin", timeout_s=10)
        call.execute("hangup", "NORMAL_CLEARING", timeout_s=5)

    server = _mailbox(lab, serve)
    try:
        call = telephones["anna"].dial("22").wait_for("answered")
        gevent.sleep(1.0)
        call.send_digits("12#")
        call.wait_for("ended")
    finally:
        server.stop()


def service_that_says_nothing(lab: Lab, telephones: Telephones) -> None:
    """sched_transfer takes the caller out of a socket that hangs; the fallback finds no announcement and ends."""

    def serve(call: OutboundCall) -> None:
        gevent.sleep(9)

    server = _mailbox(lab, serve)
    try:
        call = telephones["anna"].dial("22").wait_for("answered")
        call.wait_for("ended", timeout_s=25)
    finally:
        server.stop()


def click_to_dial(lab: Lab, telephones: Telephones) -> None:
    """originate with its own uuid, refused a second time while that lives; then on into the dialplan."""
    uuid = "11111111-2222-4333-8444-555555555555"
    first = f"{{origination_uuid={uuid},origination_caller_id_number=23,origination_caller_id_name=Clara}}{BERND}"
    client = lab.switch.client("originator")
    client.start()
    assert client.wait_connected(5)
    lab.answer = _answer(_bridge(CLARA))
    try:
        job = gevent.spawn(client.background, "originate", first, "23", "XML", "internal", timeout_s=20)
        ring = telephones["bernd"].wait_for_ring()
        with contextlib.suppress(CommandRejected):
            client.background("originate", f"{{origination_uuid={uuid}}}{CLARA}", "&park()", timeout_s=20)
        ring.answer()
        job.get(timeout=10)
        other = telephones["clara"].wait_for_ring()
        other.answer()
        gevent.sleep(0.5)
        other.hangup()
        ring.wait_for("ended")
    finally:
        client.stop()


def killed_and_transferred(lab: Lab, telephones: Telephones) -> None:
    """uuid_transfer takes the caller out of a bridge, uuid_kill ends it."""
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    ring.answer()
    call.wait_for("answered")
    gevent.sleep(0.5)
    leg = lab.questions[-1].leg_uuid
    lab.answer = _answer(_bridge(CLARA))
    lab.api("uuid_transfer", leg, "23", "XML", "internal")
    ring.wait_for("ended")
    other = telephones["clara"].wait_for_ring()
    other.answer()
    gevent.sleep(0.5)
    lab.api("uuid_kill", leg, "USER_BUSY")
    other.wait_for("ended")


def picked_up(lab: Lab, telephones: Telephones) -> None:
    """Clara takes the call that rings at Bernd's."""
    lab.answer = _answer(_bridge(BERND))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    call.wait_for("ringing")
    gevent.sleep(0.3)
    lab.answer = _answer({"pbx_step": "pickup", "pbx_pickup": lab.questions[-1].leg_uuid})
    taken = telephones["clara"].dial("55").wait_for("answered")
    call.wait_for("answered")
    ring.wait_for("ended")
    gevent.sleep(0.5)
    taken.send_digits("5")
    call.wait_for_digits("5")
    taken.hangup()
    call.wait_for("ended")


def one_refuses_for_both(lab: Lab, telephones: Telephones) -> None:
    """fail_on_single_reject: Bernd declines, and Clara's telephone falls silent, too."""
    lab.answer = _answer(_bridge(f"{{fail_on_single_reject=CALL_REJECTED}}{BERND},{CLARA}"))
    call = telephones["anna"].dial("22")
    ring = telephones["bernd"].wait_for_ring()
    other = telephones["clara"].wait_for_ring()
    gevent.sleep(0.3)
    ring.reject(603)
    other.wait_for("ended")
    call.wait_for("ended")


def registration(lab: Lab, telephones: Telephones) -> None:
    telephones["anna-soft"].register()
    telephones["anna-soft"].unregister()


FLOWS: tuple[Flow, ...] = (
    registration, answered, caller_hangs_up, cancelled, no_answer, busy, rejected_busy_tone, unregistered, two_legs,
    two_legs_one_busy_one_silent, user_without_routing, to_the_carrier, from_the_carrier, held, rejected, announced,
    message_ended_by_key, message_ended_by_silence, message_ended_by_the_caller, digits_are_read,
    service_that_says_nothing, click_to_dial, killed_and_transferred, picked_up, one_refuses_for_both,
)  # fmt: skip
