"""The other side of a call that is up is handed on: what a handset does with REFER, from a program (C7).

From then on it is their call: whoever handed it on is out, as after a blind transfer. To a number outside it goes in
his name, since nobody inside is left: his number is shown, his barring and limits hold, and its costs and longest time
are those of a call he dials.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.callback import ask, askers, store, targets
from services.callback.attempt import State
from shared.database import Transaction
from shared.dialling import NumberClass


class NotConnected(ask.Refused): ...


class NoTarget(ask.Refused): ...


@dataclass(frozen=True, slots=True)
class HandedOn:
    first_legs: frozenset[UUID]
    """One of them is up; its partner is handed on."""
    destination: str
    in_the_name_of: tuple[int, int] | None
    """Company and subscriber, for a number outside."""


def transfer(tx: Transaction, attempt_id: UUID, subscriber_id: int, target: str) -> HandedOn:
    """Raises ask.Refused."""
    followed = store.lock(tx, attempt_id)
    if followed is None or followed.progress.state is not State.CONNECTED:
        raise NotConnected("only a call that is connected can be handed on")
    asker = askers.asker(tx, followed.company_id, subscriber_id)
    if asker is None:
        raise ask.NoSuchSubscriber("there is no such subscriber")
    found = ask.read_target(tx, asker, target)
    if found.number_class is NumberClass.EMERGENCY or found.destination.startswith("*"):
        raise NoTarget("a call is handed on to people", "target", "name a colleague or a number outside")
    if found.number_class is NumberClass.INTERNAL:
        return HandedOn(followed.first_legs, found.destination, None)
    try:
        targets.allow(found, asker.allowed)
    except targets.NotAllowed as error:
        raise ask.NotAllowed(error.rule, "target", error.hint) from error
    return HandedOn(followed.first_legs, found.destination, (asker.company_id, asker.subscriber_id))
