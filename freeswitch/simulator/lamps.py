"""Lamps on telephones: for messages, and keys that watch `proto+` addresses or plain extensions (sofia_presence.c).

Who watches a plain extension follows its legs; the switch sends nothing to those whom the triggers of
freeswitch/conf/profiles/internal.xml leave out.
"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.names import new_uuid

if TYPE_CHECKING:
    from freeswitch.simulator.channel import Channel
    from freeswitch.simulator.switch import Switch
    from freeswitch.simulator.telephones import Telephone

log = structlog.get_logger()

EXPIRES_S = 300
# What mod_sofia makes of a leg on a plain extension; a leg with another call state is not shown.
_OF_A_LEG = {"RING_WAIT": "early", "RINGING": "early", "EARLY": "early", "ACTIVE": "confirmed", "HELD": "confirmed",
             "UNHELD": "confirmed"}  # fmt: skip


class Watch:
    """One subscription with Event: dialog; a plain extension has no protocol."""

    def __init__(self, telephone: Telephone, address: str) -> None:
        self.id = new_uuid()
        self.telephone = telephone
        self.address = address
        user, _, domain = address.partition("@")
        self.protocol, _, self.user = user.rpartition("+")
        self.domain = domain or telephone.domain

    def change(self, **shown: object) -> dict[str, object]:
        return {
            "change": "lamp", "watch": self.id, "device": self.telephone.device, "address": self.address,
            "state": "terminated", "remote_name": "", "remote_number": "", "sip_status": 200, **shown,
        }  # fmt: skip


class Lamps:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.watches: dict[str, Watch] = {}

    def watch(self, telephone: Telephone, address: str) -> Watch:
        watch = Watch(telephone, address)
        self.watches[watch.id] = watch
        if watch.protocol:
            self._probe(watch, EXPIRES_S)
        elif self._may_watch(watch):
            self._show_plain(watch, self._state_of_legs(watch) or "terminated")
        return watch

    def unwatch(self, watch_id: str) -> None:
        watch = self.watches.pop(watch_id)
        if watch.protocol:
            self._probe(watch, 0)

    def _may_watch(self, watch: Watch) -> bool:
        registered = self._switch.registrar.find(watch.telephone.device, watch.telephone.domain) is not None
        return registered and watch.domain == watch.telephone.domain

    def call_changed(self, channel: Channel) -> None:
        """sofia_presence_sub_callback: by the leg that changed, or by those still up when it has ended."""
        who = channel.variables.get("presence_id")
        for watch in list(self.watches.values()):
            if watch.protocol or f"{watch.user}@{watch.domain}" != who or not self._may_watch(watch):
                continue
            if channel.call_state == "HANGUP":
                self._show_plain(watch, self._state_of_legs(watch) or "terminated")
            elif channel.call_state in _OF_A_LEG:
                self._show_plain(watch, _OF_A_LEG[channel.call_state])

    def _state_of_legs(self, watch: Watch) -> str | None:
        shown = {_OF_A_LEG.get(leg.call_state) for leg in self._switch.channels.values()
                 if leg.variables.get("presence_id") == f"{watch.user}@{watch.domain}"}  # fmt: skip
        return next((state for state in ("confirmed", "early") if state in shown), None)

    def _show_plain(self, watch: Watch, state: str) -> None:
        """presence_privacy: nobody is named."""
        up = state != "terminated"
        self._switch.telephones.changed(watch.change(
            state=state, remote_name="Anonymous" if up else "", remote_number="anonymous" if up else ""))

    def _probe(self, watch: Watch, expires_s: int) -> None:
        """Nothing is shown until somebody answers this."""
        event = SwitchEvent("PRESENCE_PROBE")
        for name, value in (
            ("proto", watch.protocol), ("login", "internal"), ("sip_profile", "internal"),
            ("from", f"{watch.telephone.device}@{watch.telephone.domain}"),
            ("to", f"{watch.protocol}+{watch.user}@{watch.domain}"),
            ("proto-specific-event-name", "dialog"), ("event_type", "presence"), ("alt_event_type", "dialog"),
            ("expires", str(expires_s)), ("sub-call-id", watch.id),
        ):  # fmt: skip
            event.add(name, value)
        self._switch.bus.fire(event)

    def presence_in(self, event: SwitchEvent) -> None:
        """A service tells what an address shows: one NOTIFY to each who watches it."""
        protocol, who = event.get("proto"), event.get("from") or ""
        only = event.get("call-id")
        for watch in list(self.watches.values()):
            # By Call-ID nothing else is looked at, not even whom it watches.
            if only is not None:
                if only != watch.id:
                    continue
            elif watch.protocol != protocol or f"{watch.user}@{watch.domain}".lower() != who.lower():
                continue
            state = event.get("answer-state") or "terminated"
            if state not in ("early", "confirmed", "terminated"):
                log.error("a lamp state mod_sofia does not show", state=state)
                continue
            shown_name = event.get("Caller-Caller-ID-Name") or ""
            self._switch.telephones.changed(
                watch.change(
                    state=state,
                    # The name goes into the XML as it is, so an escaped one arrives as text.
                    remote_name=unescape(shown_name) if state != "terminated" else "",
                    remote_number=(event.get("Caller-Caller-ID-Number") or "") if state != "terminated" else "",
                )
            )

    def message_waiting(self, event: SwitchEvent) -> None:
        """actual_sofia_presence_mwi_event_handler: by account to everybody, or to the one who asked."""
        account = (event.get("MWI-Message-Account") or "").removeprefix("sip:")
        waiting = event.get("MWI-Messages-Waiting")
        if not account or waiting is None:
            log.error("MESSAGE_WAITING without MWI-Message-Account or MWI-Messages-Waiting")
            return
        call_id = event.get("call-id")
        numbers = (event.get("MWI-Voice-Message") or "0/0").partition(" ")[0]
        new, _, saved = numbers.partition("/")
        for known in self._switch.registrar.all():
            if known.call_id != call_id if call_id else f"{known.user}@{known.domain}".lower() != account.lower():
                continue
            known.telephone.show_messages(waiting.lower() == "yes", int(new or 0), int(saved or 0))
