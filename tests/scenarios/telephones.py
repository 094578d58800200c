"""Telephones as a story uses them, the same words on both switches.

    story -> Telephone, Call, Lamp -> TelephoneDriver.perform(request) -> switch
    switch -> change -> Telephones.take(change) -> whoever waits for it

A driver is the only thing that differs: tests/handsets drives a second FreeSWITCH and SIPp, the
simulator takes the same requests as `api telephone <one line of JSON>` on its event socket and sends
the same changes as the body of `CUSTOM simulator::telephone` events. The two tables below are the whole
agreement; whatever is not in them a driver refuses with {"ok": false, "error": "<why>"}.

Requests (all have "do"; a device is named by its id, the trunk's far side is the device "carrier",
a second carrier, at the port after the trunk's, "carrier-2").
The answer is {"ok": true} and what stands behind the arrow:

    {"do": "state"}                              -> "changes": [<change>...], everything as it is now
    {"do": "reset"}                              ends all calls and watches, answered after their last change
    {"do": "register", "device": d}              answered once the switch has accepted it
    {"do": "register", "device": d, "password": p}   with this password instead of the device's own
    {"do": "unregister", "device": d}            answered once the switch has taken it out
    {"do": "dial", "device": d, "to": "22"}      -> "call": id
         optional "name": the display name sent; carrier only: "from": "+49171..." or null (withheld), and with null
         "asserted": "+49171...", told to the system alone (P-Asserted-Identity, Privacy: id)
         optional "codec": "PCMA", "PCMU", "G722" or "opus": the only one offered (on real SIP alone)
    {"do": "answer", "call": id}
    {"do": "announce", "call": id}               183: the caller hears what is played, and nobody answered
    {"do": "reject", "call": id, "sip_status": 486}   486 busy, 603 declined, 480 not available, 404...
    {"do": "redirect", "call": id, "to": "0171..."}   302 with this number at the switch's own address
    {"do": "transfer", "call": id, "to": "22"}        REFER: blind, the other side is to call this
    {"do": "hangup", "call": id}
    {"do": "digits", "call": id, "digits": "12#"}     keys while the call is up (RFC 4733)
    {"do": "hold", "call": id}   {"do": "unhold", "call": id}
    {"do": "speak", "call": id, "sound": s}      s: "tone:440" (until told otherwise), "silence", a WAV's path,
                                                 or "nothing": from here on no packets at all
    {"do": "record", "call": id}                 -> "path": p; starts writing what this telephone hears
    {"do": "heard", "call": id}                  -> "path": p; stops: the WAV (8 kHz, mono, 16 bit) is complete
    {"do": "watch", "device": d, "address": "lamp+21-1-k"}   -> "watch": id
         or a plain extension, "22" or "22@other-company.example"
    {"do": "unwatch", "watch": id}

Changes, each the full state of one thing:

    {"change": "registration", "device": d, "registered": true|false}
    {"change": "call", "call": id, "device": d, "direction": "incoming"|"outgoing", "state": s, "held": bool,
     "number": dialled or called number, "shown_number": "", "shown_name": "",
     "diversion": ["<sip:...>;reason=..."], "alert_info": "", "sip_status": 0, "end_cause": "",
     "headers": {"From": "...", "P-Asserted-Identity": "...", ...}}   at a carrier: how the INVITE said who calls
        s: trying (outgoing), ringing (outgoing: 180 came; incoming: it rings), early (183 with sound),
        answered, ended. end_cause: FreeSWITCH's name (NORMAL_CLEARING...). sip_status: the final status,
        0 while there is none. An incoming call is announced with state ringing. A call that ended
        sends nothing more.
    {"change": "digit", "call": id, "digit": "1"}              a key that arrived here
    {"change": "lamp", "watch": id, "device": d, "address": a, "state": "terminated"|"early"|"confirmed",
     "remote_name": "", "remote_number": "", "sip_status": 0}   one per NOTIFY; sip_status >= 300: refused
    {"change": "message_lamp", "device": d, "waiting": bool, "new": n, "saved": n}
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

Change = Mapping[str, Any]

WAIT_S = 5.0


class TelephoneDriver(Protocol):
    """What a switch's side implements: requests in, changes out."""

    on_change: Callable[[Change], None]

    def perform(self, request: Mapping[str, Any]) -> dict[str, Any]: ...

    def stop(self) -> None: ...


class TelephoneRefused(Exception):
    """The driver could not do what was asked; the text says why."""


class NeverHappened(AssertionError):
    """What the story waited for did not come in time; the text says what came instead."""


