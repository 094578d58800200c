"""What a telephone heard, held against the prompts that should have been played: the sound itself, in their order."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from operations.places import SOUNDS
from tests.scenarios.stage import Sound
from tests.scenarios.telephones import Call

RATE = 8000
# A busy machine drops and repeats packets: so a prompt is compared piece by piece, each a little early or late.
PIECE = RATE // 4
SHIFT = RATE // 20
# Played prompts were measured at 0.85 to 0.99 of themselves, others at 0.3 to 0.75: on and off begin alike.
LIKE = 0.75
# A short one, a digit, lost too much to one late packet (0.65 was seen): then none that could stand there comes near.
SHORT = RATE
SHORT_LIKE = 0.55
NEAR = 0.1


def hears(call: Call, language: str, *names: str) -> None:
    """The call is answered, says just these prompts one after the other, and is ended by the system."""
    says_in_full(call, starts_hearing(call), language, names)


def starts_hearing(call: Call) -> str:
    """The recording of what it hears, from the answer on."""
    call.wait_for("answered", timeout_s=10)
    return call.record()


def says_in_full(call: Call, recording: str, language: str, names: Sequence[str], timeout_s: float = 60) -> None:
    call.wait_for("ended", timeout_s=timeout_s)
    assert call.end_cause == "NORMAL_CLEARING", call
    heard = Sound.so_far(recording).samples.astype(float)
    begins = 0
    for name in names:
        wanted = prompt(language, name)
        where = f"of {call} at {begins / RATE:.1f} s of {len(heard) / RATE:.1f} s"
        part = heard[begins: begins + len(wanted) + RATE]
        like, at = likeness(part, wanted)
        enough = SHORT_LIKE if len(wanted) < SHORT else LIKE
        assert like >= enough, f"{name} was not heard {where}: {like:.2f}; {_most_like(part, language)} is most like it"
        others = {other: likeness(part, prompt(language, other))[0] for other in _siblings(language, name)}
        better = {other: its for other, its in others.items() if its >= like - (NEAR if like < LIKE else 0)}
        assert not better, f"{name} was heard {where} at {like:.2f}, but {better}"
        begins += at + len(wanted)
    rest = heard[begins:]
    assert len(rest) < 1.5 * RATE or numpy.abs(rest).max() < 500, f"{call} said more than {names}"


@cache
def prompt(language: str, name: str) -> Any:
    with wave.open(str(Path(SOUNDS, language, f"{name}.wav"))) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)
    loud = numpy.nonzero(numpy.abs(samples) > 200)[0]
    return samples[loud[0]: loud[-1] + 1]


def likeness(heard: Any, wanted: Any) -> tuple[float, int]:
    """How much of `wanted` is in what was heard (1: all), and at which sample it begins.

    From the piece that is heard best, pieces are followed forwards and backwards, each from where its neighbour was:
    what a lost packet brings forward stays brought forward."""
    if len(heard) < len(wanted) // 2:
        return 0.0, 0
    heard = numpy.concatenate((heard, numpy.zeros(max(0, len(wanted) + SHIFT - len(heard)))))
    at = int(_correlated(heard, wanted).argmax())
    pieces = [(start, wanted[start: start + PIECE]) for start in range(0, len(wanted), PIECE)]
    weights = [float((piece**2).sum()) for _, piece in pieces]
    straight = [_near(heard, piece, at + start) for start, piece in pieces]
    best = max(range(len(pieces)), key=lambda one: weights[one] * straight[one][0])
    likes = {best: straight[best][0]}
    for following in (range(best + 1, len(pieces)), range(best - 1, -1, -1)):
        shift = straight[best][1]
        for one in following:
            start, piece = pieces[one]
            like, moved = _near(heard, piece, at + start + shift)
            if like >= LIKE:
                shift += moved
            likes[one] = like
    return sum(weights[one] * like for one, like in likes.items()) / sum(weights), at


def _near(heard: Any, piece: Any, at: int) -> tuple[float, int]:
    """How much of a piece is there, and how much later than expected."""
    first = max(0, at - SHIFT)
    around = heard[first: at + len(piece) + SHIFT]
    if len(around) < len(piece) or not piece.any():
        return 0.0, 0
    correlated = _correlated(around, piece)
    where = int(correlated.argmax())
    return float(correlated[where]), first + where - at


def _correlated(heard: Any, wanted: Any) -> Any:
    """At each sample of `heard` where `wanted` could begin: the correlation of the two, -1 to 1."""
    size = 1 << (len(heard) + len(wanted) - 1).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(wanted, size)), size)
    product = product[: len(heard) - len(wanted) + 1]
    squares = numpy.concatenate(([0.0], numpy.cumsum(heard**2)))
    energy = (squares[len(wanted):] - squares[: len(squares) - len(wanted)])[: len(product)]
    return product / numpy.sqrt(numpy.maximum(energy, 1.0) * (wanted**2).sum())


def _names(language: str) -> list[str]:
    return sorted(path.stem for path in Path(SOUNDS, language).glob("*.wav"))


def _siblings(language: str, name: str) -> list[str]:
    """Prompts that begin alike or could stand in its place: on and off of one setting, other digits."""
    stem = name.removesuffix("-is-set-to").rsplit("-", 1)[0] if not name.endswith("-is-set-to") else (
        name.removesuffix("-is-set-to"))
    return [other for other in _names(language) if other != name and other.startswith(f"{stem}-")]


def _most_like(heard: Any, language: str) -> str:
    return max(_names(language), key=lambda name: likeness(heard, prompt(language, name))[0])
