"""What is kept under a name, and sums: the API commands of mod_db.c (`db`) and mod_expr.c (`expr`)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import structlog

log = structlog.get_logger()

_WRONG = "!err!"
_MOST_LISTED = 4095
_LONGEST_READ = 255
_DIFFERENCE = re.compile(r"([0-9]{1,12})-([0-9]{1,12})")


class Data:
    """realm -> key -> text, in a file: as with mod_db's own, a restart of the switch loses nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._realms: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}

    def command(self, arguments: str) -> str:
        """db_api_function. Nothing found is an empty answer."""
        words = arguments.split("/", 3)
        if not words[-1]:
            words.pop()
        match words:
            case ["insert", realm, key, text]:
                self._realms.setdefault(realm, {})[key] = text
                self._write()
                return "+OK"
            case ["delete", realm, key, *_]:
                self._realms.get(realm, {}).pop(key, None)
                self._write()
                return "+OK"
            case ["select", realm, key, *_]:
                return self._realms.get(realm, {}).get(key, "")[:_LONGEST_READ]
            case ["exists", realm, key, *_]:
                return "true" if self._realms.get(realm, {}).get(key) else "false"
            case ["count", realm]:
                return str(len(self._realms.get(realm, {})))
            case ["list", realm]:
                return "".join(f"{key}," for key in self._realms.get(realm, {}))[:_MOST_LISTED][:-1]
        return _WRONG

    def _write(self) -> None:
        self._file.write_text(json.dumps(self._realms))


def expr(arguments: str) -> str:
    """Of mod_expr's sums the one the dialplan asks for: how much one whole number is above another."""
    found = _DIFFERENCE.fullmatch(arguments)
    if found is None:
        log.error("only differences are simulated", expression=arguments)
        return _WRONG
    return str(int(found[1]) - int(found[2]))
