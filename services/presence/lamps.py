"""The lamp keys of handsets: their addresses, what each shows, and the event that shows it.

A handset subscribes to `lamp+<own extension>-<n>-<key>` and is shown the n-th person of its owner's list, or to
`lamp+<own extension>-night-<key>` and is shown the night service of its owner's site. Of
mod_sofia (sofia_presence.c, 1.11.2):

- sofia_presence_handle_sip_i_subscribe cuts `lamp+` off: the subscription is filed under protocol `lamp`,
  user `21-1-<key>`, host as in To. It fires PRESENCE_PROBE on every SUBSCRIBE, `expires: 0` at the end, and
  answers 202 whoever asks: authentication proves a device of any company, and From is not held against it.
  Hence the key; From is only looked at to catch a key that was copied to a foreign handset by mistake.
- do_normal_probe answers protocol `sip` only. Nobody's answer, no NOTIFY.
- A PRESENCE_IN reaches subscriptions of its own protocol only. A lamp on a plain extension is filed under `sip`
  and fed by the switch itself from presence ids, so the two never meet.
- sofia_presence_sub_callback writes Caller-Caller-ID-Name and -Number into the XML unescaped, the name
  as the display of the remote party, and `sip:**21-1-<key>` (without `lamp+`) as its target: what a handset
  dials to pick up. Without a number the two parties are left out.
- unique-id must not be a leg that is up: `sendevent` hands such an event to that channel and to nobody else
  (mod_event_socket.c parse_command). Nor may it hold a `-`: then it is taken for a leg of
  sip_dialogs, whose state the event would change. So it is the lamp's own, the same all the time.
- Presence-Call-Direction `outbound` is needed for `early`: towards the lamp's person (direction "recipient").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from services.presence.states import Lamp

PROTOCOL = "lamp"
LAST_KEY = 8
NIGHT = "night"

_USER = re.compile(r"([0-9]{2,6})-([1-9]|night)-([a-z0-9]{10,32})")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
# Neither control characters, which no header may hold, nor what XML has no place for.
_UNFIT_FOR_XML = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class LampAddress:
    extension: str
    shows: int | str
    """The position in the owner's list, or what is no person: NIGHT."""
    key: str
    domain: str

    @property
    def user(self) -> str:
        """As mod_sofia files it, without the protocol."""
        return f"{self.extension}-{self.shows}-{self.key}"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a lamp shows. Two equal pictures need one NOTIFY."""

    lamp: Lamp
    number: str = ""
    name: str = ""


DARK = Picture(Lamp.TERMINATED)


def parse_address(text: str) -> LampAddress | None:
    """`lamp+21-1-<key>@domain`, the `to` of a probe; None for anything else."""
    user, at, domain = text.partition("@")
    protocol, plus, rest = user.partition("+")
    found = _USER.fullmatch(rest)
    if protocol != PROTOCOL or not (at and plus and found and domain):
        return None
    shows = found[2] if found[2] == NIGHT else int(found[2])
    if isinstance(shows, int) and shows > LAST_KEY:
        return None
    return LampAddress(found[1], shows, found[3], domain.lower())


def nobody_at(text: str) -> str:
    """In whose name a lamp that shows nobody is answered; text: the `to` of its probe.

    Neither an extension nor a device, which have two signs and more: in the name of one who has a call mod_sofia would
    show that call (sofia_presence.c, actual_sofia_presence_event_handler, "simulate a call that is up"), and anybody
    can subscribe to `lamp+22`.
    """
    domain = text.rpartition("@")[2]
    return f"x@{domain if _DOMAIN.fullmatch(domain) else 'lamp.invalid'}"


def picture_of(lamp: Lamp, number: str, name: str) -> Picture:
    """A dark lamp shows nobody, so that a changed name alone is no news to it."""
    return DARK if lamp is Lamp.TERMINATED else Picture(lamp, number, name)


def presence_headers(user_at_host: str, picture: Picture, *, only_call_id: str | None = None) -> dict[str, str]:
    """Headers of the PRESENCE_IN that shows the picture on every handset that subscribed to the address,
    or on the one subscription with only_call_id."""
    headers = {
        "proto": PROTOCOL,
        "from": user_at_host,
        "login": user_at_host,
        "event_type": "presence",
        "alt_event_type": "dialog",
        "unique-id": "lamp" + re.sub("[^A-Za-z0-9]", "", user_at_host.partition("@")[0]),
        "channel-state": _CHANNEL_STATE[picture.lamp],
        "answer-state": picture.lamp.value,
        "Presence-Call-Direction": "outbound",
    }
    if only_call_id is not None:
        headers["call-id"] = only_call_id
    if picture.number:
        headers["Caller-Caller-ID-Number"] = picture.number
        headers["Caller-Caller-ID-Name"] = xml_text(picture.name or picture.number)
    return headers


def xml_text(name: str) -> str:
    """For use inside an XML attribute; characters XML has no place for are left out."""
    return escape(_UNFIT_FOR_XML.sub("", name), {'"': "&quot;", "'": "&apos;"})


_CHANNEL_STATE = {
    Lamp.TERMINATED: "CS_HANGUP",
    Lamp.EARLY: "CS_ROUTING",
    Lamp.CONFIRMED: "CS_EXECUTE",
}
