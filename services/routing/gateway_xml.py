"""The trunks as FreeSWITCH reads them: users of one domain nobody registers in, each with its gateway and addresses.

mod_sofia asks for the gateways of a domain at a profile's start and at every `sofia profile external rescan`
(sofia.c, launch_sofia_worker_thread, config_sofia: purpose=gateways), the core for the addresses that may call in at
`reloadacl` (switch_core.c, switch_load_network_lists: purpose=network-list). The same text lies in a file the switch
reads by itself when nobody answers (freeswitch.xml, section directory).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from services.routing.trunks import Trunk

DOMAIN = "trunks.invalid"
RETRY_S = 30
EXPIRES_S = 300


def document(trunks: Iterable[Trunk], addresses: Mapping[str, tuple[str, ...]]) -> str:
    """The answer to mod_xml_curl."""
    return ('<document type="freeswitch/xml"><section name="directory">'
            f"{domain(trunks, addresses)}</section></document>")


def domain(trunks: Iterable[Trunk], addresses: Mapping[str, tuple[str, ...]]) -> str:
    """addresses: host -> the IP addresses it has now, those that may call in."""
    root = ElementTree.Element("domain", name=DOMAIN)
    users = ElementTree.SubElement(
        ElementTree.SubElement(ElementTree.SubElement(root, "groups"), "group", name="trunks"), "users")
    for trunk in trunks:
        known = addresses.get(trunk.host, ())
        cidr = {"cidr": ",".join(f"{address}/32" for address in known)} if known else {}
        # mod_sofia looks at it with every call that comes in (sofia.c, sofia_locate_user) and finds nothing in it but
        # its name: kept for ever, or each of these calls would ask us. Gateways, addresses are never read from there.
        user = ElementTree.SubElement(users, "user", {"id": trunk.name, "cacheable": "forever", **cidr})
        # Nobody registers as a trunk: without this no password counts as a right one (sofia_reg.c).
        _named(user, "params", "param", {"allow-empty-password": "false"})
        gateway = ElementTree.SubElement(ElementTree.SubElement(user, "gateways"), "gateway", name=trunk.name)
        _named(gateway, "params", "param", gateway_params(trunk))
        variables = ElementTree.SubElement(gateway, "variables")
        ElementTree.SubElement(
            variables, "variable", name="pbx_trunk", value=trunk.name, direction="inbound")
    # Every file of the switch goes through its pre-processor (switch_xml.c), for which $${…} in a password is a
    # variable.
    return ElementTree.tostring(root, encoding="unicode").replace("$", "&#36;")


def gateway_params(trunk: Trunk) -> dict[str, str]:
    """sofia.c, parse_gateways."""
    params = {
        "proxy": f"{trunk.host}:{trunk.port}",
        "realm": trunk.realm or trunk.host,
        "username": trunk.username or trunk.name,
        "password": trunk.password or "not-asked-for",
        "register": "true" if trunk.register else "false",
        "register-transport": trunk.transport,
        "from-domain": trunk.domain,
        # From shows the caller's number; without this the gateway's own name stands there.
        "caller-id-in-from": "true",
        "expire-seconds": str(EXPIRES_S),
        "retry-seconds": str(RETRY_S),
    }
    if trunk.register:
        # A carrier calls the address that registered; whom it wants stands in To.
        params["extension"] = "auto_to_user"
    return params


def _named(parent: ElementTree.Element, container: str, tag: str, values: Mapping[str, str]) -> None:
    inside = ElementTree.SubElement(parent, container)
    for name, value in values.items():
        ElementTree.SubElement(inside, tag, name=name, value=value)
