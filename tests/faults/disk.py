"""The spool's disk is full: who calls is told, nothing is half kept, what was there is as it was.

    make faults F=voicemail-disk        root only: the spool lies on a small disk in memory
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent

from operations import instance as instances
from operations.faults import Options, Outcome
from operations.screen import Trouble
from services.voicemail.spool import Spool
from tests.scenarios.stage import BEEP_HZ, Sound, Stage, make_stage
from tests.scenarios.telephones import Call

LIMIT = "refused cleanly, old messages intact"
DISK_MB = 230
"""A little more than what must be free for a message (services/voicemail/deposit.py)."""
CALLED = "clara"


def full(options: Options) -> Sequence[Outcome]:
    if os.geteuid() != 0:
        raise Trouble("Only root can make the small disk this needs", "run it as root")
    suite = instances.create("faults", switch=options.switch, fresh=True)
    disk = Path(suite.env["PBX_SPOOL"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=750", "tmpfs", str(disk)], check=True)
    try:
        Spool(disk).prepare()
        instances.start(suite)
        try:
            stage = make_stage(suite)
            try:
                return [_run(stage, disk)]
            finally:
                stage.stop()
        finally:
            instances.stop(suite)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _run(stage: Stage, disk: Path) -> Outcome:
    answer = stage.http("voicemail", "PATCH", "/v1/mailbox", token=CALLED, json_body={"on_always": True})
    assert answer.status == 200, answer.body
    wrong: list[str] = []

    def expect(what: str, holds: bool) -> None:
        if not holds:
            wrong.append(what)

    _speak(stage, _dial(stage)).hangup()
    stage.wait_until(lambda: _messages(stage), 10, "a first message")
    before = _kept(stage, disk)

    call = _speak(stage, _dial(stage))
    with _full(disk):
        gevent.sleep(2)     # said into a full disk
        call.send_digits("#")
        call.wait_for("ended", timeout_s=30)
        expect("who spoke into a full disk is told and let go", call.end_cause == "NORMAL_CLEARING")
        expect("nothing of it is kept", _kept(stage, disk) == before)
        early = _dial(stage)
        heard = early.record()
        early.wait_for("ended", timeout_s=30)
        expect("who calls with the disk full hears no tone", Sound.so_far(heard).seconds_of(BEEP_HZ) < 0.2)
        expect("who calls with the disk full is told and let go", early.end_cause == "NORMAL_CLEARING")
        expect("old messages are as they were", _kept(stage, disk) == before)

    _speak(stage, _dial(stage)).hangup()
    stage.wait_until(lambda: len(_messages(stage)) == 2, 10, "a message after the disk had room again")
    figure = "; ".join(wrong) or "2 callers told, none half kept, 1 message before and 1 after"
    return Outcome("disk full", not wrong, figure, LIMIT)


def _dial(stage: Stage) -> Call:
    call = stage.telephones.carrier.dial(f"+493055500{stage.extension(CALLED)}", from_number="+491715550100")
    return call.wait_for("answered", timeout_s=20)


def _speak(stage: Stage, call: Call) -> Call:
    stage.wait_for_beep(call.record())
    call.speak("tone:700")
    gevent.sleep(2)
    return call


def _messages(stage: Stage) -> list[dict[str, Any]]:
    return list(stage.http("voicemail", "GET", "/v1/messages", token=CALLED).body["messages"])


def _kept(stage: Stage, disk: Path) -> dict[str, bytes | None]:
    """Each message with its audio, and what else lies in the spool."""
    files = {path.name: path.read_bytes() for path in (disk / "recordings").iterdir()}
    return {**dict.fromkeys((one["message_id"] for one in _messages(stage)), None), **files}


@contextlib.contextmanager
def _full(disk: Path) -> Iterator[None]:
    """A little room is left, so that it fills up in the middle of what is said."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - 8192)
    try:
        yield
    finally:
        filler.unlink()

