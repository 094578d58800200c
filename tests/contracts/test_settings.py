"""docs/settings.md names every variable the code reads, and marks those `make up` takes."""

import re
from pathlib import Path

from operations import settings_of_instance

ROOT = Path(__file__).resolve().parents[2]
# Between parts of the project, never set by people.
PRIVATE = {
    "PBX_HEARTBEAT_FD", "PBX_MIGRATION_URL", "PBX_SHARE", "PBX_SHARES", "PBX_STORY_REPORT", "PBX_SUPERVISED",
    "PBX_TEST_INSTANCE",
}


def documented() -> dict[str, bool]:
    """Variable -> whether it can be given to `make up`."""
    rows = [line for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")]
    return {name: star == " *" for row in rows
            for name, star in re.findall(r"`((?:PBX|FREESWITCH)_[A-Z0-9_]+)`( \*)?", row.split("|")[1])}


def read_by_the_code() -> set[str]:
    found: set[str] = set()
    for folder in ("services", "shared", "freeswitch", "operations"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".xml"):
                text = file.read_text()
                found.update(re.findall(r"PBX_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])", text))
                found |= {f"PBX_{name}" for name in re.findall(
                    r"\benv(?:ironment)?\.(?:text|choice|port|whole_number|folder|web_address|server_address)\(\s*\"([A-Z0-9_]+)\"",
                    text)}
    return found


def test_every_variable_is_explained() -> None:
    known = set(documented())
    assert read_by_the_code() - PRIVATE - known == set()
    assert known - read_by_the_code() - {"FREESWITCH_BIN"} == set()


def test_what_make_up_takes_is_marked() -> None:
    assert {name for name, marked in documented().items() if marked} == set(settings_of_instance.MAY_BE_GIVEN)
