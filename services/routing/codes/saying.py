"""What a feature code says, as names of prompts (shared/prompts.yaml), one spoken after the other. Pure."""

from __future__ import annotations

from typing import Any

from services.routing.plan import Act, Say
from shared.phone_number import PhoneNumber

NOT_POSSIBLE_NOW = "code-not-possible-now"
REFUSED = "code-refused"
NOT_SET_UP = "code-not-set-up"
# Error of a broken rule (services/routing/features) -> what is wrong, in words.
WHAT_IS_WRONG = {
    "rules_missing": NOT_SET_UP,
    "times_missing": NOT_SET_UP,
    "no_mailbox": "code-no-mailbox",
    "target_invalid": "code-number-invalid",
    "number_invalid": "code-number-invalid",
    "target_unknown": "number-not-assigned",
    "target_is_own": "code-number-is-own",
    "target_is_emergency": "code-number-not-permitted",
    "target_not_allowed": "code-number-not-permitted",
    "number_not_outside": "code-number-not-outside",
    "forbidden": "code-not-permitted",
}
RING_COUNTS = range(21)
NOTHING_STORED = "code-nothing-stored"
# Of a setting that lacks its number: said otherwise where the code cannot bring one.
_NUMBER_MISSING = frozenset({"target_missing", "number_missing"})


def what_is_wrong(error: str, *, takes_number: bool) -> str:
    if error in _NUMBER_MISSING:
        return NOTHING_STORED if takes_number else NOT_SET_UP
    return WHAT_IS_WRONG.get(error, REFUSED)


def not_possible(act: Act) -> Say:
    return Say((NOT_POSSIBLE_NOW,), act.language, "feature_code_not_done")


def switched(prompt: str, on: bool) -> tuple[str, ...]:
    return (f"{prompt}-{'on' if on else 'off'}",)


def forward(prompt: str, one: dict[str, Any], country: str) -> tuple[str, ...]:
    """one: a forwarding as it is set: enabled, target, and rings where it waits for some."""
    if not one["enabled"]:
        return switched(prompt, False)
    said = (f"{prompt}-is-set-to", *number(one["target"], country))
    return said if one.get("rings") is None else (*said, "after", count(one["rings"]), "rings")


def number(dialled: str, country: str) -> tuple[str, ...]:
    """Digit by digit, as one writes it in this country: 0 1 7 1 …, or plus 4 4 …."""
    shown = PhoneNumber(dialled).shown_in(country) if dialled.startswith("+") else dialled
    return tuple("plus" if mark == "+" else count(int(mark)) for mark in shown if mark == "+" or mark.isdecimal())


def count(of: int) -> str:
    return f"number-{of}"
