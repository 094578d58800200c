"""/v1/feature-codes: what can be dialled in one's own company, for people and programs that look it up."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from services.routing.feature_codes import FeatureCode, Takes, table_of
from services.routing.features import company_codes
from shared import whose
from shared.api import requires
from shared.database import Database

_TAKES = [takes.value for takes in Takes]


class Texts(Schema):
    de = fields.String(required=True)
    en = fields.String(required=True)


class CodeView(Schema):
    function = fields.String(required=True, metadata={"description": "stable id for programs"})
    code = fields.String(required=True, metadata={"description": "as a telephone dials it"})
    mobile_code = fields.String(required=True, allow_none=True, metadata={
        "description": "as an integrated mobile dials it; null: it has no such form"})
    takes = fields.String(required=True, metadata={"enum": _TAKES, "description": "what is dialled behind it"})
    text = fields.Nested(Texts, required=True)
    row = fields.String(required=True, metadata={"description": "of the product's specification"})
    available = fields.Boolean(required=True, metadata={"description": "false: dialled, it says that it is to come"})
    since = fields.String(required=True, allow_none=True, metadata={"description": "version that has it"})
    changed = fields.Boolean(required=True, metadata={"description": "the company's own, not the standard code"})


class CodesView(Schema):
    mobile_integration = fields.Boolean(required=True, metadata={"description": "whether the mobile form is in use"})
    codes = fields.List(fields.Nested(CodeView), required=True)


def _shown(one: FeatureCode, changed: dict[str, str]) -> dict[str, Any]:
    return {
        "function": one.function, "code": one.code, "mobile_code": one.mobile_code, "takes": one.takes.value,
        "text": {"de": one.de, "en": one.en}, "row": one.row, "available": one.since is not None, "since": one.since,
        "changed": one.function in changed,
    }


_EXAMPLE = {"mobile_integration": False, "codes": [_shown(table_of({}).codes[0], {})]}


def blueprint(database: Database) -> Blueprint:
    codes = Blueprint("feature_codes", "feature_codes", url_prefix="/v1", description="Feature codes (F1).")

    def table(company_id: int) -> Any:
        with database.company(company_id) as tx:
            company = tx.one("SELECT mobile_integration FROM directory.companies WHERE company_id = :company_id",
                             company_id=company_id)
            changed = company_codes.of_company(tx, company_id)
        return {"mobile_integration": company.mobile_integration,
                "codes": [_shown(one, changed) for one in table_of(changed).codes]}

    @codes.route("/feature-codes")
    class Own(MethodView):
        @requires("subscriber", "administrator")
        @codes.response(200, CodesView, example=_EXAMPLE)
        def get(self) -> Any:
            """What can be dialled in one's own company"""
            return table(whose.company(None))

    @codes.route("/companies/<int:company_id>/feature-codes")
    class OfCompany(MethodView):
        @requires("administrator", "operator")
        @codes.response(200, CodesView, example=_EXAMPLE)
        def get(self, company_id: int) -> Any:
            """What can be dialled in a company"""
            return table(whose.company(company_id))

    return codes
