"""Events as the switch fires them, and who hears them.

Headers every event begins with: `switch_event_create_subclass_detailed` and `switch_event_prep_for_delivery_detailed`
(switch_event.c). Sent plain only: no service of the suite asks for JSON or XML.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Protocol

from freeswitch.simulator.names import new_uuid
from shared.esl import wire

CORE_UUID = new_uuid()
HOSTNAME = socket.gethostname()
_sequence = itertools.count(1)

# What this simulator can send. Asking for another event is refused, see listener.py.
NAMES = frozenset(
    (
        "CHANNEL_CREATE", "CHANNEL_DESTROY", "CHANNEL_STATE", "CHANNEL_CALLSTATE", "CHANNEL_ANSWER",
        "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HOLD", "CHANNEL_UNHOLD", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_PROGRESS",
        "CHANNEL_PROGRESS_MEDIA", "CHANNEL_OUTGOING", "CHANNEL_PARK", "CHANNEL_UNPARK", "CHANNEL_ORIGINATE",
        "CHANNEL_DATA", "DTMF", "BACKGROUND_JOB", "CUSTOM", "HEARTBEAT", "RECORD_START", "RECORD_STOP",
        "PLAYBACK_START", "PLAYBACK_STOP", "PRESENCE_PROBE", "PRESENCE_IN", "MESSAGE_QUERY", "MESSAGE_WAITING",
        "RELOADXML", "STARTUP", "SHUTDOWN",
    )
)  # fmt: skip

SUBCLASSES = (
    "sofia::register", "sofia::unregister", "sofia::expire", "sofia::register_failure", "simulator::telephone",
)  # fmt: skip


class SwitchEvent:
    """Headers in order, each name once (EF_UNIQ_HEADERS in switch_event.c), perhaps a body."""

    def __init__(self, name: str, subclass: str | None = None, function: str = "simulator") -> None:
        self.name = name
        self.subclass = subclass
        self.headers: dict[str, str] = {}
        self.body: str | None = None
        self._plain: bytes | None = None
        if subclass is not None:
            self.add("Event-Subclass", subclass)
        self.add("Event-Name", name)
        now = time.time()
        for header, value in (
            ("Core-UUID", CORE_UUID),
            ("FreeSWITCH-Hostname", HOSTNAME),
            ("FreeSWITCH-Switchname", HOSTNAME),
            ("FreeSWITCH-IPv4", "127.0.0.1"),
            ("FreeSWITCH-IPv6", "::1"),
            ("Event-Date-Local", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))),
            ("Event-Date-GMT", formatdate(now, usegmt=True)),
            ("Event-Date-Timestamp", str(int(now * 1_000_000))),
            ("Event-Calling-File", "simulator.py"),
            ("Event-Calling-Function", function),
            ("Event-Calling-Line-Number", "1"),
            ("Event-Sequence", str(next(_sequence))),
        ):
            self.add(header, value)

    def add(self, header: str, value: str | None) -> None:
        if value is not None:
            self.headers.pop(header, None)
            self.headers[header] = value

    def get(self, header: str) -> str | None:
        wanted = header.lower()
        return next((value for name, value in self.headers.items() if name.lower() == wanted), None)

    def plain(self) -> bytes:
        """A whole text/event-plain frame, encoded once for all listeners."""
        if self._plain is None:
            body = b"" if self.body is None else self.body.encode("utf-8", "surrogateescape")
            self._plain = wire.encode_event(self.headers, body)
        return self._plain


class Listener(Protocol):
    def offer(self, event: SwitchEvent) -> None: ...


class EventBus:
    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def fire(self, event: SwitchEvent) -> None:
        for listener in list(self._listeners):
            listener.offer(event)

    def fire_custom(self, subclass: str, headers: Iterable[tuple[str, str]], body: str | None = None) -> None:
        event = SwitchEvent("CUSTOM", subclass)
        for header, value in headers:
            event.add(header, value)
        event.body = body
        self.fire(event)


def heartbeat(sessions: int, started_at: float, sessions_since_startup: int) -> SwitchEvent:
    """HEARTBEAT as `send_heartbeat` (switch_core.c) fills it, once every 20 s."""
    event = SwitchEvent("HEARTBEAT", function="send_heartbeat")
    up_s = int(time.time() - started_at)
    event.add("Event-Info", "System Ready")
    event.add("Up-Time", up_time_text(up_s))
    event.add("FreeSWITCH-Version", "simulator")
    event.add("Uptime-msec", str(up_s * 1000))
    event.add("Session-Count", str(sessions))
    event.add("Max-Sessions", "1000")
    event.add("Session-Per-Sec", "30")
    event.add("Session-Since-Startup", str(sessions_since_startup))
    event.add("Idle-CPU", "100.000000")
    event.add("Heartbeat-Interval", "20")
    return event


def up_time_text(up_s: int) -> str:
    def part(number: int, unit: str) -> str:
        return f"{number} {unit}{'' if number == 1 else 's'}"

    days, rest = divmod(up_s, 86400)
    return ", ".join(
        (part(days // 365, "year"), part(days % 365, "day"), part(rest // 3600, "hour"),
         part(rest % 3600 // 60, "minute"), part(rest % 60, "second"), "0 milliseconds", "0 microseconds")
    )  # fmt: skip


