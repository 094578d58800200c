"""What the event-socket layer must stand, each case played once against our layer and once against plain greenswitch.

A case asserts the right behaviour. PLAIN says how plain greenswitch fails it:
wrong (an assertion), hangs (until the case's time is up), spins (the whole process), ends (SystemExit).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import gevent
import pytest
from gevent import socket
from gevent.event import Event as Flag

from shared.esl.wire import encode_api_response
from tests.shared.esl.peers import LEG, CallingSwitch, Peer, event_socket
from tests.shared.esl.subjects import QUEUE_LIMIT, Subject

PLAIN: dict[str, str] = {}
CASES: dict[str, Callable[[Subject], None]] = {}


def plain_greenswitch(outcome: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    def keep(case: Callable[[Subject], None]) -> Callable[[Subject], None]:
        CASES[case.__name__] = case
        PLAIN[case.__name__] = outcome
        return case

    return keep


class Seen:
    """Events as they are handled, and a flag for the first."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, str]] = []
        self.first = Flag()

    def __call__(self, headers: Mapping[str, str]) -> None:
        self.events.append(headers)
        self.first.set()


@plain_greenswitch("wrong")
def a_caller_name_with_line_breaks_forges_no_header(subject: Subject) -> None:
    seen = Seen()

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG, Caller_Caller_ID_Name="Anna\nUnique-ID: forged\nAnswer-State: x")
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], seen)
        subject.connect(port)
        assert seen.first.wait(2)
    assert seen.events[0]["Unique-ID"] == LEG
    assert "Answer-State" not in seen.events[0]
    assert seen.events[0]["Caller-Caller-ID-Name"] == "Anna\nUnique-ID: forged\nAnswer-State: x"


@plain_greenswitch("wrong")
def a_background_job_has_its_output_as_body(subject: Subject) -> None:
    output = "+OK first: line\nUnique-ID: second\n"

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        while True:
            command = peer.command()
            if not command.line.startswith("bgapi"):
                peer.send(b"Content-Type: command/reply\nReply-Text: +OK\n\n")
                continue
            job = dict(command.headers)["Job-UUID"]
            peer.send(b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: %s\n\n" % job.encode())
            peer.event("BACKGROUND_JOB", output.encode(), Job_UUID=job)

    with event_socket(script) as port:
        subject.connect(port)
        assert subject.background("show", "channels") == output.rstrip("\n")


@plain_greenswitch("hangs")
def a_command_ends_when_the_peer_goes(subject: Subject) -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        peer.command()
        peer.sock.close()

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=30)
        with pytest.raises(Exception, match="closed"):
            subject.api("status")


@plain_greenswitch("hangs")
def a_command_has_a_deadline(subject: Subject) -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        peer.command()
        peer.command()

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=0.3)
        began = time.monotonic()
        with pytest.raises(Exception, match="no reply within"):
            subject.api("status")
        assert time.monotonic() - began < 1.5


@plain_greenswitch("hangs")
def connecting_to_a_silent_peer_has_a_deadline(subject: Subject) -> None:
    def script(peer: Peer, number: int) -> None:
        if number == 0:
            peer.command()  # accepts, and never says a word
        peer.login()
        peer.serve()

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=0.3)
        assert subject.api("status").startswith("+OK")


@plain_greenswitch("spins")
def the_end_inside_a_body_stops_nobody_else(subject: Subject) -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.send(b"Content-Length: 500\nContent-Type: text/event-plain\n\nEvent-Name: CHANNEL_ANSWER\n")
            peer.sock.close()
            return
        peer.serve()

    with event_socket(script) as port:
        subject.connect(port)
        turns = 0
        for _ in range(50):
            gevent.sleep(0.01)
            turns += 1
        assert turns == 50


@plain_greenswitch("hangs")
def a_long_command_arrives_whole(subject: Subject) -> None:
    long = "x" * 8_000_000

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        command = peer.until("api")
        assert command.line == "api echo " + long

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=5)
        assert subject.api("echo", long).startswith("+OK echo")


@plain_greenswitch("hangs")
def a_reply_that_is_not_utf8_is_still_a_reply(subject: Subject) -> None:
    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.command()
        peer.send(encode_api_response("x").replace(b"Length: 1\n\nx", b"Length: 7\n\nM\xfcller\n"))
        peer.serve()

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=30)
        assert subject.api("status") == "M\N{REPLACEMENT CHARACTER}ller"
        assert subject.api("status").startswith("+OK")


@plain_greenswitch("wrong")
def events_that_wait_are_bounded(subject: Subject) -> None:
    sent = Flag()
    stuck = Flag()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        with suppress(OSError):
            for _ in range(QUEUE_LIMIT * 4 if number == 0 else 0):
                peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
                gevent.sleep(0)
        sent.set()
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], lambda headers: stuck.wait() and None)
        subject.connect(port)
        most = 0
        while not sent.is_set():
            gevent.sleep(0.01)
            most = max(most, subject.queued())
        gevent.sleep(0.2)
        assert max(most, subject.queued()) <= QUEUE_LIMIT


