"""Telephones without SIP: each end of a call as its user has it, in the words of tests/scenarios/telephones.py.

request (telephone_api.py) -> Telephone, TelephoneCall -> Channel; Channel -> TelephoneCall -> change -> CUSTOM event
"""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import structlog

from freeswitch.simulator import audio, causes, invite_headers, media, names
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.profile import CallerProfile
from freeswitch.simulator.variables import is_true, leading_int

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()

CARRIER = "carrier"
CARRIERS = (CARRIER, "carrier-2")
# What every INVITE brings with inbound-late-negotiation (seen).
_ARRIVED = {"endpoint_disposition": "DELAYED NEGOTIATION", "max_forwards": "70"}


_KEY_HELD_S = 0.25
_WRITE_EVERY_S = 0.1
_TOLD = ("change", "device", "call", "watch")


class CannotDo(Exception):
    """The request makes no sense now; the text says why."""


class Telephone:
    """A device of the company, or the far side of the trunk."""

    def __init__(self, switch: Switch, device: str, domain: str = "", password: str = "") -> None:
        self.switch = switch
        self.device = device
        self.domain = domain
        self.password = password
        self.registered = device in CARRIERS
        self.messages: dict[str, object] | None = None

    def register(self, password: str | None) -> None:
        if not self.switch.registrar.register(self, self.password if password is None else password):
            self._set_registered(False)
            raise CannotDo(f"{self.device} was refused: 403 Forbidden")
        self._set_registered(True)

    def unregister(self) -> None:
        self.switch.registrar.unregister(self)
        self._set_registered(False)

    def _set_registered(self, registered: bool) -> None:
        if self.registered != registered:
            self.registered = registered
            self.switch.telephones.changed(self.registration())

    def registration(self) -> dict[str, object]:
        return {"change": "registration", "device": self.device, "registered": self.registered}

    def show_messages(self, waiting: bool, new: int, saved: int) -> None:
        self.messages = {
            "change": "message_lamp", "device": self.device, "waiting": waiting, "new": new, "saved": saved,
        }  # fmt: skip
        self.switch.telephones.changed(self.messages)

    def incoming(self, channel: Channel) -> TelephoneCall:
        """The switch rings: announced when the leg starts (`invited`)."""
        return TelephoneCall(self, channel, "incoming", channel.profile.destination_number)

    def dial(
        self, number: str, name: str | None, from_number: str | None, asserted: str | None = None,
    ) -> TelephoneCall:
        channel = self._carrier_leg(number, name, from_number, asserted) if self.device in CARRIERS else (
            self._leg(number, name))
        call = TelephoneCall(self, channel, "outgoing", number)
        channel.telephone = call
        self.switch.telephones.calls[call.id] = call
        self.switch.remember(channel)
        call.say()
        if self.device not in CARRIERS and not self._login_leg(channel):
            channel.hangup("CALL_REJECTED")
        channel.start()
        return call

    def _leg(self, number: str, name: str | None) -> Channel:
        profile = CallerProfile(
            username=self.device, caller_id_name=name or self.device, caller_id_number=self.device,
            orig_caller_id_name=name or self.device, orig_caller_id_number=self.device,
            network_addr="127.0.0.1", ani=self.device, destination_number=number, context="internal",
        )  # fmt: skip
        channel = Channel(self.switch, names.new_uuid(), f"sofia/internal/{self.device}@{self.domain}", profile)
        _set(channel, {
            "sip_from_user": self.device, "sip_from_host": self.domain,
            "sip_from_uri": f"{self.device}@{self.domain}", "sip_req_user": number, "sip_req_host": self.domain,
            "sip_to_user": number, "sip_to_host": self.domain, "sip_call_id": names.new_uuid(),
            "sip_network_ip": "127.0.0.1", "sofia_profile_name": "internal", "channel_name": channel.name,
            "sip_from_display": name or "", **_ARRIVED,
        })  # fmt: skip
        return channel

    def _login_leg(self, channel: Channel) -> bool:
        """Digest on INVITE; what the directory says of the caller becomes variables of the leg."""
        entry = self.switch.registrar.authenticate(self, self.password, method="INVITE")
        if entry is None:
            return False
        _set(channel, {"sip_authorized": "true", "sip_auth_username": self.device, "sip_auth_realm": self.domain,
                       "sip_acl_authed_by": "", "user_name": entry.id, "domain_name": entry.domain})  # fmt: skip
        _set(channel, entry.variables)
        channel.profile.context = entry.variables.get("user_context", channel.profile.context)
        return True

    def _carrier_leg(self, number: str, name: str | None, from_number: str | None, asserted: str | None) -> Channel:
        caller = from_number or asserted or "anonymous"  # P-Asserted-Identity before From, as mod_sofia reads them
        shown = name or ("Anonymous" if from_number is None else caller)
        profile = CallerProfile(
            username=caller, caller_id_name=shown, caller_id_number=caller, orig_caller_id_name=shown,
            orig_caller_id_number=caller, network_addr="127.0.0.1", ani=caller, destination_number=number,
            context="public", privacy_hide_name=from_number is None, privacy_hide_number=from_number is None,
        )  # fmt: skip
        channel = Channel(self.switch, names.new_uuid(), f"sofia/external/{caller}@127.0.0.1", profile)
        _set(channel, {
            "sip_from_user": caller, "sip_from_host": "127.0.0.1", "sip_from_uri": f"{caller}@127.0.0.1",
            "sip_req_user": number, "sip_to_user": number, "sip_call_id": names.new_uuid(),
            "sip_network_ip": "127.0.0.1", "sip_received_ip": "127.0.0.1", "sofia_profile_name": "external",
            "channel_name": channel.name, "sip_from_display": shown, "sip_acl_authed_by": "trunks",
            "sip_h_Privacy": "id" if from_number is None else "", **_ARRIVED,
        })  # fmt: skip
        return channel


