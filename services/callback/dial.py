"""An attempt is taken up and the switch is asked once to ring the first leg.

Claimed before the command leaves (store.claim) and never given back: a task that comes twice, a worker that
dies in between, a reply that does not come, none of them leads to a second command.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import structlog

from services.callback import readings, store
from services.callback.attempt import Fact, Observation, after
from services.callback.first_leg import Errand, originate
from shared.database import Database, DatabaseUnavailable
from shared.dialling import UndiallableError
from shared.esl.commands import Command
from shared.esl.errors import CommandRejected, EslError, NotConnected, UnsafeArgument
from shared.logs import masked

log = structlog.get_logger()

CLAIM_HOLDS_S = 5.0
"""The command leaves within this time or not at all; follow.py takes it for lost only later."""


class Switch(Protocol):
    def send(self, command: Command) -> object: ...


def dial(attempt_id: UUID, database: Database, switch: Switch, within_s: int,
         clock: Callable[[], float] = time.monotonic) -> None:
    """Raises DatabaseUnavailable only while nothing has been claimed: then the task may come again.

    clock: seconds that also pass while this process stands still.
    """
    began_s = clock()
    with database.platform() as tx:
        errand = store.claim(tx, attempt_id, within_s)
    if errand is None:
        log.info("attempt not dialled: taken before, cancelled, or too old", attempt_id=str(attempt_id))
        return
    # A process that stood still in between would ring a telephone for a call that was given up meanwhile.
    stood_still = clock() - began_s > CLAIM_HOLDS_S
    seen = Observation(Fact.NOT_SENT) if stood_still else _command(errand, switch)
    if seen is None:
        _end_if_cancelled(attempt_id, database)
        return
    with database.platform() as tx:
        followed = store.lock(tx, attempt_id)
        if followed is None:
            return
        progress = after(followed.progress, seen)
        if progress is not followed.progress:
            store.save(tx, attempt_id, progress)
    log.warning("attempt not dialled", attempt_id=str(attempt_id), state=progress.state, reason=progress.reason)


def _end_if_cancelled(attempt_id: UUID, database: Database) -> None:
    """The command and a cancel may have crossed; the events say so too, if somebody hears them."""
    try:
        with database.platform() as tx:
            store.hang_up_if_cancelled(tx, attempt_id)
    except DatabaseUnavailable as error:
        log.warning("not looked whether it was cancelled", attempt_id=str(attempt_id), reason=str(error))


def _command(errand: Errand, switch: Switch) -> Observation | None:
    """What is known when the command did not simply go through; events tell the rest."""
    try:
        switch.send(originate(errand))
    except NotConnected:
        return Observation(Fact.NOT_SENT)
    except CommandRejected as error:
        return readings.read_refusal(error.reply)
    except (UndiallableError, UnsafeArgument) as error:
        log.error("attempt cannot be dialled", attempt_id=str(errand.attempt_id), reason=str(error))
        return Observation(Fact.FIRST_NOT_CONNECTED)
    except EslError as error:
        log.warning("attempt's outcome lost", attempt_id=str(errand.attempt_id), reason=str(error))
        return Observation(Fact.OUTCOME_LOST)
    log.info(
        "first leg dialled", attempt_id=str(errand.attempt_id), devices=[leg.device_id for leg in errand.legs],
        destination=masked(errand.destination),
    )
    return None
