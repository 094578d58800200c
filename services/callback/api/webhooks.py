"""/v1/webhooks: who is told of calls as they move on. HTTP in, use case, HTTP out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint

from services.callback import webhooks
from services.callback.receivers import Network
from services.callback.schemas.webhooks import (
    DELIVERY_EXAMPLE,
    NEW_EXAMPLE,
    SECRET_EXAMPLE,
    WEBHOOK_EXAMPLE,
    Deliveries,
    DeliveriesQuery,
    Delivery,
    OfCompany,
    WebhookChange,
    WebhookNew,
    Webhooks,
    WebhookView,
    WebhookWithSecret,
)
from services.callback.webhooks import Owner, Refused
from shared import whose
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database

_ROLES = ("subscriber", "administrator", "operator")


def blueprint(database: Database, networks: Sequence[Network], queued: Callable[[], None]) -> Blueprint:
    """queued: an outbox row was committed."""
    hooks = Blueprint(
        "webhooks", "webhooks", url_prefix="/v1/webhooks",
        description="Notices to programs: each state of each call, posted and signed, tried again for a day.")

    @hooks.route("")
    class All(MethodView):
        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.response(200, Webhooks, example={"webhooks": [WEBHOOK_EXAMPLE]})
        def get(self, query: dict[str, Any]) -> Any:
            """One's own webhooks; an administrator's are all of the company"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                return {"webhooks": webhooks.all_of(tx, owner)}

        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.arguments(WebhookNew, example=NEW_EXAMPLE)
        @hooks.response(201, WebhookWithSecret, example=SECRET_EXAMPLE)
        @hooks.alt_response(409, schema=ErrorView, description="as many as there may be")
        @hooks.alt_response(422, schema=ErrorView, description="an address that may not be called")
        def post(self, query: dict[str, Any], body: dict[str, Any]) -> Any:
            """A new webhook; its secret is shown this once"""
            owner = _owner(database, query["company_id"])
            named = body.pop("subscriber_id")
            if owner.only_own:
                if named not in (None, owner.subscriber_id):
                    raise ApiError(403, "forbidden", "a webhook is of one's own calls", field="subscriber_id",
                                   hint="leave it out")
            elif named is not None:
                person = whose.person(database, named)
                if person.company_id != owner.company_id:
                    raise ApiError(404, "not_found", "there is no such subscriber", field="subscriber_id")
                owner = Owner(owner.company_id, person.subscriber_id, only_own=False)
            with database.company(owner.company_id) as tx:
                return _granted(lambda: webhooks.add(tx, owner, body, networks))

    @hooks.route("/<int:webhook_id>")
    class One(MethodView):
        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.response(200, WebhookView, example=WEBHOOK_EXAMPLE)
        @hooks.alt_response(404, schema=ErrorView)
        def get(self, query: dict[str, Any], webhook_id: int) -> Any:
            """A webhook"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                return webhooks.one(tx, owner, webhook_id)

        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.arguments(WebhookChange, example={"enabled": True})
        @hooks.response(200, WebhookView, example=WEBHOOK_EXAMPLE)
        @hooks.alt_response(404, schema=ErrorView)
        def patch(self, query: dict[str, Any], body: dict[str, Any], webhook_id: int) -> Any:
            """Change what is sent; switched on again, it is told of what comes from now on"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                return _granted(lambda: webhooks.change(tx, owner, webhook_id, body, networks))

        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.response(204)
        @hooks.alt_response(404, schema=ErrorView)
        def delete(self, query: dict[str, Any], webhook_id: int) -> None:
            """Delete it with its notices"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                webhooks.remove(tx, owner, webhook_id)

    @hooks.route("/<int:webhook_id>/secret")
    class Secret(MethodView):
        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.response(200, WebhookWithSecret, example=SECRET_EXAMPLE)
        @hooks.alt_response(404, schema=ErrorView)
        def post(self, query: dict[str, Any], webhook_id: int) -> Any:
            """A new secret, shown this once; the old one is void"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                return webhooks.new_secret(tx, owner, webhook_id)

    @hooks.route("/<int:webhook_id>/deliveries")
    class Notices(MethodView):
        @requires(*_ROLES)
        @hooks.arguments(DeliveriesQuery, location="query")
        @hooks.response(200, Deliveries, example={"deliveries": [DELIVERY_EXAMPLE], "next": None})
        @hooks.alt_response(404, schema=ErrorView)
        def get(self, query: dict[str, Any], webhook_id: int) -> Any:
            """What became of its notices, newest first"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                rows = webhooks.deliveries(tx, owner, webhook_id, query["state"], query["before"], query["limit"] + 1)
            shown = rows[: query["limit"]]
            return {"deliveries": shown, "next": shown[-1].id if len(rows) > len(shown) else None}

    @hooks.route("/<int:webhook_id>/deliveries/<uuid:delivery_id>/retry")
    class Retry(MethodView):
        @requires(*_ROLES)
        @hooks.arguments(OfCompany, location="query")
        @hooks.response(202, Delivery, example=DELIVERY_EXAMPLE)
        @hooks.alt_response(404, schema=ErrorView)
        @hooks.alt_response(409, schema=ErrorView, description="it was taken already")
        def post(self, query: dict[str, Any], webhook_id: int, delivery_id: UUID) -> Any:
            """Try a notice again now, also one that was given up"""
            owner = _owner(database, query["company_id"])
            with database.company(owner.company_id) as tx:
                found = _granted(lambda: webhooks.try_again(tx, owner, webhook_id, delivery_id))
            queued()
            return found

    return hooks


def _owner(database: Database, company_id: int | None) -> Owner:
    who = principal()
    if who.role == "subscriber":
        if company_id not in (None, who.company_id):
            raise ApiError(404, "not_found", "there is no such company", field="company_id")
        own = whose.person(database, None)
        return Owner(own.company_id, own.subscriber_id, only_own=True)
    return Owner(whose.company(company_id), None, only_own=False)


def _granted(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Refused as refused:
        status = 422 if refused.field else 409
        raise ApiError(status, refused.error, refused.message, field=refused.field, hint=refused.hint) from refused
