"""The page over HTTP: its files, its session, and what it asks of the services.

    /                              the page
    /page/<file>                   its scripts, styles, pictures
    /page/session                  POST logs in, GET says who one is, DELETE logs out
    /page/api/<service>/v1/…       the services' own APIs with the session instead of a bearer token (door.py)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.presence.web import session as sessions
from services.presence.web.door import session_of
from services.presence.web.files import Files
from services.presence.web.forward import ASKED, Asked, forward
from services.presence.web.rules import COOKIE, HEADERS
from services.presence.web.schemas import LOG_IN_EXAMPLE, SESSION_EXAMPLE, Forgot, LogIn, SessionView
from shared.api import ErrorView, client_address, principal, requires
from shared.database import Database

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def blueprint(database: Database, addresses: Mapping[str, str]) -> Blueprint:
    """addresses: of the other services, as http://host:port."""
    page = Blueprint("page", "page", description="The page for people, and its session.")
    files = Files()

    @page.after_request
    def protect(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @page.route("/")
    class Index(MethodView):
        @page.response(200, {"type": "string"}, content_type="text/html")
        def get(self) -> Response:
            """The page"""
            return files.answer("index.html")

    @page.route("/page/<path:name>")
    class File(MethodView):
        @page.response(200, {"type": "string"}, content_type="text/javascript")
        @page.alt_response(404, schema=ErrorView, description="the page has no such file")
        def get(self, name: str) -> Response:
            """A file of the page"""
            return files.answer(name)

    @page.route("/page/session")
    class Session(MethodView):
        @page.arguments(LogIn, example=LOG_IN_EXAMPLE)
        @page.response(204, description="and the cookie of the session")
        @page.alt_response(401, schema=ErrorView, description="no such token, or log-in or password is wrong")
        @page.alt_response(429, schema=ErrorView, description="too many attempts; Retry-After says when again")
        def post(self, body: dict[str, Any]) -> Response:
            """Log in with a token, or with login and password"""
            if "token" in body:
                begun = sessions.begin_with_token(database, body["token"])
            else:
                begun = sessions.begin_with_password(
                    addresses["routing"], body["login"], body["password"], client_address())
            _end_former()
            return _with_cookie(begun.value, sessions.seconds_left(begun))

        @requires("subscriber", "administrator", "operator")
        @page.response(200, SessionView, example=SESSION_EXAMPLE)
        def get(self) -> Any:
            """Who one is"""
            return sessions.whoever(database, principal())

        @page.response(204)
        def delete(self) -> Response:
            """Log out"""
            _end_former()
            return _with_cookie("", 0)

    @page.route("/page/forgotten")
    class Forgotten(MethodView):
        @page.arguments(Forgot, example={"login": "anna@musterbau.example"})
        @page.response(204, description="a mail with a link is on its way, if there is such an account")
        def post(self, body: dict[str, Any]) -> None:
            """Forgotten password: routing sends a link by mail"""
            sessions.forgotten(addresses["routing"], body["login"], client_address())

    @page.route("/page/api/<service>/<path:path>")
    class Forward(MethodView):
        def _all(self, service: str, path: str) -> Response:
            """What the page asks of another service"""
            headers = {name: value for name in ASKED if (value := request.headers.get(name)) is not None}
            asked = Asked(request.method, f"/{path}", request.query_string.decode("latin-1"), headers,
                          request.get_data())
            return forward(addresses, service, asked)

        get = post = put = patch = delete = requires("subscriber", "administrator", "operator")(_all)

    def _end_former() -> None:
        if former := session_of(request.headers.get("Cookie", "")):
            sessions.end(database, former)

    return page


def _with_cookie(value: str, seconds: int) -> Response:
    response = Response(status=204)
    # Over HTTPS, to us or to a proxy before us, never over anything else. Said by whoever: it only ever adds caution.
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(COOKIE, value, max_age=seconds, path="/page/", httponly=True, secure=secure, samesite="Strict")
    return response


