"""Everything a handset has to know, whoever made it. Core."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.presence.handsets.time_zone import ClockRule
from services.presence.lamps import LAST_KEY, PROTOCOL, LampAddress

PICKUP_PREFIX = "**"
"""Dialled before a lamp's address: takes the call that makes it blink (freeswitch/conf/dialplan/internal.xml)."""
MAILBOX_CODE = ("own_mailbox", "*86")
"""Function and standard code of the table of feature codes; a company may dial another."""
MOST_CONTACTS = 1000
"""What the phone books of these handsets hold."""

# Control characters end a line of a configuration, and XML has no place for some others.
_UNFIT = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Account:
    device_id: str
    domain: str
    password: str
    name: str
    extension: str
    server: str
    """host:port handsets send their SIP to."""

    @property
    def host(self) -> str:
        return self.server.rpartition(":")[0]

    @property
    def port(self) -> str:
        return self.server.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class LampKey:
    position: int
    address: str
    """user@domain, `lamp+…`: whom it shows is the server's business."""
    label: str
    """The person on it when the handset last asked, else its number."""

    @property
    def user(self) -> str:
        return self.address.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    number: str
    personal: bool
    """The subscriber's own; else of the company."""
    kind: str = ""
    """What the number is: mobile, home, …; empty for the usual one."""


@dataclass(frozen=True, slots=True)
class Configuration:
    account: Account
    lamp_keys: tuple[LampKey, ...]
    contacts: tuple[Contact, ...]
    mailbox_code: str | None
    """What the mailbox key dials; None: no mailbox."""
    clock: ClockRule
    language: str
    """de or en."""
    country: str
    """ISO 3166, two letters: what the dial tone sounds like."""


def plain(text: str) -> str:
    """Fit for a line of a configuration and for XML."""
    return _UNFIT.sub("", text).strip()


def lamp_keys(extension: str, key: str, domain: str, names: Mapping[int, str]) -> tuple[LampKey, ...]:
    """All eight, the empty ones too: a longer list needs no change at the handset. names: by position."""
    return tuple(
        LampKey(position, f"{PROTOCOL}+{LampAddress(extension, position, key, domain).user}@{domain}",
                plain(names.get(position, "")) or str(position))
        for position in range(1, LAST_KEY + 1))


def phone_book(personal: Iterable[Contact], company: Iterable[Contact]) -> tuple[Contact, ...]:
    """One's own first, then the company, each by name; what does not fit any more is left out."""
    def by_name(contacts: Iterable[Contact]) -> list[Contact]:
        fit = [Contact(plain(one.name) or plain(one.number), plain(one.number), one.personal, one.kind)
               for one in contacts]
        return sorted(fit, key=lambda one: (one.name.casefold(), one.number))

    return tuple((by_name(personal) + by_name(company))[:MOST_CONTACTS])
