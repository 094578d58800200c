"""What the stories of feature codes share: dialling, hearing, and what is set over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.scenarios.spoken import says_in_full, starts_hearing
from tests.scenarios.stage import Stage

LANGUAGE = {"bernd": "en"}
"""Everybody else of the demo company has German."""


def dials(stage: Stage, *codes: tuple[str, str, Sequence[str]]) -> None:
    """(who, what he dials, prompts he hears): each in his own language, to the end.

    The next is dialled when the one before is answered, so when it is done already; only the listening overlaps.
    """
    for who in {who for who, _, _ in codes}:
        stage.telephones[who].register()
    dialled = []
    for who, code, prompts in codes:
        call = stage.telephones[who].dial(code)
        dialled.append((call, starts_hearing(call), who, prompts))
    for call, recording, who, prompts in dialled:
        says_in_full(call, recording, LANGUAGE.get(who, "de"), prompts)


def setting(stage: Stage, who: str, name: str) -> Any:
    answer = stage.http("routing", "GET", f"/v1/settings/{name}", token=who)
    assert answer.status == 200, answer.body
    return answer.body


def change(stage: Stage, who: str, name: str, changes: Any) -> Any:
    answer = stage.http("routing", "PATCH", f"/v1/settings/{name}", token=who, json_body=changes)
    assert answer.status == 200, answer.body
    return answer.body


def digits(number: str) -> tuple[str, ...]:
    return tuple(f"number-{digit}" for digit in number)


@contextmanager
def as_before(stage: Stage, who: str, *names: str) -> Iterator[None]:
    """These settings are put back afterwards, by the owner of the tables: what was never set is unset again."""
    subscriber_id = stage.subscriber_id(who)
    tables = {_TABLE.get(name, "routing.call_settings") for name in names}
    with stage.database.platform() as tx:
        before = {table: tx.rows(f"SELECT * FROM {table} WHERE subscriber_id = :s", s=subscriber_id)
                  for table in tables}
    try:
        yield
    finally:
        with stage.database.platform() as tx:
            for table, rows in before.items():
                tx.execute(f"DELETE FROM {table} WHERE subscriber_id = :s", s=subscriber_id)
                for row in rows:
                    holders = ", ".join(f":{name}" for name in row)
                    tx.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({holders})", **row)


_TABLE = {"forwardings": "routing.forwardings", "speed_dials": "routing.speed_dials"}
