"""/v1/trunks: the company's ways out, in the order they are tried. For administrators and operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from flask import request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import trunk_settings
from services.routing.api.refusals import actor, refusals_answered
from services.routing.api.settings import ETAG_HEADER, IF_MATCH
from services.routing.features.base import etag
from services.routing.schemas.trunks import (
    CHANGE_EXAMPLE,
    CREATE_EXAMPLE,
    EXAMPLE,
    TrunkChange,
    TrunkCreate,
    TrunksView,
    TrunkView,
)
from shared import whose
from shared.api import ErrorView, principal, requires
from shared.database import Database, NotFound, Transaction
from shared.esl.errors import EslError

log = structlog.get_logger()

States = Callable[[Mapping[str, str]], Mapping[str, str]]


def blueprint(database: Database, states: States) -> Blueprint:
    one = Blueprint("trunks", "trunks", url_prefix="/v1", description="Ways to the outside (O4).")

    def with_state(company_id: int, trunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with database.company(company_id) as tx:    # the change itself is committed
            versions = trunk_settings.versions(tx, company_id)
        try:
            known = states({one["gateway"]: versions[one["gateway"]] for one in trunks if one["gateway"] in versions})
        except EslError as error:
            log.warning("the switch does not say how the trunks are", reason=str(error))
            known = {}
        return [{**trunk, "state": known.get(trunk["gateway"], "unknown")} for trunk in trunks]

    def everything(company_id: int | None) -> Any:
        wanted = whose.company(company_id)
        with database.company(wanted) as tx:
            trunks = trunk_settings.all_of(tx, wanted)
        return {"trunks": with_state(wanted, trunks)}

    def create(company_id: int | None, body: dict[str, Any]) -> Any:
        wanted = whose.company(company_id)
        with refusals_answered(), database.company(wanted) as tx:
            made = trunk_settings.create(tx, wanted, body, actor())
        return with_state(wanted, [made])[0]

    @contextmanager
    def of(trunk_id: int) -> Iterator[tuple[Transaction, int]]:
        company_id = principal().company_id
        if company_id is None:
            with database.platform() as tx:
                found = tx.row("SELECT company_id FROM directory.trunks WHERE trunk_id = :id", id=trunk_id)
            if found is None:
                raise NotFound("no such trunk")
            company_id = int(found.company_id)
        with refusals_answered(), database.company(company_id) as tx:
            yield tx, company_id

    @one.route("/trunks")
    class Own(MethodView):
        @requires("administrator")
        @one.response(200, TrunksView, example={"trunks": [EXAMPLE]})
        def get(self) -> Any:
            """The company's trunks, in the order they are tried, with their state"""
            return everything(None)

        @requires("administrator")
        @one.arguments(TrunkCreate, example=CREATE_EXAMPLE)
        @one.response(201, TrunkView, example=EXAMPLE)
        @one.alt_response(422, schema=ErrorView, description="a field that is wrong, or one trunk too many")
        def post(self, body: dict[str, Any]) -> Any:
            """One trunk more"""
            return create(None, body)

    @one.route("/companies/<int:company_id>/trunks")
    class OfCompany(MethodView):
        @requires("operator", "administrator")
        @one.response(200, TrunksView, example={"trunks": [EXAMPLE]})
        def get(self, company_id: int) -> Any:
            """A company's trunks"""
            return everything(company_id)

        @requires("operator", "administrator")
        @one.arguments(TrunkCreate, example=CREATE_EXAMPLE)
        @one.response(201, TrunkView, example=EXAMPLE)
        @one.alt_response(422, schema=ErrorView, description="a field that is wrong, or one trunk too many")
        def post(self, body: dict[str, Any], company_id: int) -> Any:
            """One trunk more for a company"""
            return create(company_id, body)

    @one.route("/trunks/<int:trunk_id>")
    class One(MethodView):
        @requires("operator", "administrator")
        @one.response(200, TrunkView, example=EXAMPLE, headers=ETAG_HEADER)
        def get(self, trunk_id: int) -> Any:
            """One trunk, with its state"""
            with of(trunk_id) as (tx, company_id):
                trunk = trunk_settings.one_of(tx, company_id, trunk_id)
            return with_state(company_id, [trunk])[0], {"ETag": f'"{etag(trunk)}"'}

        @requires("operator", "administrator")
        @one.arguments(TrunkChange, example=CHANGE_EXAMPLE)
        @one.response(200, TrunkView, example=EXAMPLE, headers=ETAG_HEADER)
        @one.alt_response(412, schema=ErrorView, headers=ETAG_HEADER,
                          description="somebody changed it meanwhile; the ETag is that of now")
        @one.alt_response(422, schema=ErrorView, description="a field that is wrong")
        @one.doc(parameters=[IF_MATCH])
        def patch(self, body: dict[str, Any], trunk_id: int) -> Any:
            """Change the fields named"""
            wanted = request.if_match if request.headers.get("If-Match") is not None else None
            with of(trunk_id) as (tx, company_id):
                trunk = trunk_settings.change(tx, company_id, trunk_id, body, actor(), wanted)
            return with_state(company_id, [trunk])[0], {"ETag": f'"{etag(trunk)}"'}

        @requires("operator", "administrator")
        @one.response(204)
        def delete(self, trunk_id: int) -> None:
            """Remove it; calls over it that are up go on"""
            with of(trunk_id) as (tx, company_id):
                trunk_settings.delete(tx, company_id, trunk_id, actor())

    return one
