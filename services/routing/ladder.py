"""The ladder of an incoming call: the first rung that answers decides (docs/precedence.md).

Pure: facts in, decision out. Forwards within the company climb the other person's ladder in the same breath,
so the whole way of the call, with what follows each outcome, is planned at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.routing.facts import (
    MOST_REDIRECTIONS,
    NETWORK_RING_LIMIT_S,
    CallFacts,
    Redirection,
    SimultaneousNumber,
)
from services.routing.plan import (
    Announce,
    Decision,
    Leg,
    Looked,
    Onward,
    Outcome,
    Reject,
    Ring,
    Shown,
    Step,
    TrunkLeg,
    ring_timeout_s,
    with_trunks,
)
from services.routing.rungs.barring import barred_callers_are_refused, may_be_dialled
from services.routing.rungs.devices import busy_people_are_busy, devices_ring, do_not_disturb_is_busy
from services.routing.rungs.executive import assistants_answer_for_executives
from services.routing.rungs.forwarding import everything_is_forwarded
from services.routing.rungs.intercept import intercepted_calls_are_announced, loop_is_broken
from services.routing.rungs.lists import (
    anonymous_callers_are_rejected,
    enterprise_rules_are_followed,
    selected_callers_are_forwarded,
    the_negative_list_rejects,
    the_positive_list_admits,
)
from services.routing.rungs.night import night_service_takes_the_site
from services.routing.rungs.outcome import after_rings, wishes_after
from services.routing.rungs.remote_office import remote_office_takes_over
from services.routing.rungs.said import Forward, GoesTo, RingAt, Said, Saw, Wish
from shared.dialling import number_class


class Rung(NamedTuple):
    number: int
    name: str
    asks: Callable[[CallFacts], Said]


LADDER: tuple[Rung, ...] = (
    Rung(0, "loop guard", loop_is_broken),
    Rung(1, "intercept", intercepted_calls_are_announced),
    Rung(2, "incoming barring", barred_callers_are_refused),
    Rung(3, "enterprise rule", enterprise_rules_are_followed),
    Rung(4, "night service", night_service_takes_the_site),
    Rung(5, "negative list", the_negative_list_rejects),
    Rung(6, "positive list", the_positive_list_admits),
    Rung(7, "anonymous rejection", anonymous_callers_are_rejected),
    Rung(8, "selective forwarding", selected_callers_are_forwarded),
    Rung(9, "forward always, mailbox always", everything_is_forwarded),
    Rung(10, "executive filter", assistants_answer_for_executives),
    Rung(11, "do not disturb", do_not_disturb_is_busy),
    Rung(12, "busy", busy_people_are_busy),
    Rung(13, "Remote Office", remote_office_takes_over),
    Rung(14, "devices", devices_ring),
)


@dataclass(frozen=True, slots=True)
class _Refused:
    why: str


class _Trace(list[Looked]):
    """What was looked at, and what was found out once already.

    People who forward to one another are met again on many ways through busy, no answer and not reachable; what
    their ladder says depends only on who they are and where the call has been.
    """

    def __init__(self) -> None:
        super().__init__()
        self.climbed: dict[tuple[int, frozenset[str]], tuple[Step, str]] = {}


def decide(facts: CallFacts) -> Decision:
    """Climb until a rung has an answer, which the last one (devices) never lacks."""
    trace = _Trace()
    step, rung = _climb(facts, trace)
    return Decision(step, rung, tuple(trace))


def _climb(facts: CallFacts, trace: _Trace) -> tuple[Step, str]:
    met = (facts.callee.subscriber_id, frozenset(before.place for before in facts.redirections))
    if met not in trace.climbed:
        trace.climbed[met] = _climb_first(facts, trace)
    return trace.climbed[met]


def _climb_first(facts: CallFacts, trace: _Trace) -> tuple[Step, str]:
    place = facts.callee.extension
    # N5: whoever is called back from an emergency centre rings, whatever he has switched on.
    rungs = LADDER[-1:] if facts.caller.calls_back_an_emergency_call else LADDER
    for rung in rungs:
        said = rung.asks(facts)
        line = len(trace)
        trace.append(Looked(place, rung.name, said.saw, "passed", len(facts.redirections)))
        step, account = _first_possible(said.wishes, facts, trace)
        if account:
            trace[line] = Looked(place, rung.name, said.saw, account, len(facts.redirections), step is not None)
        if step is not None:
            return step, rung.name
    raise AssertionError("the last rung always answers")


def _first_possible(wishes: tuple[Wish, ...], facts: CallFacts, trace: _Trace) -> tuple[Step | None, str]:
    """The first wish that may come true, and how it went, for the trace."""
    account: list[str] = []
    for wish in wishes:
        step = _fulfilled(wish, facts, trace)
        if not isinstance(step, _Refused):
            account.append(_in_words(wish))
            return step, "; ".join(account)
        account.append(f"{_in_words(wish)}: refused, {step.why}")
    return None, "; ".join(account)


def _fulfilled(wish: Wish, facts: CallFacts, trace: _Trace) -> Step | _Refused:
    if isinstance(wish, Forward):
        return _followed(wish, facts, trace)
    if isinstance(wish, RingAt):
        return _rung(wish, facts, trace)
    if isinstance(wish, GoesTo):
        return _after(wish.outcome, facts, trace)
    return wish


def _followed(forward: Forward, facts: CallFacts, trace: _Trace) -> Step | _Refused:
    callee = facts.callee
    here = Redirection(callee.extension, callee.main_number, callee.name, forward.reason)
    redirections = (*facts.redirections, here)
    owner = facts.owners.get(forward.target)
    if owner is not None and owner in facts.people:
        onward = replace(
            facts, callee_id=owner, dialled=forward.target, redirections=redirections, handed_out_by=None)
        return Onward(here, _climb(onward, trace)[0])
    looped = Announce("too-many-forwards", callee.language, "EXCHANGE_ROUTING_ERROR", "loop")
    if owner is not None:  # further away than a call may be sent
        return looped
    if not forward.target.startswith("+"):
        return _Refused("nobody has this extension")
    refusal = _why_not_outside(forward.target, facts)
    if refusal:
        return _Refused(refusal)
    if len(redirections) > MOST_REDIRECTIONS:
        return looped
    shown_number = callee.main_number or callee.site.main_number
    ring = Ring(
        legs=(), ring_timeout_s=NETWORK_RING_LIMIT_S, reason=f"forward_{forward.reason.value}",
        busy=Reject("USER_BUSY", "busy"), no_answer=Reject("NO_ANSWER", "no_answer"),
        not_reachable=Announce("not-reachable", callee.language, "SUBSCRIBER_ABSENT", "not_reachable"),
        shown=Shown(shown_number),
    )
    dialled = with_trunks(facts.company.trunks, forward.target, shown_number, callee.subscriber_id, ring)
    return Onward(here, dialled) if dialled else _Refused("no trunk")


def _why_not_outside(number: str, facts: CallFacts) -> str:
    """Fraud: every leg that leaves is looked at, and shows a number the company owns."""
    callee = facts.callee
    if not facts.company.trunks:
        return "no trunk"
    if not (callee.main_number or callee.site.main_number):
        return "no number to show"
    known_class = number_class(number, callee.site.country).value
    return may_be_dialled(number, known_class, facts.company, callee.barring_forwarded)


def _rung(where: RingAt, facts: CallFacts, trace: _Trace) -> Step:
    """Ring there, with everything that can follow."""
    legs = where.legs + _outside_legs(where.numbers, facts)
    if not legs:
        return _after(Outcome.NOT_REACHABLE, facts, trace)
    ring_s, no_answer = NETWORK_RING_LIMIT_S, None
    for candidate in after_rings(facts):
        step, account = _first_possible((candidate.wish,), facts, trace)
        _note(f"after {candidate.rings} rings", account, facts, trace)
        if step is not None:
            if candidate.rings == 0:
                return step
            ring_s, no_answer = ring_timeout_s(candidate.rings), step
            break
    return Ring(
        legs=legs, ring_timeout_s=ring_s, reason="devices" if where.legs else "remote_office",
        busy=_after(Outcome.BUSY, facts, trace),
        no_answer=no_answer or _after(Outcome.NO_ANSWER, facts, trace),
        not_reachable=_after(Outcome.NOT_REACHABLE, facts, trace),
        callee_id=facts.callee_id, shown=shown_to_callee(facts), alert_info=where.alert_info,
    )


def _outside_legs(numbers: tuple[SimultaneousNumber, ...], facts: CallFacts) -> tuple[Leg, ...]:
    callee = facts.callee
    shown_number = callee.main_number or callee.site.main_number
    return tuple(
        TrunkLeg(facts.company.trunks[0], one.number, shown_number, callee.subscriber_id, one.confirm)
        for one in numbers if not _why_not_outside(one.number, facts)
    )


def _after(outcome: Outcome, facts: CallFacts, trace: _Trace) -> Step:
    wishes = wishes_after(outcome, facts)
    step, account = _first_possible(wishes, facts, trace)
    if len(wishes) > 1:
        _note(f"when {outcome.value.replace('_', ' ')}", account, facts, trace)
    assert step is not None  # the last wish of an outcome always comes true
    return step


def _note(what: str, account: str, facts: CallFacts, trace: _Trace) -> None:
    trace.append(Looked(facts.callee.extension, what, (), account, len(facts.redirections)))


def shown_to_callee(facts: CallFacts) -> Shown:
    """R13: the name is the directory's; a withheld number stays withheld."""
    caller = facts.caller
    if caller.is_internal:
        return Shown(caller.extension, caller.name)
    if caller.withheld or not caller.number:
        return Shown(withheld=True)
    return Shown(caller.number, caller.name)


def _in_words(wish: Wish) -> str:
    if isinstance(wish, Forward):
        return f"forward to {wish.target}"
    if isinstance(wish, RingAt):
        return "ring"
    if isinstance(wish, GoesTo):
        return f"as if {wish.outcome.value.replace('_', ' ')}"
    if isinstance(wish, Announce):
        return f"announce {wish.prompt}"
    if isinstance(wish, Reject):
        return f"end with {wish.cause}"
    return f"mailbox of {wish.extension}"


def saw_of(trace: tuple[Looked, ...], rung: str) -> Saw:
    """What the first rung of that name looked at; for explanations and tests."""
    return next((line.saw for line in trace if line.rung == rung), ())
