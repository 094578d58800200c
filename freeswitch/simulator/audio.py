"""Sound without a sound card: who says what from when to when, put into samples only when a WAV is wanted.

8 kHz, mono, 16 bit throughout, as the switch writes them. A `Timeline` is what one end says; a recording of
20 ms frames is cut out of it afterwards, so its length is the true one and its sound what was spoken.
"""

from __future__ import annotations

import array
import math
import os
import re
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

RATE = 8000
FRAME = 160  # samples of 20 ms
_LOUDNESS = 8000


class SoundError(Exception):
    """No such sound; the text says what was asked for."""


class Sound(Protocol):
    """samples: how long it is, or None for endless."""

    samples: int | None

    def read(self, start: int, count: int) -> array.array[int]: ...


class Silence:
    def __init__(self, samples: int | None = None) -> None:
        self.samples = samples

    def read(self, start: int, count: int) -> array.array[int]:
        return array.array("h", bytes(2 * count))


class Nothing(Silence):
    """No packets at all: a telephone that is muted, or has lost its network."""


class Tone:
    """One or more frequencies at once; endless unless told otherwise."""

    def __init__(self, frequencies: tuple[float, ...], samples: int | None = None) -> None:
        self.frequencies = frequencies
        self.samples = samples

    def read(self, start: int, count: int) -> array.array[int]:
        volume = _LOUDNESS / max(1, len(self.frequencies))
        steps = [2 * math.pi * frequency / RATE for frequency in self.frequencies]
        return array.array(
            "h", [int(sum(volume * math.sin(step * at) for step in steps)) for at in range(start, start + count)]
        )


class WavFile:
    def __init__(self, path: Path) -> None:
        try:
            with wave.open(str(path), "rb") as file:
                if file.getsampwidth() != 2:
                    raise SoundError(f"{path} has not 16 bits a sample")
                channels, rate = file.getnchannels(), file.getframerate()
                data = array.array("h", file.readframes(file.getnframes()))
        except (OSError, EOFError, wave.Error) as error:
            raise SoundError(f"cannot read {path}: {error}") from error
        mono = data[::channels]
        if rate != RATE:  # nearest neighbour is enough for ears made of tests
            mono = array.array("h", [mono[at * rate // RATE] for at in range(len(mono) * RATE // rate)])
        self._data = mono
        self.samples: int | None = len(mono)

    def read(self, start: int, count: int) -> array.array[int]:
        part = self._data[start : start + count]
        part.frombytes(bytes(2 * (count - len(part))))
        return part


class Sequence:
    """Sounds one after the other, the whole perhaps again and again."""

    def __init__(self, parts: list[Sound], repeat: int | None = 1) -> None:
        self._parts = parts
        self._once = sum(part.samples or 0 for part in parts)
        self.samples = None if repeat is None or self._once == 0 else self._once * repeat

    def read(self, start: int, count: int) -> array.array[int]:
        out = array.array("h")
        while len(out) < count and self._once:
            at = start + len(out)
            if self.samples is not None and at >= self.samples:
                break
            at %= self._once
            for part in self._parts:
                length = part.samples or 0
                if at < length:
                    out += part.read(at, min(length - at, count - len(out)))
                    break
                at -= length
        out.frombytes(bytes(2 * (count - len(out))))
        return out


def spoken(text: str) -> Sound:
    """What a telephone is told to say: tone:440, silence, nothing, or a WAV's path."""
    if text == "silence":
        return Silence()
    if text == "nothing":
        return Nothing()
    if text.startswith("tone:"):
        try:
            return Tone((float(text.removeprefix("tone:")),))
        except ValueError:
            raise SoundError(f"not a tone: {text}") from None
    return WavFile(Path(text))


_PART = re.compile(r"%\(([0-9.,]+)\)|L=(\d+)|v=-?\d+|[;|]|\s+")


def tone_stream(text: str) -> Sound:
    """TGML as far as it is used (libteletone, mod_tone_stream.c): %(on ms, off ms, Hz…), L=times, loops=times."""
    text, _, options = text.partition(";loops=")
    repeat: int | None = int(options) if options else 1
    parts: list[Sound] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise SoundError(f"not simulated in a tone: {text[at:]!r}")
        at = found.end()
        if found.group(1):
            on_ms, off_ms, *frequencies = (float(one) for one in found.group(1).split(","))
            parts.append(Tone(tuple(frequencies), int(on_ms * RATE / 1000)))
            parts.append(Silence(int(off_ms * RATE / 1000)))
        elif found.group(2):
            repeat = int(found.group(2))
    return Sequence(parts, None if repeat is not None and repeat < 0 else repeat)


@dataclass
class _Stretch:
    starts_at: float
    ends_at: float | None
    sound: Sound | Timeline
    skip: int = 0  # samples of the sound that were over before

    def end(self) -> float:
        over = self.ends_at if self.ends_at is not None else math.inf
        length = None if isinstance(self.sound, Timeline) else self.sound.samples
        return over if length is None else min(over, self.starts_at + max(0, length - self.skip) / RATE)


class Timeline:
    """One sound at a time; a new one ends the old."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []

    def say(self, sound: Sound | Timeline) -> None:
        self.stop()
        self._stretches.append(_Stretch(time.monotonic(), None, sound))

    def stop(self) -> None:
        if self._stretches and self._stretches[-1].ends_at is None:
            self._stretches[-1].ends_at = time.monotonic()

    def read(self, starts_at: float, count: int) -> array.array[int]:
        """count samples from a moment on; what nobody said is silence."""
        out = array.array("h", bytes(2 * count))
        ends_at = starts_at + count / RATE
        for stretch in self._stretches:
            first = max(starts_at, stretch.starts_at)
            last = min(ends_at, stretch.end())
            length = round((last - first) * RATE)
            if length <= 0:
                continue
            at = round((first - starts_at) * RATE)
            length = min(length, count - at)
            if isinstance(stretch.sound, Timeline):
                part = stretch.sound.read(first, length)
            else:
                part = stretch.sound.read(round((first - stretch.starts_at) * RATE) + stretch.skip, length)
            out[at : at + length] = part
        return out

    def is_sent(self, at: float) -> bool:
        """False while it says nothing at all: silence that comes as packets is sent, too."""
        return not any(isinstance(one.sound, Nothing) and one.starts_at <= at < one.end() for one in self._stretches)

    def loudness(self, starts_at: float, count: int = FRAME) -> float:
        """Mean amplitude of a frame, what `record` compares with its threshold (switch_ivr_play_say.c)."""
        return sum(abs(sample) for sample in self.read(starts_at, count)) / count


def write_wav(path: Path, samples: array.array[int]) -> None:
    """Header and samples, as mod_sndfile writes them."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def append(path: Path, samples: array.array[int]) -> None:
    """More samples; the lengths in the header stay those of the start."""
    with path.open("ab") as file:
        file.write(samples.tobytes())


def start_wav(path: Path) -> None:
    """An empty file from the start on: a path that cannot be written shows at once."""
    if not os.access(path.parent, os.W_OK):
        raise OSError(f"cannot write into {path.parent}")
    write_wav(path, array.array("h"))
