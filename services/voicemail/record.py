"""What the switch is told to record with: the same sound and the same silence, whatever a telephone speaks. Core.

`record` (switch_ivr_play_say.c, switch_ivr_record_file_event) counts packets: so many seconds of silence are
record_sample_rate * seconds / samples per packet of them, and a packet of opus has six times the samples of one of
8 kHz. What it holds against the threshold is the amplitude of a packet times rate / 8000. So both are given by the
call's own rate. Packets that do not come count as silence and are not written, unless record_fill_cng is set: a pause
of a telephone that sends nothing while nobody speaks would be cut out.
"""

from __future__ import annotations

from pathlib import Path

from shared.esl.events import Event

SAMPLE_RATE = 8000
VARIABLES = {
    # Unbuffered, or up to 64 KB (4 s) of the message are only in the switch's memory (switch_core_file.c).
    "enable_file_write_buffering": "false",
    "record_sample_rate": str(SAMPLE_RATE),
    "record_fill_cng": "true",
}
_SILENCE_THRESHOLD = 200
"""Mean amplitude below which it is silent; the dialplan's own recording has the same."""


def argument(path: Path, limit_s: int, silence_end_s: int, channel: Event) -> str:
    """Of `record`, for the codec this event of the call tells."""
    rate = channel.get("Channel-Read-Codec-Rate") or ""
    times = max(1, int(rate) // SAMPLE_RATE) if rate.isdecimal() else 1
    # G.722 is sampled at 16 kHz and counts its packets' samples at 8 kHz (mod_spandsp_codecs.c, RFC 3551).
    longer = 1 if channel.get("Channel-Read-Codec-Name") == "G722" else times
    return f"{path} {limit_s} {_SILENCE_THRESHOLD * times} {silence_end_s * longer}"
