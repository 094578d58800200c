"""A file only its owner can read, that is complete before what it is about happens and in its place afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class PrivateFile:
    """A JSON object by device: prepare() writes what it will be beside it, commit() puts that in its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._prepared = path.with_name(path.name + ".new")

    def prepare(self, more: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._prepared.unlink(missing_ok=True)
        descriptor = os.open(self._prepared, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(known | dict(more), file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    def commit(self) -> None:
        os.replace(self._prepared, self._path)
