"""What the HTTP interface takes and gives."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Range, Regexp

from services.presence.states import REASONS, STATES, Lamp

# Ids beyond a bigint cannot exist.
_ID = Range(min=1, max=2**63 - 1)


class WatchedRequest(Schema):
    """The whole list, in the order of the lamp keys."""

    subscriber_ids = fields.List(fields.Integer(strict=True, validate=_ID), metadata={
        "description": "whom to watch, by id; or give extensions"})
    extensions = fields.List(fields.String(validate=Regexp(r"^[0-9]{2,6}\Z")), metadata={
        "description": "whom to watch, by extension; or give subscriber_ids"})

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **_: object) -> None:
        if len(data) != 1:
            raise ValidationError("give either subscriber_ids or extensions", "subscriber_ids")


class WatchedPerson(Schema):
    position = fields.Integer(required=True, metadata={"description": "the lamp key, from 1"})
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    name = fields.String(required=True)


class WatchedView(Schema):
    watched = fields.List(fields.Nested(WatchedPerson), required=True)


class CallerView(Schema):
    number = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class LampView(WatchedPerson):
    state = fields.String(required=True, metadata={"enum": [state.name for state in STATES]})
    lamp = fields.String(required=True, metadata={"enum": [lamp.value for lamp in Lamp]})
    because = fields.List(fields.String(metadata={"enum": [name for name, _ in REASONS]}), required=True, metadata={
        "description": "settings that lead his calls elsewhere, whatever the state is now"})
    caller = fields.Nested(CallerView, required=True, allow_none=True, metadata={
        "description": "who rings; only for those of the same pickup group, and never who withholds his number"})


class NightServiceView(Schema):
    site_id = fields.Integer(required=True)
    site = fields.String(required=True, metadata={"description": "its name"})
    on = fields.Boolean(required=True)


def in_step() -> fields.Boolean:
    return fields.Boolean(required=True, metadata={
        "description": "this is what the switch has; false while it is not reached: then as it was before"})


class LampsView(Schema):
    lamps = fields.List(fields.Nested(LampView), required=True)
    night_service = fields.Nested(NightServiceView, required=True, allow_none=True, metadata={
        "description": "of the subscriber's site; null where none is set up"})
    in_step = in_step()


PERSON_EXAMPLE = {"position": 1, "subscriber_id": 2, "extension": "22", "name": "Bernd Bauer"}
REQUEST_EXAMPLE = {"extensions": ["22", "23"]}
WATCHED_EXAMPLE = {"watched": [PERSON_EXAMPLE]}
LAMPS_EXAMPLE = {
    "lamps": [{**PERSON_EXAMPLE, "state": "ringing", "lamp": "early", "because": [],
               "caller": {"number": "+49301234567", "name": "Clara Conrad"}}],
    "night_service": {"site_id": 1, "site": "Berlin", "on": False}, "in_step": True,
}
