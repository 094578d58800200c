"""An uploaded sound file as the switch plays it: 8 kHz, mono, 16 bit, as loud as prompts. Shell: a process of its own.

    python -m services.voicemail.convert UPLOAD WAV LONGEST_S

Strangers' files are decoded here and not in the service that holds callers: whatever a decoder does, it does it to this
process, which may take so much memory and time and no more. Exit 0: WAV is there; REFUSED: the last line on standard
output says why, for the person who sent it; anything else: it could not be read.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

RATE = 8000
REFUSED = 3
_SELF = "services.voicemail.convert"
FORMATS = ("WAV", "WAVEX", "MP3", "FLAC", "OGG", "AIFF")

_LIMIT_S = 30.0
_MEMORY_BYTES = 1024 ** 3
_FILE_BYTES = 16 * 1024 ** 2
_HIGHEST_RATE = 96_000
# What a telephone carries ends at 3.4 kHz; above, a slope, so that nothing folds back and nothing rings.
_PASS_HZ, _STOP_HZ = 3400.0, 3900.0
_RMS = 0.08             # 22 dB below full scale, as the prompts were measured
_PEAK = 0.89
_MOST_GAIN = 10.0
_SILENT = 1e-3


class NotConverted(ValueError):
    """The text says why to the person who sent the file."""


class TooSlow(Exception):
    """The machine had no time for it."""


def convert(upload: Path, target: Path, longest_s: float) -> None:
    """target is written; raises NotConverted or TooSlow."""
    command = [sys.executable, "-m", _SELF, str(upload), str(target), str(longest_s)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each of its threads reserves memory
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"not done after {_LIMIT_S:.0f} s") from error
    if done.returncode == REFUSED:
        raise NotConverted(done.stdout.strip().splitlines()[-1])
    if done.returncode != 0:
        raise NotConverted("it cannot be read as a sound file")


def main(upload: str, target: str, longest_s: str) -> int:
    for what, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, int(_LIMIT_S)),
                       (resource.RLIMIT_FSIZE, _FILE_BYTES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    try:
        _convert(upload, target, float(longest_s))
    except NotConverted as error:
        print(error)
        return REFUSED
    return 0


def _convert(upload: str, target: str, longest_s: float) -> None:
    import numpy as np  # here, so that the service that calls convert() is spared both
    import soundfile

    try:
        with soundfile.SoundFile(upload) as file:
            if file.format not in FORMATS:
                raise NotConverted(f"{file.format} is not taken; send WAV, MP3, FLAC, Ogg or AIFF")
            if not RATE // 2 <= file.samplerate <= _HIGHEST_RATE or not 1 <= file.channels <= 8:
                raise NotConverted(f"{file.samplerate} Hz with {file.channels} channels is not taken")
            # One second more than allowed: silence at its ends is cut off later, and the header may lie.
            wanted = int((longest_s + 1) * file.samplerate)
            samples = file.read(wanted + 1, dtype="float32", always_2d=True).mean(axis=1)
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise NotConverted("it cannot be read as a sound file; send WAV, MP3, FLAC, Ogg or AIFF") from error
    if len(samples) > wanted:
        raise NotConverted(f"it is longer than {longest_s:.0f} s")
    if not len(samples) or not np.isfinite(samples).all():
        raise NotConverted("there is no sound in it")
    if rate != RATE:
        spectrum = np.fft.rfft(samples)
        hertz = np.fft.rfftfreq(len(samples), 1 / rate)
        spectrum *= np.clip((_STOP_HZ - hertz) / (_STOP_HZ - _PASS_HZ), 0, 1)
        length = len(samples) * RATE // rate
        bins = length // 2 + 1
        padded = np.zeros(bins, dtype=spectrum.dtype)
        padded[:min(bins, len(spectrum))] = spectrum[:bins]
        samples = np.fft.irfft(padded, length) * (length / len(samples))
    samples = samples - samples.mean()
    peak, rms = float(np.abs(samples).max()), float(np.sqrt(np.square(samples).mean()))
    if peak < _SILENT:
        raise NotConverted("nothing can be heard in it")
    samples *= min(_MOST_GAIN, _RMS / rms, _PEAK / peak)
    soundfile.write(target, samples, RATE, format="WAV", subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
