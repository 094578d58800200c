"""Lamps on telephones: those for messages, and keys that watch `proto+` addresses (sofia_presence.c).

A key on a plain extension is mod_sofia's own business and not simulated: watching one is refused.
"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.names import new_uuid

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch
    from freeswitch.simulator.telephones import Telephone

log = structlog.get_logger()

EXPIRES_S = 300


class Watch:
    """One subscription with Event: dialog."""

    def __init__(self, telephone: Telephone, address: str) -> None:
        self.id = new_uuid()
        self.telephone = telephone
        self.address = address
        self.protocol, _, self.user = address.partition("+")

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
        self._probe(watch, EXPIRES_S)
        return watch

    def unwatch(self, watch_id: str) -> None:
        watch = self.watches.pop(watch_id)
        self._probe(watch, 0)

    def _probe(self, watch: Watch, expires_s: int) -> None:
        """Nothing is shown until somebody answers this."""
        event = SwitchEvent("PRESENCE_PROBE")
        domain = watch.telephone.domain
        for name, value in (
            ("proto", watch.protocol), ("login", "internal"), ("sip_profile", "internal"),
            ("from", f"{watch.telephone.device}@{domain}"), ("to", f"{watch.address}@{domain}"),
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
            if watch.protocol != protocol or f"{watch.user}@{watch.telephone.domain}".lower() != who.lower():
                continue
            if only is not None and only != watch.id:
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
