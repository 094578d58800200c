"""Channel variables and the expansion of ${…}: what `set`, dial strings and dialplan data are made of.

Follows switch_channel.c (`switch_channel_expand_variables_check`) and switch_event.c (names are looked up
without regard to case, a pushed value makes an `ARRAY::` one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Lookup = Callable[[str], str | None]
RunApi = Callable[[str, str], str | None]


class Variables:
    """Names keep the case they were set with first; looking up does not mind."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, str]] = {}

    def get(self, name: str) -> str | None:
        found = self._values.get(name.lower())
        return None if found is None else found[1]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def set(self, name: str, value: str | None) -> None:
        """As `switch_channel_set_variable`: no value, or an empty one, removes the variable."""
        self._values.pop(name.lower(), None)
        if value:
            self._values[name.lower()] = (name, value)

    def push(self, name: str, value: str) -> None:
        """SWITCH_STACK_PUSH: one value stays plain, more become ARRAY::a|:b (switch_event.c)."""
        old = self.get(name)
        if old is None:
            self.set(name, value)
        elif old.startswith("ARRAY::"):
            self.set(name, f"{old}|:{value}")
        else:
            self.set(name, f"ARRAY::{old}|:{value}")

    def items(self) -> Iterator[tuple[str, str]]:
        yield from list(self._values.values())


def is_true(text: str | None) -> bool:
    """`switch_true` (switch_utils.h): a word for yes, or a number that is not nought."""
    if not text:
        return False
    if text.lower() in ("yes", "on", "true", "t", "enabled", "active", "allow"):
        return True
    return _is_number(text) and float(text) != 0


def is_false(text: str | None) -> bool:
    """`switch_false`."""
    return bool(text) and (text or "").lower() in ("no", "off", "false", "f", "disabled", "inactive", "disallow", "0")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def leading_int(text: str | None) -> int:
    """atoi()."""
    text = (text or "").strip()
    sign = text[:1] if text[:1] in "+-" else ""
    digits = ""
    for letter in text[len(sign):]:
        if not letter.isdigit():
            break
        digits += letter
    return int(sign + digits) if digits else 0


def expand(text: str, lookup: Lookup, run_api: RunApi, depth: int = 0) -> str:
    """Replaces ${name}, ${name:from:length} and ${command(arguments)}.

    lookup returns a variable's value; run_api what a command answers. Values are expanded again, as the
    switch does (that is why a caller's text must never get here).
    """
    if depth > 100 or ("$" not in text and "\\" not in text):
        return text
    out: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        following = text[at + 1 : at + 2]
        if letter == "\\" and following == "$":
            out.append("$")
            at += 2
        elif letter == "\\" and following == "'":
            at += 1
        elif letter == "\\" and following == "\\":
            out.append("\\")
            at += 2
        elif letter == "$" and text.startswith("{", at + 1 + (following == "$")):
            start = at + 2 + (following == "$")
            end = _closing_brace(text, start)
            out.append(_substitute(text[start:end], lookup, run_api, depth + 1))
            at = end + 1
        else:
            out.append(letter)
            at += 1
    return "".join(out)


def _closing_brace(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return len(text)


def _substitute(inner: str, lookup: Lookup, run_api: RunApi, depth: int) -> str:
    for at, letter in enumerate(inner):
        if letter in " (":
            name = inner[:at].rstrip()
            arguments = inner[at + 1 :]
            if letter == "(":
                arguments = arguments[: arguments.rfind(")")] if ")" in arguments else arguments
            return run_api(expand(name, lookup, run_api, depth), expand(arguments, lookup, run_api, depth)) or ""
        if letter == "$":
            break
    name, _, cut = expand(inner, lookup, run_api, depth).partition(":")
    index: int | None = None
    if "[" in name and name.endswith("]"):
        name, _, number = name[:-1].partition("[")
        index = leading_int(number)
    value = lookup(name)
    if value is None:
        return ""
    if index is not None:
        parts = value.removeprefix("ARRAY::").split("|:")
        value = parts[index] if index < len(parts) else ""
    value = expand(value, lookup, run_api, depth)
    if cut:
        offset, _, length = cut.partition(":")
        value = value[leading_int(offset) :] if leading_int(offset) <= len(value) else ""
        if leading_int(length) > 0:
            value = value[: leading_int(length)]
    return value
