"""Follows the tables: word of a change -> the people concerned are read again -> lamps and pages.

    NOTIFY pbx_presence 'company/subscriber' (migrations, 0018_presence_complete) -> heard
    listening began anew, so that words may be lost                               -> gap: everything is read

Words that come while something is read wait together, so that a large order costs one reading, not thousands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import gevent
import structlog
from gevent.event import Event as Flag

from shared.database import DatabaseError, DatabaseUnavailable

log = structlog.get_logger()

CHANNEL = "pbx_presence"
AGAIN_S = 1.0
MOST_PEOPLE = 200
"""More people of one company at once are read as the whole company."""

_WORD = re.compile(r"([1-9][0-9]{0,17})/([1-9][0-9]{0,17})?")


class TablesFollowed:
    def __init__(
        self, *, read_all: Callable[[], None], read_some: Callable[[int, Collection[int] | None], None],
    ) -> None:
        """Both raise what the database raises; then they are asked again."""
        self._read_all = read_all
        self._read_some = read_some
        self._everything = False
        self._waiting: dict[int, set[int] | None] = {}
        self._something = Flag()

    def heard(self, payload: str) -> None:
        word = _WORD.fullmatch(payload)
        if word is None:
            log.warning("no word of a change", payload=payload[:80])
            return
        company_id = int(word[1])
        if word[2] is None:
            self._waiting[company_id] = None
        else:
            people = self._waiting.setdefault(company_id, set())
            if people is not None:
                people.add(int(word[2]))
                if len(people) > MOST_PEOPLE:
                    self._waiting[company_id] = None
        self._something.set()

    def gap(self) -> None:
        self._everything = True
        self._something.set()

    def run(self) -> None:
        """Never ends."""
        while True:
            self._something.wait()
            self._something.clear()
            try:
                self.work()
            except (DatabaseUnavailable, DatabaseError) as error:
                log.warning("changes not read yet", reason=" ".join(str(error).split())[:200])
                self._something.set()
                gevent.sleep(AGAIN_S)

    def work(self) -> None:
        """What is waiting. Raises what the database raises; nothing that was heard is forgotten by that."""
        if self._everything:
            self._everything, before = False, dict(self._waiting)
            self._waiting.clear()  # all of it is in the reading that begins now
            try:
                self._read_all()
            except (DatabaseUnavailable, DatabaseError):
                self._everything = True
                self._waiting = before | self._waiting
                raise
        while self._waiting:
            company_id, people = self._waiting.popitem()
            try:
                self._read_some(company_id, people)
            except (DatabaseUnavailable, DatabaseError):
                self._everything = True  # what came meanwhile included
                raise
