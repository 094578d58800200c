"""/handsets: what snom and Yealink telephones fetch, with their device's id and token (X5).

    /handsets/snom/<any name>                      settings, keys and phone book in one file
    /handsets/yealink/<MAC>.cfg                    settings and keys
    /handsets/yealink/contacts.xml                 phone book, which the settings name
    /handsets/yealink/y000….cfg                    for all handsets of a model: nothing

The token comes as the password of HTTP's Basic authentication, which both makers' telephones have fields for, or as
a bearer token: never in an address, which would stand in the logs of every proxy on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from flask import Response, request
from flask_smorest import Blueprint

from services.presence.handsets import snom, yealink
from services.presence.handsets.configuration import Configuration
from services.presence.handsets.store import Handset, handset_of, note_fetch, read_configuration
from shared.api import ApiError, ErrorView, token_of_request
from shared.database import Database
from shared.metrics import Counter

log = structlog.get_logger()

FETCHED = Counter("pbx_presence_handset_fetches_total", "Configurations and phone books handsets fetched", ["vendor"])
REFUSED = Counter("pbx_presence_handset_refusals_total", "Fetches without a device's token")

_OF_A_MODEL = re.compile(r"y\d{12}\.cfg", re.IGNORECASE)
_OF_A_HANDSET = re.compile(r"[0-9a-f]{12}\.cfg", re.IGNORECASE)
CONTACTS = "contacts.xml"


@dataclass(frozen=True)
class Addresses:
    """How handsets reach us."""

    sip_server: str
    """host:port."""
    http: str
    """Without a closing slash."""


def blueprint(database: Database, addresses: Addresses,
              now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Blueprint:
    one = Blueprint("handsets", "handsets", url_prefix="/handsets",
                    description="What handsets fetch with their device's token (X5).")

    def fetched(vendor: str) -> Configuration:
        token, handset = _authenticated(database)
        found = read_configuration(database, handset, token, server=addresses.sip_server, year=now().year)
        note_fetch(database, handset, vendor=vendor, user_agent=request.headers.get("User-Agent", ""),
                   address=request.remote_addr or "")
        FETCHED.labels(vendor).inc()
        log.info("configuration fetched", device=handset.device_id, vendor=vendor, file=request.path)
        return found

    @one.route("/snom/<file>")
    @one.doc(security=[{"device": []}, {"bearer": []}])
    @one.response(200, content_type="text/xml", description="snom's XML of settings")
    @one.alt_response(401, schema=ErrorView, description="no device has this token")
    def snom_settings(file: str) -> Response:
        """A snom telephone's whole configuration; the file may be called anything"""
        return _file(snom.render(fetched("snom")), "text/xml")

    @one.route("/yealink/<file>")
    @one.doc(security=[{"device": []}, {"bearer": []}])
    @one.response(200, content_type="text/plain", description="Yealink's parameters, or the phone book in XML")
    @one.alt_response(401, schema=ErrorView, description="no device has this token")
    @one.alt_response(404, schema=ErrorView, description="a file there is nothing to say in")
    def yealink_file(file: str) -> Response:
        """A Yealink telephone's configuration: `<MAC>.cfg`, and its phone book"""
        if _OF_A_MODEL.fullmatch(file):
            _authenticated(database)
            return _file(yealink.common(), "text/plain")
        if _OF_A_HANDSET.fullmatch(file):
            contacts_url = f"{addresses.http}/handsets/yealink/{CONTACTS}"
            return _file(yealink.render(fetched("yealink"), contacts_url), "text/plain")
        if file == CONTACTS:
            return _file(yealink.contacts(fetched("yealink")), "text/xml")
        raise ApiError(404, "not_found", "a Yealink telephone is told nothing in this file",
                       hint="its settings are in <MAC>.cfg")

    return one


def _file(content: bytes, content_type: str) -> Response:
    return Response(content, content_type=f"{content_type}; charset=utf-8")


def _authenticated(database: Database) -> tuple[str, Handset]:
    """The token and whose it is. A user name, if there is one, has to be the device's."""
    basic = request.authorization
    named = basic.username if basic is not None and basic.type == "basic" else None
    token = (basic.password or "") if basic is not None and basic.type == "basic" else token_of_request()
    handset = handset_of(database, token) if 16 <= len(token) <= 256 else None
    if handset is None or named not in (None, handset.device_id):
        if token:
            REFUSED.inc()
            log.warning("handset's token refused", device=str(named or "")[:64], address=request.remote_addr)
        raise ApiError(401, "unauthorized", "a device's id and token are needed", field="Authorization",
                       hint="user name: the device; password: its token (POST /v1/devices/{device_id}/token)",
                       headers={"WWW-Authenticate": 'Basic realm="handsets", charset="UTF-8"'})
    return token, handset
