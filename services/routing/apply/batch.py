"""Statements whose answer nobody waits for, sent many at a time: what makes ten thousand people's settings quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.database import Row, Transaction


class Batch(Transaction):
    """A transaction whose execute() goes out with the next ones; a question sends what waits first.

    execute() answers 1: the number of rows is not known yet.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx       # says everything: there is one transaction, begun once

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        return self._tx.rows(sql, **parameters)

    def execute(self, sql: str, **parameters: Any) -> int:
        self._tx.later(sql, **parameters)
        return 1

    def later(self, sql: str, **parameters: Any) -> None:
        self._tx.later(sql, **parameters)

    def flush(self) -> None:
        self._tx.flush()

    def execute_many(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        for one in parameters:
            self._tx.later(sql, **one)

    @contextmanager
    def driver_cursor(self) -> Iterator[Any]:
        with self._tx.driver_cursor() as cursor:
            yield cursor
