"""/v1/logins: who has an account, for operators and, within their company, administrators (X7)."""

from __future__ import annotations

import uuid
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.accounts import people, resets
from services.routing.accounts.logins import Refused, scope
from services.routing.api.accounts import refused
from services.routing.schemas.accounts import (
    CREATE_EXAMPLE,
    LOGIN_EXAMPLE,
    Asked,
    Login,
    LoginChange,
    LoginCreate,
    LoginQuery,
    Logins,
)
from shared import whose
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, RuleBroken

_ASKED = {"message": "a mail with a link is on its way"}


def blueprint(database: Database) -> Blueprint:
    logins = Blueprint("logins", "logins", url_prefix="/v1/logins", description="Who has an account (X7).")

    @logins.route("")
    class All(MethodView):
        @requires("operator", "administrator")
        @logins.arguments(LoginQuery, location="query")
        @logins.response(200, Logins, example={"logins": [LOGIN_EXAMPLE], "next": None})
        def get(self, query: dict[str, Any]) -> Any:
            """Log-ins of the company, or of the whole system"""
            company_id = query["company_id"]
            if principal().company_id is not None:
                company_id = whose.company(company_id)
            with scope(database, company_id) as tx:
                rows = people.page(tx, company_id, query["after"], query["limit"] + 1)
            shown = rows[:query["limit"]]
            return {"logins": shown, "next": shown[-1].login_id if len(rows) > len(shown) else None}

        @requires("operator", "administrator")
        @logins.arguments(LoginCreate, example=CREATE_EXAMPLE)
        @logins.response(201, Login, example=LOGIN_EXAMPLE)
        @logins.alt_response(422, schema=ErrorView, description="a rule is broken: the field says which")
        def post(self, body: dict[str, Any]) -> Any:
            """A new log-in, still without a password: a reset by mail gives one"""
            company_id = body["company_id"]
            if principal().role == "administrator":
                if body["role"] == "operator":
                    raise ApiError(403, "forbidden", "operators are made by operators", field="role")
                company_id = whose.company(company_id)
            elif body["role"] != "operator" and company_id is None:
                raise ApiError(422, "invalid_field", "company_id: is needed from an operator", field="company_id")
            try:
                with scope(database, company_id) as tx:
                    made = people.create(tx, company_id, body)
            except Refused as error:
                raise refused(error) from error
            except RuleBroken as error:
                raise refused(people.said(error)) from error
            return made, 201, {"Location": f"/v1/logins/{made.login_id}"}

    @logins.route("/<int:login_id>")
    class One(MethodView):
        @requires("operator", "administrator")
        @logins.response(200, Login, example=LOGIN_EXAMPLE)
        def get(self, login_id: int) -> Any:
            """One log-in"""
            with scope(database, principal().company_id) as tx:
                return people.one(tx, login_id)

        @requires("operator", "administrator")
        @logins.arguments(LoginChange, example={"role": "administrator"})
        @logins.response(200, Login, example=LOGIN_EXAMPLE)
        @logins.alt_response(422, schema=ErrorView, description="a rule is broken: the field says which")
        def patch(self, body: dict[str, Any], login_id: int) -> Any:
            """Change what is named; a change of role ends the tokens"""
            try:
                with scope(database, principal().company_id) as tx:
                    return people.change(tx, login_id, body)
            except Refused as error:
                raise refused(error) from error
            except RuleBroken as error:
                raise refused(people.said(error)) from error

        @requires("operator", "administrator")
        @logins.response(204)
        def delete(self, login_id: int) -> None:
            """End a log-in, its tokens and open links"""
            try:
                with scope(database, principal().company_id) as tx:
                    people.delete(tx, login_id)
            except Refused as error:
                raise refused(error) from error

    @logins.route("/<int:login_id>/password-reset")
    class Reset(MethodView):
        @requires("operator", "administrator")
        @logins.response(202, Asked, example=_ASKED)
        @logins.alt_response(409, schema=ErrorView, description="there is no address a mail could go to")
        def post(self, login_id: int) -> Any:
            """Send a link for a new password; who starts it never sees it"""
            who = principal()
            with scope(database, who.company_id) as tx:
                found = people.one(tx, login_id)
                if not found.email:
                    raise ApiError(409, "no_address", "there is no e-mail address a link could go to",
                                   hint="add one first")
                resets.put(tx, uuid.uuid4(), login_id, found.company_id, "password",
                           "operator" if who.role == "operator" else "administrator")
            return _ASKED

    return logins
