"""What a program or a web page gives as the target -> what the switch is asked to dial, and its class.

Taken are extensions, numbers in any usual form, and links as browsers and CRMs hand them on:
tel: (RFC 3966) and callto:. Refused are feature codes and everything that is not a telephone number.

Whether a number may be called is asked by the same rule as for one that is dialled (shared/barring.py); routing asks
again when it rings, and has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers

from shared.barring import Range, may_be_dialled
from shared.dialling import NumberClass, is_emergency, is_short_for_outside, number_class
from shared.phone_number import InvalidNumber, PhoneNumber

_LINK = re.compile(r"(?:tel|callto):(?://)?", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_EXTENSION = re.compile(r"[0-9]{2,6}")
# So short a number is meant as an extension, though a few villages still have three digits.
_ONLY_EXTENSION = re.compile(r"[0-9]{1,4}")
# As the lamp key of a plain extension dials it: routing picks up what rings there, and calls when nothing does.
_PICK_UP = re.compile(r"\*\*([0-9]{2,6})")


class InvalidTarget(ValueError):
    """The target cannot be understood; .hint says what would be."""

    def __init__(self, rule: str, hint: str | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.hint = hint


class NotAllowed(ValueError):
    """Understood, but not to be called; .rule says why."""

    def __init__(self, rule: str, hint: str | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whereto somebody may call."""

    classes: Collection[str]
    ranges: Sequence[Range] = ()
    """Of his barring profile, outgoing (N5)."""
    countries: Sequence[Collection[str]] = ()
    """C5: every list that is set, his own and the company's; a number's country must be in each."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the subscriber is: by this his way of writing numbers is read."""

    country: str
    area_code: str


@dataclass(frozen=True, slots=True)
class Target:
    destination: str
    """An extension, `**` and one whose ringing call is taken over, an emergency number as dialled, or E.164."""
    number_class: NumberClass
    shown: str
    """As people at the subscriber's site write it."""


def read(text: str, place: Place, is_extension: Callable[[str], bool], is_own_number: Callable[[str], bool]) -> Target:
    """Raises InvalidTarget. is_extension, is_own_number: whether the company has it."""
    written = _without_link(text)
    if not written:
        raise InvalidTarget("must name an extension or a telephone number")
    pick_up = _PICK_UP.fullmatch(written)
    if pick_up and is_extension(pick_up[1]):
        return Target(written, NumberClass.INTERNAL, pick_up[1])
    if "*" in written or "#" in written:
        raise InvalidTarget("a feature code cannot be called", "dial it at the telephone")
    digits = re.sub(r"[ \u00a0()/.\-\u2010-\u2015]", "", written)
    if is_emergency(digits, place.country):
        return Target(digits, NumberClass.EMERGENCY, digits)
    if _EXTENSION.fullmatch(digits) and is_extension(digits):
        return Target(digits, NumberClass.INTERNAL, digits)
    if _ONLY_EXTENSION.fullmatch(digits) and not is_short_for_outside(digits, place.country):
        raise InvalidTarget("there is no such extension", "give a number with its area code")
    try:
        number = PhoneNumber.parse(written, place.country, place.area_code)
    except InvalidNumber as error:
        raise InvalidTarget(error.rule, "give an extension or a number such as +49 30 123456 or 030 123456") from error
    shown = number.shown_in(place.country)
    if is_own_number(number.e164):
        return Target(number.e164, NumberClass.INTERNAL, shown)
    return Target(number.e164, number_class(number.e164, place.country), shown)


def allow(target: Target, allowed: Allowed) -> None:
    """Raises NotAllowed. Emergency and internal calls always go (N3)."""
    if target.number_class not in (NumberClass.EMERGENCY, NumberClass.INTERNAL):
        allow_number(target.destination, target.number_class, allowed)


def allow_number(number: str, known_class: NumberClass, allowed: Allowed) -> None:
    """number: E.164, of nobody in the company. Raises NotAllowed."""
    refusal = may_be_dialled(number, known_class.value, allowed.classes, allowed.ranges)
    if refusal == "barred":
        raise NotAllowed("calls to this number are barred", "an administrator can change the barring profile")
    if refusal:
        raise NotAllowed(
            f"{known_class.value} numbers may not be called", "the operator can allow them for the company")
    country = country_of(number)
    if any(country not in countries for countries in allowed.countries):
        raise NotAllowed(f"calls to {country or 'numbers of no country'} are not allowed",
                         "an administrator can add the country to the limits of click-to-dial")


def country_of(number: str) -> str:
    """ISO 3166 of an E.164 number; "" for those of no country, such as satellite telephones."""
    country = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    return country if country and country.isalpha() else ""


def _without_link(text: str) -> str:
    """tel:+49-30-123;ext=4 -> +49-30-123; tel:123;phone-context=+4930 -> +4930123."""
    written = text.strip()
    link = _LINK.match(written)
    if link is None:
        if _OTHER_SCHEME.match(written):
            raise InvalidTarget("only tel: and callto: links are taken")
        return written
    number, *parameters = unquote(written[link.end() :]).split(";")
    number = number.partition("?")[0].strip()
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        # A domain as context (phone-context=example.com) says whose local numbers these are: ours.
        if name.strip().lower() == "phone-context" and value.startswith("+") and not number.startswith("+"):
            number = value + number
    return number
