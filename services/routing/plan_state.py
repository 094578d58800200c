"""The plan on its way through the switch: one channel variable, base64url of versioned JSON.

It comes back as we sent it, since callers cannot set channel variables; still it is read strictly, because a
plan of another version, or a variable somebody else wrote, must end in the fallback and not in a wrong leg.
Equal steps are stored once, so five people who forward to one another stay small.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from services.routing.facts import ForwardReason, Redirection
from services.routing.plan import (
    Act,
    Announce,
    DeviceLeg,
    Leg,
    Onward,
    PickUp,
    Reject,
    Ring,
    Say,
    Shown,
    Splash,
    Step,
    ToMailbox,
    ToPortal,
    TrunkLeg,
)

VERSION = 3
_COMPRESS_ABOVE_BYTES = 600
_LONGEST_BYTES = 200_000


_NOBODY = Shown(withheld=True)


class NotAPlan(ValueError):
    """The variable holds something else; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Travelling:
    """What the next question needs to be answered without a look at the database."""

    call_id: str
    company_id: int
    domain: str
    asked: int
    """How often the switch asked so far."""
    step: Step
    """The step under way."""
    rung: str = ""
    redirections: tuple[Redirection, ...] = ()
    """How the call was sent on before it."""
    caller: Shown = _NOBODY
    """Who called, as the called person may know it."""
    caller_id: int | None = None
    """The colleague he is; None also of one who withholds his number."""


def to_variable(travelling: Travelling) -> str:
    steps: list[list[Any]] = []
    first = _stored(travelling.step, steps, {})
    data = orjson.dumps([
        VERSION, travelling.call_id, travelling.company_id, travelling.domain, travelling.asked, travelling.rung,
        [_redirection_row(one) for one in travelling.redirections],
        [*_shown_row(travelling.caller), travelling.caller_id], first, steps,
    ])
    mark = b"j"
    if len(data) > _COMPRESS_ABOVE_BYTES:
        mark, data = b"z", zlib.compress(data, 1)
    return (mark + base64.urlsafe_b64encode(data).rstrip(b"=")).decode()


def from_variable(text: str) -> Travelling:
    """Raises NotAPlan."""
    if len(text) > _LONGEST_BYTES:
        raise NotAPlan("too long")
    try:
        data = base64.b64decode(text[1:] + "=" * (-(len(text) - 1) % 4), altchars=b"-_", validate=True)
        if text[:1] == "z":
            data = _inflated(data)
        elif text[:1] != "j":
            raise NotAPlan("neither j nor z in front")
        content = orjson.loads(data)
        version, call_id, company_id, domain, asked, rung, redirections, caller, first, stored = content
        if version != VERSION:
            raise NotAPlan(f"version {version!r}, this service reads {VERSION}")
        for value, kind in ((call_id, str), (company_id, int), (domain, str), (asked, int), (rung, str)):
            if type(value) is not kind:
                raise NotAPlan(f"{value!r} is no {kind.__name__}")
        number, name, withheld, caller_id = caller
        made: list[Step] = []
        for one in stored:
            made.append(_made(one, made))
        return Travelling(
            call_id, company_id, domain, asked, _earlier(made, first), rung,
            tuple(_made_redirection(row) for row in redirections),
            _made_shown([number, name, withheld]), None if caller_id is None else _int(caller_id))
    except (binascii.Error, zlib.error, orjson.JSONDecodeError, TypeError, ValueError, IndexError, KeyError) as error:
        if isinstance(error, NotAPlan):
            raise
        raise NotAPlan(str(error)) from error


def rang_at(text: str) -> frozenset[str]:
    """The extensions where a call rang last, by the plan it carries; none without a plan."""
    try:
        step = from_variable(text).step if text else None
    except NotAPlan:
        return frozenset()
    return frozenset(leg.extension for leg in step.legs if leg.extension) if isinstance(step, Ring) else frozenset()


