"""How long it takes from the caller's hang-up until the mail server has the message, on a suite that does nothing else.

python -m tests.bench.voicemail [messages] prints {"voicemail_to_mail_s": {"p50": …, "p99": …}}. Real calls, a few at
a time, each to a mailbox of its own; both moments by this machine's clock: just before the telephone is told to hang
up, and when the mail lay whole in the mailbox. The bound is 2 s for the p99.
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import gevent

from operations import instance as instances
from shared import logs
from tests.bench.routing_setup import BenchFailed, percentile
from tests.scenarios.stage import Stage, make_stage

MESSAGES = 80
CALLED = ("bernd", "clara", "david", "emma")
SPOKEN_S = 2.0
_MAIL_WITHIN_S = 30.0
_TO = re.compile(rb"^To: (\S+)@", re.MULTILINE)


def measure(messages: int = MESSAGES) -> dict[str, Any]:
    bench = instances.create("bench", switch="freeswitch", fresh=True)
    instances.start(bench)
    try:
        stage = make_stage(bench)
        try:
            return {"voicemail_to_mail_s": _measure(stage, messages)}
        finally:
            stage.stop()
    finally:
        instances.stop(bench)


def _measure(stage: Stage, messages: int) -> dict[str, float]:
    for name in CALLED:
        answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=name, json_body={
            "on_always": True, "deliver_as_mail": True, "email": f"{name}@{name}.example", "max_messages": 1000})
        if answer.status != 200:
            raise BenchFailed(f"the mailbox of {name} was not set: {answer.body}")
    mails = Mails(Path(stage.env["PBX_MAILDIR"]))
    callers = [gevent.spawn(_calls, stage, mails, name, -(-messages // len(CALLED)), place)
               for place, name in enumerate(CALLED)]
    gevent.joinall(callers, raise_error=True)
    took = [seconds for caller in callers for seconds in caller.value]
    return {"p50": round(percentile(took, 50), 3), "p99": round(percentile(took, 99), 3)}


def _calls(stage: Stage, mails: "Mails", called: str, times: int, place: int) -> list[float]:
    gevent.sleep(place)     # not all at the same moment
    return [_one(stage, mails, called) for _ in range(times)]


def _one(stage: Stage, mails: "Mails", called: str) -> float:
    call = stage.telephones.carrier.dial(f"+493055500{stage.extension(called)}", from_number="+491715550100")
    call.wait_for("answered", timeout_s=20)
    stage.wait_for_beep(call.record())
    call.speak("tone:700")
    gevent.sleep(SPOKEN_S)
    hung_up_at = time.time()
    call.hangup()
    return mails.arrival(called) - hung_up_at


class Mails:
    """What arrives in the Maildir, by the person it is for; each is handed out once."""

    def __init__(self, maildir: Path) -> None:
        self._folder = maildir / "new"
        self._seen = {path.name for path in self._folder.glob("*")}
        self._arrived: dict[str, list[float]] = {}

    def arrival(self, name: str) -> float:
        ends_at = time.monotonic() + _MAIL_WITHIN_S
        while not self._arrived.get(name):
            if time.monotonic() > ends_at:
                raise BenchFailed(f"no mail for {name} within {_MAIL_WITHIN_S:.0f} s")
            gevent.sleep(0.05)
            self._look()
        return self._arrived[name].pop(0)

    def _look(self) -> None:
        for path in self._folder.iterdir():
            if path.name not in self._seen:
                self._seen.add(path.name)
                recipient = _TO.search(path.read_bytes()[:4000])
                if recipient is not None:
                    self._arrived.setdefault(recipient[1].decode(), []).append(path.stat().st_mtime_ns / 1e9)


if __name__ == "__main__":
    logs.configure("bench", "error")
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES)))
