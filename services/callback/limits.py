"""How much may be asked for (C5): attempts at the same time and per minute, of one subscriber and of the company."""

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


def exceeded(
    limits: Limits, under_way: int, recent: Sequence[datetime], now: datetime, whose: str = "",
) -> TooMany | None:
    """under_way: attempts not settled; recent: when the attempts of the last minute were asked for, any order, at least
    the newest max_per_minute of them. whose: of whom the rule speaks, when it is not the subscriber."""
    in_window = sorted(asked for asked in recent if asked > now - WINDOW)
    if len(in_window) >= limits.max_per_minute:
        # Free again when so many have left the window that one fits.
        leaves = in_window[len(in_window) - limits.max_per_minute] + WINDOW
        return TooMany(
            f"at most {limits.max_per_minute} calls a minute{whose}", max(1, ceil((leaves - now).total_seconds()))
        )
    if under_way >= limits.max_simultaneous:
        return TooMany(f"at most {limits.max_simultaneous} calls at the same time{whose}", _WAIT_FOR_AN_END_S)
    return None
