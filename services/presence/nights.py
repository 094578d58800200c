"""Night service of the sites (G6, P3): where it is night, and when that may change next. Core; `now` is aware."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.presence.people import Site
from shared.schedule import by_hand_until, holds_by_hand, is_night, next_change


def nights_at(sites: Iterable[Site], now: datetime) -> frozenset[int]:
    """Ids of the sites whose calls from outside go to the night target now; as the ladder has it, none without a
    target."""
    return frozenset(site.site_id for site in sites if site.night.target and is_night(site, now))


def next_look(sites: Iterable[Site], now: datetime) -> datetime | None:
    """The first moment after now at which nights_at may say something else; None: not by itself."""
    changes = (change for site in sites if (change := _next_change(site, now)) is not None)
    return min(changes, default=None)


def _next_change(site: Site, now: datetime) -> datetime | None:
    if not site.night.target or not site.night.scheduled:
        return None
    return by_hand_until(site) if holds_by_hand(site, now) else next_change(site.night.times, now, site)
