"""Which calls are up on a switch: folded from its events, put right by its channel list after every gap.

    CHANNEL_CALLSTATE -> news_of -> CallsUp.take     -> whose legs changed
    show channels     -> rows_of -> CallsUp.resync   -> whose legs changed, and whether to look again

One event is enough. CHANNEL_CALLSTATE is sent on every change of a leg's call state, the last one HANGUP
(switch_channel.c switch_channel_perform_set_callstate; switch_core_state_machine.c sets HANGUP for every
channel that ends), with the leg's id, presence id, direction and numbers, and without the channel's
variables (switch_channel_event_set_extended_data leaves them out): a quarter of the size of CHANNEL_ANSWER.

Order: Event-Sequence counts all events of one run of the switch, Core-UUID names the run (switch_event.c
switch_event_prep_for_delivery). News older than what is known of its leg is ignored, and so is a former run.

The channel list is a table written from the same events through a queue, some hundred milliseconds late
(switch_core_sqldb.c core_event_handler, switch_user_sql_thread); and it never learns HANGUP: a leg
stays listed as it last was until CHANNEL_DESTROY deletes its row. So an event younger than that delay beats the
list, a leg that was heard to end stays ended however long it is listed, and after a gap the list is asked
twice: at once, and when the table has caught up with what nobody heard.

No clock and no I/O here: `now` and `asked_at` are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

EVENTS = ("CHANNEL_CALLSTATE",)
CHANNEL_LIST = ("show", "channels", "as", "json")

# switch_core_sqldb.c gathers for up to 200 ms (40 naps of 5 ms) before it writes; 0.6 s was seen on a busy machine.
TABLE_DELAY_S = 1.0

# How long a leg heard to end is remembered against a list that still shows it, and how many at most.
ENDED_KEPT_S = 180.0
ENDED_KEPT = 50_000


class CallState(StrEnum):
    """switch_channel.c CALLSTATE_CHART."""

    DOWN = "DOWN"
    DIALING = "DIALING"
    RINGING = "RINGING"
    EARLY = "EARLY"
    ACTIVE = "ACTIVE"
    HELD = "HELD"
    RING_WAIT = "RING_WAIT"
    HANGUP = "HANGUP"
    UNHELD = "UNHELD"


NOT_UP = frozenset({CallState.DOWN, CallState.HANGUP})


class Direction(StrEnum):
    """As the switch sees it: INBOUND is a leg somebody dialled, OUTBOUND one the switch rings."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Leg:
    leg_uuid: str
    state: CallState
    direction: Direction
    presence_id: str | None
    """extension@domain in lower case; None where the switch was told none (a caller from outside)."""
    call_uuid: str | None = None
    caller_number: str | None = None
    caller_name: str | None = None
    destination: str | None = None
    caller_withheld: bool = True
    """He withholds who he is, or nobody can tell: the list of channels does not say."""

    @property
    def is_up(self) -> bool:
        return self.state not in NOT_UP


@dataclass(frozen=True, slots=True)
class LegNews:
    """What one CHANNEL_CALLSTATE says."""

    leg: Leg
    sequence: int
    switch_run: str


@dataclass(frozen=True, slots=True)
class Resynced:
    changed: frozenset[str]
    """Presence ids whose legs are other than believed."""
    settled: bool
    """False: what was lost in the gap may not be in the list yet; ask again after TABLE_DELAY_S."""


class NotAChannelList(ValueError):
    """The answer to `show channels as json` is something else."""


class Headers(Protocol):
    def get(self, header: str) -> str | None: ...
    def require(self, header: str) -> str: ...


def news_of(event: Headers) -> LegNews:
    """Raises what event.require raises for a missing header; ValueError for a value the switch never sends."""
    return LegNews(
        leg=Leg(
            leg_uuid=event.require("Unique-ID"),
            state=CallState(event.require("Channel-Call-State")),
            direction=Direction(event.require("Call-Direction")),
            presence_id=_presence_id(event.get("Channel-Presence-ID")),
            call_uuid=event.get("Channel-Call-UUID"),
            caller_number=event.get("Caller-Caller-ID-Number"),
            caller_name=event.get("Caller-Caller-ID-Name"),
            destination=event.get("Caller-Destination-Number"),
            # switch_caller.c switch_caller_profile_event_set_data writes both on every event of a channel.
            caller_withheld=event.get("Caller-Privacy-Hide-Number") != "false"
            or event.get("Caller-Privacy-Hide-Name") != "false",
        ),
        sequence=int(event.require("Event-Sequence")),
        switch_run=event.require("Core-UUID"),
    )


def rows_of(answer: str) -> list[Leg]:
    """The legs in the answer to `show channels as json`; without rows it has no "rows" at all
    (mod_commands.c show_function). Raises NotAChannelList."""
    try:
        rows = json.loads(answer).get("rows", [])
        return [_leg_of(row) for row in rows]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotAChannelList(f"not a list of channels: {answer[:80]!r}") from error


def _leg_of(row: Mapping[str, Any]) -> Leg:
    if not row["uuid"]:
        raise ValueError("a channel without an id")
    return Leg(
        leg_uuid=row["uuid"],
        state=CallState(row["callstate"]),
        direction=Direction(row["direction"]),
        presence_id=_presence_id(row["presence_id"]),
        call_uuid=row.get("call_uuid") or None,
        caller_number=row.get("cid_num") or None,
        caller_name=row.get("cid_name") or None,
        destination=row.get("dest") or None,
    )


