"""Trunks of the database, gateways of the switch: told what changed, written down, read by the switch as it reads."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.routing.bookkeeping import Bookkeeping
from services.routing.emergencies import Emergencies, EmergencyCall
from services.routing.gateway_xml import document, domain
from services.routing.gateways import Gateways
from services.routing.limits import Limits
from services.routing.trunks import Trunk
from shared.database import Database
from shared.esl.errors import CommandRejected

Sql = Callable[..., object]


class Switch:
    """The gateways of a profile, as the API shows and changes them; a rescan asks for the document."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.asked: Callable[[], str] = lambda: ""
        self.heard: list[str] = []

    def api(self, name: str, *args: str) -> str:
        self.heard.append(" ".join((name, *args)))
        if args[:2] == ("xmlstatus", "gateway"):
            rows = "".join(f"<gateway><name>{one}</name><profile>external</profile><state>NOREG</state></gateway>"
                           for one in sorted(self.names))
            return f"<gateways>{rows}</gateways>"
        if "killgw" in args:
            if args[-1] not in self.names:
                raise CommandRejected("-ERR no such gateway.")
            self.names.discard(args[-1])
        if "rescan" in args:
            self.names |= {one.get("name", "") for one in ElementTree.fromstring(self.asked()).iter("gateway")}
        return "+OK"

    def changes(self) -> list[str]:
        found = [line.split()[-1] if "killgw" in line else "rescan" for line in self.heard
                 if "killgw" in line or "rescan" in line]
        self.heard.clear()
        return found


@pytest.fixture
def trunks(owner_sql: Sql) -> Iterator[Sql]:
    owner_sql("UPDATE directory.trunks SET host = '192.0.2.10' WHERE company_id = 701")
    yield owner_sql
    owner_sql("DELETE FROM directory.trunks WHERE company_id = 701 AND name NOT IN ('amsel-1', 'amsel-2')")
    owner_sql("UPDATE directory.trunks SET host = 'one.example', port = 5060, enabled = true, password = NULL,"
              " register = false, diversion_style = 'diversion' WHERE company_id = 701")
    owner_sql("DELETE FROM routing.call_limits")


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def gateways(switch: Switch, database: Database, tmp_path: Path) -> Gateways:
    made = Gateways(switch, database, tmp_path)
    switch.asked = made.document
    return made


def test_what_changed_is_told_and_nothing_else(trunks: Sql, gateways: Gateways, switch: Switch) -> None:
    gateways.bring_up_to_date()
    assert switch.names == {"amsel-1", "amsel-2"}
    assert switch.changes() == ["rescan"]
    gateways.bring_up_to_date()
    assert switch.changes() == []
    trunks("UPDATE directory.trunks SET port = 5070 WHERE name = 'amsel-2'")
    gateways.bring_up_to_date()
    assert switch.changes() == ["amsel-2", "rescan"]
    trunks("UPDATE directory.trunks SET diversion_style = 'both' WHERE name = 'amsel-1'")
    gateways.bring_up_to_date()
    assert switch.changes() == []  # said with each call, no matter of the gateway's
    known = gateways.trunk("amsel-1")
    assert known is not None
    assert known.diversion_style == "both"
    trunks("UPDATE directory.trunks SET enabled = false WHERE name = 'amsel-1'")
    gateways.bring_up_to_date()
    assert switch.changes() == ["amsel-1"]
    assert gateways.of_company(701) == ("amsel-2",)


def test_a_trunk_that_should_be_registered_and_is_not_is_known_to_be_down(trunks: Sql, gateways: Gateways) -> None:
    def down() -> list[str]:
        return [name for name in ("amsel-1", "amsel-2") if gateways.is_down(name)]

    trunks("UPDATE directory.trunks SET password = 'p', username = 'u', register = true WHERE name = 'amsel-1'")
    gateways.bring_up_to_date()
    assert down() == ["amsel-1"]
    gateways.heard({"Gateway": "amsel-1", "Ping-Status": "UP"})
    assert down() == []
    gateways.heard({"Gateway": "amsel-2", "Ping-Status": "DOWN"})  # it does not register (docs/decisions.md, 28)
    assert down() == []
    gateways.heard({"Gateway": "amsel-1", "Ping-Status": "DOWN"})
    assert down() == ["amsel-1"]
    trunks("UPDATE directory.trunks SET register = false WHERE name = 'amsel-1'")
    gateways.bring_up_to_date()
    assert down() == []


