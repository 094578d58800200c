"""/v1/login, /v1/logout, /v1/tokens, /v1/password: showing who one is, and one's own password (X7)."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.accounts import logins
from services.routing.accounts.limits import TooMany
from services.routing.accounts.logins import Refused, WrongLogIn, scope
from services.routing.schemas.accounts import (
    ROLES,
    TOKEN_EXAMPLE,
    TOKENS_EXAMPLE,
    LogIn,
    Me,
    PasswordChange,
    Token,
    Tokens,
)
from shared import whose
from shared.api import ApiError, ErrorView, client_address, principal, requires, token_of_request
from shared.database import Database, NotFound

_LOGIN_EXAMPLE = {"login": "anna@musterbau.example", "password": "…", "label": "Firefox at home"}


def too_many(error: TooMany) -> ApiError:
    return ApiError(429, "too_many_attempts", "too many attempts", hint="wait, or ask for a new password by mail",
                    headers={"Retry-After": str(error.wait_s)})


def refused(error: Refused) -> ApiError:
    return ApiError(422 if error.field else 409, error.error, error.message, field=error.field, hint=error.hint)


def blueprint(database: Database) -> Blueprint:
    accounts = Blueprint("accounts", "accounts", url_prefix="/v1", description="Logging in, tokens, passwords (X7).")

    @accounts.route("/login")
    class LogInDoor(MethodView):
        @accounts.arguments(LogIn, example=_LOGIN_EXAMPLE)
        @accounts.response(200, Token, example=TOKEN_EXAMPLE)
        @accounts.alt_response(401, schema=ErrorView, description="wrong, or no such account: nobody is told which")
        @accounts.alt_response(429, schema=ErrorView, description="too many attempts; Retry-After says when again")
        def post(self, body: dict[str, Any]) -> Any:
            """A token for a login and its password"""
            try:
                return logins.log_in(
                    database, body["login"], body["password"], client_address(), body["label"])
            except TooMany as error:
                raise too_many(error) from error
            except WrongLogIn:
                raise ApiError(401, "wrong_login", "login or password is wrong",
                               hint="forgotten? POST /v1/password-reset") from None

        @requires(*ROLES)
        @accounts.response(200, Me, example={"role": "subscriber", "company_id": 1, "subscriber_id": 7})
        def get(self) -> Any:
            """Whom the token speaks for"""
            return principal()

    @accounts.route("/logout")
    class LogOut(MethodView):
        @requires(*ROLES)
        @accounts.response(204)
        def post(self) -> None:
            """End the token of this request"""
            with scope(database, principal().company_id) as tx:
                logins.log_out(tx, token_of_request())

    @accounts.route("/tokens")
    class OwnTokens(MethodView):
        @requires(*ROLES)
        @accounts.response(200, Tokens, example=TOKENS_EXAMPLE)
        def get(self) -> Any:
            """One's own tokens, without the tokens themselves"""
            with scope(database, principal().company_id) as tx:
                return {"tokens": logins.tokens_like(tx, token_of_request())}

    @accounts.route("/tokens/<int:token_id>")
    class OwnToken(MethodView):
        @requires(*ROLES)
        @accounts.response(204)
        @accounts.alt_response(404, schema=ErrorView, description="none of one's own")
        def delete(self, token_id: int) -> None:
            """Take back one of one's own tokens"""
            with scope(database, principal().company_id) as tx:
                if token_id not in [one.token_id for one in logins.tokens_like(tx, token_of_request())]:
                    raise NotFound("no such token")
                logins.take_back(tx, [token_id])

    @accounts.route("/subscribers/<int:subscriber_id>/tokens")
    class Others(MethodView):
        @requires("operator", "administrator", "subscriber")
        @accounts.response(200, Tokens, example=TOKENS_EXAMPLE)
        def get(self, subscriber_id: int) -> Any:
            """The tokens of a person"""
            owner = whose.person(database, subscriber_id)
            with database.company(owner.company_id) as tx:
                return {"tokens": logins.tokens_of(tx, owner.company_id, owner.subscriber_id)}

        @requires("operator", "administrator", "subscriber")
        @accounts.response(204)
        def delete(self, subscriber_id: int) -> None:
            """Take back all tokens of a person: programs, pages and log-ins end at once"""
            owner = whose.person(database, subscriber_id)
            with database.company(owner.company_id) as tx:
                found = logins.tokens_of(tx, owner.company_id, owner.subscriber_id)
                logins.take_back(tx, [one.token_id for one in found])

    @accounts.route("/subscribers/<int:subscriber_id>/tokens/<int:token_id>")
    class OneOfOthers(MethodView):
        @requires("operator", "administrator", "subscriber")
        @accounts.response(204)
        @accounts.alt_response(404, schema=ErrorView, description="this person has no such token")
        def delete(self, subscriber_id: int, token_id: int) -> None:
            """Take back one token of a person"""
            owner = whose.person(database, subscriber_id)
            with database.company(owner.company_id) as tx:
                found = logins.tokens_of(tx, owner.company_id, owner.subscriber_id)
                if token_id not in [one.token_id for one in found]:
                    raise NotFound("no such token")
                logins.take_back(tx, [token_id])

    @accounts.route("/password")
    class Password(MethodView):
        @requires(*ROLES)
        @accounts.arguments(PasswordChange, example={"current": "…", "new": "…"})
        @accounts.response(204)
        @accounts.alt_response(403, schema=ErrorView, description="the current password is another")
        @accounts.alt_response(409, schema=ErrorView, description="there is no password yet: ask for a reset")
        @accounts.alt_response(422, schema=ErrorView, description="too short, too easy, or the old one")
        def put(self, body: dict[str, Any]) -> None:
            """Change one's own password; other log-ins end"""
            try:
                logins.change_password(
                    database, token_of_request(), principal().company_id, body["current"], body["new"])
            except TooMany as error:
                raise too_many(error) from error
            except WrongLogIn:
                raise ApiError(403, "wrong_password", "current: this is not the password", field="current") from None
            except Refused as error:
                raise refused(error) from error

    return accounts
