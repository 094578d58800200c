"""A trunk as it is given and shown. The password goes in, and never comes out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.schemas.fields import Switch, Text, WholeNumber

EXAMPLE: dict[str, Any] = {
    "trunk_id": 4, "label": "Telekom Berlin", "gateway": "c7-telekom-berlin", "position": 1,
    "host": "sip.carrier.example", "port": 5060, "transport": "udp", "username": "4930555000", "password_set": True,
    "register": True, "realm": None, "from_domain": None, "number_format": "e164",
    "caller_style": "p_asserted_identity", "privacy_style": "id", "diversion_style": "diversion", "enabled": True,
    "state": "registered",
}
CREATE_EXAMPLE = {
    "label": "Telekom Berlin", "host": "sip.carrier.example", "username": "4930555000", "password": "…",
    "register": True,
}
CHANGE_EXAMPLE = {"position": 2, "diversion_style": "both"}

_TRANSPORTS = ("udp", "tcp")
_HOST = validate.Regexp(
    r"(?=.*[A-Za-z0-9])[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z", error="must be a host name or an IPv4 address")
_DOMAIN = validate.Regexp(r"[A-Za-z0-9.-]{1,253}\Z", error="must be a domain")


def _one_of(*words: str, **more: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **more)


class TrunkChange(Schema):
    """The fields named are changed, the others stay."""

    label = Text(1, 80, metadata={"description": "what people call it; unique in the company"})
    position = WholeNumber(validate=validate.Range(1, 1000), metadata={
        "description": "calls try the first trunk first, the next when it fails"})
    host = Text(1, 253, validate=_HOST)
    port = WholeNumber(validate=validate.Range(1, 65535))
    transport = _one_of(*_TRANSPORTS)
    username = Text(1, 80, allow_none=True, validate=validate.Regexp(
        r"[A-Za-z0-9+._@-]{1,80}\Z", error="may hold letters, digits and + . _ @ - only"))
    password = fields.String(allow_none=True, load_only=True, validate=validate.Regexp(
        r"[\x21-\x7e]{1,120}\Z", error="must be 1 to 120 printable ASCII characters without blanks"))
    register = Switch(metadata={"description": "log in at the carrier; else it knows us by our address"})
    realm = Text(1, 253, allow_none=True, validate=validate.Regexp(
        r"[A-Za-z0-9._@-]{1,253}\Z", error="may hold letters, digits and . _ @ - only"), metadata={
        "description": "of the digest; null: the host"})
    from_domain = Text(1, 253, allow_none=True, validate=_DOMAIN, metadata={
        "description": "domain of our numbers in From and the identity headers; null: the host"})
    number_format = _one_of("e164", "national", "plain", metadata={
        "description": "how numbers are written to the carrier: +4930…, 030…, 4930…"})
    caller_style = _one_of(
        "from", "p_asserted_identity", "p_preferred_identity", "remote_party_id",
        metadata={"description": "where the caller's number stands besides From"})
    privacy_style = _one_of("id", "id_only", "from_only", metadata={
        "description": "a suppressed number: From anonymous and Privacy: id; Privacy: id alone; From anonymous alone"})
    diversion_style = _one_of("diversion", "history_info", "both", "none", metadata={
        "description": "how the carrier learns who forwarded a call"})
    enabled = Switch()


class TrunkCreate(TrunkChange):
    label = Text(1, 80, required=True)
    host = Text(1, 253, required=True, validate=_HOST)


class TrunkView(Schema):
    trunk_id = fields.Integer(required=True)
    label = fields.String(required=True)
    gateway = fields.String(required=True, metadata={"description": "its name at the switch"})
    position = fields.Integer(required=True)
    host = fields.String(required=True, allow_none=True)
    port = fields.Integer(required=True)
    transport = fields.String(required=True)
    username = fields.String(required=True, allow_none=True)
    password_set = fields.Boolean(required=True)
    register = fields.Boolean(required=True)
    realm = fields.String(required=True, allow_none=True)
    from_domain = fields.String(required=True, allow_none=True)
    number_format = fields.String(required=True)
    caller_style = fields.String(required=True)
    privacy_style = fields.String(required=True)
    diversion_style = fields.String(required=True)
    enabled = fields.Boolean(required=True)
    state = fields.String(required=True, metadata={
        "description": "registered, unregistered, failed, not_needed (it does not register), pending (calls do not "
                       "know of the change yet), unknown (the switch does not have it, or does not answer)"})


class TrunksView(Schema):
    trunks = fields.List(fields.Nested(TrunkView), required=True)