@plain_greenswitch("wrong")
def one_slow_handler_does_not_hold_up_another(subject: Subject) -> None:
    stuck = Flag()
    seen = Seen()

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.event("CHANNEL_HANGUP", Unique_ID=LEG)
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], lambda headers: stuck.wait() and None)
        subject.listen(["CHANNEL_HANGUP"], seen)
        subject.connect(port)
        assert seen.first.wait(1)


@plain_greenswitch("wrong")
def a_handler_for_everything_really_gets_everything(subject: Subject) -> None:
    answered, everything = Seen(), Seen()

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        peer.until("event")
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], answered)
        subject.listen(["*"], everything)
        subject.connect(port)
        assert answered.first.wait(1)
        assert everything.first.wait(1)


@plain_greenswitch("wrong")
def a_cut_connection_comes_back_and_is_subscribed_again(subject: Subject) -> None:
    seen = Seen()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
            peer.sock.close()
            return
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], seen)
        subject.connect(port)
        assert seen.first.wait(2)


@plain_greenswitch("wrong")
def a_switch_that_has_gone_silent_is_left(subject: Subject) -> None:
    seen = Seen()

    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.command()  # no heartbeat, no end of file
        peer.event("CHANNEL_ANSWER", Unique_ID=LEG)
        peer.serve()

    with event_socket(script) as port:
        subject.listen(["CHANNEL_ANSWER"], seen)
        subject.connect(port, silence_limit_s=0.4)
        assert seen.first.wait(2.5)


@plain_greenswitch("wrong")
def a_blank_line_in_an_argument_starts_no_second_command(subject: Subject) -> None:
    lines: list[str] = []

    def script(peer: Peer, _number: int) -> None:
        peer.login()
        while True:
            lines.append(peer.answer().line)

    with event_socket(script) as port:
        subject.connect(port)
        with suppress(ValueError):
            subject.api("uuid_exists", "x\n\napi system id")
        assert subject.api("status").startswith("+OK")
    assert not [line for line in lines if "system" in line]


@plain_greenswitch("hangs")
def a_head_without_content_type_ends_only_the_connection(subject: Subject) -> None:
    def script(peer: Peer, number: int) -> None:
        peer.login()
        peer.until("event")
        if number == 0:
            peer.send(b"Colour: green\n\n")
        peer.serve()

    with event_socket(script) as port:
        subject.connect(port, reply_limit_s=30)
        gevent.sleep(0.5)
        assert subject.api("status").startswith("+OK")


# -- calls the switch hands over ------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@plain_greenswitch("wrong")
def a_call_is_accepted_at_once(subject: Subject) -> None:
    port = subject.serve(_free_port(), lambda leg: None, 100)
    waited = []
    for _ in range(9):
        began = time.monotonic()
        switch = CallingSwitch(port)
        switch.connected()
        waited.append(time.monotonic() - began)
        switch.ended(1)
    assert statistics.median(waited) < 0.04


@plain_greenswitch("ends")
def a_taken_port_is_an_error_that_names_it(subject: Subject) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            subject.serve(port, lambda leg: None, 100)


@plain_greenswitch("wrong")
def callers_over_the_limit_wait_and_are_not_dropped(subject: Subject) -> None:
    served: list[str] = []
    first_two_may_end = Flag()
    third_served = Flag()

    def handler(leg: str) -> None:
        served.append(leg)
        if len(served) == 3:
            third_served.set()
        first_two_may_end.wait()

    port = subject.serve(_free_port(), handler, 2)

    def play(number: int) -> None:
        switch = CallingSwitch(port, leg_uuid=LEG[:-1] + str(number))
        with suppress(EOFError, OSError):
            switch.connected()
            switch.ended(10)

    players = [gevent.spawn(play, number) for number in range(2)]
    while len(served) < 2:
        gevent.sleep(0.01)
    players.append(gevent.spawn(play, 2))
    gevent.sleep(0.3)
    assert len(served) == 2
    first_two_may_end.set()
    assert third_served.wait(2)
    gevent.killall(players)


@plain_greenswitch("wrong")
def a_handler_that_raises_at_the_start_gives_the_call_back(subject: Subject) -> None:
    def handler(leg: str) -> None:
        raise LookupError("a fault in the service")

    port = subject.serve(_free_port(), handler, 100, at_start=True)
    switch = CallingSwitch(port)
    switch.connected()
    assert switch.ended(2.5)


@plain_greenswitch("hangs")
def a_handler_is_not_stuck_with_a_switch_that_never_answers_connect(subject: Subject) -> None:
    port = subject.serve(_free_port(), lambda leg: None, 100)
    switch = CallingSwitch(port)
    assert switch.peer.command().line == "connect"
    with pytest.raises(EOFError):
        switch.peer.command()


@plain_greenswitch("wrong")
def the_channel_of_a_call_cannot_be_forged_by_a_caller_name(subject: Subject) -> None:
    legs: list[str] = []
    port = subject.serve(_free_port(), legs.append, 100)
    switch = CallingSwitch(port)
    switch.connected(Caller_Caller_ID_Name="Eve", variable_x="y\nUnique-ID: 99999999-0000-4000-8000-000000000000")
    ended = switch.ended(1)
    assert legs == [LEG]
    assert ended
