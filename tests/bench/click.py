"""How fast a click is taken, and how soon after it the telephone is called.

python -m tests.bench.click [--short] prints {"click_to_accepted_ms": …, "click_to_invite_ms": …}.

Accepted: POST /v1/calls at 50 a second, in batches after one that does not count (connections are opened, statements
planned), from the moment it was due to its answer; every one is dialled meanwhile. Invite: clicks at 5 a second, from
the request to the INVITE at the handset (SIPp writes down when it came, and is busy at once); in turns with them the
same originate given to the switch by hand, the peer.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import gc
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import gevent
import psycopg2
from gevent.queue import Queue

from operations import instance as instances
from shared.dialling import Endpoint, Leg, dial_string
from shared.esl.client import InboundClient
from shared.esl.commands import bgapi
from tests.bench.routing_setup import DOMAIN, SCENARIOS, BenchFailed, bench_instance, percentile, sipp
from tests.event_socket import event_socket

PEOPLE = ("anna", "bernd", "clara", "david", "emma", "felix", "greta", "hans", "ida", "jonas")
ACCEPTED_PER_S = 50
ACCEPTED_FOR_S = 3
BATCHES = 3
WARM_UP = 100
"""Each of ten people may have 20 calls at a time, and click 60 times a minute."""
INVITES = 60
INVITES_PER_S = 5
MINUTE_S = 61.0
"""After it the limit of clicks a minute is free again."""
CLIENTS = 16


@contextmanager
def busy_handsets(bench: instances.Instance, work: Path, port: int) -> Iterator[Callable[[], dict[str, float]]]:
    """Everybody's, registered at one port and busy; yields when each number's INVITE came, by its last five digits."""
    passwords = json.loads((bench.run / "secrets.json").read_text())["devices"]
    logins = work / "everybody.csv"
    logins.write_text("SEQUENTIAL\n" + "".join(
        f"{name}-desk;{DOMAIN};[authentication username={name}-desk password={passwords[f'{name}-desk']}]\n"
        for name in PEOPLE))
    internal = f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}"
    sipp(work, "register", internal, "-m", str(len(PEOPLE)), "-inf", str(logins), "-key", "contact_port", str(port),
         "-timeout", "10")
    messages = work / "invites.log"
    ringing = subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / "busy.xml"), "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-aa",
         "-trace_msg", "-message_file", str(messages), internal],
        cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        yield lambda: invites(messages.read_text(errors="replace"))
    finally:
        ringing.terminate()
        ringing.wait()


def invites(trace: str) -> dict[str, float]:
    """Last five digits of the number shown -> seconds since 1970 when its first INVITE came."""
    found: dict[str, float] = {}
    for part in re.split(r"^(?=-{20,} )", trace, flags=re.MULTILINE):
        head, _, message = part.partition("\n\n")
        when = re.search(r"\d{4}-\d\d-\d\d[ \t]\d\d:\d\d:\d\d\.\d+", head)
        shown = re.search(r"^From:[^\n]*?(\d{5})@", message, re.MULTILINE)
        if when and shown and "received" in head and message.startswith("INVITE "):
            at = datetime.fromisoformat(when.group().replace("\t", " ")).astimezone().timestamp()
            found.setdefault(shown.group(1), at)
    return found


class Program:
    """Clicks over HTTP with connections that stay open, in the names of all people in turn."""

    def __init__(self, bench: instances.Instance) -> None:
        self._port = int(bench.env["PBX_CALLBACK_HTTP_PORT"])
        self._tokens = json.loads((bench.run / "secrets.json").read_text())["tokens"]
        self._free: Queue[http.client.HTTPConnection] = Queue()
        for _ in range(CLIENTS):
            self._free.put(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30))

    def click(self, number: int, due: float) -> tuple[float, float]:
        """Seconds since 1970: when it was due, and when it was accepted."""
        name = PEOPLE[number % len(PEOPLE)]
        connection = self._free.get()
        try:
            connection.request("POST", "/v1/calls", json.dumps({"target": target(number), "device": f"{name}-desk"}), {
                "Authorization": f"Bearer {self._tokens[name]}", "Content-Type": "application/json",
                "Idempotency-Key": str(uuid.uuid4())})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            self._free.put(connection)
        if answer.status != 202:
            raise BenchFailed(f"a click was refused: {answer.status} {body[:200]!r}")
        return due, time.time()


def target(number: int) -> str:
    return f"+49171555{number:05d}"


def at_a_rate(per_s: float, numbers: range, do: Callable[[int, float], Any]) -> list[Any]:
    """do(number, when it was due), each in a greenlet of its own at its time; what they returned."""
    began = time.time()
    running = []
    for place, number in enumerate(numbers):
        due = began + place / per_s
        gevent.sleep(max(0.0, due - time.time()))
        running.append(gevent.spawn(do, number, due))
    gevent.joinall(running, timeout=60, raise_error=True)
    return [one.value for one in running]


def measure(accepted_for_s: int = ACCEPTED_FOR_S, clicks: int = INVITES) -> dict[str, Any]:
    with bench_instance() as bench, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with psycopg2.connect(bench.env["PBX_ADMIN_DATABASE_URL"]) as admin, admin.cursor() as cursor:
            cursor.execute("SET pbx.company = 'platform'")
            cursor.execute("INSERT INTO callback.settings (company_id, subscriber_id, max_simultaneous, max_per_minute)"
                           " SELECT company_id, subscriber_id, 20, 60 FROM directory.subscribers")
            cursor.execute("INSERT INTO callback.company_settings (company_id, max_simultaneous, max_per_minute)"
                           " SELECT company_id, 10000, 10000 FROM directory.companies")
        program = Program(bench)
        with (event_socket(bench.env) as client,
              busy_handsets(bench, work, int(bench.env["PBX_TRUNK_PORT"]) + 6) as came):
            at_a_rate(INVITES_PER_S, range(10), program.click)      # first connections, caches
            clicked = range(1000, 1000 + clicks)
            by_hand = range(2000, 2000 + clicks)
            due_of: dict[int, float] = {}

            def one(number: int, due: float) -> None:
                due_of[number] = due
                if number in clicked:
                    program.click(number, due)
                else:
                    by_hand_originate(client, number)

            in_turns = range(2 * clicks)
            at_a_rate(INVITES_PER_S, in_turns, lambda place, due: one(
                (clicked if place % 2 == 0 else by_hand)[place // 2], due))
            gevent.sleep(MINUTE_S)      # for the limit; also everything that was dialled has ended
            at_a_rate(ACCEPTED_PER_S, range(4000, 4000 + WARM_UP), program.click)
            wait_until_dialled(bench)
            accepted = []
            # Its own garbage is not to be taken for the service's time.
            gc.collect()
            gc.freeze()
            for batch in range(BATCHES):
                first = 5000 + batch * 1000
                accepted += at_a_rate(
                    ACCEPTED_PER_S, range(first, first + ACCEPTED_PER_S * accepted_for_s), program.click)
                wait_until_dialled(bench)
            gevent.sleep(3.0)           # SIPp writes the last ones
            at = came()
    took = [1000 * (end - due) for due, end in accepted]
    rang = {name: [1000 * (at[f"{number:05d}"] - due_of[number]) for number in numbers if f"{number:05d}" in at]
            for name, numbers in (("ours", clicked), ("native", by_hand))}
    for name, times in rang.items():
        if len(times) < clicks * 0.99:
            raise BenchFailed(f"only {len(times)} of {clicks} calls came to the handset ({name})")
    return {
        "click_to_accepted_ms": {"p50": round(statistics.median(took), 1), "p99": round(percentile(took, 99), 1)},
        "click_to_invite_ms": {
            "p50": round(statistics.median(rang["ours"]), 1), "p99": round(percentile(rang["ours"], 99), 1),
            "native_p50": round(statistics.median(rang["native"]), 1),
            "native_p99": round(percentile(rang["native"], 99), 1)},
    }


def wait_until_dialled(bench: instances.Instance) -> None:
    """Until every click has come to its end."""
    ends_at = time.monotonic() + 120
    with closing(psycopg2.connect(bench.env["PBX_ADMIN_DATABASE_URL"])) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("SET pbx.company = 'platform'")
        while True:
            cursor.execute("SELECT count(*) FROM callback.attempts"
                           " WHERE state NOT IN ('ended', 'failed', 'cancelled', 'unknown')")
            [open_ones] = cursor.fetchone()
            if not open_ones:
                return
            if time.monotonic() > ends_at:
                raise BenchFailed(f"{open_ones} clicks have no end after two minutes")
            gevent.sleep(0.2)


def by_hand_originate(client: InboundClient, number: int) -> None:
    name = PEOPLE[number % len(PEOPLE)]
    legs = [Leg(Endpoint.DEVICE, f"{name}-desk", DOMAIN)]
    dialled = dial_string(legs, variables={"origination_caller_id_number": target(number), "originate_timeout": "5"})
    client.send(bgapi("originate", f"'{dialled}'", "22", "XML", "internal", job_uuid=str(uuid.uuid4())))


if __name__ == "__main__":
    print(json.dumps(measure(2, 10) if "--short" in sys.argv else measure()))
