"""A telephone number as E.164, entered and shown in any usual form (N3). Built on phonenumbers."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat

from shared.dialling import short_number

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
# What people write: digits, a leading +, and separators. Letters ("vanity") are not telephone keys here.
_WRITTEN = re.compile(r"\+?[0-9 ()/.\-\u2010-\u2015\u00a0]{1,40}")


class InvalidNumber(ValueError):
    """.rule says what is wrong with the number as entered."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True, order=True)
class PhoneNumber:
    """.e164: "+4930123456"."""

    e164: str

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.e164):
            raise InvalidNumber("must be E.164: + and 5 to 15 digits")

    @classmethod
    def parse(cls, text: str, country: str, area_code: str = "") -> PhoneNumber:
        """text as dialled or written at a site: +49 30 …, 0049…, 030/…, a local number of the area, or a short one of
        the country (115, 116 117), which then stands behind its country's code.

        country: ISO 3166 two letters; area_code: without its leading 0. Raises InvalidNumber.
        """
        return _parse(text, country, area_code)

    @classmethod
    def from_carrier(cls, text: str, country: str, *, plain: bool = False) -> PhoneNumber:
        """text as a carrier gives a number: what parse() takes, and its country code with nothing in front.

        plain: this carrier always gives it so; else 49171… is read so in Germany alone, and 43171… is not.
        Raises InvalidNumber.
        """
        return _from_carrier(text, country, plain)

    def national(self) -> str:
        """030 123456"""
        return self._shown(PhoneNumberFormat.NATIONAL)

    def international(self) -> str:
        """+49 30 123456"""
        return self._shown(PhoneNumberFormat.INTERNATIONAL)

    def shown_in(self, country: str) -> str:
        """As people of this country write it."""
        own = phonenumbers.region_code_for_number(self._parsed()) == country
        return self.national() if own else self.international()

    def _parsed(self) -> phonenumbers.PhoneNumber:
        return phonenumbers.parse(self.e164, None)

    def _shown(self, form: int) -> str:
        return phonenumbers.format_number(self._parsed(), form)


def number_prefix(text: str, country: str) -> str:
    """The beginning of numbers as E.164 begins: 0171 -> +49171, 00 43 -> +43; + alone is every number.

    Raises InvalidNumber, also for a beginning without its area code, which would be anybody's.
    """
    written = text.strip()
    if written != "+" and not _WRITTEN.fullmatch(written):
        raise InvalidNumber("only digits, spaces, ( ) / - . and a leading + are allowed")
    digits = re.sub(r"[^0-9+]", "", written)
    metadata = PhoneMetadata.metadata_for_region(country)
    abroad = re.match(metadata.international_prefix or r"\Z(?!)", digits) if metadata else None
    trunk_prefix = phonenumbers.ndd_prefix_for_region(country, True) or ""
    if abroad and abroad.end() == len(digits):
        raise InvalidNumber(f"{written} names no country: write 00 43 or +43, and + for every number")
    if abroad:
        digits = "+" + digits[abroad.end():]
    elif trunk_prefix and digits.startswith(trunk_prefix):
        digits = f"+{phonenumbers.country_code_for_region(country)}{digits[len(trunk_prefix):]}"
    if not re.fullmatch(r"\+(?:[1-9][0-9]{0,14})?", digits):
        raise InvalidNumber(f"must begin with +{f' or {trunk_prefix}' if trunk_prefix else ''}"
                            " and have at most 15 digits")
    return digits


@lru_cache(maxsize=16_384)
def _parse(text: str, country: str, area_code: str) -> PhoneNumber:
    written = text.strip()
    if written[:4].lower() == "tel:":
        written = written[4:].split(";", 1)[0]
    written = written.replace("(0)", "", 1) if written.startswith("+") else written
    if not _WRITTEN.fullmatch(written):
        raise InvalidNumber("only digits, spaces, ( ) / - . and a leading + are allowed")
    trunk_prefix = phonenumbers.ndd_prefix_for_region(country, True) or ""
    digits = re.sub(r"[^0-9+]", "", written)
    short = short_number(digits, country)
    if short:
        return PhoneNumber(short)
    if not digits.startswith("+") and area_code and trunk_prefix and not digits.startswith(trunk_prefix):
        digits = f"{trunk_prefix}{area_code}{digits}"  # local: as dialled within the area
    try:
        parsed = phonenumbers.parse(digits, country)
    except NumberParseException as error:
        raise InvalidNumber(str(error)) from error
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidNumber("too short or too long for a telephone number")
    return PhoneNumber(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


@lru_cache(maxsize=16_384)
def _from_carrier(text: str, country: str, plain: bool) -> PhoneNumber:
    # An area code may begin as the country code does (0491, Leer): there 491715550123 is a possible number, too.
    if text.isdecimal() and not text.startswith("0"):
        code = phonenumbers.country_code_for_region(country)
        if plain or text.startswith(str(code)):
            with contextlib.suppress(NumberParseException):
                parsed = phonenumbers.parse(f"+{text}", None)
                if phonenumbers.is_valid_number(parsed) or (plain and phonenumbers.is_possible_number(parsed)):
                    return PhoneNumber(f"+{text}")
    return _parse(text, country, "")
