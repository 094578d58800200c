"""A connection of a test's or a measure's own to the event socket of a running suite's switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from shared.esl.client import InboundClient
from shared.esl.events import Event


@contextmanager
def event_socket(
    env: Mapping[str, str], *, heard: Callable[[Event], None] | None = None, names: tuple[str, ...] = (),
) -> Iterator[InboundClient]:
    """Connected to the switch of an instance (its env); heard gets the events of these names."""
    client = InboundClient(env["PBX_ESL_HOST"], int(env["PBX_ESL_PORT"]), env["PBX_ESL_PASSWORD"], name="test")
    if heard is not None:
        client.listen(heard, names=names)
    with connected(client):
        yield client


@contextmanager
def connected(client: InboundClient) -> Iterator[InboundClient]:
    client.start()
    try:
        client.wait_connected(10)
        yield client
    finally:
        client.stop()
