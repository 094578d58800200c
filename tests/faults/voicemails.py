"""Voicemails through kills of every part: each is mailed, none twice but for what was counted as ambiguous.

    make faults F=voicemail-kills           10,000 voicemails, 200 of them by real calls
    make faults F=voicemail-kills COUNT=1   a hundredth of that

    calls from the trunk, a few at a time   -> mailboxes           meanwhile, every few seconds, one part after the
    the rest as files, a batch at a time    -> the spool           other is killed: service, worker, one process of
                                                                   the worker, mail server, broker, database, switch,
                                                                   routing

Every voicemail has a caller's number of its own, which tells in the end what became of it. A call that a kill cut off
may have left a message or not; it is made again with another number.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import itertools
import os
import re
import shutil
import signal
import sys
import time
import uuid
import wave
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import gevent

from operations import instance as instances
from operations import servers
from operations.faults import Options, Outcome
from operations.screen import Trouble
from services.voicemail.mailbox import Caller, LeftMessage
from services.voicemail.spool import Spool
from shared.database import DatabaseError, DatabaseUnavailable
from tests.scenarios.stage import Stage, make_stage
from tests.scenarios.telephones import NeverHappened, TelephoneRefused

EACH_TIME, OF_THEM_CALLS = 100, 2
LIMIT = "each mailed, none twice but for the counted ambiguous ones"
CALLED = ("bernd", "clara")
FILED = ("david", "emma", "felix", "greta", "hans", "ida", "jonas")
CALLS_AT_ONCE = 6
BATCH = 100
BATCH_EVERY_S = 1.0
PAUSE_S = 3.0
"""From one part's recovery to the next one's end."""
BACK_WITHIN_S = 90.0
SPOKEN_S = 2.0
BEEP_WINDOW_S = 3.0
_ID = re.compile(rb"^Message-ID: *<([0-9a-f-]{36})\.forward@", re.MULTILINE | re.IGNORECASE)


@dataclass
class Run:
    """What was done to whom, and what is to be expected."""

    stage: Stage
    left: set[str] = field(default_factory=set)
    """Callers whose message must have been mailed in the end."""
    cut: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    killed_at: dict[str, float] = field(default_factory=dict)
    all_left: bool = False


def kills(options: Options) -> Sequence[Outcome]:
    suite = instances.create("faults", switch=options.switch, fresh=True)
    instances.start(suite)
    try:
        stage = make_stage(suite)
        try:
            return [_run(stage, options.count * EACH_TIME, options.count * OF_THEM_CALLS)]
        finally:
            stage.stop()
    finally:
        instances.stop(suite)


def _run(stage: Stage, voicemails: int, calls: int) -> Outcome:
    for name in (*CALLED, *FILED):
        answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=name, json_body={
            "on_always": True, "deliver_as_mail": True, "email": f"{name}@musterbau.example", "audio_format": "wav",
            "delete_after_mail": True, "max_messages": 1000})
        assert answer.status == 200, answer.body
    this = Run(stage)
    numbers = (f"+49171{number:07d}" for number in itertools.count(1))
    waiting = iter(range(calls))
    leaving = [gevent.spawn(_make_calls, this, waiting, numbers) for _ in range(min(CALLS_AT_ONCE, calls))]
    leaving.append(gevent.spawn(_put_into_spool, this, voicemails - calls))
    killing = gevent.spawn(_kill_in_turn, this)
    try:
        gevent.joinall(leaving, raise_error=True)
    finally:
        this.all_left = True
        killing.join()
    killing.get()
    began = time.monotonic()
    _wait_until_drained(stage, 300 + voicemails / 10)
    return _judged(this, time.monotonic() - began)


# ----- voicemails

def _make_calls(this: Run, waiting: Iterator[int], numbers: Iterator[str]) -> None:
    for turn in waiting:
        while not _one_call(this, CALLED[turn % len(CALLED)], next(numbers)):
            this.cut += 1
            gevent.sleep(1)


def _one_call(this: Run, called: str, number: str) -> bool:
    """Whether the message was left, by all that the caller could hear."""
    stage, began = this.stage, time.monotonic()
    try:
        call = stage.telephones.carrier.dial(f"+493055500{stage.extension(called)}", from_number=number)
        call.wait_for("answered", timeout_s=20)
        stage.wait_for_beep(call.record(), timeout_s=30)
        beep_at = time.monotonic()
        call.speak("tone:700")
        gevent.sleep(SPOKEN_S)
        if not call.up:
            return False
        call.hangup()
    except (NeverHappened, TelephoneRefused, DatabaseUnavailable, DatabaseError):
        return False
    # No BYE comes from a switch that was killed; and who loses the service at the tone hears a second greeting.
    service_killed_at = this.killed_at.get("voicemail", began - BEEP_WINDOW_S)
    if this.killed_at.get("switch", 0) > began or abs(service_killed_at - beep_at) < BEEP_WINDOW_S:
        return False
    this.left.add(number)
    return True


def _put_into_spool(this: Run, voicemails: int) -> None:
    """By turns as the dialplan alone leaves them, and as a service leaves them that was killed after the tone."""
    spool = Spool(Path(this.stage.env["PBX_SPOOL"]))
    company, owners = this.stage.company_id(), [this.stage.subscriber_id(name) for name in FILED]
    recorded = spool.root / "recorded.wav"
    with wave.open(str(recorded), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\x10\x20" * 9600)
    for turn in range(voicemails):
        number, owner = f"+49152{turn:08d}", owners[turn % len(owners)]
        part = spool.root / "part.wav"
        shutil.copyfile(recorded, part)
        if turn % 2:
            part.replace(spool.fallback / f"{uuid.uuid4()}_{company}_{owner}_{int(time.time())}_{number}.wav")
        else:
            message = LeftMessage(str(uuid.uuid4()), company, owner, str(uuid.uuid4()), datetime.now(UTC), "no_answer",
                                  Caller(number, None))
            spool.write_note(message)
            part.replace(spool.audio(message.message_id))
        this.left.add(number)
        if turn % BATCH == BATCH - 1:
            gevent.sleep(BATCH_EVERY_S)
    recorded.unlink()


# ----- kills

def _kill_in_turn(this: Run) -> None:
    """Each part at least once, and on until every voicemail was left."""
    for part, kill in itertools.cycle(_parts(this.stage.instance).items()):
        if this.all_left and this.kills[part]:
            return
        gevent.sleep(PAUSE_S)
        kill()
        this.kills[part] += 1
        this.killed_at[part] = time.monotonic()
        _wait_until_back(this.stage.instance, part)


def _parts(suite: instances.Instance) -> dict[str, Callable[[], None]]:
    def process(name: str) -> Callable[[], None]:
        return lambda: os.kill(instances.pid(suite, name), signal.SIGKILL)

    def one_of_the_worker() -> None:
        worker = instances.pid(suite, "voicemail-worker")
        children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        if children:
            os.kill(int(children[-1]), signal.SIGKILL)

    def broker() -> None:   # a shell, and Erlang below it
        os.killpg(servers.supervisor().states()["rabbitmq"].pid, signal.SIGKILL)

    def database() -> None:     # as after a crash: nothing is written, the next start recovers
        os.kill(servers.supervisor().states()["postgres"].pid, signal.SIGQUIT)

    return {
        "voicemail": process("voicemail"), "voicemail-worker": process("voicemail-worker"),
        "worker's process": one_of_the_worker, "mail-sink": process("mail-sink"), "broker": broker,
        "database": database, "switch": process("switch"), "routing": process("routing"),
    }


def _wait_until_back(suite: instances.Instance, part: str) -> None:
    ends_at = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < ends_at:
        try:
            if all(process.healthy for process in instances.status(suite)):
                return
        except (Trouble, OSError):
            pass
        gevent.sleep(0.5)
    raise Trouble(f"after {part} was killed the suite was not healthy within {BACK_WITHIN_S:.0f} s",
                  ", ".join(f"{one.name}: {one.why_not}" for one in instances.status(suite) if not one.healthy))


# ----- the end

def _wait_until_drained(stage: Stage, limit_s: float) -> None:
    """Nothing in the spool that is to be taken in, no task, no mail still to go."""
    spool, ends_at = Spool(Path(stage.env["PBX_SPOOL"])), time.monotonic() + limit_s
    still = "nothing looked at yet"
    while time.monotonic() < ends_at:
        try:
            with stage.database.platform() as tx:
                found = tx.one(
                    "SELECT (SELECT count(*) FROM voicemail.outbox) AS tasks, count(*) AS mails"
                    " FROM voicemail.deliveries WHERE state NOT IN ('sent', 'refused', 'given_up')")
            waiting = len(list(spool.notes())) + len(list(spool.fallback_recordings()))
            still = f"{waiting} recordings, {found.tasks} tasks, {found.mails} mails"
            if not (waiting or found.tasks or found.mails):
                return
        except (DatabaseUnavailable, DatabaseError) as error:
            still = str(error)
        gevent.sleep(1)
    raise Trouble(f"not drained within {limit_s:.0f} s", still)


def _judged(this: Run, drained_s: float) -> Outcome:
    with this.stage.database.platform() as tx:
        callers = {str(row.message_id): row.caller_number for row in tx.rows(
            "SELECT message_id, caller_number FROM voicemail.messages")}
        ambiguous = tx.one("SELECT coalesce(sum(ambiguous), 0) AS times FROM voicemail.deliveries").times
    mails = Counter(_message_ids(Path(this.stage.env["PBX_MAILDIR"]) / "new"))
    lost = this.left - {callers[message] for message in mails if message in callers}
    unmailed = [message for message in callers if message not in mails]
    twice = sum(times - 1 for times in mails.values())
    taken_in_twice = [number for number, times in Counter(callers.values()).items() if times > 1]
    strangers = [message for message in mails if message not in callers]
    for what, found in (("lost", lost), ("not mailed", unmailed), ("taken in twice", taken_in_twice),
                        ("mails of nothing", strangers)):
        if found:
            print(f"{what}: {sorted(found)[:20]}", file=sys.stderr)
    return Outcome(
        "voicemails through kills of every part",
        not (lost or unmailed or taken_in_twice or strangers) and twice <= ambiguous,
        f"{len(this.left)} voicemails and {len(callers) - len(this.left)} parts of {this.cut} calls cut off,"
        f" {sum(this.kills.values())} kills, {sum(mails.values())} mails, {len(lost) + len(unmailed)} lost,"
        f" {twice} twice of {ambiguous} ambiguous, drained in {drained_s:.0f} s",
        LIMIT,
    )


def _message_ids(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        with path.open("rb") as file:
            found = _ID.search(file.read(4000))
        if found:
            yield found[1].decode()
