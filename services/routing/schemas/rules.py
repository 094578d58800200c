"""Rules about who calls and when (R3, R4, E1, G10): at most 20 of a list, tried in their order.

A rule holds when the caller is one it names and the time is one of its `times`. Exceptions are looked at before the
others, and end only the list they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.routing.schemas import times
from services.routing.schemas.fields import Switch, Target, Text

MOST_RULES = 20
MOST_NUMBERS = 100
ACTIONS = ("allow", "reject", "announce", "send_to")

RULE_EXAMPLE: dict[str, Any] = {
    "name": "Customers in the evening", "enabled": True, "is_exception": False,
    "numbers": ["+493055502211"], "prefixes": ["+49171"], "internal": False, "external": False, "anonymous": False,
    "times": times.EXAMPLE,
}


class Rule(Schema):
    """Who and when."""

    name = Text(1, 80, required=True, metadata={"description": "what a decision that it made calls it"})
    enabled = Switch(load_default=True)
    is_exception = Switch(load_default=False, metadata={"description": "whoever fits it is spared by this list"})
    numbers = fields.List(Target(), load_default=list, validate=validate.Length(max=MOST_NUMBERS), metadata={
        "description": "extensions, or numbers in any usual form"})
    prefixes = fields.List(Text(1, 24), load_default=list, validate=validate.Length(max=MOST_NUMBERS), metadata={
        "description": "beginnings of numbers: 0171, +43"})
    internal = Switch(load_default=False, metadata={"description": "every colleague"})
    external = Switch(load_default=False, metadata={"description": "everyone outside, with a number or without"})
    anonymous = Switch(load_default=False, metadata={"description": "everyone who withholds his number"})
    times = fields.Nested(times.Times, load_default=lambda: times.shown({}),
                          metadata={"description": "nothing: always"})

    @validates_schema
    def _names_somebody(self, data: Mapping[str, Any], **_: Any) -> None:
        if not any(data[name] for name in ("numbers", "prefixes", "internal", "external", "anonymous")):
            raise ValidationError("the rule fits nobody: name numbers or prefixes, or switch on internal, external or"
                                  " anonymous", "numbers")


class ForwardingRule(Rule):
    """A rule with a target of its own."""

    target = Target(load_default=None, allow_none=True, metadata={
        "description": "where these callers go; null: to the common target"})


class EnterpriseRule(Rule):
    """A rule of the company."""

    action = fields.String(required=True, validate=validate.OneOf(ACTIONS), metadata={
        "description": "allow: on to what comes next; reject: busy tone; announce: told that it is not permitted;"
                       " send_to: to `target`"})
    target = Target(load_default=None, allow_none=True, metadata={"description": "of send_to"})

    @validates_schema
    def _sending_needs_a_target(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["action"] == "send_to" and data["target"] is None:
            raise ValidationError("send_to needs a target", "target")
        if data["action"] != "send_to" and data["target"] is not None:
            raise ValidationError(f"{data['action']} has no target", "target")


def _names_differ(rules: list[Mapping[str, Any]]) -> None:
    names = [rule["name"] for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValidationError(f"two rules are called {twice!r}: a decision names the rule that made it")


def rules_of(kind: type[Rule]) -> fields.List[Any]:
    """The list of rules of a resource."""
    return fields.List(
        fields.Nested(kind), load_default=list,
        validate=[validate.Length(max=MOST_RULES, error=f"at most {MOST_RULES} rules"), _names_differ],
        metadata={"description": f"at most {MOST_RULES}, in the order they are tried", "maxItems": MOST_RULES})
