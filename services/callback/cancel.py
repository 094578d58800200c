"""An attempt is called off: its state at once, its legs right after, and again until none can be left."""

from __future__ import annotations

from uuid import UUID

from services.callback import store
from services.callback.attempt import Fact, Observation, State, after
from shared.database import Transaction


def cancel(tx: Transaction, attempt_id: UUID) -> frozenset[UUID]:
    """The first legs to be hung up once this is committed; none when the attempt is over or never was dialled."""
    followed = store.lock(tx, attempt_id)
    if followed is None:
        return frozenset()
    progress = after(followed.progress, Observation(Fact.CANCELLED))
    if progress is followed.progress:
        return frozenset()
    store.save(tx, attempt_id, progress)
    if followed.progress.state is State.ACCEPTED:
        return frozenset()  # nothing was sent, and now nothing will be: the claim asks for `accepted`
    store.set_to_be_hung_up(tx, attempt_id, True)
    return followed.first_legs
