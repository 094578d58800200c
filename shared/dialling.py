"""Every leg anyone dials passes here: what class a number is, and the dial string, which cannot be injected into.

In an originate or bridge string `,` forks legs, `|` and `:_:` add targets, `{}`, `[]` and `<>` carry variables,
one of which (`api_on_answer`) runs commands, and `${…}` is expanded (switch_ivr_originate.c,
switch_channel.c: switch_channel_expand_variables). So targets match strict patterns, variable names come
from a list, and values hold none of those characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

_EMERGENCY_EVERYWHERE = frozenset({"110", "112"})  # N3
_DIALLED = re.compile(r"\+?[0-9*#]{1,32}")


class NumberClass(StrEnum):
    EMERGENCY = "emergency"
    INTERNAL = "internal"
    NATIONAL = "national"
    MOBILE = "mobile"
    INTERNATIONAL = "international"
    PREMIUM = "premium"
    SATELLITE = "satellite"


class UndiallableError(ValueError):
    """A part of a dial string breaks its rule; .part names it."""

    def __init__(self, part: str, rule: str) -> None:
        super().__init__(f"{part} {rule}")
        self.part = part
        self.rule = rule


# Inmarsat 870, global mobile satellite 881, international networks 882 and 883 (ITU E.164 list of country codes).
_SATELLITE = ("+870", "+881", "+882", "+883")
# Beyond what phonenumbers calls premium or shared cost: shared cost and personal numbers of no country; Germany's
# directory enquiries, mass traffic, 018x and 019x services; Austria's directory enquiries; Switzerland's 1xx services.
_PREMIUM = ("+979", "+808", "+878", "+49118", "+49137", "+49138", "+4918", "+4919", "+49900", "+49700", "+43118",
            "+411")
_PREMIUM_TYPES = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER)


@lru_cache(maxsize=1024)
def is_emergency(dialled: str, country: str) -> bool:
    """dialled: digits as they were dialled at a site in that country."""
    if dialled in _EMERGENCY_EVERYWHERE:
        return True
    return dialled.isdigit() and shortnumberinfo.is_emergency_number(dialled, country)


# Short numbers whose price phonenumbers does not know, and that cost what a call within the country costs: Germany's
# authorities. What else it does not know counts as premium.
_ORDINARY_SHORT = frozenset({"+49115"})
# Dialled without an area code, and reached with the one of the place: Germany's ambulances for the sick.
_LOCAL_SERVICES: Mapping[str, frozenset[str]] = {"DE": frozenset({"19222"})}
_CHEAP = frozenset({shortnumberinfo.ShortNumberCost.TOLL_FREE, shortnumberinfo.ShortNumberCost.STANDARD_RATE})


@lru_cache(maxsize=16_384)
def short_number(digits: str, country: str) -> str:
    """A number that is dialled as it is, without area code (115, 116117, 11833): its country's code and it, the one
    form in which it is stored and barred; "" when it is none there. No emergency numbers, no text message services."""
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 6) or is_emergency(digits, country):
        return ""
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return ""
    if (not shortnumberinfo.is_valid_short_number_for_region(parsed, country)
            or shortnumberinfo.is_sms_service_for_region(parsed, country)
            or shortnumberinfo.is_carrier_specific_for_region(parsed, country)):
        return ""
    return f"+{parsed.country_code}{digits}"


@lru_cache(maxsize=65536)
def short_form(e164: str, country: str) -> str:
    """What is dialled in its country for what short_number() said; "" for any other number."""
    digits = e164.removeprefix(f"+{phonenumbers.country_code_for_region(country)}")
    if len(digits) > 6 or short_number(digits, country) != e164:
        return ""
    return "" if phonenumbers.is_valid_number(phonenumbers.parse(e164, None)) else digits


def is_short_for_outside(digits: str, country: str) -> bool:
    """Whether it leads outside though it is no longer than an extension."""
    return digits in _LOCAL_SERVICES.get(country, ()) or bool(short_number(digits, country))


@lru_cache(maxsize=65536)
def number_class(e164: str, country: str) -> NumberClass:
    """The class of a number outside the company, seen from a site in that country.

    Never EMERGENCY or INTERNAL: those are known before a number is E.164.
    """
    if e164.startswith(_SATELLITE):
        return NumberClass.SATELLITE
    if e164.startswith(_PREMIUM):
        return NumberClass.PREMIUM
    parsed = phonenumbers.parse(e164, None)
    kind = phonenumbers.number_type(parsed)
    if kind in _PREMIUM_TYPES or _is_dear_short_number(e164, phonenumbers.region_code_for_number(parsed)):
        return NumberClass.PREMIUM
    if parsed.country_code != phonenumbers.country_code_for_region(country):
        return NumberClass.INTERNATIONAL
    if kind in (PhoneNumberType.MOBILE, PhoneNumberType.PAGER):
        return NumberClass.MOBILE
    return NumberClass.NATIONAL


def _is_dear_short_number(e164: str, country: str | None) -> bool:
    if not country:
        return False
    digits = short_form(e164, country)
    if not digits or e164 in _ORDINARY_SHORT:
        return False
    return shortnumberinfo.expected_cost_for_region(phonenumbers.parse(digits, country), country) not in _CHEAP


class Endpoint(StrEnum):
    DEVICE = "device"
    """A registered handset: target is its login, domain its company's."""
    TRUNK = "trunk"
    """The outside: target is the gateway's name, number what it is asked to dial."""


