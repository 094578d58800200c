"""How the switch's gateways are, in our words: `sofia xmlstatus gateway` (mod_sofia.c cmd_xml_status)."""

from __future__ import annotations

from xml.etree import ElementTree

STATES = ("registered", "unregistered", "failed", "not_needed", "unknown")
_OF_THE_SWITCH = {
    "REGED": "registered", "NOREG": "not_needed", "FAILED": "failed", "FAIL_WAIT": "failed", "TIMEOUT": "failed",
}
_UNREGISTERED = "unregistered"


def state_of(text: str) -> str:
    """Of one gateway; where one is on its way out there is none any more, which the switch says in plain words."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return "unknown"
    return _word(root)


def states_of(text: str, profile: str) -> dict[str, str]:
    """By name, of all gateways of this profile. Raises ValueError for what is no list of gateways."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"no list of gateways: {error}") from error
    return {one.findtext("name") or "": _word(one) for one in root.iter("gateway")
            if one.findtext("profile") == profile}


def _word(gateway: ElementTree.Element) -> str:
    return _OF_THE_SWITCH.get(gateway.findtext("state") or "", _UNREGISTERED)
