"""How soon lamps follow what happens, from the switch's own time stamp of the event.

    python -m tests.bench.lamps [--short]

Handsets: 200 people with 8 keys each, played by SIPp, while 5 calls a second ring, are answered and end. One round with
keys on plain extensions, which mod_sofia lights by itself, one with lamp keys, on the same switch. Then all of them
are lit at once: how many NOTIFYs a second there are at most.
Pages: 1,000 people with 8 lamps each on the event stream at 60 calls a second. No switch on a small machine makes so
many calls: their events are put into it with `sendevent`, which hands them to every listener like its own.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import hashlib
import json
import re
import resource
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import gevent

from operations import instance as instances
from services.presence.states import SubscriberFacts, state_of
from shared.api import token_sha256
from shared.calls_up import CallsUp, news_of
from shared.database import Database
from shared.esl import commands
from shared.esl.client import InboundClient
from shared.esl.events import Event
from tests.bench.routing_setup import BenchFailed, bench_instance, sipp
from tests.event_socket import event_socket
from tests.handsets.process import free_port

DOMAIN = "musterbau.example"
FIRST = 3000
KEYS = 8
HANDSETS, CALLS, CALLS_PER_S = 200, 200, 5
PAGES, PAGE_CALLS, PAGE_CALLS_PER_S = 1000, 2000, 60
RING_S, TALK_S = 1.0, 1.0
SCENARIOS = Path(__file__).parent / "sipp"
_MESSAGE = re.compile(
    rb"^-{20,} (\d{4}-\d\d-\d\d)[ \tT](\d\d:\d\d:\d\d\.\d+).*?\n"
    rb"(?:UDP|TCP) message (received|sent) [^\n]*\n", re.MULTILINE)
_NOTIFY = re.compile(rb"^NOTIFY .*?^Call-ID: ([a-z]+-[0-9]+)///", re.S | re.M)
_STATE = re.compile(rb"<state[^>]*>([a-z]+)</state>")


@dataclass
class Truth:
    """What was true when, folded from the switch's events as presence folds them."""

    calls: CallsUp = field(default_factory=CallsUp)
    shown: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    """Extension -> (when, lamp), in order."""

    def take(self, event: Event) -> None:
        at = int(event.require("Event-Date-Timestamp")) / 1e6
        for presence_id in self.calls.take(news_of(event), at):
            lamp = state_of(SubscriberFacts(self.calls.legs_of(presence_id))).lamp.value
            known = self.shown.setdefault(presence_id.partition("@")[0], [(0.0, "terminated")])
            if known[-1][1] != lamp:
                known.append((at, lamp))

    def count(self, since: float) -> int:
        return sum(at >= since for known in self.shown.values() for at, _ in known)

    def lag_ms(self, extension: str, at: float, lamp: str, since: float) -> float | None:
        """How late a lamp shows this; None: it belongs to nothing that happened since."""
        for happened, what in reversed(self.shown.get(extension, ())):
            if happened <= at and what == lamp:
                return (at - happened) * 1000 if happened >= since else None
        return None


@dataclass(frozen=True)
class Person:
    extension: str
    device: str
    password: str
    lamp_key: str
    token: str

    @property
    def number(self) -> str:
        return f"+4930777{self.extension}"


def make_people(bench: instances.Instance, count: int) -> list[Person]:
    """In the demo company, each with a telephone, a number and a token."""
    people = [Person(str(FIRST + n), f"lamps-{FIRST + n}", secrets.token_hex(8), secrets.token_hex(8),
                     secrets.token_hex(20)) for n in range(count)]
    database = Database(bench.env["PBX_ADMIN_DATABASE_URL"], pool_size=1)
    with database.platform() as tx:
        company = tx.one("SELECT c.company_id, min(s.site_id) AS site_id FROM directory.companies c"
                         " JOIN directory.sites s USING (company_id) WHERE c.sip_domain = :domain"
                         " GROUP BY c.company_id", domain=DOMAIN)
        named = {"company": company.company_id, "site": company.site_id}
        ids = [tx.one(
            "INSERT INTO directory.subscribers (company_id, site_id, last_name, extension)"
            " VALUES (:company, :site, :extension, :extension) RETURNING subscriber_id",
            extension=one.extension, **named).subscriber_id for one in people]
        tx.execute_many(
            "INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)"
            " VALUES (:number, :company, :site, :id, true)",
            [{**named, "number": one.number, "id": who} for one, who in zip(people, ids, strict=True)])
        tx.execute_many(
            "INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
            " VALUES (:company, :device, :id, :ha1, :key)",
            [{**named, "device": one.device, "id": who, "key": one.lamp_key, "ha1": hashlib.md5(
                f"{one.device}:{DOMAIN}:{one.password}".encode()).hexdigest()}
             for one, who in zip(people, ids, strict=True)])
        tx.execute_many(
            "INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id, label)"
            " VALUES (:sha, 'subscriber', :company, :id, 'bench')",
            [{"company": company.company_id, "sha": token_sha256(one.token), "id": who}
             for one, who in zip(people, ids, strict=True)])
    database.close()
    return people


