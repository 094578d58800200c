"""Configurations as handsets read them: what a fetched file makes of a telephone."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree


@dataclass
class Fetched:
    user: str
    password: str
    domain: str
    server: str
    mailbox: str
    lamps: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Key -> its label, and the address it subscribes to."""
    contacts: list[tuple[str, str]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)


def read_snom(content: bytes) -> Fetched:
    root = ElementTree.fromstring(content)
    settings = {one.tag: one.text or "" for one in root.find("phone-settings")}
    assert all(one.get("idx") in (None, "1") for one in root.find("phone-settings"))
    found = Fetched(settings["user_pname"], settings["user_pass"], settings["user_host"],
                    settings["user_outbound"].partition(";")[0], settings["user_mailbox"], settings=settings)
    for key in root.find("functionKeys"):
        kind, _, value = (key.text or "").partition(" ")
        if kind == "blf":
            address = value.partition("|")[0].removeprefix("sip:")
            found.lamps[int(key.get("idx")) + 1] = (key.get("label"), address)
    found.contacts = [(item.findtext("name") or "", item.findtext("number") or "") for item in root.find("tbook")]
    return found


def read_yealink(content: bytes) -> Fetched:
    first, *lines = content.decode().splitlines()
    assert first == "#!version:1.0.0.1"
    settings: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition(" = ")
        assert equals, line
        assert name not in settings, line
        settings[name] = value
    server = f"{settings['account.1.outbound_proxy.1.address']}:{settings['account.1.outbound_proxy.1.port']}"
    found = Fetched(settings["account.1.auth_name"], settings["account.1.password"],
                    settings["account.1.sip_server.1.address"], server, settings["voice_mail.number.1"],
                    settings=settings)
    lamps = [name.split(".")[1] for name, value in settings.items() if name.endswith(".type") and value == "16"]
    for n, key in enumerate(lamps, start=1):
        found.lamps[n] = (settings[f"linekey.{key}.label"], f"{settings[f'linekey.{key}.value']}@{found.domain}")
    return found


def read_yealink_contacts(content: bytes) -> list[tuple[str, str, str]]:
    """Name, number, group."""
    root = ElementTree.fromstring(content)
    groups = {one.get("display_name") for one in root.find("root_group")}
    found = []
    for one in root.find("root_contact"):
        numbers = [one.get(field) for field in ("office_number", "mobile_number", "other_number") if one.get(field)]
        assert one.get("group_id_name") in groups
        found.append((one.get("display_name") or "", numbers[0] if numbers else "", one.get("group_id_name") or ""))
    return found
