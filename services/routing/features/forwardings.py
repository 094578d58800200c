"""Forwardings (R1, R2): always, busy, no answer, not reachable."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from marshmallow import Schema, fields

from services.routing.features import call_settings
from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Switch, Target, WholeNumber
from services.routing.schemas.forwardings import rings_rule
from shared.database import Transaction

DEFAULT_RINGS = 4


class Kind(StrEnum):
    ALWAYS = "always"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_REACHABLE = "not_reachable"


class Forward(Schema):
    enabled = Switch(load_default=False)
    target = Target(load_default=None, allow_none=True, metadata={
        "description": "extension, or number in any usual form; kept while the forwarding is off"})


class ForwardAlways(Forward):
    ring_splash = Switch(load_default=False, metadata={"description": "one short ring at the desk for each call"})


class ForwardNoAnswer(Forward):
    rings = WholeNumber(load_default=DEFAULT_RINGS, validate=rings_rule, metadata={
        "description": "0, or 2 to 20; one ring is 5 s"})


def _never_set(schema: type[Schema]) -> fields.Nested:
    return fields.Nested(schema, load_default=lambda: schema().load({}))


class ForwardingSettings(Schema):
    always = _never_set(ForwardAlways)
    busy = _never_set(Forward)
    no_answer = _never_set(ForwardNoAnswer)
    not_reachable = _never_set(Forward)


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    splash = call_settings.columns_of(tx, whose, forward_always_splash=False).forward_always_splash
    rows = {row.kind: row for row in tx.rows(
        "SELECT kind, enabled, target, rings FROM routing.forwardings"
        " WHERE company_id = :company_id AND subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id)}
    found: dict[str, Any] = {}
    for kind in Kind:
        row = rows.get(kind.value)
        found[kind.value] = {"enabled": row.enabled if row else False, "target": row.target if row else None}
    found["always"]["ring_splash"] = splash
    found["no_answer"]["rings"] = rows["no_answer"].rings if "no_answer" in rows else DEFAULT_RINGS
    return found


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    for kind, forward in new.items():
        field = f"{kind}.target"
        if forward["target"] is not None:
            switched_on = forward["enabled"] and not old[kind]["enabled"]
            forward["target"] = place.target(
                forward["target"], field, kept=() if switched_on else {old[kind]["target"]})
        elif forward["enabled"]:
            raise Refused("target_missing", "there is no number to forward to yet", field, "send the target with it")
    return new


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], old: dict[str, Any]) -> None:
    for kind in Kind:
        forward = new[kind.value]
        if forward == old[kind.value]:
            continue
        tx.execute(
            """INSERT INTO routing.forwardings (company_id, subscriber_id, kind, enabled, target, rings)
               VALUES (:company_id, :subscriber_id, :kind, :enabled, :target, :rings)
               ON CONFLICT (company_id, subscriber_id, kind) DO UPDATE
               SET enabled = excluded.enabled, target = excluded.target, rings = excluded.rings""",
            company_id=whose.company_id, subscriber_id=whose.subscriber_id, kind=kind.value,
            enabled=forward["enabled"], target=forward["target"], rings=forward.get("rings", DEFAULT_RINGS))
    if new["always"]["ring_splash"] != old["always"]["ring_splash"]:
        call_settings.save(tx, whose, forward_always_splash=new["always"]["ring_splash"])


FEATURES = (
    Feature(
        name="forwardings", scopes=frozenset({Scope.SUBSCRIBER}), schema=ForwardingSettings, read=_read,
        settle=_settle, write=_write, summary="Forwardings (R1, R2)", announced_as="forwarding",
        example={
            "always": {"enabled": False, "target": None, "ring_splash": False},
            "busy": {"enabled": True, "target": "23"},
            "no_answer": {"enabled": True, "target": "+491715550100", "rings": 3},
            "not_reachable": {"enabled": False, "target": "+491715550100"},
        },
        change_example={"no_answer": {"enabled": True, "target": "0171 5550100", "rings": 3}}),
)
