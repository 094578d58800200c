"""Whatever a suite and its private servers listen on is this machine's own address, unless configured otherwise."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from operations import places
from tests.scenarios.stage import Stage

PORTS_OF_A_CLONE = 1000
# linux/include/net/tcp_states.h; an unconnected UDP socket is shown as closed.
WAITING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def listening() -> Iterator[tuple[str, ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Every socket of this machine that waits for others: table, address, port (proc(5), /proc/net)."""
    for table, state in WAITING.items():
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            local, now = line.split()[1], line.split()[3]
            address, port = local.split(":")
            if now == state:
                words = bytes.fromhex(address)
                if sys.byteorder == "little":   # 32 bits at a time, as the machine holds them
                    words = b"".join(words[at:at + 4][::-1] for at in range(0, len(words), 4))
                yield table, ipaddress.ip_address(words), int(port, 16)


def test_nothing_of_it_can_be_reached_from_outside(stage: Stage) -> None:
    base = places.ports_base()
    ours = {(table, address, port) for table, address, port in listening()
            if base <= port < base + PORTS_OF_A_CLONE}
    assert {places.postgres_port(), places.broker_port(), places.broker_distribution_port(), places.epmd_port(),
            int(stage.env["PBX_ESL_PORT"])} <= {port for _, _, port in ours}
    assert [one for one in ours if not one[1].is_loopback] == []


def test_a_door_left_open_would_be_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as door:
        port = door.getsockname()[1]
        assert [address.is_loopback for _, address, at in listening() if at == port] == [False]
