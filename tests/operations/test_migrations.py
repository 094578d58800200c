"""The migrations as SQL files, up and down on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from operations import migrate
from operations.screen import Trouble
from operations.testing import ScratchDatabase, scratch_database

VERSIONS = migrate.MIGRATIONS / "versions"


@pytest.fixture
def empty() -> Iterator[ScratchDatabase]:
    with scratch_database(migrated=False) as database:
        yield database


def what_is_there(url: str) -> list[tuple[str, ...]]:
    """Every table, view, function, column and policy outside PostgreSQL's own schemas."""
    own = "NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"""
                SELECT 'column', table_schema, table_name, column_name, data_type FROM information_schema.columns
                WHERE table_schema {own} AND table_name <> 'schema_version'
                UNION ALL SELECT 'function', n.nspname, p.proname, '', pg_get_function_identity_arguments(p.oid)
                FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname {own}
                UNION ALL SELECT 'policy', schemaname, tablename, policyname, '' FROM pg_policies
                UNION ALL SELECT 'grant', table_schema, table_name, grantee, privilege_type
                FROM information_schema.role_table_grants
                WHERE table_schema {own} AND table_name <> 'schema_version'
                UNION ALL SELECT 'schema', nspname, '', '', '' FROM pg_namespace
                WHERE nspname {own} AND nspname NOT LIKE 'pg_%'
                ORDER BY 1, 2, 3, 4, 5""")
            return list(cursor.fetchall())
    finally:
        connection.close()


def test_every_migration_has_both_directions_and_the_ids_form_one_chain() -> None:
    up = [file.name.removesuffix(".up.sql") for file in sorted(VERSIONS.glob("*.up.sql"))]
    down = [file.name.removesuffix(".down.sql") for file in sorted(VERSIONS.glob("*.down.sql"))]
    assert up == down
    assert [name[:4] for name in up] == [f"{number:04}" for number in range(1, len(up) + 1)]


def test_each_step_down_restores_what_was_there_before_the_step_up(empty: ScratchDatabase) -> None:
    before: dict[str | None, list[tuple[str, ...]]] = {None: what_is_there(empty.admin_url)}
    names = [file.name.removesuffix(".up.sql") for file in sorted(VERSIONS.glob("*.up.sql"))]
    for name in names:
        migrate.up(empty.admin_url, name)
        assert migrate.current(empty.admin_url) == name
        before[name] = what_is_there(empty.admin_url)
    for name, previous in reversed(list(zip(names, [None, *names], strict=False))):
        migrate.down(empty.admin_url, "-1")
        assert migrate.current(empty.admin_url) == previous
        assert what_is_there(empty.admin_url) == before[previous], f"{name}.down.sql leaves something behind"


def test_going_up_twice_changes_nothing(empty: ScratchDatabase) -> None:
    migrate.up(empty.admin_url)
    first = what_is_there(empty.admin_url)
    migrate.up(empty.admin_url)
    assert what_is_there(empty.admin_url) == first


def test_a_migration_that_fails_leaves_nothing_behind(
    empty: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (tmp_path / "env.py").write_text((migrate.MIGRATIONS / "env.py").read_text())
    (versions / "0001_good.up.sql").write_text("CREATE TABLE good (percent text DEFAULT '100 % :sure');")
    (versions / "0001_good.down.sql").write_text("DROP TABLE good;")
    (versions / "0002_bad.up.sql").write_text("CREATE TABLE half (x int); SELECT nonsense;")
    (versions / "0002_bad.down.sql").write_text("DROP TABLE half;")
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    with pytest.raises(Trouble, match=r"rolled back.*nonsense"):
        migrate.up(empty.admin_url)
    assert migrate.current(empty.admin_url) == "0001_good"
    assert {row[2] for row in what_is_there(empty.admin_url) if row[0] == "column"} == {"good"}


def test_a_database_of_other_migrations_is_refused_in_words(empty: ScratchDatabase) -> None:
    migrate.up(empty.admin_url)
    connection = psycopg2.connect(empty.admin_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE schema_version SET version_num = '0099_from_the_future'")
    connection.close()
    with pytest.raises(Trouble, match=r"cannot be migrated by these files.*0099_from_the_future"):
        migrate.up(empty.admin_url)
