"""The event stream: every state as it is reached, to those who may see the call, and what was missed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import gevent
import pytest

from services.callback import feed as feed_module
from services.callback.attempt import Fact
from services.callback.feed import Feed, Sight, TooManyStreams
from shared.database import Database
from tests.callback.conftest import Web
from tests.callback.test_api import bring

Owner = Callable[..., list[Any]]
PATIENCE_S = 5.0


class Listener:
    """One open stream: .events are (kind, data) so far, each with its id."""

    def __init__(self, stream: Iterator[str]) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.ids: list[int] = []
        self.comments = 0
        self.ended = False
        self._stream = stream
        self._greenlet = gevent.spawn(self._listen)

    def _listen(self) -> None:
        for text in self._stream:
            if text.startswith(":"):
                self.comments += 1
                continue
            lines = dict(line.split(": ", 1) for line in text.strip().split("\n"))
            self.events.append((lines["event"], json.loads(lines["data"])))
            self.ids.append(int(lines["id"]))
        self.ended = True

    def wait(self, so_far: Callable[[], bool]) -> None:
        with gevent.Timeout(PATIENCE_S, TimeoutError(f"did not come: {self.events}")):
            while not so_far():
                gevent.sleep(0.01)

    def states(self, call_id: str) -> list[str]:
        return [data["state"] for kind, data in self.events if kind == "call" and data["id"] == call_id]

    def close(self) -> None:
        self._greenlet.kill()
        self._stream.close()  # type: ignore[attr-defined]


@pytest.fixture
def listen(web: Web) -> Iterator[Callable[..., Listener]]:
    opened: list[Listener] = []
    web.feed.start()

    def start(sight: Sight, after: int | None = None) -> Listener:
        opened.append(Listener(web.feed.stream(sight, after)))
        opened[-1].wait(lambda: opened[-1].comments > 0)
        return opened[-1]

    yield start
    for one in opened:
        one.close()
    web.feed.stop()


def own(web: Web) -> Sight:
    return Sight(web.people.anna.company_id, web.people.anna.subscriber_id)


def test_every_state_of_a_call_comes_in_order_with_what_was_known_then(web: Web, database: Database, listen: Any):
    stream = listen(own(web))
    call_id = web.post().json["id"]
    for fact in (Fact.CLAIMED, Fact.FIRST_RANG, Fact.FIRST_ANSWERED, Fact.TARGET_RANG, Fact.CONNECTED, Fact.HUNG_UP):
        bring(database, call_id, fact)
        web.feed.wake()
    stream.wait(lambda: stream.states(call_id)[-1:] == ["ended"])
    assert stream.events[0] == ("snapshot", {"calls": []})
    assert stream.states(call_id) == [
        "accepted", "ringing_first", "first_answered", "ringing_target", "connected", "ended"]
    assert stream.ids == sorted(stream.ids)
    assert stream.events[-1][1] == web.get(f"/{call_id}").json
    assert not stream.ended


def test_a_change_made_by_another_process_is_found_too(web: Web, database: Database, listen: Any):
    call_id = web.post().json["id"]
    stream = listen(own(web))
    [(_, snapshot)] = list(stream.events)
    assert [call["state"] for call in snapshot["calls"]] == ["accepted"]
    bring(database, call_id, Fact.EXPIRED)  # nobody wakes the feed
    stream.wait(lambda: stream.states(call_id) == ["failed"])
    assert stream.events[-1][1]["reason"] == "not_dialled_in_time"


def test_one_call_is_told_from_its_beginning_and_ends_its_stream(web: Web, database: Database, listen: Any):
    call_id = web.post().json["id"]
    bring(database, call_id, Fact.CLAIMED, Fact.FIRST_RANG)
    other = web.post(token=web.people.bernd.token, body={"target": "21"}).json["id"]
    stream = listen(Sight(web.people.anna.company_id, web.people.anna.subscriber_id, UUID(call_id)))
    bring(database, other, Fact.EXPIRED)
    bring(database, call_id, Fact.FIRST_NOT_CONNECTED)
    web.feed.wake()
    stream.wait(lambda: stream.ended)
    assert stream.states(call_id) == ["accepted", "ringing_first", "failed"]
    assert stream.states(other) == []
    over = listen(Sight(web.people.anna.company_id, None, UUID(call_id)), stream.ids[0])
    over.wait(lambda: over.ended)
    assert over.states(call_id) == ["ringing_first", "failed"], "what came after the one that was had"


def test_who_comes_back_is_told_what_moved_on_meanwhile(web: Web, database: Database, listen: Any):
    stream = listen(own(web))
    gone, quiet = web.post().json["id"], web.post().json["id"]
    stream.wait(lambda: stream.states(quiet) == ["accepted"])
    stream.close()
    bring(database, gone, Fact.EXPIRED)
    back = listen(own(web), stream.ids[-1])
    back.wait(lambda: len(back.events) == 1)
    [(kind, data)] = back.events
    assert kind == "snapshot"
    assert {call["id"]: call["state"] for call in data["calls"]} == {gone: "failed", quiet: "accepted"}
    fresh = listen(own(web))
    fresh.wait(lambda: len(fresh.events) == 1)
    assert [call["id"] for call in fresh.events[0][1]["calls"]] == [quiet], "what is over is no news to who is new"


def test_a_change_with_a_smaller_number_that_commits_later_is_not_missed(
    web: Web, database: Database, listen: Any
):
    early, late = web.post().json["id"], web.post().json["id"]
    stream = listen(own(web))
    with database.platform() as tx:
        tx.execute("UPDATE callback.attempts SET state = 'cancelled' WHERE attempt_id = :id", id=early)
        bring(database, late, Fact.CANCELLED)
        stream.wait(lambda: stream.states(late) == ["cancelled"])
        assert stream.states(early) == []
    stream.wait(lambda: stream.states(early) == ["cancelled"])
    assert stream.ids[-1] < stream.ids[-2]


def test_everybody_sees_only_his_own(web: Web, database: Database, listen: Any):
    people = web.people
    anna, bernd = listen(own(web)), listen(Sight(people.bernd.company_id, people.bernd.subscriber_id))
    company = listen(Sight(people.anna.company_id, None))
    stranger, operator = listen(Sight(people.stranger.company_id, None)), listen(Sight(None, None))
    call_id = web.post().json["id"]
    web.feed.wake()
    for one in (anna, company, operator):
        one.wait(lambda one=one: one.states(call_id) == ["accepted"])
    assert bernd.states(call_id) == stranger.states(call_id) == []


def test_an_eleventh_stream_is_refused_and_a_closed_one_makes_room(web: Web, listen: Any):
    streams = [listen(own(web)) for _ in range(10)]
    with pytest.raises(TooManyStreams):
        web.feed.stream(own(web), None)
    streams[0].close()
    listen(own(web))


def test_a_reader_too_slow_to_follow_is_let_go(
    web: Web, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feed_module, "BACKLOG", 2)
    stream = web.feed.stream(own(web), None)
    assert next(stream).startswith(":")
    assert "snapshot" in next(stream)
    call_id = web.post().json["id"]
    bring(database, call_id, Fact.CLAIMED, Fact.FIRST_RANG, Fact.FIRST_ANSWERED)
    web.feed.look()
    assert len(list(stream)) == 2


def test_a_stream_ends_in_time_for_its_token_to_be_looked_at_again(web: Web, database: Database):
    now = [0.0]
    found = Feed(database, clock=lambda: now[0])
    stream = found.stream(own(web), None, ping_every_s=0.01)
    assert next(stream).startswith(":")
    assert "snapshot" in next(stream)
    assert next(stream) == ": ping\n\n"
    now[0] = 3601.0
    assert list(stream) == []


@pytest.mark.parametrize(("path", "token", "status"), [
    ("/events", "nobody's-token-0000", 401), ("/00000000-0000-4000-8000-000000000000/events", None, 404),
    ("/no-id/events", None, 404),
])
def test_who_may_not_listen_is_told_so(web: Web, path: str, token: str | None, status: int):
    answer = web.get(path, token=token)
    assert answer.status_code == status
    assert answer.json["error"]


def test_a_colleagues_call_cannot_be_listened_to(web: Web):
    call_id = web.post().json["id"]
    assert web.get(f"/{call_id}/events", token=web.people.bernd.token).status_code == 404


@pytest.mark.parametrize("last", ["x", "-1", str(2**70)])
def test_an_odd_last_event_id_is_refused_by_name(web: Web, last: str):
    answer = web.client.get("/v1/calls/events", headers={
        "Authorization": f"Bearer {web.people.anna.token}", "Last-Event-ID": last})
    assert (answer.status_code, answer.json["field"]) == (422, "Last-Event-ID")
