"""What the calendar of a site says about a moment: the holiday by its name, and night service with its end."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from services.routing.facts import Site
from shared.schedule import by_hand_until, holds_by_hand, is_night, next_change

_LANGUAGES = {"de": "de", "en": "en_US"}


def calendar(site: Site, site_name: str, now: datetime, language: str = "en") -> dict[str, Any]:
    """now: aware."""
    zone = ZoneInfo(site.time_zone)
    there = now.astimezone(zone)
    return {
        "site": site_name,
        "time_zone": site.time_zone,
        "weekday": there.strftime("%A"),
        "holiday": holiday_name(there.date(), site.country, site.region, language) or None,
        "holiday_region": f"{site.country}-{site.region}" if site.region else site.country,
        "night": _night(site, now, zone),
    }


def holiday_name(day: date, country: str, region: str, language: str) -> str:
    """"" on every other day. As schedule.holidays_of: an unknown region has the holidays of its country."""
    return _named(country, region, day.year, language).get(day, "")


@lru_cache(maxsize=256)
def _named(country: str, region: str, year: int, language: str) -> dict[date, str]:
    for subdivision in (region or None, None):
        for said_in in (_LANGUAGES.get(language), None):  # not every country has its names in every language
            try:
                return dict(holidays.country_holidays(country, subdiv=subdivision, years=year, language=said_in))
            except NotImplementedError:
                continue
    return {}


def _night(site: Site, now: datetime, zone: ZoneInfo) -> dict[str, Any] | None:
    """None: no night service is set up. until None: for good, as far as a year can tell."""
    night = site.night
    if not night.target:
        return None
    by_hand = holds_by_hand(site, now)
    until = by_hand_until(site) if by_hand else next_change(night.times, now, site) if night.scheduled else None
    return {
        "on": is_night(site, now), "by": "hand" if by_hand else "schedule", "target": night.target,
        "until": until.astimezone(zone).isoformat(timespec="minutes") if until else None,
    }
