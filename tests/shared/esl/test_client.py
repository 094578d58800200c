"""The inbound client: what it does when the switch refuses, goes, stays silent, or sends faster than anybody reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event as Flag
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared.esl import commands
from shared.esl.client import InboundClient, reconnect_delay_s
from shared.esl.errors import (
    AuthenticationFailed,
    CommandRejected,
    ConnectionLost,
    EventQueueOverflow,
    JobTimeout,
    NotConnected,
    ReplyTimeout,
    UnsafeArgument,
)
from shared.esl.events import Event
from shared.esl.wire import encode_api_response, encode_event, encode_reply
from tests.shared.esl.peers import LEG, PASSWORD, Peer, event_socket

ANSWER = ["CHANNEL_ANSWER"]


@contextmanager
def client(port: int, **options: Any) -> Iterator[InboundClient]:
    options = {
        "name": "test",
        "command_timeout_s": 2.0,
        "reconnect_delay_s": (0.02, 0.1),
        **options,
    }
    made = InboundClient("127.0.0.1", port, PASSWORD, **options)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def calm(peer: Peer, _number: int) -> None:
    peer.login()
    peer.serve()


def test_commands_and_their_errors() -> None:
    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        while True:
            command = peer.command()
            if command.line.startswith("api"):
                peer.send(encode_api_response("-ERR no such thing\n" if "bad" in command.line else "fine\n"))
            else:
                peer.send(encode_reply("-ERR command not found" if "getvar" in command.line else "+OK done"))

    with event_socket(script) as port, client(port) as line:
        assert line.wait_connected(2)
        assert line.api("status") == "fine"
        with pytest.raises(CommandRejected) as caught:
            line.api("bad")
        assert caught.value.reply == "-ERR no such thing\n"
        with pytest.raises(CommandRejected):
            line.send(commands.get_variable("x"))
        assert line.send(commands.unsubscribe(ANSWER)).text == "+OK done"
        assert line.counters.connects == 1


def test_a_wrong_password_is_not_tried_again_at_the_start() -> None:
    tries: list[int] = []

    def script(peer: Peer, number: int) -> None:
        tries.append(number)
        peer.login()

    with event_socket(script) as port:
        line = InboundClient("127.0.0.1", port, "wrong", name="test", reconnect_delay_s=(0.01, 0.02))
        line.start()
        with pytest.raises(AuthenticationFailed, match="password"):
            line.wait_connected(2)
        gevent.sleep(0.1)
        assert tries == [0]
        line.stop()


def test_an_access_list_that_refuses_us_is_named() -> None:
    def script(peer: Peer, number: int) -> None:
        text = b"Access Denied, go away.\n"
        peer.send(b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n" % len(text) + text)
        peer.sock.close()

    with (
        event_socket(script) as port,
        client(port) as line,
        pytest.raises(AuthenticationFailed, match="access list"),
    ):
        line.wait_connected(2)


@pytest.mark.parametrize("password", ["", "two\nlines", "x\0"])
def test_a_password_that_cannot_be_sent_is_refused_at_once(password: str) -> None:
    with pytest.raises(UnsafeArgument):
        InboundClient("127.0.0.1", 1, password, name="test")


def test_nobody_listening_is_tried_until_somebody_does() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with client(port) as line:
        assert not line.wait_connected(0.2)
        assert not line.connected
        with pytest.raises(NotConnected):
            line.api("status")


def test_resync_runs_subscribed_and_before_the_events_of_its_connection() -> None:
    told: list[str] = []
    done = Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        command = peer.command()
        assert command.line == "event plain HEARTBEAT CHANNEL_ANSWER"
        # An event may overtake the reply to the subscription.
        peer.event("CHANNEL_ANSWER", Unique_ID=f"early {number}")
        peer.send(encode_reply("+OK"))
        peer.event("CHANNEL_ANSWER", Unique_ID=f"late {number}")
        if peer.answer().line.startswith("api show") and number == 0:
            gevent.sleep(0.05)
            peer.sock.close()
            return
        peer.serve()

    def on_event(event: Event) -> None:
        told.append(event.leg_uuid)
        if event.leg_uuid == "late 1":
            done.set()

    def on_resync(line: InboundClient) -> None:
        told.append(line.api("show", "channels"))

    with (
        event_socket(script) as port,
        client(port, events=ANSWER, on_event=on_event, on_resync=on_resync) as line,
    ):
        assert done.wait(3)
        assert line.synced
    shown = "+OK show channels"
    assert told == [shown, "early 0", "late 0", shown, "early 1", "late 1"]


def test_who_watches_is_told_when_the_line_is_in_step_and_at_once_when_no_more() -> None:
    ends, told, back = Flag(), [], Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        if number > 0:
            peer.serve()
            return
        peer.answer()
        ends.wait(3)
        peer.sock.close()

    def changed(in_step: bool) -> None:
        told.append((in_step, line.synced))
        (ends if len(told) == 1 else back if len(told) == 3 else Flag()).set()

    with event_socket(script) as port, client(port, events=ANSWER) as line:
        line.watch_step(changed)
        assert back.wait(3)
    assert told[:3] == [(True, True), (False, False), (True, True)]


def test_a_resync_that_fails_costs_the_connection_and_is_tried_again() -> None:
    tries: list[int] = []

    def on_resync(line: InboundClient) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise LookupError("no database")

    with event_socket(calm) as port, client(port, on_resync=on_resync) as line:
        with gevent.Timeout(3):
            while not line.synced:
                gevent.sleep(0.01)
        assert len(tries) == 3
        assert line.counters.connects == 3
        assert line.counters.resyncs == 1


def test_a_handler_may_ask_the_switch_and_a_bad_event_stops_no_other() -> None:
    answers: list[str] = []
    done = Flag()

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.event("CHANNEL_ANSWER")
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.serve()

    with event_socket(script) as port:

        def on_event(event: Event) -> None:
            answers.append(line.api("uuid_exists", event.leg_uuid))
            done.set()

        with client(port, events=ANSWER, on_event=on_event) as line:
            assert done.wait(2)
    assert answers == [f"+OK uuid_exists {LEG}"]


def test_an_overflow_is_said_and_ends_in_a_resync() -> None:
    resyncs: list[float] = []
    resynced = Flag()
    stuck = Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            for _ in range(200):
                peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.serve()

    def on_resync(line: InboundClient) -> None:
        resyncs.append(time.monotonic())
        if len(resyncs) == 2:
            resynced.set()

    with event_socket(script) as port, capture_logs() as logs:
        options: dict[str, Any] = {"events": ANSWER, "on_event": lambda event: stuck.wait()}
        with client(port, queue_limit=50, on_resync=on_resync, **options) as line:
            with gevent.Timeout(3):
                while not line.counters.overflows:
                    gevent.sleep(0.01)
            stuck.set()
            assert resynced.wait(2)
            assert line.counters.events_dropped > 50
    assert [entry for entry in logs if entry["event"] == "event_queue_overflow"]
    assert any(str(EventQueueOverflow.__doc__) and "faster than" in str(entry.get("reason")) for entry in logs)


def test_the_queue_is_bounded_in_bytes_too() -> None:
    stuck = Flag()
    overflowed = Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        for _ in range(20 if number == 0 else 0):
            peer.event("CHANNEL_ANSWER", variable_x="y" * 100_000)
        peer.serve()

    with event_socket(script) as port:
        options: dict[str, Any] = {"events": ANSWER, "on_event": lambda event: stuck.wait()}
        with client(port, queue_bytes_limit=1_000_000, **options) as line, gevent.Timeout(3):
            while not line.counters.overflows:
                gevent.sleep(0.01)
            overflowed.set()
    assert overflowed.is_set()


@pytest.mark.slow
def test_a_handler_that_stopped_reading_delays_no_command() -> None:
    """100,000 events at a handler that is stuck: commands are answered within a second, whatever waits there."""
    stuck = Flag()
    portion = encode_event({"Event-Name": "CHANNEL_ANSWER", "Unique-ID": LEG, "variable_x": "y" * 3500}) * 100
    left = 1000

    def script(peer: Peer, number: int) -> None:
        nonlocal left
        peer.login()
        peer.until("event")
        reader = gevent.spawn(peer.serve)
        try:
            while left > 0:
                left -= 1
                peer.send(portion)
                gevent.sleep(0)
            reader.join()
        finally:
            reader.kill()

    waits: list[float] = []
    with event_socket(script) as port:
        options: dict[str, Any] = {"events": ANSWER, "on_event": lambda event: stuck.wait()}
        with client(port, queue_limit=5_000, **options) as line, gevent.Timeout(60):
            while left > 0:
                began = time.monotonic()
                try:
                    line.api("status")
                    waits.append(time.monotonic() - began)
                except ReplyTimeout:
                    waits.append(time.monotonic() - began)
                except ConnectionLost:
                    gevent.sleep(0.01)
            assert line.counters.overflows > 5
    # All but one: a machine that stands still for a moment is not the handler's doing.
    assert len(waits) > 10
    assert sorted(waits)[-2] < 1.0


def test_a_lost_connection_fails_what_waits_and_says_that_it_may_have_run() -> None:
    asked = Flag()

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.command()
        asked.set()
        peer.command()
        peer.sock.close()

    with event_socket(script) as port, client(port, command_timeout_s=5) as line:
        assert line.wait_connected(2)
        first = gevent.spawn(line.api, "originate", "x")
        assert asked.wait(2)
        second = gevent.spawn(line.api, "status")
        gevent.joinall([first, second], timeout=3)
        for greenlet in (first, second):
            assert isinstance(greenlet.exception, ConnectionLost)
            assert not isinstance(greenlet.exception, NotConnected)


def test_after_a_missing_reply_the_connection_is_replaced() -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.command()
            gevent.sleep(0.4)
            peer.send(encode_api_response("late\n"))  # must never be taken for the next command's reply
        peer.serve()

    with event_socket(script) as port, client(port, command_timeout_s=0.2) as line:
        assert line.wait_connected(2)
        with pytest.raises(ReplyTimeout) as caught:
            line.api("status")
        assert caught.value.waited_s >= 0.2
        with gevent.Timeout(2):
            while not line.connected:
                gevent.sleep(0.01)
        assert line.api("status") == "+OK status"


def test_a_reply_nobody_asked_for_ends_the_connection() -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.send(encode_reply("+OK"))
        peer.serve()

    with event_socket(script) as port, client(port) as line, gevent.Timeout(3):
        while line.counters.connects < 2:
            gevent.sleep(0.01)


def test_two_writers_never_mix_their_bytes() -> None:
    seen: list[str] = []

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        while True:
            seen.append(peer.answer().line)

    long = {name: name * 2_000_000 for name in "ab"}
    with event_socket(script) as port, client(port, command_timeout_s=20) as line:
        assert line.wait_connected(2)
        writers = [gevent.spawn(line.api, "echo", text) for text in long.values()]
        gevent.joinall(writers, timeout=20, raise_error=True)
    assert sorted(seen[1:]) == [f"api echo {text}" for text in long.values()]


def test_a_background_job_waits_for_its_own_report() -> None:
    with event_socket(calm) as port, client(port) as line:
        assert line.wait_connected(2)
        assert line.background("originate", "x", "&park()", job_uuid=LEG) == "+OK done"


def test_a_background_job_without_report_is_unknown_but_the_line_stays() -> None:
    def script(peer: Peer, _number: int) -> None:
        peer.login()
        while True:
            command = peer.command()
            if command.line.startswith("api"):
                peer.send(encode_api_response("-USAGE: x\n"))
            else:
                peer.send(encode_reply("+OK"))

    with event_socket(script) as port, client(port) as line:
        assert line.wait_connected(2)
        with pytest.raises(JobTimeout):
            line.background("originate", "x", timeout_s=0.1)
        with pytest.raises(CommandRejected):
            line.api("originate")
        assert line.counters.connects == 1


def test_a_lost_connection_ends_the_wait_for_a_background_job() -> None:
    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.until("event")
        peer.command()
        peer.send(encode_reply("+OK Job-UUID: x"))
        peer.sock.close()

    with event_socket(script) as port, client(port) as line:
        assert line.wait_connected(2)
        with pytest.raises(ConnectionLost):
            line.background("originate", "x", timeout_s=5)


def test_stop_ends_everything_that_waits() -> None:
    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.command()
        peer.command()

    with event_socket(script) as port, client(port) as line:
        assert line.wait_connected(2)
        waiting = gevent.spawn(line.api, "status")
        gevent.sleep(0.05)
        line.stop()
        waiting.join(1)
        assert isinstance(waiting.exception, ConnectionLost)
        assert not line.connected


def test_resets_all_the_time_are_survived() -> None:
    """A reset after every subscription: always back within two seconds, no greenlet left behind."""
    cuts = 15
    back = Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number < cuts:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.sock.close()
            return
        back.set()
        peer.serve()

    with event_socket(script) as port, client(port) as line:
        assert back.wait(cuts * 2)
        with gevent.Timeout(2):
            while not line.synced:
                gevent.sleep(0.01)
        assert len(line._deliveries[0]) == 0


@given(attempt=st.integers(0, 10_000), dice=st.floats(0, 1, exclude_max=True))
def test_the_delay_stays_between_its_limits(attempt: int, dice: float) -> None:
    assert 0.5 <= reconnect_delay_s(attempt, dice, (0.5, 10.0)) <= 10.0


def test_the_first_delay_is_short_and_a_later_one_spread() -> None:
    assert reconnect_delay_s(0, 0.999, (0.5, 10.0)) < 1.0
    assert reconnect_delay_s(50, 0.0, (0.5, 10.0)) == 0.5
    assert reconnect_delay_s(50, 0.999, (0.5, 10.0)) > 9.9
