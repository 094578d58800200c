"""A telephone outside that is to ring before a call begins: click-to-dial's first leg at a mobile or at Remote Office.

    callback asks: in whose name, which number -> the rungs of a number he dials -> caps -> a leg for each trunk

So barring, number classes, interception, enterprise rules, caps, budget, trunks and what carriers get to see are
decided where they are for every other call. Asked over HTTP at the door of the switch's directory, with its secret
(switch_directory.py): the answer is a part of a dial string, and nobody but our own services has use for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Regexp

from services.routing.call import Answers
from services.routing.directory import NotKnownNow, Unknown
from services.routing.outgoing import shown_number_of
from services.routing.plan import Announce, Reject, Ring, Step, TrunkLeg, landing
from services.routing.question import Question
from services.routing.trunk_legs import trunk_leg
from shared.dialling import Leg
from shared.esl.commands import UUID

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    company_id: int
    subscriber_id: int
    """In whose name, and whose telephone it is."""
    number: str
    leg_uuid: str
    confirm: bool
    """Whoever answers must press 1 first (R8)."""
    urgent: bool
    """An emergency call waits behind it: nothing is barred and no limit holds (N3)."""


@dataclass(frozen=True, slots=True)
class Ways:
    legs: tuple[Leg, ...] = ()
    """One for each trunk, in the order they are tried."""
    refused: str = ""
    """barred, limit, not_reachable, or unknown; empty when there are legs."""


def ways(asked: Asked, answers: Answers) -> Ways:
    question = Question(
        leg_uuid=asked.leg_uuid, dialled=asked.number, from_trunk=False, acting_subscriber_id=asked.subscriber_id,
        company_id=asked.company_id)
    try:
        decided = answers.decided(question)
    except (NotKnownNow, Unknown):
        return Ways(refused="unknown")
    person = decided.found.caller if decided.found else None
    if decided.found is None or person is None:
        return Ways(refused="unknown")
    step, _ = landing(decided.decision.step)
    if not asked.urgent and not _rings(step, asked.number):
        return Ways(refused=_why(step))
    shown = shown_number_of(person)
    legs = [
        TrunkLeg(trunk, asked.number, shown, person.subscriber_id, confirm=asked.confirm, extension=person.extension)
        for trunk in decided.found.company.trunks
    ]
    if not legs or not shown:
        return Ways(refused="not_reachable")
    if not asked.urgent and answers.limits.stops(decided.company_id, legs[0]):
        return Ways(refused="limit")
    return Ways(tuple(
        trunk_leg(leg, decided.company_id, decided.domain, (), answers.outside, {}) for leg in legs))


def _rings(step: Step, number: str) -> bool:
    """Whether the rungs let him call this number, and not another one in its place."""
    if not isinstance(step, Ring):
        return False
    return all(isinstance(leg, TrunkLeg) and leg.number == number for leg in step.legs)


def _why(step: Step) -> str:
    unreachable = isinstance(step, Announce | Reject) and step.cause == "NETWORK_OUT_OF_ORDER"
    return "not_reachable" if unreachable else "barred"


class _Question(Schema):
    class Meta:
        unknown = EXCLUDE

    company_id = fields.Integer(required=True, strict=True)
    subscriber_id = fields.Integer(required=True, strict=True)
    number = fields.String(required=True, validate=Regexp(r"\+[0-9]{5,15}\Z"))
    leg_uuid = fields.String(required=True, validate=Regexp(UUID))
    confirm = fields.Boolean(load_default=False)
    urgent = fields.Boolean(load_default=False)


def door(answers: Answers) -> Callable[[bytes], tuple[int, bytes]]:
    """JSON in, status and JSON out: {"ways": [{"trunk", "number", "variables"}]} or {"refused": why}."""

    def answer(body: bytes) -> tuple[int, bytes]:
        try:
            asked: dict[str, Any] = _Question().load(orjson.loads(body))
        except (orjson.JSONDecodeError, ValidationError) as error:
            return 422, orjson.dumps({"error": "invalid_field", "message": str(error)})
        found = ways(Asked(**asked), answers)
        if found.refused:
            log.info("first leg outside refused", call_id=asked["leg_uuid"], company_id=asked["company_id"],
                     reason=found.refused)
            return 200, orjson.dumps({"refused": found.refused})
        return 200, orjson.dumps({"ways": [
            {"trunk": leg.target, "number": leg.number, "variables": dict(leg.variables)} for leg in found.legs]})

    return answer
