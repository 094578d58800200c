"""/v1/company/audit: who changed which setting, by which door, from what to what."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import audit
from services.routing.schemas.audit import ENTRY_EXAMPLE, AuditPage, AuditQuery
from shared import whose
from shared.api import requires
from shared.database import Database

_EXAMPLE = {"entries": [ENTRY_EXAMPLE], "next": None}


def blueprint(database: Database) -> Blueprint:
    changes = Blueprint("audit", "audit", url_prefix="/v1", description="Who changed what.")

    def page(named: int | None, query: dict[str, Any]) -> Any:
        company_id = whose.company(named)
        with database.company(company_id) as tx:
            tx.one("SELECT 1 AS there FROM directory.companies WHERE company_id = :id", id=company_id)
            entries, following = audit.page(tx, audit.Wanted(
                company_id, query["subscriber_id"], query["site_id"], query["what"], query["next"], query["limit"]))
        return {"entries": entries, "next": following}

    @changes.route("/company/audit")
    class Own(MethodView):
        @requires("administrator", "operator")
        @changes.arguments(AuditQuery, location="query")
        @changes.response(200, AuditPage, example=_EXAMPLE)
        def get(self, query: dict[str, Any]) -> Any:
            """Changes in one's own company, newest first"""
            return page(None, query)

    @changes.route("/companies/<int:company_id>/audit")
    class Named(MethodView):
        @requires("administrator", "operator")
        @changes.arguments(AuditQuery, location="query")
        @changes.response(200, AuditPage, example=_EXAMPLE)
        def get(self, query: dict[str, Any], company_id: int) -> Any:
            """Changes in a company, newest first"""
            return page(company_id, query)

    return changes
