"""Whether a subscriber is disturbed: do not disturb (R6), call waiting (R7), anonymous callers (R5), calls at once."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, validate

from services.routing.features import call_settings
from services.routing.features.base import Feature
from services.routing.features.words import Scope, Whose
from services.routing.schemas.fields import Switch, WholeNumber
from shared.database import Transaction


def of_one_row(name: str, schema: type[Schema], columns: dict[str, tuple[str, Any]], **more: Any) -> Feature:
    """A feature that is nothing but columns of the person's row. columns: {field: (column, default)}."""
    defaults = dict(columns.values())

    def read(tx: Transaction, whose: Whose) -> dict[str, Any]:
        row = call_settings.columns_of(tx, whose, **defaults)
        return {field: row[column] for field, (column, _) in columns.items()}

    def write(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
        call_settings.save(tx, whose, **{column: new[field] for field, (column, _) in columns.items()})

    return Feature(name=name, scopes=frozenset({Scope.SUBSCRIBER}), schema=schema, read=read, write=write, **more)


class DoNotDisturb(Schema):
    enabled = Switch(load_default=False, metadata={"description": "callers get busy, whatever busy leads to"})
    ring_reminder = Switch(load_default=False, metadata={
        "description": "a short ring at the telephone for each call that was turned away"})


class CallWaiting(Schema):
    enabled = Switch(load_default=True, metadata={
        "description": "a second call is signalled by the call-waiting tone; off: its caller gets busy"})


class AnonymousRejection(Schema):
    enabled = Switch(load_default=False, metadata={
        "description": "callers from outside who withhold their number hear an announcement; colleagues never do"})


class CallsAtOnce(Schema):
    calls = WholeNumber(load_default=20, validate=validate.Range(1, 20), metadata={
        "description": "so many calls the line carries; one more finds it busy"})


FEATURES = (
    of_one_row(
        "do_not_disturb", DoNotDisturb,
        {"enabled": ("do_not_disturb", False), "ring_reminder": ("dnd_reminder", False)},
        example={"enabled": True, "ring_reminder": False}, change_example={"enabled": True},
        summary="Do not disturb (R6)"),
    of_one_row(
        "call_waiting", CallWaiting, {"enabled": ("call_waiting", True)},
        example={"enabled": False}, change_example={"enabled": False}, summary="Call waiting (R7)"),
    of_one_row(
        "anonymous_rejection", AnonymousRejection, {"enabled": ("rejects_anonymous", False)},
        example={"enabled": True}, change_example={"enabled": True}, summary="Rejecting anonymous callers (R5)"),
    of_one_row(
        "calls_at_once", CallsAtOnce, {"calls": ("call_limit", 20)},
        example={"calls": 4}, change_example={"calls": 4}, summary="How many calls the line carries"),
)
