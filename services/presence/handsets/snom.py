"""A configuration as snom's desk telephones read it: one XML file of settings, keys and phone book. Core.

Names and values are those of snom's reference of settings (firmware 8.7 and newer). perm="" lets the handset's
owner change nothing for longer than until the next fetch.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from services.presence.handsets.configuration import PICKUP_PREFIX, Configuration, Contact
from services.presence.handsets.time_zone import Change, ClockRule

REFRESH_S = 86_400
_LANGUAGES = {"de": "Deutsch", "en": "English"}
_TONES = {"DE": "GER", "AT": "AUT", "CH": "SWI", "FR": "FRA", "GB": "GBR", "IT": "ITA", "NL": "NLD", "US": "USA"}
_NUMBER_TYPES = {"mobile": "mobile", "home": "home", "work": "business"}


def render(configuration: Configuration) -> bytes:
    root = Element("settings")
    settings = SubElement(root, "phone-settings", e="2")
    for name, value in {**_of_the_handset(configuration), **_of_the_clock(configuration.clock)}.items():
        SubElement(settings, name, perm="").text = value
    for name, value in _of_the_account(configuration).items():
        SubElement(settings, name, idx="1", perm="").text = value
    keys = SubElement(root, "functionKeys", e="2")
    for lamp in configuration.lamp_keys:
        key = SubElement(keys, "fkey", idx=str(lamp.position - 1), context="1", label=lamp.label, perm="")
        key.text = f"blf sip:{lamp.address}|{PICKUP_PREFIX}"
    book = SubElement(root, "tbook", e="2", complete="true")
    for index, contact in enumerate(configuration.contacts):
        _contact(book, index, contact)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _of_the_handset(configuration: Configuration) -> dict[str, str]:
    language = _LANGUAGES[configuration.language]
    return {
        "language": language, "web_language": language, "tone_scheme": _TONES.get(configuration.country, "GER"),
        "settings_refresh_timer": str(REFRESH_S), "update_policy": "settings_only",
        # Reject means here what it says, for all telephones of the person (R10); 486 is what a busy one answers.
        "reject_calls_with_603": "on",
        # It cannot know our word for it, and a refresh changes nothing that is not ours anyway.
        "challenge_checksync": "off",
    }


def _of_the_clock(clock: ClockRule) -> dict[str, str]:
    """timezone is empty, so that the two others count."""
    summer = ""
    if clock.begins is not None and clock.ends is not None:
        summer = f"{clock.summer_s} {_change(clock.begins)} {_change(clock.ends)}"
    return {"timezone": "", "utc_offset": f"{clock.offset_s:+d}", "dst": summer}


def _change(change: Change) -> str:
    return f"{change.month:02}.{change.week:02}.{change.weekday:02} {change.hour:02}:00:00"


def _of_the_account(configuration: Configuration) -> dict[str, str]:
    account = configuration.account
    return {
        "user_active": "on", "user_realname": account.name, "user_name": account.device_id,
        "user_pname": account.device_id, "user_pass": account.password, "user_host": account.domain,
        "user_outbound": f"{account.server};transport=udp", "user_mailbox": configuration.mailbox_code or "",
        "user_idle_text": account.name, "user_idle_number": account.extension,
    }


def _contact(book: Element, index: int, contact: Contact) -> None:
    item = SubElement(book, "item", context="active", type="friends" if contact.personal else "colleagues",
                      index=str(index))
    SubElement(item, "name").text = contact.name
    SubElement(item, "number").text = contact.number
    SubElement(item, "number_type").text = _NUMBER_TYPES.get(contact.kind, "sip")
