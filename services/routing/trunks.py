"""A company's way out, and how the carrier behind it wants a call to look: pure, told in channel variables of one leg.

mod_sofia (sofia_glue.c, sofia_glue_do_invite) takes From from the caller id, or from sip_from_uri if that is set;
P-Asserted-Identity and P-Preferred-Identity from the caller id again, by sip_cid_type=pid and whether the caller id
counts as screened; their domain, and From's, is the gateway's from-domain. Privacy: id comes with hide_number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import phonenumbers

from services.routing.facts import Redirection
from shared.dialling import short_form

_ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"  # RFC 3323, 4.1.1.3


@dataclass(frozen=True, slots=True)
class Trunk:
    """A row of directory.trunks; name is the gateway's at the switch."""

    name: str
    company_id: int = 0
    trunk_id: int = 0
    position: int = 1
    host: str = ""
    port: int = 5060
    transport: str = "udp"
    username: str = ""
    password: str = field(default="", repr=False)
    register: bool = False
    realm: str = ""
    from_domain: str = ""
    number_format: str = "e164"
    """e164 (+4930…), national (030…, 0043…), plain (4930…)."""
    caller_style: str = "p_asserted_identity"
    privacy_style: str = "id"
    diversion_style: str = "diversion"
    enabled: bool = True
    version: str = ""
    """Of the row; another after each change."""

    @property
    def domain(self) -> str:
        """Of our numbers in what this carrier gets to see."""
        return self.from_domain or self.host


def shown_variables(trunk: Trunk, shown_number: str, *, withheld: bool) -> dict[str, str]:
    """Caller's number and privacy of a leg through this trunk; shown_number: E.164 of the company's own, or ""."""
    if not shown_number:
        return {}
    number = as_written(shown_number, trunk.number_format, shown_number)
    hides_identity = withheld and trunk.privacy_style == "from_only"
    says_privacy = withheld and not hides_identity
    variables = {
        "origination_caller_id_number": number, "origination_caller_id_name": number,
        "sip_cid_type": "none" if hides_identity else _CID_TYPE[trunk.caller_style],
        "sip_cid_suppress_privacy_none": "true",
    }
    flags = [] if trunk.caller_style == "p_preferred_identity" else ["screen"]
    if says_privacy:
        flags += ["hide_name", "hide_number"]
        if trunk.caller_style == "from":
            variables["sip_h_Privacy"] = "id"
    # Any value but these three words clears the marks a caller id has by itself (switch_ivr_originate.c).
    variables["origination_privacy"] = "+".join(flags) or "none"
    if withheld and trunk.privacy_style != "id_only":
        variables |= {"sip_from_uri": _ANONYMOUS_URI, "sip_from_display": "Anonymous"}
    return variables


_CID_TYPE = {"from": "none", "p_asserted_identity": "pid", "p_preferred_identity": "pid", "remote_party_id": "rpid"}
# What of a forwarded call's headers the trunk does not want, as mod_sofia leaves headers out: by a regular expression
# over the variables' names (sofia_glue.c, sofia_glue_get_extra_headers). Written without | and brackets, which mean
# something in a dial string.
_LEFT_OUT = {"diversion": "sip_h_Hi", "history_info": "sip_h_Di", "none": "sip_h_.i"}


def forwarded_variables(trunk: Trunk, redirections: tuple[Redirection, ...], called: str) -> dict[str, str]:
    """R13: who was called first and who forwarded, in numbers only: names and extensions are none of their business."""
    if not redirections:
        return {}
    variables = {}
    if trunk.diversion_style in _LEFT_OUT:
        variables["exclude_outgoing_extra_header"] = _LEFT_OUT[trunk.diversion_style]
    numbers = [(as_written(one.number, trunk.number_format, one.number), one.reason.value)
               for one in redirections if one.number]
    if not numbers:
        variables["exclude_outgoing_extra_header"] = _LEFT_OUT["none"]
        return variables
    if trunk.diversion_style in ("diversion", "both"):
        variables["sip_h_Diversion"] = ", ".join(
            f"<sip:{number}@{trunk.domain}>;reason={reason}" for number, reason in reversed(numbers))
    if trunk.diversion_style in ("history_info", "both"):
        indices = [".".join(["1"] * (at + 1)) for at in range(len(numbers) + 1)]
        entries = [f"<sip:{number}@{trunk.domain}>;index={index}"
                   for (number, _), index in zip(numbers, indices, strict=False)]
        cause = SIP_CAUSE_OF_REASON.get(numbers[-1][1], 302)
        entries.append(f"<sip:{called}@{trunk.domain};cause={cause}>;index={indices[-1]}")
        variables["sip_h_History-Info"] = ", ".join(entries)
    return variables


# RFC 4458, as RFC 7044 uses it.
SIP_CAUSE_OF_REASON: Mapping[str, int] = {"user-busy": 486, "no-answer": 408, "unavailable": 480, "unconditional": 302}


@lru_cache(maxsize=16_384)
def as_written(number: str, number_format: str, at_home: str) -> str:
    """number as the trunk wants it dialled and shown; at_home: a number of the country the trunk is in.

    What is no E.164 number (emergency calls) stays as it is; a short one (115) has no other form in its country.
    """
    if not number.startswith("+"):
        return number
    short = short_form(number, _country_of(at_home)) if at_home.startswith("+") else ""
    if short or number_format == "e164":
        return short or number
    if number_format == "plain":
        return number[1:]
    parsed = phonenumbers.parse(number, None)
    home = phonenumbers.parse(at_home, None).country_code if at_home.startswith("+") else parsed.country_code
    if parsed.country_code != home:
        return f"00{number[1:]}"
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(digit for digit in national if digit.isdecimal())


@lru_cache(maxsize=1024)
def _country_of(e164: str) -> str:
    return str(phonenumbers.region_code_for_country_code(phonenumbers.parse(e164, None).country_code or 0))
