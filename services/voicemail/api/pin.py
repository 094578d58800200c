"""/v1/mailbox/pin: is there one, is it locked; a new one; the operator's unlocking (V6). Nobody reads a PIN."""

from __future__ import annotations

from typing import Any

import structlog
from flask.views import MethodView
from flask_smorest import Blueprint

from services.voicemail.api.whose import owner_of
from services.voicemail.portal import access
from services.voicemail.schemas.messages import WhoseMailbox
from services.voicemail.schemas.pin import PIN_EXAMPLE, NewPin, PinView
from shared.api import ApiError, principal, requires
from shared.database import Database

log = structlog.get_logger()


def blueprint(database: Database) -> Blueprint:
    pins = Blueprint("mailbox pin", __name__, url_prefix="/v1/mailbox/pin", description="The PIN of a mailbox")

    @pins.route("")
    class Pin(MethodView):
        @requires("subscriber", "administrator", "operator")
        @pins.arguments(WhoseMailbox, location="query")
        @pins.response(200, PinView, example=PIN_EXAMPLE)
        def get(self, query: dict[str, Any]) -> access.PinState:
            """Whether one can enter by telephone at present."""
            owner = owner_of(principal(), query)
            state = access.state_of(database, owner.company_id, owner.subscriber_id)
            if state is None:
                raise _no_such_mailbox()
            return state

        @requires("subscriber", "administrator")
        @pins.arguments(WhoseMailbox, location="query")
        @pins.arguments(NewPin, example={"pin": "…"})
        @pins.response(204)
        def put(self, query: dict[str, Any], new: dict[str, Any]) -> None:
            """A new PIN, the owner's own only; others have a link sent to him (/v1/pin-reset). It ends no lock."""
            owner = owner_of(principal(), query)
            if owner.subscriber_id != principal().subscriber_id:
                raise ApiError(403, "forbidden", "only the owner of a mailbox sets its PIN",
                               hint="have a link sent to him: /v1/pin-reset")
            try:
                if not access.change_pin(database, owner.company_id, owner.subscriber_id, new["pin"]):
                    raise _no_such_mailbox()
            except access.PinRefused as refused:
                raise ApiError(422, "invalid_field", f"pin: {refused}", field="pin") from refused

    @pins.route("/lock")
    class Lock(MethodView):
        @requires("operator")
        @pins.arguments(WhoseMailbox, location="query")
        @pins.response(204)
        def delete(self, query: dict[str, Any]) -> None:
            """Ends a lock after wrong PINs; the PIN stays."""
            owner = owner_of(principal(), query)
            if not access.unlock(database, owner.company_id, owner.subscriber_id):
                raise _no_such_mailbox()
            log.info("mailbox unlocked", company_id=owner.company_id, mailbox=owner.subscriber_id)

    return pins


def _no_such_mailbox() -> ApiError:
    return ApiError(404, "not_found", "there is no such mailbox")