def _set(channel: Channel, values: object) -> None:
    for name, value in dict(values).items():  # type: ignore[call-overload]
        channel.set_variable(name, value)


class TelephoneCall:
    """One telephone's end of a call. What it speaks and hears are timelines, made sound only on demand."""

    def __init__(self, telephone: Telephone, channel: Channel, direction: str, number: str) -> None:
        self.telephone = telephone
        self.channel = channel
        self.id = names.new_uuid()
        self.direction = direction
        self.number = number
        self.state = "trying"
        self.held = False
        self.sip_status = 0
        self.end_cause = ""
        self.shown: dict[str, object] = {"shown_number": "", "shown_name": "", "diversion": [], "alert_info": "",
                                         "headers": {}}
        self.speech = audio.Timeline()
        self.hearing = audio.Timeline()
        self._recording: tuple[Path, float] | None = None
        self._recorded: Path | None = None
        self._keys: deque[str] = deque()
        self._pressing: gevent.Greenlet[[], None] | None = None

    # What the switch tells it

    def invited(self) -> None:
        """An INVITE: what the display shows, then 180 a moment later."""
        channel, profile = self.channel, self.channel.profile
        at_carrier = self.telephone.device in CARRIERS
        headers = invite_headers.of(channel) if at_carrier else {}
        hidden = profile.privacy_hide_number or "anonymous.invalid" in headers.get("From", "")
        diversion = (headers.get("Diversion") if at_carrier else channel.variables.get("sip_h_Diversion")) or ""
        self.shown = {
            "shown_number": "anonymous" if hidden else profile.caller_id_number,
            "shown_name": "Anonymous" if profile.privacy_hide_name else profile.caller_id_name,
            "diversion": [part.strip() for part in diversion.split(",") if part.strip()],
            "alert_info": channel.variables.get("alert_info") or channel.variables.get("sip_h_Alert-Info") or "",
            "headers": headers,
        }
        self.telephone.switch.telephones.calls[self.id] = self
        caller = channel.other_leg()
        if caller is not None:  # 100 and 180 (sofia.c, sofia_handle_sip_r_invite)
            caller.set_variable("sip_invite_failure_status", None)
        self._move("ringing")
        gevent.spawn(channel.mark_ring_ready)

    def far_side_rings(self) -> None:
        self._move("ringing")

    def far_side_sounds(self) -> None:
        self._move("early")

    def far_side_answered(self) -> None:
        self._move("answered")

    def far_side_hung_up(self, cause: str, *, answered: bool) -> None:
        """The leg is over, whoever ended it. Reason: Q.850 goes with BYE and with a refusal (mod_sofia.c)."""
        if self.state == "ended":
            return
        self.speech.stop()
        self.hearing.stop()
        self._finish_recording()
        if not self.sip_status:
            if answered:
                self.sip_status = 200
            else:
                self.sip_status = 487 if self.direction == "incoming" else causes.to_sip(cause)
                if self.direction == "incoming":
                    self.channel.set_variable("sip_invite_failure_status", "487")
        told = cause if cause == "LOSE_RACE" and not answered else causes.NAMES[causes.q850(cause)]
        self.end_cause = self.end_cause or told
        self._move("ended")
        self.telephone.switch.telephones.over(self)

    def connected(self) -> None:
        partner = self.channel.partner
        if partner is not None and partner.telephone is not None:
            self.hearing.say(partner.telephone.speech)

    def disconnected(self) -> None:
        self.hearing.stop()

    def key_arrived(self, digit: str) -> None:
        self.telephone.switch.telephones.changed({"change": "digit", "call": self.id, "digit": digit})

    # What its user does

    def answer(self) -> None:
        if self.direction != "incoming" or self.channel.answered or self.channel.down:
            raise CannotDo("there is nothing to answer")
        self.channel.mark_ring_ready()
        if self.telephone.device not in CARRIERS and "origination_callee_id_number" not in self.channel.variables:
            # The 200 names who answered (sofia_update_callee_id).
            self.channel.profile.callee_id_name = self.channel.profile.callee_id_number = self.telephone.device
        self._move("answered")
        self.channel.mark_answered()

    def announce(self) -> None:
        """183 with media, before an answer or instead of one."""
        if self.direction != "incoming" or self.channel.answered or self.channel.down:
            raise CannotDo("there is nothing to announce to")
        self._move("early")
        self.channel.mark_pre_answered()

    def reject(self, sip_status: int) -> None:
        if self.direction != "incoming" or self.channel.answered or self.channel.down:
            raise CannotDo("there is nothing to reject")
        if not 400 <= sip_status <= 699:
            raise CannotDo("a refusal is a status from 400 to 699")
        self._refuse(sip_status, causes.from_sip(sip_status))

    def redirect(self) -> None:
        """302. Only the leg that must not follow it is simulated (sofia.c, sofia_handle_sip_r_invite)."""
        if self.direction != "incoming" or self.channel.answered or self.channel.down:
            raise CannotDo("there is nothing to redirect")
        if not is_true(self.channel.get_variable("outbound_redirect_fatal")):
            raise CannotDo("the switch would follow this redirect: dial with outbound_redirect_fatal=true")
        self._refuse(302, "REQUESTED_CHAN_UNAVAIL")

    def transfer(self, to: str) -> None:
        """REFER: the other leg is sent to this number (sofia.c, sofia_handle_sip_i_refer)."""
        other = self.channel.other_leg()
        if not self.channel.answered or self.channel.down or other is None:
            raise CannotDo("there is nobody to transfer")
        self.channel.set_variable("endpoint_disposition", "BLIND_TRANSFER")
        other.transfer(to)

    def _refuse(self, sip_status: int, cause: str) -> None:
        self.sip_status = sip_status
        self.end_cause = cause
        self.channel.set_variable("sip_term_status", str(sip_status))
        self.channel.set_variable("sip_invite_failure_status", str(sip_status))
        self.channel.set_variable("proto_specific_hangup_cause", f"sip:{sip_status}")
        caller = self.channel.other_leg()
        if caller is not None:
            caller.set_variable("sip_invite_failure_status", str(sip_status))
        self.channel.hangup(cause, by_telephone=True)

    def hangup(self) -> None:
        if self.channel.down:
            return
        if self.channel.answered:
            self.channel.set_variable("sip_term_status", "200")
            self.channel.hangup("NORMAL_CLEARING", by_telephone=True)
        elif self.direction == "incoming":
            self.reject(486)
        else:
            self.channel.set_variable("sip_term_status", "487")
            self.channel.set_variable("sip_invite_failure_status", "487")
            self.channel.hangup("ORIGINATOR_CANCEL", by_telephone=True)

    def send_digits(self, digits: str) -> None:
        if not digits or set(digits) - set("0123456789*#ABCD"):
            raise CannotDo("digits are 0 to 9, *, #, A to D")
        if not self.channel.media_up or self.channel.down:
            raise CannotDo("the call is not up")
        self._keys.extend(digits)
        if self._pressing is None or self._pressing.dead:
            self._pressing = gevent.spawn(self._press)

    def _press(self) -> None:
        """One after the other: a key is held for 250 ms (SWITCH_DEFAULT_DTMF_DURATION in switch_types.h)."""
        while self._keys and not self.channel.down:
            self.channel.key_pressed(self._keys.popleft())
            gevent.sleep(_KEY_HELD_S)

    def hold(self, held: bool) -> None:
        """A re-INVITE: sendonly, or sendrecv again (switch_channel_mark_hold)."""
        if not self.channel.answered or self.channel.down:
            raise CannotDo("the call is not up")
        if held == self.held:
            return
        self.held = held
        self.channel.set_call_state("HELD" if held else "UNHELD")
        self.channel.event("CHANNEL_HOLD" if held else "CHANNEL_UNHOLD")
        if not held:
            self.channel.set_call_state("ACTIVE")
        partner = self.channel.partner
        if partner is not None:
            media.hold_music(partner, held)
        self.say()

    def speak(self, sound: str) -> None:
        if self.channel.down:
            raise CannotDo("the call is over")
        try:
            self.speech.say(audio.spoken(sound))
        except audio.SoundError as error:
            raise CannotDo(str(error)) from error
        self.channel.changed()

    def record(self) -> Path:
        folder = self.telephone.switch.settings.run / "telephones"
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.id}.wav"
        audio.start_wav(path)
        self._recording = (path, time.monotonic())
        gevent.spawn(self._write_along, self._recording)
        return path

    def _write_along(self, recording: tuple[Path, float]) -> None:
        """The file grows while it is heard, for those who wait for a beep."""
        path, starts_at = recording
        written = 0
        while self._recording == recording:
            count = round((time.monotonic() - starts_at) * audio.RATE) - written
            audio.append(path, self.hearing.read(starts_at + written / audio.RATE, count))
            written += count
            gevent.sleep(_WRITE_EVERY_S)

    def heard(self) -> Path:
        """The WAV of what was heard since `record`."""
        self._finish_recording()
        if self._recorded is None:
            raise CannotDo("nothing was recorded")
        return self._recorded

    def _finish_recording(self) -> None:
        if self._recording is None:
            return
        (path, starts_at), self._recording = self._recording, None
        count = max(0, round((time.monotonic() - starts_at) * audio.RATE))
        audio.write_wav(path, self.hearing.read(starts_at, count))
        self._recorded = path

    # Telling

    def _move(self, state: str) -> None:
        if self.state in ("ended", state) or (self.state == "answered" and state != "ended"):
            return
        self.state = state
        self.say()

    def say(self) -> None:
        self.telephone.switch.telephones.changed(self.change())

    def change(self) -> dict[str, object]:
        return {
            "change": "call", "call": self.id, "device": self.telephone.device, "direction": self.direction,
            "state": self.state, "held": self.held, "number": self.number, **self.shown,
            "sip_status": self.sip_status, "end_cause": self.end_cause,
        }  # fmt: skip


