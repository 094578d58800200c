"""How much one subscriber may ask for (C5): attempts at the same time, and per minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

WINDOW = timedelta(minutes=1)
_WAIT_FOR_AN_END_S = 10


@dataclass(frozen=True, slots=True)
class Limits:
    max_simultaneous: int = 2
    max_per_minute: int = 10


@dataclass(frozen=True, slots=True)
class TooMany:
    rule: str
    retry_after_s: int


def exceeded(limits: Limits, under_way: int, recent: Sequence[datetime], now: datetime) -> TooMany | None:
    """under_way: attempts not settled; recent: when the attempts of the last minute were asked for, any order."""
    in_window = sorted(asked for asked in recent if asked > now - WINDOW)
    if len(in_window) >= limits.max_per_minute:
        # Free again when so many have left the window that one fits.
        leaves = in_window[len(in_window) - limits.max_per_minute] + WINDOW
        return TooMany(
            f"at most {limits.max_per_minute} calls a minute", max(1, ceil((leaves - now).total_seconds()))
        )
    if under_way >= limits.max_simultaneous:
        return TooMany(f"at most {limits.max_simultaneous} calls at the same time", _WAIT_FOR_AN_END_S)
    return None