_NAME = re.compile(r"[a-z0-9-]{1,32}")
_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")
_VALUE = re.compile(r"[^\x00-\x1f\x7f{}\[\]<>,|'\"\\^=:$]{0,128}")
ALLOWED_LEG_VARIABLES = frozenset({
    "leg_timeout", "leg_delay_start", "presence_id", "origination_uuid", "alert_info", "absolute_codec_string",
    "origination_caller_id_name", "origination_caller_id_number", "origination_privacy", "originate_timeout",
    "ignore_early_media", "sip_cid_type", "sip_auto_answer",
    "pbx_leg_subscriber", "pbx_leg_device", "pbx_call_id", "pbx_company", "pbx_subscriber", "pbx_device",
    "pbx_attempt", "pbx_first_leg", "pbx_language", "pbx_shown_number", "pbx_presentation",
    "pbx_acting_device", "pbx_acting_subscriber", "pbx_site_number", "pbx_gateway",
    "effective_caller_id_name", "effective_caller_id_number", "hangup_after_bridge", "continue_on_fail",
    "call_timeout", "group_confirm_key", "group_confirm_timeout", "pbx_own_place",
    "pbx_ring_along", "max_forwards", "intercept_unbridged_only", "intercept_unanswered_only",
    "export_vars", "domain_name",
    "force_transfer_context",
    "pbx_leg_cents", "sip_cid_suppress_privacy_none", "sip_from_display", "sip_h_Privacy",
    "exclude_outgoing_extra_header",
})
_URI = r"sip:\+?[0-9]{1,32}@[a-z0-9.-]{1,253}"
# Values that need characters with a meaning are whole sentences of their own, and nothing else.
_SENTENCES: Mapping[str, re.Pattern[str]] = {
    "sip_from_uri": re.compile(r"sip:anonymous@anonymous\.invalid"),
    "fail_on_single_reject": re.compile(r"[A-Z_]+(,[A-Z_]+)*"),
    "execute_on_answer": re.compile(r"sched_hangup \+[1-9][0-9]{0,5} ALLOTTED_TIMEOUT"),
    "sip_h_Diversion": re.compile(rf"<{_URI}>;reason=[a-z-]+(, <{_URI}>;reason=[a-z-]+){{0,9}}"),
    "sip_h_History-Info": re.compile(
        rf"<{_URI}>;index=[1.]+(, <{_URI}(;cause=[0-9]{{3}})?>;index=[1.]+){{0,10}}"),
}
# A redirect (300, 301, 302, 305) ends the leg with REQUESTED_CHAN_UNAVAIL. Otherwise mod_sofia itself calls whatever
# its Contact says, past barring and the company's rules, or sends the caller there (sofia.c,
# sofia_handle_sip_r_invite).
# presence_privacy: any handset of the company may watch a plain extension, and mod_sofia's own lamp would name who
# calls there (switch_channel.c, switch_channel_perform_presence; sofia_presence.c). Our lamps say what the watcher may
# know.
_EVERY_LEG = ("outbound_redirect_fatal=true", "presence_privacy=true")


