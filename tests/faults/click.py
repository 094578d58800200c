"""Exactly once (C2): the worker, the service and the switch are killed while clicks are at every step.

Each round brings one call of a different person to each step, kills once, and looks what became of all of them:
nobody's telephone rings twice for a click, no accepted click is forgotten, each comes to an end that is known, or is
`unknown` and left alone.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import http.client
import os
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import gevent
import psycopg2

from operations import instance as instances
from operations.faults import Options, Outcome
from operations.places import VENV_PYTHON
from operations.screen import say
from operations.supervision import is_alive
from shared import logs
from tests.faults.between import Between
from tests.scenarios.stage import Stage, make_stage
from tests.scenarios.telephones import Call, NeverHappened, TelephoneRefused

PATIENCE_S = 30.0
SETTLES_S = 60.0
"""From the kill until each call has an end: a lost command is looked up after 10 s, a switch is back in some 10 s."""
SETTLED = ("ended", "failed", "cancelled", "unknown")
LIMIT = "0 rang twice, 0 accepted and forgotten, 0 without an end"


@dataclass
class Click:
    step: str
    asker: str
    attempt_id: str = ""
    may_ring: tuple[int, ...] = (1,)
    """How often the asker's telephone may have rung for it."""
    may_end: tuple[str, ...] = SETTLED
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Count:
    """What all rounds came to."""

    rounds: int = 0
    clicks: int = 0
    rings: int = 0
    at_step: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def outcome(self, fault: str) -> Outcome:
        steps = ", ".join(f"{number} {step}" for step, number in self.at_step.items())
        ends = ", ".join(f"{number} {state}" for state, number in sorted(self.ended.items()))
        figure = f"{self.rounds} kills, {self.clicks} clicks ({steps}): {self.rings} rings; {ends}"
        wrong = f"; {len(self.wrong)} wrong: " + "; ".join(self.wrong[:5]) if self.wrong else ""
        return Outcome(fault, not self.wrong and self.rounds > 0, figure + wrong, LIMIT)


class Clicks:
    """People who click, and how often their telephones rang for it."""

    def __init__(self, stage: Stage, names: Sequence[str]) -> None:
        self.stage = stage
        self.names = names
        self.count = Count()
        self.open: list[Click] = []
        """Not seen settled yet."""
        self._rung: Counter[str] = Counter()
        self._expected: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}

    def ask(self, click: Click, target: str, patience_s: float = PATIENCE_S) -> Click:
        """As a program does: with the same key again until it is answered."""
        self.count.at_step[click.step] += 1
        ends_at = time.monotonic() + patience_s
        while True:
            try:
                answer = self.stage.http("callback", "POST", "/v1/calls", token=click.asker, timeout_s=5, json_body={
                    "target": target, "device": f"{click.asker}-desk"}, headers={"Idempotency-Key": click.key})
                if answer.status == 202:
                    break
                if answer.status < 500:
                    raise RuntimeError(f"{click.step}: {answer.status} {answer.body}")
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > ends_at:
                raise RuntimeError(f"{click.step}: not accepted within {patience_s:.0f} s")
            gevent.sleep(0.1)
        click.attempt_id = answer.body["id"]
        self.open.append(click)
        self.count.clicks += 1
        return click

    def state(self, click: Click) -> str:
        try:
            answer = self.stage.http("callback", "GET", f"/v1/calls/{click.attempt_id}", token=click.asker, timeout_s=5)
        except (OSError, http.client.HTTPException):
            return "?"
        return str(answer.body["state"]) if answer.status == 200 else f"? {answer.status}"

    def settle(self, clicks: Sequence[Click], within_s: float = SETTLES_S) -> None:
        ends_at = time.monotonic() + within_s
        for click in clicks:
            while (state := self.state(click)) not in SETTLED and time.monotonic() < ends_at:
                gevent.sleep(0.2)
            self.count.ended[state] += 1
            if state not in click.may_end:
                self.count.wrong.append(f"{click.step} of {click.asker}: {state} ({click.attempt_id})")
            self.open.remove(click)

    def end_round(self, clicks: Sequence[Click]) -> None:
        """Hangs everything up; counts who rang."""
        self._note_rings()
        for click in clicks:
            self._expected[click.asker].append(click.may_ring)
        self.stage.telephones.reset()
        self.count.rounds += 1

    def finish(self) -> None:
        """Nobody rings late: all rings of the whole run together are no more, and no fewer, than there may be."""
        self.settle(list(self.open))
        self._note_rings()
        for name, expected in self._expected.items():
            least, most = sum(map(min, expected)), sum(map(max, expected))
            if not least <= self._rung[name] <= most:
                self.count.wrong.append(f"{name} rang {self._rung[name]} times instead of {least} to {most}")
        self.count.rings = self._rung.total()

    def _note_rings(self) -> None:
        for name in self.names:
            calls = [call for call in self.stage.telephones[name].calls if call.direction == "incoming"]
            self._rung[name] += len(calls)
            for call in calls:
                del self.stage.telephones.calls[call.id]


