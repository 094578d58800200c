"""The telephones of a story, played by a second FreeSWITCH (and SIPp for lamps).

    request -> API command to the playing switch
    its channel events -> one record per call -> changes for the story

What a telephone was told by SIP is read from the playing switch's channel: caller name and number as its display
would show them, Diversion, Alert-Info, the final status.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event as Flag

from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event
from tests.handsets import configuration
from tests.handsets.configuration import Login, Places
from tests.handsets.lamps import LampWatch, PlainWatch
from tests.handsets.process import FreeSwitch

CARRIER = "carrier"
CARRIERS = (CARRIER, "carrier-2")
# How an INVITE said who calls, as parse-all-invite-headers keeps it (sofia.c, sofia_parse_all_invite_headers).
HEADERS = {"From": "sip_i_from", "P-Asserted-Identity": "sip_i_p_asserted_identity",
           "P-Preferred-Identity": "sip_i_p_preferred_identity", "Privacy": "sip_i_privacy",
           "Remote-Party-ID": "sip_i_remote_party_id", "Diversion": "sip_i_diversion",
           "History-Info": "sip_i_history_info"}
EVENTS = ("CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_HANGUP_COMPLETE",
          "DTMF", "NOTIFY_IN", "CUSTOM sofia::gateway_state")
CODECS = ("PCMA", "PCMU", "G722", "opus")
REGISTER_S = 8.0
# hangup cause -> the status mod_sofia answers an INVITE with (mod_sofia.c, hangup_cause_to_sip)
REJECTIONS = {486: "USER_BUSY", 603: "CALL_REJECTED", 480: "NO_ANSWER", 404: "UNALLOCATED_NUMBER",
              503: "NORMAL_TEMPORARY_FAILURE", 403: "OUTGOING_CALL_BARRED"}
_VOICE_MESSAGE = re.compile(r"^Voice-Message:\s*(\d+)/(\d+)", re.IGNORECASE | re.MULTILINE)
_WAITING = re.compile(r"^Messages-Waiting:\s*(yes|no)", re.IGNORECASE | re.MULTILINE)
_SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f$\\,|'\"{}\[\]<>^]*")


class Refused(Exception):
    """This request cannot be done; the text says why."""


@dataclass
class PlayedCall:
    """What the playing switch knows of one leg."""

    call: str
    device: str
    direction: str
    number: str
    state: str = "trying"
    held: bool = False
    shown_number: str = ""
    shown_name: str = ""
    diversion: list[str] = field(default_factory=list)
    alert_info: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    sip_status: int = 0
    end_cause: str = ""
    recording: str = ""
    answered: bool = False
    speaking: bool = False
    sends_silence: bool = True
    ready: Flag = field(default_factory=Flag)       # parked: before that a sound or a hold is forgotten

    def change(self) -> dict[str, Any]:
        names = ("call", "device", "direction", "number", "state", "held", "shown_number", "shown_name",
                 "diversion", "alert_info", "headers", "sip_status", "end_cause")
        return {"change": "call", **{name: getattr(self, name) for name in names}}


class HandsetDriver:
    """Implements tests.scenarios.telephones.TelephoneDriver on real SIP."""

    def __init__(self, folder: Path, places: Places, logins: Iterable[Login]) -> None:
        self.on_change: Callable[[Mapping[str, Any]], None] = lambda change: None
        self.folder = folder
        self.places = places
        self.logins = {login.device: login for login in logins}
        self._calls: dict[str, PlayedCall] = {}
        self._recordings: dict[str, str] = {}          # of calls that are over
        self._registered: dict[str, bool] = {}
        self._registration_changed = Flag()
        self._last_status: dict[str, str] = {}
        self._message_lamps: dict[str, dict[str, Any]] = {}
        self._watches: dict[str, LampWatch | PlainWatch] = {}
        self._switch: FreeSwitch | None = None
        self._client: InboundClient | None = None

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """The playing switch runs when this returns; nobody is registered yet."""
        conf = configuration.write(self.folder, self.places, self.logins.values())
        self._switch = FreeSwitch(conf, self.folder, self.places.esl_port, self.places.esl_password)
        self._switch.start()
        self._client = self._switch.client("handsets", events=list(EVENTS), on_event=self._take)
        self._client.start()
        if not self._client.wait_connected(10):
            raise Refused("the playing switch does not talk to us")
        # Gateways begin by registering themselves; a story says who does.
        for device in self.logins:
            self._api("sofia", "profile", "handsets", "unregister", device)

    def stop(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        if self._client is not None:
            self._client.stop()
        if self._switch is not None:
            self._switch.stop()

    def add_login(self, login: Login) -> None:
        """One more telephone, not registered."""
        assert self._switch is not None
        configuration.write_gateway(self._switch.conf, self.places, login)
        self.logins[login.device] = login
        self._api("reloadxml")
        self._api("sofia", "profile", "handsets", "rescan")

    # -- requests ----------------------------------------------------------------------------------

    def perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
        details = dict(request)
        verb = getattr(self, f"_do_{details.pop('do', '')}", None)
        if verb is None:
            return {"ok": False, "error": f"no such request: {request.get('do')!r}"}
        try:
            return {"ok": True, **(verb(**details) or {})}
        except (Refused, EslError, TypeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _do_state(self) -> dict[str, Any]:
        changes = [{"change": "registration", "device": d, "registered": on} for d, on in self._registered.items()]
        changes += [call.change() for call in self._calls.values()]
        changes += self._message_lamps.values()
        return {"changes": changes}

    def _do_reset(self) -> None:
        for watch in list(self._watches.values()):
            watch.stop()
        self._watches.clear()
        for call in list(self._calls.values()):
            self._kill(call.call, "NORMAL_CLEARING")
        with gevent.Timeout(10, Refused("calls did not end")):
            while self._calls:
                gevent.sleep(0.02)

    def _do_register(self, device: str, password: str | None = None) -> None:
        login = self._login(device)
        if password is not None:
            self._replace_gateway(Login(device, login.domain, password))
        self._registration(device, "register", wanted=True)

    def _do_unregister(self, device: str) -> None:
        self._login(device)
        self._registration(device, "unregister", wanted=False)

    def _registration(self, device: str, how: str, *, wanted: bool) -> None:
        self._last_status.pop(device, None)
        self._api("sofia", "profile", "handsets", how, device)
        with gevent.Timeout(REGISTER_S, Refused(f"{device} could not {how}: {self._last_status.get(device)}")):
            while self._registered.get(device, False) is not wanted:
                if self._last_status.get(device, "2")[0] not in "12" and wanted:
                    raise Refused(f"{device} was refused: {self._last_status[device]}")
                self._registration_changed.clear()
                self._registration_changed.wait(0.5)

    def _replace_gateway(self, login: Login) -> None:
        assert self._switch is not None
        configuration.write_gateway(self._switch.conf, self.places, login)
        self._api("sofia", "profile", "handsets", "killgw", login.device)
        with gevent.Timeout(10, Refused(f"{login.device} did not forget its settings")):
            while login.device in self._api("sofia", "status", "gateway"):
                gevent.sleep(0.1)
        self._api("reloadxml")
        self._api("sofia", "profile", "handsets", "rescan")

    def _do_dial(self, device: str, to: str, name: str | None = None, codec: str | None = None,
                 **carrier: Any) -> dict[str, Any]:
        call_id = str(uuid.uuid4())
        variables = {"origination_uuid": call_id, "originate_timeout": "180", "send_silence_when_idle": "-1"}
        if codec is not None:
            if codec not in CODECS:
                raise Refused(f"this telephone speaks {', '.join(CODECS)}")
            variables["absolute_codec_string"] = codec
        if name is not None:
            if _SAFE_NAME.fullmatch(name) is None:
                raise Refused("this name cannot be put into a dial string")
            variables["origination_caller_id_name"] = f"'{name}'"
        gateway = device
        if device in CARRIERS:
            gateway = f"exchange-{device}"
            number, asserted = carrier.pop("from", None), carrier.pop("asserted", None)
            variables["origination_caller_id_number"] = number or asserted or "anonymous"
            if asserted is not None:
                variables |= {"sip_cid_type": "pid", "origination_privacy": "screen+hide_name+hide_number",
                              "sip_from_uri": "sip:anonymous@anonymous.invalid", "sip_from_display": "Anonymous"}
            elif number is None:
                variables["origination_caller_id_name"] = "Anonymous"
                variables["sip_h_Privacy"] = "id"
            elif name is None:
                variables["origination_caller_id_name"] = number
        else:
            self._login(device)
            if name is not None:
                # The gateway's From has no name of its own, so a handset's display name goes this way.
                login = self.logins[device]
                variables["sip_from_uri"] = f"'\"{name}\" <sip:{device}@{login.domain}>'"
        if carrier:
            raise Refused(f"what is {', '.join(carrier)}?")
        self._calls[call_id] = PlayedCall(call_id, device, "outgoing", to)
        self.on_change(self._calls[call_id].change())
        text = ",".join(f"{key}={value}" for key, value in variables.items())
        assert self._client is not None
        gevent.spawn(self._originate, call_id, f"{{{text}}}sofia/gateway/{gateway}/{to}")
        return {"call": call_id}

    def _originate(self, call_id: str, dial_string: str) -> None:
        assert self._client is not None
        try:
            self._client.background("originate", dial_string, "&park()", timeout_s=185)
        except CommandRejected as error:
            call = self._calls.get(call_id)
            if call is not None:        # no channel was ever made, so no event ends it
                words = str(error.reply).split()
                gevent.sleep(0.5)       # the channel's own end has more to tell and is on its way if there is one
                if call_id in self._calls:
                    self._end(call, words[-1] if words else "NORMAL_UNSPECIFIED", 0)
        except EslError:
            pass

    def _do_answer(self, call: str) -> None:
        self._call(call)
        self._api("uuid_answer", call)

    def _do_announce(self, call: str) -> None:
        self._call(call)
        self._api("uuid_pre_answer", call)

    def _do_reject(self, call: str, sip_status: int = 486) -> None:
        self._call(call)
        if sip_status not in REJECTIONS:
            raise Refused(f"reject with one of {sorted(REJECTIONS)}")
        if sip_status == 403:  # as carriers say it: without the Reason that would tell the cause (mod_sofia.c)
            self._api("uuid_setvar", call, "disable_q850_reason", "true")
        self._kill(call, REJECTIONS[sip_status])

    def _do_redirect(self, call: str, to: str) -> None:
        """mod_sofia.c, INDICATE_REDIRECT: 302 while the call is not answered."""
        played = self._call(call)
        self._api("uuid_transfer", call, f"redirect:{self._address(played, to)}", "inline")

    def _do_transfer(self, call: str, to: str) -> None:
        """mod_sofia.c, INDICATE_DEFLECT: REFER."""
        self._api("uuid_deflect", call, self._address(self._ready(call), to))

    def _address(self, played: PlayedCall, number: str) -> str:
        port = self.places.system_external_port if played.device in CARRIERS else self.places.system_internal_port
        return f"sip:{number}@{self.places.system_host}:{port}"

    def _do_hangup(self, call: str) -> None:
        self._call(call)
        self._kill(call, "NORMAL_CLEARING")

    def _kill(self, call: str, cause: str) -> None:
        try:
            self._api("uuid_kill", call, cause)
        except CommandRejected as error:
            if "No such channel" not in str(error.reply):      # it ended meanwhile
                raise

    def _do_digits(self, call: str, digits: str) -> None:
        self._ready(call)
        self._api("uuid_send_dtmf", call, digits)

    def _do_hold(self, call: str) -> None:
        self._held(call, True)

    def _do_unhold(self, call: str) -> None:
        self._held(call, False)

    def _held(self, call: str, held: bool) -> None:
        """Asked again until it shows: a call that has just been answered forgets it (seen within 0.3 s)."""
        played = self._ready(call)
        wanted = "HELD" if held else "ACTIVE"
        with gevent.Timeout(5, Refused(f"the call never was {wanted}")):
            while f"Channel-Call-State: {wanted}" not in self._api("uuid_dump", call):
                with contextlib.suppress(CommandRejected):
                    self._api("uuid_hold", *(() if held else ("off",)), call)
                gevent.sleep(0.1)
        played.held = held
        self.on_change(played.change())

    def _do_speak(self, call: str, sound: str) -> None:
        played = self._ready(call)
        if played.speaking:
            self._api("uuid_break", call, "all")
        self._send_silence(played, sound != "nothing")
        played.speaking = sound not in ("silence", "nothing")
        if not played.speaking:
            return
        if sound.startswith("tone:"):
            hz = int(sound.removeprefix("tone:"))
            sound = f"tone_stream://%(10000,0,{hz});loops=-1"
        self._api("uuid_broadcast", call, sound, "aleg")

    def _send_silence(self, played: PlayedCall, sends: bool) -> None:
        """Whether it sends packets while it says nothing: `park` looks once, when it begins (switch_ivr.c)."""
        if played.sends_silence != sends:
            played.sends_silence = sends
            self._api("uuid_setvar", played.call, "send_silence_when_idle", "-1" if sends else "0")
            played.ready.clear()
            self._api("uuid_transfer", played.call, "park", "inline")
            self._ready(played.call)

    def _do_record(self, call: str) -> dict[str, Any]:
        """What comes in from the network, not what this telephone says (switch_ivr_async.c, RECORD_READ_ONLY)."""
        played = self._ready(call)
        folder = self.folder / "heard"
        folder.mkdir(exist_ok=True)
        played.recording = str(folder / f"{call}-{uuid.uuid4().hex[:8]}.wav")
        for name, value in (("RECORD_READ_ONLY", "true"), ("record_sample_rate", "8000")):
            self._api("uuid_setvar", call, name, value)
        self._api("uuid_record", call, "start", played.recording)
        return {"path": played.recording}

    def _do_heard(self, call: str) -> dict[str, Any]:
        """After the call has ended the file is complete anyway; path stays known until the next reset."""
        played = self._calls.get(call)
        if played is None:
            path = self._recordings.get(call)
            if path is None:
                raise Refused("nothing was recorded")
            return {"path": path}
        if not played.recording:
            raise Refused("nothing was recorded")
        self._api("uuid_record", call, "stop", played.recording)
        return {"path": played.recording}

    def _do_watch(self, device: str, address: str) -> dict[str, Any]:
        login = self._login(device)

        def changed(change: Mapping[str, Any]) -> None:
            self.on_change(change)

        watch: LampWatch | PlainWatch
        if "+" in address:
            watch = LampWatch(self.folder / "lamps", login, self.places, address, changed)
        else:
            watch = PlainWatch(login, self.places, address, changed, registered=self._registered.get(device, False))
        self._watches[watch.id] = watch
        watch.start()
        return {"watch": watch.id}

    def _do_unwatch(self, watch: str) -> None:
        found = self._watches.pop(watch, None)
        if found is None:
            raise Refused("no such watch")
        found.stop()

    # -- events ------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if event.name == "CUSTOM":
            self._take_registration(event)
            return
        if event.name == "NOTIFY_IN":
            self._take_message_lamp(event)
            return
        call_id = event.leg_uuid
        call = self._calls.get(call_id)
        if call is None:
            if event.name != "CHANNEL_PARK" or event.get("Call-Direction") != "inbound":
                return
            call = self._calls[call_id] = self._incoming(event)
            call.ready.set()
            self.on_change(call.change())
            return
        if event.name == "CHANNEL_PARK":
            call.ready.set()
        elif event.name == "DTMF":
            self.on_change({"change": "digit", "call": call_id, "digit": event.get("DTMF-Digit") or ""})
        elif event.name == "CHANNEL_HANGUP_COMPLETE":
            status = event.variable("sip_term_status") or event.variable("sip_invite_failure_status") or "0"
            self._end(call, event.get("Hangup-Cause") or "", int(status))
        elif event.name == "CHANNEL_ANSWER":
            self._move(call, "answered")
        elif event.name == "CHANNEL_PROGRESS" and call.direction == "outgoing":
            self._move(call, "ringing")
        elif event.name == "CHANNEL_PROGRESS_MEDIA" and call.direction == "outgoing":
            self._move(call, "early")

    def _incoming(self, event: Event) -> PlayedCall:
        device = event.variable("sip_gateway") or CARRIER
        profile = event.variable("sofia_profile_name") or ""
        headers: dict[str, str] = {}
        if profile in CARRIERS:
            device = profile
            headers = {name: value for name, variable in HEADERS.items() if (value := event.variable(variable))}
        diversion = event.variable("sip_h_Diversion") or event.variable("sip_i_diversion") or ""
        # A carrier that keeps the rules shows nobody a number it was told to keep.
        hidden = "id" in headers.get("Privacy", "") or "anonymous.invalid" in headers.get("From", "")
        return PlayedCall(
            event.leg_uuid, device, "incoming", event.get("Caller-Destination-Number") or "", state="ringing",
            shown_number="anonymous" if hidden else event.get("Caller-Caller-ID-Number") or "",
            shown_name="Anonymous" if hidden else event.get("Caller-Caller-ID-Name") or "", headers=headers,
            diversion=[part.strip() for part in diversion.split(",") if part.strip()],
            alert_info=event.variable("alert_info") or "")

    def _move(self, call: PlayedCall, state: str) -> None:
        if call.state != state and not call.answered:
            call.state = state
            call.answered = state == "answered"
            self.on_change(call.change())

    def _end(self, call: PlayedCall, cause: str, sip_status: int) -> None:
        call.state, call.end_cause, call.sip_status = "ended", cause, sip_status
        self._calls.pop(call.call, None)
        if call.recording:
            self._recordings[call.call] = call.recording
        self.on_change(call.change())

    def _take_registration(self, event: Event) -> None:
        device, state = event.get("Gateway") or "", event.get("State") or ""
        if event.get("Status"):
            self._last_status[device] = f"{event.get('Status')} {event.get('Phrase')}"
        registered = state == "REGED"
        if self._registered.get(device, False) is not registered:
            self._registered[device] = registered
            self.on_change({"change": "registration", "device": device, "registered": registered})
        self._registration_changed.set()

    def _take_message_lamp(self, event: Event) -> None:
        if event.get("event") != "message-summary":
            return
        text = event.get("pl_data") or ""
        waiting, counts = _WAITING.search(text), _VOICE_MESSAGE.search(text)
        device = event.get("gateway_name") or ""
        change = {"change": "message_lamp", "device": device,
                  "waiting": waiting is not None and waiting.group(1).lower() == "yes",
                  "new": int(counts.group(1)) if counts else 0, "saved": int(counts.group(2)) if counts else 0}
        self._message_lamps[device] = change
        self.on_change(change)

    # -- small things ------------------------------------------------------------------------------

    def _api(self, *words: str) -> str:
        assert self._client is not None
        return self._client.api(words[0], *words[1:])

    def _call(self, call_id: str) -> PlayedCall:
        if call_id not in self._calls:
            raise Refused("this call is over, or never was")
        return self._calls[call_id]

    def _ready(self, call_id: str) -> PlayedCall:
        call = self._call(call_id)
        if not call.ready.wait(2.0):
            raise Refused("there is no sound path yet")
        return call

    def _login(self, device: str) -> Login:
        if device not in self.logins:
            raise Refused(f"no telephone {device!r}; there are {', '.join(sorted(self.logins))}")
        return self.logins[device]
