"""Registrations: who may, who is, and the events about it (sofia_reg.c)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from freeswitch.simulator.directory import User
from freeswitch.simulator.events import SwitchEvent
from freeswitch.simulator.names import new_uuid

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch
    from freeswitch.simulator.telephones import Telephone

log = structlog.get_logger()

EXPIRES_S = 300
_AGENT = "simulated telephone"


@dataclass
class Registration:
    user: str
    domain: str
    contact: str
    telephone: Telephone
    entry: User
    call_id: str = field(default_factory=new_uuid)
    registered_at: float = field(default_factory=time.time)

    @property
    def port(self) -> str:
        return self.contact.rpartition(":")[2]


class Registrar:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._registrations: dict[tuple[str, str], Registration] = {}
        self._next_port = 40000

    def all(self) -> list[Registration]:
        return list(self._registrations.values())

    def find(self, user: str, domain: str) -> Registration | None:
        return self._registrations.get((user, domain))

    def find_contact(self, address: str) -> Registration | None:
        wanted = address.partition(";")[0]
        return next((one for one in self.all() if one.contact.removeprefix("sip:") == wanted), None)

    def authenticate(self, telephone: Telephone, password: str, *, method: str) -> User | None:
        """The digest question: the directory's password (or its a1-hash) against the telephone's own."""
        entry = self._switch.directory.user(telephone.device, telephone.domain, _question(telephone, method))
        if entry is None:
            return None
        if "a1-hash" in entry.params:
            text = f"{telephone.device}:{telephone.domain}:{password}"
            return entry if hashlib.md5(text.encode()).hexdigest() == entry.params["a1-hash"] else None
        return entry if entry.params.get("password") == password else None

    def register(self, telephone: Telephone, password: str) -> bool:
        """False: 403, and an event that says so."""
        entry = self.authenticate(telephone, password, method="REGISTER")
        if entry is None:
            event = SwitchEvent("CUSTOM", "sofia::register_failure")
            for name, value in (
                ("profile-name", "internal"), ("to-user", telephone.device), ("to-host", telephone.domain),
                ("network-ip", "127.0.0.1"), ("user-agent", _AGENT), ("network-port", "0"),
                ("registration-type", "REGISTER"),
            ):  # fmt: skip
                event.add(name, value)
            self._switch.bus.fire(event)
            log.warning("registration refused", device=telephone.device, domain=telephone.domain)
            return False
        key = (telephone.device, telephone.domain)
        known = self._registrations.get(key)
        if known is None:
            self._next_port = self._next_port + 1 if self._next_port < 49999 else 40000
            contact = f"sip:{telephone.device}@127.0.0.1:{self._next_port}"
            known = self._registrations[key] = Registration(*key, contact, telephone, entry)
        known.entry = entry
        known.registered_at = time.time()
        self._fire_register(known)
        self._ask_for_messages(known)
        return True

    def unregister(self, telephone: Telephone) -> None:
        known = self._registrations.pop((telephone.device, telephone.domain), None)
        if known is None:
            return
        event = SwitchEvent("CUSTOM", "sofia::unregister")
        for name, value in (
            ("profile-name", "internal"), ("username", known.user), ("from-user", known.user),
            ("from-host", known.domain), ("contact", known.contact), ("call-id", known.call_id),
            ("rpid", "unknown"), ("realm", known.domain), ("network-ip", "127.0.0.1"),
            ("network-port", known.port), ("user-agent", _AGENT), ("expires", "0"),
        ):  # fmt: skip
            event.add(name, value)
        self._switch.bus.fire(event)

    def expire_all(self) -> int:
        """Drops every registration as if time had run out; for stories about lost registrations."""
        return self.expire(self.all())

    def expire(self, gone: list[Registration]) -> int:
        """Drops these; tells of each (sofia_reg_del_callback)."""
        for known in gone:
            self._registrations.pop((known.user, known.domain), None)
            event = SwitchEvent("CUSTOM", "sofia::expire")
            for name, value in (
                ("profile-name", "internal"), ("call-id", known.call_id), ("user", known.user),
                ("username", known.user), ("host", known.domain), ("contact", known.contact),
                ("expires", str(int(time.time()))), ("user-agent", _AGENT), ("realm", known.domain),
                ("network-ip", "127.0.0.1"), ("network-port", known.port),
            ):  # fmt: skip
                event.add(name, value)
            self._switch.bus.fire(event)
        return len(gone)

    def _fire_register(self, known: Registration) -> None:
        event = SwitchEvent("CUSTOM", "sofia::register")
        for name, value in (
            ("profile-name", "internal"), ("from-user", known.user), ("from-host", known.domain),
            ("presence-hosts", "n/a"), ("contact", f'"" <{known.contact}>'), ("call-id", known.call_id),
            ("rpid", "unknown"), ("status", "Registered(UDP)"), ("expires", str(EXPIRES_S)),
            ("to-user", known.user), ("to-host", known.domain), ("network-ip", "127.0.0.1"),
            ("network-port", known.port), ("username", known.user), ("realm", known.domain),
            ("user-agent", _AGENT),
        ):  # fmt: skip
            event.add(name, value)
        self._switch.bus.fire(event)

    def _ask_for_messages(self, known: Registration) -> None:
        """send-message-query-on-register."""
        event = SwitchEvent("MESSAGE_QUERY")
        event.add("Message-Account", f"sip:{known.user}@{known.domain}")
        event.add("VM-Sofia-Profile", "internal")
        event.add("VM-Call-ID", known.call_id)
        self._switch.bus.fire(event)


def _question(telephone: Telephone, method: str) -> dict[str, str]:
    """What sofia_reg_parse_auth tells the directory."""
    return {
        "action": "sip_auth", "sip_profile": "internal", "sip_user_agent": _AGENT,
        "sip_auth_username": telephone.device, "sip_auth_realm": telephone.domain,
        "sip_contact_user": telephone.device, "sip_contact_host": "127.0.0.1",
        "sip_to_user": telephone.device, "sip_to_host": telephone.domain,
        "sip_from_user": telephone.device, "sip_from_host": telephone.domain,
        "sip_request_host": telephone.domain, "sip_auth_method": method, "ip": "127.0.0.1",
    }  # fmt: skip
