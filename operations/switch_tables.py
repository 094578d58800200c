"""Tells SQLite which columns of mod_sofia's tables tell one row from another.

mod_sofia makes an index for nearly every column (sofia_glue.c, sofia_glue_init_sql) and never has them counted, so
SQLite takes one as good as the other: of who watches an extension it reads every subscription of the profile, once to
write and once to read, for each lamp (seen with 1,600 subscriptions: 1.4 ms each time; told, 0.2 ms). SQLite keeps
its counts in a table anybody may write (SQLite's documentation, sqlite_stat1). They stand here and
do not have to be right, only right about which column is worth looking by.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from operations.screen import say

ROWS = 10_000
# Column an index begins with -> how many rows share a value. Of every other: all of them.
ROWS_OF_A_VALUE = {
    "call_id": 1, "uuid": 1, "nonce": 1, "contact": 2, "contact_str": 2, "full_from": 2, "sip_user": 2,
    "sip_username": 2, "mwi_user": 2, "sub_to_user": 8, "sip_from_user": 2, "presence_id": 2, "sip_to_tag": 1,
    "sip_from_tag": 1, "subscriber": 2, "aor": 2,
}


def tell_sqlite(folder: Path) -> None:
    """Of every profile's database in this folder; the switch may be running. Those told before stay as they are."""
    for file in sorted(folder.glob("sofia_reg_*.db")):
        try:
            with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as connection:
                _tell(connection)
        except sqlite3.Error as error:      # slower lamps are no reason not to start
            say(f"  SQLite was not told about {file.name} ({error}): lamps of many telephones are slower")


def _tell(connection: sqlite3.Connection) -> None:
    indexes = connection.execute(
        "SELECT m.tbl_name, m.name, (SELECT count(*) FROM pragma_index_info(m.name)) AS columns,"
        " (SELECT name FROM pragma_index_info(m.name) WHERE seqno = 0) AS first_column"
        " FROM sqlite_master m WHERE m.type = 'index' AND m.tbl_name LIKE 'sip\\_%' ESCAPE '\\'"
        " ORDER BY m.name").fetchall()
    counts = sorted(
        (table, name, " ".join([str(ROWS), *[str(ROWS_OF_A_VALUE.get(first, ROWS))] * columns]))
        for table, name, columns, first in indexes)
    if _told(connection) == counts:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Makes the table where there is none, and lets connections that are open read it anew.
    connection.execute("ANALYZE")
    connection.execute("DELETE FROM sqlite_stat1")
    connection.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", counts)
    connection.execute("COMMIT")


def _told(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    try:
        return sorted(connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall())
    except sqlite3.OperationalError:
        return []
