"""/v1/call-log: one's own calls; with a call's id why it rang where it rang."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import call_log
from services.routing.api.forwardings import of_subscriber
from services.routing.call_log import BadCursor, Wanted
from services.routing.schemas.call_log import LINE_EXAMPLE, WHOLE_EXAMPLE, Page, PageQuery, WholeCall
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, NotFound

_PAGE_EXAMPLE = {"entries": [LINE_EXAMPLE], "next": None}


def blueprint(database: Database) -> Blueprint:
    log = Blueprint("call_log", "call_log", url_prefix="/v1", description="Calls placed, received, missed (L1).")

    def page(subscriber_id: int | None, query: dict[str, Any]) -> Any:
        try:
            before = call_log.read_cursor(query["next"]) if query["next"] else None
        except BadCursor as error:
            raise ApiError(422, "invalid_field", "next: is not one of a page before", field="next") from error
        with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
            rows, following = call_log.page(
                tx, Wanted(company_id, owner_id, query["kind"], query["search"], before, query["limit"]))
        return {"entries": rows, "next": following}

    @log.route("/call-log")
    class Own(MethodView):
        @requires("subscriber")
        @log.arguments(PageQuery, location="query")
        @log.response(200, Page, example=_PAGE_EXAMPLE)
        def get(self, query: dict[str, Any]) -> Any:
            """One's own calls, newest first"""
            return page(None, query)

        @requires("subscriber")
        @log.response(204)
        def delete(self) -> None:
            """Empty one's own list; the others' lists stay"""
            with of_subscriber(database, None) as (tx, company_id, owner_id):
                call_log.delete(tx, company_id, owner_id)

    @log.route("/call-log/<uuid:call_id>")
    class OneCall(MethodView):
        @requires("subscriber", "administrator", "operator")
        @log.response(200, WholeCall, example=WHOLE_EXAMPLE)
        @log.alt_response(404, schema=ErrorView, description="no such call in one's own list")
        def get(self, call_id: UUID) -> Any:
            """A call with its trace: what every rung looked at and said, and what was done"""
            who = principal()
            scope = database.platform() if who.company_id is None else database.company(who.company_id)
            with scope as tx:
                found = call_log.one(tx, call_id, who.subscriber_id if who.role == "subscriber" else None)
            if found is None:
                raise NotFound("no such call")
            return found

        @requires("subscriber")
        @log.response(204)
        @log.alt_response(404, schema=ErrorView, description="no such call in one's own list")
        def delete(self, call_id: UUID) -> None:
            """Take one call off one's own list"""
            with of_subscriber(database, None) as (tx, company_id, owner_id):
                if not call_log.delete(tx, company_id, owner_id, call_id):
                    raise NotFound("no such call")

    @log.route("/subscribers/<int:subscriber_id>/call-log")
    class Others(MethodView):
        @requires("operator", "administrator", "subscriber")
        @log.arguments(PageQuery, location="query")
        @log.response(200, Page, example=_PAGE_EXAMPLE)
        def get(self, query: dict[str, Any], subscriber_id: int) -> Any:
            """A subscriber's calls, newest first"""
            return page(subscriber_id, query)

    return log
