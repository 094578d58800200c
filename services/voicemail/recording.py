"""What a WAV file in the spool really holds. Core: bytes and numbers in, verdict out.

FreeSWITCH (mod_sndfile, libsndfile) writes a header of 44 bytes with a length of zero when it opens the
file and the true length when it closes it; so a header that agrees with the size of the file says
"closed". It reports success on a full disk: only the size of the file tells how much was kept.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass

HEADER_BYTES = 44
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1
_LATE_PACKETS_MS = 100


class NotARecording(ValueError):
    """The bytes are not the start of a WAV file as the switch writes it; the text says why."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    channels: int
    sample_rate: int
    data_bytes: int
    """As the header says: 0 while the file is being written."""


@dataclass(frozen=True, slots=True)
class Recording:
    """.samples per channel, from the size of the file, which cannot lie."""

    sample_rate: int
    channels: int
    samples: int
    audio_bytes: int
    closed: bool
    """The switch finished it: header and size agree."""

    @property
    def duration_ms(self) -> int:
        return self.samples * 1000 // self.sample_rate


def parse_header(start: bytes) -> WavHeader:
    """The header in the first 44 bytes. Raises NotARecording."""
    if len(start) < HEADER_BYTES:
        raise NotARecording(f"only {len(start)} bytes")
    (riff, _, wave, fmt, fmt_bytes, coding, channels, rate, _, _, bits, data, data_bytes) = _LAYOUT.unpack(
        start[:HEADER_BYTES]
    )
    if (riff, wave, fmt, data) != (b"RIFF", b"WAVE", b"fmt ", b"data") or fmt_bytes != 16:
        raise NotARecording("not a WAV header of 44 bytes")
    if coding != _PCM or bits != 16 or channels not in (1, 2) or not 1000 <= rate <= 192_000:
        raise NotARecording(f"not 16 bit PCM: coding {coding}, {bits} bit, {channels} channels, {rate} Hz")
    return WavHeader(channels, rate, data_bytes)


def measure(start: bytes, file_bytes: int) -> Recording:
    """The recording whose file begins with start and has file_bytes bytes. Raises NotARecording."""
    header = parse_header(start)
    data_bytes = file_bytes - HEADER_BYTES
    samples = data_bytes // (2 * header.channels)
    return Recording(
        sample_rate=header.sample_rate,
        channels=header.channels,
        samples=samples,
        audio_bytes=file_bytes,
        closed=header.data_bytes == data_bytes,
    )


def header_for(recording: Recording) -> bytes:
    """The header such a file should have: for one whose writer was killed before it could say the length."""
    data_bytes = recording.samples * 2 * recording.channels
    block = 2 * recording.channels
    return _LAYOUT.pack(
        b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, _PCM, recording.channels, recording.sample_rate,
        recording.sample_rate * block, block, 16, b"data", data_bytes,
    )


def is_short(recording: Recording, reported_ms: int | None) -> bool:
    """True when the disk took less than the switch says it recorded (record_ms, switch_ivr_play_say.c).

    record_samples would be no measure: it counts at the call's rate, not at the file's
    (switch_core_file_write). A packet or two may be counted and not written at a hang-up.
    """
    return reported_ms is not None and recording.duration_ms + _LATE_PACKETS_MS < reported_ms


_NO_ROOM_BYTES = 1024 * 1024
_STOPS_WITHIN_MS = 2000
"""Before the limit: `record` counts whole seconds of the clock, and the sound may lag behind it."""


def was_cut_off(recording: Recording, limit_s: int, free_bytes: int) -> bool:
    """True when `record` stopped because nothing more could be written: neither a key, nor silence, nor the limit.

    That is what a full disk does where libsndfile says so (mod_sndfile.c, sndfile_file_write; switch_ivr_play_say.c,
    switch_ivr_record_file); then record_ms is what was kept, and is_short sees nothing.
    """
    return free_bytes < _NO_ROOM_BYTES and recording.duration_ms < limit_s * 1000 - _STOPS_WITHIN_MS


_FRAME_MS = 20
_SILENT = 200
"""Mean amplitude, as `record` measures silence (switch_ivr_play_say.c)."""


def without_silence(samples: array[int], sample_rate: int, *, keep_ms: int = 100) -> array[int]:
    """Mono samples without the silence before the first and after the last sound, but for keep_ms; empty: no sound.

    Looks from both ends inwards, so that it takes as long as there is silence, not as long as there is sound.
    """
    frame = sample_rate * _FRAME_MS // 1000
    starts = range(0, len(samples) - frame + 1, frame)
    first = next((start for start in starts if _is_loud(samples[start:start + frame])), None)
    if first is None:
        return array("h")
    last = next(start for start in reversed(starts) if _is_loud(samples[start:start + frame]))
    keep = sample_rate * keep_ms // 1000
    return samples[max(0, first - keep):last + frame + keep]


def silent_end_ms(samples: array[int], sample_rate: int) -> int:
    """How long nothing is heard at the end of these samples, in whole frames."""
    frame = sample_rate * _FRAME_MS // 1000
    frames = 0
    for end in range(len(samples), frame - 1, -frame):
        if _is_loud(samples[end - frame:end]):
            break
        frames += 1
    return frames * _FRAME_MS


def _is_loud(frame: array[int]) -> bool:
    return sum(map(abs, frame)) >= _SILENT * len(frame)
