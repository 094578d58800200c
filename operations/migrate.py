"""Brings a database's schema up or down: `python -m operations.migrate up|down|status [revision]`.

A migration is two files of plain SQL, migrations/versions/<id>.up.sql and <id>.down.sql, run as they
are, in the order of their ids, each in a transaction of its own. Alembic keeps the book; its revision
modules are made here, in memory, from the files, so that there is nothing to read but SQL.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg2
import sqlalchemy.exc
from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from operations.places import ROOT
from operations.screen import Trouble

MIGRATIONS = ROOT / "migrations"


def _run_sql(file: Path) -> None:
    # Past SQLAlchemy, so that % and : stand for themselves.
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(file.read_text())
    finally:
        cursor.close()


def _revision_module(up_file: Path, after: str | None) -> ModuleType:
    name = up_file.name.removesuffix(".up.sql")
    module: Any = ModuleType(name, f"{name}\n\nmade from {up_file.name}")
    module.revision, module.down_revision = name, after
    module.upgrade = lambda: _run_sql(up_file)
    module.downgrade = lambda: _run_sql(up_file.with_name(name + ".down.sql"))
    made: ModuleType = module
    return made


class SqlFiles(ScriptDirectory):
    """Alembic's view of the folder: one revision per pair of files."""

    def _load_revisions(self) -> Iterator[Script]:
        before = None
        for up_file in sorted(Path(self.dir, "versions").glob("*.up.sql")):
            module = _revision_module(up_file, before)
            yield Script(module, module.revision, str(up_file))
            before = module.revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _run(url: str, steps: Any, **options: Any) -> None:
    os.environ["PBX_MIGRATION_URL"] = url
    config = _config()
    script = SqlFiles(str(MIGRATIONS))
    try:
        with EnvironmentContext(config, script, fn=steps, **options):
            script.run_env()
    except sqlalchemy.exc.OperationalError as error:
        raise Trouble(f"The database does not answer: {str(error.orig).strip().splitlines()[0]}",
                      "start it with `make up`") from error
    except CommandError as error:
        raise Trouble(f"The database cannot be migrated by these files: {error}",
                      "it was made by other ones; check out those, or begin with an empty database") from error
    except (psycopg2.Error, sqlalchemy.exc.DBAPIError) as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise Trouble(f"The migration failed and was rolled back: {first}",
                      "see migrations/versions/") from error
    finally:
        del os.environ["PBX_MIGRATION_URL"]


def up(url: str, revision: str = "head") -> None:
    script = SqlFiles(str(MIGRATIONS))
    _run(url, lambda rev, _: script._upgrade_revs(revision, rev), destination_rev=revision)


def down(url: str, revision: str = "base") -> None:
    script = SqlFiles(str(MIGRATIONS))
    _run(url, lambda rev, _: script._downgrade_revs(revision, rev), destination_rev=revision)


def current(url: str) -> str | None:
    found: list[str | None] = []

    def look(_: object, context: MigrationContext) -> list[Any]:
        found.append(context.get_current_revision())
        return []

    _run(url, look)
    return found[0]


def newest() -> str | None:
    return SqlFiles(str(MIGRATIONS)).get_current_head()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m operations.migrate", description=__doc__)
    parser.add_argument("what", choices=["up", "down", "status"])
    parser.add_argument("revision", nargs="?")
    parser.add_argument("--url", default=os.environ.get("PBX_ADMIN_DATABASE_URL"),
                        help="the owner's login; PBX_ADMIN_DATABASE_URL if not given")
    given = parser.parse_args()
    if not given.url:
        sys.exit("PBX_ADMIN_DATABASE_URL is not set: say with --url which database")
    try:
        if given.what == "up":
            up(given.url, given.revision or "head")
        elif given.what == "down":
            down(given.url, given.revision or "-1")
        print(f"{current(given.url) or 'empty'} (newest: {newest()})")
    except Trouble as trouble:
        sys.exit(f"Stopped: {trouble}")


if __name__ == "__main__":
    main()
