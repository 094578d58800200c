"""The ladder of an incoming call: the first rung that answers decides (docs/precedence.md).

Pure: facts in, decision out. Forwards within the company climb the other person's ladder in the same breath,
so the whole way of the call, with what follows each outcome, is planned at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from services.routing.facts import (
    CALL_BACK_RING_S,
    CALL_BACK_WITHIN,
    MOST_REDIRECTIONS,
    NETWORK_RING_LIMIT_S,
    Caller,
    CallFacts,
    Redirection,
    SimultaneousNumber,
    Subscriber,
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
    Splash,
    Step,
    TrunkLeg,
    ring_timeout_s,
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
from services.routing.rungs.outcome import (
    BUSY_TONE,
    RANG_LONG_ENOUGH,
    after_rings,
    not_reachable_in,
    wishes_after,
)
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
# Whoever is called back from an emergency centre rings, whatever he has switched on; in circles goes no call.
EMERGENCY_CALL_BACK = (LADDER[0], LADDER[-1])
NOBODYS = (LADDER[4],)
"""What is asked about a number of a site that nobody has: night service (G6)."""

_WHEN = {outcome: f"when {outcome.value.replace('_', ' ')}" for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class _Refused:
    """A wish that may not come true."""

    why: str


class _Trace(list[Looked]):
    """What was looked at, and what was found out once already.

    People who forward to one another are met again on many ways through busy, no answer and not reachable; what
    their ladder says depends only on who they are and where the call has been.
    """

    def __init__(self) -> None:
        super().__init__()
        self.climbed: dict[tuple[int, frozenset[str]], tuple[Step, str]] = {}

    def note(self, what: str, account: str, facts: CallFacts) -> None:
        self.append(Looked(facts.callee.extension, what, (), account, len(facts.redirections)))


def decide(facts: CallFacts) -> Decision:
    """Climb until a rung has an answer, which the last one (devices) never lacks."""
    trace = _Trace()
    step, rung = _arrives(facts, trace)
    return Decision(step, rung, tuple(trace))


def _arrives(facts: CallFacts, trace: _Trace) -> tuple[Step, str]:
    called_back = caller_called_back(facts)
    if called_back is not None:
        back = facts.calling_back(called_back)
        trace.note("emergency call-back", "rings first", back)
        first = _up(back, trace)
        if facts.callee_id in (None, called_back):
            return first
        if isinstance(first[0], Ring):
            otherwise = _up(facts, trace)[0]
            return replace(first[0], ring_timeout_s=CALL_BACK_RING_S, busy=otherwise, no_answer=otherwise,
                           not_reachable=otherwise), first[1]
    if facts.callee_id is None:
        if facts.nobody is not None and facts.dialled:
            for_nobody = replace(facts.nobody, extension=facts.dialled, main_number=facts.dialled)
            of_night = _climb(replace(
                facts, callee_id=for_nobody.subscriber_id, nobody=None, called_site=None,
                people={**facts.people, for_nobody.subscriber_id: for_nobody}), trace, NOBODYS)
            if of_night is not None:
                return of_night
        announcement = Announce("number-not-assigned", "de", "UNALLOCATED_NUMBER", "unknown_number")
        trace.append(Looked("company", "number", (("owner", None),), "decided", decides=True))
        return announcement, "number"
    return _up(facts, trace)


def caller_called_back(facts: CallFacts) -> int | None:
    """N5: for an hour a call from outside to the site's number is one to the site's last emergency caller."""
    last = facts.called_site.last_emergency_call if facts.called_site else None
    if last is None or facts.caller.is_internal or last.subscriber_id not in facts.people:
        return None
    return last.subscriber_id if timedelta() <= facts.now - last.called_at <= CALL_BACK_WITHIN else None


def _up(facts: CallFacts, trace: _Trace) -> tuple[Step, str]:
    decided = _climb(facts, trace, EMERGENCY_CALL_BACK if facts.caller.calls_back_an_emergency_call else LADDER)
    assert decided is not None  # the last rung always answers
    return decided


def _climb(facts: CallFacts, trace: _Trace, rungs: tuple[Rung, ...]) -> tuple[Step, str] | None:
    place, sent_on = facts.callee.extension, len(facts.redirections)
    for _, name, asks in rungs:
        saw, wishes = asks(facts)
        trace.append(Looked(place, name, saw, "passed", sent_on))
        if wishes:
            line = len(trace) - 1
            step, account = _first_possible(wishes, facts, trace)
            trace[line] = Looked(place, name, saw, account, sent_on, step is not None)
            if step is not None:
                return step, name
    return None


def _climb_once(facts: CallFacts, trace: _Trace) -> tuple[Step, str]:
    met = (facts.callee.subscriber_id, frozenset([before.place for before in facts.redirections]))
    if met not in trace.climbed:
        trace.climbed[met] = _up(facts, trace)
    return trace.climbed[met]


def _first_possible(wishes: tuple[Wish, ...], facts: CallFacts, trace: _Trace) -> tuple[Step | None, str]:
    """The first wish that may come true, and how it went, for the trace."""
    refusals = ""
    for wish in wishes:
        step = _fulfilled(wish, facts, trace)
        if not isinstance(step, _Refused):
            return step, refusals + _in_words(wish)
        refusals += f"{_in_words(wish)}: refused, {step.why}; "
    return None, refusals.removesuffix("; ")


def _fulfilled(wish: Wish, facts: CallFacts, trace: _Trace) -> Step | _Refused:
    if isinstance(wish, Forward):
        return _followed(wish, facts, trace)
    if isinstance(wish, RingAt):
        return _rung(wish, facts, trace)
    if isinstance(wish, GoesTo):
        step = _after(wish.outcome, facts, trace)
        return Splash(wish.splash, step) if wish.splash else step
    return wish


def _followed(forward: Forward, facts: CallFacts, trace: _Trace) -> Step | _Refused:
    callee = facts.callee
    here = Redirection(callee.extension, callee.main_number, callee.name, forward.reason)
    owner = facts.owners.get(forward.target)
    if owner is not None and owner in facts.people:
        step: Step | _Refused = _climb_once(facts.sent_on(here, owner, forward.target), trace)[0]
    elif owner is not None or len(facts.redirections) >= MOST_REDIRECTIONS:  # further away than a call may be sent
        return Announce("too-many-forwards", callee.language, "EXCHANGE_ROUTING_ERROR", "loop")
    elif not forward.target.startswith("+"):
        return _Refused("nobody has this extension")
    else:
        step = _forwarded_outside(forward, facts)
    if isinstance(step, _Refused):
        return step
    onward: Step = Onward(here, step)
    if forward.announced:
        onward = replace(forward.announced, then=onward)
    return Splash(forward.splash, onward) if forward.splash else onward


def _forwarded_outside(forward: Forward, facts: CallFacts) -> Step | _Refused:
    callee = facts.callee
    refusal = _why_not_outside(forward.target, facts)
    if refusal:
        return _Refused(refusal)
    shown_number = _business_number(callee)
    ring = Ring(
        legs=(TrunkLeg(facts.company.trunks[0], forward.target, shown_number, callee.subscriber_id,
                       withheld=callee.number_suppressed),),
        ring_timeout_s=NETWORK_RING_LIMIT_S, reason=f"forward_{forward.reason.value}",
        busy=BUSY_TONE, no_answer=RANG_LONG_ENOUGH, not_reachable=not_reachable_in(callee.language),
        shown=Shown(shown_number),
    )
    return _over_every_trunk(ring, facts)


def _over_every_trunk(ring: Ring, facts: CallFacts) -> Ring:
    """Numbers go over the next trunk when one fails, alone or after ringing along in vain (O4); which of them, is said
    by what became of each (outcomes.next_step)."""
    if len(facts.company.trunks) == 1 or not isinstance(ring.legs[-1], TrunkLeg):  # _rung puts them last
        return ring
    outside = [leg for leg in ring.legs if isinstance(leg, TrunkLeg)]
    further = ring.not_reachable
    for trunk in reversed(facts.company.trunks[1:]):
        further = ring.over(tuple([leg.over(trunk) for leg in outside]), further)
    return ring.over(ring.legs, further)


def _why_not_outside(number: str, facts: CallFacts) -> str:
    """Fraud: every leg that leaves is looked at, and shows a number the company owns."""
    callee = facts.callee
    if not facts.company.trunks:
        return "no trunk"
    if not _business_number(callee):
        return "no number to show"
    known_class = number_class(number, callee.site.country).value
    return may_be_dialled(number, known_class, facts.company, callee.barring_forwarded)


def _business_number(person: Subscriber) -> str:
    return person.shown_number or person.main_number or person.site.main_number


def _rung(where: RingAt, facts: CallFacts, trace: _Trace) -> Step:
    """Ring there, with everything that can follow."""
    legs = where.legs + _outside_legs(where.numbers, facts, trace) if where.numbers else where.legs
    if not legs and not where.untaken_is_no_answer:
        return _after(Outcome.NOT_REACHABLE, facts, trace)
    rings, no_answer = _when_unanswered(facts, trace)
    if rings == 0 or not legs:
        return no_answer
    untaken = no_answer if where.untaken_is_no_answer else None
    ring = Ring(
        legs=legs, ring_timeout_s=NETWORK_RING_LIMIT_S if rings is None else ring_timeout_s(rings),
        busy=untaken or _after(Outcome.BUSY, facts, trace),
        no_answer=no_answer,
        not_reachable=untaken or _after(Outcome.NOT_REACHABLE, facts, trace),
        reason=where.reason, callee_id=facts.callee_id, shown=shown_to_callee(facts), alert_info=where.alert_info,
    )
    return _over_every_trunk(ring, facts)


def _when_unanswered(facts: CallFacts, trace: _Trace) -> tuple[int | None, Step]:
    """After how many rings, and what then; None: it rings to the limit of the network."""
    for candidate in after_rings(facts):
        step, account = _first_possible((candidate.wish,), facts, trace)
        trace.note(f"after {candidate.rings} rings", account, facts)
        if step is not None:
            return candidate.rings, step
    return None, _after(Outcome.NO_ANSWER, facts, trace)


def _outside_legs(numbers: tuple[SimultaneousNumber, ...], facts: CallFacts, trace: _Trace) -> tuple[Leg, ...]:
    callee = facts.callee
    legs: list[Leg] = []
    for one in numbers:
        refusal = _why_not_outside(one.number, facts)
        if refusal:
            trace.note(f"ring {one.number}", f"refused, {refusal}", facts)
        else:
            legs.append(TrunkLeg(facts.company.trunks[0], one.number, _business_number(callee), callee.subscriber_id,
                                 one.confirm, extension=callee.extension))
    return tuple(legs)


def _after(outcome: Outcome, facts: CallFacts, trace: _Trace) -> Step:
    wishes = wishes_after(outcome, facts)
    end = wishes[-1]
    if len(wishes) == 1 and not isinstance(end, Forward):
        return end
    step, account = _first_possible(wishes, facts, trace)
    trace.note(_WHEN[outcome], account, facts)
    assert step is not None  # the last wish of an outcome always comes true
    return step


def shown_to_callee(facts: CallFacts) -> Shown:
    """R13: the name is the directory's; a withheld number stays withheld, and the name with it."""
    return shown_as(facts.caller)


def shown_as(caller: Caller) -> Shown:
    if caller.withheld or not (caller.is_internal or caller.number):
        return Shown(withheld=True)
    return Shown(caller.extension if caller.is_internal else caller.number, caller.name)


def _in_words(wish: Wish) -> str:
    if isinstance(wish, RingAt):
        return "ring"
    if isinstance(wish, Forward):
        return f"{_in_words(wish.announced)}, then forward to {wish.target}" if wish.announced else (
            f"forward to {wish.target}")
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
