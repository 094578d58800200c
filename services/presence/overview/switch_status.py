"""What the switch says of itself, read. Core.

`status` is text for people (mod_commands.c status_function, 1.11.2): one fact a line, in a fixed order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_UP = re.compile(
    r"UP (\d+) years?, (\d+) days?, (\d+) hours?, (\d+) minutes?, (\d+) seconds?")
_VERSION = re.compile(r"FreeSWITCH \(Version (\S+)")
_READY = re.compile(r"\) is (ready|not ready)")
_SINCE_START = re.compile(r"^(\d+) session\(s\) since startup", re.MULTILINE)
_NOW = re.compile(r"^(\d+) session\(s\) - peak (\d+)", re.MULTILINE)
_A_SECOND = re.compile(r"^(\d+) session\(s\) per Sec out of max (\d+)", re.MULTILINE)
_LIMIT = re.compile(r"^(\d+) session\(s\) max", re.MULTILINE)
_IDLE = re.compile(r"min idle cpu [\d.]+/([\d.]+)")


class NotAStatus(ValueError):
    """The answer to `status` or `show registrations` is something else."""


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    version: str
    ready: bool
    uptime_s: int
    sessions: int
    sessions_peak: int
    sessions_limit: int
    sessions_started: int
    sessions_per_second: int
    sessions_per_second_limit: int
    idle_cpu_percent: float


def status_of(text: str) -> SwitchStatus:
    """Raises NotAStatus."""
    def found(pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.search(text)
        if match is None:
            raise NotAStatus(f"the switch's status lacks {pattern.pattern}: {text[:80]!r}")
        return match

    years, days, hours, minutes, seconds = map(int, found(_UP).groups())
    return SwitchStatus(
        version=found(_VERSION)[1], ready=found(_READY)[1] == "ready",
        uptime_s=(((years * 365 + days) * 24 + hours) * 60 + minutes) * 60 + seconds,
        sessions=int(found(_NOW)[1]), sessions_peak=int(found(_NOW)[2]), sessions_limit=int(found(_LIMIT)[1]),
        sessions_started=int(found(_SINCE_START)[1]), sessions_per_second=int(found(_A_SECOND)[1]),
        sessions_per_second_limit=int(found(_A_SECOND)[2]), idle_cpu_percent=float(found(_IDLE)[1]),
    )


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    device_id: str
    address: str
    """host:port the registration came from."""
    transport: str
    expires_at: int
    """Seconds since 1970."""


def registered_devices(answer: str) -> dict[str, RegisteredDevice]:
    """By device, from `show registrations as json` (switch_core_sqldb.c, table registrations); of several
    registrations of one device the one that lasts longest. Raises NotAStatus."""
    try:
        rows = [
            RegisteredDevice(row["reg_user"], f"{row['network_ip']}:{row['network_port']}", row["network_proto"],
                             int(row["expires"] or 0))
            for row in json.loads(answer).get("rows", [])
        ]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotAStatus(f"not a list of registrations: {answer[:80]!r}") from error
    return {row.device_id: row for row in sorted(rows, key=lambda row: row.expires_at)}
