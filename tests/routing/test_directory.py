"""Facts in one round trip, tenancy, and the last good answer when the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.server import StreamServer

from services.routing.directory import Directory, NotKnownNow, Unknown
from services.routing.facts import Forwarding, Mailbox
from services.routing.memory import Asked, Memory
from shared.database import Database

ANNA_CALLS_BERND = Asked(device_id="amsel-21", dialled="22")


@pytest.fixture
def directory(database: Database) -> Directory:
    # The look-up itself is tested here, not how patient a call is on a busy machine.
    return Directory(database, Memory(), deadline_s=5)


def test_all_a_call_needs_comes_in_one_answer(directory, forwards):
    forwards("22", busy="23", no_answer=("+491715550199", 3))
    found = directory.look_up(ANNA_CALLS_BERND)
    bernd = found.people[70122]
    assert (found.company.domain, found.company.trunks) == ("amsel.example", ("amsel-1", "amsel-2"))
    assert (found.caller.extension, found.caller.name, found.owner_id) == ("21", "Person 21", 70122)
    assert bernd.forward_busy == Forwarding("23", 4)
    assert bernd.forward_no_answer == Forwarding("+491715550199", 3)
    assert bernd.mailbox == Mailbox(busy=False, no_answer=True, rings=6)
    assert (bernd.main_number, bernd.device_ids) == ("+49305557022", ("amsel-22",))
    assert bernd.distinctive_rings == {"+4930555799": "bellcore-2"}
    assert bernd.site.main_number == "+49305557000"
    assert found.owners == {"23": 70123}
    assert set(found.people) == {70121, 70122, 70123}


def test_people_along_a_chain_of_forwards_come_with_it_as_far_as_a_call_can_be_sent(directory, forwards):
    for extension in range(22, 30):
        forwards(str(extension), always=str(extension + 1))
    found = directory.look_up(ANNA_CALLS_BERND)
    assert set(found.people) == {70121, *range(70122, 70129)}


def test_forwards_in_a_circle_end(directory, forwards):
    forwards("22", always="23")
    forwards("23", always="+49305557022")
    found = directory.look_up(ANNA_CALLS_BERND)
    assert found.owners == {"23": 70123, "+49305557022": 70122}


def test_a_switched_off_forward_is_no_fact(directory, forwards, owner_sql):
    forwards("22", always="23")
    owner_sql("UPDATE routing.forwardings SET enabled = false")
    assert directory.look_up(ANNA_CALLS_BERND).people[70122].forward_always is None


def test_a_call_from_outside_finds_the_owner_of_the_number_over_his_companys_trunk_only(directory):
    number = "+49305557022"
    found = directory.look_up(Asked(trunk="amsel-1", dialled=number, dialled_number=number))
    assert (found.owner_id, found.caller) == (70122, None)
    with pytest.raises(Unknown):
        directory.look_up(Asked(trunk="somebody-elses", dialled=number, dialled_number=number))


def test_a_known_mobile_brings_its_owners_name(directory):
    number = "+49305557022"
    found = directory.look_up(Asked(dialled=number, dialled_number=number, caller_number="+491715550121"))
    assert found.caller_name == "Person 21"


def test_an_extension_never_crosses_companies(directory):
    assert directory.look_up(Asked(device_id="buche-21", dialled="22")).owner_id is None
    assert directory.look_up(Asked(device_id="buche-21", dialled="21")).owner_id == 70221
    number = "+49305557022"
    assert directory.look_up(Asked(device_id="buche-21", dialled=number, dialled_number=number)).owner_id is None


def test_an_acting_subscriber_must_be_of_the_company_said(directory):
    assert directory.look_up(Asked(acting_subscriber_id=70121, company_id=701, dialled="22")).owner_id == 70122
    with pytest.raises(Unknown):
        directory.look_up(Asked(acting_subscriber_id=70121, company_id=702, dialled="22"))


def test_a_lamp_key_is_resolved_for_its_own_telephones_only(directory):
    key = ("21", 1, "keykeykey21")
    assert directory.look_up(Asked(device_id="amsel-21", dialled="x", lamp=key)).lamp_owner_id == 70122
    assert directory.look_up(Asked(device_id="amsel-23", dialled="x", lamp=key)).lamp_owner_id is None
    assert directory.look_up(Asked(device_id="buche-21", dialled="x", lamp=key)).lamp_owner_id is None
    wrong = ("21", 1, "keykeykey99")
    assert directory.look_up(Asked(device_id="amsel-21", dialled="x", lamp=wrong)).lamp_owner_id is None


@pytest.fixture
def frozen_url() -> str:
    """A server that takes connections and never says a word."""
    server = StreamServer(("127.0.0.1", 0), lambda sock, _: gevent.sleep(60))
    server.start()
    yield f"postgresql://u:p@127.0.0.1:{server.server_port}/x"
    server.stop(timeout=0.1)


@pytest.fixture(params=["refused", "frozen"])
def lost(request, database: Database, frozen_url: str, forwards: Callable[..., None]) -> Iterator[Directory]:
    """A directory that knew Anna calling Bernd, and whose database is away since."""
    forwards("22", always="23")
    memory = Memory()
    knew = Directory(database, memory, deadline_s=5)
    knew.look_up(ANNA_CALLS_BERND)
    knew.prime("amsel-24")
    away = Directory(Database(frozen_url if request.param == "frozen" else "postgresql://u:p@127.0.0.1:9/x"), memory)
    yield away
    away._away = False  # ends its probing


def test_without_the_database_the_last_known_facts_decide(lost):
    found = lost.look_up(ANNA_CALLS_BERND)
    assert found.from_memory
    assert (found.caller.extension, found.owner_id, found.owners) == ("21", 70122, {"23": 70123})
    assert set(found.people) == {70121, 70122, 70123}


def test_only_the_first_calls_wait_for_a_database_that_is_away(lost):
    for _ in range(3):
        lost.look_up(ANNA_CALLS_BERND)
    assert lost.away
    began = time.monotonic()
    for _ in range(50):
        lost.look_up(ANNA_CALLS_BERND)
    assert time.monotonic() - began < 1.5  # if each waited: 50 times 0.15 s


def test_a_primed_device_calls_and_is_called_though_it_never_did_before(lost):
    assert lost.look_up(Asked(device_id="amsel-24", dialled="22")).owner_id == 70122
    assert lost.look_up(Asked(device_id="amsel-21", dialled="24")).owner_id == 70124
    number = "+49305557024"
    assert lost.look_up(Asked(device_id="amsel-21", dialled=number, dialled_number=number)).owner_id == 70124
    assert lost.look_up(Asked(trunk="amsel-1", dialled=number, dialled_number=number)).owner_id == 70124


def test_what_is_not_remembered_is_left_to_the_switch(lost):
    with pytest.raises(NotKnownNow):
        lost.look_up(Asked(device_id="amsel-29", dialled="22"))
    with pytest.raises(NotKnownNow):
        lost.look_up(Asked(device_id="amsel-21", dialled="30"))


class Slow(Database):
    """The same database, some milliseconds away."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.takes_s = 0.0

    def call(self, sql, *, deadline_s=None, **params):
        gevent.sleep(self.takes_s)
        return super().call(sql, deadline_s=deadline_s, **params)


