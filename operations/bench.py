"""`make bench`: what the suite costs and how fast it is, into var/report/bench.json; beside each figure of ours
stands its peer's, measured in the same run. Takes about half an hour; nothing else should run meanwhile.

    ./operations/run bench few      a short run, to see that all of it works; no measurement
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable
from typing import Any

from operations import instance, prompts, servers
from operations.places import REPORT, ROOT, VENV_PYTHON
from operations.screen import Trouble, say, step
from operations.test_run import freeswitch_version


def main(words: list[str]) -> int:
    few = words == ["few"]
    if words and not few:
        raise Trouble(f"`make bench` does not know {words[0]!r}", "leave it out, or say few")
    real = instance.find_freeswitch()
    servers.start()
    prompts.make_prompts()
    found: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "cpu": _cpu(), "python": platform.python_version(),
                    "freeswitch": freeswitch_version(real) if real else None},
        "measured": not few,
    }
    if instance.load("dev").supervisor.alive() if (instance.run_folder("dev") / "env").exists() else False:
        say("  The suite of `make up` is running and takes part of the machine: `make down` first for good figures.")
    short = ["--short"] if few else []
    measures: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("a decision", _decision),
        ("a call's look-up among a thousand people and a million", lambda: _lookup(few)),
        ("a company of 10,000 people from a file", lambda: _apply(few)),
        ("events a second, and memory in a flood", _events),
    ]
    if real:
        measures += [
            ("clicks: how fast taken, how soon the telephone is called", lambda: _apart("click", *short)),
            ("calls at 20 a second, through routing and past it", lambda: _apart("routing_setup", *short)),
            ("the most calls a second, through routing and past it",
             lambda: _apart("routing_setup", "--capacity", *short)),
            ("from a caller's hang-up to the mail", lambda: _apart("voicemail", *(["4"] if few else []))),
            ("lamps of 200 handsets and 1,000 pages", lambda: _apart("lamps", *short)),
        ]
    else:
        say("  There is no FreeSWITCH on this machine: what needs one is left out.")
    failed = 0
    for what, measure in measures:
        try:
            with step(what):
                found |= measure()
        except Exception as error:      # whatever one measure meets, the others still count
            failed += 1
            say(f"  no figure: {' '.join(str(error).split())[:300] or type(error).__name__}")
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    say(json.dumps(found, indent=1))
    say("  written to var/report/bench.json")
    return 1 if failed else 0


def _events() -> dict[str, Any]:
    from tests.bench import events

    return events.figures()


def _decision() -> dict[str, Any]:
    from tests.bench import decision

    return decision.measure()


def _lookup(few: bool) -> dict[str, Any]:
    from tests.bench import lookup

    return lookup.measure((1_000, 5_000)) if few else lookup.measure()


def _apply(few: bool) -> dict[str, Any]:
    from tests.bench import apply

    return apply.measure(200) if few else apply.measure()


def _apart(module: str, *words: str, limit_s: float = 1800) -> dict[str, Any]:
    """Measured in a process of its own, whose sockets are gevent's from the first import on; its last line is JSON."""
    done = subprocess.run([str(VENV_PYTHON), "-m", f"tests.bench.{module}", *words], cwd=ROOT,
                          stdout=subprocess.PIPE, text=True, timeout=limit_s, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cpu() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()
