"""A request to be connected -> one attempt, the number to dial oneself, or a refusal. Nothing is dialled here.

Whoever accepts holds the subscriber's lock, so the same key never makes two attempts and the limits hold for
requests that come together. The row and the task for the worker are one transaction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

from services.callback import askers, limits, modes, store, targets
from services.callback.askers import Asker
from services.callback.first_leg import FirstLeg, display
from services.callback.modes import NO_WISHES, Mode, Ringing, Wishes
from shared import outbox
from shared.database import Transaction
from shared.dialling import NumberClass, number_class
from shared.phone_number import InvalidNumber, PhoneNumber

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
class KeyReused(Refused): ...


class NotOwnNumber(Refused):
    """O2: never a number that is not his."""


class NoTelephone(Refused):
    """What is to ring first is not there, off, or not his; .error says which."""

    def __init__(self, error: str, message: str, field: str | None, hint: str | None) -> None:
        super().__init__(message, field, hint)
        self.error = error


class NotAllowed(Refused):
    """Class, country or barring forbid the target, or his own number that would ring first."""


class TooManyCalls(Refused):
    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    company_id: int
    subscriber_id: int
    asked_by: str
    """"subscriber", "administrator" or "operator": each has keys of his own."""
    key: str
    target: str
    wishes: Wishes = NO_WISHES
    business_number: str | None = None
    """One of his own numbers, in any usual form (O2); None: as he has set it."""
    suppressed: bool | None = None
    """O2, for this call alone; None: as he has set it."""

    def sha256(self) -> bytes:
        said = [self.target, self.wishes.device_id]
        more = [self.wishes.mode, self.wishes.first_leg, self.wishes.press_1, self.business_number, self.suppressed]
        if any(one is not None for one in more):
            return hashlib.sha256(json.dumps([*said, *more]).encode()).digest()
        return hashlib.sha256(json.dumps(said).encode()).digest()

    @property
    def presentation(self) -> str:
        if self.suppressed is None:
            return "as_set"
        return "suppressed_once" if self.suppressed else "shown_once"


@dataclass(frozen=True, slots=True)
class Accepted:
    attempt_id: UUID
    repeated: bool
    """The same key was here before: this is that attempt, and nothing new was begun."""


@dataclass(frozen=True, slots=True)
class DialYourself:
    """Mode "this phone" (C4): nothing was begun."""

    number: str
    """To be dialled by the telephone: E.164, an emergency number, or an extension nobody reaches otherwise."""
    destination: str
    number_class: NumberClass


def ask(tx: Transaction, request: Request) -> Accepted | DialYourself:
    """Raises one of the refusals above."""
    store.lock_subscriber(tx, request.subscriber_id)
    known = store.attempt_by_key(tx, request.company_id, request.subscriber_id, request.asked_by, request.key)
    if known is not None:
        if bytes(known.request_sha256) != request.sha256():
            raise KeyReused("this key was used for another request", "Idempotency-Key", "take a new key for each call")
        return Accepted(UUID(str(known.attempt_id)), repeated=True)

    asker = askers.asker(tx, request.company_id, request.subscriber_id)
    if asker is None:
        raise NoSuchSubscriber("there is no such subscriber", "subscriber_id")
    target = read_target(tx, asker, request.target)
    if modes.mode_of(request.wishes, asker.preferences) is Mode.THIS_PHONE:
        return _dial_yourself(tx, asker, request.wishes, target)
    business_number = _business_number(asker, request.business_number)
    ringing = _what_rings(asker, request.wishes, target)
    if target.number_class is not NumberClass.EMERGENCY:
        _within_limits(tx, asker)

    shown_name, shown_number = display(_name(tx, asker.company_id, target), target.shown, target.destination)
    attempt_id = uuid4()
    legs = [FirstLeg(uuid4(), device_id) for device_id in ringing.device_ids]
    if ringing.number is not None:
        legs = [FirstLeg(uuid4(), number=ringing.number)]
    store.insert(
        tx,
        {
            "attempt_id": str(attempt_id), "company_id": asker.company_id, "subscriber_id": asker.subscriber_id,
            "asked_by": request.asked_by, "idempotency_key": request.key, "request_sha256": request.sha256(),
            "target": request.target, "destination": target.destination,
            "number_class": target.number_class.value, "shown_name": shown_name, "shown_number": shown_number,
            "ring_s": asker.ring_s, "first_leg": ringing.place.value, "press_1": ringing.press_1,
            "business_number": business_number, "presentation": request.presentation,
        },
        legs,
    )
    # Whether a number outside rings first is known here, and saves the worker a look.
    payload = {"attempt_id": str(attempt_id), **({"outside": True} if ringing.number is not None else {})}
    outbox.put(tx, "callback", asker.company_id, queue=DIAL_QUEUE, task=DIAL_TASK, payload=payload)
    return Accepted(attempt_id, repeated=False)


def read_target(tx: Transaction, asker: Asker, text: str) -> targets.Target:
    """Raises UnusableTarget."""
    try:
        return targets.read(
            text,
            targets.Place(asker.country, asker.area_code),
            lambda extension: askers.with_extension(tx, asker.company_id, extension) is not None,
            lambda number: askers.with_number(tx, asker.company_id, number) is not None,
        )
    except targets.InvalidTarget as error:
        raise UnusableTarget(error.rule, "target", error.hint) from error


def _dial_yourself(tx: Transaction, asker: Asker, wishes: Wishes, target: targets.Target) -> DialYourself:
    named = "device" if wishes.device_id is not None else "first_leg" if wishes.first_leg is not None else None
    if named:
        raise NoTelephone("invalid_field", "no other telephone rings when this one dials", named,
                          "leave it out, or ask for the mode call_back")
    number = target.destination
    if target.number_class is NumberClass.INTERNAL and not number.startswith("+"):
        colleague = askers.with_extension(tx, asker.company_id, number)
        number = colleague.number or number if colleague else number
    return DialYourself(number, target.destination, target.number_class)


def _what_rings(asker: Asker, wishes: Wishes, target: targets.Target) -> Ringing:
    try:
        ringing = modes.ringing(wishes, asker.preferences, asker.telephones)
    except modes.NoSuchTelephone as error:
        raise NoTelephone(error.error, error.rule, error.field, error.hint) from error
    try:
        targets.allow(target, asker.allowed)
    except targets.NotAllowed as error:
        raise NotAllowed(error.rule, "target", error.hint) from error
    if ringing.number is not None:
        if ringing.number == target.destination:
            raise UnusableTarget("is the telephone that would ring first", "target",
                                 "let another telephone ring first")
        _allow_first_leg(asker, ringing.number, target)
    return ringing


def _allow_first_leg(asker: Asker, number: str, target: targets.Target) -> None:
    if target.number_class is NumberClass.EMERGENCY:
        return
    try:
        targets.allow_number(number, number_class(number, asker.country), asker.allowed)
    except targets.NotAllowed as error:
        raise NotAllowed(f"the telephone that rings first: {error.rule}", "first_leg", error.hint) from error


def _business_number(asker: Asker, written: str | None) -> str | None:
    if written is None:
        return None
    try:
        number = PhoneNumber.parse(written, asker.country, asker.area_code).e164
    except InvalidNumber as error:
        raise NotOwnNumber(f"shown_number: {error.rule}", "shown_number") from error
    if number not in asker.numbers:
        raise NotOwnNumber(f"{number} is none of one's own numbers", "shown_number",
                           "own numbers: " + ", ".join(asker.numbers) if asker.numbers else None)
    return number


def _within_limits(tx: Transaction, asker: Asker) -> None:
    used = askers.usage(tx, asker.company_id, asker.subscriber_id, asker.company_limits)
    too_many = limits.exceeded(asker.limits, used.under_way, used.recent, used.now)
    if too_many is None and used.company_is_near:
        of_all = askers.usage_of_company(tx, asker.company_id, asker.company_limits)
        too_many = limits.exceeded(
            asker.company_limits, of_all.under_way, of_all.recent, of_all.now, " in the company")
    if too_many is not None:
        raise TooManyCalls(too_many.rule, too_many.retry_after_s)


def _name(tx: Transaction, company_id: int, target: targets.Target) -> str:
    if target.number_class is not NumberClass.INTERNAL:
        return ""
    find = askers.with_number if target.destination.startswith("+") else askers.with_extension
    colleague = find(tx, company_id, target.destination)
    return colleague.name if colleague else ""
