"""When something holds: one shape everywhere, over HTTP, in a company file and in the database (migration 0006).

    {"weekly": [{"weekday": 0, "from": "08:00", "to": "17:30"}],            Monday is 0; "24:00" is the day's end,
                                                                           and 22:00 to 06:00 ends the day after
     "periods": [{"from": "2026-12-24T12:00", "to": "2027-01-02T08:00"}],   as clocks at the site show it
     "on_holidays": false, "not_on_holidays": true, "holiday_region": "DE-BE"}

Nothing of it: always. In the database only what was set is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import holidays
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.routing.schemas.fields import Switch, WholeNumber

MOST_STRETCHES = 50
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]")

EXAMPLE: dict[str, Any] = {
    "weekly": [{"weekday": day, "from": "08:00", "to": "17:30"} for day in range(5)],
    "periods": [{"from": "2026-12-24T12:00", "to": "2027-01-02T08:00"}],
    "on_holidays": False, "not_on_holidays": True, "holiday_region": "DE-BE",
}


def _clock(value: str) -> None:
    if not _CLOCK.fullmatch(value):
        raise ValidationError("must be a time of day, HH:MM")


def _clock_at_the_end(value: str) -> None:
    if value != "24:00" and not _CLOCK.fullmatch(value):
        raise ValidationError("must be a time of day, HH:MM; 24:00 is the end of the day")


def _moment(value: str) -> None:
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError(value)
        datetime.fromisoformat(value)
    except ValueError:
        raise ValidationError("must be a date and time as clocks at the site show them: 2026-12-24T12:00") from None


@lru_cache
def known_regions() -> frozenset[str]:
    """Every country and part of a country whose holidays are known: DE, DE-BE, AT-9, …"""
    countries = holidays.list_supported_countries()
    return frozenset(countries) | {f"{country}-{part}" for country, parts in countries.items() for part in parts}


def holiday_region(value: str) -> None:
    if value not in known_regions():
        country = value.split("-", 1)[0]
        parts = sorted(region for region in known_regions() if region.startswith(f"{country}-") and len(region) < 7)
        known = f"known here: {country}, {', '.join(parts)}" if country in known_regions() else "write DE-BE or AT"
        raise ValidationError(f"is no region whose holidays are known ({known})"[:300])


class _FromTo(Schema):
    @validates_schema
    def _is_no_moment(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["from"] == data["to"]:
            raise ValidationError("must differ from `from`", "to")


class _FirstToLast(Schema):
    @validates_schema
    def _begins_before_it_ends(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["from"] >= data["to"]:
            raise ValidationError("must be later than `from`", "to")


# `from` is no name for an attribute of a class.
Stretch = _FromTo.from_dict({
    "weekday": WholeNumber(required=True, validate=validate.Range(0, 6), metadata={"description": "0 is Monday"}),
    "from": fields.String(required=True, validate=_clock, metadata={"example": "08:00"}),
    "to": fields.String(required=True, validate=_clock_at_the_end, metadata={"example": "17:30"}),
}, name="Stretch")
Period = _FirstToLast.from_dict({
    "from": fields.String(required=True, validate=_moment, metadata={"example": "2026-12-24T12:00"}),
    "to": fields.String(required=True, validate=_moment, metadata={"example": "2027-01-02T08:00"}),
}, name="Period")


class Times(Schema):
    weekly = fields.List(
        fields.Nested(Stretch), load_default=list, validate=validate.Length(max=MOST_STRETCHES),
        metadata={"description": "hours of the week at the site"})
    periods = fields.List(
        fields.Nested(Period), load_default=list, validate=validate.Length(max=MOST_STRETCHES),
        metadata={"description": "days and times of the calendar"})
    on_holidays = Switch(load_default=False, metadata={"description": "also all day long on a holiday"})
    not_on_holidays = Switch(load_default=False, metadata={"description": "the hours of the week do not count then"})
    holiday_region = fields.String(
        load_default=None, allow_none=True, validate=holiday_region,
        metadata={"description": "whose holidays: DE-BE, AT; null: where the site is"})

    @validates_schema
    def _holidays_are_one_or_the_other(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["on_holidays"] and data["not_on_holidays"]:
            raise ValidationError("contradicts on_holidays: say one of the two", "not_on_holidays")


def stored(times: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was set."""
    return {name: value for name, value in times.items() if value}


def shown(kept: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, in one order."""
    return {"weekly": [], "periods": [], "on_holidays": False, "not_on_holidays": False, "holiday_region": None, **kept}
