"""Voicemails a story needs quickly: files as the dialplan leaves them when the service is away; the name says all.

Whoever speaks to the mailbox by telephone is in test_voicemail.py; what becomes of a message is the same.
"""

from __future__ import annotations

import time
import uuid
import wave
from pathlib import Path
from typing import Any

import numpy

from tests.scenarios.stage import Stage

CALLER = "+491715550177"
SPOKEN_HZ = 700
_RATE = 8000


def leave(stage: Stage, name: str, *, seconds: float = 2, caller: str = CALLER) -> None:
    """A recording of a tone for this person; taken in by the sweeper's next round, at the latest after two seconds."""
    spool = Path(stage.env["PBX_SPOOL"])
    part = spool / f"{uuid.uuid4()}.part"
    samples = numpy.sin(numpy.arange(int(seconds * _RATE)) * 2 * numpy.pi * SPOKEN_HZ / _RATE) * 8000
    with wave.open(str(part), "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    part.rename(spool / "fallback" / (f"{uuid.uuid4()}_{stage.company_id()}_{stage.subscriber_id(name)}"
                                      f"_{int(time.time())}_{caller}.wav"))


def message_of(stage: Stage, name: str, *, caller: str = CALLER, within_s: float = 8) -> dict[str, Any]:
    """The newest one of this caller, once it is there."""
    def look() -> dict[str, Any] | None:
        answer = stage.http("voicemail", "GET", "/v1/messages", token=name)
        return next((one for one in answer.body["messages"] if one["caller"]["number"] == caller), None)

    found: dict[str, Any] = stage.wait_until(look, within_s, f"the message for {name}")
    return found
