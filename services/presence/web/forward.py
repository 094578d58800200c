"""What the page asks of the other services, sent on with the session's token; nothing but what the page needs.

    MAY -> who answers -> one request over HTTP -> its answer, written on while it is read
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response

from shared.api import ApiError

CONNECT_AND_WAIT_S = 15.0
"""Longer than each service's own limits; an event stream says something every 15 s at the latest."""
STREAM_SILENT_S = 40.0
_PART = 65536

_ID = r"[0-9]{1,19}"
_UUID = r"[0-9a-f-]{36}"
MAY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "routing": (
        ("GET DELETE", r"/v1/call-log"),
        ("GET DELETE", rf"/v1/call-log/{_UUID}"),
        ("GET", r"/v1/call-log\.csv"),
        ("GET", r"/v1/(companies/[0-9]{1,19}|company)/calls"),
        ("GET", r"/v1/companies"),
        ("GET", r"/v1/explain"),
        ("GET", rf"/v1/calls/{_UUID}/explain"),
        ("GET", r"/v1/timetable(\.svg)?"),
        ("GET", rf"/v1/subscribers/{_ID}/timetable(\.svg)?"),
        ("GET PATCH", r"/v1/settings/do_not_disturb"),
        ("GET", r"/v1/directory"),
    ),
    "callback": (
        ("GET POST", r"/v1/calls"),
        ("GET DELETE", rf"/v1/calls/{_UUID}"),
        ("GET", rf"/v1/calls/{_UUID}/events"),
    ),
    "voicemail": (
        ("GET", r"/v1/messages"),
        ("GET PATCH DELETE", rf"/v1/messages/{_UUID}"),
        ("GET", rf"/v1/messages/{_UUID}/audio"),
    ),
}
ASKED = ("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range",
         "Last-Event-ID", "Range")
"""Headers that are sent on, and those of the answer."""
_ANSWERED = ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Content-Disposition", "ETag",
             "Last-Modified", "Retry-After", "Content-Security-Policy", "X-Accel-Buffering")


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def allowed(service: str, method: str, path: str) -> bool:
    return any(method in methods.split() and re.fullmatch(pattern, path)
               for methods, pattern in MAY.get(service, ()))


def forward(addresses: Mapping[str, str], service: str, asked: Asked) -> Response:
    """addresses: service -> http://host:port. Raises ApiError: nothing the page may ask, or nobody answers."""
    if not allowed(service, asked.method, asked.path):
        raise ApiError(404, "not_found", "this page has no such thing")
    connection, answer = ask(addresses[service], service, asked, asked.headers)
    return Response(_parts(connection, answer), answer.status,
                    {name: value for name in _ANSWERED if (value := answer.getheader(name)) is not None})


def ask(address: str, service: str, asked: Asked, headers: Mapping[str, str],
        ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """The connection is the caller's to close. Raises ApiError when nobody answers."""
    where = urlsplit(address)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=CONNECT_AND_WAIT_S)
    try:
        target = where.path + asked.path + (f"?{asked.query}" if asked.query else "")
        connection.request(asked.method, target, asked.body or None, dict(headers))
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise ApiError(503, "unavailable", f"{service} does not answer", hint="try again shortly",
                       headers={"Retry-After": "5"}) from error
    if connection.sock is not None:
        connection.sock.settimeout(STREAM_SILENT_S)
    return connection, answer


def _parts(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    # What breaks off here ends the browser's answer short of its length, which it takes for the error it is.
    with closing(connection), closing(answer):
        while part := answer.read1(_PART):
            yield part
