"""Keeps what the switch and we remember of registered people right: primed ahead of need, forgotten on change.

    a device registers                                 -> our memory of its subscriber, the switch's entries
    NOTIFY pbx_directory (triggers of the directory)   -> xml_flush_cache of that entry, and looked at again;
                                                          trunks: the switch's gateways, and the limits of calls
    any gap in listening, a reconnect, "everything"    -> what was served is compared, what differs flushed

The switch caches an entry when somebody looks at it, so to prime is to look: `user_data` of the device, of the
extension, and of each number. Entry by entry, and only when the database has just answered: the switch is never
left with an empty cache, for with that and without us nobody could call or register. All entries in one greenlet, one
thing at a time, never on a call's path; news comes before comparing. Gateways have a greenlet of their own, since a
carrier may take seconds to let go of one, and so have limits, since money hangs on them. What fails is tried again.
"""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import gevent
import structlog
from gevent.event import Event as Flag

from services.routing import gateways
from services.routing.directory import Directory
from services.routing.directory_xml import NUMBERS_DOMAIN, Entry
from services.routing.gateways import Gateways
from services.routing.memory import Bounded
from services.routing.served import Served
from services.routing.switch_directory import SwitchDirectory
from shared.database import DatabaseError, DatabaseUnavailable
from shared.esl.client import InboundClient
from shared.esl.errors import CommandRejected, EslError
from shared.esl.events import Event
from shared.metrics import Counter
from shared.notices import Notices

log = structlog.get_logger()

FLUSHED = Counter("pbx_routing_directory_flushes_total", "Directory entries the switch was told to forget", ["what"])

EVENTS = ("CUSTOM sofia::register",)
EVERYTHING = "*"
_ENTRY = re.compile(r"(\+?[a-z0-9-]{2,32})@([a-z0-9.-]{1,253})")
_MOST_WAITING = 5_000
_COMPARED_TOGETHER = 100
_AGAIN_S = 1.0
_MOST_REMEMBERED = 50_000
_FRESH_S = 300.0