def authentication(one: Person) -> str:
    return f"{one.device};{DOMAIN};[authentication username={one.device} password={one.password}]"


def register(bench: instances.Instance, work: Path, people: Sequence[Person], *more: str) -> None:
    """Calls for them go to one port. more: for SIPp, like the port this comes from."""
    logins = work / "logins.csv"
    logins.write_text("SEQUENTIAL\n" + "".join(f"{authentication(one)}\n" for one in people))
    sipp(work, "register", f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}", "-m", str(len(people)), "-r", "20",
         "-inf", str(logins), "-key", "contact_port", str(_ringing_port(bench)), "-timeout", "60", *more)


def _ringing_port(bench: instances.Instance) -> int:
    return int(bench.env["PBX_TRUNK_PORT"]) + 5


@contextmanager
def telephones(bench: instances.Instance, work: Path, people: Sequence[Person]) -> Iterator[None]:
    """Everybody's, registered at one port, ringing and answering every call."""
    register(bench, work, people)
    ringing = _sipp_beside(work, "callee", f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}",
                           "-p", str(_ringing_port(bench)), "-aa", "-mp", "41000")
    try:
        yield
    finally:
        _end(ringing)


@contextmanager
def keys(bench: instances.Instance, work: Path, people: Sequence[Person], *, plain: bool) -> Iterator[Path]:
    """Eight subscriptions of each, on plain extensions or lamp keys; the trace that is written meanwhile."""
    kind = "plain" if plain else "ours"
    folder = Path(tempfile.mkdtemp(dir=work))
    table = folder / "keys.csv"
    rows = []
    for at, one in enumerate(people):
        for n in range(1, KEYS + 1):
            shown = people[(at + n) % len(people)].extension
            address = shown if plain else f"lamp+{one.extension}-{n}-{one.lamp_key}"
            rows.append(f"{authentication(one)};{address};{kind}-{shown}\n")
    table.write_text("SEQUENTIAL\n" + "".join(rows))
    trace = folder / "trace"
    port = str(free_port(socket.SOCK_DGRAM))
    if plain:   # the switch lets those watch whose device registered from the same port (profiles/internal.xml)
        register(bench, work, people, "-p", port)
    watching = _sipp_beside(
        folder, "watch", f"127.0.0.1:{bench.env['PBX_SIP_INTERNAL_PORT']}", "-m", str(len(rows)), "-l", str(len(rows)),
        "-p", port, "-r", "100", "-inf", str(table),
        "-trace_msg", "-message_file", str(trace), "-message_overwrite", "true",
        "-ringbuffer_size", "2000000000")
    try:
        ends_at = time.monotonic() + 120
        while sum(1 for _ in notifies(trace)) < len(rows):
            if time.monotonic() > ends_at or watching.poll() is not None:
                raise BenchFailed(f"{sum(1 for _ in notifies(trace))} of {len(rows)} keys were answered")
            gevent.sleep(1)
        yield trace
    finally:
        _end(watching)


