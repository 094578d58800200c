"""`make test`: lint, the tests that need no suite, then every story on each switch of this machine. Several runs of
pytest share the tests (shares.py), and both switches are told their stories at the same time: tests mostly wait, for
processes, rings, words that are spoken.

    make test                      everything
    ./operations/run test -k lamp  the same, only what pytest selects by these words

Leaves var/report/: scenarios.json, and one JUnit file and log per part. Each part's suite is made anew and
stopped afterwards; the one of `make up` is left alone.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from operations import instance, lint, prompts, servers, story_report
from operations.places import REPORT, ROOT, VENV_PYTHON
from operations.screen import Trouble, complain, say, step

STORIES = "tests/scenarios"
"""Needs a running suite."""
SHARES_WITHOUT_SUITE = 4
SUITES = {"simulator": 2, "freeswitch": 3}
"""How many tell the stories of a switch together; a real switch takes its time."""
NOTHING_COLLECTED = 5
NAMES = {"simulator": "the simulator", "freeswitch": "FreeSWITCH"}


@dataclass(frozen=True)
class Part:
    name: str
    status: int
    closing_line: str
    seconds: float
    selected: bool              # by words of the caller's, so it may be that none is left

    @property
    def well(self) -> bool:
        return self.status == 0 or (self.selected and self.status == NOTHING_COLLECTED)


def main(words: list[str]) -> int:
    began = time.monotonic()
    shutil.rmtree(REPORT, ignore_errors=True)
    REPORT.mkdir(parents=True)
    servers.start()
    prompts.make_prompts()
    say("Lint")
    lint_status = lint.main([])
    real = instance.find_freeswitch()
    version = freeswitch_version(real) if real else None
    say("\nTests that need no suite" + ("" if real else " (no FreeSWITCH here: what needs one is left out)"))
    parts = run_what_needs_no_suite(words)
    switches = ("simulator", "freeswitch") if real else ("simulator",)
    parts += run_stories(switches, words)
    report = story_report.merge(
        {switch: list(REPORT.glob(f"stories-test-{switch}*.json")) if switch in switches else None
         for switch in NAMES}, version)
    (REPORT / "scenarios.json").write_text(json.dumps(report, indent=1) + "\n")
    return closing(report, parts, lint_status, time.monotonic() - began)


def run_what_needs_no_suite(words: list[str]) -> list[Part]:
    with ThreadPoolExecutor() as together:
        told = [
            together.submit(run_pytest, f"without-suite-{number}", ["tests", f"--ignore={STORIES}"], words,
                            shares("without-suite", number, SHARES_WITHOUT_SUITE), shown=number == 1)
            for number in range(1, SHARES_WITHOUT_SUITE + 1)]
        parts = [one.result() for one in told]
    for part in parts[1:]:
        say(f"\n{part.name}\n" + (REPORT / f"{part.name}.log").read_text())
    return parts


def shares(what: str, number: int, of: int) -> Mapping[str, str]:
    return {"PBX_SHARES": str(REPORT / f"shares-{what}"), "PBX_SHARE": f"{number}/{of}"}


def run_stories(switches: Sequence[str], words: list[str]) -> list[Part]:
    """On suites made for it, several for each switch, all side by side. Those of the last one are shown as they are
    told."""
    say("\nStories on " + " and ".join(NAMES[switch] for switch in switches))
    suites: list[instance.Instance] = []
    parts = []
    try:
        for switch in switches:
            for share in range(SUITES[switch]):
                name = f"test-{switch}" + (f"-{share + 1}" if share else "")
                try:
                    with step(f"making the suite {name}"):
                        suite = instance.create(name, switch=switch, fresh=True)
                    suites.append(suite)
                    instance.start(suite, progress=step)
                except Trouble as trouble:
                    complain(trouble)
                    parts.append(Part(name, 1, f"the suite did not start: {trouble}", 0, False))
        running = [suite for suite in suites if suite.name not in {part.name for part in parts}]
        with ThreadPoolExecutor(max(1, len(running))) as together:
            told = [together.submit(_tell, suite, words, _share_of(suite, running), shown=suite is running[-1])
                    for suite in running]
            parts += [one.result() for one in told]
    finally:
        for suite in suites:
            instance.stop(suite)
    return parts


def story_file(name: str) -> Path:
    return REPORT / f"stories-{name}.json"


def _share_of(suite: instance.Instance, running: Sequence[instance.Instance]) -> Mapping[str, str]:
    together = [one for one in running if one.switch == suite.switch]
    return shares(suite.switch, together.index(suite) + 1, len(together))


def _tell(suite: instance.Instance, words: list[str], share: Mapping[str, str], *, shown: bool) -> Part:
    more = {"PBX_TEST_INSTANCE": suite.name, "PBX_STORY_REPORT": str(story_file(suite.name)), **share}
    part = run_pytest(suite.name, [STORIES], words, more, shown=shown)
    if not shown:
        say(f"\n\nStories on {suite.name}\n" + (REPORT / f"{suite.name}.log").read_text())
    if not part.well:
        say(f"  The logs of this run: {suite.run}/logs")
    return part


def run_pytest(
    name: str, folders: Sequence[str], words: list[str], more: Mapping[str, str], *, shown: bool = True,
) -> Part:
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PBX_") or key == "PBX_PORTS"}
    process = subprocess.Popen(
        [VENV_PYTHON, "-m", "pytest", "-q", f"--junitxml={REPORT}/{name}.xml", *folders, *words], cwd=ROOT,
        env={**environment, **more, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True, errors="replace",
    )
    assert process.stdout is not None
    closing_line = ""
    with (REPORT / f"{name}.log").open("w") as log:
        for line in process.stdout:
            if shown:
                sys.stdout.write(line)
                sys.stdout.flush()
            log.write(line)
            if " in " in line and line.rstrip("= \n").endswith(("s", ")")):
                closing_line = line.strip().strip("= ")
    return Part(name, process.wait(), closing_line, time.monotonic() - began, bool(words))


def freeswitch_version(program: str) -> str | None:
    done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=20)
    words = done.stdout.split()
    # FreeSWITCH version: 1.11.2-release~64bit (-release 64bit)
    return words[2].split("~")[0] if done.stdout.startswith("FreeSWITCH version:") else None


def closing(report: Mapping[str, Mapping[str, Mapping[str, str]]], parts: list[Part], lint_status: int,
            seconds: float) -> int:
    say("\nRows of the specification that the stories prove (var/report/scenarios.json)")
    for switch in report["switches"]:
        proved = [row for row, found in report["rows"].items() if found[switch] == "passed"]
        failed = [row for row, found in report["rows"].items() if found[switch] == "failed"]
        if report["switches"][switch] is None:
            say(f"  {switch:12} not on this machine")
        else:
            say(f"  {switch:12} passed: {' '.join(proved) or 'none'}"
                + (f"   FAILED: {' '.join(failed)}" if failed else ""))
    say(f"\nlint: {'failed' if lint_status else 'ok'}, {seconds / 60:.1f} minutes in all")
    for part in parts:
        say(f"{part.name}: {part.closing_line or f'pytest ended with status {part.status}'}")
    return 0 if lint_status == 0 and all(part.well for part in parts) else 1
