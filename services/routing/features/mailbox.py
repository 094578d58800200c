"""When the mailbox takes a call (R11). It is voicemail's: read and changed through what voicemail publishes."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from services.routing.features.base import Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from services.routing.schemas.fields import Switch, WholeNumber
from services.routing.schemas.forwardings import rings_rule
from shared.database import Transaction


class MailboxConditions(Schema):
    always = Switch(load_default=False)
    busy = Switch(load_default=False)
    no_answer = Switch(load_default=False)
    rings = WholeNumber(load_default=4, validate=rings_rule, metadata={
        "description": "0, or 2 to 20: no answer after so many rings of 5 s"})


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    row = tx.one(
        'SELECT m."always", m.busy, m.no_answer, m.rings FROM directory.subscribers s'
        " LEFT JOIN voicemail.mailbox_conditions m"
        " ON (m.company_id, m.subscriber_id) = (s.company_id, s.subscriber_id)"
        " WHERE s.company_id = :company_id AND s.subscriber_id = :id",
        company_id=whose.company_id, id=whose.subscriber_id)
    never_set: dict[str, Any] = MailboxConditions().load({})
    return never_set if row.always is None else dict(row)


def _settle(place: Place, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if new != old and place.tx.row(
            "SELECT 1 AS there FROM voicemail.mailbox_conditions"
            " WHERE company_id = :company_id AND subscriber_id = :id",
            company_id=place.whose.company_id, id=place.whose.subscriber_id) is None:
        raise Refused("no_mailbox", "there is no mailbox", None, "ask an administrator for one")
    return new


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.one("SELECT voicemail.change_conditions(:company_id, :id, :always, :busy, :no_answer, :rings) AS done",
           company_id=whose.company_id, id=whose.subscriber_id, **new)


FEATURES = (
    Feature(
        name="mailbox_conditions", scopes=frozenset({Scope.SUBSCRIBER}), schema=MailboxConditions, read=_read,
        settle=_settle, write=_write, announced_as="mailbox", summary="When the mailbox takes a call (R11)",
        example={"always": False, "busy": True, "no_answer": True, "rings": 4},
        change_example={"no_answer": True, "rings": 3}),
)