def notifies(trace: Path) -> Iterator[tuple[float, str, str]]:
    """When, whose lamp (its extension), and how it looks."""
    data = trace.read_bytes() if trace.exists() else b""
    marks = list(_MESSAGE.finditer(data))
    for number, mark in enumerate(marks):
        if mark.group(3) != b"received":
            continue
        end = marks[number + 1].start() if number + 1 < len(marks) else len(data)
        told = _NOTIFY.search(data, mark.end(), end)
        if told is not None:
            at = datetime.fromisoformat(f"{mark.group(1).decode()} {mark.group(2).decode()[:15]}").timestamp()
            state = _STATE.search(data, told.end(), end)  # an idle extension has no dialog
            lamp = state.group(1).decode() if state is not None else "terminated"
            yield at, told.group(1).decode().partition("-")[2], lamp


def _sipp_beside(folder: Path, scenario: str, target: str, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-nostdin", *more, target],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def listening(bench: instances.Instance, truth: Truth) -> AbstractContextManager[InboundClient]:
    return event_socket(bench.env, heard=truth.take, names=("CHANNEL_CALLSTATE",))


# ----- handsets


def handset_lags(bench: instances.Instance, work: Path, people: Sequence[Person], calls: int, calls_per_s: int,
                 *, plain: bool) -> list[float]:
    truth = Truth()
    with keys(bench, work, people, plain=plain) as trace, listening(bench, truth):
        numbers = work / "numbers.csv"
        numbers.write_text("SEQUENTIAL\n" + "".join(f"{one.number};\n" for one in people))
        since = time.time()
        sipp(work, "caller", f"127.0.0.1:{bench.env['PBX_SIP_EXTERNAL_PORT']}", "-inf", str(numbers), "-m", str(calls),
             "-r", str(calls_per_s), "-p", bench.env["PBX_TRUNK_PORT"], "-mp", "42000",
             "-timeout", str(60 + 2 * calls // calls_per_s))
        gevent.sleep(2)
        seen = list(notifies(trace))
    return _lags(truth, seen, since, len(people))


def _lags(truth: Truth, seen: Iterable[tuple[float, str, str]], since: float, people: int) -> list[float]:
    lags = [lag for at, extension, lamp in seen if (lag := truth.lag_ms(extension, at, lamp, since)) is not None]
    expected = truth.count(since) * min(KEYS, people)
    # A lamp that changes twice while it waits is sent once, as it is in the end: a few less are no loss.
    if not expected or len(lags) < 0.9 * expected:
        raise BenchFailed(f"{len(lags)} of {expected} changes of lamps arrived")
    return lags


def ceiling(bench: instances.Instance, work: Path, people: Sequence[Person]) -> float:
    """NOTIFYs a second when every key changes at once."""
    truth = Truth()
    with keys(bench, work, people, plain=False) as trace, listening(bench, truth) as client:
        legs = {one: str(uuid.uuid4()) for one in people}
        took = []
        for state in ("RINGING", "ACTIVE", "HANGUP"):
            since = time.time()
            for one, leg in legs.items():
                client.send(_told(one, leg, state))
            wanted, ends_at = len(people) * KEYS, time.monotonic() + 30
            while len(new := [at for at, _, _ in notifies(trace) if at >= since]) < wanted:
                if time.monotonic() > ends_at:
                    raise BenchFailed(f"{len(new)} of {wanted} lamps changed")
                gevent.sleep(0.5)
            took.append(max(new) - since)
    return len(people) * KEYS / statistics.median(took)


def _told(one: Person, leg: str, state: str) -> commands.Command:
    return commands.send_event("CHANNEL_CALLSTATE", {
        "Unique-ID": leg, "Channel-Call-State": state, "Call-Direction": "outbound",
        "Channel-Presence-ID": f"{one.extension}@{DOMAIN}"})


# ----- pages


def page_lags(bench: instances.Instance, people: Sequence[Person], calls: int, calls_per_s: int) -> list[float]:
    """Presence is started anew, so that its look at the switch, which knows of no such calls, comes afterwards."""
    instances.restart(bench, "presence")
    instances.wait_until_healthy(bench, ["presence"])
    truth, seen = Truth(), []
    ready: list[Person] = []

    def read(one: Person) -> None:
        line = socket.create_connection((bench.env["PBX_BIND"], int(bench.env["PBX_PRESENCE_HTTP_PORT"])), timeout=60)
        line.sendall(f"GET /v1/lamps/events HTTP/1.1\r\nHost: bench\r\n"
                     f"Authorization: Bearer {one.token}\r\n\r\n".encode())
        line.settimeout(None)
        rest = b""
        while portion := line.recv(65536):
            at = time.time()
            *whole, rest = (rest + portion).split(b"\n\n")
            for message in whole:
                if b"event: snapshot" in message:
                    ready.append(one)
                elif b"event: lamp" in message:
                    lamp = json.loads(message[message.index(b"data: ") + 6:].split(b"\n")[0])
                    seen.append((at, lamp["extension"], lamp["lamp"]))

    readers = [gevent.spawn(read, one) for one in people]
    try:
        with gevent.Timeout(60, BenchFailed("not every page was answered")):
            while len(ready) < len(people):
                gevent.sleep(0.1)
        with listening(bench, truth) as client:
            since = began = time.time()
            under_way = []
            for number in range(calls):
                gevent.sleep(max(0.0, began + number / calls_per_s - time.time()))
                under_way.append(gevent.spawn(_a_call, client, people[number % len(people)]))
            gevent.joinall(under_way)
            gevent.sleep(2)
    finally:
        gevent.killall(readers)
    return _lags(truth, seen, since, len(people))


def _a_call(client: InboundClient, one: Person) -> None:
    leg = str(uuid.uuid4())
    for state, lasts_s in (("RINGING", RING_S), ("ACTIVE", TALK_S), ("HANGUP", 0.0)):
        client.send(_told(one, leg, state))
        gevent.sleep(lasts_s)


# ----- all of it


def percentile(times: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 1)


def measure(*, few: bool = False) -> dict[str, Any]:
    """{"lamp_ms": {p50, p99 of handsets; native_p50, native_p99; page_p50, page_p99}, "lamp_notifies_per_s"}."""
    handsets, calls = (20, 20) if few else (HANDSETS, CALLS)
    pages, page_calls = (50, 100) if few else (PAGES, PAGE_CALLS)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    found: dict[str, Any] = {}
    with bench_instance() as bench, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        everybody = make_people(bench, max(handsets, pages))
        # Whose lists go round among themselves, so that each is watched by eight.
        people = everybody[:handsets]
        _lists_among(bench, people)
        with telephones(bench, work, people):
            for name, plain in (("native_", True), ("", False)):
                lags = handset_lags(bench, work, people, calls, CALLS_PER_S, plain=plain)
                found |= {f"{name}p{percent}": percentile(lags, percent) for percent in (50, 99)}
                _tell(f"{'plain extensions' if plain else 'lamp keys'}: {len(lags)} changes, p50"
                      f" {found[f'{name}p50']} ms, p99 {found[f'{name}p99']} ms")
            most = ceiling(bench, work, people)
            _tell(f"all lamps at once: {most:.0f} NOTIFYs a second")
        _lists_among(bench, everybody[:pages])
        lags = page_lags(bench, everybody[:pages], page_calls, PAGE_CALLS_PER_S)
        found |= {f"page_p{percent}": percentile(lags, percent) for percent in (50, 99)}
        _tell(f"pages: {len(lags)} changes, p50 {found['page_p50']} ms, p99 {found['page_p99']} ms")
    return {"lamp_ms": found, "lamp_notifies_per_s": round(most)}


def _lists_among(bench: instances.Instance, people: Sequence[Person]) -> None:
    database = Database(bench.env["PBX_ADMIN_DATABASE_URL"], pool_size=1)
    with database.platform() as tx:
        rows = {row.extension: row for row in tx.rows(
            "SELECT company_id, subscriber_id, extension FROM directory.subscribers"
            " WHERE extension = ANY (:extensions)", extensions=[one.extension for one in people])}
        tx.execute("DELETE FROM presence.watched WHERE subscriber_id = ANY (:ids)",
                   ids=[row.subscriber_id for row in rows.values()])
        tx.execute_many(
            "INSERT INTO presence.watched (company_id, subscriber_id, position, watched_subscriber_id)"
            " VALUES (:company, :id, :position, :watched)",
            [{"company": rows[one.extension].company_id, "id": rows[one.extension].subscriber_id, "position": n,
              "watched": rows[people[(at + n) % len(people)].extension].subscriber_id}
             for at, one in enumerate(people) for n in range(1, KEYS + 1)])
    database.close()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(json.dumps(measure(few="--short" in sys.argv)))
