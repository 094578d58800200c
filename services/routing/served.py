"""What the switch may hold of its directory: each entry it was ever given, with a digest of what it said.

The switch keeps entries for ever and cannot be asked which. Changes that were missed (we were away, or the database
was) are found by comparing digests, so only what did change is flushed and the rest stays cached throughout. A file
beside our other state carries it over a restart: the switch outlives us. It is written before the switch has its
answer and needs no fsync, for a machine that fails takes the switch along.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import structlog

log = structlog.get_logger()

_GONE = "-"


def digest_of(document: str) -> str:
    return hashlib.blake2b(document.encode(), digest_size=8).hexdigest()


class Served:
    def __init__(self, file: Path) -> None:
        self.began_empty = not file.exists()
        """Nobody knows what the switch was given before."""
        self._digests: dict[str, str] = {}
        if not self.began_empty:
            for line in file.read_text(errors="replace").splitlines():
                entry, _, digest = line.partition(" ")
                if "@" in entry and digest and digest != _GONE:
                    self._digests[entry] = digest
                else:
                    self._digests.pop(entry, None)
        self._path = file
        self._file: TextIO | None = None

    def open(self) -> None:
        """From here on it is written, by this process alone: call it once the directory's port is ours."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        shorter = self._path.with_suffix(".part")
        shorter.write_text("".join(f"{entry} {digest}\n" for entry, digest in self._digests.items()))
        os.replace(shorter, self._path)
        self._file = self._path.open("a", buffering=1)

    def __len__(self) -> int:
        return len(self._digests)

    def entries(self) -> Iterator[str]:
        yield from tuple(self._digests)

    def is_current(self, entry: str, digest: str) -> bool:
        return self._digests.get(entry) == digest

    def keep(self, entry: str, digest: str) -> None:
        if self._digests.get(entry) != digest:
            self._digests[entry] = digest
            self._write(entry, digest)

    def drop(self, entry: str) -> None:
        if self._digests.pop(entry, None) is not None:
            self._write(entry, _GONE)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, entry: str, digest: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(f"{entry} {digest}\n")
        except OSError as error:  # a full disk: what we know meanwhile is right all the same
            log.error("what the switch was given is not written down", reason=str(error))
