"""Reading what was decided: which rung, where it rings, what follows an outcome."""

from __future__ import annotations

from services.routing.facts import CallerRule
from services.routing.ladder import decide
from services.routing.plan import Announce, DeviceLeg, Outcome, Reject, Ring, ToMailbox, landing
from tests.routing.build import incoming

MOBILE = "+491715550199"
PREMIUM = "+4990055512"
EVERYONE = CallerRule("everyone", internal=True, external=True, anonymous=True)


def rung_of(*args, **more):
    return decide(incoming(*args, **more)).rung


def step_of(*args, **more):
    return landing(decide(incoming(*args, **more)).step)[0]


def after(step, *outcomes):
    for outcome in outcomes:
        step = landing(landing(step)[0].after(Outcome(outcome)))[0]
    return step


def rings_at(step):
    assert isinstance(step, Ring), step
    return [leg.device_id if isinstance(leg, DeviceLeg) else leg.number for leg in step.legs]


def in_words(step):
    """A step as short text, for tables of expectations."""
    step, _ = landing(step)
    match step:
        case Ring():
            return "ring " + "+".join(rings_at(step))
        case Announce():
            return f"announce {step.prompt}"
        case Reject():
            return step.cause
        case ToMailbox():
            return f"mailbox {step.extension}"


def said_of(facts, rung):
    """What the first line of the trace with that name says."""
    return next(line.said for line in decide(facts).trace if line.rung == rung)


def rule(name="rule", **more):
    return CallerRule(name, **{"external": True, **more})


def selective(*rules, **more):
    return {"selective_forwarding_on": True, "selective_forwarding": rules, **more}
