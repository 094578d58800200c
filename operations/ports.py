"""Looks whether a port is free before anything starts on it, and who has it when it is not."""

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from operations.screen import Trouble
from operations.supervision import process_ids


def refuse_taken_ports(wanted: Mapping[int, str], udp: Iterable[int] = (), host: str = "127.0.0.1") -> None:
    """Raises Trouble naming the first taken port, what it was meant for and who holds it."""
    for port, purpose in wanted.items():
        kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if port in set(udp) else [socket.SOCK_STREAM]
        for kind in kinds:
            if _taken(host, port, kind):
                raise Trouble(
                    f"Port {port} ({purpose}) is taken{_holder(port)}",
                    "stop that program, or move all ports of this clone with PBX_PORTS (docs/settings.md)",
                )


def _taken(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _holder(port: int) -> str:
    """` by process 123 (name)` when it can be told (for others' processes only root can)."""
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            listening = words[3] == "0A" if table.startswith("tcp") else True
            if listening and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    for pid in process_ids():
        try:
            if any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir()):
                return f" by process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
        except OSError:
            continue
    return ""


def udp_port_is_bound(port: int) -> bool:
    for table in ("udp", "udp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(int(line.split()[1].rpartition(":")[2], 16) == port for line in lines):
            return True
    return False
