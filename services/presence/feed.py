"""The event stream: each open page gets its list as a snapshot, then what changes in it.

A page's backlog is the set of positions that changed since it was last written to, eight, the night service and the
line to the switch at most: a slow reader skips what is past and can never fill memory.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from gevent.event import Event as Flag

from services.presence.board import Board
from services.presence.lamps import NIGHT
from services.presence.people import Person
from shared.metrics import Gauge

PING_EVERY_S = 15.0
IN_STEP = "in_step"
PAGES_PER_SUBSCRIBER = 10
_EVENTS: dict[int | str, str] = {NIGHT: "night_service", IN_STEP: "in_step"}

PAGES = Gauge("pbx_presence_pages", "Open event streams")


class TooManyPages(Exception):
    """This subscriber has as many open streams as he may."""


class Page:
    """One reader."""

    def __init__(self, watcher_id: int) -> None:
        self.watcher_id = watcher_id
        self.changed: set[int | str] = set()
        """Positions, NIGHT and IN_STEP."""
        self.list_changed = True
        self.something = Flag()


class Feed:
    def __init__(self, board: Board) -> None:
        self._board = board
        self._pages: dict[int, list[Page]] = {}
        self._ids = itertools.count(1)
        self.in_step = False
        """What is shown is what the switch has; else as it was when last heard of."""

    @property
    def page_count(self) -> int:
        return sum(map(len, self._pages.values()))

    def snapshot_of(self, watcher_id: int) -> dict[str, Any]:
        """What GET /v1/lamps shows, and a stream first."""
        return _snapshot(self._now(watcher_id))

    def state_changed(self, subscriber_id: int) -> None:
        for watcher_id, position in self._board.people.watchers_of(subscriber_id):
            for page in self._pages.get(watcher_id, ()):
                page.changed.add(position)
                page.something.set()

    def night_changed(self, site_id: int) -> None:
        for watcher_id, pages in self._pages.items():
            watcher = self._board.people.person(watcher_id)
            if watcher is not None and watcher.site_id == site_id:
                for page in pages:
                    page.changed.add(NIGHT)
                    page.something.set()

    def step_changed(self, in_step: bool) -> None:
        self.in_step = in_step
        for pages in self._pages.values():
            for page in pages:
                page.changed.add(IN_STEP)
                page.something.set()

    def lists_changed(self, watcher_ids: Iterable[int] | None = None) -> None:
        """Of these watchers; None: of all."""
        for watcher_id in list(self._pages) if watcher_ids is None else watcher_ids:
            for page in self._pages.get(watcher_id, ()):
                page.list_changed = True
                page.something.set()

    def night_of(self, watcher_id: int) -> dict[str, Any] | None:
        """The night service of his site; None where none is set up."""
        watcher = self._board.people.person(watcher_id)
        site = self._board.people.site_of(watcher) if watcher is not None else None
        if site is None or not site.night.target:
            return None
        return {"site_id": site.site_id, "site": site.name, "on": self._board.is_night_at(site.site_id)}

    def stream(self, watcher_id: int, *, ping_every_s: float = PING_EVERY_S) -> Iterator[str]:
        """Server-sent events, for ever; closing the iterator ends the subscription. Raises TooManyPages."""
        if len(self._pages.get(watcher_id, ())) >= PAGES_PER_SUBSCRIBER:
            raise TooManyPages(f"at most {PAGES_PER_SUBSCRIBER} event streams at a time")
        return self._written(Page(watcher_id), ping_every_s)

    def _written(self, page: Page, ping_every_s: float) -> Iterator[str]:
        # Known to the feed only from its first step on: an iterator nobody starts is never closed either.
        self._pages.setdefault(page.watcher_id, []).append(page)
        PAGES.set(self.page_count)
        shown: dict[int | str, Any] | None = None
        try:
            while True:
                page.something.clear()
                if page.list_changed:
                    page.list_changed = False
                    now = self._now(page.watcher_id)
                    if shown is not None and _who(now) == _who(shown):
                        page.changed.update(which for which in now if now[which] != shown[which])
                    else:
                        shown = now
                        page.changed.clear()
                        yield self._message("snapshot", _snapshot(now))
                elif page.changed:
                    # The line last: back in step, a page is told first what became of its lamps.
                    which = next((one for one in page.changed if one != IN_STEP), IN_STEP)
                    page.changed.discard(which)
                    one = self._one(page.watcher_id, which)
                    if shown is not None and shown.get(which) != one:
                        shown[which] = one
                        yield self._message(_EVENTS.get(which, "lamp"), one)
                elif not page.something.wait(ping_every_s):
                    # An event, not a comment: a browser hides comments, and with them that the line is alive.
                    yield "event: ping\ndata: {}\n\n"
        finally:
            self._close(page)

    def _now(self, watcher_id: int) -> dict[int | str, Any]:
        """All that is shown, by position, NIGHT and IN_STEP."""
        which: tuple[int | str, ...] = (*self._board.people.watched_by(watcher_id), NIGHT, IN_STEP)
        return {one: self._one(watcher_id, one) for one in which}

    def _one(self, watcher_id: int, which: int | str) -> dict[str, Any] | None:
        if which == IN_STEP:
            return {"in_step": self.in_step}
        return self.night_of(watcher_id) if which == NIGHT else self._lamp(watcher_id, int(which))

    def _close(self, page: Page) -> None:
        pages = self._pages.get(page.watcher_id, [])
        if page in pages:
            pages.remove(page)
        if not pages:
            self._pages.pop(page.watcher_id, None)
        PAGES.set(self.page_count)

    def _lamp(self, watcher_id: int, position: int) -> dict[str, Any]:
        watcher = self._board.people.person(watcher_id)
        person = self._board.people.watched_by(watcher_id).get(position)
        if person is None or watcher is None:
            return {"position": position, "subscriber_id": None, "extension": None, "name": None,
                    "state": None, "lamp": "terminated", "because": [], "caller": None}
        return {"position": position, **self.shown(watcher, person)}

    def shown(self, watcher: Person, person: Person) -> dict[str, Any]:
        """What this watcher may see of a colleague."""
        look = self._board.look_of(person.subscriber_id)
        caller = self._board.caller_for(watcher, person)
        return {
            "subscriber_id": person.subscriber_id,
            "extension": person.extension,
            "name": person.name,
            "state": look.state.name,
            "lamp": look.state.lamp.value,
            "because": list(look.because),
            "caller": {"number": caller.number, "name": caller.name or None} if caller is not None else None,
        }

    def _message(self, kind: str, data: dict[str, Any] | None) -> str:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {next(self._ids)}\nevent: {kind}\ndata: {text}\n\n"


def _snapshot(now: dict[int | str, Any]) -> dict[str, Any]:
    return {"lamps": [lamp for which, lamp in now.items() if isinstance(which, int)], "night_service": now[NIGHT],
            **now[IN_STEP]}


def _who(shown: dict[int | str, Any]) -> list[tuple[int | str, int | None]]:
    """Whom the positions are for: with the same people a page needs no new snapshot."""
    return [(which, lamp["subscriber_id"]) for which, lamp in shown.items() if isinstance(which, int)]