class Telephones:
    """All of them, and the calls they are on."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.carrier = Telephone(switch, CARRIER)
        self.all: dict[str, Telephone] = {CARRIER: self.carrier}
        for device in CARRIERS[1:]:
            self.all[device] = Telephone(switch, device)
        self.calls: dict[str, TelephoneCall] = {}
        self._past: dict[str, TelephoneCall] = {}

    def login(self, device: str, domain: str, password: str) -> Telephone:
        """What stands on a telephone's settings page."""
        found = self.all.get(device)
        if found is None:
            found = self.all[device] = Telephone(self._switch, device, domain, password)
        elif device not in CARRIERS:
            found.domain, found.password = domain, password
        return found

    def carrier_at(self, address: str) -> Telephone | None:
        """Who listens at host:port."""
        first, port = self._switch.settings.trunk_port, leading_int(address.rpartition(":")[2])
        if not first or port == first:
            return self.carrier
        return self.all[CARRIERS[1]] if port == first + 1 else None

    def changed(self, change: dict[str, object]) -> None:
        self._switch.bus.fire_custom(
            "simulator::telephone",
            [(name.capitalize(), str(change[name])) for name in _TOLD if name in change],
            json.dumps(change),
        )

    def over(self, call: TelephoneCall) -> None:
        self.calls.pop(call.id, None)
        self._past[call.id] = call
        while len(self._past) > 1000:
            self._past.pop(next(iter(self._past)))

    def find_call(self, call_id: str, *, even_over: bool = False) -> TelephoneCall:
        found = self.calls.get(call_id) or (self._past.get(call_id) if even_over else None)
        if found is None:
            raise CannotDo("this call is over, or never was")
        return found

    def state(self) -> list[dict[str, object]]:
        changes: list[dict[str, object]] = [
            one.registration() for one in self.all.values() if one.device not in CARRIERS]
        changes += [one.change() for one in self.calls.values()]
        changes += [one.messages for one in self.all.values() if one.messages is not None]
        return changes
