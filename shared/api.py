"""HTTP as all services speak it: bearer tokens, one error format, OpenAPI, health, readiness, metrics.

    app, api = create_app("callback", database=database, readiness={"switch": lambda: client.connected})
    blueprint = Blueprint("calls", "calls", url_prefix="/v1/calls", description="…")
    class Calls(MethodView):
        @requires("subscriber")
        @blueprint.arguments(CallRequest, example={…})
        @blueprint.response(202, CallView, example={…})
        def post(self, request): ... principal() ...
    api.register_blueprint(blueprint)
    server = serve(app, "127.0.0.1", 17081)

Every error is {"error": id, "message": sentence, "field": name or null, "hint": what to do or null}; a request
that breaks a rule is the caller's fault and gets a 4xx, whatever it holds.
"""

from __future__ import annotations

import errno
import hashlib
import json
import random
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import Any, TypeVar

import gevent
import structlog
from flask import Flask, Request, Response, g, jsonify, request, stream_with_context
from flask_smorest import Api, Blueprint
from gevent.pywsgi import WSGIHandler, WSGIServer
from marshmallow import Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from shared import metrics
from shared.database import Database, DatabaseUnavailable, NotFound, RuleBroken
from shared.health import Check, readiness
from shared.priority import Wsgi

log = structlog.get_logger()

F = TypeVar("F", bound=Callable[..., Any])

MAX_BODY_BYTES = 1_000_000


class ErrorView(Schema):
    """The one error format."""

    error = fields.String(required=True, metadata={"description": "stable id for programs"})
    message = fields.String(required=True, metadata={"description": "what is wrong, for people"})
    field = fields.String(allow_none=True, metadata={"description": "the part of the request it is about"})
    hint = fields.String(allow_none=True, metadata={"description": "what to do"})


