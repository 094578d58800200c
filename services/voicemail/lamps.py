"""Keeps the message lamps right: changes from the database and questions from the switch. Shell.

    a row of lamp_changes (written by the transaction that changed the mailbox) -> MESSAGE_WAITING
    MESSAGE_QUERY (a device registered, or subscribed)                         -> MESSAGE_WAITING, to it
    the line to the switch is new, or its SIP profile started                  -> every lamp that is lit

What is read is told before anything newer is read (`_telling`): else a message that was heard meanwhile would be told
first, and what was read before it last.

Whatever could not be told is told by the resync when the line is back; so is what was told shortly before the line
broke, since a switch that died may not have passed it on: a lamp that should be dark, above all.
"""

from __future__ import annotations

import time

import gevent
import structlog
from gevent.event import Event as Flag
from gevent.lock import BoundedSemaphore
from gevent.queue import Full, Queue

from services.voicemail.lamp import NOTHING_WAITS, PROFILE, Query, Waiting, lamp_headers, query_from
from shared.database import Database, DatabaseError, DatabaseUnavailable, Row
from shared.esl import commands
from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event
from shared.metrics import Counter

log = structlog.get_logger()

_PROFILE_START = "sofia::profile_start"
EVENTS = ["MESSAGE_QUERY", f"CUSTOM {_PROFILE_START}"]
_PROFILE_STARTS_WITHIN_S = 15.0
_TOLD_AGAIN_S = 60.0
_LOOK_EVERY_S = 0.5
_QUERIES_WAITING = 5000
_ACCOUNT_HEADERS = ("Message-Account", "VM-Sofia-Profile", "VM-sub-call-id")

_TOLD_AT_ONCE = 50
"""Subscribers of a resync, or queries: nothing else waits for longer than these take."""

_DEVICES_AND_COUNTS = """
SELECT v.device_id, c.sip_domain, n.lamp_enabled, n.new, n.saved, n.new_urgent, n.saved_urgent
FROM directory.devices v
JOIN directory.companies c USING (company_id)
JOIN voicemail.lamp_counts n USING (company_id, subscriber_id)
"""

LAMPS = Counter("pbx_voicemail_lamps_told_total", "Message lamps told to the switch", ["why"])


