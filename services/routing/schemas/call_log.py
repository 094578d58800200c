"""The call log over HTTP."""

from marshmallow import Schema, fields, validate


class PageQuery(Schema):
    kind = fields.String(
        load_default=None, validate=validate.OneOf(["placed", "received", "missed"]),
        metadata={"description": "only these"})
    search = fields.String(
        load_default=None, validate=validate.Length(min=1, max=64),
        metadata={"description": "part of a name or number"})
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))
    next = fields.String(
        load_default=None, validate=validate.Length(max=200), metadata={"description": "`next` of the page before"})


class Line(Schema):
    call_id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "placed, received or missed"})
    started_at = fields.AwareDateTime(required=True)
    duration_s = fields.Integer(required=True, metadata={"description": "talked; 0 when nobody answered"})
    name = fields.String(allow_none=True, required=True, metadata={"description": "of the company directory"})
    number = fields.String(allow_none=True, required=True, metadata={"description": "null: withheld"})
    rung = fields.String(allow_none=True, required=True, metadata={"description": "what decided where it rings"})


class Page(Schema):
    entries = fields.List(fields.Nested(Line), required=True)
    next = fields.String(allow_none=True, required=True)


class Looked(Schema):
    place = fields.String(required=True, metadata={"description": "whose ladder: an extension, or `outgoing`"})
    rung = fields.String(required=True)
    saw = fields.Dict(required=True, metadata={"description": "what was looked at"})
    said = fields.String(required=True, metadata={"description": "`passed`, or what it decided or was refused"})
    sent_on = fields.Integer(metadata={"description": "how often the call had been sent on by then"})
    decides = fields.Boolean(metadata={"description": "the ladder of this place ended here"})


class WholeCall(Schema):
    call_id = fields.UUID(required=True)
    direction = fields.String(allow_none=True, required=True)
    started_at = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(allow_none=True, required=True)
    ended_at = fields.AwareDateTime(allow_none=True, required=True)
    cause = fields.String(allow_none=True, required=True, metadata={"description": "FreeSWITCH's cause of the end"})
    caller_number = fields.String(allow_none=True, required=True)
    caller_name = fields.String(allow_none=True, required=True)
    dialled = fields.String(allow_none=True, required=True)
    callee_number = fields.String(allow_none=True, required=True)
    callee_name = fields.String(allow_none=True, required=True)
    rung = fields.String(allow_none=True, required=True)
    from_memory = fields.Boolean(required=True, metadata={"description": "decided while the database was away"})
    trace = fields.List(fields.Nested(Looked), allow_none=True, required=True)
    steps = fields.List(fields.Dict(), required=True, metadata={"description": "what was done, in order"})


LINE_EXAMPLE = {
    "call_id": "5f0f9b7e-0001-4000-8000-000000000001", "kind": "missed", "started_at": "2026-08-12T10:00:00+00:00",
    "duration_s": 0, "name": "Anna Amsel", "number": "21", "rung": "devices",
}
WHOLE_EXAMPLE = {
    "call_id": "5f0f9b7e-0001-4000-8000-000000000001", "direction": "internal",
    "started_at": "2026-08-12T10:00:00+00:00", "answered_at": None, "ended_at": "2026-08-12T10:00:21+00:00",
    "cause": "NO_ANSWER", "caller_number": "21", "caller_name": "Anna Amsel", "dialled": "22",
    "callee_number": "22", "callee_name": "Bernd Buche", "rung": "devices", "from_memory": False,
    "trace": [{"place": "22", "rung": "forward always, mailbox always",
               "saw": {"forward": None, "mailbox": False}, "said": "passed", "sent_on": 0, "decides": False},
              {"place": "22", "rung": "devices", "saw": {"devices": 1, "numbers": 0}, "said": "ring",
               "sent_on": 0, "decides": True}],
    "steps": [{"at": "2026-08-12T10:00:00+00:00", "question": 1, "do": "ring", "legs": ["bernd-desk"]}],
}
