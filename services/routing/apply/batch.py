"""Statements whose answer nobody waits for, sent many at a time: what makes ten thousand people's settings quick."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from shared.database import Row, Transaction

_TOGETHER = 200


class Batch(Transaction):
    """A transaction whose execute() goes out with the next ones; a question sends what waits first.

    execute() answers 1: the number of rows is not known yet.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx       # says everything: there is one transaction, begun once
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        self.flush()
        return self._tx.rows(sql, **parameters)

    def execute(self, sql: str, **parameters: Any) -> int:
        self._waiting.append((_for_driver(sql), parameters))
        if len(self._waiting) >= _TOGETHER:
            self.flush()
        return 1

    def execute_many(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        for one in parameters:
            self.execute(sql, **one)

    @contextmanager
    def driver_cursor(self) -> Iterator[Any]:
        self.flush()
        with self._tx.driver_cursor() as cursor:
            yield cursor

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            with self._tx.driver_cursor() as cursor:
                cursor.execute(b";".join(cursor.mogrify(sql, parameters) for sql, parameters in waiting))


@lru_cache
def _for_driver(sql: str) -> str:
    """:name as psycopg2 writes it; :: stays a cast."""
    return re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))
