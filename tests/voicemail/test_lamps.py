"""What the switch is told last is what is true, whatever changes while it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import Event as Flag

from services.voicemail.lamps import EVENTS, Lamps
from shared.database import Database
from shared.esl.client import InboundClient
from shared.esl.commands import Command
from shared.esl.events import Event
from tests.event_socket import connected
from tests.shared.esl.peers import PASSWORD, Peer, event_socket
from tests.voicemail.conftest import Company, Leave


class SlowSwitch:
    """Takes its time with the first lamp of these devices until it is let go; .told are lamps in their order."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self.told: list[tuple[str, str]] = []
        self.busy, self.let_go = Flag(), Flag()

    def play(self, peer: Peer, number: int) -> None:
        if number == 0:
            _Listening(peer.sock, self._see).play()

    def _see(self, command: Command) -> None:
        headers = dict(command.headers)
        account = headers.get("MWI-Message-Account", "")
        if command.line == "sendevent MESSAGE_WAITING" and account.endswith(self._domain):
            self.told.append((account, headers["MWI-Messages-Waiting"]))
            self.busy.set()
            assert self.let_go.wait(10)


class _Listening(Peer):
    def __init__(self, sock, see) -> None:  # type: ignore[no-untyped-def]
        super().__init__(sock)
        self._see = see

    def play(self) -> None:
        self.login()
        self.serve()

    def command(self) -> Command:
        command = super().command()
        self._see(command)
        return command


@contextmanager
def lamps_of(database: Database, switch: SlowSwitch) -> Iterator[tuple[Lamps, InboundClient]]:
    lamps = Lamps(database)
    with event_socket(switch.play) as port:
        client = lamps.client = InboundClient(
            "127.0.0.1", port, PASSWORD, name="test", events=EVENTS, on_event=lamps.on_event, command_timeout_s=10)
        with connected(client):
            lamps.start()
            try:
                yield lamps, client
            finally:
                lamps.stop()


@pytest.mark.parametrize("while_telling", ["resync", "query"])
def test_a_message_heard_while_the_lamps_are_told_leaves_them_dark(
    admin: Database, database: Database, company: Company, leave: Leave, while_telling: str,
) -> None:
    with admin.platform() as tx:
        tx.execute("DELETE FROM voicemail.lamp_changes")
    leave()
    with admin.platform() as tx:
        tx.execute("DELETE FROM voicemail.lamp_changes")  # the lamp is lit, and told long ago
        device = tx.rows("SELECT device_id FROM directory.devices WHERE company_id = :id ORDER BY device_id",
                         id=company.company_id)[-1].device_id
    switch = SlowSwitch(company.domain)
    with lamps_of(database, switch) as (lamps, client):
        if while_telling == "resync":
            gevent.spawn(lamps.on_resync, client)
        else:
            # Two devices come back at once; the switch is slow to take the first answer.
            for name in (device.replace("soft", "desk"), device):
                lamps.on_event(Event(
                    f"Event-Name: MESSAGE_QUERY\nMessage-Account: sip%3A{name}%40{company.domain}\n\n".encode()))
        assert switch.busy.wait(10)
        with admin.platform() as tx:
            tx.execute("UPDATE voicemail.messages SET read_at = now() WHERE company_id = :id", id=company.company_id)
        lamps.wake()
        gevent.sleep(0.3)  # whoever does not wait for his turn takes it now
        switch.let_go.set()
        with gevent.Timeout(10):
            while len(switch.told) < 4:
                gevent.sleep(0.02)
        gevent.sleep(0.3)
    last = dict(switch.told)
    assert len(last) == 2
    assert set(last.values()) == {"no"}, switch.told
