"""A directory entry as FreeSWITCH reads it (core; mod_xml_curl asks, switch_directory.py answers).

Two kinds of user. A device registers and calls: it carries a1-hash and who it is. A person (an extension of
a domain, or a number under numbers.invalid) only carries where it rings, for the dialplan's way on while
routing is away. Both are remembered by the switch until they are flushed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from phonenumbers import PhoneMetadata

from shared.dialling import Endpoint, Leg, dial_string, showable_name

NUMBERS_DOMAIN = "numbers.invalid"
NOT_FOUND = (
    '<document type="freeswitch/xml"><section name="result">'
    '<result status="not found"/></section></document>'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of routing.directory_entry."""

    kind: str
    company_id: int
    domain: str
    subscriber_id: int
    extension: str
    name: str
    language: str
    main_number: str
    site_number: str
    country: str
    area_code: str
    device_id: str
    sip_ha1: str
    devices: Sequence[str]
    trunks: Sequence[str]
    has_mailbox: bool
    numbers: Sequence[str] = ()


def document(user: str, domain: str, entry: Entry) -> str:
    """user and domain as asked: they are the key under which the switch remembers the entry."""
    root = ElementTree.Element("document", type="freeswitch/xml")
    section = ElementTree.SubElement(root, "section", name="directory")
    in_domain = ElementTree.SubElement(section, "domain", name=domain)
    groups = ElementTree.SubElement(in_domain, "groups")
    group = ElementTree.SubElement(groups, "group", name="default")
    users = ElementTree.SubElement(group, "users")
    # Any text that is not a number keeps it until xml_flush_cache (switch_xml.c, switch_xml_locate_user_merged).
    one = ElementTree.SubElement(users, "user", id=user, cacheable="forever")
    params, variables = _device(entry) if entry.kind == "device" else _person(entry)
    _named(one, "params", "param", params)
    _named(one, "variables", "variable", variables)
    # No <?xml …?> in front: the switch's preprocessor drops the whole line it stands in (switch_xml.c, preprocess).
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")


def device_variables(entry: Entry) -> Mapping[str, str]:
    """What each call of this telephone carries from the moment it authenticated."""
    variables = {
        "user_context": "internal",
        "presence_id": f"{entry.extension}@{entry.domain}",
        "presence_privacy": "true",  # the switch's own lamps name nobody: shared/dialling.py
        "pbx_company": str(entry.company_id),
        "pbx_subscriber": str(entry.subscriber_id),
        "pbx_device": entry.device_id,
        "pbx_language": entry.language,
        "pbx_country": entry.country,
        "pbx_area_code": entry.area_code,
        # For calls while routing is away: emergency calls go out with these alone.
        "pbx_site_number": entry.site_number or entry.main_number,
        "pbx_gateway": entry.trunks[0] if entry.trunks else "",
        "pbx_gateway_2": entry.trunks[1] if len(entry.trunks) > 1 else "",
        "pbx_emergency_numbers": emergency_pattern(entry.country),
        "effective_caller_id_name": showable_name(entry.name),
        "effective_caller_id_number": entry.extension,
    }
    return {name: value for name, value in variables.items() if value}


def _device(entry: Entry) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return {"a1-hash": entry.sip_ha1}, device_variables(entry)


def _person(entry: Entry) -> tuple[Mapping[str, str], Mapping[str, str]]:
    variables = {
        "pbx_company": str(entry.company_id),
        "pbx_language": entry.language,
        "pbx_mailbox": str(entry.subscriber_id) if entry.has_mailbox else "",
    }
    # Without this anybody registers as the extension: no password counts as a right one (sofia_reg.c).
    params = {"dial-string": _rings_at(entry), "allow-empty-password": "false"}
    return params, {name: value for name, value in variables.items() if value}


def _rings_at(entry: Entry) -> str:
    if not entry.devices:
        return "error/user_not_registered"
    leg_variables = {
        "presence_id": f"{entry.extension}@{entry.domain}", "pbx_leg_subscriber": str(entry.subscriber_id)}
    return dial_string([
        Leg(Endpoint.DEVICE, device, entry.domain, variables=leg_variables) for device in entry.devices])


def emergency_pattern(country: str) -> str:
    """The country's emergency numbers as a regular expression's alternatives: "112|110"."""
    metadata = PhoneMetadata.short_metadata_for_region(country)
    pattern = metadata.emergency.national_number_pattern if metadata and metadata.emergency else None
    return "".join((pattern or "112").split())


def _named(parent: ElementTree.Element, container: str, tag: str, values: Mapping[str, str]) -> None:
    inside = ElementTree.SubElement(parent, container)
    for name, value in values.items():
        ElementTree.SubElement(inside, tag, name=name, value=value)
