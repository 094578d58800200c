"""/v1/forwardings: one's own; /v1/subscribers/{id}/forwardings: the same of a person one answers for.

Each kind on its own, for programs that put one; all of them as one resource are the settings `forwardings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import features
from services.routing.api.refusals import actor, refusals_answered
from services.routing.features.forwardings import Kind
from services.routing.features.place import country_of
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
from shared.messages import Message
from shared.phone_number import PhoneNumber

Publish = Callable[[Message], None]
_NAME = "forwardings"


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
            owner = features.Whose(company_id, subscriber_id=owner_id)
            found = features.read(tx, _NAME, owner)
            return {"forwardings": [_shown(found, kind, country_of(tx, owner)) for kind in Kind]}

    def single(subscriber_id: int | None, kind: str) -> Any:
        with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
            owner = features.Whose(company_id, subscriber_id=owner_id)
            return _shown(features.read(tx, _NAME, owner), _kind(kind), country_of(tx, owner))

    def change(subscriber_id: int | None, kind: str, body: dict[str, Any]) -> Any:
        wanted = _kind(kind)
        if body["rings"] is not None and wanted is not Kind.NO_ANSWER:
            raise ApiError(422, "invalid_field", "rings: only forwarding on no answer waits for rings", field="rings")
        named = {name: value for name, value in body.items() if value is not None}
        with (refusals_answered(within=kind),
              of_subscriber(database, subscriber_id) as (tx, company_id, owner_id)):
            owner = features.Whose(company_id, subscriber_id=owner_id)
            found = features.change(tx, _NAME, owner, {wanted.value: named}, actor())
            shown = _shown(found, wanted, country_of(tx, owner))
        publish(features.notice(_NAME, owner))
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


def _shown(found: dict[str, Any], kind: Kind, country: str) -> dict[str, Any]:
    forward = found[kind.value]
    target = forward["target"]
    shown = PhoneNumber(target).shown_in(country) if target and target.startswith("+") else target
    return {"kind": kind.value, "enabled": forward["enabled"], "target": target, "target_shown": shown,
            "rings": forward.get("rings")}
