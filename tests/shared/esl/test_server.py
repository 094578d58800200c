"""Calls handed over: sync and async, hang-ups in the stream, draining, and a socket closed however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import AsyncResult
from gevent.event import Event as Flag

from shared.esl import commands
from shared.esl.call import OutboundCall
from shared.esl.connection import Reply
from shared.esl.errors import CallEnded, CommandRejected, ConnectionLost, ReplyTimeout
from shared.esl.events import Event
from shared.esl.server import OutboundServer
from shared.esl.wire import encode_reply
from tests.shared.esl.peers import LEG, CallingSwitch


class Handler:
    """Runs what the test gives it in the call's greenlet and keeps how it ended."""

    def __init__(self, body: Callable[[OutboundCall], Any]) -> None:
        self.body = body
        self.result: AsyncResult[Any] = AsyncResult()

    def __call__(self, call: OutboundCall) -> None:
        try:
            self.result.set(self.body(call))
        except BaseException as error:
            self.result.set_exception(error)
            raise


@contextmanager
def serving(body: Callable[[OutboundCall], Any], **options: Any) -> Iterator[tuple[OutboundServer, Handler]]:
    handler = Handler(body)
    server = OutboundServer("127.0.0.1", 0, handler, **{"command_timeout_s": 2.0, **options})
    server.start()
    try:
        yield server, handler
    finally:
        server.stop()


def complete(switch: CallingSwitch, **more: str) -> None:
    """Answer one execute as an async socket does: +OK at once, the completion as an event."""
    headers = dict(switch.peer.answer().headers)
    assert headers["event-lock"] == "true"
    switch.peer.event(
        "CHANNEL_EXECUTE_COMPLETE",
        Unique_ID=switch.leg_uuid,
        Application_UUID=headers["Event-UUID"],
        Application=headers["execute-app-name"],
        **more,
    )


def test_a_sync_call_is_asked_told_and_given_back() -> None:
    def body(call: OutboundCall) -> Any:
        assert call.leg_uuid == LEG
        assert not call.asynchronous
        assert call.channel.get("Caller-Destination-Number") == "22"
        call.set_variables({"pbx_step": "bridge", "pbx_dial": "sofia/internal/bernd-desk"})
        return call.execute("answer", timeout_s=1)

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port)
        switch.connected(Caller_Destination_Number="22")
        assert dict(switch.peer.answer().headers)["execute-app-arg"] == (
            "^^|pbx_step=bridge|pbx_dial=sofia/internal/bernd-desk"
        )
        switch.peer.answer()
        assert isinstance(handler.result.get(timeout=2), Reply)
        assert switch.ended(1)
        assert server.drain(1)


def test_the_last_command_and_the_exit_go_out_together() -> None:
    def body(call: OutboundCall) -> Any:
        return call.finish(commands.set_variables({"pbx_step": "reject"}))

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port)
        switch.connected()
        assert dict(switch.peer.command().headers)["execute-app-name"] == "multiset"
        # Nothing was answered yet, and the exit is there.
        assert switch.peer.command().line == "exit"
        switch.peer.send(encode_reply("+OK") + encode_reply("+OK bye"))
        assert handler.result.get(timeout=2) == Reply("+OK", {"Content-Type": "command/reply", "Reply-Text": "+OK"})
        assert switch.ended(1)


@pytest.mark.parametrize("reply", ["-ERR memory error", None])
def test_a_last_command_that_failed_says_so(reply: str | None) -> None:
    def body(call: OutboundCall) -> Any:
        return call.finish(commands.set_variables({"pbx_step": "reject"}))

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port)
        switch.connected()
        switch.peer.command()
        if reply is None:
            switch.close()
        else:
            switch.peer.send(encode_reply(reply))
        with pytest.raises(CommandRejected if reply else ConnectionLost):
            handler.result.get(timeout=2)


def test_an_async_execute_waits_for_its_own_completion() -> None:
    def body(call: OutboundCall) -> Any:
        return call.execute("playback", "a.wav", timeout_s=2), call.wait_event(["DTMF"], 1)

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port, asynchronous=True, full=True)
        switch.connected()
        assert switch.peer.command().line == "myevents"
        switch.peer.event("CHANNEL_EXECUTE", Unique_ID=LEG)  # before the reply, as the switch does
        switch.peer.send(encode_reply("+OK Events Enabled"))
        other = "99999999-2222-4333-8444-555555555555"
        switch.peer.event("CHANNEL_EXECUTE_COMPLETE", Unique_ID=LEG, Application_UUID=other)
        switch.peer.event("DTMF", Unique_ID=LEG, DTMF_Digit="1")
        complete(switch, Application_Response="FILE PLAYED")
        ended, digit = handler.result.get(timeout=2)
        assert isinstance(ended, Event)
        assert ended.get("Application-Response") == "FILE PLAYED"
        assert digit.get("DTMF-Digit") == "1"


