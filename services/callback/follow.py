"""Where each attempt is: events folded into its row, the switch looked at after gaps and in silences.

    events of the attempts' legs (the switch filters) -> readings -> attempt.after -> row
    every 2 s, and after each reconnect: what has been quiet too long -> uuid_dump of its legs -> the same fold

So an attempt never stays in a state nobody leads it out of: not taken up in time, its legs gone, the switch
away for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

import gevent
import gevent.event
import structlog

from services.callback import readings, store
from services.callback.attempt import FINAL, Fact, Observation, State, after, must_hang_up
from services.callback.store import Followed
from services.callback.transfer import HandedOn
from shared import metrics
from shared.database import Database, DatabaseError, DatabaseUnavailable, Row, Transaction
from shared.esl import commands
from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event

log = structlog.get_logger()

SETTLED = metrics.Counter("pbx_callback_settled_total", "Attempts that came to an end", ["state", "reason"])

SWEEP_EVERY_S = 2.0
FORGET_EVERY_S = 3600.0
# Quiet for so long, an attempt is looked up. A first leg exists milliseconds after the command; a lost
# command shows as none after the longest time a reply may take, twice.
LOOK_AFTER_S = {
    State.DIALLING: 10.0,
    State.RINGING_FIRST: 15.0,
    State.FIRST_ANSWERED: 15.0,
    State.RINGING_TARGET: 15.0,
    State.CONNECTED: 30.0,
}
GIVE_UP_AFTER_S = 300.0
"""The switch could not be asked for so long."""
COMMAND_MAY_CROSS_S = 15.0
"""So long after a cancel a first leg may still appear."""
_LEG_FIRST_S = 0.5


class Follower:
    def __init__(self, database: Database, host: str, port: int, password: str, *, dial_within_s: int,
                 keep_days: int, moved_on: Callable[[], None] = lambda: None,
                 reconnect_delay_s: tuple[float, float] = (0.5, 10.0)) -> None:
        """moved_on: an attempt is in another state than before, and that is committed."""
        self._database = database
        self._dial_within_s = dial_within_s
        self._keep_days = keep_days
        self._moved_on = moved_on
        self._look_at_all = False
        self._wake = gevent.event.Event()
        self._sweeper: gevent.Greenlet[[], None] | None = None
        self.client = InboundClient(
            host, port, password, name="callback", events=readings.EVENTS, on_event=self._on_event,
            on_resync=self._on_resync, reconnect_delay_s=reconnect_delay_s,
        )

    def start(self) -> None:
        self.client.start()
        self._sweeper = gevent.spawn(self._sweep_for_ever)

    def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.kill()
        self.client.stop()

    def hang_up(self, first_legs: Iterable[UUID]) -> bool:
        """Ends the first legs, and with them whatever they are connected to. False: the switch did not answer."""
        try:
            for leg_uuid in first_legs:
                try:
                    self.client.api("uuid_kill", str(leg_uuid), "NORMAL_CLEARING")
                except CommandRejected:
                    continue  # -ERR No such channel!
        except EslError as error:
            log.warning("legs not hung up yet", reason=str(error))
            return False
        return True

    def hand_on(self, handed: HandedOn) -> bool:
        """Sends whoever the first leg talks with there. False: nobody was sent.

        The first leg then ends by itself (hangup_after_bridge). Its partner is named to the switch: with -bleg, and no
        partner any more, uuid_transfer would send the first leg itself (mod_commands.c, transfer_function).
        """
        for leg_uuid in handed.first_legs:
            try:
                partner = self.client.api("uuid_getvar", str(leg_uuid), "bridge_uuid").strip()
                if commands.UUID.fullmatch(partner):
                    if handed.in_the_name_of is not None:
                        company, subscriber = handed.in_the_name_of
                        self.client.api("uuid_setvar_multi", partner,
                                        f"pbx_company={company};pbx_acting_subscriber={subscriber}")
                    self.client.api("uuid_transfer", partner, handed.destination, "XML", "internal")
                    return True
            except CommandRejected:
                continue  # -ERR No such channel!
            except EslError as error:
                log.warning("not handed on", reason=str(error))
                return False
        return False

    # -- events ---------------------------------------------------------------------------------

    def _on_resync(self, client: InboundClient) -> None:
        # Alternatives, all three: our legs, the answers to our commands, the sign of life.
        client.send(commands.filter_present("variable_pbx_attempt"))
        client.send(commands.filter_events("Job-Command", "originate"))
        client.send(commands.filter_events("Event-Name", "HEARTBEAT"))
        self._look_at_all = True
        self._wake.set()

    def _on_event(self, event: Event) -> None:
        attempt_id = readings.attempt_of(event)
        if attempt_id is None:
            return
        if readings.says_little(event):
            # The leg's own end says more, and may be told a moment later than the answer to the command.
            gevent.spawn_later(_LEG_FIRST_S, self._take, attempt_id, event)
        else:
            self._take(attempt_id, event)

    def _take(self, attempt_id: UUID, event: Event) -> None:
        try:
            self._fold(attempt_id, event)
        except DatabaseUnavailable as error:
            self._look_at_all = True
            log.warning("event missed for want of the database", attempt_id=str(attempt_id), reason=str(error))

    def _fold(self, attempt_id: UUID, event: Event) -> None:
        with self._database.platform() as tx:
            followed = store.lock(tx, attempt_id)
            if followed is None:
                return
            seen = readings.read(event, followed.first_legs)
            if seen is None:
                return
            moved = self._apply(tx, followed, seen)
        if moved:
            self._moved_on()
        if must_hang_up(followed.progress.state, seen):
            self.hang_up(followed.first_legs)

    def _apply(self, tx: Transaction, followed: Followed, seen: Observation) -> bool:
        """Whether its state is another one now."""
        progress = after(followed.progress, seen)
        if progress is followed.progress:
            return False
        store.save(tx, followed.attempt_id, progress)
        if progress.state is followed.progress.state:
            return False
        log.info(
            "attempt moved on", attempt_id=str(followed.attempt_id), fact=seen.fact,
            state=progress.state, reason=progress.reason,
        )
        if progress.state in FINAL or progress.state is State.UNKNOWN:
            SETTLED.labels(progress.state.value, progress.reason or "").inc()
        return True

    # -- what events do not tell ------------------------------------------------------------------

    def _sweep_for_ever(self) -> None:
        since_forgotten_s = FORGET_EVERY_S
        while True:
            try:
                self.sweep()
                if since_forgotten_s >= FORGET_EVERY_S:
                    since_forgotten_s = 0.0
                    with self._database.platform() as tx:
                        store.forget_older_than(tx, self._keep_days)
            except (DatabaseUnavailable, DatabaseError, EslError) as error:
                self._look_at_all = True
                log.warning("sweep put off", reason=str(error))
            except Exception:  # without sweeps attempts stay in states nobody leads them out of
                self._look_at_all = True
                log.exception("sweep broken off")
            self._wake.wait(SWEEP_EVERY_S)
            self._wake.clear()
            since_forgotten_s += SWEEP_EVERY_S

    def sweep(self) -> None:
        """One look at everything that is under way."""
        look_at_all, self._look_at_all = self._look_at_all, False
        with self._database.platform() as tx:
            rows = store.under_way(tx)
        for row in rows:
            if row.to_be_hung_up:
                self._end_legs(UUID(row.attempt_id))
            else:
                self._settle(row, look_at_all)

    def _settle(self, row: Row, look_now: bool) -> None:
        state = State(row.state)
        attempt_id = UUID(row.attempt_id)
        if state is State.ACCEPTED:
            if row.age_s > self._dial_within_s:
                self._observe(attempt_id, Observation(Fact.EXPIRED))
            return
        # A command that is just being given has no leg yet: a look would be too early.
        if row.unchecked_s < LOOK_AFTER_S[state] and not (look_now and state is not State.DIALLING):
            return
        if not self.client.connected:
            if row.unchecked_s > GIVE_UP_AFTER_S:
                self._observe(attempt_id, Observation(Fact.GONE))
            return
        with self._database.platform() as tx:
            followed = store.lock(tx, attempt_id)
        if followed is not None:
            self._observe(attempt_id, readings.furthest(self._legs_up(followed.first_legs)))

    def _legs_up(self, first_legs: Iterable[UUID]) -> list[Event]:
        found = []
        for leg_uuid in first_legs:
            try:
                found.append(Event(self.client.api("uuid_dump", str(leg_uuid)).encode()))
            except CommandRejected:
                continue  # -ERR No such channel!
        return found

    def _observe(self, attempt_id: UUID, seen: Observation) -> None:
        with self._database.platform() as tx:
            followed = store.lock(tx, attempt_id)
            if followed is None:
                return
            store.note_checked(tx, attempt_id)
            moved = self._apply(tx, followed, seen)
        if moved:
            self._moved_on()

    def _end_legs(self, attempt_id: UUID) -> None:
        with self._database.platform() as tx:
            followed = store.lock(tx, attempt_id)
        if followed is None or not self.hang_up(followed.first_legs):
            return
        with self._database.platform() as tx:
            crossing = store.cancelled_s_ago(tx, attempt_id) < COMMAND_MAY_CROSS_S
            store.set_to_be_hung_up(tx, attempt_id, crossing)
