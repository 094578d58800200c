"""/v1/calls: ask for a call, follow it, call it off. HTTP in, use case, HTTP out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, jsonify
from flask.views import MethodView
from flask_smorest import Blueprint

from services.callback import ask, present, store
from services.callback.cancel import cancel
from services.callback.feed import Feed, Sight, TooManyStreams
from services.callback.modes import Mode, Place, Wishes
from services.callback.schemas.calls import (
    CALL_EXAMPLE,
    DIAL_YOURSELF_EXAMPLE,
    FAILED_EXAMPLE,
    REQUEST_EXAMPLE,
    Call,
    CallRequest,
    DialYourself,
    KeyHeader,
    LastEventHeader,
    Page,
    PageQuery,
    TransferRequest,
)
from services.callback.transfer import HandedOn, NoTarget, NotConnected, transfer
from shared import whose
from shared.api import ApiError, ErrorView, Principal, event_stream, principal, requires
from shared.database import Database, Row, Transaction

E = TypeVar("E", bound=StrEnum)

_REFUSALS: tuple[tuple[type[ask.Refused], int, str], ...] = (
    (ask.KeyReused, 409, "idempotency_key_reused"),
    (ask.NoSuchSubscriber, 404, "no_such_subscriber"),
    (ask.UnusableTarget, 422, "invalid_target"),
    (ask.NotAllowed, 403, "number_not_allowed"),
    (ask.NotOwnNumber, 422, "number_not_own"),
    (ask.TooManyCalls, 429, "too_many_calls"),
    (NotConnected, 409, "not_connected"),
    (NoTarget, 422, "invalid_target"),
)
_NOT_NOW = ("no_device", "no_mobile_number", "remote_office_off")
"""The request is right, but there is no such telephone as things are set."""


_EVENTS = (
    "Server-sent events: `snapshot` first, with the calls under way and, after a reconnect with Last-Event-ID, those"
    " that moved on meanwhile; then `call` with each state of each call. A comment every 15 s keeps it open."
)
_EVENTS_OF_ONE = "Server-sent events: `call` with each state, those already past first; ends when the call is over."


def blueprint(
    database: Database, accepted: Callable[[], None], hang_up: Callable[[Iterable[UUID]], object], feed: Feed,
    hand_on: Callable[[HandedOn], bool],
) -> Blueprint:
    """accepted: an outbox row was committed; hang_up: ends legs, soon tried again when it can't now; hand_on: sends the
    partner of a leg elsewhere, and says whether it did."""
    calls = Blueprint("calls", "calls", url_prefix="/v1/calls", description="Click-to-dial: ask, follow, call off.")

    @calls.route("")
    class Calls(MethodView):
        @requires("subscriber", "administrator", "operator")
        @calls.arguments(KeyHeader, location="headers")
        @calls.arguments(CallRequest, example=REQUEST_EXAMPLE)
        @calls.response(202, Call, example=CALL_EXAMPLE)
        @calls.alt_response(200, schema=DialYourself, example=DIAL_YOURSELF_EXAMPLE,
                            description="mode this_phone: the number for the telephone to dial; nothing was begun")
        @calls.alt_response(403, schema=ErrorView, description="numbers like this may not be called")
        @calls.alt_response(409, schema=ErrorView, description="the key was used for another request; or the telephone"
                            " that is to ring first is not there")
        @calls.alt_response(429, schema=ErrorView, description="too many calls; Retry-After says when")
        def post(self, headers: dict[str, Any], body: dict[str, Any]) -> Any:
            """Ask for a call: the first leg rings, then the target

            The same Idempotency-Key with the same body answers the same call and never dials twice. In the mode
            "this phone" the answer is the number to dial.
            """
            request = _request(database, principal(), headers["key"], body)
            with database.company(request.company_id) as tx:
                try:
                    answer = ask.ask(tx, request)
                except ask.Refused as refused:
                    raise _refusal(refused) from refused
                if isinstance(answer, ask.DialYourself):
                    return _dial_yourself(request.target, answer)
                found = store.view(tx, answer.attempt_id, request.subscriber_id)
            if not answer.repeated:
                accepted()
                feed.wake()
            return present.call(_there(found)), 202, {"Location": f"/v1/calls/{answer.attempt_id}"}

        @requires("subscriber", "administrator", "operator")
        @calls.arguments(PageQuery, location="query")
        @calls.response(200, Page, example={"calls": [FAILED_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any]) -> Any:
            """One's own calls, newest first"""
            with _scope(database, principal()) as (tx, own):
                if own is not None and query["subscriber_id"] not in (None, own):
                    raise _not_there()
                wanted = own or query["subscriber_id"]
                company_id = principal().company_id
                if company_id is None and wanted is not None:
                    company_id = store.company_of(tx, wanted)
                rows = store.page(tx, company_id, wanted, query["before"], query["limit"] + 1)
            calls_shown = [present.call(row) for row in rows[: query["limit"]]]
            more = len(rows) > query["limit"]
            return {"calls": calls_shown, "next": calls_shown[-1]["id"] if more else None}

    @calls.route("/<uuid:attempt_id>")
    class OneCall(MethodView):
        @requires("subscriber", "administrator", "operator")
        @calls.response(200, Call, example=CALL_EXAMPLE)
        @calls.alt_response(404, schema=ErrorView, description="no such call of one's own")
        def get(self, attempt_id: UUID) -> Any:
            """How far the call is"""
            with _scope(database, principal()) as (tx, own):
                return present.call(_there(store.view(tx, attempt_id, own)))

        @requires("subscriber", "administrator", "operator")
        @calls.response(200, Call, example={**CALL_EXAMPLE, "state": "cancelled"})
        @calls.alt_response(404, schema=ErrorView, description="no such call of one's own")
        def delete(self, attempt_id: UUID) -> Any:
            """Call it off, at any point: every leg is hung up

            Asking again changes nothing, and a call that is over stays as it ended.
            """
            with _scope(database, principal()) as (tx, own):
                _there(store.view(tx, attempt_id, own))
                legs = cancel(tx, attempt_id)
                found = _there(store.view(tx, attempt_id, own))
            feed.wake()
            if legs:
                hang_up(legs)
            accepted()  # notices of it may wait in the outbox
            return present.call(found)

    @calls.route("/<uuid:attempt_id>/transfer")
    class Transfer(MethodView):
        @requires("subscriber", "administrator", "operator")
        @calls.arguments(TransferRequest, example={"target": "23"})
        @calls.response(202, Call, example={**CALL_EXAMPLE, "state": "connected"})
        @calls.alt_response(403, schema=ErrorView, description="barred for this subscriber")
        @calls.alt_response(404, schema=ErrorView, description="no such call of one's own")
        @calls.alt_response(409, schema=ErrorView, description="nobody is connected")
        @calls.alt_response(422, schema=ErrorView, description="no such target")
        def post(self, body: dict[str, Any], attempt_id: UUID) -> Any:
            """Hand the other side on to a colleague or a number outside, and be out of the call

            A call to a number outside goes on in the subscriber's name: his number, his limits, his costs.
            """
            with _scope(database, principal()) as (tx, own):
                found = _there(store.view(tx, attempt_id, own))
                try:
                    handed = transfer(tx, attempt_id, found.subscriber_id, body["target"])
                except ask.Refused as refused:
                    raise _refusal(refused) from refused
            if not hand_on(handed):
                raise _refusal(NotConnected("nobody is connected any more"))
            return present.call(found)

    @calls.route("/events")
    class Events(MethodView):
        @requires("subscriber", "administrator", "operator")
        @calls.arguments(LastEventHeader, location="headers")
        @calls.response(200, content_type="text/event-stream", description=_EVENTS)
        @calls.alt_response(429, schema=ErrorView, description="too many streams of this reader")
        def get(self, headers: dict[str, Any]) -> Response:
            """One's own calls as a stream of events: every state as it is reached

            An administrator's stream has all calls of the company, an operator's those of every company.
            """
            who = principal()
            own = who.subscriber_id if who.role == "subscriber" else None
            return _stream(feed, Sight(who.company_id, own), headers["after"])

    @calls.route("/<uuid:attempt_id>/events")
    class EventsOfOne(MethodView):
        @requires("subscriber", "administrator", "operator")
        @calls.arguments(LastEventHeader, location="headers")
        @calls.response(200, content_type="text/event-stream", description=_EVENTS_OF_ONE)
        @calls.alt_response(404, schema=ErrorView, description="no such call of one's own")
        def get(self, headers: dict[str, Any], attempt_id: UUID) -> Response:
            """One call as a stream of events, from its first state to its last"""
            with _scope(database, principal()) as (tx, own):
                _there(store.view(tx, attempt_id, own))
            return _stream(feed, Sight(principal().company_id, own, attempt_id), headers["after"])

    return calls


