"""A request to be called and connected -> one attempt, or a refusal. Nothing is dialled here.

Whoever accepts holds the subscriber's lock, so the same key never makes two attempts and the limits hold for
requests that come together. The row and the task for the worker are one transaction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

from services.callback import limits, store, targets
from services.callback.first_leg import FirstLeg, display
from services.callback.targets import Place
from shared import outbox
from shared.database import Transaction
from shared.dialling import NumberClass

DIAL_QUEUE = "callback.dial"
DIAL_TASK = "callback.dial"


class Refused(Exception):
    """The request cannot be granted; .field is the part of it that is wrong."""

    def __init__(self, message: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


class NoSuchSubscriber(Refused): ...
class UnusableTarget(Refused): ...
class UnknownDevice(Refused): ...
class NoDevice(Refused): ...
class KeyReused(Refused): ...


class NotAllowed(Refused):
    """The company does not allow this class of numbers."""


class TooManyCalls(Refused):
    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    company_id: int
    subscriber_id: int
    asked_by: str
    """"subscriber" or "operator": each has keys of his own."""
    key: str
    target: str
    device_id: str | None

    def sha256(self) -> bytes:
        return hashlib.sha256(json.dumps([self.target, self.device_id]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Accepted:
    attempt_id: UUID
    repeated: bool
    """The same key was here before: this is that attempt, and nothing new was begun."""


def ask(tx: Transaction, request: Request) -> Accepted:
    """Raises one of the refusals above."""
    store.lock_subscriber(tx, request.subscriber_id)
    known = store.attempt_by_key(tx, request.company_id, request.subscriber_id, request.asked_by, request.key)
    if known is not None:
        if bytes(known.request_sha256) != request.sha256():
            raise KeyReused("this key was used for another request", "Idempotency-Key", "take a new key for each call")
        return Accepted(UUID(str(known.attempt_id)), repeated=True)

    asker = store.asker(tx, request.subscriber_id)
    if asker is None or asker.company_id != request.company_id:
        raise NoSuchSubscriber("there is no such subscriber", "subscriber_id")
    target = _target(tx, asker, request.target)
    device_ids = _devices(asker, request.device_id)
    if target.number_class is not NumberClass.EMERGENCY:
        used = store.usage(tx, asker.company_id, asker.subscriber_id)
        too_many = limits.exceeded(asker.limits, used.under_way, used.recent, used.now)
        if too_many is not None:
            raise TooManyCalls(too_many.rule, too_many.retry_after_s)

    name = _name(tx, asker.company_id, target)
    shown_name, shown_number = display(name, target.shown, target.destination)
    attempt_id = uuid4()
    legs = [FirstLeg(uuid4(), device_id) for device_id in device_ids]
    store.insert(
        tx,
        {
            "attempt_id": str(attempt_id), "company_id": asker.company_id, "subscriber_id": asker.subscriber_id,
            "asked_by": request.asked_by, "idempotency_key": request.key, "request_sha256": request.sha256(),
            "target": request.target, "destination": target.destination,
            "number_class": target.number_class.value, "shown_name": shown_name, "shown_number": shown_number,
            "ring_s": asker.ring_s,
        },
        legs,
    )
    outbox.put(
        tx, "callback", asker.company_id, queue=DIAL_QUEUE, task=DIAL_TASK, payload={"attempt_id": str(attempt_id)}
    )
    return Accepted(attempt_id, repeated=False)


def _target(tx: Transaction, asker: store.Asker, text: str) -> targets.Target:
    try:
        target = targets.read(
            text,
            Place(asker.country, asker.area_code),
            lambda extension: store.name_of_extension(tx, asker.company_id, extension) is not None,
            lambda number: store.name_of_number(tx, asker.company_id, number) is not None,
        )
        targets.allow(target, asker.allowed_classes)
    except targets.InvalidTarget as error:
        raise UnusableTarget(error.rule, "target", error.hint) from error
    except targets.ClassNotAllowed as error:
        raise NotAllowed(
            f"{error.refused.value} numbers may not be called", "target", "the operator can allow them for the company"
        ) from error
    return target


def _devices(asker: store.Asker, chosen: str | None) -> list[str]:
    if chosen is None:
        if not asker.device_ids:
            raise NoDevice("the subscriber has no device to ring")
        return list(asker.device_ids)
    if chosen not in asker.device_ids:
        raise UnknownDevice("is not a device of this subscriber", "device", "leave it out to ring all of them")
    return [chosen]


def _name(tx: Transaction, company_id: int, target: targets.Target) -> str:
    if target.number_class is not NumberClass.INTERNAL:
        return ""
    if target.destination.startswith("+"):
        return store.name_of_number(tx, company_id, target.destination) or ""
    return store.name_of_extension(tx, company_id, target.destination) or ""
