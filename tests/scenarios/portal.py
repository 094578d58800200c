"""What the stories of the voice portal share: a PIN, messages that are there, a caller who listens and presses keys."""

from __future__ import annotations

import uuid
import wave
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import numpy

from tests.scenarios.dialled_codes import LANGUAGE
from tests.scenarios.spoken import LIKE, RATE, likeness, prompt, starts_hearing
from tests.scenarios.stage import Sound, Stage
from tests.scenarios.telephones import Call, NeverHappened

PIN = "907415"
# A prompt is known by how it begins: most are cut short by the next key.
BEGINNING = RATE * 3 // 2
# How much longer than itself a prompt may be heard: packets that are late or come twice stretch it.
STRETCHED = RATE


def give_pin(stage: Stage, who: str, pin: str = PIN) -> None:
    unlock(stage, who)
    answer = stage.http("voicemail", "PUT", "/v1/mailbox/pin", token=who, json_body={"pin": pin})
    assert answer.status == 204, answer.body


def unlock(stage: Stage, who: str) -> None:
    answer = stage.http(
        "voicemail", "DELETE", f"/v1/mailbox/pin/lock?company_id={stage.company_id()}"
        f"&subscriber_id={stage.subscriber_id(who)}", token="operator")
    assert answer.status == 204, answer.body


def has_messages(stage: Stage, who: str, *hz: int, **columns: Any) -> list[str]:
    """Only these new messages lie in the mailbox, each a tone, the first the oldest: their ids."""
    company_id, subscriber_id = stage.company_id(), stage.subscriber_id(who)
    ids = [str(uuid.uuid4()) for _ in hz]
    row = {"caller_number": "+491715550123", "caller_subscriber_id": None, "urgent": False, **columns}
    with stage.database.platform() as tx:
        tx.execute("DELETE FROM voicemail.messages WHERE company_id = :c AND subscriber_id = :s",
                   c=company_id, s=subscriber_id)
        for age, (message_id, tone) in enumerate(zip(reversed(ids), reversed(hz), strict=True), 1):
            size = _write_tone(Path(stage.env["PBX_SPOOL"], "recordings", f"{message_id}.wav"), tone)
            tx.execute(
                "INSERT INTO voicemail.messages (company_id, message_id, subscriber_id, left_at, duration_ms,"
                " sample_rate, audio_bytes, caller_number, caller_subscriber_id, reason, urgent)"
                " VALUES (:c, CAST(:m AS uuid), :s, :at, :ms, 8000, :size, :caller_number, :caller_subscriber_id,"
                " 'no_answer', :urgent)",
                c=company_id, m=message_id, s=subscriber_id, at=datetime.now(UTC) - timedelta(minutes=age),
                ms=_TONE_S * 1000, size=size, **row)
    return ids


_TONE_S = 5


def _write_tone(path: Path, hz: int) -> int:
    samples = 8000 * numpy.sin(2 * numpy.pi * hz * numpy.arange(_TONE_S * RATE) / RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path.stat().st_size


class Caller:
    """Listens to what the portal says, and presses keys."""

    def __init__(self, stage: Stage, call: Call, language: str = "de") -> None:
        self.call = call
        self.recording = starts_hearing(call)
        self.language = language
        self._stage = stage
        self._heard = self._looked = 0

    def presses(self, keys: str) -> Caller:
        self._heard = len(Sound.so_far(self.recording).samples)
        self.call.send_digits(keys)
        return self

    def hears(self, *names: str, timeout_s: float = 20) -> Caller:
        """These prompts one after the other, each from where the one before ended, or from the last key on."""
        for name in names:
            wanted = prompt(self.language, name)[:BEGINNING]
            self._looked = self._heard
            self._wait(partial(self._begins, wanted), timeout_s, name, name)
        return self

    def _begins(self, wanted: Any) -> bool:
        """In what is new since the last look, and so much before it as could be its beginning, never before the last
        key or the prompt before: what was said there cannot pass for it."""
        samples = Sound.so_far(self.recording).samples[self._looked:].astype(float)
        if len(samples) < len(wanted):
            return False
        like, at = likeness(samples, wanted)
        if like >= LIKE:
            self._heard = self._looked + at + len(wanted)
            return True
        self._looked += max(0, len(samples) - len(wanted) - STRETCHED)
        return False

    def hears_tone(self, hz: float, seconds: float = 0.4, timeout_s: float = 20) -> Caller:
        def heard() -> bool:
            sound = Sound.so_far(self.recording)
            return Sound(0, sound.rate, sound.samples[self._heard:]).seconds_of(hz) >= seconds

        self._wait(heard, timeout_s, f"a tone of {hz} Hz")
        return self

    def speaks(self, hz: int, seconds: float = 2) -> Caller:
        """Speaking takes its time."""
        self.call.speak(f"tone:{hz}")
        gevent.sleep(seconds)
        self.call.speak("silence")
        return self

    def is_let_go(self, timeout_s: float = 20) -> None:
        self.call.wait_for("ended", timeout_s=timeout_s)
        assert self.call.end_cause == "NORMAL_CLEARING", self.call

    def _wait(self, heard: Any, timeout_s: float, what: str, wanted: str = "") -> None:
        try:
            self._stage.wait_until(heard, timeout_s, what)
        except NeverHappened as error:
            raise NeverHappened(f"{error}; {self.call} heard {self._most(wanted)} last") from None

    def _most(self, wanted: str) -> str:
        """The three prompts most like what was heard since the last key, and how much like it the wanted one is."""
        samples = Sound.so_far(self.recording).samples[self._heard:].astype(float)
        names = sorted(path.stem for path in Path(self._stage.env["PBX_SOUNDS"], self.language).glob("*.wav"))
        likes = sorted((likeness(samples, prompt(self.language, name)[:BEGINNING])[0], name) for name in names)
        told = likes[-3:] + [one for one in likes[:-3] if one[1] == wanted]
        return ", ".join(f"{name} {like:.2f}" for like, name in sorted(told, reverse=True))


def enters(stage: Stage, who: str, code: str = "*86", pin: str = PIN) -> Caller:
    """At his own telephone, with his PIN."""
    caller = Caller(stage, stage.telephones[who].register().dial(code), LANGUAGE.get(who, "de"))
    return caller.hears("portal-enter-pin").presses(f"{pin}#")
