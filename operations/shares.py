"""Several runs of pytest tell the same stories together: each takes the next file nobody has taken.

A pytest plugin (loaded by tests/conftest.py). With PBX_SHARES set to a folder, the runs that share it divide the files
they all collected: a file is taken by who first makes an entry of its name there. PBX_SHARE=2/4 is the second of four:
it begins a quarter down the list, so that neighbours, which often share what is slow to make, stay together.
"""

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = os.environ.get("PBX_SHARES")
    if folder:
        number, _, of = os.environ["PBX_SHARE"].partition("/")
        config.pluginmanager.register(_Share(Path(folder), int(number) - 1, int(of)))


class _Share:
    def __init__(self, folder: Path, number: int, of: int) -> None:
        self._folder = folder
        self._number = number
        self._of = of

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """As pytest's own (_pytest/main.py), of the files taken. One story ahead, for pytest tears down what the
        next one does not need."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        taken = self._taken(session.items)
        item = next(taken, None)
        while item is not None:
            following = next(taken, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True

    def _taken(self, items: list[pytest.Item]) -> Iterator[pytest.Item]:
        self._folder.mkdir(parents=True, exist_ok=True)
        files = [(file, list(of_file)) for file, of_file in groupby(items, key=lambda item: item.path)]
        begins_at = len(files) * self._number // self._of
        for file, of_file in (*files[begins_at:], *files[:begins_at]):
            place = file.relative_to(items[0].config.rootpath).with_suffix("")
            try:
                (self._folder / "-".join(place.parts)).touch(exist_ok=False)
            except FileExistsError:
                continue
            yield from of_file
