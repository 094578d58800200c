"""How long one decision takes: facts in, plan out, nothing else; the median over a mix of calls of an ordinary day.

python -m tests.bench.decision prints {"decision_us": …} in seconds.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from services.routing.facts import (
    Assistant,
    Caller,
    CallerRule,
    CallFacts,
    Company,
    ExecutiveFilter,
    Forwarding,
    Mailbox,
    SimultaneousNumber,
    Site,
    Subscriber,
)
from services.routing.ladder import decide
from shared.barring import Range
from shared.schedule import Hours, NightService, Times

ROUNDS = 400
NOW = datetime(2026, 8, 12, 12, 0, tzinfo=UTC)
OFFICE_HOURS = Times(tuple(Hours(day, 8 * 60, 18 * 60) for day in range(5)), not_on_holidays=True)
NIGHTS = Times(tuple(Hours(day, 18 * 60, 8 * 60) for day in range(7)), on_holidays=True)
BERLIN = Site(1, "DE", "30", "+49305550000", region="BE",
              night=NightService("29", True, NIGHTS, False, datetime(2026, 8, 11, 6, 0, tzinfo=UTC)))
COMPANY = Company(7, "musterbau.example", ("musterbau-1", "musterbau-2"), frozenset({"national", "mobile"}))
COLLEAGUE = Caller(21, "21", name="Anna Amsel", main_number="+493055500021")
CUSTOMER = Caller(number="+491715550100")
MOBILE = "+491715550199"
MAILBOX = Mailbox(busy=True, no_answer=True, rings=4)
PROFILE = tuple(Range(prefix, allowed) for prefix, allowed in (
    ("+", True), ("+49900", False), ("+49137", False), ("+1900", False), ("+88", False)))


def _person(extension: int, **settings: object) -> Subscriber:
    plain = Subscriber(
        extension, str(extension), f"Person {extension}", "de", f"+493055500{extension:03}", BERLIN,
        (f"+493055500{extension:03}",), (f"desk-{extension}", f"mobile-{extension}"), mailbox=MAILBOX,
        barring_incoming=PROFILE, barring_forwarded=PROFILE)
    return replace(plain, **settings)  # type: ignore[arg-type]


def _call(caller: Caller, *people: Subscriber) -> CallFacts:
    everyone = {one.subscriber_id: one for one in people}
    owners = {place: one.subscriber_id for one in people for place in (one.extension, one.main_number)}
    return CallFacts(NOW, COMPANY, caller, people[0].subscriber_id, everyone, owners, people[0].extension)


def mix() -> list[CallFacts]:
    """Of ten calls: six ring with a mailbox behind, the others meet what people switch on."""
    rules = (CallerRule("family", frozenset({MOBILE}), is_exception=True),
             *(CallerRule(f"rule {n}", prefixes=(f"+4915{n}",), times=OFFICE_HOURS) for n in range(5)),
             CallerRule("after hours", external=True, times=NIGHTS))
    colleague = _person(23)
    plain, along = _person(22), _person(22, simultaneous_ring=(SimultaneousNumber(MOBILE, True),))
    forwarding = _person(
        22, forward_busy=Forwarding("23"), forward_no_answer=Forwarding("23", 3),
        forward_not_reachable=Forwarding(MOBILE))
    listed = _person(22, negative_list_on=True, negative_list=rules, selective_forwarding_on=True,
                     selective_forwarding_target="23", selective_forwarding=rules)
    executive = _person(22, executive_filter=ExecutiveFilter(assistants=(Assistant(23, "23", ("desk-23",)),)))
    remote = _person(22, remote_office=MOBILE)
    away = _person(22, forward_always=Forwarding("23"), forward_always_splash=True)
    return [
        _call(COLLEAGUE, plain), _call(CUSTOMER, plain), _call(COLLEAGUE, plain), _call(CUSTOMER, along),
        _call(CUSTOMER, forwarding, colleague), _call(COLLEAGUE, forwarding, colleague),
        _call(CUSTOMER, listed, colleague), _call(CUSTOMER, executive, colleague), _call(CUSTOMER, remote),
        _call(CUSTOMER, away, colleague),
    ]


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Microseconds of a decision: the median of all, after every kind of call was decided once."""
    return {"decision_us": statistics.median(_timed(mix(), rounds))}


def _timed(calls: list[CallFacts], rounds: int) -> list[float]:
    clock: Callable[[], int] = time.perf_counter_ns
    for facts in calls:
        decide(facts)
    spent: list[float] = []
    gc.collect()
    for _ in range(rounds):
        for facts in calls:
            began = clock()
            decide(facts)
            spent.append((clock() - began) / 1000)
    return spent


if __name__ == "__main__":
    print(json.dumps(measure()))
