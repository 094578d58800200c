"""Word of changes: what is read for it, and that nothing heard is forgotten."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from services.presence.tables import MOST_PEOPLE, TablesFollowed
from shared.database import DatabaseUnavailable


class Tables:
    def __init__(self) -> None:
        self.read: list[object] = []
        self.away = False
        self.followed = TablesFollowed(read_all=self.read_all, read_some=self.read_some)

    def read_all(self) -> None:
        self._read("all")

    def read_some(self, company_id: int, people: Collection[int] | None) -> None:
        self._read((company_id, None if people is None else sorted(people)))

    def _read(self, what: object) -> None:
        if self.away:
            raise DatabaseUnavailable("away")
        self.read.append(what)

    def hear(self, *words: str) -> list[object]:
        for word in words:
            self.followed.heard(word)
        self.followed.work()
        read, self.read = self.read, []
        return sorted(read, key=str)


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_whom_it_concerns_is_read_once(tables: Tables):
    assert tables.hear("7/21", "7/22", "8/31", "7/21") == [(7, [21, 22]), (8, [31])]
    assert tables.hear() == []


def test_a_company_covers_its_people(tables: Tables):
    assert tables.hear("7/21", "7/", "7/22") == [(7, None)]


def test_many_people_are_read_as_their_company(tables: Tables):
    assert tables.hear(*(f"7/{one}" for one in range(1, MOST_PEOPLE + 2))) == [(7, None)]


def test_after_a_gap_everything_is_read(tables: Tables):
    tables.followed.heard("7/21")
    tables.followed.gap()
    assert tables.hear() == ["all"]
    assert tables.hear() == []


@pytest.mark.parametrize("word", ["", "/", "7", "0/1", "7/x", "7/21/3", "-7/1", "7/21 ", "9" * 30 + "/"])
def test_anything_else_is_no_word(tables: Tables, word: str):
    assert tables.hear(word) == []


@pytest.mark.parametrize("gap", [False, True])
def test_what_could_not_be_read_is_read_when_the_database_is_back(tables: Tables, gap: bool):
    tables.away = True
    if gap:
        tables.followed.gap()
    with pytest.raises(DatabaseUnavailable):
        tables.hear("7/21", "8/31")
    tables.away = False
    assert tables.hear() == ["all"] if gap else tables.hear()[:1] == ["all"]
