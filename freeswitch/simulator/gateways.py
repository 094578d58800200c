"""The gateways of a profile: asked from the directory domain by domain, or taken from the switch's own files.

Follows launch_sofia_worker_thread, config_sofia and parse_gateways (sofia.c): what is there already stays as it is
until `killgw` takes it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import structlog

from freeswitch.simulator.events import SwitchEvent

if TYPE_CHECKING:
    from freeswitch.simulator.switch import Switch

log = structlog.get_logger()


@dataclass(frozen=True)
class Gateway:
    name: str
    profile: str
    address: str
    """host:port it leads to."""
    from_domain: str = ""
    registers: bool = False


class Gateways(dict[str, Gateway]):
    """By name."""

    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self._switch = switch

    def scan(self) -> None:
        for profile in self._switch.configuration.root.iter("profile"):
            name = profile.get("name", "")
            for one in profile.iter("gateway"):
                self._add(one, name)
            for domain in profile.iterfind("domains/domain"):
                if domain.get("parse") == "true":
                    self._add_domain(domain.get("name", ""), name)

    def _add_domain(self, domain: str, profile: str) -> None:
        asked = self._switch.directory.of_domain(domain, {"purpose": "gateways", "profile": profile})
        section = self._switch.configuration.section("directory")
        for document in (asked, section):
            found = next((one for one in _domains(document) if one.get("name") == domain), None)
            if found is not None:
                for one in found.iter("gateway"):
                    self._add(one, profile)
                return
        log.info("no such domain", domain=domain)

    def _add(self, element: ElementTree.Element, profile: str) -> None:
        params = {one.get("name", ""): one.get("value", "") for one in element.iter("param")}
        one = Gateway(element.get("name", ""), profile, params.get("proxy", ""), params.get("from-domain", ""),
                      params.get("register") == "true")
        if one.name in self:
            log.warning("Ignoring duplicate gateway", name=one.name)
        else:
            self[one.name] = one
            if one.registers:
                event = SwitchEvent("CUSTOM", "sofia::gateway_state")
                for header, value in (("Gateway", one.name), ("State", "TRYING"), ("Ping-Status", "DOWN")):
                    event.add(header, value)
                self._switch.bus.fire(event)


def _domains(document: ElementTree.Element | None) -> Iterator[ElementTree.Element]:
    return iter(()) if document is None else document.iter("domain")


_XML = '<?xml version="1.0" encoding="ISO-8859-1"?>'


def as_xml(gateways: Gateways, name: str | None = None) -> str:
    """cmd_xml_status (mod_sofia.c), the lines services look at: one, or all."""
    if name is not None:
        return f"{_XML}\n{_one(gateways[name])}" if name in gateways else "Invalid Gateway!\n"
    return f"{_XML}\n<gateways>\n{''.join(map(_one, gateways.values()))}</gateways>\n"


def _one(gateway: Gateway) -> str:
    """Nobody registers at the simulated carriers, and a gateway that is to goes on trying."""
    return (f"  <gateway>\n    <name>{gateway.name}</name>\n    <profile>{gateway.profile}</profile>\n"
            f"    <state>{'TRYING' if gateway.registers else 'NOREG'}</state>\n"
            f"    <status>{'DOWN' if gateway.registers else 'UP'}</status>\n  </gateway>\n")
