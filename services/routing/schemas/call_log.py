"""The call log and the company's records of calls over HTTP."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

_LARGEST_ID = 2**63 - 1


class _Stretch(Schema):
    search = fields.String(
        load_default=None, validate=validate.Length(min=1, max=64),
        metadata={"description": "part of a name, or of a number as people write it"})
    begins = fields.AwareDateTime(
        data_key="from", load_default=None, format="iso",
        metadata={"description": "with its zone: 2026-08-12T00:00:00Z (a + is written %2B)"})
    ends = fields.AwareDateTime(
        data_key="to", load_default=None, format="iso", metadata={"description": "calls that came before"})

    @validates_schema
    def is_a_stretch(self, data: dict[str, Any], **_: object) -> None:
        begins: datetime | None = data["begins"]
        if begins is not None and data["ends"] is not None and begins >= data["ends"]:
            raise ValidationError("must be after `from`", "to")


class LogQuery(_Stretch):
    kind = fields.String(
        load_default=None, validate=validate.OneOf(["placed", "received", "missed"]),
        metadata={"description": "only these"})


class _Paging(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))
    next = fields.String(
        load_default=None, validate=validate.Length(max=200), metadata={"description": "`next` of the page before"})


class PageQuery(LogQuery, _Paging):
    pass


class Line(Schema):
    call_id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "placed, received or missed"})
    started_at = fields.AwareDateTime(required=True)
    duration_s = fields.Integer(required=True, metadata={"description": "talked; 0 when nobody answered"})
    name = fields.String(allow_none=True, required=True, metadata={"description": "of the directory or the contact"})
    colleague_id = fields.Integer(
        allow_none=True, required=True, metadata={"description": "the contact: subscriber of the own company"})
    contact_id = fields.Integer(
        allow_none=True, required=True,
        metadata={"description": "one's own contact, or the company's, with this number"})
    number = fields.String(
        allow_none=True, required=True, metadata={"description": "extension or E.164; null: withheld"})
    number_shown = fields.String(allow_none=True, required=True, metadata={"description": "as people write it"})
    rung = fields.String(
        allow_none=True, required=True,
        metadata={"description": "what decided where it rings; null: somebody else's settings"})
    why = fields.String(
        allow_none=True, required=True, metadata={"description": "in words, in the person's language"})


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


class LaterDecision(Schema):
    """When the call was transferred, or called back from the voice portal."""

    at = fields.String(required=True)
    dialled = fields.String(allow_none=True, required=True)
    callee_number = fields.String(allow_none=True, required=True)
    callee_name = fields.String(allow_none=True, required=True)
    rung = fields.String(allow_none=True, required=True)
    trace = fields.List(fields.Nested(Looked), allow_none=True, required=True)


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
    later = fields.List(fields.Nested(LaterDecision), required=True)
    steps = fields.List(fields.Dict(), required=True, metadata={"description": "what was done, in order"})


# ----- the company's


class RecordsFilter(_Stretch):
    direction = fields.String(load_default=None, validate=validate.OneOf(["internal", "incoming", "outgoing"]))
    answered = fields.Boolean(load_default=None)
    subscriber_id = fields.Integer(
        load_default=None, validate=validate.Range(1, _LARGEST_ID),
        metadata={"description": "calls this person made or was called in"})
    rung = fields.String(load_default=None, validate=validate.Length(1, 80))


class RecordsQuery(RecordsFilter, _Paging):
    pass


class CallRecord(Schema):
    call_id = fields.UUID(required=True)
    direction = fields.String(allow_none=True, required=True)
    started_at = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(allow_none=True, required=True)
    ended_at = fields.AwareDateTime(allow_none=True, required=True)
    duration_s = fields.Integer(required=True, metadata={"description": "talked; 0 when nobody answered"})
    caller_subscriber_id = fields.Integer(allow_none=True, required=True)
    caller_number = fields.String(allow_none=True, required=True)
    caller_name = fields.String(allow_none=True, required=True)
    dialled = fields.String(allow_none=True, required=True)
    callee_subscriber_id = fields.Integer(allow_none=True, required=True)
    callee_number = fields.String(allow_none=True, required=True)
    callee_name = fields.String(allow_none=True, required=True)
    answered_by = fields.Integer(allow_none=True, required=True, metadata={"description": "subscriber who took it"})
    cause = fields.String(allow_none=True, required=True)
    rung = fields.String(allow_none=True, required=True, metadata={"description": "what decided where it rings"})
    why = fields.String(allow_none=True, required=True, metadata={"description": "in words"})


class CallRecords(Schema):
    calls = fields.List(fields.Nested(CallRecord), required=True)
    next = fields.String(
        allow_none=True, required=True,
        metadata={"description": "null: no more; a page that is not full may still have a next one"})


class WholeRecord(CallRecord):
    from_memory = fields.Boolean(required=True)
    trace = fields.List(fields.Nested(Looked), allow_none=True, required=True)
    later = fields.List(fields.Nested(LaterDecision), required=True)
    steps = fields.List(fields.Dict(), required=True)


class Deletion(Schema):
    deletion_id = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    why = fields.String(required=True, metadata={"description": "retention, or person: one person's list was erased"})
    until = fields.AwareDateTime(required=True, metadata={"description": "calls that began before"})
    subscriber_id = fields.Integer(allow_none=True, required=True)
    calls = fields.Integer(required=True)
    lines = fields.Integer(required=True, metadata={"description": "of people's lists"})
    actor_role = fields.String(required=True)


class DeletionsQuery(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))
    next = fields.Integer(load_default=None, validate=validate.Range(1, _LARGEST_ID))


class Deletions(Schema):
    deletions = fields.List(fields.Nested(Deletion), required=True)
    next = fields.Integer(allow_none=True, required=True)


LINE_EXAMPLE = {
    "call_id": "5f0f9b7e-0001-4000-8000-000000000001", "kind": "missed", "started_at": "2026-08-12T10:00:00+00:00",
    "duration_s": 0, "name": "Anna Amsel", "colleague_id": 7, "contact_id": None, "number": "21",
    "number_shown": "21", "rung": "devices", "why": "nicht angenommen",
}
WHOLE_EXAMPLE = {
    "call_id": "5f0f9b7e-0001-4000-8000-000000000001", "direction": "internal",
    "started_at": "2026-08-12T10:00:00+00:00", "answered_at": None, "ended_at": "2026-08-12T10:00:21+00:00",
    "cause": "NO_ANSWER", "caller_number": "21", "caller_name": "Anna Amsel", "dialled": "22",
    "callee_number": "22", "callee_name": "Bernd Buche", "rung": "devices", "from_memory": False,
    "trace": [{"place": "22", "rung": "forward always, mailbox always",
               "saw": {"forward": None, "mailbox": False}, "said": "passed"},
              {"place": "22", "rung": "devices", "saw": {"devices": 1, "numbers": 0}, "said": "ring"}],
    "steps": [{"at": "2026-08-12T10:00:00+00:00", "question": 1, "do": "ring", "legs": ["bernd-desk"]}],
}
RECORD_EXAMPLE = {
    **{name: value for name, value in WHOLE_EXAMPLE.items() if name not in ("from_memory", "trace", "steps")},
    "duration_s": 0, "caller_subscriber_id": 7, "callee_subscriber_id": 8, "answered_by": None,
    "why": "nicht angenommen",
}
DELETION_EXAMPLE = {
    "deletion_id": 12, "at": "2026-08-13T02:04:00+00:00", "why": "retention", "until": "2026-02-14T02:04:00+00:00",
    "subscriber_id": None, "calls": 1802, "lines": 2950, "actor_role": "system",
}