class Call:
    """One telephone's end of a call."""

    def __init__(self, telephones: Telephones, call_id: str) -> None:
        self._telephones = telephones
        self.id = call_id
        self.device = ""
        self.direction = ""
        self.states: list[str] = []
        self.held = False
        self.number = ""
        self.shown_number = ""
        self.shown_name = ""
        self.diversion: list[str] = []
        self.alert_info = ""
        self.headers: dict[str, str] = {}
        self.sip_status = 0
        self.end_cause = ""
        self.digits = ""

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else "trying"

    @property
    def up(self) -> bool:
        return "ended" not in self.states

    def take(self, change: Change) -> None:
        self.device = change["device"]
        self.direction = change["direction"]
        self.held = change["held"]
        for name in ("number", "shown_number", "shown_name", "alert_info", "sip_status", "end_cause"):
            setattr(self, name, change[name])
        self.diversion = list(change["diversion"])
        self.headers = dict(change.get("headers") or {})
        if not self.states or self.states[-1] != change["state"]:
            self.states.append(change["state"])

    def answer(self) -> Call:
        self._do("answer")
        return self.wait_for("answered")

    def announce(self) -> Call:
        self._do("announce")
        return self

    def reject(self, sip_status: int = 486) -> Call:
        self._do("reject", sip_status=sip_status)
        return self.wait_for("ended")

    def redirect(self, to: str) -> Call:
        """Instead of ringing: the caller is told to try another number."""
        self._do("redirect", to=to)
        return self.wait_for("ended")

    def transfer(self, to: str) -> Call:
        """Blind: whoever is on the other side is sent to this number, and this telephone is out."""
        self._do("transfer", to=to)
        return self.wait_for("ended")

    def hangup(self) -> Call:
        self._do("hangup")
        return self.wait_for("ended")

    def send_digits(self, digits: str) -> Call:
        self._do("digits", digits=digits)
        return self

    def hold(self) -> Call:
        self._do("hold")
        return self

    def unhold(self) -> Call:
        self._do("unhold")
        return self

    def speak(self, sound: str) -> Call:
        """sound: "tone:440", "silence", the path of a WAV, or "nothing": no packets, as a telephone that is muted."""
        self._do("speak", sound=sound)
        return self

    def record(self) -> str:
        return str(self._do("record")["path"])

    def heard(self) -> str:
        return str(self._do("heard")["path"])

    def wait_for(self, state: str, timeout_s: float = WAIT_S) -> Call:
        """Comes back at once when the call was in that state already."""
        self._telephones.wait(
            lambda: state in self.states or not self.up, timeout_s,
            lambda: f"{self} waited for {state!r}")
        if state not in self.states:
            raise NeverHappened(f"{self} ended before it was {state!r}")
        return self

    def wait_for_digits(self, digits: str, timeout_s: float = WAIT_S) -> Call:
        self._telephones.wait(
            lambda: digits in self.digits, timeout_s, lambda: f"{self} waited for the keys {digits!r}")
        return self

    def _do(self, verb: str, **details: Any) -> dict[str, Any]:
        return self._telephones.perform({"do": verb, "call": self.id, **details})

    def __repr__(self) -> str:
        ended = f", {self.end_cause} {self.sip_status}" if self.end_cause else ""
        return f"<{self.direction} call of {self.device}, {self.number}: {'>'.join(self.states)}{ended}>"


class Lamp:
    """A lamp key: SUBSCRIBE with Event: dialog, and what the NOTIFYs showed."""

    def __init__(self, telephones: Telephones, watch_id: str, address: str) -> None:
        self._telephones = telephones
        self.id = watch_id
        self.address = address
        self.history: list[Change] = []

    @property
    def state(self) -> str | None:
        return str(self.history[-1]["state"]) if self.history else None

    def wait_for(self, state: str, timeout_s: float = WAIT_S) -> Lamp:
        """Until the lamp shows this state (the latest NOTIFY counts)."""
        self._telephones.wait(
            lambda: self.state == state, timeout_s,
            lambda: f"lamp {self.address} waited for {state!r}, showed {[c['state'] for c in self.history]}")
        return self

    def wait_until_refused(self, timeout_s: float = WAIT_S) -> int:
        self._telephones.wait(
            lambda: bool(self.history) and self.history[-1]["sip_status"] >= 300, timeout_s,
            lambda: f"lamp {self.address} waited to be refused")
        return int(self.history[-1]["sip_status"])

    def stop(self) -> None:
        self._telephones.perform({"do": "unwatch", "watch": self.id})


class MessageLamp:
    """The lamp for new messages (Event: message-summary)."""

    def __init__(self, telephones: Telephones, device: str) -> None:
        self._telephones = telephones
        self._device = device
        self.lit: bool | None = None       # None: the switch has not said yet
        self.new = 0
        self.saved = 0

    def take(self, change: Change) -> None:
        self.lit, self.new, self.saved = bool(change["waiting"]), int(change["new"]), int(change["saved"])

    def wait_for(self, *, new: int, timeout_s: float = WAIT_S) -> MessageLamp:
        self._telephones.wait(
            lambda: self.lit is not None and self.new == new and self.lit == (new > 0), timeout_s,
            lambda: f"message lamp of {self._device} waited for {new} new, shows {self.new}, lit: {self.lit}")
        return self


