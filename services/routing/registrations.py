"""Keeps what the switch and we remember of registered people right: primed ahead of need, forgotten on change.

    a device registers, or is registered when we come  -> our memory of its subscriber, the switch's entries
    NOTIFY pbx_directory (triggers of the directory)   -> xml_flush_cache, and primed again
    any gap in listening                               -> flush and prime everything

The switch caches an entry when somebody looks at it, so to prime is to look: `user_data` of the device, of the
extension, and of each number. All of it in one greenlet, one thing at a time, never on a call's path.
"""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable

import gevent
import psycopg2
import structlog
from gevent import Timeout
from gevent.event import Event as Flag
from gevent.socket import wait_read

from services.routing.directory import Directory
from services.routing.directory_xml import NUMBERS_DOMAIN
from services.routing.memory import Bounded
from services.routing.switch_directory import SwitchDirectory
from shared.database import DatabaseError, DatabaseUnavailable
from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event
from shared.metrics import Counter

log = structlog.get_logger()

FLUSHED = Counter("pbx_routing_directory_flushes_total", "Directory entries the switch was told to forget", ["what"])

EVENTS = ("CUSTOM sofia::register",)
EVERYTHING = "*"
_ENTRY = re.compile(r"(\+?[a-z0-9-]{2,32})@([a-z0-9.-]{1,253})")
_MOST_WAITING = 5_000
_NOTICE_LIMIT_S = 30.0
_MOST_REMEMBERED = 50_000
_FRESH_S = 300.0


class Registrations:
    def __init__(
        self, client: InboundClient, directory: Directory, switch_directory: SwitchDirectory, database_url: str,
    ) -> None:
        self._client = client
        self._directory = directory
        self._switch_directory = switch_directory
        self._database_url = database_url
        self._waiting: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._primed: Bounded[str, float] = Bounded(_MOST_REMEMBERED)
        self._woken = Flag()
        self._stopping = False
        self._greenlets: list[gevent.Greenlet[[], None]] = []

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._work), gevent.spawn(self._listen)]

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        gevent.killall(self._greenlets, timeout=2)

    def registered(self, event: Event) -> None:
        """sofia::register (sofia_reg.c): every registration and every refresh of one."""
        entry = f"{event.get('from-user')}@{event.get('from-host')}"
        if time.monotonic() - self._primed.get(entry, -_FRESH_S) >= _FRESH_S:
            self._want("prime", entry)

    def resync(self) -> None:
        """The switch may have been away, or have forgotten everything."""
        self._primed.clear()
        self._want("prime", EVERYTHING)

    def changed(self, entry: str) -> None:
        self._want("flush", entry)

    # ----- the queue: a set in order, so a storm of registrations asks for each device once

    def _want(self, what: str, entry: str) -> None:
        if entry != EVERYTHING and not _ENTRY.fullmatch(entry):
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.clear()
            what, entry = "flush", EVERYTHING
        self._waiting[(what, entry)] = None
        self._woken.set()

    def _work(self) -> None:
        while not self._stopping:
            self._woken.wait()
            self._woken.clear()
            while self._waiting and not self._stopping:
                (what, entry), _ = self._waiting.popitem(last=False)
                try:
                    if what == "flush":
                        self._flush(entry)
                    if entry == EVERYTHING:
                        self._prime_all()
                    else:
                        self._prime(entry)
                except (EslError, DatabaseUnavailable, DatabaseError) as error:
                    # The next connect, or the database's return, brings a look at everything.
                    log.warning("not primed", what=what, entry=entry, reason=str(error))

    def _flush(self, entry: str) -> None:
        if entry == EVERYTHING:
            self._client.api("xml_flush_cache")
            self._primed.clear()
        else:
            user, domain = entry.split("@")
            self._primed.pop(entry, None)
            self._client.api("xml_flush_cache", "id", user, domain)
        FLUSHED.labels("all" if entry == EVERYTHING else "entry").inc()

    def _prime_all(self) -> None:
        listed = json.loads(self._client.api("show", "registrations", "as", "json"))
        for row in listed.get("rows", []):  # without registrations there are no rows at all
            self._want("prime", f"{row.get('reg_user', '')}@{row.get('realm', '')}")

    def _prime(self, entry: str) -> None:
        user, domain = entry.split("@")
        found = self._switch_directory.entry(user, domain)
        if found is None:
            return
        if found.kind == "device":
            self._directory.prime(user)
            self._look(f"{found.extension}@{found.domain}")
            for number in found.numbers:
                self._look(f"{number}@{NUMBERS_DOMAIN}")
        self._look(entry)
        self._primed.keep(entry, time.monotonic())

    def _look(self, entry: str) -> None:
        try:
            self._client.background("user_data", entry, "var", "pbx_company", timeout_s=5)
        except CommandRejected as error:
            log.warning("directory entry not taken by the switch", entry=entry, reason=error.reply)

    # ----- what changed in the database

    def _listen(self) -> None:
        wait_s = 0.5
        while not self._stopping:
            try:
                with Timeout(5.0, DatabaseUnavailable("no connection within the time allowed")):
                    connection = psycopg2.connect(self._database_url)
                    connection.autocommit = True
                    connection.cursor().execute("LISTEN pbx_directory")
                try:
                    self._want("flush", EVERYTHING)  # what changed while nobody listened is not known
                    wait_s = 0.5
                    self._hear(connection, self.changed)
                finally:
                    connection.close()
            except (psycopg2.Error, DatabaseUnavailable, OSError) as error:
                log.warning("changes of the directory not heard", reason=" ".join(str(error).split()))
            gevent.sleep(wait_s)
            wait_s = min(2 * wait_s, 10.0)

    def _hear(self, connection: psycopg2.extensions.connection, heard: Callable[[str], None]) -> None:
        while not self._stopping:
            try:
                wait_read(connection.fileno(), timeout=_NOTICE_LIMIT_S)
            except TimeoutError:  # silence; a frozen server would be silent, too
                with Timeout(5.0, DatabaseUnavailable("silent")):
                    connection.cursor().execute("SELECT 1")
            connection.poll()
            while connection.notifies:
                heard(connection.notifies.pop(0).payload)
