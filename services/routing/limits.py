"""How much may leave: new calls a minute, forwards at a time, money a day. Emergency calls are never asked about.

Every step that rings outside passes admit() on its way to the switch, whatever made it: a call, a forward, Remote
Office, simultaneous ring; each number it rings counts. Counted in this process; what calls cost is in the database as
well, so that a day's budget outlives a restart. The longest call is the switch's own matter: each leg carries its end.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache

import phonenumbers
import structlog

from services.routing.plan import EMERGENCY, Announce, Ring, Step, TrunkLeg
from shared.dialling import number_class
from shared.metrics import Counter

log = structlog.get_logger()

LIMITED = Counter("pbx_routing_calls_limited_total", "Legs to the outside a limit stopped", ["limit"])
ALERTS = Counter("pbx_routing_budget_alerts_total", "Days on which a company came near its budget")

_MINUTE_S = 60.0
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Of one company; the defaults of migration 0008."""

    per_minute: int = 100
    per_subscriber_per_minute: int = 10
    forwarded_at_once: int = 2
    """Per subscriber."""
    longest_call_s: int = 14_400
    daily_budget_cents: int | None = 50_000
    alert_percent: int = 80
    cents_per_minute: Mapping[str, int] = field(default_factory=lambda: {
        "national": 2, "mobile": 10, "international": 50, "premium": 200, "satellite": 500})


@dataclass(frozen=True, slots=True)
class _Running:
    """A call that leaves, or rings outside."""

    company_id: int
    subscriber_id: int
    numbers: frozenset[str]
    forwarded: bool
    cents: int
    """Of the dearest: one of them has the call."""
    since_s: float


