"""SQLite looks a lamp up by whom it watches, also in connections that were open before it was told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from operations.switch_tables import tell_sqlite

# Of sofia_glue.c, what the question about a lamp chooses among; in its order, the last made is preferred untold.
COLUMNS = ("proto", "sub_to_user", "sub_to_host", "call_id", "event", "profile_name", "hostname", "version")


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as the switch has them open."""
    with closing(sqlite3.connect(tmp_path / "sofia_reg_internal.db", isolation_level=None)) as connection:
        connection.execute(f"CREATE TABLE sip_subscriptions ({', '.join(COLUMNS)})")
        connection.execute("CREATE INDEX ss_multi ON sip_subscriptions (call_id, profile_name, hostname)")
        for column in COLUMNS:
            connection.execute(f"CREATE INDEX ss_{column} ON sip_subscriptions ({column})")
        yield connection


def way_of(connection: sqlite3.Connection, watched: str) -> str:
    of_lamp = (f"proto = 'lamp' AND hostname = 'h' AND profile_name = 'internal' AND sub_to_user = '{watched}'"
               " AND (event = 'presence' OR event = 'dialog')")
    connection.execute(f"UPDATE sip_subscriptions SET version = version + 1 WHERE {of_lamp}")
    [(_, _, _, way)] = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM sip_subscriptions WHERE {of_lamp}").fetchall()
    return str(way)


def test_a_lamp_is_found_by_whom_it_watches(switch: sqlite3.Connection, tmp_path: Path) -> None:
    assert "sub_to_user" not in way_of(switch, "21-1"), "untold it is found anyway: nothing needs telling"
    tell_sqlite(tmp_path)
    assert "USING INDEX ss_sub_to_user (sub_to_user=?)" in way_of(switch, "21-2")


def test_told_again_nothing_changes_and_a_new_index_is_counted(switch: sqlite3.Connection, tmp_path: Path) -> None:
    tell_sqlite(tmp_path)
    before = switch.execute("PRAGMA schema_version").fetchone()
    told = switch.execute("SELECT * FROM sqlite_stat1 ORDER BY idx").fetchall()
    tell_sqlite(tmp_path)
    assert switch.execute("PRAGMA schema_version").fetchone() == before
    assert ("sip_subscriptions", "ss_multi", "10000 1 1 1") in told
    switch.execute("CREATE INDEX ss_two ON sip_subscriptions (hostname, call_id)")
    tell_sqlite(tmp_path)
    assert ("sip_subscriptions", "ss_two", "10000 10000 10000") in switch.execute(
        "SELECT * FROM sqlite_stat1").fetchall()


def test_where_there_is_no_switch_there_is_nothing_to_tell(tmp_path: Path) -> None:
    tell_sqlite(tmp_path)
    tell_sqlite(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_of_sqlites_is_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sofia_reg_internal.db").write_text("no database at all " * 100)
    tell_sqlite(tmp_path)
    assert "sofia_reg_internal.db" in capsys.readouterr().out
    assert (tmp_path / "sofia_reg_internal.db").read_text() == "no database at all " * 100
