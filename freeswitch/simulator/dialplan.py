"""The dialplan: which applications a call runs, found in the XML of freeswitch/conf.

Follows `parse_exten` and `dialplan_hunt` of mod_dialplan_xml.c. Conditions on date and time are refused: the
suite decides those in routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from freeswitch.simulator.variables import is_true

Expand = Callable[[str], str]
Field = Callable[[str], str]
RunInline = Callable[[str, str], None]

_TIMED = frozenset(
    ("year", "yday", "mon", "mday", "week", "mweek", "wday", "hour", "minute", "minute-of-day",
     "time-of-day", "date-time", "tz-offset", "dst", "timezone")
)  # fmt: skip
_KNOWN_ATTRIBUTES = frozenset(("field", "expression", "break", "regex", "require-nested"))


class DialplanError(Exception):
    """The dialplan uses what the simulator does not do."""


@dataclass
class Extension:
    name: str
    applications: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Caller:
    """What a condition may ask of a call."""

    read_field: Field
    expand: Expand
    run_inline: RunInline


def hunt(section: Element | None, context: str, caller: Caller) -> Extension | None:
    """The first matching extension of the context, with `continue="true"` ones before it."""
    found = None if section is None else next((c for c in section.iter("context") if c.get("name") == context), None)
    if found is None:
        return None
    collected: Extension | None = None
    for extension in found.findall("extension"):
        collected, matched = _parse(extension, collected, caller)
        if matched and not is_true(extension.get("continue")):
            break
    return collected


def _parse(extension: Element, collected: Extension | None, caller: Caller) -> tuple[Extension | None, bool]:
    proceed = False
    for condition in extension.findall("condition"):
        if _TIMED.intersection(condition.attrib):
            raise DialplanError(f"conditions on time are not simulated (extension {extension.get('name')})")
        unknown = set(condition.attrib) - _KNOWN_ATTRIBUTES
        if unknown:
            raise DialplanError(f"unknown attributes {sorted(unknown)} in extension {extension.get('name')}")
        passed, match = _test(condition, caller)
        proceed = passed
        for action in condition.findall("action" if passed else "anti-action"):
            collected = collected or Extension(extension.get("name") or "_anon_")
            data = (action.text or "").strip() or action.get("data", "")
            if match is not None and passed:
                data = _fill_in(data, match)
            if is_true(action.get("inline")):
                caller.run_inline(action.get("application", ""), data)
            else:
                collected.applications.append((action.get("application", ""), data))
            proceed = True  # an anti-action counts as a match, too
        when = condition.get("break", "on-false")
        if when == "always" or (when == "on-true" and passed) or (when == "on-false" and not passed):
            break
        if proceed and condition.find("condition") is not None:
            collected, proceed = _parse(condition, collected, caller)
            if not proceed and when != "never":
                break
    required = extension.get("require-nested") if extension.tag == "condition" else None
    if required and not is_true(required):
        proceed = True
    return collected, proceed


def _test(condition: Element, caller: Caller) -> tuple[bool, re.Match[str] | None]:
    rule = condition.get("regex")
    if rule is None:
        return _test_one(condition, caller)
    results = [_test_one(one, caller) for one in condition.findall("regex")]
    passes = sum(1 for passed, _ in results if passed)
    passed = passes == 1 if rule == "xor" else passes == len(results) if rule == "all" else passes > 0
    return passed, next((match for _, match in reversed(results) if match is not None), None)


def _test_one(node: Element, caller: Caller) -> tuple[bool, re.Match[str] | None]:
    name = node.get("field")
    if name is None:
        return True, None
    nested = node.find("expression")
    expression = caller.expand((nested.text or "") if nested is not None else node.get("expression", ""))
    value = caller.expand(name) if "$" in name else caller.read_field(name)
    match = _search(expression, value)
    return match is not None, match if "(" in expression else None


def _search(expression: str, value: str) -> re.Match[str] | None:
    # switch_regex_perform takes /expression/i too
    flags = 0
    if expression.startswith("/") and "/" in expression[1:]:
        expression, _, options = expression[1:].rpartition("/")
        flags = re.IGNORECASE if "i" in options else 0
    return re.search(expression, value, flags)


def _fill_in(data: str, match: re.Match[str]) -> str:
    """switch_perform_substitution: $1, or nothing when the group did not take part; \\$ and ${ stay."""

    def group(found: re.Match[str]) -> str:
        number = int(found.group(1) or found.group(2))
        return (match.group(number) or "") if number <= match.re.groups else ""

    return re.sub(r"(?<!\\)\$(?:(\d{1,2})|\{(\d{1,2})\})", group, data)
