"""What to do with a call next, and after each result of that: the whole way is planned when the call comes in.

A plan is a tree of steps that travels with the call in one channel variable, so the next question ("nobody
answered, what now?") is answered from it by whichever routing process is asked, without a new look at
settings that may have changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.routing.facts import Redirection

EMERGENCY = "emergency"
"""Why a ring is none of a person's, and nothing may stop it (N3)."""


class Outcome(StrEnum):
    """How ringing ended without an answer, in the words of the ladder."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_REACHABLE = "not_reachable"


@dataclass(frozen=True, slots=True)
class DeviceLeg:
    """A registered handset of a subscriber."""

    device_id: str
    subscriber_id: int
    extension: str
    silenced_alone: bool = False
    """R10: a place of a shared line, or an assistant's: who rejects there silences this leg; elsewhere, all ringing."""


@dataclass(frozen=True, slots=True)
class TrunkLeg:
    """A number outside, through a gateway, under a number the company owns."""

    trunk: str
    number: str
    shown_number: str
    subscriber_id: int
    """In whose name, and at whose cost. 0: nobody's; an emergency call, or one to a number that nobody has."""
    confirm: bool = False
    """R8: whoever answers must press 1 before he has the call."""
    withheld: bool = False
    """O2: the called person does not see shown_number; the carrier may."""
    extension: str = ""
    """Whose place it is (R8, R9): a call there is one he is on. Empty: nobody's, as of a forward."""

    def over(self, trunk: str) -> TrunkLeg:
        return TrunkLeg(
            trunk, self.number, self.shown_number, self.subscriber_id, self.confirm, self.withheld, self.extension)


Leg = DeviceLeg | TrunkLeg


@dataclass(frozen=True, slots=True)
class Shown:
    """What the telephone that rings shows of the caller."""

    number: str = ""
    name: str = ""
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """Play a prompt without answering, then end with a cause, or go on."""

    prompt: str
    language: str
    cause: str
    reason: str
    then: Step | None = None
    """G9: what follows the prompt instead of the end."""


@dataclass(frozen=True, slots=True)
class Say:
    """Answer, play these prompts one after the other, then end: what a feature code did, or why not."""

    prompts: tuple[str, ...]
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """What a feature code asks for. Deciding changes nothing: the shell does it, and goes on with what it says."""

    function: str
    """Of the table in feature_codes.py."""
    argument: str
    """As dialled: a number, two digits, rings; empty for none."""
    language: str
    reason: str = "feature_code"


@dataclass(frozen=True, slots=True)
class Reject:
    """End at once: the caller hears the tone of the cause."""

    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToMailbox:
    subscriber_id: int
    extension: str
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToPortal:
    """The voice portal, where messages are listened to (V2)."""

    subscriber_id: int
    """Whose own mailbox it is about."""
    language: str
    asks_whose: bool = False
    """Any mailbox of the company: the caller says which."""
    reason: str = "portal"


@dataclass(frozen=True, slots=True)
class Ring:
    legs: tuple[Leg, ...]
    ring_timeout_s: int
    busy: Step
    no_answer: Step
    not_reachable: Step
    reason: str
    callee_id: int | None = None
    shown: Shown = Shown()
    alert_info: str = ""

    def over(self, legs: tuple[Leg, ...], otherwise: Step) -> Ring:
        """The same with these legs, and `otherwise` when they fail. In full: replace() takes ten times as long."""
        return Ring(
            legs, self.ring_timeout_s, self.busy, self.no_answer, otherwise, self.reason, self.callee_id, self.shown,
            self.alert_info)

    def over_further_trunks(self) -> tuple[Ring, ...]:
        """The rings of the numbers outside that the plan has next, for when their trunk fails; also of those that a
        limit took out of this one."""
        numbers = {leg.number for leg in self.legs if isinstance(leg, TrunkLeg)}
        further: tuple[Ring, ...] = ()
        step = self.not_reachable
        while isinstance(step, Ring) and (step.reason, step.callee_id) == (self.reason, self.callee_id) and all(
                isinstance(leg, TrunkLeg) for leg in step.legs) and numbers <= {
                leg.number for leg in step.legs if isinstance(leg, TrunkLeg)}:
            further += (step,)
            step = step.not_reachable
        return further

    def after(self, outcome: Outcome) -> Step:
        if outcome is Outcome.BUSY:
            return self.busy
        return self.no_answer if outcome is Outcome.NO_ANSWER else self.not_reachable


@dataclass(frozen=True, slots=True)
class PickUp:
    """Take a ringing call; when it is gone by then, go on with `otherwise`."""

    leg_uuid: str
    otherwise: Step
    reason: str = "picked_up"


@dataclass(frozen=True, slots=True)
class Onward:
    """The call is sent on: from here it bears this redirection (R13), and goes on with `step`."""

    redirection: Redirection
    step: Step


@dataclass(frozen=True, slots=True)
class Splash:
    """One short ring at these telephones (R1, R6), while the call goes on with `step` and waits for nothing."""

    legs: tuple[DeviceLeg, ...]
    step: Step


Step = Ring | Announce | Say | Act | Reject | ToMailbox | ToPortal | PickUp | Onward | Splash


def landing(step: Step, redirections: tuple[Redirection, ...] = ()) -> tuple[Step, tuple[Redirection, ...]]:
    """The step the caller notices, and how the call was sent on by then."""
    while isinstance(step, Onward | Splash):
        if isinstance(step, Onward):
            redirections = (*redirections, step.redirection)
        step = step.step
    return step, redirections


def splashes(step: Step) -> tuple[DeviceLeg, ...]:
    """Telephones that ring once, shortly, on the way to landing()."""
    legs: tuple[DeviceLeg, ...] = ()
    while isinstance(step, Onward | Splash):
        if isinstance(step, Splash):
            legs += step.legs
        step = step.step
    return legs


class Looked(NamedTuple):
    """One line of the trace: what a rung looked at and what it said."""

    place: str
    """Extension of the person whose rung it is, or "outgoing"."""
    rung: str
    saw: tuple[tuple[str, object], ...]
    said: str
    sent_on: int = 0
    """How often the call had been sent on when it came here."""
    decides: bool = False
    """Of the lines of one place: where its ladder ended."""

    def as_json(self) -> dict[str, object]:
        return {"place": self.place, "rung": self.rung, "saw": dict(self.saw), "said": self.said,
                "sent_on": self.sent_on, "decides": self.decides}


@dataclass(frozen=True, slots=True)
class Decision:
    step: Step
    rung: str
    """Name of the rung that decided first."""
    trace: tuple[Looked, ...]


def ring_timeout_s(rings: int) -> int:
    """The switch counts whole seconds of the clock, so one more than the rings take (docs/decisions.md, 6)."""
    return rings * 5 + 1


def with_trunks(
    trunks: tuple[str, ...], number: str, shown_number: str, subscriber_id: int, ring: Ring, *,
    withheld: bool = False,
) -> Ring | None:
    """ring over the first trunk; when it fails, not when it is busy or nobody answers, over the next (O4)."""
    planned: Ring | None = None
    for trunk in reversed(trunks):
        leg = TrunkLeg(trunk, number, shown_number, subscriber_id, withheld=withheld)
        planned = ring.over((leg,), planned or ring.not_reachable)
    return planned
