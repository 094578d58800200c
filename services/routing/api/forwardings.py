"""/v1/forwardings: one's own; /v1/subscribers/{id}/forwardings: the same of a person one answers for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import forwardings
from services.routing.forwardings import Change, Kind, Refused
from services.routing.schemas.forwardings import (
    CHANGE_EXAMPLE,
    EXAMPLE,
    Forwarding,
    ForwardingChange,
    Forwardings,
)
from shared import whose
from shared.api import ApiError, ErrorView, requires
from shared.database import Database, Transaction
from shared.messages import Message, SettingsChanged

Publish = Callable[[Message], None]


@contextmanager
def of_subscriber(database: Database, subscriber_id: int | None) -> Iterator[tuple[Transaction, int, int]]:
    """Transaction, company and subscriber: one's own, or of the one named, if one may (shared/whose.py)."""
    owner = whose.person(database, subscriber_id)
    with database.company(owner.company_id) as tx:
        yield tx, owner.company_id, owner.subscriber_id


def blueprint(database: Database, publish: Publish) -> Blueprint:
    one = Blueprint("forwardings", "forwardings", url_prefix="/v1", description="Where calls go instead (R1, R2).")

    def everything(subscriber_id: int | None) -> Any:
        with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
            return {"forwardings": forwardings.all_of(tx, company_id, owner_id)}

    def single(subscriber_id: int | None, kind: str) -> Any:
        with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
            wanted = _kind(kind)
            return next(one for one in forwardings.all_of(tx, company_id, owner_id) if one["kind"] == wanted.value)

    def change(subscriber_id: int | None, kind: str, body: dict[str, Any]) -> Any:
        wanted = _kind(kind)
        if body["rings"] is not None and wanted is not Kind.NO_ANSWER:
            raise ApiError(422, "invalid_field", "rings: only forwarding on no answer waits for rings", field="rings")
        try:
            with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
                shown = forwardings.put(tx, company_id, owner_id, Change(wanted, **body))
        except Refused as refused:
            raise ApiError(422, refused.error, refused.message, field=refused.field, hint=refused.hint) from refused
        publish(SettingsChanged(
            id=str(uuid.uuid4()), at=datetime.now(UTC).isoformat(), company_id=company_id, subscriber_id=owner_id,
            what="forwarding"))
        return shown

    @one.route("/forwardings")
    class Own(MethodView):
        @requires("subscriber")
        @one.response(200, Forwardings, example={"forwardings": [EXAMPLE]})
        def get(self) -> Any:
            """All four kinds of forwarding, also those never set"""
            return everything(None)

    @one.route("/forwardings/<kind>")
    class OneOwn(MethodView):
        @requires("subscriber")
        @one.response(200, Forwarding, example=EXAMPLE)
        def get(self, kind: str) -> Any:
            """One kind of forwarding"""
            return single(None, kind)

        @requires("subscriber")
        @one.arguments(ForwardingChange, example=CHANGE_EXAMPLE)
        @one.response(200, Forwarding, example=EXAMPLE)
        @one.alt_response(422, schema=ErrorView, description="a target that cannot be dialled, or wrong rings")
        def put(self, body: dict[str, Any], kind: str) -> Any:
            """Switch a forwarding on or off, with its target and rings"""
            return change(None, kind, body)

    @one.route("/subscribers/<int:subscriber_id>/forwardings")
    class Others(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.response(200, Forwardings, example={"forwardings": [EXAMPLE]})
        def get(self, subscriber_id: int) -> Any:
            """All forwardings of a subscriber"""
            return everything(subscriber_id)

    @one.route("/subscribers/<int:subscriber_id>/forwardings/<kind>")
    class OneOfOthers(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.response(200, Forwarding, example=EXAMPLE)
        def get(self, subscriber_id: int, kind: str) -> Any:
            """One forwarding of a subscriber"""
            return single(subscriber_id, kind)

        @requires("operator", "administrator", "subscriber")
        @one.arguments(ForwardingChange, example=CHANGE_EXAMPLE)
        @one.response(200, Forwarding, example=EXAMPLE)
        @one.alt_response(422, schema=ErrorView, description="a target that cannot be dialled, or wrong rings")
        def put(self, body: dict[str, Any], subscriber_id: int, kind: str) -> Any:
            """Switch a subscriber's forwarding on or off"""
            return change(subscriber_id, kind, body)

    return one


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise ApiError(404, "not_found", f"there is no forwarding {text!r}",
                       hint=f"one of {', '.join(Kind)}") from None
