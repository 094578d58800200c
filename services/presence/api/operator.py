"""/v1/operator: what the operator's page shows (X2). Calls, registrations and mails also for a company's
administrators, of their own company; the state of the system for operators only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.presence.board import caller_number_of
from services.presence.overview import store
from services.presence.overview.calls import CallUp, calls_of
from services.presence.overview.look import Look
from services.presence.overview.switch_status import NotAStatus, RegisteredDevice, registered_devices
from services.presence.registrations import REGISTRATION_LIST
from services.presence.schemas.operator import (
    CALL_EXAMPLE,
    ERROR_EXAMPLE,
    MAIL_EXAMPLE,
    REGISTRATION_EXAMPLE,
    UNSENT,
    CallsUpView,
    ErrorsQuery,
    ErrorsView,
    MailsQuery,
    MailsView,
    OverviewView,
    RegistrationsQuery,
    RegistrationsView,
)
from services.presence.switch_events import SwitchEvents
from shared import last_errors
from shared.api import ApiError, principal, requires
from shared.calls_up import Direction, Leg
from shared.database import Database, Row
from shared.esl.errors import EslError

_operators = requires("operator")
_administrators = requires("operator", "administrator")


@dataclass(frozen=True)
class Sources:
    """Where it all comes from."""

    database: Database
    presence: SwitchEvents
    look: Look
    ask_switch: Callable[..., str]
    run_folder: Path | None


def blueprint(sources: Sources) -> Blueprint:
    one = Blueprint("operator", "operator", url_prefix="/v1/operator", description="What operators look at (X2).")

    @one.route("/overview")
    class OverviewResource(MethodView):
        @_operators
        @one.response(200, OverviewView)
        def get(self) -> Any:
            """How all parts are, as of a few seconds ago"""
            return overview(sources)

    @one.route("/calls")
    class Calls(MethodView):
        @_administrators
        @one.response(200, CallsUpView, example={"calls": [CALL_EXAMPLE], "in_step": True})
        def get(self) -> Any:
            """Calls that are up now, each with the rung that decided and its legs"""
            return {"calls": calls(sources, principal().company_id), "in_step": sources.presence.feed.in_step}

    @one.route("/registrations")
    class Registrations(MethodView):
        @_administrators
        @one.arguments(RegistrationsQuery, location="query")
        @one.response(200, RegistrationsView, example={"registrations": [REGISTRATION_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any]) -> Any:
            """Devices, whether they are registered and from where, and when they fetched their configuration"""
            return registrations(sources, principal().company_id, query)

    @one.route("/mails")
    class Mails(MethodView):
        @_administrators
        @one.arguments(MailsQuery, location="query")
        @one.response(200, MailsView, example={"mails": [MAIL_EXAMPLE]})
        def get(self, query: dict[str, Any]) -> Any:
            """Mails of voicemails that did not go, the oldest first, with the mail server's words"""
            states = UNSENT if query["state"] is None else (query["state"],)
            return {"mails": store.mails(sources.database, principal().company_id, states=states,
                                         limit=query["limit"])}

    @one.route("/errors")
    class Errors(MethodView):
        @_operators
        @one.arguments(ErrorsQuery, location="query")
        @one.response(200, ErrorsView, example={"errors": [ERROR_EXAMPLE]})
        def get(self, query: dict[str, Any]) -> Any:
            """The last errors of all services and workers on this machine, the newest first"""
            if sources.run_folder is None:
                raise ApiError(404, "not_kept", "errors are kept where PBX_RUN names a folder only",
                               hint="look into the logs")
            return {"errors": last_errors.last(sources.run_folder, query["limit"])}

    return one


def overview(sources: Sources) -> dict[str, Any]:
    seen = sources.look.last
    parts = seen.parts
    legs = sources.presence.legs
    return {
        "at": seen.at, "switch": parts["switch"], "database": parts["database"], "broker": parts["broker"],
        "services": [{"ready": False, "checks": {}, **parts[f"service {name}"], "name": name}
                     for name in sources.look.services],
        "queues": parts["broker"].get("queues", []), "outboxes": parts["outboxes"].get("outboxes", []),
        "trunks": parts["trunks"].get("trunks", []), "mails": parts["mails"].get("mails", {}),
        "calls": {"calls": len(calls_of(legs)), "legs": len(legs)},
        "devices": {"registered": sources.presence.devices_registered,
                    "known": parts["database"].get("devices_known")},
        "lamps": sources.presence.lamp_counts(),
    }


def calls(sources: Sources, company_id: int | None) -> list[dict[str, Any]]:
    """company_id: of this company only."""
    up = calls_of(sources.presence.legs)
    decided = store.decisions_of(sources.database, company_id, [call.call_id for call in up])
    names = store.companies(sources.database, company_id)
    shown = (_call(sources, call, decided.get(call.call_id)) for call in up)
    return [{**call, "company": names.get(call["company_id"])} for call in shown
            if company_id in (None, call["company_id"])]


_DECIDED = ("direction", "started_at", "answered_at", "caller_number", "caller_name", "dialled", "callee_number",
            "callee_name", "rung")


def _call(sources: Sources, call: CallUp, decided: Row | None) -> dict[str, Any]:
    people = sources.presence.board.people
    persons = [people.person_at(leg.presence_id) if leg.presence_id else None for leg in call.legs]
    companies = [person.company_id for person in persons if person is not None]
    return {
        "call_id": call.call_id, "state": call.state,
        "company_id": decided.company_id if decided is not None else companies[0] if companies else None,
        **{name: None if decided is None else decided[name] for name in _DECIDED},
        "legs": [{
            "leg_uuid": leg.leg_uuid, "direction": leg.direction.value, "state": leg.state.value.lower(),
            "subscriber_id": person.subscriber_id if person else None,
            "extension": person.extension if person else None, "name": person.name if person else None,
            "number": None if person else _number_of(leg),
        } for leg, person in zip(call.legs, persons, strict=True)],
    }


def _number_of(leg: Leg) -> str | None:
    """None for a caller who withholds his, also from operators (P5)."""
    return leg.destination if leg.direction is Direction.OUTBOUND else caller_number_of(leg)


def registrations(sources: Sources, company_id: int | None, query: dict[str, Any]) -> dict[str, Any]:
    known = _registered(sources)
    found: list[Row] = []
    after, limit = query["next"], query["limit"]
    while len(found) <= limit:      # those left out by what the switch says make room for others
        rows = store.devices(sources.database, company_id, search=query["search"], after=after, limit=limit + 1)
        found += [row for row in rows if query["registered"] in (None, row.device_id in known)]
        if len(rows) <= limit:
            break
        after = rows[-1].device_id
    page = found[:limit]
    return {"registrations": [_registration(row, known.get(row.device_id)) for row in page],
            "next": page[-1].device_id if len(found) > limit else None}


def _registered(sources: Sources) -> dict[str, RegisteredDevice]:
    try:
        return registered_devices(sources.ask_switch(*REGISTRATION_LIST))
    except (EslError, NotAStatus) as error:
        raise ApiError(503, "switch_unavailable", f"the switch does not say who is registered: {error}",
                       hint="try again shortly", headers={"Retry-After": "5"}) from error


def _registration(row: Row, known: RegisteredDevice | None) -> dict[str, Any]:
    return {
        **row, "registered": known is not None, "has_token": row.token_made_at is not None,
        "address": known.address if known else None, "transport": known.transport if known else None,
        "expires_at": datetime.fromtimestamp(known.expires_at, UTC) if known and known.expires_at else None,
    }
