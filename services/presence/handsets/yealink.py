"""A configuration as Yealink's desk telephones read it: lines of `parameter = value`, and the phone book as XML. Core.

Names and values are those of Yealink's administrator's guide for auto provisioning (firmware 81 and newer). The first
line key is the telephone line itself, which such a handset cannot do without; lamp key n is line key n + 1.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from services.presence.handsets.configuration import PICKUP_PREFIX, Configuration
from services.presence.handsets.time_zone import Change, ClockRule

HEADER = "#!version:1.0.0.1"
"""Without this first line the handset takes nothing of the file."""
REFRESH_MINUTES = 1440
NOTHING = "%NULL%"
_LANGUAGES = {"de": "German", "en": "English"}
_TONES = {"DE": "Germany", "AT": "Austria", "CH": "Switzerland", "FR": "France", "GB": "Great Britain", "IT": "Italy",
          "NL": "Netherlands", "US": "United States"}
_LINE, _LAMP = "15", "16"
_GROUPS = {"de": ("Firma", "Eigene"), "en": ("Company", "My own")}
_NUMBER_FIELDS = {"mobile": "mobile_number", "home": "other_number"}


def render(configuration: Configuration, contacts_url: str) -> bytes:
    """contacts_url: where the handset finds what contacts() gives."""
    lines = [HEADER]
    for parameters in (_account(configuration), _handset(configuration, contacts_url), _clock(configuration.clock),
                       _keys(configuration)):
        # Whatever Unicode counts as the end of a line (U+2028 too) would make a setting of the rest of a name.
        lines += [f"{name} = {' '.join(value.split())}" for name, value in parameters.items()]
    return ("\n".join(lines) + "\n").encode()


def common() -> bytes:
    """What a handset asks for first, for all of its model: nothing."""
    return f"{HEADER}\n".encode()


def contacts(configuration: Configuration) -> bytes:
    root = Element("vp_contact")
    company, own = _GROUPS[configuration.language]
    groups = SubElement(root, "root_group")
    for name in ("All Contacts", company, own):
        SubElement(groups, "group", display_name=name, ring="")
    people = SubElement(root, "root_contact")
    for one in configuration.contacts:
        numbers = {"office_number": "", "mobile_number": "", "other_number": "",
                   _NUMBER_FIELDS.get(one.kind, "office_number"): one.number}
        SubElement(people, "contact", {"display_name": one.name, **numbers, "line": "-1", "ring": "",
                                       "group_id_name": own if one.personal else company})
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _account(configuration: Configuration) -> dict[str, str]:
    account = configuration.account
    return {
        "account.1.enable": "1", "account.1.label": account.extension, "account.1.display_name": account.name,
        "account.1.user_name": account.device_id, "account.1.auth_name": account.device_id,
        "account.1.password": account.password,
        "account.1.sip_server.1.address": account.domain, "account.1.sip_server.1.transport_type": "0",
        "account.1.outbound_proxy_enable": "1", "account.1.outbound_proxy.1.address": account.host,
        "account.1.outbound_proxy.1.port": account.port,
        "account.1.subscribe_mwi": "1", "voice_mail.number.1": configuration.mailbox_code or NOTHING,
    }


def _handset(configuration: Configuration, contacts_url: str) -> dict[str, str]:
    language = _LANGUAGES[configuration.language]
    return {
        "lang.gui": language, "lang.wui": language,
        "voice.tone.country": _TONES.get(configuration.country, "Germany"),
        "local_contact.data.url": contacts_url,
        "static.auto_provision.repeat.enable": "1", "static.auto_provision.repeat.minutes": str(REFRESH_MINUTES),
        "sip.notify_reboot_enable": "0",
        # The reject key means all telephones of the person (R10); 486, its usual answer, is what a busy one says.
        "features.normal_refuse_code": "603",
    }


def _clock(clock: ClockRule) -> dict[str, str]:
    sign = "-" if clock.offset_s < 0 else "+"
    hours, minutes = divmod(abs(clock.offset_s) // 60, 60)
    zone = {"local_time.time_zone": f"{sign}{hours}:{minutes:02}" if minutes else f"{sign}{hours}"}
    if clock.begins is None or clock.ends is None:
        return {**zone, "local_time.summer_time": "0"}
    return {
        **zone, "local_time.summer_time": "1", "local_time.dst_time_type": "1",
        "local_time.start_time": _change(clock.begins), "local_time.end_time": _change(clock.ends),
        "local_time.offset_time": str(clock.summer_s // 60),
    }


def _change(change: Change) -> str:
    return f"{change.month}/{change.week}/{change.weekday}/{change.hour}"


def _keys(configuration: Configuration) -> dict[str, str]:
    keys = {"linekey.1.type": _LINE, "linekey.1.line": "1", "linekey.1.label": configuration.account.extension}
    for lamp in configuration.lamp_keys:
        key = f"linekey.{lamp.position + 1}"
        keys |= {f"{key}.type": _LAMP, f"{key}.line": "1", f"{key}.value": lamp.user, f"{key}.label": lamp.label,
                 f"{key}.extension": PICKUP_PREFIX + lamp.user}
    return keys
