"""The page's way to the APIs: the cookie becomes the bearer token that every service knows. WSGI, around the app.

    /page/api/presence/v1/lamps   Cookie: pbx_session=…  ->  /v1/lamps   Authorization: Bearer …
    /page/api/routing/v1/call-log …                      ->  the same path, with the bearer (forward.py sends it on)

Nothing else takes the cookie: who comes to /v1/… needs the header, which no browser adds by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from services.presence.web.rules import COOKIE, foreign
from shared.priority import Wsgi

PAGE = "/page/"
OWN = "/page/api/presence/v1/"


class Door:
    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(PAGE):
            reason = foreign(environ["REQUEST_METHOD"], _headers(environ))
            if reason is not None:
                return _refused(start_response, reason)
            environ["HTTP_AUTHORIZATION"] = f"Bearer {session_of(environ.get('HTTP_COOKIE', ''))}"
        if path.startswith(OWN):
            environ["PATH_INFO"] = f"/v1/{path.removeprefix(OWN)}"
        return self._app(environ, start_response)


def session_of(cookies: str) -> str:
    """'' when there is none."""
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    return {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}


def _refused(start_response: Any, reason: str) -> list[bytes]:
    body = json.dumps({"error": "foreign_page", "message": reason, "field": None,
                       "hint": "programs use the API with a bearer token"}).encode()
    start_response("403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body))),
                                     ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
    return [body]