@dataclass(frozen=True, slots=True)
class Leg:
    endpoint: Endpoint
    target: str
    domain: str = ""
    number: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def leg_string(leg: Leg) -> str:
    """[variables]endpoint of one leg. Raises UndiallableError."""
    if not _NAME.fullmatch(leg.target):
        raise UndiallableError("target", "must be a login or gateway name: a-z, 0-9, -")
    prefix = variables_string("[", leg.variables, "]")
    if leg.endpoint is Endpoint.DEVICE:
        if not _DOMAIN.fullmatch(leg.domain):
            raise UndiallableError("domain", "must be a SIP domain: a-z, 0-9, . and -")
        # user%domain: mod_sofia looks the contact up itself, without a directory round
        # (mod_sofia.c, sofia_outgoing_channel).
        return f"{prefix}sofia/internal/{leg.target}%{leg.domain}"
    if not _DIALLED.fullmatch(leg.number):
        raise UndiallableError("number", "must be digits, * or #, with an optional leading +")
    return f"{prefix}sofia/gateway/{leg.target}/{leg.number}"


def dial_string(
    together: Sequence[Leg], *, then: Sequence[Sequence[Leg]] = (), variables: Mapping[str, str] | None = None
) -> str:
    """Legs that ring together; `then` are the groups tried after them, each only when the one before failed.

    variables hold for all legs; that a redirect ends them always does. Raises UndiallableError, also for no leg
    at all.
    """
    groups = [together, *then]
    if not all(groups):
        raise UndiallableError("legs", "must hold at least one leg in every group")
    dialled = "|".join(",".join(leg_string(leg) for leg in group) for group in groups)
    return variables_string("{", variables or {}, "}", _EVERY_LEG) + dialled


def variables_string(opening: str, variables: Mapping[str, str], closing: str, also: Sequence[str] = ()) -> str:
    """{name=value,…}: the names from the list, the values free of every character with a meaning. also: pairs of our
    own, behind them."""
    pairs = [*(f"{name}={_checked(name, value)}" for name, value in variables.items()), *also]
    if not pairs:
        return ""
    if not any("," in pair for pair in pairs):
        return opening + ",".join(pairs) + closing
    # ^^ names another separator, and then a comma is a comma (switch_ivr_originate.c: alt; switch_event.c,
    # switch_event_create_brackets).
    separator = next(mark for mark in "!~`" if not any(mark in pair for pair in pairs))
    return f"{opening}^^{separator}{separator.join(pairs)}{closing}"


def _checked(name: str, value: str) -> str:
    sentence = _SENTENCES.get(name)
    if sentence is not None:
        if not sentence.fullmatch(value):
            raise UndiallableError(f"variable {name}", "does not say what only it may say")
        return value
    if name not in ALLOWED_LEG_VARIABLES:
        raise UndiallableError(f"variable {name}", "is not one a leg may carry")
    if not _VALUE.fullmatch(value):
        raise UndiallableError(f"variable {name}", "holds a character with a meaning in dial strings, or is too long")
    return value


_SHOWABLE = re.compile(r"[^\w .\-&()/+]")


def showable_name(name: str, limit: int = 64) -> str:
    """A display name fit for a dial string and a handset: letters, digits and ` .-&()/+`; others are dropped.

    For names of our own directory; a caller's text that still holds %XX after one decoding is refused by
    returning "" (a display name can smuggle `${system(…)}` through two rounds of decoding).
    """
    if re.search(r"%[0-9A-Fa-f]{2}", name):
        return ""
    return " ".join(_SHOWABLE.sub("", name).split())[:limit]
