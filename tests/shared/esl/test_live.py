"""The client and the server on a real FreeSWITCH with a scratch configuration of its own."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import AsyncResult
from gevent.event import Event as Flag

from shared.esl import commands
from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.connection import Reply
from shared.esl.errors import AuthenticationFailed, CallEnded, CommandRejected
from shared.esl.events import Event
from shared.esl.server import OutboundServer
from tests.shared.esl.live_switch import LiveSwitch, find_freeswitch

PROGRAM = find_freeswitch()
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(PROGRAM is None, reason="no FreeSWITCH on this machine (FREESWITCH_BIN names one)"),
]
START_LIMIT_S = 90


@pytest.fixture(scope="module")
def switch() -> Iterator[LiveSwitch]:
    assert PROGRAM is not None
    live = LiveSwitch(PROGRAM)
    live.start()
    try:
        yield live
    finally:
        live.stop()


@pytest.fixture(scope="module")
def line(switch: LiveSwitch) -> Iterator[InboundClient]:
    client = InboundClient("127.0.0.1", switch.esl_port, switch.password, name="live", heartbeat_timeout_s=10)
    client.start()
    assert client.wait_connected(START_LIMIT_S)
    yield client
    client.stop()


def dial(line: InboundClient, switch: LiveSwitch, extension: str) -> str:
    """Originate to the profile itself and park; the leg's id once it is answered."""
    answer = line.background("originate", f"sofia/lab/{extension}@127.0.0.1:{switch.sip_port}", "&park()")
    return answer.removeprefix("+OK ").strip()


def serve(body: object) -> tuple[OutboundServer, AsyncResult[object]]:
    result: AsyncResult[object] = AsyncResult()

    def handler(call: OutboundCall) -> None:
        try:
            result.set(body(call))  # type: ignore[operator]
        except BaseException as error:
            result.set_exception(error)
            raise

    server = OutboundServer("127.0.0.1", 0, handler)
    server.start()
    return server, result


def test_commands_and_refusals(line: InboundClient) -> None:
    assert "UP" in line.api("status")
    with pytest.raises(CommandRejected, match="not found"):
        line.api("no_such_command")
    with pytest.raises(CommandRejected, match="USAGE"):
        line.api("uuid_kill")
    assert line.background("eval", "done") == "done"
    assert line.synced


def test_a_wrong_password(switch: LiveSwitch, line: InboundClient) -> None:
    client = InboundClient("127.0.0.1", switch.esl_port, "wrong", name="live-wrong")
    client.start()
    with pytest.raises(AuthenticationFailed):
        client.wait_connected(10)
    client.stop()


def test_a_call_is_seen_in_its_events(switch: LiveSwitch, line: InboundClient) -> None:
    hung_up = Flag()
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        if event.name == "CHANNEL_HANGUP_COMPLETE" and event.variable("presence_id") == "21@lab.example":
            hung_up.set()

    names = ["CHANNEL_CALLSTATE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE"]
    watcher = InboundClient(
        "127.0.0.1", switch.esl_port, switch.password, name="watch", events=names, on_event=on_event
    )
    watcher.start()
    assert watcher.wait_connected(10)
    leg = dial(line, switch, "bridge")
    line.api("uuid_kill", leg)
    assert hung_up.wait(10)
    watcher.stop()
    assert {event.name for event in seen} == set(names)
    states = [event.get("Channel-Call-State") for event in seen if event.get("Unique-ID") == leg]
    assert "ACTIVE" in states
    assert seen[-1].get("Hangup-Cause") == "NORMAL_CLEARING"


def test_a_sync_call_is_told_its_variables(switch: LiveSwitch, line: InboundClient) -> None:
    values = {"pbx_step": "bridge", "pbx_dial": "[leg_timeout=20]sofia/internal/a|b,c", "pbx_reason": "Groß & Söhne"}

    def body(call: OutboundCall) -> object:
        assert not call.asynchronous
        assert not call.full
        call.set_variables(values)
        with pytest.raises(CommandRejected):
            call.command(commands.api("status"))  # a sync socket without `full` may not
        assert isinstance(call.execute("answer", timeout_s=5), Reply)
        found = {name: call.command(commands.get_variable(name)).text for name in values}
        call.execute("playback", "tone_stream://%(300,0,440)", timeout_s=5)
        return found

    server, result = serve(body)
    dial(line, switch, f"sync-{server.port}")
    assert result.get(timeout=10) == values
    assert server.drain(5)


def test_an_async_call_ends_in_the_middle(switch: LiveSwitch, line: InboundClient) -> None:
    def body(call: OutboundCall) -> object:
        assert call.asynchronous
        assert call.full
        assert isinstance(call.execute("answer", timeout_s=5), Event)
        played = call.execute("playback", "tone_stream://%(200,0,440)", timeout_s=5)
        assert isinstance(played, Event)
        assert played.get("Application") == "playback"
        gevent.spawn(line.api, "uuid_kill", call.leg_uuid)
        with pytest.raises(CallEnded):
            call.execute("playback", "tone_stream://%(20000,0,440)", timeout_s=15)
        assert call.hung_up
        return "ended"

    server, result = serve(body)
    dial(line, switch, f"async-{server.port}")
    assert result.get(timeout=15) == "ended"
    assert server.drain(5)


def test_a_service_that_fails_gives_the_call_back_to_the_dialplan(switch: LiveSwitch, line: InboundClient) -> None:
    def body(call: OutboundCall) -> object:
        raise LookupError("a fault in the service")

    server, _ = serve(body)
    # Guarded as in freeswitch/conf/dialplan/steps.xml: a socket closed right after `connect` can be gone before its
    # call parks, which then nothing ends (socket_function in mod_event_socket.c; seen once in some hundred calls).
    for mode in ("sync", "guarded"):
        # The action behind `socket` in the dialplan is hangup CALL_REJECTED.
        with pytest.raises(CommandRejected, match="CALL_REJECTED"):
            dial(line, switch, f"{mode}-{server.port}")
    assert server.drain(5)


def test_a_killed_switch_is_found_again_with_a_resync(switch: LiveSwitch) -> None:
    """Last, since it restarts the switch."""
    resyncs: list[str] = []
    client = InboundClient(
        "127.0.0.1",
        switch.esl_port,
        switch.password,
        name="again",
        on_resync=lambda line: resyncs.append(line.api("status")),
    )
    client.start()
    with gevent.Timeout(START_LIMIT_S):
        while not client.synced:
            gevent.sleep(0.05)
        switch.restart()
        while len(resyncs) < 2:
            gevent.sleep(0.05)
    client.stop()