def _inflated(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    inflated = machine.decompress(data, _LONGEST_BYTES)
    if machine.unconsumed_tail:
        raise NotAPlan("too long")
    return inflated


def _stored(step: Step, steps: list[list[Any]], known: dict[Step, int]) -> int:
    """Index of the step; those it leads to come before it."""
    if step in known:
        return known[step]
    if isinstance(step, Ring):
        onward = [_stored(one, steps, known) for one in (step.busy, step.no_answer, step.not_reachable)]
        row: list[Any] = [
            "ring", [_leg_row(leg) for leg in step.legs], step.ring_timeout_s, *onward, step.reason, step.callee_id,
            _shown_row(step.shown),
            step.alert_info,
        ]
    elif isinstance(step, PickUp):
        row = ["pick_up", step.leg_uuid, _stored(step.otherwise, steps, known), step.reason]
    elif isinstance(step, Onward):
        row = ["onward", _redirection_row(step.redirection), _stored(step.step, steps, known)]
    elif isinstance(step, Splash):
        row = ["splash", [_leg_row(leg) for leg in step.legs], _stored(step.step, steps, known)]
    elif isinstance(step, Announce):
        then = _stored(step.then, steps, known) if step.then else None
        row = ["announce", step.prompt, step.language, step.cause, step.reason, then]
    elif isinstance(step, Say):
        row = ["say", list(step.prompts), step.language, step.reason]
    elif isinstance(step, Act | ToPortal):
        raise ValueError("a code is done, or the portal entered, before anything could follow")
    elif isinstance(step, Reject):
        row = ["reject", step.cause, step.reason]
    else:
        row = ["mailbox", step.subscriber_id, step.extension, step.language, step.reason]
    steps.append(row)
    known[step] = len(steps) - 1
    return known[step]


def _redirection_row(one: Redirection) -> list[str]:
    return [one.place, one.number, one.name, one.reason.value]


def _made_redirection(row: list[Any]) -> Redirection:
    place, number, name, reason = row
    return Redirection(_str(place), _str(number), _str(name), ForwardReason(reason))


def _shown_row(shown: Shown) -> list[Any]:
    return [shown.number, shown.name, shown.withheld]


def _made_shown(row: list[Any]) -> Shown:
    number, name, withheld = row
    return Shown(_str(number), _str(name), bool(withheld))


def _leg_row(leg: Leg) -> list[Any]:
    if isinstance(leg, DeviceLeg):
        return ["device", leg.device_id, leg.subscriber_id, leg.extension, leg.silenced_alone]
    return ["trunk", leg.trunk, leg.number, leg.shown_number, leg.subscriber_id, leg.confirm,
            leg.withheld, leg.extension]


def _made(row: list[Any], made: list[Step]) -> Step:
    kind, *rest = row
    if kind == "ring":
        legs, timeout_s, busy, no_answer, not_reachable, reason, callee_id, shown, alert_info = rest
        return Ring(
            tuple(_made_leg(leg) for leg in legs), _int(timeout_s), _earlier(made, busy), _earlier(made, no_answer),
            _earlier(made, not_reachable), _str(reason), None if callee_id is None else _int(callee_id),
            _made_shown(shown),
            _str(alert_info),
        )
    if kind == "pick_up":
        leg_uuid, otherwise, reason = rest
        return PickUp(_str(leg_uuid), _earlier(made, otherwise), _str(reason))
    if kind == "onward":
        redirection, step = rest
        return Onward(_made_redirection(redirection), _earlier(made, step))
    if kind == "splash":
        legs, step = rest
        return Splash(tuple(_made_device_leg(leg) for leg in legs), _earlier(made, step))
    if kind == "announce":
        *texts, then = rest
        prompt, language, cause, reason = map(_str, texts)
        return Announce(prompt, language, cause, reason, None if then is None else _earlier(made, then))
    if kind == "say":
        prompts, language, reason = rest
        return Say(tuple(_str(prompt) for prompt in prompts), _str(language), _str(reason))
    if kind == "reject":
        cause, reason = map(_str, rest)
        return Reject(cause, reason)
    if kind == "mailbox":
        subscriber_id, extension, language, reason = rest
        return ToMailbox(_int(subscriber_id), _str(extension), _str(language), _str(reason))
    raise NotAPlan(f"unknown step {kind!r}")


def _made_leg(row: list[Any]) -> Leg:
    if row[0] == "trunk":
        trunk, number, shown_number, subscriber_id, confirm, withheld, extension = row[1:]
        return TrunkLeg(_str(trunk), _str(number), _str(shown_number), _int(subscriber_id), bool(confirm),
                        bool(withheld), _str(extension))
    return _made_device_leg(row)


def _made_device_leg(row: list[Any]) -> DeviceLeg:
    kind, device_id, subscriber_id, extension, silenced_alone = row
    if kind != "device":
        raise NotAPlan(f"unknown leg {kind!r}")
    return DeviceLeg(_str(device_id), _int(subscriber_id), _str(extension), bool(silenced_alone))


def _earlier(made: list[Step], index: Any) -> Step:
    if type(index) is not int or not 0 <= index < len(made):
        raise NotAPlan(f"step {index!r} does not exist")
    return made[index]


def _str(value: Any) -> str:
    if type(value) is not str:
        raise NotAPlan(f"{value!r} is no text")
    return value


def _int(value: Any) -> int:
    if type(value) is not int:
        raise NotAPlan(f"{value!r} is no whole number")
    return value