class Limits:
    """limits_of: a company's, from memory."""

    def __init__(
        self, limits_of: Callable[[int], CallLimits] = lambda company_id: CallLimits(), *,
        clock_s: Callable[[], float] = time.monotonic, today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.limits_of = limits_of
        self._clock_s = clock_s
        self._today = today
        self._calls: dict[tuple[str, int], deque[float]] = defaultdict(deque)
        self._running: dict[str, _Running] = {}
        self._day = today()
        self._spent: dict[int, int] = {}
        self._unwritten: dict[tuple[int, date], int] = {}
        self._alerted: set[int] = set()

    # ----- on a call's path

    def admit(self, step: Step, company_id: int, call_id: str, language: str = "de") -> Step:
        """The step, or what follows in its place: without the legs to the outside that are too many, or not at all."""
        outside = _outside_legs(step)
        if not outside or not isinstance(step, Ring):
            self._running.pop(call_id, None)
            return step
        before = self._running.pop(call_id, None)
        known = before.numbers if before else frozenset()  # over the next trunk for the same call
        limits = self.limits_of(company_id)
        forwarded = step.reason.startswith("forward")
        refused = {leg: limit for leg in outside if leg.number not in known
                   and (limit := self._count(limits, company_id, leg, forwarded=forwarded))}
        for leg, limit in refused.items():
            LIMITED.labels(limit).inc()
            log.warning("call to the outside stopped by a limit", limit=limit, company_id=company_id,
                        subscriber_id=leg.subscriber_id, call_id=call_id)
        leaving = [leg for leg in outside if leg not in refused]
        if leaving:
            self._running[call_id] = _Running(
                company_id, leaving[0].subscriber_id, known.union([leg.number for leg in leaving]), forwarded,
                max(cents_of(limits, leg) for leg in leaving), self._clock_s())
        if not refused:
            return step
        legs = tuple([leg for leg in step.legs if leg not in refused])
        if legs:
            return replace(step, legs=legs)
        if not forwarded and step.callee_id is None:
            return Announce("call-not-permitted", language, "OUTGOING_CALL_BARRED", f"limit_{refused[outside[0]]}")
        onward: Step = step
        stopped = {leg.number for leg in refused}
        while any(leg.number in stopped for leg in _outside_legs(onward)) and isinstance(onward, Ring):
            onward = onward.not_reachable
        return onward

    def stops(self, company_id: int, leg: TrunkLeg) -> str:
        """The limit that forbids a leg to the outside which no caller waits for, or ""; then it counts as one more."""
        limits = self.limits_of(company_id)
        limit = self._count(limits, company_id, leg, forwarded=False)
        if limit:
            LIMITED.labels(limit).inc()
            log.warning("first leg to the outside stopped by a limit", limit=limit, company_id=company_id,
                        subscriber_id=leg.subscriber_id)
        return limit

    def would_stop(self, step: Step | None, company_id: int) -> str:
        """The limit that would now stop the legs of a step to the outside, or ""; nothing counts as made."""
        if not isinstance(step, Ring):
            return ""
        limits = self.limits_of(company_id)
        forwarded = step.reason.startswith("forward")
        answers = (self._limit_of(limits, company_id, leg, forwarded=forwarded, besides=besides)
                   for besides, leg in enumerate(_outside_legs(step)))
        return next((limit for limit in answers if limit), "")

    def ended(self, call_id: str) -> None:
        self._running.pop(call_id, None)

    def keep_only(self, call_ids: Collection[str]) -> None:
        """What is up at the switch, after events may have been missed."""
        for call_id in [one for one in self._running if one not in call_ids]:
            del self._running[call_id]

    def _count(self, limits: CallLimits, company_id: int, leg: TrunkLeg, *, forwarded: bool) -> str:
        """As one call more, or the limit that forbids it."""
        limit = self._limit_of(limits, company_id, leg, forwarded=forwarded)
        if not limit:
            for whose in (("subscriber", leg.subscriber_id), ("company", company_id)):
                self._in_last_minute(whose).append(self._clock_s())
        return limit

    def _limit_of(
        self, limits: CallLimits, company_id: int, leg: TrunkLeg, *, forwarded: bool, besides: int = 0,
    ) -> str:
        """besides: legs of the same call that would count before it."""
        if forwarded:
            at_once = sum(1 for one in self._running.values() if one.forwarded
                          and (one.company_id, one.subscriber_id) == (company_id, leg.subscriber_id))
            if at_once >= limits.forwarded_at_once:
                return "forwarded_at_once"
        budget = limits.daily_budget_cents
        if budget is not None and cents_of(limits, leg) and self.spent_today(company_id) >= budget:
            return "daily_budget"
        own = self._in_last_minute(("subscriber", leg.subscriber_id))
        company = self._in_last_minute(("company", company_id))
        if not forwarded and len(own) + besides >= limits.per_subscriber_per_minute:
            return "per_subscriber_per_minute"
        if len(company) + besides >= limits.per_minute:
            return "per_minute"
        return ""

    def _in_last_minute(self, whose: tuple[str, int]) -> deque[float]:
        if len(self._calls) > _MOST_REMEMBERED:
            now_s = self._clock_s()
            for one in [one for one, times in self._calls.items() if not times or now_s - times[-1] >= _MINUTE_S]:
                del self._calls[one]
        times = self._calls[whose]
        while times and self._clock_s() - times[0] >= _MINUTE_S:
            times.popleft()
        return times

    # ----- what it costs

    def spent_today(self, company_id: int) -> int:
        """In cents: calls that ended today, and those under way, as if they had been answered at once."""
        self._new_day()
        now_s = self._clock_s()
        under_way = sum(_cost(one.cents, now_s - one.since_s) for one in self._running.values()
                        if one.company_id == company_id)
        return self._spent.get(company_id, 0) + under_way

    def charge(self, company_id: int, cents_per_minute: int, seconds: float) -> None:
        """A leg to the outside ended after so many seconds of talk."""
        self._new_day()
        cost = _cost(cents_per_minute, seconds)
        if not cost:
            return
        self._spent[company_id] = self._spent.get(company_id, 0) + cost
        key = (company_id, self._day)
        self._unwritten[key] = self._unwritten.get(key, 0) + cost
        budget = self.limits_of(company_id).daily_budget_cents
        near = budget is not None and self._spent[company_id] * 100 >= budget * self.limits_of(company_id).alert_percent
        if near and company_id not in self._alerted:
            self._alerted.add(company_id)
            ALERTS.inc()
            log.warning("daily budget nearly used", company_id=company_id, spent_cents=self._spent[company_id],
                        budget_cents=budget)

    def take_unwritten(self) -> dict[tuple[int, date], int]:
        taken, self._unwritten = self._unwritten, {}
        return taken

    def give_back(self, unwritten: Mapping[tuple[int, date], int]) -> None:
        for key, cents in unwritten.items():
            self._unwritten[key] = self._unwritten.get(key, 0) + cents

    def written(self, company_id: int, day: date, cents: int) -> None:
        """What the database says was spent by all processes together."""
        self._new_day()
        if day == self._day:
            self._spent[company_id] = cents + self._unwritten.get((company_id, day), 0)

    def _new_day(self) -> None:
        if self._today() != self._day:
            self._day = self._today()
            self._spent.clear()
            self._alerted.clear()


def _outside_legs(step: Step) -> tuple[TrunkLeg, ...]:
    """Those a limit may stop: none of an emergency call's."""
    if not isinstance(step, Ring) or step.reason == EMERGENCY:
        return ()
    return tuple([leg for leg in step.legs if isinstance(leg, TrunkLeg)])


def _cost(cents_per_minute: int, seconds: float) -> int:
    return cents_per_minute * math.ceil(max(seconds, 0) / 60)


def cents_of(limits: CallLimits, leg: TrunkLeg) -> int:
    """What a minute of this leg is counted with."""
    return limits.cents_per_minute.get(_class_of(leg), 0)


def _class_of(leg: TrunkLeg) -> str:
    return _class_seen_from(leg.number, leg.shown_number)


@lru_cache(maxsize=16_384)
def _class_seen_from(number: str, shown_number: str) -> str:
    if not number.startswith("+"):
        return ""
    home = phonenumbers.region_code_for_number(phonenumbers.parse(shown_number, None)) if shown_number else None
    return number_class(number, home or "DE").value
