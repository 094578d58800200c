"""What the worker makes of a recording: its level, and an MP3. Shell: reads and writes audio files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

SILENCE_DBFS = -96.0


def level_dbfs(path: Path) -> float:
    """Root mean square of the whole recording, in dB below full scale."""
    total, count = 0.0, 0
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(blocksize=65536, dtype="float64"):
            total += float(np.sum(np.square(block)))
            count += block.size
    if count == 0 or total == 0.0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, float(10 * np.log10(total / count)))


def make_mp3(source: Path, target: Path) -> None:
    """target appears whole or not at all; made before: nothing to do."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.mp3")
    try:
        samples, rate = soundfile.read(source, dtype="int16")
        soundfile.write(temporary, samples, rate, format="MP3")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
