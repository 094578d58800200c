"""The event stream: each open page gets its list as a snapshot, then what changes in it.

A page's backlog is the set of positions that changed since it was last written to, eight at most: a slow
reader skips what is past and can never fill memory.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from gevent.event import Event as Flag

from services.presence.board import Board
from shared.metrics import Gauge

PING_EVERY_S = 15.0
PAGES_PER_SUBSCRIBER = 10

PAGES = Gauge("pbx_presence_pages", "Open event streams")


class TooManyPages(Exception):
    """This subscriber has as many open streams as he may."""


class Page:
    """One reader."""

    def __init__(self, watcher_id: int) -> None:
        self.watcher_id = watcher_id
        self.changed: set[int] = set()
        self.list_changed = True
        self.something = Flag()


class Feed:
    def __init__(self, board: Board) -> None:
        self._board = board
        self._pages: dict[int, list[Page]] = {}
        self._ids = itertools.count(1)

    @property
    def page_count(self) -> int:
        return sum(map(len, self._pages.values()))

    def lamps_of(self, watcher_id: int) -> list[dict[str, Any]]:
        """What GET /v1/lamps shows: each position with its person and state."""
        watched = self._board.people.watched_by(watcher_id)
        return [self._lamp(watcher_id, position) for position in watched]

    def state_changed(self, subscriber_id: int) -> None:
        for watcher_id, position in self._board.people.watchers_of(subscriber_id):
            for page in self._pages.get(watcher_id, ()):
                page.changed.add(position)
                page.something.set()

    def lists_changed(self) -> None:
        for pages in self._pages.values():
            for page in pages:
                page.list_changed = True
                page.something.set()

    def stream(self, watcher_id: int, *, ping_every_s: float = PING_EVERY_S) -> Iterator[str]:
        """Server-sent events, for ever; closing the iterator ends the subscription. Raises TooManyPages."""
        if len(self._pages.get(watcher_id, ())) >= PAGES_PER_SUBSCRIBER:
            raise TooManyPages(f"at most {PAGES_PER_SUBSCRIBER} event streams at a time")
        return self._written(Page(watcher_id), ping_every_s)

    def _written(self, page: Page, ping_every_s: float) -> Iterator[str]:
        # Known to the feed only from its first step on: an iterator nobody starts is never closed either.
        self._pages.setdefault(page.watcher_id, []).append(page)
        PAGES.set(self.page_count)
        shown: dict[int, dict[str, Any]] | None = None
        try:
            while True:
                page.something.clear()
                if page.list_changed:
                    page.list_changed = False
                    page.changed.clear()
                    lamps = {lamp["position"]: lamp for lamp in self.lamps_of(page.watcher_id)}
                    if lamps != shown:
                        shown = lamps
                        yield self._message("snapshot", {"lamps": list(lamps.values())})
                elif page.changed:
                    position = page.changed.pop()
                    lamp = self._lamp(page.watcher_id, position)
                    if shown is not None and shown.get(position) != lamp:
                        shown[position] = lamp
                        yield self._message("lamp", lamp)
                elif not page.something.wait(ping_every_s):
                    yield ": ping\n\n"
        finally:
            self._close(page)

    def _close(self, page: Page) -> None:
        pages = self._pages.get(page.watcher_id, [])
        if page in pages:
            pages.remove(page)
        if not pages:
            self._pages.pop(page.watcher_id, None)
        PAGES.set(self.page_count)

    def _lamp(self, watcher_id: int, position: int) -> dict[str, Any]:
        person = self._board.people.watched_by(watcher_id).get(position)
        if person is None:
            return {"position": position, "subscriber_id": None, "extension": None, "name": None,
                    "state": None, "lamp": "terminated"}
        state = self._board.state_of(person.subscriber_id)
        return {
            "position": position,
            "subscriber_id": person.subscriber_id,
            "extension": person.extension,
            "name": person.name,
            "state": state.name,
            "lamp": state.lamp.value,
        }

    def _message(self, kind: str, data: dict[str, Any]) -> str:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {next(self._ids)}\nevent: {kind}\ndata: {text}\n\n"