def _presence_id(text: str | None) -> str | None:
    return text.lower() if text else None


@dataclass(slots=True)
class _Known:
    leg: Leg
    sequence: int
    """-1: known from the list only, so any event is newer."""
    heard_at: float
    """When the last event was taken; minus infinity when known from the list only."""


class CallsUp:
    """The fold. Holds the legs that are up, and for a while the ids of those that were heard to end."""

    def __init__(self, *, table_delay_s: float = TABLE_DELAY_S) -> None:
        self._table_delay_s = table_delay_s
        self._up: dict[str, _Known] = {}
        self._by_presence: dict[str, dict[str, Leg]] = {}
        self._ended: dict[str, _Known] = {}
        self._ended_in_order: deque[tuple[str, float]] = deque()
        self._gap_at = float("-inf")
        self._run: str | None = None
        self._former_runs: deque[str] = deque(maxlen=8)

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(known.leg for known in self._up.values())

    def legs_of(self, presence_id: str) -> tuple[Leg, ...]:
        return tuple(self._by_presence.get(presence_id, {}).values())

    @property
    def remembered(self) -> int:
        """All entries held, those of ended legs included: what a leak would show in."""
        return len(self._up) + len(self._ended) + len(self._by_presence)

    def take(self, news: LegNews, now: float) -> frozenset[str]:
        """Takes an event; answers the presence ids whose legs changed by it."""
        if news.switch_run in self._former_runs:
            return frozenset()
        changed = self._start_of_run(news.switch_run)
        self._forget_old_ends(now)
        leg = news.leg
        known = self._up.get(leg.leg_uuid) or self._ended.get(leg.leg_uuid)
        if known is not None:
            if news.sequence <= known.sequence:
                return changed
            if leg.presence_id is None and known.leg.presence_id is not None:
                leg = replace(leg, presence_id=known.leg.presence_id)
        heard = _Known(leg, news.sequence, now)
        if leg.is_up:
            self._ended.pop(leg.leg_uuid, None)
            return changed | self._put(heard)
        self._ended[leg.leg_uuid] = heard
        self._ended_in_order.append((leg.leg_uuid, now))
        return changed | self._drop(leg.leg_uuid)

    def contact_lost(self, now: float) -> None:
        """From here on events may have been missed, up to `now`."""
        self._gap_at = now

    def resync(self, listed: Iterable[Leg], *, asked_at: float, now: float) -> Resynced:
        """Puts the fold right by the channel list that was asked for at asked_at.

        Events taken since (or so shortly before that the table may lag behind them) beat the list.
        """
        self._forget_old_ends(now)
        list_knows_until = asked_at - self._table_delay_s
        rows = {leg.leg_uuid: leg for leg in listed if leg.is_up}
        changed: set[str] = set()
        for leg_uuid, known in list(self._up.items()):
            row = rows.pop(leg_uuid, None)
            if row is not None:
                row = replace(row, caller_withheld=known.leg.caller_withheld)
            if known.heard_at > max(list_knows_until, self._gap_at):
                continue
            if row is None:
                changed |= self._drop(leg_uuid)
            elif row != known.leg:
                if row.presence_id is None:  # written a moment after the row itself
                    row = replace(row, presence_id=known.leg.presence_id)
                changed |= self._put(_Known(row, known.sequence, float("-inf")))
        for leg_uuid, ended in list(self._ended.items()):
            if rows.pop(leg_uuid, None) is None and ended.heard_at <= list_knows_until:
                del self._ended[leg_uuid]
        for row in rows.values():
            changed |= self._put(_Known(row, -1, float("-inf")))
        return Resynced(frozenset(changed), settled=self._gap_at <= list_knows_until)

    def _start_of_run(self, run: str) -> frozenset[str]:
        """The switch's ids and counts begin anew with each of its runs; nothing of the last one is up."""
        if run == self._run:
            return frozenset()
        changed: frozenset[str] = frozenset()
        if self._run is not None:
            self._former_runs.append(self._run)
            for leg_uuid, known in list(self._up.items()):
                if known.sequence >= 0:
                    changed |= self._drop(leg_uuid)
            self._ended.clear()
            self._ended_in_order.clear()
        self._run = run
        return changed

    def _put(self, known: _Known) -> frozenset[str]:
        leg = known.leg
        before = self._up.get(leg.leg_uuid)
        self._up[leg.leg_uuid] = known
        if before is not None and before.leg == leg:
            return frozenset()
        changed = self._leave_presence(before.leg) if before is not None else frozenset()
        if leg.presence_id is not None:
            self._by_presence.setdefault(leg.presence_id, {})[leg.leg_uuid] = leg
            changed |= {leg.presence_id}
        return changed

    def _drop(self, leg_uuid: str) -> frozenset[str]:
        known = self._up.pop(leg_uuid, None)
        return self._leave_presence(known.leg) if known is not None else frozenset()

    def _leave_presence(self, leg: Leg) -> frozenset[str]:
        if leg.presence_id is None:
            return frozenset()
        legs = self._by_presence[leg.presence_id]
        del legs[leg.leg_uuid]
        if not legs:
            del self._by_presence[leg.presence_id]
        return frozenset({leg.presence_id})

    def _forget_old_ends(self, now: float) -> None:
        order = self._ended_in_order
        while order and (order[0][1] < now - ENDED_KEPT_S or len(order) > ENDED_KEPT):
            leg_uuid, at = order.popleft()
            ended = self._ended.get(leg_uuid)
            if ended is not None and ended.heard_at == at:
                del self._ended[leg_uuid]