@contextmanager
def on_stage(options: Options, names: Sequence[str], others: Sequence[str]) -> Iterator[tuple[Stage, Clicks]]:
    logs.configure("faults", "error")
    suite = instances.create("faults", switch=options.switch, fresh=True)
    instances.start(suite)
    try:
        stage = make_stage(suite)
        try:
            with stage.database.platform() as tx:
                tx.execute(
                    "INSERT INTO callback.settings (company_id, subscriber_id, max_simultaneous, max_per_minute,"
                    " ring_s) SELECT company_id, subscriber_id, 20, 60, 60 FROM directory.subscribers")
                tx.execute(
                    "INSERT INTO callback.company_settings (company_id, max_simultaneous, max_per_minute)"
                    " SELECT company_id, 10000, 10000 FROM directory.companies")
            for name in (*names, *others):
                stage.telephones[name].register()
            yield stage, Clicks(stage, names)
        finally:
            stage.stop()
    finally:
        instances.stop(suite)


def _rounds(options: Options, clicks: Clicks, play: Callable[[], Sequence[Click]]) -> None:
    for number in range(1, options.count + 1):
        played: Sequence[Click] = ()
        try:
            played = play()
        except (NeverHappened, TelephoneRefused, RuntimeError) as error:
            clicks.count.wrong.append(f"round {number}: {' '.join(str(error).split())[:200]}")
            played = [click for click in clicks.open if click.step]
        clicks.end_round(played)
        if number % 10 == 0 or number == options.count:
            say(f"  {number} of {options.count}, {len(clicks.count.wrong)} wrong")
    clicks.finish()


def _killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while is_alive(pid):
        gevent.sleep(0.005)


# -- the worker --------------------------------------------------------------------------------------