def test_a_switch_that_forgot_is_told_again(trunks: Sql, gateways: Gateways, switch: Switch) -> None:
    gateways.bring_up_to_date()
    switch.names.clear()
    switch.changes()
    gateways.bring_up_to_date()
    assert switch.changes() == ["rescan"]


def test_the_next_process_knows_what_the_switch_was_told(
    trunks: Sql, gateways: Gateways, switch: Switch, database: Database, tmp_path: Path,
) -> None:
    trunks("UPDATE directory.trunks SET password = 'ge${heim}', username = 'u', register = true WHERE name = 'amsel-1'")
    gateways.bring_up_to_date()
    switch.changes()
    another = Gateways(switch, database, tmp_path)
    another.load()
    assert another.of_company(701) == ("amsel-1", "amsel-2")
    another.bring_up_to_date()
    assert switch.changes() == []
    for file in ("trunks.json", "trunks.xml"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
    assert "$" not in (tmp_path / "trunks.xml").read_text()
    root = ElementTree.fromstring((tmp_path / "trunks.xml").read_text())
    assert {"ge${heim}", "not-asked-for"} == {
        one.get("value") for one in root.iter("param") if one.get("name") == "password"}


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"name": 5, "nonsense": 1}]', '{"a": 1}'])
def test_an_unreadable_file_is_as_none(gateways: Gateways, tmp_path: Path, text: str) -> None:
    (tmp_path / "trunks.json").write_text(text)
    gateways.load()
    assert gateways.of_company(701) == ()


def test_limits_of_calls_are_those_set_or_the_usual_ones(trunks: Sql, gateways: Gateways) -> None:
    trunks("INSERT INTO routing.call_limits (company_id, forwarded_at_once, cents_per_minute)"
           " VALUES (701, 5, '{\"mobile\": 7}')")
    gateways.look_at_limits()
    limits = gateways.limits_of(701)
    assert (limits.forwarded_at_once, limits.per_minute, limits.per_subscriber_per_minute) == (5, 100, 10)
    assert (limits.cents_per_minute["mobile"], limits.cents_per_minute["premium"]) == (7, 200)
    assert gateways.limits_of(702).forwarded_at_once == 2


def test_nobody_registers_as_a_trunk_and_its_addresses_may_call_in() -> None:
    text = domain([Trunk("a", host="carrier.example")], {"carrier.example": ("192.0.2.1", "192.0.2.2")})
    root = ElementTree.fromstring(text)
    [user] = root.iter("user")
    assert user.get("cidr") == "192.0.2.1/32,192.0.2.2/32"
    assert ("allow-empty-password", "false") in [(one.get("name"), one.get("value")) for one in root.iter("param")]
    assert ElementTree.fromstring(document([], {})).find("section/domain") is not None


def test_emergency_calls_and_costs_reach_the_database_and_the_next_process(
    database: Database, owner_sql: Callable[..., list[tuple[object, ...]]],
) -> None:
    limits, emergencies = Limits(), Emergencies()
    books = Bookkeeping(database, limits, emergencies)
    emergencies.called("+49305557000", 701, 70121)
    emergencies.called("+49305557000", 701, 70122)
    limits.charge(701, 10, 90)
    books.write()
    limits.charge(701, 10, 10)
    books.write()
    assert owner_sql("SELECT subscriber_id FROM routing.emergency_calls") == [(70122,)]
    assert owner_sql("SELECT cents FROM routing.spending WHERE company_id = 701") == [(30,)]
    limits, emergencies = Limits(), Emergencies()
    Bookkeeping(database, limits, emergencies).write()
    last = emergencies.to_ring_first("+49305557000")
    assert last is not None
    assert last.subscriber_id == 70122
    assert limits.spent_today(701) == 30
    older = EmergencyCall("+49305557000", 701, 70121, last.called_at - timedelta(minutes=1))
    done: list[EmergencyCall] = []
    emergencies.took_place(older, written=lambda: done.append(older))
    assert done == [], "not before it is written"
    emergencies.write(database)
    assert done == [older]
    assert owner_sql("SELECT subscriber_id FROM routing.emergency_calls") == [(70122,)], "a later one stays"
    owner_sql("DELETE FROM routing.emergency_calls")
    owner_sql("DELETE FROM routing.spending")
