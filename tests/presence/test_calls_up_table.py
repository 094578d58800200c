"""Who is on a call, as rows that routing reads with a call's facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from services.presence.calls_up_table import CallsUpTable
from shared.calls_up import CallState, Direction, Leg
from shared.database import Database, DatabaseUnavailable

FIRST, SECOND = "5f0f9b7e-0001-4000-8000-000000000001", "5f0f9b7e-0002-4000-8000-000000000002"


def leg(leg_uuid: str = FIRST, state: CallState = CallState.ACTIVE, direction: Direction = Direction.OUTBOUND) -> Leg:
    return Leg(leg_uuid, state, direction, "22@musterbau.example")


class Switch:
    """What is up, by subscriber, all of company 7."""

    def __init__(self) -> None:
        self.legs: dict[int, tuple[Leg, ...]] = {}
        self.in_step = True

    def legs_of(self, subscriber_id: int) -> tuple[int, tuple[Leg, ...]] | None:
        return (7, self.legs[subscriber_id]) if subscriber_id in self.legs else None


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def database(service_database_urls: Mapping[str, str]) -> Iterator[Database]:
    one = Database(service_database_urls["presence"], pool_size=2)
    with one.platform() as tx:
        tx.execute("DELETE FROM presence.calls_up")
        tx.execute("DELETE FROM presence.calls_up_confirmed")
    yield one
    one.close()


@pytest.fixture
def table(database: Database, switch: Switch) -> CallsUpTable:
    return CallsUpTable(database, legs_of=switch.legs_of, in_step=lambda: switch.in_step)


def rows(database: Database) -> dict[int, list[str]]:
    with database.platform() as tx:
        return {row.subscriber_id: row.legs for row in tx.rows(
            "SELECT subscriber_id, leg_uuids::text[] AS legs FROM presence.calls_up")}


def confirmed(database: Database) -> bool:
    with database.platform() as tx:
        return bool(tx.rows("SELECT 1 AS one FROM presence.calls_up_confirmed"))


def test_a_call_is_there_from_answer_or_dialling_to_its_end(table: CallsUpTable, database: Database, switch: Switch):
    told = [
        ((leg(state=CallState.RINGING),), {}),
        ((leg(),), {22: [FIRST]}),
        ((leg(), leg(SECOND, CallState.HELD)), {22: [FIRST, SECOND]}),
        ((leg(SECOND, CallState.EARLY, Direction.INBOUND),), {22: [SECOND]}),
        ((), {}),
    ]
    for legs, expected in told:
        switch.legs[22] = legs
        table.changed([22])
        table.write(confirm=False)
        assert rows(database) == expected


def test_only_what_changed_is_written(table: CallsUpTable, database: Database, switch: Switch):
    switch.legs = {22: (leg(),), 23: (leg(SECOND),)}
    table.changed([22, 23])
    table.write(confirm=False)
    with database.platform() as tx:
        before = tx.one("SELECT xmin::text AS version FROM presence.calls_up WHERE subscriber_id = 22").version
    switch.legs[23] = ()
    table.changed([22, 23])
    table.write(confirm=False)
    with database.platform() as tx:
        assert tx.one("SELECT xmin::text AS version FROM presence.calls_up WHERE subscriber_id = 22").version == before
    assert rows(database) == {22: [FIRST]}


def test_what_a_former_life_left_is_taken_away(database: Database, switch: Switch):
    with database.platform() as tx:
        tx.execute("INSERT INTO presence.calls_up (company_id, subscriber_id, leg_uuids) VALUES (7, 99, :legs)",
                   legs=f"{{{FIRST}}}")
    CallsUpTable(database, legs_of=switch.legs_of, in_step=lambda: True).write(confirm=False)
    assert rows(database) == {}


def test_it_is_confirmed_only_while_the_switch_is_heard(table: CallsUpTable, database: Database, switch: Switch):
    switch.in_step = False
    table.write(confirm=True)
    assert not confirmed(database)
    switch.in_step = True
    table.write(confirm=True)
    assert confirmed(database)


def test_after_a_failure_everything_is_written_again(database: Database, switch: Switch):
    class Failing(Database):
        fails = True

        def platform(self):
            if self.fails:
                raise DatabaseUnavailable("away")
            return super().platform()

    failing = Failing(database.url, pool_size=1)
    table = CallsUpTable(failing, legs_of=switch.legs_of, in_step=lambda: True)
    switch.legs[22] = (leg(),)
    table.changed([22])
    with pytest.raises(DatabaseUnavailable):
        table.write(confirm=False)
    failing.fails = False
    table.write(confirm=False)
    assert rows(database) == {22: [FIRST]}
    failing.close()