def test_waiting_for_one_kind_of_event_keeps_the_others() -> None:
    def body(call: OutboundCall) -> Any:
        call.subscribe_own_events()
        stop = call.wait_event(["RECORD_STOP"], 1)
        return stop, call.wait_event("DTMF", 1), call.wait_event("DTMF", 0.05)

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port, asynchronous=True)
        switch.connected()
        switch.peer.answer()
        switch.peer.event("DTMF", Unique_ID=LEG)
        switch.peer.event("RECORD_STOP", Unique_ID=LEG)
        stop, digit, nothing = handler.result.get(timeout=2)
        assert (stop.name, digit.name, nothing) == ("RECORD_STOP", "DTMF", None)


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_hang_up_ends_what_waits(asynchronous: bool) -> None:
    def body(call: OutboundCall) -> Any:
        with pytest.raises(CallEnded):
            call.execute("playback", "a.wav", timeout_s=5)
        assert call.hung_up
        with pytest.raises(CallEnded):
            call.command(commands.hangup("NORMAL_CLEARING"))
        with pytest.raises(CallEnded):
            call.wait_event(["DTMF"], 5)
        return "seen"

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port, asynchronous=asynchronous)
        switch.connected()
        if asynchronous:
            switch.peer.answer()
            switch.peer.answer()
        else:
            switch.peer.command()
        switch.hang_up()
        assert handler.result.get(timeout=2) == "seen"


def test_a_notice_between_command_and_reply_is_not_the_reply() -> None:
    def body(call: OutboundCall) -> Any:
        call.command(commands.linger(5))
        call.subscribe_own_events()
        with suppress(CallEnded):
            call.execute("record", "a.wav", timeout_s=2)
        last = call.wait_event(["CHANNEL_HANGUP_COMPLETE"], 2)
        assert last is not None
        assert call.hung_up
        return last.get("Hangup-Cause")

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port, asynchronous=True)
        switch.connected()
        switch.peer.answer()
        switch.peer.answer()
        headers = dict(switch.peer.command().headers)
        switch.hang_up(linger=True)
        switch.peer.send(encode_reply("+OK"))
        switch.peer.event("CHANNEL_EXECUTE_COMPLETE", Unique_ID=LEG, Application_UUID=headers["Event-UUID"])
        switch.peer.event("CHANNEL_HANGUP_COMPLETE", Unique_ID=LEG, Hangup_Cause="NORMAL_CLEARING")
        assert handler.result.get(timeout=2) == "NORMAL_CLEARING"


def test_a_socket_that_breaks_without_a_notice_is_lost_not_ended() -> None:
    with serving(lambda call: call.execute("answer", timeout_s=5)) as (server, handler):
        switch = CallingSwitch(server.port)
        switch.connected()
        switch.peer.command()
        switch.close()
        with pytest.raises(ConnectionLost):
            handler.result.get(timeout=2)


def test_every_execute_has_an_end() -> None:
    with serving(lambda call: call.execute("playback", "a.wav", timeout_s=0.2)) as (server, handler):
        switch = CallingSwitch(server.port, asynchronous=True)
        switch.connected()
        switch.peer.answer()
        switch.peer.answer()
        with pytest.raises(ReplyTimeout):
            handler.result.get(timeout=2)
        assert switch.ended(1)


def test_a_refused_command_is_not_the_end_of_the_call() -> None:
    def body(call: OutboundCall) -> Any:
        with pytest.raises(CommandRejected):
            call.command(commands.api("status"))
        return call.command(commands.execute("answer"))

    with serving(body) as (server, handler):
        switch = CallingSwitch(server.port)
        switch.connected()
        switch.peer.command()
        switch.peer.send(encode_reply("-ERR command not found"))
        switch.peer.answer()
        assert handler.result.get(timeout=2).text == "+OK"


def test_draining_serves_who_is_connected_and_refuses_the_next() -> None:
    may_end = Flag()
    begun: list[str] = []

    def body(call: OutboundCall) -> Any:
        begun.append(call.leg_uuid)
        may_end.wait()

    with serving(body, call_limit=1) as (server, _handler):
        in_hand = CallingSwitch(server.port)
        in_hand.connected()
        waiting = CallingSwitch(server.port, leg_uuid=LEG[:-1] + "6")
        server.stop_accepting()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1)
        assert not server.drain(0.1)
        may_end.set()
        waiting.connected()
        assert waiting.ended(1)
        assert server.drain(2)
        assert begun == [LEG, LEG[:-1] + "6"]
        assert server.calls == 0


def test_stop_gives_every_call_back() -> None:
    with serving(lambda call: gevent.sleep(60)) as (server, _handler):
        switches = [CallingSwitch(server.port) for _ in range(3)]
        for switch in switches:
            switch.connected()
        server.stop()
        assert all(switch.ended(1) for switch in switches)


def test_only_known_peers_are_served() -> None:
    with serving(lambda call: None, peers=["192.0.2.0/24"]) as (server, _handler):
        switch = CallingSwitch(server.port)
        with pytest.raises(EOFError):
            switch.peer.command()


def test_many_calls_leave_nothing_behind() -> None:
    with serving(lambda call: call.set_variables({"pbx_step": "reject"})) as (server, _handler):

        def play(number: int) -> None:
            switch = CallingSwitch(server.port, leg_uuid=f"{LEG[:-3]}{number:03d}")
            switch.connected()
            switch.peer.answer()
            assert switch.ended(5)

        players = [gevent.spawn(play, number) for number in range(100)]
        gevent.joinall(players, timeout=20, raise_error=True)
        assert server.drain(2)
        assert not server._calls
