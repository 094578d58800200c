"""The database layer against a real PostgreSQL: companies stay apart, nothing waits for ever."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

import gevent
import psycopg2
import pytest
from gevent.server import StreamServer

from shared.database import Database, DatabaseError, DatabaseUnavailable, Kept, NotFound, RuleBroken, Transaction

ADD_SITE = "INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, 'Berlin', '30')"


@pytest.fixture
def owner(admin_database_url: str) -> Iterator[Database]:
    database = Database(admin_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def reader(service_database_urls: Mapping[str, str]) -> Iterator[Database]:
    database = Database(service_database_urls["callback"], pool_size=2)
    yield database
    database.close()


@pytest.fixture
def two_companies(owner: Database) -> Iterator[tuple[int, int]]:
    with owner.platform() as tx:
        ids = [
            tx.one(
                "INSERT INTO directory.companies (name, sip_domain) VALUES (:name, :domain) RETURNING company_id",
                name=name, domain=f"{name}.example",
            ).company_id
            for name in ("eins", "zwei")
        ]
        for company_id in ids:
            tx.execute(ADD_SITE, id=company_id)
    yield ids[0], ids[1]
    with owner.platform() as tx:
        tx.execute("DELETE FROM directory.companies WHERE company_id = ANY(:ids)", ids=ids)


def test_a_company_sees_only_itself_whatever_the_query_asks_for(
    reader: Database, two_companies: tuple[int, int]
) -> None:
    first, second = two_companies
    with reader.company(first) as tx:
        assert {row.company_id for row in tx.rows("SELECT * FROM directory.sites")} == {first}
        assert tx.rows("SELECT * FROM directory.sites WHERE company_id = :other", other=second) == []


def test_a_query_that_named_no_company_is_an_error_of_the_database(
    reader: Database, two_companies: tuple[int, int]
) -> None:
    with pytest.raises(DatabaseError, match=r"pbx\.company|bigint"):
        reader.call("SELECT * FROM directory.sites")


def test_nor_does_a_connection_that_named_one_before_answer_without(
    service_database_urls: dict[str, str], two_companies: tuple[int, int]
) -> None:
    """What a transaction set is '' after it, not unset."""
    connection = psycopg2.connect(service_database_urls["callback"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('pbx.company', %s, true)", (str(two_companies[0]),))
            cursor.execute("SELECT count(*) FROM directory.sites")
            assert cursor.fetchone() == (1,)
        with pytest.raises(psycopg2.Error, match="bigint"), connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM directory.sites")
    finally:
        connection.close()


def test_the_company_of_one_transaction_does_not_leak_into_the_next(
    reader: Database, two_companies: tuple[int, int]
) -> None:
    with reader.company(two_companies[0]):
        pass
    with reader.company(two_companies[1]) as tx:
        assert {row.company_id for row in tx.rows("SELECT * FROM directory.sites")} == {two_companies[1]}


def test_a_service_cannot_write_what_another_owns(reader: Database, two_companies: tuple[int, int]) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), reader.company(two_companies[0]) as tx:
        tx.execute("UPDATE directory.sites SET name = 'Bonn'")


def test_an_exception_rolls_back(owner: Database, two_companies: tuple[int, int]) -> None:
    with pytest.raises(KeyError), owner.company(two_companies[0]) as tx:
        tx.execute("UPDATE directory.sites SET name = 'Bonn' WHERE company_id = :id", id=two_companies[0])
        raise KeyError
    with owner.company(two_companies[0]) as tx:
        assert tx.rows("SELECT * FROM directory.sites WHERE name = 'Bonn'") == []


def test_one_without_a_row_is_not_found_and_a_broken_rule_is_named(
    owner: Database, two_companies: tuple[int, int]
) -> None:
    with pytest.raises(NotFound), owner.company(two_companies[0]) as tx:
        tx.one("SELECT * FROM directory.sites WHERE name = 'Nirgends'")
    with pytest.raises(RuleBroken) as broken, owner.company(two_companies[0]) as tx:
        tx.execute(ADD_SITE, id=two_companies[0])
    assert broken.value.constraint == "sites_company_id_name_key"


def test_the_eleventh_additional_number_is_refused(owner: Database, two_companies: tuple[int, int]) -> None:
    company_id = two_companies[0]
    with pytest.raises(RuleBroken) as broken, owner.company(company_id) as tx:
        site_id = tx.one("SELECT site_id FROM directory.sites WHERE company_id = :id", id=company_id).site_id
        subscriber_id = tx.one(
            "INSERT INTO directory.subscribers (company_id, site_id, last_name, extension)"
            " VALUES (:company, :site, 'Muster', '21') RETURNING subscriber_id", company=company_id, site=site_id,
        ).subscriber_id
        for position in range(11):
            tx.execute(
                "INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id)"
                " VALUES (:number, :company, :site, :subscriber)",
                number=f"+49309999{position:04}", company=company_id, site=site_id, subscriber=subscriber_id,
            )
        assert position == 10, "the refusal came before the eleventh"
    assert broken.value.constraint == "at_most_ten_additional_numbers"


@pytest.mark.parametrize("extension", ["7712", "781", "110", "112", "1", "12a"])
def test_reserved_extensions_are_refused(owner: Database, two_companies: tuple[int, int], extension: str) -> None:
    with pytest.raises(RuleBroken), owner.company(two_companies[0]) as tx:
        tx.execute(
            "INSERT INTO directory.subscribers (company_id, site_id, last_name, extension)"
            " SELECT company_id, site_id, 'Muster', :extension FROM directory.sites WHERE company_id = :id",
            extension=extension, id=two_companies[0],
        )


def test_slow_queries_side_by_side_take_the_time_of_one(owner: Database) -> None:
    database = Database(owner.url, pool_size=6)
    started = time.monotonic()
    gevent.joinall([gevent.spawn(database.call, "SELECT pg_sleep(0.5)") for _ in range(6)], raise_error=True)
    assert time.monotonic() - started < 2, "psycopg2 blocked the hub"
    database.close()


def test_no_server_is_unavailable_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DatabaseUnavailable):
        Database(f"postgresql://nobody:x@127.0.0.1:{port}/none").call("SELECT 1")


def test_a_server_that_accepts_and_says_nothing_is_unavailable_in_time() -> None:
    silent = StreamServer(("127.0.0.1", 0), lambda connection, _address: gevent.sleep(30))
    silent.start()
    database = Database(f"postgresql://nobody:x@127.0.0.1:{silent.server_port}/none", connect_timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        database.call("SELECT 1")
    with pytest.raises(DatabaseUnavailable), database.company(1):
        pass
    assert time.monotonic() - started < 2
    silent.stop(timeout=0)


def test_a_query_past_its_deadline_ends_and_the_pool_recovers(owner: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="no answer within"):
        owner.call("SELECT pg_sleep(3)", deadline_s=0.2)
    assert owner.call("SELECT 1 AS one")[0].one == 1


def test_a_connection_the_server_closed_is_replaced_unseen(owner: Database, admin_database_url: str) -> None:
    pid = owner.call("SELECT pg_backend_pid() AS pid")[0].pid
    with Database(admin_database_url).platform() as tx:
        tx.execute("SELECT pg_terminate_backend(:pid)", pid=pid)
    assert owner.call("SELECT 1 AS one")[0].one == 1


def test_a_greenlet_killed_in_the_middle_of_a_statement_is_gone_and_the_pool_whole(reader: Database) -> None:
    def waits() -> None:
        while True:
            try:
                with reader.platform() as tx:
                    tx.rows("SELECT pg_sleep(30) AS slept")
            except (DatabaseError, DatabaseUnavailable):
                continue    # as services do that try again

    for _ in range(3):      # more than there are connections
        waiting = gevent.spawn(waits)
        gevent.sleep(0.2)
        waiting.kill(timeout=5)
        assert waiting.dead
    with reader.platform() as tx:
        assert tx.one("SELECT 1 AS up").up == 1


def sites_of(tx: Transaction, company_id: int) -> list[str]:
    return [row.name for row in tx.rows("SELECT name FROM directory.sites WHERE company_id = :id ORDER BY name",
                                        id=company_id)]


ADD_NAMED = "INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, :name, '30')"


def test_what_is_said_later_is_there_for_the_next_question_and_after_the_end(
    owner: Database, two_companies: tuple[int, int]
) -> None:
    first, second = two_companies
    with owner.company(first) as tx:
        tx.later(ADD_NAMED, id=first, name="100 % :name 'x'; --")
        assert "100 % :name 'x'; --" in sites_of(tx, first)
        tx.later(ADD_NAMED, id=first, name="Z last")
    with owner.company(second) as tx:       # nothing else is said
        tx.later(ADD_NAMED, id=second, name="Z last")
    with owner.platform() as tx:
        assert sites_of(tx, first)[-1] == sites_of(tx, second)[-1] == "Z last"


def test_what_the_server_has_against_it_is_heard_and_nothing_of_it_stays(
    owner: Database, two_companies: tuple[int, int]
) -> None:
    first, _ = two_companies
    with owner.company(first) as tx:
        before = sites_of(tx, first)
    with pytest.raises(RuleBroken), owner.company(first) as tx:
        tx.later(ADD_NAMED, id=first, name="Köln")
        tx.later(ADD_NAMED, id=-1, name="of nobody")
    with pytest.raises(RuleBroken), owner.company(first) as tx:
        tx.later(ADD_NAMED, id=-1, name="of nobody")
        tx.flush()
    with pytest.raises(ZeroDivisionError), owner.company(first) as tx:
        tx.later(ADD_NAMED, id=first, name="Köln")
        raise ZeroDivisionError
    with owner.company(first) as tx:
        assert sites_of(tx, first) == before


def test_a_kept_statement_is_planned_once_a_connection_whatever_became_of_its_first_transaction(
    owner: Database, two_companies: tuple[int, int]
) -> None:
    first, _ = two_companies
    add = Kept("INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, :name, replace('3%0', '%', ''))")
    with owner.company(first) as tx:
        before = sites_of(tx, first)
    with pytest.raises(ZeroDivisionError), owner.company(first) as tx:
        tx.later(add, id=first, name="never said")
        raise ZeroDivisionError
    with pytest.raises(RuleBroken), owner.company(first) as tx:
        tx.later(ADD_NAMED, id=-1, name="of nobody")
        tx.execute(add, id=first, name="not kept")
    for name in ("Köln 100 % :id 'x'", "Z last"):
        with pytest.raises(RuleBroken), owner.company(first) as tx:
            tx.later(add, id=first, name="not kept")
            tx.execute(add, id=-1, name="of nobody")
        with owner.company(first) as tx:
            tx.later(add, id=first, name=name)
            assert tx.execute(add, id=first, name=f"{name} twice") == 1
    with owner.company(first) as tx:
        added = ["Köln 100 % :id 'x'", "Köln 100 % :id 'x' twice", "Z last", "Z last twice"]
        assert [name for name in sites_of(tx, first) if name not in before] == added
        # One of the message that failed behind it, and the one in use.
        assert len(tx.rows("SELECT name FROM pg_prepared_statements")) == 2


def test_a_kept_statement_sees_the_company_of_its_transaction(
    reader: Database, two_companies: tuple[int, int]
) -> None:
    sites = Kept("SELECT company_id FROM directory.sites WHERE area_code = :code")
    for _ in range(10):     # from the sixth on the plan is one for any parameters (PostgreSQL, PREPARE)
        for company_id in two_companies:
            with reader.company(company_id) as tx:
                assert {row.company_id for row in tx.rows(sites, code="30")} == {company_id}


def test_many_more_than_one_message_takes_are_all_said(owner: Database, two_companies: tuple[int, int]) -> None:
    first, _ = two_companies
    with owner.company(first) as tx:
        for number in range(450):
            tx.later(ADD_NAMED, id=first, name=f"many {number:03}")
        with tx.driver_cursor() as cursor:
            cursor.execute("SELECT count(*) FROM directory.sites WHERE name LIKE 'many%'")
            assert cursor.fetchone() == (450,)
        tx.execute_many("DELETE FROM directory.sites WHERE company_id = :id AND name = :name",
                        [{"id": first, "name": f"many {number:03}"} for number in range(450)])
        assert not [name for name in sites_of(tx, first) if name.startswith("many")]


def test_a_transaction_whose_connection_died_says_so_and_the_next_is_well(owner: Database) -> None:
    for _ in range(3):
        with owner.platform() as tx:
            tx.one("SELECT 1 AS one")
    with pytest.raises(DatabaseUnavailable), owner.platform() as tx:
        with suppress(psycopg2.Error):
            tx.one("SELECT pg_terminate_backend(pg_backend_pid())")
        tx.one("SELECT 1 AS one")
    with pytest.raises(DatabaseUnavailable), owner.platform() as tx, suppress(DatabaseUnavailable):
        tx.one("SELECT pg_terminate_backend(pg_backend_pid())")
    with owner.platform() as tx:
        assert tx.one("SELECT 1 AS one").one == 1


# In a process of its own: what migrates in this one makes SQLAlchemy teach the driver, too.
_A_UUID = """
import sys, uuid
from shared import patched
from shared.database import Database
database = Database(sys.argv[1])
one = uuid.uuid4()
with database.platform() as tx:
    row = tx.one("SELECT :one AS one, ARRAY[:one] AS several", one=one)
assert (row.one, row.several) == (one, [one]), row
assert database.call("SELECT :one AS one", one=one)[0].one == one
"""


def test_uuids_go_there_and_back(admin_database_url: str) -> None:
    subprocess.run([sys.executable, "-c", _A_UUID, admin_database_url], check=True, timeout=60)


def test_nothing_is_kept_after_an_error_that_was_passed_over(
    owner: Database, two_companies: tuple[int, int]
) -> None:
    first, _ = two_companies
    with pytest.raises(DatabaseError, match="nothing was kept"), owner.company(first) as tx:
        tx.execute(ADD_NAMED, id=first, name="Köln")
        with suppress(psycopg2.Error):
            tx.execute("SELECT nonsense")
    with owner.company(first) as tx:
        assert "Köln" not in sites_of(tx, first)
        with suppress(psycopg2.ProgrammingError):
            tx.execute("SELECT :what", what=object())
        assert "Köln" not in sites_of(tx, first), "said outside the company"
