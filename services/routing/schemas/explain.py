"""Explanations and timetables over HTTP."""

from marshmallow import Schema, fields, validate

_WHEN = "ISO date and time; without a zone it is the clock at the callee's site"


class ExplainQuery(Schema):
    caller = fields.String(
        required=True, validate=validate.Length(min=1, max=40),
        metadata={"description": "extension or number, inside or outside; `withheld`: outside, without a number",
                  "example": "21"})
    callee = fields.String(
        required=True, validate=validate.Length(min=1, max=40),
        metadata={"description": "what is dialled: extension, number, code", "example": "22"})
    at = fields.String(
        load_default=None, validate=validate.Length(min=1, max=40),
        metadata={"description": f"{_WHEN}; without it, now", "example": "2026-12-24T15:00"})
    company = fields.String(
        load_default=None, validate=validate.Length(min=1, max=253),
        metadata={"description": "for operators: id or SIP domain of the company", "example": "musterbau.example"})




class CallerView(Schema):
    number = fields.String(allow_none=True, required=True, metadata={"description": "extension, or E.164"})
    name = fields.String(required=True)
    withheld = fields.Boolean(required=True)


class CalleeView(Schema):
    subscriber_id = fields.Integer(allow_none=True)
    extension = fields.String(required=True)
    name = fields.String(required=True)


class AnsweredBy(Schema):
    extension = fields.String(required=True)
    name = fields.String(required=True)


class Night(Schema):
    on = fields.Boolean(required=True)
    by = fields.String(required=True, metadata={"description": "hand or schedule"})
    until = fields.String(allow_none=True, required=True)
    target = fields.String(required=True)


class Calendar(Schema):
    site = fields.String(required=True)
    time_zone = fields.String(required=True)
    weekday = fields.String(required=True)
    holiday = fields.String(allow_none=True, required=True)
    holiday_region = fields.String(required=True)
    night = fields.Nested(Night, allow_none=True, required=True)


class RungView(Schema):
    number = fields.Integer(allow_none=True, required=True, metadata={"description": "of the ladder of incoming calls"})
    rung = fields.String(required=True)
    place = fields.String(required=True, metadata={"description": "whose ladder: an extension, or `outgoing`"})
    name = fields.String(required=True)
    saw = fields.Dict(required=True, metadata={"description": "the values looked at"})
    said = fields.String(required=True, metadata={"description": "`passed`, what it decided, what was refused"})
    sent_on = fields.Integer(required=True, metadata={"description": "how often the call had been sent on by then"})
    decides = fields.Boolean(required=True, metadata={"description": "the ladder of this place ended here"})


class LaterDecision(Schema):
    at = fields.String(required=True)
    dialled = fields.String(allow_none=True, required=True)
    rung = fields.String(allow_none=True, required=True, metadata={"description": "what decided"})
    rungs = fields.List(fields.Nested(RungView), required=True)


class Answered(Schema):
    at = fields.String(required=True)
    by = fields.Nested(AnsweredBy, allow_none=True, required=True, metadata={"description": "null: outside"})


class Explanation(Schema):
    kind = fields.String(required=True, metadata={"description": "imagined or past"})
    call_id = fields.String()
    direction = fields.String(allow_none=True)
    caller = fields.Nested(CallerView, required=True)
    dialled = fields.String(allow_none=True, required=True)
    callee = fields.Nested(CalleeView, allow_none=True, required=True)
    at = fields.String(required=True, metadata={"description": "in the time zone of the site"})
    calendar = fields.Nested(Calendar)
    not_known = fields.List(fields.String(), metadata={
        "description": "facts of the moment that are not known of another time: calls_up, registrations, limits"})
    from_memory = fields.Boolean(required=True, metadata={"description": "decided while the database was away"})
    rung = fields.String(allow_none=True, required=True, metadata={"description": "what decided first"})
    rungs = fields.List(fields.Nested(RungView), required=True)
    later = fields.List(fields.Nested(LaterDecision), metadata={
        "description": "what was decided when the call was transferred, or called back from the voice portal"})
    plan = fields.Dict(metadata={"description": (
        "what happens, as a tree: `do` is ring, splash, send_on, announce, mailbox, portal, end, say, code,"
        " pick_up; what follows stands under busy, no_answer, not_reachable, gone or then;"
        " {do: as, id} is the step of that id")})
    limit = fields.String(allow_none=True, metadata={"description": (
        "the cap on calls to the outside that would stop this one now: per_subscriber_per_minute, per_minute,"
        " forwarded_at_once, daily_budget; null: none")})
    happened = fields.List(fields.Dict(), metadata={"description": "what was done, in order, with what came of it"})
    answered_at = fields.String(allow_none=True)
    answered_by = fields.Nested(AnsweredBy, allow_none=True, metadata={"description": "the first who took it"})
    answers = fields.List(fields.Nested(Answered), metadata={"description": "all who took it, one after the other"})
    ended_at = fields.String(allow_none=True)
    cause = fields.String(allow_none=True, metadata={"description": "FreeSWITCH's cause of the end"})


_RUNG = {"number": 4, "rung": "night service", "place": "22", "name": "Bernd Köhler", "saw": {"night": True},
         "said": "forward to 30", "sent_on": 0, "decides": True}
