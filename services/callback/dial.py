"""An attempt is taken up and the switch is asked once to ring the first leg.

Claimed before the command leaves (store.claim) and never given back: a task that comes twice, a worker that
dies in between, a reply that does not come, none of them leads to a second command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from services.callback import readings, store
from services.callback.attempt import Fact, Observation, after
from services.callback.first_leg import Errand, FirstLeg, Way, originate
from services.callback.ways import NoWay
from shared.database import Database, DatabaseUnavailable, Row
from shared.dialling import NumberClass, UndiallableError
from shared.esl.commands import Command
from shared.esl.errors import CommandRejected, EslError, NotConnected, UnsafeArgument
from shared.logs import masked

log = structlog.get_logger()

CLAIM_HOLDS_S = 5.0
"""The command leaves within this time or not at all; follow.py takes it for lost only later."""


class Switch(Protocol):
    def send(self, command: Command) -> object: ...


class Router(Protocol):
    def ways(
        self, *, company_id: int, subscriber_id: int, number: str, leg_uuid: UUID, confirm: bool, urgent: bool,
    ) -> list[Way]: ...


def dial(attempt_id: UUID, database: Database, switch: Switch, within_s: int, router: Router | None = None,
         clock: Callable[[], float] = time.monotonic) -> None:
    """router: for an attempt whose first leg may be a number outside; clock: seconds that also pass while this process
    stands still.

    Raises DatabaseUnavailable and RoutingAway only while nothing has been claimed: then the task may come again.
    """
    ways: Sequence[Way] = ()
    further: list[FirstLeg] = []
    seen: Observation | None = None
    wanted = _number_outside(attempt_id, database) if router is not None else None
    if router is not None and wanted is not None:
        try:
            ways = _ways(wanted, router)
        except NoWay as refused:
            seen = Observation(Fact.FIRST_NOT_CONNECTED, refused.reason)
        further = [FirstLeg(uuid4(), number=wanted.number, position=place) for place in range(1, len(ways))]
    began_s = clock()
    with database.platform() as tx:
        errand = store.claim(tx, attempt_id, within_s, further)
    if errand is None:
        log.info("attempt not dialled: taken before, cancelled, or too old", attempt_id=str(attempt_id))
        return
    # A process that stood still in between would ring a telephone for a call that was given up meanwhile.
    if seen is None:
        stood_still = clock() - began_s > CLAIM_HOLDS_S
        seen = Observation(Fact.NOT_SENT) if stood_still else _command(errand, ways, switch)
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


def _number_outside(attempt_id: UUID, database: Database) -> Row | None:
    """None: no number outside is to ring, or the attempt is no longer to be dialled."""
    with database.platform() as tx:
        return store.number_to_ring(tx, attempt_id)


def _ways(wanted: Row, router: Router) -> Sequence[Way]:
    return router.ways(
        company_id=wanted.company_id, subscriber_id=wanted.subscriber_id, number=wanted.number,
        leg_uuid=UUID(wanted.leg_uuid), confirm=wanted.press_1,
        urgent=wanted.number_class == NumberClass.EMERGENCY,
    )


def _command(errand: Errand, ways: Sequence[Way], switch: Switch) -> Observation | None:
    """What is known when the command did not simply go through; events tell the rest."""
    try:
        switch.send(originate(errand, ways))
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
        "first leg dialled", attempt_id=str(errand.attempt_id),
        rings=[leg.device_id or masked(leg.number or "") for leg in errand.legs],
        destination=masked(errand.destination),
    )
    return None
