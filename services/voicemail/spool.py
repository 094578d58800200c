"""The spool: recordings as files, each with its note until the database has it. Shell: files only.

    recordings/<message id>.wav    written by the switch
    recordings/<message id>.json   the message's note: there from before the beep until the row is committed
    recordings/<message id>.again.wav  said again: beside the first until it is a message itself
    recordings/<message id>.mp3    made by the worker
    greetings/<greeting id>.wav    what an owner says to his callers (greetings.py)
    drafts/                        greetings nobody has saved yet, and uploads
    fallback/<leg>_<mailbox>….wav  written by the dialplan when this service was away (sweeper.py)
    refused/                       recordings nobody can place; kept for the operator

Every name comes from an id that was checked to be a UUID; nothing else reaches a path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import uuid
from array import array
from collections.abc import Iterator
from pathlib import Path

from services.voicemail.mailbox import LeftMessage, note_text, read_note
from services.voicemail.recording import (
    HEADER_BYTES,
    NotARecording,
    Recording,
    header_for,
    measure,
    silent_end_ms,
)


class Spool:
    """The folders below PBX_SPOOL; made when they are missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recordings = root / "recordings"
        self.fallback = root / "fallback"
        self.refused = root / "refused"
        self.greetings = root / "greetings"
        self.drafts = root / "drafts"

    def prepare(self) -> None:
        for folder in (self.recordings, self.fallback, self.refused, self.greetings, self.drafts):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def audio(self, message_id: str) -> Path:
        return self.recordings / f"{uuid.UUID(message_id)}.wav"

    def again(self, message_id: str) -> Path:
        return self.recordings / f"{uuid.UUID(message_id)}.again.wav"

    def mp3(self, message_id: str) -> Path:
        return self.recordings / f"{uuid.UUID(message_id)}.mp3"

    def greeting(self, greeting_id: str) -> Path:
        return self.greetings / f"{uuid.UUID(greeting_id)}.wav"

    def draft(self) -> Path:
        """A file nobody uses yet, for the switch's `record` or an upload."""
        return self.drafts / f"{uuid.uuid4()}.wav"

    def note(self, message_id: str) -> Path:
        return self.recordings / f"{uuid.UUID(message_id)}.json"

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.recordings).free

    # Notes

    def write_note(self, message: LeftMessage) -> None:
        """Appears whole or not at all, also after a power cut."""
        write_whole(self.note(message.message_id), note_text(message).encode())

    def read_note(self, path: Path) -> LeftMessage:
        """Raises UnreadableNote, or FileNotFoundError when it was dealt with meanwhile."""
        return read_note(path.read_text(encoding="utf-8", errors="replace"))

    def notes(self) -> Iterator[Path]:
        yield from sorted(self.recordings.glob("*.json"))

    def fallback_recordings(self) -> Iterator[Path]:
        yield from sorted(self.fallback.glob("*.wav"))

    def refused_files(self) -> Iterator[Path]:
        yield from self.refused.iterdir()

    def drop_note(self, message_id: str) -> None:
        self.note(message_id).unlink(missing_ok=True)

    # Audio

    def measure(self, path: Path) -> Recording | None:
        """What the file holds; None when there is none, or nothing usable in it."""
        try:
            with path.open("rb") as file:
                start = file.read(HEADER_BYTES)
                return measure(start, os.fstat(file.fileno()).st_size)
        except (FileNotFoundError, NotARecording):
            return None

    def make_lasting(self, path: Path) -> None:
        """Audio and its name on the disk, whatever happens to the power. Blocks: call it in a thread."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
        _sync_folder(path.parent)

    def take_again(self, message_id: str) -> None:
        """What was said again in the place of what was said before; at every moment one of them is there. Blocks."""
        again = self.again(message_id)
        self.make_lasting(again)
        again.replace(self.audio(message_id))
        _sync_folder(self.recordings)

    def drop_again(self, message_id: str) -> None:
        self.again(message_id).unlink(missing_ok=True)

    def silent_end_ms(self, path: Path, recording: Recording, within_s: int) -> int:
        """How long nothing is heard at its end; looks at the last within_s seconds. Blocks."""
        wanted = min(recording.samples, within_s * recording.sample_rate) * 2 * recording.channels
        with path.open("rb") as file:
            file.seek(HEADER_BYTES + recording.samples * 2 * recording.channels - wanted)
            samples = array("h", file.read(wanted))
        if sys.byteorder == "big":
            samples.byteswap()
        return silent_end_ms(samples, recording.sample_rate * recording.channels)

    def finish_header(self, path: Path, recording: Recording) -> None:
        """For a recording whose writer was killed: the length it has, in its header."""
        with path.open("r+b") as file:
            file.write(header_for(recording))
            file.truncate(HEADER_BYTES + recording.samples * 2 * recording.channels)
            file.flush()
            os.fsync(file.fileno())

    def last_change(self, path: Path) -> float | None:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:
            return None

    def erase(self, of: str) -> None:
        """Every file of this message, or of this greeting."""
        for path in (self.audio(of), self.again(of), self.mp3(of), self.note(of), self.greeting(of)):
            path.unlink(missing_ok=True)

    def drop_strays(self, older_than_s: float) -> int:
        """What processes that were killed left half-made, and MP3s without their recording. Blocks."""
        dropped = 0
        for path in self.recordings.iterdir():
            half_made = path.name.startswith(".")
            alone = path.suffix == ".mp3" and not path.with_suffix(".wav").exists()
            changed_at = self.last_change(path) if half_made or alone else None
            if changed_at is not None and time.time() - changed_at > older_than_s:
                path.unlink(missing_ok=True)
                dropped += 1
        return dropped

    def adopt(self, path: Path, message: LeftMessage) -> None:
        """Makes a recording of the dialplan's fallback one of ours: note first, then the audio's new name."""
        self.write_note(message)
        path.replace(self.audio(message.message_id))
        _sync_folder(self.recordings)

    def refuse(self, path: Path) -> None:
        """Out of the sweeper's way, not out of the world."""
        with contextlib.suppress(FileNotFoundError):
            path.replace(self.refused / path.name)


def write_whole(path: Path, content: bytes) -> None:
    """content under path, or the file as it was before: never a part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