class Lamps:
    """client is set by the one who makes it, since client and Lamps need each other."""

    client: InboundClient

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries: Queue[Query] = Queue(maxsize=_QUERIES_WAITING)
        self._changed = Flag()
        self._telling = BoundedSemaphore(1)
        self._stopping = False
        self._told_at: dict[int, float] = {}
        """Subscribers whose lamps were told of a change of late."""
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        self._greenlets = [
            gevent.spawn(self._follow_changes),
            gevent.spawn(self._answer_queries),
        ]

    def stop(self) -> None:
        self._stopping = True
        gevent.killall(self._greenlets, timeout=3)

    def wake(self) -> None:
        """Something was committed that may have changed a lamp."""
        self._changed.set()

    # The switch asks

    def on_event(self, event: Event) -> None:
        if event.subclass == _PROFILE_START:
            gevent.spawn(self._tell_all_when_profile_is_up, self.client)
            return
        query = query_from({name: event.get(name) for name in _ACCOUNT_HEADERS})
        if query is None:
            return
        try:
            self._queries.put_nowait(query)
        except Full:
            log.warning("message lamp query dropped", device=query.device_id)

    def on_resync(self, client: InboundClient) -> None:
        """A switch that has just started takes the event socket's line before its profile knows any handset."""
        if _profile_is_up(client):
            self._tell_all(client)
        else:
            gevent.spawn(self._tell_all_when_profile_is_up, client)

    def _tell_all_when_profile_is_up(self, client: InboundClient) -> None:
        ends_at = time.monotonic() + _PROFILE_STARTS_WITHIN_S
        try:
            while not _profile_is_up(client):
                if time.monotonic() > ends_at:
                    log.error("the profile of the handsets does not start", profile=PROFILE)
                    return
                gevent.sleep(0.1)
            self._tell_all(client)
        except EslError as error:  # a new line, and a resync of its own
            log.warning("lamps not resynced", reason=str(error))

    def _tell_all(self, client: InboundClient) -> None:
        """Those that are lit, and those that changed of late."""
        since = time.monotonic() - _TOLD_AGAIN_S
        self._told_at = {subscriber: at for subscriber, at in self._told_at.items() if at > since}
        try:
            with self._database.platform() as tx:
                found = tx.rows("SELECT subscriber_id FROM voicemail.lamp_counts WHERE new + saved > 0")
            told, wanted = 0, sorted({row.subscriber_id for row in found} | self._told_at.keys())
            for first in range(0, len(wanted), _TOLD_AT_ONCE):
                told += self._tell_subscribers(wanted[first:first + _TOLD_AT_ONCE], "resync")
        except (DatabaseUnavailable, DatabaseError) as error:
            # The line is no worse for it; the devices ask again when they register.
            log.warning("lamps not resynced", reason=str(error))
            gevent.spawn_later(2.0, self._tell_all_again, client)
            return
        log.info("lamps resynced", told=told)

    def _tell_subscribers(self, subscribers: list[int], why: str) -> int:
        """Number of devices told."""
        with self._telling:
            with self._database.platform() as tx:
                devices = tx.rows(_DEVICES_AND_COUNTS + " WHERE v.subscriber_id = ANY(:subscribers)",
                                  subscribers=subscribers)
            for device in devices:
                self._tell(device, why)
        return len(devices)

    def _tell_all_again(self, client: InboundClient) -> None:
        if client.connected and not self._stopping:
            self._tell_all_when_profile_is_up(client)

    def _answer_queries(self) -> None:
        while True:
            queries = [self._queries.get()]
            while len(queries) < _TOLD_AT_ONCE and not self._queries.empty():
                queries.append(self._queries.get())
            devices = [query.device_id for query in queries]
            try:
                self._answer(queries)
            except (DatabaseUnavailable, DatabaseError, EslError) as error:
                log.warning("message lamp queries not answered", devices=devices, reason=str(error))
            except Exception:  # the next devices still want their answer
                log.exception("message lamp queries not answered", devices=devices)

    def _answer(self, queries: list[Query]) -> None:
        with self._telling:
            with self._database.platform() as tx:
                rows = tx.rows(
                    _DEVICES_AND_COUNTS + " WHERE (v.device_id, c.sip_domain) IN"
                    " (SELECT * FROM unnest(CAST(:devices AS text[]), CAST(:domains AS text[])))",
                    devices=[query.device_id for query in queries], domains=[query.domain for query in queries],
                )
            known = {(row.device_id, row.sip_domain): _waiting(row) for row in rows}
            for query in queries:
                waiting = known.get((query.device_id, query.domain), NOTHING_WAITS)
                self.client.send(commands.send_event(
                    "MESSAGE_WAITING", lamp_headers(query.device_id, query.domain, waiting, query)
                ))
                LAMPS.labels("query").inc()

    # A mailbox changed

    def _follow_changes(self) -> None:
        while not self._stopping:
            self._changed.clear()
            try:
                self.tell_changes()
            except (DatabaseUnavailable, DatabaseError, EslError) as error:
                log.warning("lamp changes wait", reason=str(error))
                gevent.sleep(1.0)
            except Exception:  # else no lamp would ever change again
                log.exception("lamp changes wait")
                gevent.sleep(1.0)
            self._changed.wait(_LOOK_EVERY_S)

    def tell_changes(self) -> int:
        """Number of devices told. The changes stay when the switch cannot be told."""
        if not self.client.connected:
            return 0
        with self._telling, self._database.platform() as tx:
            changes = tx.rows(
                "DELETE FROM voicemail.lamp_changes WHERE change_id IN (SELECT change_id"
                " FROM voicemail.lamp_changes ORDER BY change_id LIMIT 500) RETURNING subscriber_id"
            )
            if not changes:
                return 0
            devices = tx.rows(
                _DEVICES_AND_COUNTS + " WHERE v.subscriber_id = ANY(:subscribers)",
                subscribers=sorted({change.subscriber_id for change in changes}),
            )
            for device in devices:
                self._tell(device, "change")
            self._told_at |= dict.fromkeys((change.subscriber_id for change in changes), time.monotonic())
        return len(devices)

    def _tell(self, device: Row, why: str) -> None:
        self.client.send(commands.send_event(
            "MESSAGE_WAITING", lamp_headers(device.device_id, device.sip_domain, _waiting(device))
        ))
        LAMPS.labels(why).inc()


def _profile_is_up(client: InboundClient) -> bool:
    try:
        return not client.api("sofia", "status", "profile", PROFILE).startswith("Invalid Profile")
    except CommandRejected:  # no mod_sofia yet
        return False


def _waiting(row: Row) -> Waiting:
    if not row.lamp_enabled:
        return NOTHING_WAITS
    return Waiting(row.new, row.saved, row.new_urgent, row.saved_urgent)
