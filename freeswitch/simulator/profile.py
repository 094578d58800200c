"""Who calls whom: the caller profile of a channel, and the headers it becomes.

Follows `switch_caller_profile_event_set_data` and `switch_caller_get_field_by_name` (switch_caller.c).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace


def now_us() -> int:
    return int(time.time() * 1_000_000)


@dataclass
class Times:
    profile_created: int = 0
    created: int = 0
    answered: int = 0
    progress: int = 0
    progress_media: int = 0
    hungup: int = 0
    transferred: int = 0
    resurrected: int = 0
    bridged: int = 0
    last_hold: int = 0
    hold_accum: int = 0


@dataclass
class CallerProfile:
    direction: str = "inbound"
    logical_direction: str = "inbound"
    username: str = ""
    dialplan: str = "XML"
    caller_id_name: str = ""
    caller_id_number: str = ""
    orig_caller_id_name: str = ""
    orig_caller_id_number: str = ""
    callee_id_name: str = ""
    callee_id_number: str = ""
    network_addr: str = ""
    ani: str = ""
    destination_number: str = ""
    uuid: str = ""
    source: str = "mod_sofia"
    transfer_source: str = ""
    context: str = ""
    rdnis: str = ""
    chan_name: str = ""
    profile_index: int = 1
    privacy_hide_name: bool = False
    privacy_hide_number: bool = False
    times: Times = field(default_factory=Times)

    def clone(self, **changes: object) -> CallerProfile:
        return replace(self, times=replace(self.times), **changes)  # type: ignore[arg-type]

    def read(self, name: str) -> str | None:
        if name in ("uuid", "unique_id"):
            return self.uuid or None
        if name == "destination_number" or name in _FIELDS:
            return str(getattr(self, name)) or None
        if name == "network_addr":
            return self.network_addr or None
        if name in ("privacy_hide_name", "privacy_hide_number"):
            return str(getattr(self, name)).lower()
        return None

    def headers(self, prefix: str) -> Iterator[tuple[str, str]]:
        yield f"{prefix}-Direction", self.direction
        yield f"{prefix}-Logical-Direction", self.logical_direction
        for name, value in (
            ("Username", self.username),
            ("Dialplan", self.dialplan),
            ("Caller-ID-Name", self.caller_id_name),
            ("Caller-ID-Number", self.caller_id_number),
            ("Orig-Caller-ID-Name", self.orig_caller_id_name),
            ("Orig-Caller-ID-Number", self.orig_caller_id_number),
            ("Callee-ID-Name", self.callee_id_name),
            ("Callee-ID-Number", self.callee_id_number),
            ("Network-Addr", self.network_addr),
            ("ANI", self.ani),
            ("Destination-Number", self.destination_number),
            ("Unique-ID", self.uuid),
            ("Source", self.source),
            ("Transfer-Source", self.transfer_source),
            ("Context", self.context),
            ("RDNIS", self.rdnis),
            ("Channel-Name", self.chan_name),
            ("Profile-Index", str(self.profile_index)),
        ):
            if value:
                yield f"{prefix}-{name}", value
        times = self.times
        for name, stamp in (
            ("Profile-Created-Time", times.profile_created),
            ("Channel-Created-Time", times.created),
            ("Channel-Answered-Time", times.answered),
            ("Channel-Progress-Time", times.progress),
            ("Channel-Progress-Media-Time", times.progress_media),
            ("Channel-Hangup-Time", times.hungup),
            ("Channel-Transfer-Time", times.transferred),
            ("Channel-Resurrect-Time", times.resurrected),
            ("Channel-Bridged-Time", times.bridged),
            ("Channel-Last-Hold", times.last_hold),
            ("Channel-Hold-Accum", times.hold_accum),
        ):
            yield f"{prefix}-{name}", str(stamp)
        yield f"{prefix}-Screen-Bit", "true"
        yield f"{prefix}-Privacy-Hide-Name", str(self.privacy_hide_name).lower()
        yield f"{prefix}-Privacy-Hide-Number", str(self.privacy_hide_number).lower()


_FIELDS = frozenset(
    ("username", "dialplan", "caller_id_name", "caller_id_number", "callee_id_name", "callee_id_number", "ani",
     "source", "context", "rdnis", "chan_name", "destination_number", "transfer_source", "profile_index")
)  # fmt: skip
