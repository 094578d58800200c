"""Which rows of the specification the stories prove: `@proves("R1", "R9")`, and the report they end in.

A pytest plugin (loaded by tests/conftest.py). With PBX_STORY_REPORT set to a file it writes there, at the end of the
session, what each story did; merge() makes var/report/scenarios.json of such files of each switch. A row
passes on a switch when every story that names it passed there.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from operations.secrets_file import write_private

# Every row of the product, so that the report names those nobody proves.
ROWS = tuple(
    f"{family}{number}" for family, count in (
        ("N", 8), ("R", 15), ("O", 5), ("G", 10), ("S", 6), ("E", 5), ("C", 7), ("A", 5), ("M", 3), ("V", 6), ("P", 5),
        ("L", 2), ("F", 1), ("X", 7),
    ) for number in range(1, count + 1)
)


def proves(*rows: str) -> pytest.MarkDecorator:
    """The story shows that these rows of the specification hold."""
    unknown = [row for row in rows if row not in ROWS]
    if unknown or not rows:
        raise ValueError(f"there is no row {', '.join(unknown) or '(none given)'} in the specification")
    return pytest.mark.proves(*rows)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proves(rows…): the rows of the specification that this story shows")
    file = os.environ.get("PBX_STORY_REPORT")
    if file:
        config.pluginmanager.register(_Recorder(Path(file)))


class _Recorder:
    """A story is what carries a `proves` mark. Its set-up and its end count as the story itself."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: dict[str, tuple[str, ...]] = {}
        self.outcomes: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            rows = tuple(row for mark in item.iter_markers("proves") for row in mark.args)
            if rows:
                self.rows[item.nodeid] = rows

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self.rows:
            known = self.outcomes.get(report.nodeid, "passed")
            # pytest calls an expected failure "skipped", which is what it proves
            self.outcomes[report.nodeid] = report.outcome if known == "passed" else known

    def pytest_sessionfinish(self) -> None:
        stories = [{"story": name, "rows": list(self.rows[name]), "outcome": outcome}
                   for name, outcome in self.outcomes.items()]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self.file, json.dumps({"stories": stories}, indent=1))


def merge(by_switch: Mapping[str, Sequence[Path] | None], version: str | None) -> dict[str, Any]:
    """The report over both switches; None for a switch that is not on this machine."""
    switches: dict[str, Any] = {}
    rows: dict[str, dict[str, str]] = {row: {} for row in ROWS}
    for switch, files in by_switch.items():
        stories = [story for file in files or () if file.exists() for story in json.loads(file.read_text())["stories"]]
        outcomes = [story["outcome"] for story in stories]
        switches[switch] = None if files is None else {
            "passed": outcomes.count("passed"), "failed": outcomes.count("failed"),
            "skipped": outcomes.count("skipped"), **({"version": version} if switch == "freeswitch" else {})}
        for row in ROWS:
            of_row = {story["outcome"] for story in stories if row in story["rows"]}
            rows[row][switch] = "failed" if "failed" in of_row else "passed" if of_row == {"passed"} else "missing"
    return {"switches": switches, "rows": rows}