@contextmanager
def _scope(database: Database, who: Principal) -> Iterator[tuple[Transaction, int | None]]:
    """A transaction over what this principal may see, and the subscriber it is limited to."""
    if who.company_id is None:  # an operator belongs to no company and may look into each
        with database.platform() as tx:
            yield tx, None
    else:
        with database.company(who.company_id) as tx:
            yield tx, None if who.role == "administrator" else who.subscriber_id


def _stream(feed: Feed, sight: Sight, after: int | None) -> Response:
    try:
        stream = feed.stream(sight, after)
    except TooManyStreams as error:
        raise ApiError(429, "too_many_streams", str(error), hint="close one") from error
    return event_stream(stream)


def _request(database: Database, who: Principal, key: str, body: dict[str, Any]) -> ask.Request:
    named = body["subscriber_id"]
    if named is None and who.subscriber_id is None:
        raise ApiError(422, "invalid_field", f"subscriber_id: is needed from an {who.role}", field="subscriber_id")
    if who.role == "subscriber" and named not in (None, who.subscriber_id):
        raise ApiError(403, "forbidden", "a call is made in one's own name", field="subscriber_id",
                       hint="leave it out")
    caller = whose.person(database, named)
    return ask.Request(
        caller.company_id, caller.subscriber_id, who.role, key, body["target"],
        Wishes(_said(Mode, body["mode"]), _said(Place, body["first_leg"]), body["device"], body["press_1"]),
        business_number=body["shown_number"], suppressed=body["suppress_number"],
    )


def _said(kind: type[E], value: str | None) -> E | None:
    return None if value is None else kind(value)


def _dial_yourself(target: str, answer: ask.DialYourself) -> Response:
    return jsonify(DialYourself().dump({
        "mode": Mode.THIS_PHONE.value, "target": target, "destination": answer.destination,
        "number_class": answer.number_class.value, "dial": answer.number, "link": f"tel:{answer.number}",
    }))


def _refusal(refused: ask.Refused) -> ApiError:
    if isinstance(refused, ask.NoTelephone):
        status = 409 if refused.error in _NOT_NOW else 422
        return ApiError(status, refused.error, refused.message, field=refused.field, hint=refused.hint)
    status, error = next((status, error) for kind, status, error in _REFUSALS if isinstance(refused, kind))
    headers = {"Retry-After": str(refused.retry_after_s)} if isinstance(refused, ask.TooManyCalls) else None
    return ApiError(status, error, refused.message, field=refused.field, hint=refused.hint, headers=headers)


def _not_there() -> ApiError:
    return ApiError(404, "not_found", "there is no such call here")


def _there(row: Row | None) -> Row:
    if row is None:
        raise _not_there()
    return row
