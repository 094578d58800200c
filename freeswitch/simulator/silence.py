"""A carrier's address where something listens and never says a word: SIP's timer B ends the call (RFC 3261, 17.1.1.2).

The real switch finds out by INVITEs that are not answered; here one datagram asks the machine itself whether anybody
holds the port. Where nobody does, the machine says so at once (ICMP), and so does the switch.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent

from freeswitch.simulator.channel import Channel
from freeswitch.simulator.telephones import Telephone, TelephoneCall
from freeswitch.simulator.variables import leading_int

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

_T1X64_MS = 32_000  # sofia.c: what a profile has that says nothing
_REFUSED_WITHIN_S = 0.05


def is_held(address: str) -> bool:
    """Whether anybody holds the UDP port of host:port on this machine."""
    host, _, port = address.rpartition(":")
    if not host.startswith("127."):
        return False    # nothing is sent to another machine
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(_REFUSED_WITHIN_S)
        try:
            probe.connect((host, leading_int(port)))
            probe.send(b"\r\n\r\n")     # SIP's keep-alive (RFC 5626, 3.5.1)
            probe.recv(1)
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


def never_answered(switch: Switch, profile: str) -> Callable[[Channel], TelephoneCall]:
    """To be called with the leg, as Telephone.incoming."""
    return lambda channel: _Unheard(
        Telephone(switch, "nobody"), channel, "incoming", channel.profile.destination_number,
        _timer_b_s(switch, profile))


def _timer_b_s(switch: Switch, profile: str) -> float:
    for one in switch.configuration.root.iter("profile"):
        if one.get("name") == profile:
            for param in one.iter("param"):
                if (param.get("name") or "").lower() == "timer-t1x64":
                    return leading_int(param.get("value") or "") / 1000
    return _T1X64_MS / 1000


class _Unheard(TelephoneCall):
    def __init__(
        self, telephone: Telephone, channel: Channel, direction: str, number: str, timer_b_s: float,
    ) -> None:
        super().__init__(telephone, channel, direction, number)
        self._timer_b_s = timer_b_s

    def invited(self) -> None:
        gevent.spawn_later(self._timer_b_s, self._given_up)

    def say(self) -> None:
        """Nobody sees a display."""

    def _given_up(self) -> None:
        if not self.channel.down:
            self._refuse(408, "RECOVERY_ON_TIMER_EXPIRE")
