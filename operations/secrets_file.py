"""Secrets made once and kept in files only their owner can read."""

import json
import os
import secrets
import string
from collections.abc import Callable
from pathlib import Path

ALPHABET = string.ascii_letters + string.digits


def new_secret(length: int = 32) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step: whoever reads it sees the old or the new text, nobody else sees any."""
    fresh = path.with_name(path.name + f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def keep_secrets(path: Path, names: list[str], make: Callable[[], str] = new_secret) -> dict[str, str]:
    """The secrets of these names, those that are missing made now."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: make() for name in missing}
        write_private(path, json.dumps(known, indent=1))
    return known