class Telephone:
    """A handset of the company, or (device "carrier") the far side of the trunk."""

    def __init__(self, telephones: Telephones, device: str) -> None:
        self._telephones = telephones
        self.device = device
        self.registered = False
        self.message_lamp = MessageLamp(telephones, device)

    @property
    def calls(self) -> list[Call]:
        return [call for call in self._telephones.calls.values() if call.device == self.device]

    def register(self, password: str | None = None) -> Telephone:
        request: dict[str, Any] = {"do": "register", "device": self.device}
        self._telephones.perform(request if password is None else {**request, "password": password})
        self.registered = True
        return self

    def unregister(self) -> Telephone:
        self._telephones.perform({"do": "unregister", "device": self.device})
        self.registered = False
        return self

    def dial(
        self, number: str, *, name: str | None = None, from_number: str | None = None, asserted: str | None = None,
        codec: str | None = None,
    ) -> Call:
        """from_number is the carrier's caller (None: withheld, asserted to the system alone); a handset shows what the
        directory says."""
        request: dict[str, Any] = {"do": "dial", "device": self.device, "to": number}
        request |= {key: value for key, value in (("name", name), ("codec", codec)) if value is not None}
        if self.device.startswith("carrier"):
            request["from"] = from_number
        if asserted is not None:
            request["asserted"] = asserted
        return self._telephones.call(self._telephones.perform(request)["call"])

    def wait_for_ring(self, timeout_s: float = WAIT_S) -> Call:
        """The next incoming call no story has been handed yet."""
        found: list[Call] = []

        def ringing() -> bool:
            found[:] = [c for c in self.calls if c.direction == "incoming" and c.up
                        and c.id not in self._telephones.handed_out]
            return bool(found)

        self._telephones.wait(
            ringing, timeout_s, lambda: f"{self.device} never rang; its calls: {self.calls}; waited")
        self._telephones.handed_out.add(found[0].id)
        return found[0]

    def stays_silent(self) -> bool:
        """True when no call has reached this telephone that no story was handed."""
        known = self._telephones.handed_out
        return not any(c.direction == "incoming" and c.id not in known for c in self.calls)

    def watch(self, address: str) -> Lamp:
        answer = self._telephones.perform({"do": "watch", "device": self.device, "address": address})
        return self._telephones.lamp(answer["watch"], address)


class Telephones:
    """All telephones of one switch: telephones["anna"], telephones["anna-soft"], telephones.carrier."""

    def __init__(self, driver: TelephoneDriver) -> None:
        self._driver = driver
        self._changed = threading.Condition()
        self._telephones: dict[str, Telephone] = {}
        self.calls: dict[str, Call] = {}
        self.lamps: dict[str, Lamp] = {}
        self.handed_out: set[str] = set()
        driver.on_change = self.take

    def __getitem__(self, name: str) -> Telephone:
        """A subscriber's first name stands for the device on the desk."""
        device = name if "-" in name or name == "carrier" else f"{name}-desk"
        with self._changed:
            if device not in self._telephones:
                self._telephones[device] = Telephone(self, device)
            return self._telephones[device]

    @property
    def carrier(self) -> Telephone:
        return self["carrier"]

    def call(self, call_id: str) -> Call:
        with self._changed:
            return self.calls.setdefault(call_id, Call(self, call_id))

    def lamp(self, watch_id: str, address: str) -> Lamp:
        with self._changed:
            return self.lamps.setdefault(watch_id, Lamp(self, watch_id, address))

    def perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._driver.perform(request)
        if not answer.get("ok"):
            raise TelephoneRefused(f"{dict(request)}: {answer.get('error', 'no reason given')}")
        return answer

    def take(self, change: Change) -> None:
        """Called by the driver, from whichever thread or greenlet reads the switch."""
        with self._changed:
            kind = change["change"]
            if kind == "call":
                self.calls.setdefault(change["call"], Call(self, change["call"])).take(change)
            elif kind == "digit":
                self.calls.setdefault(change["call"], Call(self, change["call"])).digits += change["digit"]
            elif kind == "lamp":
                lamp = self.lamps.setdefault(change["watch"], Lamp(self, change["watch"], change["address"]))
                lamp.history.append(change)
            elif kind == "message_lamp":
                self[change["device"]].message_lamp.take(change)
            elif kind == "registration":
                self[change["device"]].registered = bool(change["registered"])
            else:
                raise ValueError(f"a telephone said something unknown: {dict(change)}")
            self._changed.notify_all()

    def wait(self, happened: Callable[[], bool], timeout_s: float, story: Callable[[], str]) -> None:
        ends_at = time.monotonic() + timeout_s
        with self._changed:
            while not happened():
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    raise NeverHappened(f"{story()} for {timeout_s} s")
                self._changed.wait(left_s)

    def reset(self) -> None:
        """Between two stories: no call, no watch; who is registered stays so."""
        self.perform({"do": "reset"})
        with self._changed:
            self.calls.clear()
            self.lamps.clear()
            self.handed_out.clear()

    def stop(self) -> None:
        self._driver.stop()
