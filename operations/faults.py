"""`make faults`: breaks the suite on purpose, again and again, and counts what was lost or came twice; into
var/report/faults.json. On FreeSWITCH where there is one, else on the simulator; a suite of its own, made anew.

    make faults                       every fault, 100 times each
    make faults F=click COUNT=5       those whose name begins so, five times each

A fault is a function in tests/faults/ that takes Options and gives Outcomes; FAULTS names them.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import dataclasses
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from operations import instance, prompts, servers
from operations.places import REPORT
from operations.screen import Trouble, say

COUNT = 100

# Name, what is broken, and the function that does it.
FAULTS: tuple[tuple[str, str, str], ...] = (
    ("click-worker", "worker killed in the middle of a click", "tests.faults.click:worker_killed"),
    ("click-service", "callback service killed in the middle of a click", "tests.faults.click:service_killed"),
    ("click-switch", "switch killed in the middle of a click", "tests.faults.click:switch_killed"),
    ("voicemail-kills", "every part killed while voicemails are left and mailed", "tests.faults.voicemails:kills"),
    ("voicemail-disk", "the disk of the recordings is full", "tests.faults.disk:full"),
)


@dataclass(frozen=True)
class Options:
    count: int
    switch: str


@dataclass(frozen=True)
class Outcome:
    fault: str
    passed: bool
    figure: str
    limit: str


def main(words: list[str]) -> int:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    wrong = [word for word in words if word and "=" not in word] + [key for key in given if key not in ("F", "COUNT")]
    if wrong:
        raise Trouble(f"`make faults` does not know {wrong[0]!r}", "make faults F=click COUNT=5")
    count = given.get("COUNT") or str(COUNT)
    if not count.isdigit() or not int(count):
        raise Trouble(f"COUNT={count!r} is not a number of times", "COUNT=5")
    chosen = [fault for fault in FAULTS if fault[0].startswith(given.get("F") or "")]
    if not chosen:
        raise Trouble(f"There is no fault {given['F']!r}", "there are " + ", ".join(name for name, _, _ in FAULTS))
    servers.start()
    prompts.make_prompts()
    options = Options(int(count), instance.choose_switch())
    say(f"  on {'FreeSWITCH' if options.switch == 'freeswitch' else 'the simulator'}, {options.count} times each")
    outcomes: list[Outcome] = []
    for name, what, function in chosen:
        say(f"\n{name}: {what}")
        found = _run(function, what, options)
        outcomes += found
        for outcome in found:
            say(f"  {'passed' if outcome.passed else 'FAILED'}: {outcome.figure} (limit: {outcome.limit})")
        write(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _run(function: str, what: str, options: Options) -> Sequence[Outcome]:
    module, _, name = function.partition(":")
    try:
        found: Sequence[Outcome] = getattr(importlib.import_module(module), name)(options)
    except Exception as error:      # whatever one of them meets, the others are still to be tried
        said = " ".join(str(error).split())[:300]
        return [Outcome(what, False, f"{type(error).__name__}: {said}", "runs to its end")]
    return found


def write(outcomes: Sequence[Outcome]) -> None:
    """After each fault, so that a run that is broken off leaves what it found."""
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "faults.json").write_text(json.dumps([dataclasses.asdict(one) for one in outcomes], indent=1) + "\n")
