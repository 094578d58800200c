"""How many events a second a service takes in, and what memory a flood costs: plain greenswitch and ours.

python -m tests.bench.events prints {"events_per_s": {...}, "events_rss_mb": {...}, ...} in under a minute.

Three processes: this one, a sender that plays a switch with the recorded events of a real FreeSWITCH, and
one taker that is either greenswitch or ours. The sender offers the flood by the clock, as a switch does:
what happens while nobody is connected is offered and lost.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parent.parent / "shared" / "esl" / "recordings" / "bridged_call.esl"
PASSWORD = "bench"  # noqa: S105
# What the product reads of each kind of event: the lamps of CHANNEL_CALLSTATE (shared/calls_up.py), routing of a
# call's end (services/routing/ends.py), callback of the rest (services/callback/readings.py).
HEADERS = {
    "CHANNEL_CALLSTATE": (
        "Event-Date-Timestamp",
        "Unique-ID",
        "Channel-Call-State",
        "Call-Direction",
        "Channel-Presence-ID",
        "Channel-Call-UUID",
        "Caller-Caller-ID-Number",
        "Caller-Caller-ID-Name",
        "Caller-Destination-Number",
        "Event-Sequence",
        "Core-UUID",
    ),
    "CHANNEL_HANGUP_COMPLETE": (
        "variable_pbx_call_id",
        "variable_pbx_company",
        "Caller-Channel-Answered-Time",
        "Caller-Channel-Hangup-Time",
        "Unique-ID",
        "Caller-Channel-Created-Time",
        "Hangup-Cause",
    ),
}
OTHER_HEADERS = ("variable_pbx_attempt", "Unique-ID")
ROUNDS = 3
SPEED_LIMIT_S = 15.0
SPEED_EVENTS = {"greenswitch": 6_000, "ours": 50_000}
FLOOD_EVENTS = 1_000_000
FLOOD_PER_S = 60_000
FLOOD_LIMIT_S = {"greenswitch": 6.0, "ours": 20.0}
SLOW_HANDLER_S = 0.01


# -- the sender -----------------------------------------------------------------------------------


def recorded_frames() -> list[bytes]:
    """The channel events of the recording, each a whole frame."""
    from shared.esl.wire import FrameParser

    frames = FrameParser().feed(RECORDING.read_bytes())
    return [
        b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(frame.body) + frame.body
        for frame in frames
        if frame.event().name.startswith("CHANNEL_")
    ]


def _handshake(conn: Any) -> None:
    """Log the taker in and wait until it has subscribed; then it gets events only."""
    conn.sendall(b"Content-Type: auth/request\n\n")
    data = b""
    while True:
        portion = conn.recv(4096)
        if not portion:
            raise ConnectionError
        data += portion
        while b"\n\n" in data:
            command, data = data.split(b"\n\n", 1)
            text = b"+OK accepted" if command.startswith(b"auth ") else b"+OK"
            conn.sendall(b"Content-Type: command/reply\nReply-Text: " + text + b"\n\n")
            if command.startswith(b"event"):
                return


def send_all(count: int) -> None:
    """As fast as the taker reads."""
    import socket

    frames = recorded_frames()
    blob = b"".join(frames)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        conn, _ = server.accept()
        with conn:
            _handshake(conn)
            for _ in range(count // len(frames)):
                conn.sendall(blob)
            conn.sendall(b"".join(frames[: count % len(frames)]))
            conn.recv(1)


def send_flood(limit_s: float) -> None:
    """FLOOD_PER_S events by the clock, to whoever is connected; prints how many were offered."""
    import socket

    frames = recorded_frames()
    offered = 0
    conn: Any = None
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        conn, _ = server.accept()
        _handshake(conn)
        server.setblocking(False)
        began = time.monotonic()
        while offered < FLOOD_EVENTS and time.monotonic() - began < limit_s:
            if conn is None:
                try:
                    conn, _ = server.accept()
                    conn.settimeout(2)
                    _handshake(conn)
                except OSError:
                    conn = None
            due = min(int((time.monotonic() - began) * FLOOD_PER_S), FLOOD_EVENTS) - offered
            if conn is not None and due > 0:
                due = min(due, 5_000)
                try:
                    conn.settimeout(max(0.01, limit_s - (time.monotonic() - began)))
                    conn.sendall(b"".join(frames[(offered + n) % len(frames)] for n in range(due)))
                except TimeoutError:
                    break  # time is up; closing inside an event would send greenswitch into its endless loop
                except OSError:
                    conn.close()
                    conn = None
            offered += due
            time.sleep(0.005)
        print(offered, flush=True)
        sys.stdin.readline()


# -- the takers -----------------------------------------------------------------------------------


def _peak_rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("no VmHWM in /proc/self/status")


def _wait_for_line() -> None:
    """Until the parent writes a line; in a thread, since reading stdin would stop the hub."""
    import gevent

    gevent.get_hub().threadpool.apply(sys.stdin.readline)


class _Count:
    """Counts events whose headers have been read; the clock runs from the subscription to the last."""

    def __init__(self, expected: int) -> None:
        from gevent.event import Event

        self.expected = expected
        self.seen = 0
        self.began = self.began_cpu = 0.0
        self.done = Event()
        self.rates = {"events_per_s": 0, "events_per_cpu_s": 0}

    def start(self, _client: object = None) -> None:
        self.began, self.began_cpu = time.perf_counter(), time.process_time()

    def one(self) -> None:
        self.seen += 1
        if self.seen == self.expected:
            self.rates = {
                "events_per_s": round(self.seen / (time.perf_counter() - self.began)),
                "events_per_cpu_s": round(self.seen / (time.process_time() - self.began_cpu)),
            }
            self.done.set()


def take_with_ours(port: int, expected: int, slow: bool) -> dict[str, Any]:
    import gevent

    from shared.esl.client import InboundClient
    from shared.esl.events import Event
    from shared.esl.wire import FrameParser

    count = _Count(expected)

    def handler(event: Event) -> None:
        for header in HEADERS.get(event.name, OTHER_HEADERS):
            event.get(header)
        count.one()
        if slow:
            gevent.sleep(SLOW_HANDLER_S)

    # Handled is what was asked for by name, as the services do.
    names = sorted({frame.event().name for frame in FrameParser().feed(b"".join(recorded_frames()))})
    client = InboundClient(
        "127.0.0.1",
        port,
        PASSWORD,
        name="bench",
        events=names,
        on_event=handler,
        on_resync=count.start,
        # Back at once, so that as much of the flood as possible gets in.
        reconnect_delay_s=(0.02, 0.05),
    )
    client.start()
    if slow:
        _wait_for_line()
    else:
        count.done.wait(20)
    counters = client.counters
    return {
        **count.rates,
        "rss_mb": _peak_rss_mb(),
        "handled": count.seen,
        "received": counters.events_received,
        "overflows": counters.overflows,
        "dropped": counters.events_dropped,
        "resyncs": counters.resyncs,
    }


def take_with_greenswitch(port: int, expected: int, slow: bool) -> dict[str, Any]:
    import gevent
    import greenswitch

    count = _Count(expected)

    def handler(event: Any) -> None:
        headers = event.headers
        for header in HEADERS.get(headers["Event-Name"], OTHER_HEADERS):
            headers.get(header)
        count.one()
        if slow:
            gevent.sleep(SLOW_HANDLER_S)

    esl = greenswitch.InboundESL("127.0.0.1", port, PASSWORD)
    esl.register_handle("*", handler)
    esl.connect()
    count.start()
    esl.send("event plain ALL")
    if slow:
        _wait_for_line()
    else:
        count.done.wait(20)
    return {
        **count.rates,
        "rss_mb": _peak_rss_mb(),
        "handled": count.seen,
        "received": count.seen + esl._esl_event_queue.qsize(),
    }


# -- the figures ----------------------------------------------------------------------------------


def _process(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.events", *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _taken(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The taker's report is its last line; what it logged before is of no interest here."""
    text, _ = process.communicate("\n", timeout=40)
    report: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return report


