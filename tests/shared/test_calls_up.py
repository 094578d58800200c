"""The fold of channel events: what is up, whatever was lost, doubled, reordered, or listed late."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calls_up import (
    ENDED_KEPT_S,
    TABLE_DELAY_S,
    CallState,
    CallsUp,
    Direction,
    Leg,
    LegNews,
    NotAChannelList,
    news_of,
    rows_of,
)
from shared.esl.errors import MissingHeader
from shared.esl.events import Event

ANNA = "21@musterbau.example"
BERND = "22@musterbau.example"


def leg(uuid: str = "a", state: CallState = CallState.RINGING, presence_id: str | None = BERND) -> Leg:
    return Leg(uuid, state, Direction.OUTBOUND, presence_id)


def news(sequence: int, state: CallState, uuid: str = "a", run: str = "run-1",
         presence_id: str | None = BERND) -> LegNews:
    return LegNews(leg(uuid, state, presence_id), sequence, run)


def states(calls: CallsUp) -> dict[str, CallState]:
    return {one.leg_uuid: one.state for one in calls.legs}


def test_a_call_rings_is_answered_and_ends():
    calls = CallsUp()
    assert calls.take(news(1, CallState.RINGING), 1.0) == {BERND}
    assert calls.take(news(2, CallState.ACTIVE), 2.0) == {BERND}
    assert [one.state for one in calls.legs_of(BERND)] == [CallState.ACTIVE]
    assert calls.take(news(3, CallState.HANGUP), 3.0) == {BERND}
    assert calls.legs == ()
    assert calls.legs_of(BERND) == ()


def test_an_event_that_comes_twice_or_late_changes_nothing():
    calls = CallsUp()
    calls.take(news(2, CallState.ACTIVE), 1.0)
    assert calls.take(news(2, CallState.ACTIVE), 1.1) == frozenset()
    assert calls.take(news(1, CallState.RINGING), 1.2) == frozenset()
    calls.take(news(3, CallState.HANGUP), 1.3)
    assert calls.take(news(2, CallState.ACTIVE), 1.4) == frozenset()
    assert calls.legs == ()


def test_a_leg_keeps_its_presence_id_when_a_later_event_has_none():
    calls = CallsUp()
    calls.take(news(1, CallState.RINGING), 1.0)
    calls.take(news(2, CallState.ACTIVE, presence_id=None), 2.0)
    assert [one.state for one in calls.legs_of(BERND)] == [CallState.ACTIVE]


def test_a_leg_that_becomes_another_subscribers_leaves_the_first():
    calls = CallsUp()
    calls.take(news(1, CallState.RINGING), 1.0)
    assert calls.take(news(2, CallState.RINGING, presence_id=ANNA), 2.0) == {ANNA, BERND}
    assert calls.legs_of(BERND) == ()


def test_a_restarted_switch_has_no_call_of_its_former_run():
    calls = CallsUp()
    calls.take(news(700, CallState.ACTIVE), 1.0)
    assert calls.take(news(1, CallState.RINGING, uuid="b", run="run-2"), 2.0) == {BERND}
    assert states(calls) == {"b": CallState.RINGING}
    assert calls.take(news(701, CallState.ACTIVE), 2.1) == frozenset()
    assert states(calls) == {"b": CallState.RINGING}


def test_the_list_brings_what_was_missed_and_takes_what_is_over():
    calls = CallsUp()
    calls.take(news(1, CallState.ACTIVE, uuid="over"), 0.0)
    calls.contact_lost(10.0)
    resynced = calls.resync([leg("new", presence_id=ANNA)], asked_at=10.0, now=10.1)
    assert resynced.changed == {ANNA, BERND}
    assert states(calls) == {"new": CallState.RINGING}


def test_events_that_come_while_the_list_is_asked_for_beat_it():
    calls = CallsUp()
    calls.contact_lost(9.0)
    calls.take(news(1, CallState.ACTIVE, uuid="answered"), 10.1)
    calls.take(news(2, CallState.RINGING, uuid="not listed yet"), 10.1)
    calls.take(news(3, CallState.RINGING, uuid="ended"), 10.1)
    calls.take(news(4, CallState.HANGUP, uuid="ended"), 10.2)
    calls.resync([leg("answered"), leg("ended")], asked_at=10.0, now=10.3)
    assert states(calls) == {"answered": CallState.ACTIVE, "not listed yet": CallState.RINGING}


def test_a_list_that_lags_behind_the_events_does_not_bring_a_call_back():
    calls = CallsUp()
    calls.take(news(1, CallState.ACTIVE), 5.0)
    calls.take(news(2, CallState.HANGUP), 9.8)
    calls.resync([leg(state=CallState.ACTIVE)], asked_at=10.0, now=10.1)
    assert calls.legs == ()


def test_an_ended_leg_stays_ended_as_long_as_the_list_shows_it():
    # A hang-up hook keeps the row; it never says HANGUP (switch_core_sqldb.c).
    calls = CallsUp()
    calls.take(news(1, CallState.HANGUP), 1.0)
    for at in (10.0, 70.0, 130.0):
        calls.resync([leg(state=CallState.ACTIVE)], asked_at=at, now=at)
        assert calls.legs == ()


def test_after_a_gap_the_list_is_asked_again_when_it_has_caught_up():
    calls = CallsUp()
    calls.contact_lost(10.0)
    assert not calls.resync([], asked_at=10.0, now=10.1).settled
    assert calls.resync([], asked_at=10.0 + TABLE_DELAY_S, now=11.1).settled


def test_a_row_without_presence_id_does_not_take_a_known_one_away():
    calls = CallsUp()
    calls.take(news(1, CallState.RINGING), 1.0)
    calls.resync([leg(state=CallState.ACTIVE, presence_id=None)], asked_at=10.0, now=10.0)
    assert [one.state for one in calls.legs_of(BERND)] == [CallState.ACTIVE]


def test_nothing_is_left_after_a_hundred_thousand_calls():
    calls = CallsUp()
    sequence = 0
    for number in range(100_000):
        now = number / 60
        for state in (CallState.RINGING, CallState.ACTIVE, CallState.HANGUP):
            sequence += 1
            calls.take(news(sequence, state, uuid=str(number)), now)
    assert calls.legs == ()
    assert calls.remembered <= 60 * ENDED_KEPT_S + 1
    later = 100_000 / 60 + 2 * ENDED_KEPT_S
    calls.resync([], asked_at=later, now=later)
    assert calls.remembered == 0


def test_an_event_is_read():
    event = Event.of({
        "Event-Name": "CHANNEL_CALLSTATE", "Core-UUID": "run-1", "Event-Sequence": "812",
        "Unique-ID": "leg-1", "Channel-Call-State": "RINGING", "Call-Direction": "outbound",
        "Channel-Presence-ID": "22@Musterbau.example", "Channel-Call-UUID": "leg-0",
        "Caller-Caller-ID-Number": "+4930123", "Caller-Caller-ID-Name": "Müller & Söhne",
        "Caller-Destination-Number": "22",
    })
    assert news_of(event) == LegNews(
        Leg("leg-1", CallState.RINGING, Direction.OUTBOUND, BERND, "leg-0", "+4930123", "Müller & Söhne", "22"),
        812, "run-1")


@pytest.mark.parametrize("missing", [
    "Unique-ID", "Channel-Call-State", "Call-Direction", "Event-Sequence", "Core-UUID"])
def test_an_event_without_a_mandatory_header_is_an_error(missing: str):
    headers = {"Event-Name": "CHANNEL_CALLSTATE", "Core-UUID": "run-1", "Event-Sequence": "1", "Unique-ID": "a",
               "Channel-Call-State": "RINGING", "Call-Direction": "inbound"}
    del headers[missing]
    with pytest.raises(MissingHeader):
        news_of(Event.of(headers))


def test_the_list_is_read():
    row = {"uuid": "leg-1", "direction": "inbound", "callstate": "ACTIVE", "presence_id": "", "call_uuid": "",
           "cid_num": "21", "cid_name": "Anna", "dest": "22"}
    assert rows_of(json.dumps({"row_count": 1, "rows": [row]})) == [
        Leg("leg-1", CallState.ACTIVE, Direction.INBOUND, None, None, "21", "Anna", "22")]
    assert rows_of('{"row_count": 0}\n') == []


@pytest.mark.parametrize("answer", ["", "-ERR no reply", "[]", "3", '{"rows": [{}]}', '{"rows": 1}',
                                    '{"rows": [{"uuid": "a", "direction": "up"}]}'])
def test_anything_else_is_no_list(answer: str):
    with pytest.raises(NotAChannelList):
        rows_of(answer)


# -- whatever happens: a switch, a lossy line, a late table, in random order --------------------------------


@dataclass
class Switch:
    """The truth, the events it sends, and a channel table that is written late and never says HANGUP."""

    now: float = 0.0
    sequence: int = 0
    run: int = 1
    up: dict[str, Leg] = field(default_factory=dict)
    history: list[tuple[float, str, Leg | None]] = field(default_factory=list)
    born: int = 0

    def set(self, uuid: str, state: CallState, presence_id: str) -> LegNews:
        self.sequence += 1
        one = Leg(uuid, state, Direction.OUTBOUND, presence_id)
        if one.is_up:
            self.up[uuid] = one
            self.history.append((self.now, uuid, one))
        else:
            self.up.pop(uuid, None)
            self.history.append((self.now, uuid, None))
        return LegNews(one, self.sequence, f"run-{self.run}")

    def table(self, delay_s: float) -> list[Leg]:
        rows: dict[str, Leg] = {}
        for at, uuid, one in self.history:
            if at <= self.now - delay_s:
                if one is None:
                    rows.pop(uuid, None)
                else:
                    rows[uuid] = one
        return list(rows.values())

    def restart(self) -> None:
        self.run += 1
        self.sequence = 0
        self.up.clear()
        self.history.clear()


_STEPS = st.lists(st.tuples(
    st.sampled_from(["new", "answer", "hold", "end", "restart"]),
    st.integers(0, 5),                                        # which leg
    st.sampled_from([ANNA, BERND]),
    st.sampled_from([0.001, 0.05, 0.3, 0.9, 1.5]),            # seconds until the next step
    st.sampled_from(["heard", "heard", "heard", "twice", "late", "lost", "unheard gap"]),
    st.sampled_from([0.0, 0.2, 0.95]),                        # how late the table is
), max_size=40)


@settings(max_examples=400, deadline=None)
@given(_STEPS)
def test_no_sequence_of_events_leaves_anything_stuck(steps):
    switch, calls = Switch(), CallsUp()
    told: dict[str, set[Leg]] = {ANNA: set(), BERND: set()}
    late: list[LegNews] = []
    line_up = True

    def note(changed: frozenset[str]) -> None:
        for presence_id in changed:
            told[presence_id] = set(calls.legs_of(presence_id))

    def look(delay_s: float) -> bool:
        resynced = calls.resync(switch.table(delay_s), asked_at=switch.now, now=switch.now)
        note(resynced.changed)
        return resynced.settled

    for what, which, presence_id, wait_s, heard, delay_s in steps:
        switch.now += wait_s
        uuids = sorted(switch.up)
        if what == "restart":
            switch.restart()
            late.clear()
            line_up = False
            continue
        if what == "new" or not uuids:
            switch.born += 1
            one = switch.set(f"leg-{switch.born}", CallState.RINGING, presence_id)
        else:
            uuid = uuids[which % len(uuids)]
            state = {"answer": CallState.ACTIVE, "hold": CallState.HELD, "end": CallState.HANGUP}[what]
            one = switch.set(uuid, state, switch.up[uuid].presence_id or "")
        if heard == "unheard gap":
            line_up = False
            late.clear()  # what was on its way is gone with the line
            continue
        if not line_up:
            line_up = True
            calls.contact_lost(switch.now)
            look(delay_s)
            continue
        if heard == "lost":
            continue
        if heard == "late":
            late.append(one)
            continue
        note(calls.take(one, switch.now))
        if heard == "twice":
            note(calls.take(one, switch.now))
        for former in late:
            note(calls.take(former, switch.now))
        late.clear()

    for former in late:
        note(calls.take(former, switch.now))
    # The next reconciliation: long enough after that the table has caught up.
    switch.now += TABLE_DELAY_S + 0.1
    calls.contact_lost(switch.now - TABLE_DELAY_S - 0.05)
    assert look(0.95)

    truth = {presence_id: {one for one in switch.up.values() if one.presence_id == presence_id}
             for presence_id in (ANNA, BERND)}
    assert {presence_id: set(calls.legs_of(presence_id)) for presence_id in (ANNA, BERND)} == truth
    # Whoever listens to what changed knows the same as who looks.
    assert told == truth

    for uuid in list(switch.up):
        one = switch.set(uuid, CallState.HANGUP, switch.up[uuid].presence_id or "")
        note(calls.take(one, switch.now))
    assert told == {ANNA: set(), BERND: set()}
    switch.now += TABLE_DELAY_S + 0.1
    look(0.0)
    assert calls.remembered == 0


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
def test_one_legs_events_end_the_same_in_any_order_and_number(order, again):
    path = [CallState.RINGING, CallState.EARLY, CallState.ACTIVE, CallState.HELD, CallState.UNHELD, CallState.ACTIVE]
    told = [news(number + 1, state) for number, state in enumerate(path)]
    calls = CallsUp()
    for number in [*order, *again]:
        calls.take(told[number], 1.0)
    assert states(calls) == {"a": CallState.ACTIVE}
    calls.take(replace(told[0], sequence=9, leg=leg(state=CallState.HANGUP)), 2.0)
    for number in order:
        calls.take(told[number], 3.0)
    assert calls.legs == ()
