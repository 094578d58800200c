"""What it costs that a call asks routing: SIPp calls in from the trunk, SIPp rings as five people's handsets.

Rounds with the static dialplan (the switch bridges by itself) and rounds through routing, database included,
alternate on the same switch, so that a machine's mood hits both. A call's figure is the time from the caller's INVITE
to its 180, taken by SIPp: how much later the telephone rings (measure: median of the rounds' p50 and p99), and how many
calls a second can be offered, up to OFFERED_PER_S, so that all but one in a hundred ring in good time (capacity).
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import csv
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from operations import instance as instances
from operations.places import ROOT
from shared.esl.client import InboundClient
from tests.event_socket import event_socket

SCENARIOS = Path(__file__).parent / "sipp"
DOMAIN = "musterbau.example"
CALLED = {  # first name in the demo company -> number; several, as one person takes 20 calls at a time
    "david": "+49305550024", "emma": "+49305550025", "felix": "+49305550026", "greta": "+49895550027",
    "hans": "+49895550028",
}
WAYS = {"native": [f"static-{name}-{number[-2:]}" for name, number in CALLED.items()], "ours": list(CALLED.values())}

ROUNDS = 5
CALLS = 1000
CALLS_PER_S = 20

CAPACITY_ROUNDS = 3
OFFERED_PER_S = 60
RESOLUTION_PER_S = 2
OFFERED_FOR_S = 8
GOOD_TIME_MS = 1000

# The leg bears presence_id, as in the dial string FreeSWITCH brings along: without, its own lamps would not show it.
STATIC_DIALPLAN = f"""
    <extension name="static-for-comparison">
      <condition field="destination_number" expression="^static-([a-z]+)-([0-9]+)$">
        <action application="set" data="hangup_after_bridge=true"/>
        <action application="bridge" data="[presence_id=$2@{DOMAIN}]sofia/internal/$1-desk%{DOMAIN}"/>
      </condition>
    </extension>
"""


class BenchFailed(Exception):
    """The run is no measurement; the text says why."""


@contextmanager
def bench_instance() -> Iterator[instances.Instance]:
    """An instance of its own whose trunk context also knows the static extension."""
    conf = Path(tempfile.mkdtemp(prefix="bench-conf-"))
    conf.chmod(0o755)
    shutil.copytree(ROOT / "freeswitch" / "conf", conf / "conf")
    public = conf / "conf" / "dialplan" / "public.xml"
    with_static = public.read_text().replace('<context name="public">', '<context name="public">' + STATIC_DIALPLAN)
    public.write_text(with_static)
    bench = instances.create(
        "bench", switch="freeswitch", given={"PBX_SWITCH_CONF": str(conf / "conf")}, fresh=True,
    )
    instances.start(bench)
    try:
        yield bench
    finally:
        instances.stop(bench)
        shutil.rmtree(conf)


@contextmanager
def handsets(bench: instances.Instance, work: Path, port: int) -> Iterator[None]:
    """Everybody's, registered with digest at one port; they ring and answer every call."""
    passwords = json.loads((bench.run / "secrets.json").read_text())["devices"]
    logins = work / "devices.csv"
    logins.write_text("SEQUENTIAL\n" + "".join(
        f"{name}-desk;{DOMAIN};[authentication username={name}-desk password={passwords[f'{name}-desk']}]\n"
        for name in CALLED))
    internal = f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}"
    sipp(work, "register", internal, "-m", str(len(CALLED)), "-inf", str(logins), "-key", "contact_port", str(port),
         "-timeout", "10")
    ringing = subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / "callee.xml"), "-i", "127.0.0.1", "-p", str(port), "-nostdin",
         "-aa", "-mp", "41000", internal],
        cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        ringing.kill()
        ringing.wait()


def sipp(work: Path, scenario: str, target: str, *more: str, may_fail: bool = False) -> None:
    """may_fail: some of the calls (status 1); what SIPp cannot do at all is an error all the same."""
    command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-nostdin",
               "-timeout_error", *more, target]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode not in ((0, 1, 97, 99) if may_fail else (0, 99)):
        raise BenchFailed(f"sipp {scenario} ended with {done.returncode}: {done.stderr[-400:]}")


