import json
import subprocess
import sys
from pathlib import Path

import pytest

from operations.story_report import ROWS, merge, proves

ROOT = Path(__file__).resolve().parents[2]

STORIES = """
import pytest
from operations.story_report import proves

@proves("R1", "R9")
def test_good(): pass

@proves("R9")
def test_bad(): assert False

@proves("P1")
def test_left_out(): pytest.skip("not today")

@pytest.fixture
def broken(): raise RuntimeError("no telephone")

@proves("V1")
def test_whose_telephones_fail(broken): pass

@proves("V3")
def test_well(): pass

def test_of_a_function(): pass
"""


def report_of(tmp_path: Path) -> Path:
    (tmp_path / "test_stories.py").write_text(STORIES)
    file = tmp_path / "report.json"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "operations.story_report", "-c", str(ROOT / "pyproject.toml"),
         f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT, env={"PBX_STORY_REPORT": str(file), "PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    return file


def test_a_row_passes_only_where_every_story_that_names_it_passes(tmp_path: Path) -> None:
    file = report_of(tmp_path)
    found = merge({"simulator": [file], "freeswitch": None}, None)
    assert found["switches"] == {"simulator": {"passed": 2, "failed": 2, "skipped": 1}, "freeswitch": None}
    rows = found["rows"]
    assert rows["R1"] == {"simulator": "passed", "freeswitch": "missing"}
    assert rows["R9"]["simulator"] == "failed"
    assert rows["V1"]["simulator"] == "failed"
    assert rows["P1"]["simulator"] == "missing"
    assert rows["V3"]["simulator"] == "passed"
    assert rows["X7"]["simulator"] == "missing"
    assert set(rows) == set(ROWS)


def test_the_version_stands_beside_the_real_switch(tmp_path: Path) -> None:
    file = tmp_path / "stories.json"
    file.write_text(json.dumps({"stories": []}))
    found = merge({"simulator": [file], "freeswitch": [file]}, "1.11.2")
    assert found["switches"]["freeswitch"]["version"] == "1.11.2"
    assert "version" not in found["switches"]["simulator"]


def test_what_two_suites_told_counts_together(tmp_path: Path) -> None:
    files = []
    for outcome in ("passed", "failed"):
        files.append(tmp_path / f"{outcome}.json")
        files[-1].write_text(json.dumps({"stories": [{"story": outcome, "rows": ["R1"], "outcome": outcome}]}))
    found = merge({"simulator": files, "freeswitch": None}, None)
    assert found["switches"]["simulator"] == {"passed": 1, "failed": 1, "skipped": 0}
    assert found["rows"]["R1"]["simulator"] == "failed"


def test_each_file_is_told_by_one_of_those_who_share(tmp_path: Path) -> None:
    until_both_have_begun = (
        "import os, pathlib, time\n"
        "ends_at = time.monotonic() + 20\n"
        "def wait():\n"
        f"    here = pathlib.Path({str(tmp_path / 'begun')!r})\n"
        "    here.mkdir(exist_ok=True)\n"
        "    (here / str(os.getpid())).touch()\n"
        "    while len(list(here.iterdir())) < 2 and time.monotonic() < ends_at:\n"
        "        time.sleep(0.05)\n")
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text(
            until_both_have_begun + "".join(f"def test_{name}{n}(): wait()\n" for n in range(2)))
    both = [subprocess.Popen(
        [sys.executable, "-m", "pytest", "-v", "-p", "operations.shares", "-c", str(ROOT / "pyproject.toml"),
         f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT, env={"PBX_SHARES": str(tmp_path / "shares"), "PBX_SHARE": f"{number}/2", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, text=True) for number in (1, 2)]
    said = [one.communicate(timeout=30)[0].splitlines() for one in both]
    told = [[line.split()[0].rpartition("/")[2] for line in lines if " PASSED " in line] for lines in said]
    assert sorted(told[0] + told[1]) == [f"test_{name}.py::test_{name}{n}" for name in "abc" for n in range(2)]
    assert all(told), "none is left without a story"


def test_a_row_that_does_not_exist_cannot_be_proved() -> None:
    with pytest.raises(ValueError, match="R99"):
        proves("R99")
