"""The other side of a call that is up is handed on to a colleague: what a handset does with REFER, from a program (C7).

From then on it is their call: whoever handed it on is out, as after a blind transfer. Outside it may not go, as no
transfer does here: nobody inside would be left who pays for it and could end it.
"""

from __future__ import annotations

from uuid import UUID

from services.callback import ask, askers, store
from services.callback.attempt import State
from shared.database import Transaction
from shared.dialling import NumberClass


class NotConnected(ask.Refused): ...


class OnlyInside(ask.Refused): ...


def transfer(tx: Transaction, attempt_id: UUID, subscriber_id: int, target: str) -> tuple[frozenset[UUID], str]:
    """The first legs, of which one is up, and where its partner is to go. Raises ask.Refused."""
    followed = store.lock(tx, attempt_id)
    if followed is None or followed.progress.state is not State.CONNECTED:
        raise NotConnected("only a call that is connected can be handed on")
    asker = askers.asker(tx, followed.company_id, subscriber_id)
    if asker is None:
        raise ask.NoSuchSubscriber("there is no such subscriber")
    found = ask.read_target(tx, asker, target)
    if found.number_class is not NumberClass.INTERNAL or found.destination.startswith("*"):
        raise OnlyInside("a call is handed on inside the company only", "target", "name a colleague")
    return followed.first_legs, found.destination