def call_round(
    bench: instances.Instance, work: Path, way: str, calls: int, calls_per_s: int, *, may_fail: bool = False,
) -> list[float]:
    """Milliseconds from INVITE to 180 of each call that rang; BenchFailed when calls were lost that may not be."""
    folder = Path(tempfile.mkdtemp(dir=work))
    numbers = folder / "numbers.csv"
    numbers.write_text("SEQUENTIAL\n" + "".join(f"{number};\n" for number in WAYS[way]))
    sipp(
        folder, "caller", f"127.0.0.1:{bench.env['PBX_SIP_EXTERNAL_PORT']}", "-inf", str(numbers), "-m", str(calls),
        "-r", str(calls_per_s), "-p", bench.env["PBX_TRUNK_PORT"], "-trace_rtt", "-rtt_freq", "1",
        "-mp", "42000", "-timeout", str(60 + 2 * calls // calls_per_s), may_fail=may_fail,
    )
    tables = list(folder.glob("*_rtt.csv"))
    times = [float(row[1]) for table in tables for row in _rows(table)]
    if not may_fail and len(times) < calls * 0.99:
        raise BenchFailed(f"only {len(times)} of {calls} calls rang")
    return times


def _rows(table: Path) -> list[list[str]]:
    with table.open() as lines:
        return [row for row in csv.reader(lines, delimiter=";") if row and re.fullmatch(r"[0-9.]+", row[0])]


def percentile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


@contextmanager
def stage() -> Iterator[tuple[instances.Instance, Path]]:
    """The suite with everybody's handset; caches warm, first connections made."""
    with bench_instance() as bench, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with handsets(bench, work, int(bench.env["PBX_TRUNK_PORT"]) + 5):
            for way in WAYS:
                call_round(bench, work, way, 40, CALLS_PER_S)
            yield bench, work


def measure(rounds: int = ROUNDS, calls: int = CALLS, calls_per_s: int = CALLS_PER_S) -> dict[str, float]:
    """{native_p50, native_p99, ours_p50, ours_p99} in ms."""
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    with stage() as (bench, work):
        for number in range(rounds):
            for way, of_way in found.items():
                times = call_round(bench, work, way, calls, calls_per_s)
                of_way.append(times)
                _tell(f"round {number + 1} {way}: p50 {percentile(times, 50):.0f} ms,"
                      f" p99 {percentile(times, 99):.0f} ms")
    return {
        f"{way}_p{percent}": statistics.median(percentile(times, percent) for times in of_way)
        for way, of_way in found.items() for percent in (50, 99)
    }


def capacity(rounds: int = CAPACITY_ROUNDS, for_s: int = OFFERED_FOR_S) -> dict[str, float]:
    """{native, ours}: the most calls a second that ring in good time; medians of the rounds."""
    found: dict[str, list[int]] = {way: [] for way in WAYS}
    with stage() as (bench, work), event_socket(bench.env) as client:
        for number in range(rounds):
            for way, of_way in found.items():
                of_way.append(_most(lambda per_s, way=way: sustained(bench, work, client, way, per_s, for_s)))
                _tell(f"round {number + 1} {way}: {of_way[-1]} calls a second")
    return {way: statistics.median(of_way) for way, of_way in found.items()}


def _most(sustains: Callable[[int], bool]) -> int:
    """The highest rate it sustains up to OFFERED_PER_S, within RESOLUTION_PER_S: halved again and again."""
    well, too_many = 0, OFFERED_PER_S
    if sustains(too_many):
        return too_many
    while too_many - well > RESOLUTION_PER_S:
        between = (well + too_many) // 2
        if sustains(between):
            well = between
        else:
            too_many = between
    return well


def sustained(
    bench: instances.Instance, work: Path, client: InboundClient, way: str, per_s: int, for_s: int,
) -> bool:
    times = call_round(bench, work, way, per_s * for_s, per_s, may_fail=True)
    in_time = sum(took <= GOOD_TIME_MS for took in times) / (per_s * for_s)
    _tell(f"  {way} at {per_s}: {100 * in_time:.1f} % within {GOOD_TIME_MS} ms")
    ends_at = time.monotonic() + 120
    while not client.api("show", "calls", "count").strip().startswith("0 "):
        if time.monotonic() > ends_at:
            raise BenchFailed("calls of an overload are still up after two minutes")
        time.sleep(0.5)
    return in_time >= 0.99


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    few = "--short" in sys.argv
    if "--capacity" in sys.argv:
        print(json.dumps({"routing_max_cps": capacity(1, 5) if few else capacity()}))
    else:
        print(json.dumps({"routing_setup_ms": measure(2, 100) if few else measure()}))
