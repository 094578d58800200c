"""What the switch tells, turned into lamps; and put right by looking at the switch itself.

    CHANNEL_CALLSTATE -> CallsUp        \\
    sofia::register … -> Registrations  -> Board -> who changed -> LampSender (handsets), Feed (pages)
    PRESENCE_PROBE    -> Subscriptions  /
    every 60 s, and after any gap: show channels, show registrations -> the same way
    the tables: tables.py, which tells here what it has read

After a gap the handsets' lamps are unknown too, and all are sent again. mod_sofia takes a PRESENCE_IN only
for profiles that are up (sofia_presence.c actual_sofia_presence_event_handler goes through the list of them), and
sofia::profile_start is fired when the profile's thread is merely launched (sofia.c), so we ask until it is.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

import gevent
import structlog
from gevent.lock import BoundedSemaphore

from services.presence import registrations as registered
from services.presence.board import Board
from services.presence.feed import Feed
from services.presence.lamp_sender import LampSender
from services.presence.lamps import DARK, PROTOCOL, LampAddress, nobody_at, parse_address, presence_headers
from services.presence.nights import next_look, nights_at
from services.presence.people import People
from services.presence.store import in_turns
from services.presence.subscriptions import Subscriptions
from shared import calls_up
from shared.calls_up import TABLE_DELAY_S, CallsUp
from shared.database import DatabaseError, DatabaseUnavailable
from shared.esl.client import InboundClient
from shared.esl.commands import send_event
from shared.esl.errors import CommandRejected, EslError, MissingHeader
from shared.esl.events import Event
from shared.metrics import SHORT_TIMES_S, Counter, Gauge, Histogram

log = structlog.get_logger()

PROFILE = "internal"
PROFILE_START = "sofia::profile_start"
EVENTS = (*calls_up.EVENTS, "PRESENCE_PROBE", *registered.EVENTS, f"CUSTOM {PROFILE_START}")

RECONCILE_EVERY_S = 60.0
PROFILE_STARTS_WITHIN_S = 15.0
TABLES_EVERY = 10
"""Every so many looks at the switch the tables are read again, too: what changes in them is told (tables.py)."""
PEOPLE_READ_AT_MOST_EVERY_S = 2.0
NIGHTS_LOOKED_AT_EVERY_S = 10.0

EVENT_LAG_S = Histogram("pbx_presence_event_lag_seconds", "From the switch's time stamp until an event is folded",
                        buckets=SHORT_TIMES_S)
EVENTS_REFUSED = Counter("pbx_presence_events_refused_total", "Events that lacked what they must have")
CORRECTIONS = Counter("pbx_presence_corrections_total", "Subscribers whose state a look at the switch put right")
LEGS_UP = Gauge("pbx_presence_legs_up", "Legs that are up on the switch")
DEVICES = Gauge("pbx_presence_devices_registered", "Devices registered at the switch")
SUBSCRIPTIONS = Gauge("pbx_presence_lamp_subscriptions", "Lamp subscriptions of handsets that were heard of")


class SwitchEvents:
    def __init__(
        self,
        client: InboundClient,
        *,
        read_people: Callable[[], People],
        read_some: Callable[[int, Collection[int] | None], People] | None = None,
        person_at: Callable[[str, str], tuple[int, int] | None] = lambda _extension, _domain: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        calls_changed: Callable[[Iterable[int]], None] = lambda _: None,
    ) -> None:
        """client: not started yet; start() gives it its handlers. calls_changed: told whose legs are others now.

        read_people reads all, read_some(company, people or None for all of it) a part; person_at(extension, domain)
        answers company and subscriber.
        """
        self._client = client
        self._read_people = read_people
        self._read_some = read_some or (lambda _company, _people: read_people())
        self._person_at = person_at
        self._wall_clock = wall_clock
        self._calls_changed = calls_changed
        self._clock = clock
        self._calls = CallsUp()
        self._registrations = registered.Registrations()
        self._subscriptions = Subscriptions()
        self.board = Board(self._calls, self._registrations)
        self.feed = Feed(self.board)
        self._sender = LampSender(client.send, self.board.picture_at, clock=clock)
        self._looking = BoundedSemaphore()
        self._reading = BoundedSemaphore()
        self._people_read_at = float("-inf")
        LEGS_UP.set_function(lambda: len(self._calls.legs))
        DEVICES.set_function(lambda: self._registrations.device_count)
        SUBSCRIPTIONS.set_function(lambda: self._subscriptions.count)
        client.listen(self.take, self.after_gap, names=EVENTS)
        client.watch_step(self.feed.step_changed)

    def start(self) -> list[gevent.Greenlet[..., None]]:
        """The tables are read before anything is heard; raises what the database raises.

        Answers the greenlets that never end: where one does, the process has no business going on.
        """
        self.read_people()
        self._client.start()
        return [gevent.spawn(self._sender.run), gevent.spawn(self._reconcile_for_ever),
                gevent.spawn(self._watch_nights)]

    # -- how it stands, for operators -------------------------------------------------------------

    @property
    def legs(self) -> tuple[calls_up.Leg, ...]:
        return self._calls.legs

    @property
    def devices_registered(self) -> int:
        return self._registrations.device_count

    def lamp_counts(self) -> dict[str, int]:
        return {"subscriptions": self._subscriptions.count, "pages": self.feed.page_count}

    # -- what the switch tells ------------------------------------------------------------------

    def take(self, event: Event) -> None:
        try:
            self._take(event)
        except (MissingHeader, ValueError) as error:
            EVENTS_REFUSED.inc()
            log.warning("event refused", name=event.get("Event-Name"), reason=str(error))
        stamp = event.get("Event-Date-Timestamp")
        if stamp is not None and stamp.isdecimal():
            EVENT_LAG_S.observe(max(0.0, time.time() - int(stamp) / 1e6))

    def _take(self, event: Event) -> None:
        if event.name == "CHANNEL_CALLSTATE":
            changed = self._calls.take(calls_up.news_of(event), self._clock())
            self._calls_changed(self.board.persons_at(changed))
            self._show(self.board.refresh_presences(changed))
        elif event.name == "PRESENCE_PROBE":
            self._take_probe(event)
        elif event.subclass == PROFILE_START:
            gevent.spawn(self._send_all_when_profile_is_up)
        else:
            self._take_registration(event)

    def _take_registration(self, event: Event) -> None:
        present = event.subclass == registered.REGISTERED
        changed = self._registrations.take(
            registered.registration_of(event), present=present, now=self._clock())
        self._show(self.board.refresh_devices(changed))
        if not present and not changed:
            # Another registration of the device is believed in; the list says whether it is still there.
            self._look_when_table_caught_up()

    def _take_probe(self, event: Event) -> None:
        if event.get("proto") != PROTOCOL:
            return
        text = event.require("to")
        address = parse_address(text)
        call_id = event.get("sub-call-id") or ""
        expires_s = int(event.get("expires") or 0)
        if address is not None and self.board.people.owner_of(address) is None:
            gevent.spawn(self._answer_after_reading, address, event.get("from"), call_id, expires_s)
        elif address is not None:
            self._answer(address, event.get("from"), call_id, expires_s)
        elif expires_s > 0:
            self._answer_dark(text, call_id)

    def _answer_after_reading(self, address: LampAddress, watcher: str | None, call_id: str, expires_s: int) -> None:
        """A key nobody knows may be of a device made a moment ago."""
        try:
            whose = self._person_at(address.extension, address.domain)
            if whose is not None:
                self.read_some(whose[0], {whose[1]})
        except (DatabaseUnavailable, DatabaseError) as error:
            log.warning("tables not read", reason=str(error))
        self._answer(address, watcher, call_id, expires_s)

    def _answer(self, address: LampAddress, watcher: str | None, call_id: str, expires_s: int) -> None:
        owner = self.board.people.owner_of(address)
        if expires_s <= 0:
            self._subscriptions.end(address, call_id)
        elif owner is None:
            self._answer_dark(address.domain, call_id)
        elif not self.board.people.may_watch_as((watcher or "").partition("@")[0], owner):
            log.warning("lamp key used by a foreign handset", lamp=address.user, watcher=watcher)
            self._answer_dark(address.domain, call_id)
        else:
            self._subscriptions.begin(address, call_id, expires_s=expires_s, now=self._clock())
            self._sender.wake([address], again=True)

    def _answer_dark(self, text: str, call_id: str) -> None:
        """To this one subscription; a handset that got no answer at all would show nothing, or the last state."""
        if not call_id:
            return
        try:
            self._client.send(send_event("PRESENCE_IN", presence_headers(nobody_at(text), DARK, only_call_id=call_id)))
        except EslError as error:
            log.warning("probe not answered", reason=str(error))

    # -- what the switch is asked ------------------------------------------------------------------

    def after_gap(self, client: InboundClient) -> None:
        """Runs before the events since; an error costs the connection and is tried again with the next."""
        now = self._clock()
        self._calls.contact_lost(now)
        self._subscriptions.gap(now)
        self._look()
        self._look_when_table_caught_up()
        gevent.spawn(self._send_all_when_profile_is_up)

    def reconcile(self, *, tables: bool = True) -> None:
        """Everything looked at anew: what no event told, or told wrongly, ends here."""
        self._subscriptions.forget_ended(self._clock())
        if tables:
            self.read_people()
        if self._client.synced:
            self._look()

    def read_people(self, *, at_most_every_s: float = 0.0) -> None:
        """All tables again; lists that changed are on the handsets at once."""
        with self._reading:
            if self._clock() - self._people_read_at < at_most_every_s:
                return
            people = self._read_people()
            self._people_read_at = self._clock()
            before = self.board.people
            self._show(self.board.take_people(people))
            self._calls_changed(self.board.persons_at(leg.presence_id for leg in self._calls.legs if leg.presence_id))
            lamps = set(in_turns(people.all_addresses()))
            self._sender.wake(self._perhaps_subscribed(in_turns(lamps.union(in_turns(before.all_addresses())))))
            self._sender.keep_only(lamps)
            self.feed.lists_changed()
            self._take_nights()

    def read_some(self, company_id: int, subscriber_ids: Collection[int] | None) -> None:
        """These people of a company again; None: all of them, and its sites. Raises what the database raises."""
        with self._reading:
            reading = self._read_some(company_id, subscriber_ids)
            people = self.board.people
            concerned = (people.people_of(company_id) | reading.people_of(company_id)
                         if subscriber_ids is None else frozenset(subscriber_ids))
            lamps = self._lamps_of(concerned)
            watchers = self._watchers_of(concerned)
            if subscriber_ids is None:
                changed = self.board.take_company(company_id, reading)
            else:
                changed = self.board.take_some(concerned, reading)
            self._show(changed)
            self._calls_changed(concerned)
            self._sender.wake(self._perhaps_subscribed(lamps | self._lamps_of(concerned)))
            self.feed.lists_changed(watchers | self._watchers_of(concerned))
            if subscriber_ids is None:
                self._take_nights()

    def _lamps_of(self, subscriber_ids: Iterable[int]) -> set[LampAddress]:
        """On their handsets, and those that show them."""
        people = self.board.people
        return {address for one in in_turns(subscriber_ids)
                for address in (*people.addresses_of(one), *people.addresses_showing(one))}

    def _watchers_of(self, subscriber_ids: Iterable[int]) -> set[int]:
        """They themselves, and who watches them."""
        people = self.board.people
        return {watcher for one in in_turns(subscriber_ids)
                for watcher in (one, *(watcher for watcher, _ in people.watchers_of(one)))}

    def _take_nights(self) -> None:
        people = self.board.people
        for site_id in self.board.take_nights(nights_at(people.sites.values(), self._wall_clock())):
            self._sender.wake(self._perhaps_subscribed(people.night_addresses(site_id)))
            self.feed.night_changed(site_id)
            self._show(self.board.refresh(people.people_at(site_id)))

    def _watch_nights(self) -> None:
        while True:
            now = self._wall_clock()
            change = next_look(self.board.people.sites.values(), now)
            wait_s = (change - now).total_seconds() if change is not None else NIGHTS_LOOKED_AT_EVERY_S
            gevent.sleep(max(0.02, min(wait_s, NIGHTS_LOOKED_AT_EVERY_S)))
            self._take_nights()

    def _look(self) -> None:
        with self._looking:
            asked_at = self._clock()
            legs = calls_up.rows_of(self._client.api(*calls_up.CHANNEL_LIST))
            resynced = self._calls.resync(legs, asked_at=asked_at, now=self._clock())
            changed = self.board.refresh_presences(resynced.changed)
            self._calls_changed(self.board.persons_at(resynced.changed))
            asked_at = self._clock()
            rows = registered.rows_of(self._client.api(*registered.REGISTRATION_LIST))
            devices = self._registrations.resync(rows, asked_at=asked_at)
            changed |= self.board.refresh_devices(devices)
            CORRECTIONS.inc(len(changed))
            self._show(changed)

    def _look_when_table_caught_up(self) -> None:
        """The list is mostly right after 0.2 s, and surely after TABLE_DELAY_S."""
        for delay_s in (0.3, TABLE_DELAY_S + 0.05):
            gevent.spawn_later(delay_s, self._look_again)

    def _look_again(self) -> None:
        try:
            self._look()
        except (EslError, ValueError) as error:
            log.warning("switch not looked at", reason=str(error))  # the reconnect or the next round does

    def _reconcile_for_ever(self) -> None:
        for count in itertools.count(1):
            gevent.sleep(RECONCILE_EVERY_S)
            try:
                self.reconcile(tables=count % TABLES_EVERY == 0)
            except (EslError, DatabaseUnavailable, DatabaseError, ValueError) as error:
                log.warning("not reconciled", reason=str(error))

    # -- what is shown -----------------------------------------------------------------------------

    def _show(self, subscriber_ids: Iterable[int]) -> None:
        for subscriber_id in subscriber_ids:
            addresses = self.board.people.addresses_showing(subscriber_id)
            self._sender.wake(self._perhaps_subscribed(addresses))
            self.feed.state_changed(subscriber_id)

    def _perhaps_subscribed(self, addresses: Iterable[LampAddress]) -> list[LampAddress]:
        now = self._clock()
        return [address for address in addresses if self._subscriptions.perhaps(address, now)]

    def _send_all_when_profile_is_up(self) -> None:
        try:
            self._wait_for_profile()
        except EslError as error:
            log.warning("switch left while its profile started", reason=str(error))
            return
        addresses = list(in_turns(self.board.people.all_addresses()))
        self._sender.forget_shown()
        self._sender.wake(self._perhaps_subscribed(addresses), patient=True)
        log.info("all lamps sent again", lamps=len(addresses))

    def _wait_for_profile(self) -> None:
        ends_at = self._clock() + PROFILE_STARTS_WITHIN_S
        while self._clock() < ends_at:
            try:
                if not self._client.api("sofia", "status", "profile", PROFILE).startswith("Invalid Profile"):
                    return
            except CommandRejected:  # no mod_sofia yet
                pass
            gevent.sleep(0.1)
