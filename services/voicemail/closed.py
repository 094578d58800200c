"""Waits until the switch has closed a recording. Shell."""

from __future__ import annotations

import time
from pathlib import Path

import gevent

from services.voicemail.recording import Recording
from services.voicemail.spool import Spool

_CLOSED_WITHIN_S = 3.0


def when_closed(spool: Spool, path: Path) -> Recording | None:
    """What was recorded, once the switch has closed the file: `record` may end a little before that.

    Not closed in time it is as it is then; None: there is nothing usable.
    """
    recording = spool.measure(path)
    deadline = time.monotonic() + _CLOSED_WITHIN_S
    while recording is not None and not recording.closed and time.monotonic() < deadline:
        gevent.sleep(0.02)  # a file tells nobody that it was closed
        recording = spool.measure(path)
    return recording
