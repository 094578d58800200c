"""Greetings over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields

_KINDS = "personal, busy, no_answer, or name: spoken in the default greetings"



class GreetingView(Schema):
    kind = fields.String(required=True, metadata={"description": _KINDS})
    recorded = fields.Boolean(required=True)
    in_use = fields.Boolean(required=True, metadata={"description": "false: kept, callers hear what comes next"})
    duration_ms = fields.Integer(allow_none=True)
    made_by = fields.String(allow_none=True, metadata={"description": "telephone or upload"})
    made_at = fields.AwareDateTime(allow_none=True)


class PlayedView(Schema):
    """What a caller hears, by the reason he came to the mailbox."""

    always = fields.String()
    busy = fields.String()
    no_answer = fields.String()
    not_reachable = fields.String()
    direct = fields.String()


class Greetings(Schema):
    greetings = fields.List(fields.Nested(GreetingView), required=True)
    played = fields.Nested(PlayedView, required=True, metadata={
        "description": "by reason: one of the kinds, or default; name is the default with the name spoken in it"})


class GreetingChange(Schema):
    in_use = fields.Boolean(required=True)


GREETING_EXAMPLE = {
    "kind": "busy", "recorded": True, "in_use": True, "duration_ms": 8_240, "made_by": "upload",
    "made_at": "2026-11-22T14:05:31+00:00",
}
GREETINGS_EXAMPLE = {
    "greetings": [
        {"kind": "personal", "recorded": False, "in_use": False, "duration_ms": None, "made_by": None, "made_at": None},
        GREETING_EXAMPLE,
    ],
    "played": {"always": "default", "busy": "busy", "no_answer": "default", "not_reachable": "default",
               "direct": "default"},
}
