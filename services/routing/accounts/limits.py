"""How often something may be tried, counted in the database: the same for what exists and what does not. Use case.

Counted by what was typed, not by the account it names, so that a lock tells nobody that there is an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from shared.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Limit:
    what: str
    allowed: int
    within_s: int


LOG_IN = (Limit("login", 5, 15 * 60), Limit("login of a day", 30, 24 * 3600))
"""By name typed. A log-in that succeeds begins anew."""
LOG_IN_FROM = (Limit("login from", 100, 15 * 60),)
"""By address; wide, since a whole house may come from one."""
CHANGE = (Limit("password change", 5, 15 * 60),)
"""By log-in: who has somebody's token must not guess his password with it."""
RESET = (Limit("reset", 3, 3600),)
RESET_FROM = (Limit("reset from", 60, 3600),)


class TooMany(Exception):
    def __init__(self, wait_s: int) -> None:
        super().__init__(f"again in {wait_s} s")
        self.wait_s = wait_s


def count(database: Database, limits: Iterable[Limit], typed: str) -> None:
    """Counts this attempt, for good, whatever comes of it. Raises TooMany, DatabaseUnavailable."""
    waits = [
        int(database.call(
            "SELECT directory.count_attempt(:what, :sha256, :allowed, make_interval(secs => :within_s)) AS wait_s",
            what=limit.what, sha256=_key(typed), allowed=limit.allowed, within_s=limit.within_s)[0].wait_s)
        for limit in limits
    ]
    if any(waits):
        raise TooMany(max(waits))


def begin_anew(tx: Transaction, limits: Iterable[Limit], names: Iterable[str | None]) -> None:
    tx.execute("DELETE FROM directory.attempts WHERE what = ANY(:whats) AND of_sha256 = ANY(:keys)",
               whats=[limit.what for limit in limits], keys=[_key(name) for name in names if name])


def _key(typed: str) -> bytes:
    return hashlib.sha256(typed.strip().lower().encode()).digest()
