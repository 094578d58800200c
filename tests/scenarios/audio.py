"""What a recording holds, for stories that listen."""

from __future__ import annotations

import wave

import numpy


def samples(path: str) -> numpy.ndarray:
    with wave.open(path) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16 bit")
        channels = file.getnchannels()
        found = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)
    return found[::channels]


def seconds(path: str) -> float:
    with wave.open(path) as file:
        return float(file.getnframes() / file.getframerate())


def rate(path: str) -> int:
    with wave.open(path) as file:
        return int(file.getframerate())


def hears_tone(path: str, hz: int, *, share: float = 0.3) -> bool:
    """Whether a fifth of a second somewhere is mostly this tone (share of the energy within 20 Hz of it)."""
    sound, per_second = samples(path), rate(path)
    length = per_second // 5
    for start in range(0, max(1, len(sound) - length), length // 2):
        part = sound[start:start + length]
        if len(part) < length or numpy.abs(part).mean() < 100:
            continue
        power = numpy.abs(numpy.fft.rfft(part * numpy.hanning(length))) ** 2
        frequencies = numpy.fft.rfftfreq(length, 1 / per_second)
        if power[numpy.abs(frequencies - hz) <= 20].sum() > share * power.sum():
            return True
    return False


def is_silent(path: str) -> bool:
    sound = samples(path)
    return len(sound) == 0 or float(numpy.abs(sound).max()) < 200
