"""/v1/companies: companies from files, plans that are kept, and a company as a file (N6)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.apply import orders
from services.routing.apply.process import Busy, Failed, Worker
from services.routing.schemas.companies import (
    APPLIED_EXAMPLE,
    COMPANY_EXAMPLE,
    ORDER_EXAMPLE,
    WRONG_EXAMPLE,
    Applied,
    ApplyQuery,
    Companies,
    Orders,
    OrderView,
    WrongFile,
)
from shared import whose
from shared.api import ApiError, ErrorView, requires
from shared.database import Database, Row
from shared.messages import Message, SettingsChanged

MOST_BYTES = 40_000_000
# JSON that YAML reads otherwise, or not at all: halves of a surrogate pair, escaped slashes, tabs.
_NOT_YAML = re.compile(r"\\u[dD][89abAB]|\\/|\t")


def blueprint(database: Database, publish: Callable[[Message], None], worker: Worker) -> Blueprint:
    companies = Blueprint("companies", "companies", url_prefix="/v1/companies",
                          description="A company from one file: planned, kept, ordered (N6).")

    def done(work: dict[str, Any]) -> Response:
        try:
            answer = worker.ask(work)
        except Busy:
            raise ApiError(503, "busy", "another company file is being worked on", hint="try again shortly",
                           headers={"Retry-After": "20"}) from None
        except Failed as failed:
            raise ApiError(503, "unavailable", f"the work was not finished: {failed}",
                           hint="nothing was changed, or all of it: look at the plan again") from None
        body = answer["body"]
        if answer["status"] == 200 and body.get("applied") and body["plan"]["changes"]:
            publish(SettingsChanged(id=str(uuid.uuid4()), at=datetime.now(UTC).isoformat(),
                                    company_id=body["company_id"], subscriber_id=None, what="company"))
        response = jsonify(body)
        response.status_code = answer["status"]
        return response

    @companies.route("")
    class All(MethodView):
        @requires("operator")
        @companies.response(200, Companies, example={"companies": [COMPANY_EXAMPLE]})
        def get(self) -> Any:
            """All companies"""
            with database.platform() as tx:
                return {"companies": tx.rows(
                    "SELECT c.company_id, c.name, c.sip_domain AS domain, c.language, c.mobile_integration,"
                    " (SELECT count(*) FROM directory.subscribers s WHERE s.company_id = c.company_id) AS subscribers"
                    " FROM directory.companies c ORDER BY c.name, c.company_id")}

    @companies.route("/apply")
    class Apply(MethodView):
        @requires("operator")
        @companies.arguments(ApplyQuery, location="query")
        @companies.doc(requestBody={"required": True, "content": {
            kind: {"schema": {"type": "string"}, "example": "company:\n  name: Musterbau GmbH\n"}
            for kind in ("application/yaml", "application/json")}})
        @companies.response(200, Applied, example=APPLIED_EXAMPLE)
        @companies.alt_response(409, schema=ErrorView, description="somebody was quicker, or a name is not free")
        @companies.alt_response(422, schema=WrongFile, example=WRONG_EXAMPLE, description="every wrong line")
        def post(self, query: dict[str, Any]) -> Any:
            """A company's file, YAML or JSON: its plan, and with do=apply the company itself"""
            return done({"do": query["do"], "prune": query["prune"], "text": _file()})

    @companies.route("/plans")
    class Kept(MethodView):
        @requires("operator")
        @companies.response(200, Orders, example={"orders": [ORDER_EXAMPLE]})
        def get(self) -> Any:
            """Plans that were kept, the newest first"""
            with database.platform() as tx:
                return {"orders": orders.all_kept(tx)}

    @companies.route("/plans/<int:order_id>")
    class OneKept(MethodView):
        @requires("operator")
        @companies.response(200, OrderView, example=ORDER_EXAMPLE)
        @companies.alt_response(404, schema=ErrorView)
        def get(self, order_id: int) -> Row:
            """A kept plan"""
            with database.platform() as tx:
                return orders.one(tx, order_id)

        @requires("operator")
        @companies.response(204)
        @companies.alt_response(409, schema=ErrorView, description="it was ordered or discarded already")
        def delete(self, order_id: int) -> None:
            """Discard a kept plan"""
            try:
                with database.platform() as tx:
                    orders.discard(tx, order_id)
            except orders.NoLonger as error:
                raise ApiError(409, error.error, str(error)) from error

    @companies.route("/plans/<int:order_id>/order")
    class Ordered(MethodView):
        @requires("operator")
        @companies.response(200, Applied, example=APPLIED_EXAMPLE)
        @companies.alt_response(409, schema=ErrorView, description="it no longer fits, or ended already")
        def post(self, order_id: int) -> Any:
            """Carry a kept plan out, if it still comes out the same"""
            return done({"do": "order", "order_id": order_id})

    @companies.route("/<int:company_id>/file")
    class File(MethodView):
        @requires("operator", "administrator")
        @companies.doc(responses={"200": {"description": "YAML; applied again it changes nothing",
                                          "content": {"application/yaml": {"schema": {"type": "string"}}}}})
        @companies.alt_response(404, schema=ErrorView)
        def get(self, company_id: int) -> Any:
            """The company as it is, as a file"""
            answer = done({"do": "export", "company_id": whose.company(company_id)})
            if answer.status_code == 200:
                return Response(answer.get_json()["file"], content_type="application/yaml; charset=utf-8")
            return answer

    return companies


def _file() -> str:
    request.max_content_length = MOST_BYTES
    try:
        text = request.get_data().decode()
    except UnicodeDecodeError:
        raise ApiError(400, "malformed_request", "the file must be UTF-8") from None
    if not request.is_json or not _NOT_YAML.search(text):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1).encode().decode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "malformed_request", f"this is no JSON: {error}") from None