class Worker:
    """Callback's worker, with Between between it and the switch."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.between = Between(stage.env["PBX_ESL_HOST"], int(stage.env["PBX_ESL_PORT"]))
        self._environment = {**instances.environment(stage.instance), "PBX_ESL_HOST": "127.0.0.1",
                             "PBX_ESL_PORT": str(self.between.start())}
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (stage.instance.run / "logs" / "worker-to-be-killed.log").open("ab")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen([str(VENV_PYTHON), "-m", "services.callback.worker"], env=self._environment,
                                         stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self.kill()
        self.between.stop()
        self._log.close()


def worker_killed(options: Options) -> Sequence[Outcome]:
    """Before its claim, between claim and command, between command and reply, and while the telephone rings."""
    names = ("anna", "bernd", "clara", "david")
    with on_stage(options, names, ()) as (stage, clicks):
        instances.stop_process(stage.instance, "callback-worker")
        worker = Worker(stage)
        admin = psycopg2.connect(stage.env["PBX_ADMIN_DATABASE_URL"])
        try:
            worker.start()
            _rounds(options, clicks, lambda: _one_worker(stage, clicks, worker, admin))
        finally:
            worker.stop()
            admin.close()
        return [clicks.count.outcome("worker killed in the middle of a click")]


def _one_worker(stage: Stage, clicks: Clicks, worker: Worker, admin: Any) -> Sequence[Click]:
    between = worker.between
    between.again()
    ringing = clicks.ask(Click("ringing", "david", may_end=("failed",)), "30")
    stage.telephones["david"].wait_for_ring(PATIENCE_S)
    between.hold_reply.add("clara-desk")
    unanswered = clicks.ask(Click("command sent", "clara", may_end=("failed",)), "30")
    stage.telephones["clara"].wait_for_ring(PATIENCE_S)
    between.hold_command.add("bernd-desk")
    # Its command never left, and nobody can know that: unknown, and no telephone rings.
    claimed = clicks.ask(Click("claimed", "bernd", may_ring=(0,), may_end=("unknown",)), "30")
    if not between.held.wait(PATIENCE_S):
        raise RuntimeError("the command did not come")
    os.kill(worker.pid, signal.SIGSTOP)
    queued = clicks.ask(Click("about to claim", "anna", may_end=("failed",)), "30")
    with admin.cursor() as cursor:
        cursor.execute("SET pbx.company = 'platform'")
        cursor.execute("SELECT 1 FROM callback.attempts WHERE attempt_id = %s FOR UPDATE", (queued.attempt_id,))
        cursor.execute("SELECT pg_current_xact_id()::text")
        [ours] = cursor.fetchone()
        os.kill(worker.pid, signal.SIGCONT)
        stage.wait_until(lambda: _somebody_waits_for(stage, ours), PATIENCE_S, "the worker's claim")
        worker.kill()
    admin.rollback()
    between.again()
    worker.start()
    stage.telephones["anna"].wait_for_ring(PATIENCE_S)      # dialled by the next worker
    for name in ("anna", "clara", "david"):
        _turn_down(stage, name)
    clicks.settle([ringing, unanswered, queued])
    for click in (ringing, unanswered, queued):
        if between.originates[click.attempt_id] != 1:
            clicks.count.wrong.append(f"{click.step}: {between.originates[click.attempt_id]} commands")
    return [ringing, unanswered, claimed, queued]


def _somebody_waits_for(stage: Stage, transaction: str) -> bool:
    with stage.database.platform() as tx:
        return bool(tx.one("SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
                           " AND transactionid::text = :ours", ours=transaction).n)


def _turn_down(stage: Stage, name: str) -> None:
    for call in stage.telephones[name].calls:
        if call.up and call.direction == "incoming":
            with suppress(TelephoneRefused, NeverHappened):
                call.reject(486)


# -- the service and the switch ------------------------------------------------------------------------

_ASKERS = ("anna", "bernd", "clara", "david", "emma", "felix")
_TARGETS = ("greta", "hans", "ida", "jonas")


def service_killed(options: Options) -> Sequence[Outcome]:
    """While it takes a request, right after it has, and while its calls are at every later step."""
    with on_stage(options, _ASKERS, _TARGETS) as (stage, clicks):
        _rounds(options, clicks, lambda: _one_service(stage, clicks))
        return [clicks.count.outcome("callback service killed in the middle of a click")]


def _one_service(stage: Stage, clicks: Clicks) -> Sequence[Click]:
    later = _at_every_step(stage, clicks)
    accepted = clicks.ask(Click("accepted", "bernd", may_end=("failed",)), "30")
    # The request is on its way when the service dies, sometimes more, sometimes less far.
    asked = Click("requested", "anna", may_end=("failed",))
    asking = gevent.spawn(clicks.ask, asked, "30")
    gevent.sleep(0.002 * (clicks.count.rounds % 10))
    _killed(instances.pid(stage.instance, "callback"))
    asking.get(timeout=PATIENCE_S)
    instances.wait_until_healthy(stage.instance, ["callback"], PATIENCE_S)
    for name in ("anna", "bernd"):
        if not _rang(stage, name):
            stage.telephones[name].wait_for_ring(PATIENCE_S)
        _turn_down(stage, name)
    # Those that were under way went on as if nothing had happened.
    for name in ("emma", "felix", "ida", "jonas"):
        if (call := _rang(stage, name)) is None or not call.up:
            clicks.count.wrong.append(f"{name}: the call did not outlive the service")
    for call in list(stage.telephones.calls.values()):
        if call.up:
            with suppress(TelephoneRefused, NeverHappened):
                call.hangup()
    clicks.settle([accepted, asked, *later])
    return [accepted, asked, *later]


def switch_killed(options: Options) -> Sequence[Outcome]:
    """While clicks are at every step; afterwards no telephone rings again for one of them."""
    with on_stage(options, _ASKERS, _TARGETS) as (stage, clicks):
        _rounds(options, clicks, lambda: _one_switch(stage, clicks))
        return [clicks.count.outcome("switch killed in the middle of a click")]


def _one_switch(stage: Stage, clicks: Clicks) -> Sequence[Click]:
    later = _at_every_step(stage, clicks)
    # Dialled before the switch died, or when it is back: by then the telephone may be known again or not.
    accepted = [clicks.ask(Click("accepted", name, may_ring=(0, 1)), "30") for name in ("anna", "bernd")]
    _killed(instances.pid(stage.instance, "switch"))
    instances.wait_until_healthy(stage.instance, ["switch", "callback", "routing"], PATIENCE_S)
    for name in (*_ASKERS, *_TARGETS):
        _register_again(stage, name)
    ends_at = time.monotonic() + SETTLES_S
    while time.monotonic() < ends_at and any(clicks.state(click) not in SETTLED for click in (*accepted, *later)):
        for name in ("anna", "bernd"):
            _turn_down(stage, name)
        gevent.sleep(0.2)
    clicks.settle([*accepted, *later])
    return [*accepted, *later]


def _register_again(stage: Stage, name: str) -> None:
    """As telephones do: a switch that answers, and is not ready for all of it yet, says 503 to the first try."""
    def registered() -> bool:
        with suppress(TelephoneRefused):
            return bool(stage.telephones[name].register())
        return False

    stage.wait_until(registered, PATIENCE_S, f"{name} to be registered again")


def _at_every_step(stage: Stage, clicks: Clicks) -> list[Click]:
    """Four calls: the own telephone rings; was just answered; the target rings; both talk."""
    telephones = stage.telephones
    rings = clicks.ask(Click("ringing_first", "clara"), "27")
    to_ring = clicks.ask(Click("ringing_target", "emma"), "29")
    talks = clicks.ask(Click("connected", "felix"), "30")
    telephones["clara"].wait_for_ring(PATIENCE_S)
    telephones["emma"].wait_for_ring(PATIENCE_S).answer()
    telephones["felix"].wait_for_ring(PATIENCE_S).answer()
    telephones["ida"].wait_for_ring(PATIENCE_S)
    telephones["jonas"].wait_for_ring(PATIENCE_S).answer()
    stage.wait_until(lambda: clicks.state(talks) == "connected", PATIENCE_S, "the state connected")
    answered = clicks.ask(Click("first_answered", "david"), "28")
    telephones["david"].wait_for_ring(PATIENCE_S).answer()
    return [rings, answered, to_ring, talks]


def _rang(stage: Stage, name: str) -> Call | None:
    return next((call for call in stage.telephones[name].calls if call.direction == "incoming"), None)