def _speed(who: str) -> dict[str, float]:
    expected = SPEED_EVENTS[who]
    sender = _process("send", expected)
    taker = _process("take", who, _line(sender), expected)
    try:
        return _taken(taker)
    finally:
        sender.kill()
        sender.communicate()


def _flood(who: str) -> dict[str, Any]:
    sender = _process("flood", FLOOD_LIMIT_S[who])
    taker = _process("take-slowly", who, _line(sender))
    try:
        offered = int(_line(sender))
        return {**_taken(taker), "offered": offered}
    finally:
        sender.kill()
        sender.communicate()


def events_speed() -> dict[str, dict[str, float]]:
    """Medians of interleaved rounds, as many as fit: events delivered with the product's headers read."""
    began = time.monotonic()
    rounds: list[dict[str, dict[str, float]]] = []
    while len(rounds) < ROUNDS and (not rounds or time.monotonic() - began < SPEED_LIMIT_S):
        rounds.append({who: _speed(who) for who in SPEED_EVENTS})
    return {
        figure: {who: statistics.median(one[who][figure] for one in rounds) for who in SPEED_EVENTS}
        for figure in ("events_per_s", "events_per_cpu_s")
    }


def events_per_s() -> dict[str, float]:
    return events_speed()["events_per_s"]


def events_flood() -> dict[str, dict[str, Any]]:
    """A handler of 100 events/s under FLOOD_PER_S; greenswitch's run is cut short, it has no bound."""
    return {who: _flood(who) for who in FLOOD_LIMIT_S}


def events_rss_mb(flood: dict[str, dict[str, Any]] | None = None) -> dict[str, float]:
    return {who: report["rss_mb"] for who, report in (flood or events_flood()).items()}


def figures() -> dict[str, Any]:
    """The two figures of bench.json, and what stands behind the second one."""
    speed = events_speed()
    flood = events_flood()
    return {**speed, "events_rss_mb": events_rss_mb(flood), "events_flood": flood}


def main(args: list[str]) -> None:
    if not args:
        print(json.dumps(figures(), indent=2))
        return
    if args[0] == "send":
        send_all(int(args[1]))
        return
    if args[0] == "flood":
        send_flood(float(args[1]))
        return
    from gevent import monkey

    monkey.patch_all()
    take = take_with_ours if args[1] == "ours" else take_with_greenswitch
    slow = args[0] == "take-slowly"
    print(json.dumps(take(int(args[2]), 0 if slow else int(args[3]), slow)), flush=True)
    import os

    os._exit(0)  # greenswitch's greenlets do not end


if __name__ == "__main__":
    main(sys.argv[1:])
