"""A plan as a tree people and programs can read: what is done, and what follows each end of it.

    {"id": 1, "do": "ring", "legs": [{"device": "bernd-desk", "extension": "22", "name": "Bernd Köhler"}], "for_s": 21,
     "caller_shown": {"number": "21", "name": "Anna Berger"}, "busy": {...}, "no_answer": {...}, "not_reachable": {...}}

Many ways lead to the same step; it is told once, and later named by its id: {"do": "as", "id": 3}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from services.routing.facts import Redirection, Subscriber
from services.routing.plan import (
    Act,
    Announce,
    DeviceLeg,
    Leg,
    Onward,
    Outcome,
    PickUp,
    Reject,
    Ring,
    Say,
    Shown,
    Splash,
    Step,
    ToMailbox,
    ToPortal,
)

Node = dict[str, Any]

RESULTS = (*(outcome.value for outcome in Outcome), "gone", "then")
"""Under which names a node holds what follows it."""

# Devices, domain -> whether each is registered now; those missing are not known.
Registered = Callable[[Sequence[str], str], Mapping[str, bool]]


def way(step: Step, people: Mapping[int, Subscriber], registered: Mapping[str, bool] | None = None) -> Node:
    """registered None: the call is at another time, and nobody knows."""
    return _Telling(people, registered or {}).node(step)


def devices_of(step: Step) -> list[str]:
    """Every handset that may ring."""
    found = {leg.device_id: None for one in _steps(step) if isinstance(one, Ring | Splash)
             for leg in one.legs if isinstance(leg, DeviceLeg)}
    return list(found)


def following(step: Step) -> tuple[tuple[str, Step], ...]:
    """What a step can lead to, by the name of the result."""
    if isinstance(step, Ring):
        return tuple((outcome.value, step.after(outcome)) for outcome in Outcome)
    if isinstance(step, PickUp):
        return (("gone", step.otherwise),)
    if isinstance(step, Announce):
        return (("then", step.then),) if step.then else ()
    return (("then", step.step),) if isinstance(step, Onward | Splash) else ()


def _steps(first: Step) -> Iterator[Step]:
    seen: set[Step] = set()
    waiting = [first]
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            yield step
            waiting.extend(onward for _, onward in following(step))


class _Telling:
    def __init__(self, people: Mapping[int, Subscriber], registered: Mapping[str, bool]) -> None:
        self._people = people
        self._registered = registered
        self._told: dict[Step, int] = {}

    def node(self, step: Step) -> Node:
        if step in self._told and following(step):
            return {"do": "as", "id": self._told[step]}
        self._told.setdefault(step, len(self._told) + 1)
        node = {"id": self._told[step], **self._done(step)}
        for result, onward in following(step):
            node[result] = self.node(onward)
        return node

    def _done(self, step: Step) -> Node:
        if isinstance(step, Ring):
            return {"do": "ring", "reason": step.reason, "legs": [self._leg(leg) for leg in step.legs],
                    "for_s": step.ring_timeout_s, "caller_shown": _shown(step.shown),
                    **({"alert_info": step.alert_info} if step.alert_info else {})}
        if isinstance(step, Splash):
            return {"do": "splash", "legs": [self._leg(leg) for leg in step.legs]}
        if isinstance(step, Announce):
            return {"do": "announce", "prompt": step.prompt, "cause": step.cause, "reason": step.reason}
        if isinstance(step, Reject):
            return {"do": "end", "cause": step.cause, "reason": step.reason}
        if isinstance(step, ToMailbox):
            return {"do": "mailbox", "reason": step.reason, **self._person(step.subscriber_id, step.extension)}
        if isinstance(step, ToPortal):
            return {"do": "portal", "any_mailbox": step.asks_whose}
        if isinstance(step, Say):
            return {"do": "say", "prompts": list(step.prompts), "reason": step.reason}
        if isinstance(step, Act):
            return {"do": "code", "function": step.function, "argument": step.argument}
        if isinstance(step, PickUp):
            return {"do": "pick_up", "leg": step.leg_uuid}
        return {"do": "send_on", **_redirection(step.redirection)}

    def _leg(self, leg: Leg) -> Node:
        if not isinstance(leg, DeviceLeg):
            return {"number": leg.number, "trunk": leg.trunk, "shown_number": leg.shown_number,
                    **({"confirm": True} if leg.confirm else {})}
        known = {"registered": self._registered[leg.device_id]} if leg.device_id in self._registered else {}
        return {"device": leg.device_id, **self._person(leg.subscriber_id, leg.extension), **known}

    def _person(self, subscriber_id: int, extension: str) -> Node:
        person = self._people.get(subscriber_id)
        return {"extension": extension, "name": person.name if person else ""}


def _shown(shown: Shown) -> Node:
    return {"withheld": True} if shown.withheld else {"number": shown.number, "name": shown.name}


def _redirection(one: Redirection) -> Node:
    return {"from": one.place, "name": one.name, "reason": one.reason.value}