class ApiError(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, error: str, message: str, *, field: str | None = None,
                 hint: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.field = field
        self.hint = hint
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Principal:
    """Who the bearer token speaks for. An operator belongs to no company, an administrator may be no person."""

    role: str
    company_id: int | None
    subscriber_id: int | None


def principal() -> Principal:
    found: Principal = g.principal
    return found


def requires(*roles: str) -> Callable[[F], F]:
    """The request needs a token of one of these roles (401 without one, 403 with another).

    An administrator who is a person of his company may also do what a subscriber may.
    """

    def decorate(view: F) -> F:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            who: Principal = g.authenticate()
            g.principal = who
            acts_as_person = who.role == "administrator" and who.subscriber_id is not None and "subscriber" in roles
            if who.role not in roles and not acts_as_person:
                raise ApiError(403, "forbidden", f"this needs the role {' or '.join(roles)}",
                               hint="use a token of that role")
            return view(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


class _BodyParser(FlaskParser):
    """JSON that Python cannot read, or reads into text no database keeps, is the caller's fault like any other."""

    def _raw_load_json(self, req: Request) -> Any:
        try:
            found = super()._raw_load_json(req)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError) as error:  # nested too deep; a number of more than 4,300 digits
            raise json.JSONDecodeError(str(error), "{", 0) from None
        if isinstance(found, dict):
            self._refuse_unkeepable(found)
        return found

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        self._refuse_unkeepable(req.args.to_dict(flat=False))
        return super().load_querystring(req, schema)

    def _refuse_unkeepable(self, fields_found: Mapping[str, Any]) -> None:
        wrong = {name: ["may not hold NUL or half a surrogate pair"] for name, value in fields_found.items()
                 if _NOT_FOR_TEXT.search(json.dumps([name, value], ensure_ascii=False))}
        if wrong:
            raise ValidationError(wrong)


# As json.dumps writes them: NUL stays escaped, half a surrogate pair does not.
_NOT_FOR_TEXT = re.compile(r"(?<!\\)(?:\\\\)*\\u0000|[\ud800-\udfff]")
Blueprint.ARGUMENTS_PARSER = _BodyParser()


def create_app(service: str, *, database: Database, readiness_checks: Mapping[str, Check] | None = None,
               title: str | None = None) -> tuple[Flask, Api]:
    """readiness_checks come on top of the database's own."""
    app = Flask(service)
    app.config.update(
        API_TITLE=title or f"{service} service",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "security": [{"bearer": []}],
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        },
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["int"] = _Id
    api = Api(app)
    api.ERROR_SCHEMA = ErrorView
    checks: dict[str, Check] = {"database": database.ready, **(readiness_checks or {})}

    @app.before_request
    def prepare() -> None:
        g.authenticate = lambda: _authenticated(database)
        g.began_at = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        metrics.REQUESTS.labels(service, request.endpoint or "none", response.status_code).inc()
        metrics.REQUEST_S.labels(service).observe(time.perf_counter() - g.began_at)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    @app.get("/health")
    def health() -> Response:
        return jsonify({"service": service, "status": "up"})

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        found = readiness(checks)
        return jsonify({"ready": found.ready, "checks": dict(found.checks)}), 200 if found.ready else 503

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(metrics.generate_latest(), content_type=metrics.CONTENT_TYPE_LATEST)

    _register_errors(app)
    return app, api


class _Id(IntegerConverter):
    """<int:…> of an address: what no row can be numbered with is no such thing, 404."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        super().__init__(map, *args, **{"max": 2 ** 63 - 1, **kwargs})


class _Handler(WSGIHandler):
    """An event stream ends when its reader goes, not with the second event after that: a page that is opened again and
    again would soon have all the streams its owner may have (X2)."""

    def process_result(self) -> None:
        headers: Any = self.response_headers or ()  # bytes, whatever its stub says
        if not any(name == b"Content-Type" and value.startswith(b"text/event-stream") for name, value in headers):
            super().process_result()
            return
        watch = gevent.spawn(self._end_without_reader, gevent.getcurrent())
        try:
            super().process_result()
        finally:
            watch.kill()  # and gone, before the next request is read from the same connection

    def _end_without_reader(self, stream: Any) -> None:
        try:
            if self.socket.recv(1, socket.MSG_PEEK):
                return  # the next request: then nobody can tell any more
        except OSError:
            pass
        # What pywsgi takes for a reader who has gone: closed without a word in the log.
        gevent.kill(stream, ConnectionResetError(errno.ECONNRESET, "the reader has gone"))


def serve(app: Wsgi, host: str, port: int) -> WSGIServer:
    """A started server; OSError names the port when it is taken."""
    server = WSGIServer((host, port), app, log=None, error_log=None, handler_class=_Handler)
    try:
        server.start()
    except OSError as error:
        raise OSError(error.errno, f"port {port} on {host}: {error.strerror or error}") from error
    # Inherited by each connection. gevent sends headers and body apart: without it the body waits for the reader's
    # acknowledgement of the headers, which on a connection that stays open comes 40 ms later (tcp(7)).
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def event_stream(events: Iterator[str], *, looks_every_s: float = 30.0) -> Response:
    """Server-sent events for as long as the token of the request is good: looked at again as often as events, or the
    comments that keep the connection, come by. What ends it closes `events`."""

    def told() -> Iterator[str]:
        # Not all at the same time: after a restart a thousand streams begin in one second.
        looks_at = time.monotonic() + looks_every_s * random.uniform(0.5, 1)
        try:
            for event in events:
                if time.monotonic() >= looks_at:
                    looks_at = time.monotonic() + looks_every_s
                    if not _still_good():
                        return
                yield event
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()

    return Response(stream_with_context(told()), content_type="text/event-stream",
                    headers={"X-Accel-Buffering": "no"})


def _still_good() -> bool:
    try:
        return bool(g.authenticate() == g.principal)
    except ApiError:
        return False
    except DatabaseUnavailable:  # a stream is not ended for what may be well
        return True


def token_sha256(token: str) -> bytes:
    """How a token is kept: it has 256 bits of its own, so a plain hash is enough and quick to look up."""
    return hashlib.sha256(token.encode()).digest()


_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/=-]{16,256})")


def token_of_request() -> str:
    """The bearer token as it was sent; '' when there is none."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    return match.group(1) if match else ""


def client_address() -> str:
    """Who asks, as an address: what wrong attempts are counted by.

    A proxy on this machine says for whom it asks: the last entry is the one it added itself.
    """
    address = request.remote_addr or ""
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return told if told and _is_loopback(address) else address


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _authenticated(database: Database) -> Principal:
    token = token_of_request()
    found = database.call(
        "SELECT role, company_id, subscriber_id FROM directory.token_principal(:sha256)", sha256=token_sha256(token),
    ) if token else []
    if not found:
        raise ApiError(401, "unauthorized", "a valid bearer token is needed", field="Authorization",
                       hint="send the header 'Authorization: Bearer <token>'",
                       headers={"WWW-Authenticate": "Bearer"})
    return Principal(**found[0])


def _register_errors(app: Flask) -> None:
    def answer(status: int, error: str, message: str, field: str | None = None, hint: str | None = None,
               headers: Mapping[str, str] | None = None) -> Response:
        response = jsonify({"error": error, "message": message, "field": field, "hint": hint})
        response.status_code = status
        response.headers.update(headers or {})
        return response

    @app.errorhandler(ApiError)
    def api_error(error: ApiError) -> Response:
        return answer(error.status, error.error, error.message, error.field, error.hint, error.headers)

    @app.errorhandler(NotFound)
    def not_found(_error: NotFound) -> Response:
        return answer(404, "not_found", "there is no such thing here")

    @app.errorhandler(RuleBroken)
    def rule_broken(error: RuleBroken) -> Response:
        return answer(409, "conflict", str(error), field=None, hint=error.constraint or None)

    @app.errorhandler(DatabaseUnavailable)
    def database_away(error: DatabaseUnavailable) -> Response:
        log.warning("request without database", path=request.path, reason=str(error))
        return answer(503, "unavailable", "the database does not answer", hint="try again shortly",
                      headers={"Retry-After": "5"})

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        headers = {name: value for name, value in error.get_headers() if name.lower() in ("allow", "retry-after")}
        # webargs puts marshmallow's messages here: {"json": {"target": ["Missing data …"]}}
        data: Mapping[str, Any] = getattr(error, "data", None) or {}
        wrong = next(_wrong_fields(data.get("messages", {})), None)
        if status == 422 and wrong is not None:
            field, message = wrong
            return answer(422, "invalid_field", f"{field}: {message}", field=field)
        if status == 400 and wrong is not None:
            return answer(400, "malformed_request", wrong[1])
        name = re.sub(r"[^a-z]+", "_", error.name.lower())
        return answer(status, name, data.get("message") or error.description or error.name, headers=headers)

    @app.errorhandler(Exception)
    def our_fault(error: Exception) -> Response:
        log.error("request failed", path=request.path, exc_info=error)
        return answer(500, "internal_error", "this is our fault; the operator's log has the details")


def _wrong_fields(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """("field.sub", message) of each wrong field in marshmallow's nested messages."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            # The outermost key is where it was looked for: json, query, headers…
            yield from _wrong_fields(value, (*path, str(key)) if path else ("",))
    elif isinstance(messages, list):
        names = [part for part in path if part and part != "_schema"]
        yield ".".join(names) or "body", " ".join(str(message) for message in messages)
