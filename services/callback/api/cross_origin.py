"""Web pages of other origins, a CRM's for example, may use this service from a browser if the operator named them.

No cookies are involved: a page shows its user's token itself, as every program does.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

_METHODS = "GET, POST, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
_READABLE = "Location, Retry-After"
_REMEMBERED_S = "600"


def allow(app: Flask, origins: Collection[str]) -> None:
    @app.after_request
    def say_so(response: Response) -> Response:
        if not origins:
            return response
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _READABLE
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Max-Age"] = _REMEMBERED_S
        return response
