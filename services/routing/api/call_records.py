"""/v1/company/calls: the company's records of calls, for who runs it; and what was deleted of them (L2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import call_log, call_records
from services.routing.api.call_log import csv_response, cursor_of
from services.routing.call_records import Wanted
from services.routing.call_words import why
from services.routing.schemas.call_log import (
    DELETION_EXAMPLE,
    RECORD_EXAMPLE,
    WHOLE_EXAMPLE,
    CallRecord,
    CallRecords,
    Deletions,
    DeletionsQuery,
    RecordsFilter,
    RecordsQuery,
    WholeRecord,
)
from shared import whose
from shared.api import ErrorView, requires
from shared.database import Database, NotFound, Row

_COLUMNS = tuple(CallRecord().fields)
_PAGE_EXAMPLE = {"calls": [RECORD_EXAMPLE], "next": None}


def blueprint(database: Database) -> Blueprint:
    records = Blueprint("call_records", "call_records", url_prefix="/v1",
                        description="A company's records of calls (L2): read, downloaded, and provably deleted.")
    for prefix, name in (("/company", "own"), ("/companies/<int:company_id>", "named")):
        _register(records, database, prefix, name)
    return records


def _register(records: Blueprint, database: Database, prefix: str, name: str) -> None:
    """The same for an administrator's own company and for one an operator names."""

    @records.route(f"{prefix}/calls", endpoint=f"{name}_calls")
    class Calls(MethodView):
        @requires("administrator", "operator")
        @records.arguments(RecordsQuery, location="query")
        @records.response(200, CallRecords, example=_PAGE_EXAMPLE)
        def get(self, query: dict[str, Any], company_id: int | None = None) -> Any:
            """Records of calls, newest first"""
            company_id, language = _company(database, company_id)
            wanted = _wanted(company_id, query)
            with database.company(company_id) as tx:
                rows, following = call_records.page(tx, wanted)
            return {"calls": [_shown(row, language) for row in rows],
                    "next": call_log.cursor(following) if following else None}

    @records.route(f"{prefix}/calls.csv", endpoint=f"{name}_calls_csv")
    class Csv(MethodView):
        @requires("administrator", "operator")
        @records.arguments(RecordsFilter, location="query")
        @records.response(200, {"type": "string"}, content_type="text/csv")
        def get(self, query: dict[str, Any], company_id: int | None = None) -> Response:
            """All that match as CSV, sent while it is read; times are UTC"""
            company_id, language = _company(database, company_id)
            wanted = _wanted(company_id, query)

            def rows() -> Iterator[tuple[object, ...]]:
                dump = CallRecord().dump
                for row in call_records.every(database, wanted):
                    shown = dump(_shown(row, language))
                    yield tuple(shown[column] for column in _COLUMNS)

            return csv_response(_COLUMNS, rows(), f"calls-of-company-{company_id}.csv")

    @records.route(f"{prefix}/calls/<uuid:call_id>", endpoint=f"{name}_call")
    class One(MethodView):
        @requires("administrator", "operator")
        @records.response(200, WholeRecord, example={**WHOLE_EXAMPLE, **RECORD_EXAMPLE})
        @records.alt_response(404, schema=ErrorView, description="the company has no such call")
        def get(self, call_id: UUID, company_id: int | None = None) -> Any:
            """One call with its whole trace"""
            company_id, language = _company(database, company_id)
            with database.company(company_id) as tx:
                return _shown(call_records.one(tx, company_id, call_id), language)

    @records.route(f"{prefix}/call-deletions", endpoint=f"{name}_deletions")
    class Deleted(MethodView):
        @requires("administrator", "operator")
        @records.arguments(DeletionsQuery, location="query")
        @records.response(200, Deletions, example={"deletions": [DELETION_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any], company_id: int | None = None) -> Any:
            """What was deleted when, newest first; nobody can change these entries"""
            company_id, _language = _company(database, company_id)
            with database.company(company_id) as tx:
                rows = call_records.deletions(tx, company_id, query["next"], query["limit"] + 1)
            shown = rows[:query["limit"]]
            return {"deletions": shown, "next": shown[-1].deletion_id if len(rows) > len(shown) else None}


def _company(database: Database, named: int | None) -> tuple[int, str]:
    """Its id and language. 404 for what is not there, or another administrator's."""
    company_id = whose.company(named)
    with database.company(company_id) as tx:
        row = tx.row("SELECT language FROM directory.companies WHERE company_id = :id", id=company_id)
    if row is None:
        raise NotFound("no such company")
    return company_id, row.language


def _wanted(company_id: int, query: dict[str, Any]) -> Wanted:
    return Wanted(
        company_id, query["direction"], query["answered"], query["subscriber_id"], query["rung"], query["search"],
        query["begins"], query["ends"], cursor_of(query.get("next")), query.get("limit", 50))


def _shown(row: Row, language: str) -> dict[str, Any]:
    rung, words = why(row, None, language)
    return {**row, "rung": rung, "why": words}
