"""Dial strings taken apart: {all}[leg]endpoint,[leg]endpoint|next try, and <..>..:_:.. enterprise ones.

Follows `switch_ivr_originate` and `switch_ivr_enterprise_originate` (switch_ivr_originate.c) and
`switch_event_create_brackets` (switch_event.c).
"""

from __future__ import annotations

from dataclasses import dataclass


class DialStringError(ValueError):
    """Not a dial string; the switch answers such a thing with a parse error, too."""


@dataclass(frozen=True)
class Leg:
    variables: tuple[tuple[str, str], ...]
    endpoint: str  # user, sofia, group, error, …
    target: str


@dataclass(frozen=True)
class DialString:
    """Legs that ring together stand in one group; groups are tried one after the other."""

    variables: tuple[tuple[str, str], ...]
    groups: tuple[tuple[Leg, ...], ...]

    def variable(self, name: str) -> str | None:
        return next((value for key, value in reversed(self.variables) if key.lower() == name.lower()), None)


def parse_enterprise(text: str) -> tuple[DialString, ...]:
    """The originate threads of a string with :_: in it; a plain string is one thread."""
    shared: list[tuple[str, str]] = []
    text = text.lstrip(" ")
    while text.startswith("<"):
        variables, text = _take_brackets(text, "<", ">")
        shared += variables
    threads = [parse(part) for part in text.split(":_:")]
    return tuple(DialString((*shared, *one.variables), one.groups) for one in threads)


def parse(text: str) -> DialString:
    text = text.lstrip(" ")
    variables: list[tuple[str, str]] = []
    while text.startswith("{"):
        found, text = _take_brackets(text, "{", "}")
        variables += found
    groups = tuple(
        tuple(_parse_leg(leg) for leg in _split(group, ",") if leg.strip()) for group in _split(text, "|")
    )
    if not any(groups):
        raise DialStringError("an empty dial string")
    return DialString(tuple(variables), groups)


def _parse_leg(text: str) -> Leg:
    text = text.strip(" ")
    variables: list[tuple[str, str]] = []
    while text.startswith("["):
        found, text = _take_brackets(text, "[", "]")
        variables += found
    endpoint, slash, target = text.strip(" ").partition("/")
    if not slash:
        raise DialStringError(f"no endpoint in {text!r}")
    return Leg(tuple(variables), endpoint, target)


def _take_brackets(text: str, opening: str, closing: str) -> tuple[list[tuple[str, str]], str]:
    depth, quoted, end = 0, False, -1
    for at, letter in enumerate(text):
        if letter == "'" and text[at - 1] != "\\":
            quoted = not quoted
        elif letter == opening:
            depth += 1
        elif letter == closing:
            depth -= 1
            if depth == 0:
                end = at
                break
    if end < 0:
        raise DialStringError(f"{opening} without {closing}")
    inner, rest = text[1:end], text[end + 1 :].lstrip(" ")
    separator = ","
    if inner.startswith("^^") and len(inner) > 2:
        separator, inner = inner[2], inner[3:]
    variables = []
    for part in _split(inner, separator, brackets=False):
        name, equals, value = part.strip(" ").partition("=")
        if equals:
            value = value.replace("\\,", ",")
            if value.startswith("'") and value.endswith("'") and len(value) > 1:
                value = value[1:-1]
            variables.append((name.strip(" "), value))
    return variables, rest


def _split(text: str, separator: str, *, brackets: bool = True) -> list[str]:
    """Splits at separators outside of quotes (and of [..]); a backslash keeps one."""
    parts, current, depth, quoted = [], "", 0, False
    for at, letter in enumerate(text):
        if letter == "'" and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif brackets and letter in "[{":
            depth += 1
        elif brackets and letter in "]}":
            depth -= 1
        if letter == separator and depth <= 0 and not quoted and text[at - 1 : at] != "\\":
            parts.append(current)
            current = ""
        else:
            current += letter
    return [*parts, current]