@pytest.fixture
def slow(service_database_urls: dict[str, str], owner_sql: object) -> Iterator[Slow]:
    one = Slow(service_database_urls["routing"])
    yield one
    one.close()


def test_a_call_nothing_is_remembered_for_waits_for_the_late_answer(slow):
    directory = Directory(slow, Memory(), deadline_s=0.05, patience_s=5)
    slow.takes_s = 0.2
    assert not directory.look_up(ANNA_CALLS_BERND).from_memory
    with pytest.raises(Unknown):
        directory.look_up(Asked(device_id="nobody-at-all", dialled="22"))
    assert not directory.away


def test_one_slow_answer_costs_no_other_call_anything(slow):
    directory = Directory(slow, Memory(), deadline_s=1.5)
    directory.look_up(ANNA_CALLS_BERND)
    for _ in range(2):
        slow.takes_s = 1.9
        assert directory.look_up(ANNA_CALLS_BERND).from_memory
        assert directory.look_up(ANNA_CALLS_BERND).from_memory
        slow.takes_s = 0.0
        assert not directory.look_up(ANNA_CALLS_BERND).from_memory
    assert not directory.away


def test_numbers_outside_are_reachable_from_memory(lost):
    found = lost.look_up(Asked(device_id="amsel-21", dialled="01715550100", dialled_number="+491715550100"))
    assert (found.owner_id, found.company.trunks) == (None, ("amsel-1", "amsel-2"))


def test_memory_keeps_companies_apart_too(lost):
    with pytest.raises(NotKnownNow):
        lost.look_up(Asked(acting_subscriber_id=70121, company_id=702, dialled="22"))
    number = "+49305557024"
    with pytest.raises(NotKnownNow):
        lost.look_up(Asked(trunk="somebody-elses", dialled=number, dialled_number=number))


def test_when_the_database_is_back_it_is_asked_again(database):
    directory = Directory(database, Memory(), deadline_s=5, probe_every_s=0.01)
    directory._lost("a test said so")
    with gevent.Timeout(5):
        while directory.away:
            gevent.sleep(0.01)
    assert not directory.look_up(ANNA_CALLS_BERND).from_memory


def test_a_number_that_changed_hands_is_forgotten(database, owner_sql):
    directory = Directory(database, Memory(), deadline_s=5)
    asked = Asked(device_id="amsel-21", dialled="28")
    assert directory.look_up(asked).owner_id == 70128
    owner_sql("UPDATE directory.subscribers SET extension = '58' WHERE subscriber_id = 70128")
    try:
        assert directory.look_up(asked).owner_id is None
        directory._lost("now")
        with pytest.raises(NotKnownNow):
            directory.look_up(asked)
    finally:
        owner_sql("UPDATE directory.subscribers SET extension = '28' WHERE subscriber_id = 70128")


def test_memory_is_bounded(database):
    memory = Memory(people=3)
    directory = Directory(database, memory, deadline_s=5)
    for extension in range(22, 30):
        directory.look_up(Asked(device_id="amsel-21", dialled=str(extension)))
    assert len(memory) == 3


def test_the_switch_alone_is_told_no_trunk_that_it_does_not_have(database, owner_sql):
    """As a company's file may leave them: switched off, on top."""
    def trunks() -> list[str]:
        return database.call("SELECT trunks FROM routing.directory_entry('amsel-21', 'amsel.example')")[0].trunks

    assert trunks() == ["amsel-1", "amsel-2"]
    try:
        owner_sql("UPDATE directory.trunks SET enabled = false WHERE name = 'amsel-1'")
        assert trunks() == ["amsel-2"]
        owner_sql("UPDATE directory.trunks SET host = NULL WHERE name = 'amsel-2'")
        assert trunks() == []
    finally:
        owner_sql("UPDATE directory.trunks SET host = 'one.example', enabled = true WHERE company_id = 701")