class Registrations:
    def __init__(
        self, client: InboundClient, directory: Directory, switch_directory: SwitchDirectory, served: Served,
        database_url: str, gateways: Gateways | None = None,
    ) -> None:
        self._client = client
        self._of_trunks = [] if gateways is None else [
            _Kept("limits of calls", gateways.look_at_limits),
            _Kept("gateways of the switch", gateways.bring_up_to_date)]
        self._directory = directory
        self._switch_directory = switch_directory
        self._served = served
        self._past_unknown = served.began_empty
        self._database_url = database_url
        self._waiting: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._to_compare: deque[str] = deque()
        self._primed: Bounded[str, float] = Bounded(_MOST_REMEMBERED)
        self._woken = Flag()
        self._stopping = False
        self._greenlets: list[gevent.Greenlet[[], None]] = []

    def start(self) -> None:
        # What changed while nobody listened is not known.
        notices = Notices(self._database_url, "pbx_directory", heard=self.changed,
                          gap=lambda: self._want("compare", EVERYTHING))
        self._greenlets = [gevent.spawn(work) for work in (
            self._work, *(kept.run for kept in self._of_trunks), notices.run)]

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
        """The switch may have been away, or have forgotten everything, or not have heard what it should forget."""
        self._primed.clear()
        self._want("compare", EVERYTHING)

    def changed(self, entry: str) -> None:
        if entry == gateways.ENTRY:
            self._look_at_trunks()
        else:
            self._want("compare" if entry == EVERYTHING else "flush", entry)

    # ----- the queue: a set in order, so a storm of registrations asks for each device once

    def _want(self, what: str, entry: str) -> None:
        if entry != EVERYTHING and not _ENTRY.fullmatch(entry):
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.clear()
            what, entry = "compare", EVERYTHING
        self._waiting[(what, entry)] = None
        self._woken.set()

    def _work(self) -> None:
        while not self._stopping:
            if not self._waiting and not self._to_compare:
                self._woken.wait()
            self._woken.clear()
            try:
                if self._waiting:
                    self._do_next()
                elif self._to_compare:
                    self._compare_some()
            except (EslError, DatabaseUnavailable, DatabaseError, ValueError) as error:
                log.warning("directory of the switch not brought up to date yet", reason=str(error))
                gevent.sleep(_AGAIN_S)
            except Exception:  # whatever it is, a device that is locked out must not stay let in for it
                log.exception("directory of the switch not brought up to date yet")
                gevent.sleep(_AGAIN_S)

    def _do_next(self) -> None:
        (what, entry), _ = self._waiting.popitem(last=False)
        try:
            if what == "compare":
                self._look_at_trunks()
                self._compare_everything()
            elif what == "flush":
                self._refresh(entry)
            else:
                self._prime(entry)
        except BaseException:
            if what != "prime":  # a device not primed now is primed with its next registration
                self._waiting.setdefault((what, entry), None)
            raise

    def _look_at_trunks(self) -> None:
        for kept in self._of_trunks:
            kept.wake()

    def _compare_everything(self) -> None:
        """Raises ValueError when the switch's list of registrations is none."""
        listed = json.loads(self._client.api("show", "registrations", "as", "json"))
        # Without registrations there are no rows at all.
        devices = [f"{row.get('reg_user', '')}@{row.get('realm', '')}" for row in listed.get("rows", [])]
        devices = [device for device in devices if _ENTRY.fullmatch(device)]
        if self._past_unknown:
            # Only when nothing was ever written down: the switch may hold what nobody knows of. The database is
            # asked first, so that what is forgotten here is not missing for longer than it takes to look at it.
            self._switch_directory.changed_since_served(devices[:1] or ["nobody@numbers.invalid"])
            self._client.api("xml_flush_cache")
            FLUSHED.labels("all").inc()
            self._past_unknown = False
        registered = frozenset(devices)
        self._to_compare = deque((*devices, *(one for one in self._served.entries() if one not in registered)))
        for device in devices:
            self._want("prime", device)

    def _compare_some(self) -> None:
        together = [self._to_compare[at] for at in range(min(_COMPARED_TOGETHER, len(self._to_compare)))]
        for entry in self._switch_directory.changed_since_served(together):
            self._refresh(entry)
        for _ in together:
            self._to_compare.popleft()

    def _refresh(self, entry: str) -> None:
        user, domain = entry.split("@")
        found = self._switch_directory.entry(user, domain)
        self._primed.pop(entry, None)
        self._client.api("xml_flush_cache", "id", user, domain)
        FLUSHED.labels("entry").inc()
        log.info("directory entry forgotten", entry=entry, there=found is not None)
        if found is None:
            # Or it would ring on until its registration expires (sofia_reg.c, sofia_reg_expire_call_id).
            self._client.api("sofia", "profile", "internal", "flush_inbound_reg", entry)
            self._served.drop(entry)
        else:
            self._look(entry)
            self._prime_person(user, entry, found)

    def _prime(self, entry: str) -> None:
        user, domain = entry.split("@")
        found = self._switch_directory.entry(user, domain)
        if found is not None:
            self._look(entry)
            self._prime_person(user, entry, found)

    def _prime_person(self, user: str, entry: str, found: Entry) -> None:
        if found.kind == "device":
            self._directory.prime(user)
            self._look(f"{found.extension}@{found.domain}")
            for number in found.numbers:
                self._look(f"{number}@{NUMBERS_DOMAIN}")
        self._primed.keep(entry, time.monotonic())

    def _look(self, entry: str) -> None:
        try:
            self._client.background("user_data", entry, "var", "pbx_company", timeout_s=5)
        except CommandRejected as error:
            log.warning("directory entry not taken by the switch", entry=entry, reason=error.reply)


class _Kept:
    """Done anew, in a greenlet of its own, each time something may have changed; what fails is tried again."""

    def __init__(self, what: str, work: Callable[[], None]) -> None:
        self._what = what
        self._do = work
        self._woken = Flag()

    def wake(self) -> None:
        self._woken.set()

    def run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            try:
                self._do()
            except (EslError, DatabaseUnavailable, DatabaseError, ValueError) as error:
                log.warning("not brought up to date yet", what=self._what, reason=str(error))
                gevent.sleep(_AGAIN_S)
                self._woken.set()
            except Exception:  # whatever it is, a limit just set must not stay unknown for it
                log.exception("not brought up to date yet", what=self._what)
                gevent.sleep(_AGAIN_S)
                self._woken.set()
