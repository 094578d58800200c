"""Applications with sound: playback, record, and reading keys (switch_ivr_play_say.c, mod_dptools.c)."""

from __future__ import annotations

import array
import re
import time
from pathlib import Path

import structlog

from freeswitch.simulator import audio
from freeswitch.simulator.channel import Broken, Channel, NotReady
from freeswitch.simulator.variables import is_true, leading_int
from freeswitch.simulator.words import split_arguments

log = structlog.get_logger()

_LOOK_S = 0.1  # how often a recording listens for silence


def open_sound(channel: Channel, file: str) -> audio.Sound:
    """A file or a stream by its name; raises SoundError for one there is not."""
    scheme, colon, rest = file.partition("://")
    if not colon:
        path = Path(file)
        if not path.is_absolute():
            path = Path(channel.get_variable("sound_prefix") or channel.switch.settings.sounds, file)
        return audio.WavFile(path)
    if scheme == "tone_stream":
        return audio.tone_stream(rest)
    if scheme == "silence_stream":
        ms = leading_int(rest.partition(",")[0])
        return audio.Silence(None if ms < 0 else ms * audio.RATE // 1000)
    if scheme == "local_stream":
        return channel.switch.hold_music()
    if scheme == "file_string":
        return audio.Sequence([open_sound(channel, part) for part in rest.split("!")])
    raise audio.SoundError(f"{scheme}:// is not simulated")


def _file_type(file: str) -> str | None:
    scheme = file.partition("://")[0]
    return scheme if scheme in ("local_stream", "tone_stream") else None


def play(channel: Channel, file: str, stop_at: str | None = None) -> tuple[str, str]:
    """Plays to the end, or to a key of stop_at ("*" any): how it went and the key.

    What is pressed and does not stop it is gone (the callback of playback takes it out of the queue).
    """
    sound = open_sound(channel, file)
    channel.pre_answer()
    channel.event("PLAYBACK_START", **{"Playback-File-Path": file, "Playback-File-Type": _file_type(file)})
    started_at = time.monotonic()
    if channel.telephone is not None:
        channel.telephone.hearing.say(sound)
    status, key = "done", ""

    def stopped() -> bool:
        nonlocal key
        while channel.digits and stop_at is not None:
            if stop_at == "any":
                return True
            key = channel.take_key()
            if key in stop_at:
                return True
            key = ""
        return False

    try:
        length_s = None if sound.samples is None else sound.samples / audio.RATE
        if channel.wait(stopped, timeout_s=length_s):
            status = "break"
    except (NotReady, Broken) as error:
        status = "break"
        if isinstance(error, NotReady):
            raise
    finally:
        if channel.telephone is not None:
            channel.telephone.hearing.stop()
        played = round((time.monotonic() - started_at) * audio.RATE)
        if sound.samples is not None:
            played = sound.samples if status == "done" else min(played, sound.samples)
        channel.set_variable("playback_last_offset_pos", str(played))
        channel.set_variable("playback_seconds", str(played // audio.RATE))
        channel.set_variable("playback_ms", str(played // (audio.RATE // 1000)))
        channel.set_variable("playback_samples", str(played))
        channel.event(
            "PLAYBACK_STOP",
            **{"Playback-File-Path": file, "Playback-File-Type": _file_type(file), "Playback-Status": status},
        )
    return status, key


def hold_music(channel: Channel, on: bool) -> None:
    """What the other leg of a holding one hears (switch_core_media_toggle_hold, switch_core_media.c)."""
    from freeswitch.simulator import applications

    def resume() -> None:
        if channel.telephone is not None:
            channel.telephone.connected()

    if on:
        stream = channel.get_variable("hold_music") or "local_stream://moh"
        channel.send(lambda: applications.execute(channel, "playback", stream))
        return
    channel.break_asked = True
    channel.send(resume)


def _terminators(channel: Channel) -> str:
    """playback_terminators, "*" unless set (on_dtmf in mod_dptools.c)."""
    chosen = channel.variables.get("playback_terminators") or "*"
    return {"any": "1234567890*#", "none": ""}.get(chosen.lower(), chosen)


def playback(channel: Channel, data: str) -> None:
    channel.set_variable("playback_terminator_used", None)
    file = data.partition("@@")[0]
    try:
        _, key = play(channel, file, _terminators(channel))
    except audio.SoundError as error:
        log.error("cannot play", file=file, reason=str(error), leg_uuid=channel.uuid)
        channel.set_variable("current_application_response", "FILE NOT FOUND")
        return
    channel.set_variable("playback_terminator_used", key or None)
    channel.set_variable("current_application_response", "FILE PLAYED")


def record(channel: Channel, data: str) -> None:
    """record <path> [<limit s>] [<threshold>] [<silence s>]: what this leg's telephone says, as 8 kHz WAV."""
    words = split_arguments(data, limit=4)
    if not words:
        log.error("record without a file", leg_uuid=channel.uuid)
        return
    path = Path(words[0])
    if path.suffix != ".wav":
        log.error("the simulator records WAV only", file=str(path))
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        raise NotReady
    limit_s = leading_int(words[1].lstrip("+")) if len(words) > 1 else 0
    threshold = leading_int(words[2]) if len(words) > 2 else 0
    silence_s = (leading_int(words[3]) or 3) if len(words) > 3 else 3
    channel.set_variable("playback_terminator_used", None)
    channel.pre_answer()
    try:
        if not path.is_absolute():
            path = channel.switch.settings.sounds / path
        audio.start_wav(path)
    except OSError as error:
        log.error("cannot record", file=str(path), reason=str(error), leg_uuid=channel.uuid)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        raise NotReady from error
    channel.set_variable("silence_hits_exhausted", "false")
    channel.event("RECORD_START", **{"Record-File-Path": str(path)})
    recording = _Recording(channel, limit_s, threshold, silence_s)
    try:
        recording.run()
    finally:
        samples = recording.samples()
        audio.write_wav(path, samples)
        channel.set_variable("record_seconds", str(len(samples) // audio.RATE))
        channel.set_variable("record_ms", str(len(samples) // (audio.RATE // 1000)))
        channel.set_variable("record_samples", str(len(samples)))
        channel.event("RECORD_STOP", **{"Record-File-Path": str(path)})


class _Recording:
    def __init__(self, channel: Channel, limit_s: int, threshold: int, silence_s: int) -> None:
        self._channel = channel
        self._limit_s = limit_s
        self._threshold = threshold
        self._silence_frames = silence_s * audio.RATE // audio.FRAME
        self._starts_at = time.monotonic()
        self._starts_epoch_s = int(time.time())
        self._ends_at: float | None = None
        self._frames_heard = 0
        self._quiet_frames = 0

    def run(self) -> None:
        """Until a terminator, silence, the limit, a break, or the leg's end."""
        try:
            while not self._channel.wait(self._terminated, timeout_s=_LOOK_S):
                if self._silent():
                    self._channel.set_variable("silence_hits_exhausted", "true")
                    return
                # whole epoch seconds, and more than the limit (switch_ivr_record_file)
                if self._limit_s and int(time.time()) - self._starts_epoch_s > self._limit_s:
                    return
        except Broken:
            return
        finally:
            if self._ends_at is None:
                self._ends_at = time.monotonic()

    def _terminated(self) -> bool:
        terminators = _terminators(self._channel)
        while self._channel.digits:
            key = self._channel.take_key()
            if key in terminators:
                self._channel.set_variable("playback_terminator_used", key)
                return True
        return False

    def _silent(self) -> bool:
        """Frame by frame: how many in a row have been under the threshold."""
        speech = self._channel.telephone.speech if self._channel.telephone is not None else audio.Timeline()
        if not self._threshold:
            return False
        whole = int((time.monotonic() - self._starts_at) * audio.RATE) // audio.FRAME
        while self._frames_heard < whole:
            at = self._starts_at + self._frames_heard * audio.FRAME / audio.RATE
            self._frames_heard += 1
            if int(speech.loudness(at)) < self._threshold:
                self._quiet_frames += 1
                if self._quiet_frames >= self._silence_frames:
                    self._ends_at = at + audio.FRAME / audio.RATE
                    return True
            else:
                self._quiet_frames = 0
        return False

    def samples(self) -> array.array[int]:
        """Whole frames of 20 ms."""
        ends_at = self._ends_at if self._ends_at is not None else time.monotonic()
        count = int((ends_at - self._starts_at) * audio.RATE) // audio.FRAME * audio.FRAME
        if self._channel.telephone is None:
            return array.array("h", bytes(2 * count))
        speech = self._channel.telephone.speech
        samples = speech.read(self._starts_at, count)
        if is_true(self._channel.get_variable("record_fill_cng")):
            return samples
        # What did not come is not written, though it counts as silence (SFF_CNG, switch_ivr_play_say.c).
        written = array.array("h")
        for first in range(0, count, audio.FRAME):
            if speech.is_sent(self._starts_at + first / audio.RATE):
                written += samples[first : first + audio.FRAME]
        return written


def play_and_get_digits(channel: Channel, data: str) -> None:
    """<min> <max> <tries> <timeout ms> <terminators> <file> <invalid file> [<variable> [<regex> [<digit ms> …]]]"""
    words = split_arguments(data)
    if len(words) < 7:
        log.error("play_and_get_digits: too few arguments", data=data)
        return
    minimum, maximum, tries = max(0, leading_int(words[0])), leading_int(words[1]), leading_int(words[2])
    timeout_ms = max(1000, leading_int(words[3]))
    terminators, prompt, wrong = words[4], words[5], words[6]
    variable = words[7] if len(words) > 7 else ""
    pattern = words[8] if len(words) > 8 else ""
    digit_ms = leading_int(words[9]) if len(words) > 9 else 0
    if pattern and variable:
        channel.set_variable(f"{variable}_invalid", None)
    for _ in range(tries):
        digits, result = _read(channel, minimum, maximum, prompt, variable, timeout_ms, terminators, digit_ms)
        if result == "timeout" and len(digits) >= minimum:
            result = "success"
        if minimum == 0 and not digits and channel.variables.get("read_terminator_used"):
            return
        if result == "success" and digits:
            if not pattern or re.search(pattern, digits):
                return
            channel.set_variable(variable, None)
            channel.set_variable(f"{variable}_invalid", digits)
        try:
            play(channel, wrong)
        except audio.SoundError as error:
            log.error("cannot play", file=wrong, reason=str(error))
    if len(words) > 10:
        channel.transfer(*split_arguments(" ".join(words[10:]))[:3])


def read(channel: Channel, data: str) -> None:
    """read <min> <max> <file> <variable> <timeout ms> <terminators> [<digit ms>]"""
    words = [*split_arguments(data), "", "", "", "", "", "", ""]
    minimum = max(1, leading_int(words[0]))
    timeout_ms = max(1000, leading_int(words[4]))
    maximum, digit_ms = leading_int(words[1]), leading_int(words[6])
    _read(channel, minimum, maximum, words[2], words[3], timeout_ms, words[5] or "#", digit_ms)


def _read(
    channel: Channel, minimum: int, maximum: int, prompt: str, variable: str, timeout_ms: int, terminators: str,
    digit_ms: int,
) -> tuple[str, str]:  # fmt: skip
    """switch_ivr_read: a key ends the prompt; then keys until maximum, a terminator, or a pause."""
    maximum = max(minimum, maximum)
    channel.set_variable("read_result", None)
    channel.set_variable("read_terminator_used", None)
    if variable:
        channel.set_variable(variable, None)
    if prompt and prompt != "silence":
        try:
            play(channel, prompt, "any")
        except audio.SoundError as error:
            log.error("cannot play", file=prompt, reason=str(error))
            return "", "failure"
    digits, result = "", "success"
    while len(digits) < maximum:
        pause_ms = (digit_ms or timeout_ms) if digits else timeout_ms
        if not channel.wait(lambda: bool(channel.digits), timeout_s=pause_ms / 1000):
            result = "timeout"
            break
        key = channel.take_key()
        if terminators and terminators != "none" and key in terminators:
            channel.set_variable("read_terminator_used", key)
            break
        digits += key
    if len(digits) < minimum:
        result = "failure" if result == "success" else result
    channel.set_variable("read_result", result)
    if variable and digits:
        channel.set_variable(variable, digits)
    return digits, result
