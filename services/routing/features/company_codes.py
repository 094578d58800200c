"""The company's own feature codes (F1): which code does what. A clash is refused, and nothing is changed."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from services.routing.feature_codes import BY_FUNCTION, clashes
from services.routing.features.base import Access, Feature
from services.routing.features.place import Place
from services.routing.features.words import Refused, Scope, Whose
from shared.database import Transaction


class Codes(Schema):
    codes = fields.Dict(
        keys=fields.String(validate=validate.OneOf(sorted(BY_FUNCTION), error="there is no such function")),
        values=fields.String(allow_none=True, validate=validate.Length(max=8)),
        load_default=dict, metadata={
            "description": "function: code; within * or # and two or three digits. null: the standard code again"})


def _changed(codes: dict[str, str | None]) -> dict[str, str]:
    return {function: code for function, code in codes.items() if code and code != BY_FUNCTION[function].code}


def _read(tx: Transaction, whose: Whose) -> dict[str, Any]:
    tx.one("SELECT 1 AS there FROM directory.companies WHERE company_id = :id", id=whose.company_id)
    return {"codes": {one.function: one.code for one in BY_FUNCTION.values()} | of_company(tx, whose.company_id)}


def of_company(tx: Transaction, company_id: int) -> dict[str, str]:
    """Function -> code, where the company changed it."""
    rows = tx.rows("SELECT function, code FROM routing.feature_codes WHERE company_id = :company_id",
                   company_id=company_id)
    return {row.function: row.code for row in rows if row.function in BY_FUNCTION}


def _settle(_place: Place, new: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    codes = {function: code or BY_FUNCTION[function].code for function, code in new["codes"].items()}
    clash = next(clashes(_changed(codes)), None)
    if clash is not None:
        raise Refused("code_clash", f"codes.{clash.function}: {clash.rule}", f"codes.{clash.function}",
                      "GET /v1/feature-codes lists all of them")
    return {"codes": codes}


def _write(tx: Transaction, whose: Whose, new: dict[str, Any], _old: dict[str, Any]) -> None:
    tx.execute("DELETE FROM routing.feature_codes WHERE company_id = :company_id", company_id=whose.company_id)
    tx.execute_many(
        "INSERT INTO routing.feature_codes (company_id, function, code) VALUES (:company_id, :function, :code)",
        [{"company_id": whose.company_id, "function": function, "code": code}
         for function, code in _changed(new["codes"]).items()])


_EXAMPLE = {"codes": {one.function: one.code for one in BY_FUNCTION.values()} | {"do_not_disturb_on": "*123"}}

FEATURES = (
    Feature(
        name="feature_codes", scopes=frozenset({Scope.COMPANY}), schema=Codes, read=_read, write=_write, settle=_settle,
        subscriber=Access.READ, example=_EXAMPLE, change_example={"codes": {"do_not_disturb_on": "*123"}},
        summary="Feature codes of the company (F1)"),
)