EXAMPLE = {
    "kind": "imagined", "caller": {"number": "+491715550100", "name": "", "withheld": False}, "dialled": "+49305550022",
    "callee": {"subscriber_id": 2, "extension": "22", "name": "Bernd Köhler"}, "at": "2026-12-24T15:00:00+01:00",
    "calendar": {"site": "Berlin", "time_zone": "Europe/Berlin", "weekday": "Thursday", "holiday": None,
                 "holiday_region": "DE-BE",
                 "night": {"on": True, "by": "schedule", "until": "2026-12-28T08:00+01:00", "target": "30"}},
    "not_known": ["calls_up", "registrations", "limits"], "from_memory": False, "rung": "night service",
    "rungs": [_RUNG],
    "plan": {"id": 1, "do": "send_on", "from": "22", "name": "Bernd Köhler", "reason": "out-of-service",
             "then": {"id": 2, "do": "mailbox", "reason": "always", "extension": "30", "name": "Jonas Fuchs"}},
}
PAST_EXAMPLE = {
    "kind": "past", "call_id": "5f0f9b7e-0001-4000-8000-000000000001", "direction": "incoming",
    "caller": {"number": "+491715550100", "name": "", "withheld": False}, "dialled": "+49305550022",
    "callee": {"subscriber_id": 2, "extension": "22", "name": "Bernd Köhler"}, "at": "2026-12-24T15:00:00+01:00",
    "from_memory": False, "rung": "night service", "rungs": [_RUNG],
    "happened": [{"at": "2026-12-24T15:00:00+01:00", "question": 1, "do": "mailbox", "reason": "always"}],
    "answered_at": "2026-12-24T15:00:01+01:00", "answered_by": None, "answers": [], "later": [],
    "ended_at": "2026-12-24T15:00:21+01:00",
    "cause": "NORMAL_CLEARING",
}


# ----- timetables


class TimetableQuery(Schema):
    week = fields.String(
        load_default=None, validate=validate.Length(min=1, max=10),
        metadata={"description": "as ISO 8601 writes it; without it, this week at the site", "example": "2026-W52"})
    caller = fields.String(
        load_default=None, validate=validate.Length(min=1, max=40),
        metadata={"description": "for whose calls: extension, number or `withheld`; without it somebody outside whom no"
                                 " rule names, and a colleague"})
    language = fields.String(
        load_default=None, validate=validate.OneOf(["de", "en"]),
        metadata={"description": "of holidays and of the picture; without it the subscriber's"})


class OwnerView(Schema):
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    name = fields.String(required=True)


class LaneCaller(Schema):
    kind = fields.String(required=True, metadata={"description": "outside or inside"})
    number = fields.String(allow_none=True, required=True, metadata={"description": "null: withheld"})
    name = fields.String(required=True)


class PlaceView(Schema):
    extension = fields.String(required=True)
    name = fields.String(required=True)
    number = fields.String(required=True, metadata={"description": "outside the company"})


class ThenView(Schema):
    kind = fields.String(required=True)
    to = fields.Nested(PlaceView, allow_none=True, required=True)
    after_s = fields.Integer(required=True)


class StretchView(Schema):
    begins = fields.String(required=True)
    ends = fields.String(required=True)
    walls = fields.List(fields.List(fields.Integer()), required=True, metadata={
        "description": "[run of the day, from, to]: minutes of the clock on the wall it covers"})
    kind = fields.String(required=True, metadata={"description": (
        "devices, assistants, remote_office, forward, night, mailbox, announcement, rejected, busy, outside")})
    rung = fields.String(required=True, metadata={"description": "what decides"})
    to = fields.Nested(PlaceView, allow_none=True, required=True, metadata={"description": "where it is sent"})
    lands = fields.String(allow_none=True, required=True, metadata={"description": "kind of what it comes to there"})
    then = fields.Nested(ThenView, allow_none=True, required=True, metadata={"description": "when nobody answers"})


class DayView(Schema):
    date = fields.String(required=True)
    holiday = fields.String(allow_none=True, required=True)
    minutes = fields.Integer(required=True, metadata={"description": "1440, but where the clock changes"})
    runs = fields.List(fields.List(fields.Integer()), required=True, metadata={
        "description": "[from, to] minutes of the clock on the wall; two where it is put forward or back"})
    lanes = fields.List(fields.List(fields.Nested(StretchView)), required=True, metadata={
        "description": "one for each of `callers`"})


class TimetableView(Schema):
    subscriber = fields.Nested(OwnerView, required=True)
    week = fields.String(required=True)
    site = fields.String(required=True)
    time_zone = fields.String(required=True)
    language = fields.String(required=True)
    callers = fields.List(fields.Nested(LaneCaller), required=True)
    days = fields.List(fields.Nested(DayView), required=True)


TIMETABLE_EXAMPLE = {
    "subscriber": {"subscriber_id": 2, "extension": "22", "name": "Bernd Köhler"}, "week": "2026-W52",
    "site": "Berlin", "time_zone": "Europe/Berlin", "language": "de",
    "callers": [{"kind": "outside", "number": "+493023125000", "name": ""}],
    "days": [{
        "date": "2026-12-25", "holiday": "Erster Weihnachtstag", "minutes": 1440, "runs": [[0, 1440]],
        "lanes": [[{
            "begins": "2026-12-25T00:00+01:00", "ends": "2026-12-26T00:00+01:00", "walls": [[0, 0, 1440]],
            "kind": "night", "rung": "night service", "to": {"extension": "30", "name": "Jonas Fuchs", "number": ""},
            "lands": "devices", "then": {"kind": "mailbox", "after_s": 21,
                                         "to": {"extension": "30", "name": "Jonas Fuchs", "number": ""}}}]],
    }],
}
