"""When a mail that did not get through is tried again. Core.

A server that answers 4xx is asked again once, soon, since greylisting wants just that; from then on at
least half an hour lies between two attempts (RFC 5321, 4.5.4.1), for five days. A server that cannot be
reached at all took no notice of us: it may be asked a few times more often before the same pace begins. A mail
that is soon of no use (a link that is valid for an hour) is given up earlier.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

GIVE_UP_AFTER = timedelta(days=5)
SLOWEST = timedelta(hours=4)

_SECOND = timedelta(seconds=1)
_QUICK = {
    "refused": (60 * _SECOND,),
    "unreachable": (5 * _SECOND, 15 * _SECOND, 60 * _SECOND, 300 * _SECOND),
}
_PACE = (30, 30, 60, 120)  # minutes; the last one repeats, doubled up to SLOWEST


class Failure(Enum):
    REFUSED_FOR_NOW = "refused"
    """The server said 4xx."""
    UNREACHABLE = "unreachable"
    """No server, or it fell silent before it had the message."""
    UNCLEAR = "unclear"
    """The line broke while the server held the whole message: it may have taken it."""


def next_attempt_at(
    attempt: int, failed_at: datetime, first_tried_at: datetime, failure: Failure,
    give_up_after: timedelta = GIVE_UP_AFTER,
) -> datetime | None:
    """When to try again, or None once it has been tried long enough.

    attempt counts attempts made, from 1; times are aware. Raises ValueError for a naive time.
    """
    if failed_at.tzinfo is None or first_tried_at.tzinfo is None:
        raise ValueError("times must be aware")
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    quick = _QUICK["unreachable" if failure is Failure.UNREACHABLE else "refused"]
    if attempt <= len(quick):
        wait = quick[attempt - 1]
    else:
        step = attempt - len(quick) - 1
        minutes = _PACE[min(step, len(_PACE) - 1)] * 2 ** max(0, step - len(_PACE) + 1)
        wait = min(timedelta(minutes=min(minutes, 24 * 60)), SLOWEST)
    at = failed_at + wait
    return at if at - first_tried_at <= give_up_after else None
