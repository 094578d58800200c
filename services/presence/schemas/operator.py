"""What the operator's resources give."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Length, OneOf, Range

from services.presence.overview.calls import CALL_STATES
from services.presence.schemas import in_step
from shared.trunk_states import STATES as TRUNK_STATES

UNSENT = ("waiting", "sending", "refused", "given_up")


class Part(Schema):
    up = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "why not"})


class SwitchPart(Part):
    in_step = fields.Boolean(metadata={"description": "lamps and calls here are what the switch has"})
    ready = fields.Boolean()
    version = fields.String()
    uptime_s = fields.Integer()
    sessions = fields.Integer(metadata={"description": "legs that are up"})
    sessions_peak = fields.Integer()
    sessions_limit = fields.Integer()
    sessions_started = fields.Integer()
    sessions_per_second = fields.Integer()
    sessions_per_second_limit = fields.Integer()
    idle_cpu_percent = fields.Float()


class DatabasePart(Part):
    version = fields.String()
    answer_ms = fields.Float()
    bytes = fields.Integer()
    connections = fields.Integer()
    connections_limit = fields.Integer()


class ServicePart(Part):
    name = fields.String(required=True)
    ready = fields.Boolean(required=True)
    checks = fields.Dict(keys=fields.String(), values=fields.String(), required=True, metadata={
        "description": "each thing it needs: \"ok\", or why not"})


class QueueView(Schema):
    name = fields.String(required=True)
    messages = fields.Integer(required=True, metadata={"description": "tasks that wait"})
    consumers = fields.Integer(required=True, metadata={"description": "workers that serve it"})


class OutboxView(Schema):
    name = fields.String(required=True)
    waiting = fields.Integer(required=True)
    oldest_s = fields.Float(required=True)


class TrunkStateView(Schema):
    name = fields.String(required=True)
    company_id = fields.Integer(required=True)
    company = fields.String(required=True)
    position = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(TRUNK_STATES)})


class CallCounts(Schema):
    calls = fields.Integer(required=True)
    legs = fields.Integer(required=True)


class DeviceCounts(Schema):
    registered = fields.Integer(required=True)
    known = fields.Integer(required=True, allow_none=True)


class LampCounts(Schema):
    subscriptions = fields.Integer(required=True, metadata={"description": "of lamp keys of handsets"})
    pages = fields.Integer(required=True, metadata={"description": "open event streams"})


class OverviewView(Schema):
    at = fields.AwareDateTime(required=True, metadata={"description": "when all of this was looked at"})
    switch = fields.Nested(SwitchPart, required=True)
    database = fields.Nested(DatabasePart, required=True)
    broker = fields.Nested(Part, required=True)
    services = fields.List(fields.Nested(ServicePart), required=True)
    queues = fields.List(fields.Nested(QueueView), required=True)
    outboxes = fields.List(fields.Nested(OutboxView), required=True)
    trunks = fields.List(fields.Nested(TrunkStateView), required=True)
    mails = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata={
        "description": "how many wait, are being sent, were refused, were given up; ambiguous: perhaps sent twice"})
    calls = fields.Nested(CallCounts, required=True)
    devices = fields.Nested(DeviceCounts, required=True)
    lamps = fields.Nested(LampCounts, required=True)


class LegView(Schema):
    leg_uuid = fields.String(required=True)
    direction = fields.String(required=True, metadata={
        "enum": ["inbound", "outbound"], "description": "inbound: somebody dialled it; outbound: the switch rings it"})
    state = fields.String(required=True, metadata={"description": "in the switch's words, in lower case"})
    subscriber_id = fields.Integer(required=True, allow_none=True)
    extension = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True, metadata={"description": "of a leg that is nobody's here"})


class CallUpView(Schema):
    call_id = fields.String(required=True)
    company_id = fields.Integer(required=True, allow_none=True)
    company = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(CALL_STATES)})
    direction = fields.String(required=True, allow_none=True, metadata={"enum": ["internal", "incoming", "outgoing"]})
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    caller_number = fields.String(required=True, allow_none=True)
    caller_name = fields.String(required=True, allow_none=True)
    dialled = fields.String(required=True, allow_none=True)
    callee_number = fields.String(required=True, allow_none=True)
    callee_name = fields.String(required=True, allow_none=True)
    rung = fields.String(required=True, allow_none=True, metadata={
        "description": "the rung of the ladder that decided; null in the first moment of a call"})
    legs = fields.List(fields.Nested(LegView), required=True)


class CallsUpView(Schema):
    calls = fields.List(fields.Nested(CallUpView), required=True)
    in_step = in_step()


class RegistrationsQuery(Schema):
    search = fields.String(load_default=None, validate=Length(max=80), metadata={
        "description": "part of the device's id or label, of the person's extension or name"})
    registered = fields.Boolean(load_default=None, metadata={"description": "only those that are, or are not"})
    next = fields.String(load_default="", validate=Length(max=64))
    limit = fields.Integer(load_default=100, validate=Range(min=1, max=500))


class RegistrationView(Schema):
    device_id = fields.String(required=True)
    label = fields.String(required=True)
    company_id = fields.Integer(required=True)
    company = fields.String(required=True)
    subscriber_id = fields.Integer(required=True)
    extension = fields.String(required=True)
    name = fields.String(required=True)
    registered = fields.Boolean(required=True)
    address = fields.String(required=True, allow_none=True, metadata={"description": "where it registered from"})
    transport = fields.String(required=True, allow_none=True)
    expires_at = fields.AwareDateTime(required=True, allow_none=True)
    has_token = fields.Boolean(required=True, metadata={"description": "it may fetch its configuration"})
    fetched_at = fields.AwareDateTime(required=True, allow_none=True, metadata={
        "description": "when it last fetched its configuration"})
    vendor = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)


class RegistrationsView(Schema):
    registrations = fields.List(fields.Nested(RegistrationView), required=True)
    next = fields.String(required=True, allow_none=True)


class MailsQuery(Schema):
    state = fields.String(load_default=None, validate=OneOf(UNSENT))
    limit = fields.Integer(load_default=100, validate=Range(min=1, max=500))


class MailView(Schema):
    message_id = fields.UUID(required=True)
    company_id = fields.Integer(required=True)
    company = fields.String(required=True)
    extension = fields.String(required=True, metadata={"description": "whose mailbox"})
    name = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(UNSENT)})
    attempts = fields.Integer(required=True)
    left_at = fields.AwareDateTime(required=True)
    first_tried_at = fields.AwareDateTime(required=True, allow_none=True)
    next_attempt_at = fields.AwareDateTime(required=True)
    last_reply = fields.String(required=True, allow_none=True, metadata={"description": "the mail server's words"})


class MailsView(Schema):
    mails = fields.List(fields.Nested(MailView), required=True)


class ErrorsQuery(Schema):
    limit = fields.Integer(load_default=50, validate=Range(min=1, max=500))


class LoggedError(Schema):
    at = fields.String(required=True, metadata={"format": "date-time"})
    service = fields.String(required=True)
    level = fields.String(required=True)
    event = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    call_id = fields.String(required=True, allow_none=True)
    details = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class ErrorsView(Schema):
    errors = fields.List(fields.Nested(LoggedError), required=True, metadata={"description": "the newest first"})


CALL_EXAMPLE = {
    "call_id": "7f3cfd5e-6f0e-4c53-8d2c-3a5a2b9d0c11", "company_id": 1, "company": "Musterbau GmbH",
    "state": "ringing", "direction": "incoming", "started_at": "2026-03-02T08:15:04+00:00", "answered_at": None,
    "caller_number": "+491715550123", "caller_name": None, "dialled": "+49305550022", "callee_number": "22",
    "callee_name": "Bernd Köhler", "rung": "devices", "legs": [
        {"leg_uuid": "7f3cfd5e-6f0e-4c53-8d2c-3a5a2b9d0c11", "direction": "inbound", "state": "ring_wait",
         "subscriber_id": None, "extension": None, "name": None, "number": "+491715550123"},
        {"leg_uuid": "0b6de9c2-91ad-4f77-a9f0-62a1f2a4b7aa", "direction": "outbound", "state": "ringing",
         "subscriber_id": 2, "extension": "22", "name": "Bernd Köhler", "number": None}],
}
REGISTRATION_EXAMPLE = {
    "device_id": "bernd-desk", "label": "Tischtelefon", "company_id": 1, "company": "Musterbau GmbH",
    "subscriber_id": 2, "extension": "22", "name": "Bernd Köhler", "registered": True,
    "address": "192.168.1.40:5060", "transport": "udp", "expires_at": "2026-03-02T08:20:04+00:00", "has_token": True,
    "fetched_at": "2026-03-02T06:00:11+00:00", "vendor": "snom", "user_agent": "snomD785-SIP 10.1.159.12",
}
MAIL_EXAMPLE = {
    "message_id": "5d4f1c1e-7a0b-4f29-9a43-0c1d4f8b3c55", "company_id": 1, "company": "Musterbau GmbH",
    "extension": "22", "name": "Bernd Köhler", "kind": "forward", "state": "refused", "attempts": 1,
    "left_at": "2026-03-02T08:01:00+00:00", "first_tried_at": "2026-03-02T08:01:02+00:00",
    "next_attempt_at": "2026-03-02T08:01:00+00:00", "last_reply": "550 5.1.1 no such user",
}
ERROR_EXAMPLE: dict[str, Any] = {
    "at": "2026-03-02T08:01:02.113Z", "service": "voicemail-worker", "level": "error", "event": "mail refused",
    "reason": "550 5.1.1 no such user", "call_id": None, "details": {},
}
