"""How much later a telephone rings because routing was asked: SIPp calls in from the trunk, SIPp rings as the handset.

Rounds with the static dialplan (the switch bridges by itself) and rounds through routing, database included,
alternate on the same switch, so that a machine's mood hits both. A round's figure is the time from the caller's
INVITE to its 180, taken by SIPp call by call; the result is the median of the rounds' p50 and p99.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operations import instance as instances
from operations.places import ROOT

SCENARIOS = Path(__file__).parent / "sipp"
DEVICE = "david-desk"
DOMAIN = "musterbau.example"
DIALLED = "+49305550024"  # David, operations/demo_company.py
STATIC = "static24"

ROUNDS = 5
CALLS = 1000
CALLS_PER_S = 20

STATIC_DIALPLAN = f"""
    <extension name="static-for-comparison">
      <condition field="destination_number" expression="^{STATIC}$">
        <action application="set" data="hangup_after_bridge=true"/>
        <action application="bridge" data="sofia/internal/{DEVICE}%{DOMAIN}"/>
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
def handset(bench: instances.Instance, work: Path, port: int) -> Iterator[None]:
    """DEVICE, registered with digest, rings and answers every call."""
    password = json.loads((bench.run / "secrets.json").read_text())["devices"][DEVICE]
    who = work / "device.csv"
    who.write_text(
        f"SEQUENTIAL\n{DEVICE};{DOMAIN};[authentication username={DEVICE} password={password}]\n"
    )
    internal = f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}"
    sipp(work, "register", internal, "-m", "1", "-inf", str(who), "-key", "contact_port", str(port), "-timeout", "10")
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


def sipp(work: Path, scenario: str, target: str, *more: str) -> None:
    command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-nostdin",
               "-timeout_error", *more, target]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode not in (0, 99):
        raise BenchFailed(f"sipp {scenario} ended with {done.returncode}: {done.stderr[-400:]}")


def call_round(bench: instances.Instance, work: Path, dialled: str, calls: int, calls_per_s: int) -> list[float]:
    """Milliseconds from INVITE to 180 of each call. Raises BenchFailed when calls were lost."""
    folder = Path(tempfile.mkdtemp(dir=work))
    sipp(
        folder, "caller", f"127.0.0.1:{bench.env['PBX_SIP_EXTERNAL_PORT']}", "-s", dialled, "-m", str(calls),
        "-r", str(calls_per_s), "-p", bench.env["PBX_TRUNK_PORT"], "-trace_rtt", "-rtt_freq", "1",
        "-mp", "42000", "-timeout", str(60 + 2 * calls // calls_per_s),
    )
    [table] = folder.glob("*_rtt.csv")
    with table.open() as lines:
        rows = [row for row in csv.reader(lines, delimiter=";") if row and re.fullmatch(r"[0-9.]+", row[0])]
    times = [float(row[1]) for row in rows]
    if len(times) < calls * 0.99:
        raise BenchFailed(f"only {len(times)} of {calls} calls rang")
    return times


def percentile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def measure(rounds: int = ROUNDS, calls: int = CALLS, calls_per_s: int = CALLS_PER_S) -> dict[str, float]:
    """{native_p50, native_p99, ours_p50, ours_p99} in ms."""
    found: dict[str, list[list[float]]] = {"native": [], "ours": []}
    with bench_instance() as bench, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with handset(bench, work, int(bench.env["PBX_TRUNK_PORT"]) + 5):
            for dialled in (STATIC, DIALLED):  # caches warm, first connections made
                call_round(bench, work, dialled, 40, calls_per_s)
            for number in range(rounds):
                for way, dialled in (("native", STATIC), ("ours", DIALLED)):
                    times = call_round(bench, work, dialled, calls, calls_per_s)
                    found[way].append(times)
                    print(f"round {number + 1} {way}: p50 {percentile(times, 50):.0f} ms,"
                          f" p99 {percentile(times, 99):.0f} ms", file=sys.stderr, flush=True)
    return {
        f"{way}_p{percent}": statistics.median(percentile(times, percent) for times in of_way)
        for way, of_way in found.items() for percent in (50, 99)
    }


if __name__ == "__main__":
    few = "--short" in sys.argv
    print(json.dumps({"routing_setup_ms": measure(2, 100) if few else measure()}))
