"""freeswitch/conf as the switch reads it: pre-processor lines, $${variables}, then one XML tree.

Follows `preprocess` in switch_xml.c: line by line, X-PRE-PROCESS with cmd set, env-set and include; a line
with <include> or <? is left out. No program is run: exec-set leaves its variable unset and says so, exec and
stun-set are refused.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import structlog

log = structlog.get_logger()
_DIRECTIVE = re.compile(r'<x-pre-process\s+cmd\s*=\s*"([^"]*)"\s+data\s*=\s*"([^"]*)"\s*/>', re.IGNORECASE)
_GLOBAL = re.compile(r"\$\$\{([^}]*)\}")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


class ConfigurationError(Exception):
    """The configuration cannot be used; the text says which file and why."""


class Configuration:
    """The tree of freeswitch.xml and the global variables that reading it has set."""

    def __init__(self, root: ElementTree.Element, variables: dict[str, str]) -> None:
        self.root = root
        self.variables = variables

    def section(self, name: str) -> ElementTree.Element | None:
        return next((one for one in self.root.iter("section") if one.get("name") == name), None)

    def configuration(self, name: str) -> ElementTree.Element | None:
        """A module's <configuration name="…">, as the switch_xml_open_cfg of that module finds it."""
        section = self.section("configuration")
        if section is None:
            return None
        return next((one for one in section.iter("configuration") if one.get("name") == name), None)


def load(folder: Path, variables: dict[str, str]) -> Configuration:
    """Reads folder/freeswitch.xml. `variables` holds the switch's own globals and gains what is set."""
    start = folder / "freeswitch.xml"
    if not start.is_file():
        raise ConfigurationError(f"there is no {start}")
    text = _preprocess(start, folder, variables, 0)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ConfigurationError(f"{start} is not well-formed after pre-processing: {error}") from error
    return Configuration(root, variables)


def _preprocess(file: Path, folder: Path, variables: dict[str, str], depth: int) -> str:
    if depth > 100:
        raise ConfigurationError(f"{file}: too many includes within includes")
    try:
        text = _COMMENT.sub("", file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        if "<include>" in line or "</include>" in line or "<?" in line:
            continue
        directive = _DIRECTIVE.search(line)
        if directive is None and "x-pre-process" in line.lower():
            raise ConfigurationError(f"{file}: cannot read the line {line.strip()!r}")
        line = _GLOBAL.sub(lambda found: variables.get(found.group(1), ""), line)
        directive = _DIRECTIVE.search(line)
        if directive is None:
            kept.append(line)
            continue
        command, data = directive.groups()
        kept.append(_obey(command.lower(), data, file, folder, variables, depth))
    return "".join(kept)


def _obey(command: str, data: str, file: Path, folder: Path, variables: dict[str, str], depth: int) -> str:
    if command == "set":
        name, equals, value = data.partition("=")
        if equals:
            variables[name.strip()] = value.lstrip()
        return ""
    if command == "env-set":  # preprocess_env_set: name=$VARIABLE; an unset variable sets nothing
        name, _, value = data.partition("=$")
        found = os.environ.get(value)
        if found is not None:
            variables[name] = found
        return ""
    if command == "include":
        pattern = data if data.startswith("/") else str(folder / data)
        files = sorted(Path("/").glob(pattern.lstrip("/")))
        return "".join(_preprocess(one, one.parent, variables, depth + 1) for one in files)
    if command == "exec-set":
        log.info("not run by the simulator", file=str(file), directive="exec-set", sets=data.partition("=")[0])
        return ""
    raise ConfigurationError(f"{file}: the simulator does not run X-PRE-PROCESS cmd={command!r}")
