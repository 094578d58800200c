"""Who may register: FreeSWITCH's directory over mod_xml_curl, on its own port with its own secret.

The answers hold password hashes, so this server binds to the switch's host only and answers nothing without
the secret. The thread that waits for the answer at the switch is the one that reads SIP: so the database gets
little time, and a question that can't be answered gets a 503, which the switch does not remember.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import structlog
from gevent.pywsgi import WSGIServer

from services.routing.directory_xml import NOT_FOUND, Entry, document
from services.routing.gateway_xml import DOMAIN as TRUNKS_DOMAIN
from services.routing.served import Served, digest_of
from shared.database import Database, DatabaseError, DatabaseUnavailable, Row
from shared.metrics import Counter

log = structlog.get_logger()

ASKED = Counter("pbx_routing_directory_questions_total", "Directory questions of the switch", ["answer"])

_USER = re.compile(r"\+?[a-z0-9-]{2,32}")
_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")
_DEADLINE_S = 1.5
_MOST_BYTES = 64_000

_MANY = (
    "SELECT asked.of_user, asked.in_domain, entry.*"
    " FROM unnest(CAST(:users AS text[]), CAST(:domains AS text[])) AS asked(of_user, in_domain)"
    " LEFT JOIN LATERAL routing.directory_entry(asked.of_user, asked.in_domain) entry ON true"
)
_FIELDS = tuple(field.name for field in fields(Entry))

Door = Callable[[bytes], tuple[int, bytes]]
"""Body of a question -> status and JSON."""
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class SwitchDirectory:
    def __init__(
        self, database: Database, secret: str, served: Served, *, host: str, port: int,
        trunks: Callable[[], str] = lambda: NOT_FOUND, doors: Mapping[str, Door] | None = None,
    ) -> None:
        """trunks: the document of everything in the trunks' own domain (gateway_xml.py). doors: path -> what our own
        services may ask there with the same secret, in JSON."""
        self._doors = dict(doors or {})
        self._trunks = trunks
        self._database = database
        self._served = served
        self._authorization = "Basic " + b64encode(f"switch:{secret}".encode()).decode()
        self._server = WSGIServer((host, port), self._serve, log=None, error_log=None)
        self._port = port
        self._host = host

    def start(self) -> None:
        try:
            self._server.start()
        except OSError as error:
            raise OSError(error.errno, f"port {self._port} on {self._host}: {error.strerror or error}") from error

    @property
    def port(self) -> int:
        return int(self._server.server_port or 0)

    def stop(self) -> None:
        self._server.stop(timeout=1)

    def entry(self, user: str, domain: str) -> Entry | None:
        """Raises DatabaseUnavailable."""
        if not _USER.fullmatch(user) or not _DOMAIN.fullmatch(domain):
            return None
        rows = self._database.call(
            "SELECT * FROM routing.directory_entry(:user, :domain)", deadline_s=_DEADLINE_S, user=user, domain=domain)
        return _entry(rows[0]) if rows else None

    def changed_since_served(self, names: Sequence[str]) -> list[str]:
        """Those of user@domain that would be answered otherwise now. Raises DatabaseUnavailable, DatabaseError."""
        users, domains = zip(*(name.split("@") for name in names), strict=True)
        rows = self._database.call(
            _MANY, deadline_s=_DEADLINE_S, users=list(users), domains=list(domains))
        return [
            f"{row.of_user}@{row.in_domain}" for row in rows
            if row.kind is None or not self._served.is_current(
                f"{row.of_user}@{row.in_domain}", digest_of(document(row.of_user, row.in_domain, _entry(row))))
        ]

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        def answer(status: str, text: str) -> list[bytes]:
            start_response(status, [("Content-Type", "text/xml; charset=utf-8")])
            return [text.encode()]

        given = environ.get("HTTP_AUTHORIZATION", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._authorization.encode()):
            ASKED.labels("refused").inc()
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="directory"')])
            return [b""]
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            return answer("413 Content Too Large", NOT_FOUND)
        body = environ["wsgi.input"].read(int(length))
        door = self._doors.get(environ.get("PATH_INFO", ""))
        if door is not None:
            status, said = door(body)
            start_response(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "application/json")])
            return [said]
        form = parse_qs(body.decode("utf-8", "replace"))
        if _asks_for_trunks(form):
            ASKED.labels("trunks").inc()
            return answer("200 OK", self._trunks())
        user, domain = _asked_for(form)
        try:
            entry = self.entry(user, domain) if user else None
        except (DatabaseUnavailable, DatabaseError) as error:
            ASKED.labels("unavailable").inc()
            log.warning("directory question not answered", user=user, domain=domain, reason=str(error))
            return answer("503 Service Unavailable", NOT_FOUND)
        ASKED.labels(entry.kind if entry else "unknown").inc()
        if entry is None:
            return answer("200 OK", NOT_FOUND)
        text = document(user, domain, entry)
        self._served.keep(f"{user}@{domain}", digest_of(text))
        return answer("200 OK", text)


def _entry(row: Row) -> Entry:
    said: dict[str, Any] = {name: "" if row[name] is None else row[name] for name in _FIELDS}
    return Entry(**said)


def _asks_for_trunks(form: dict[str, list[str]]) -> bool:
    """mod_sofia for the gateways of the domain, the core for the addresses that may call in; nobody logs in there."""
    return (form.get("section") == ["directory"] and form.get("key_value") == [TRUNKS_DOMAIN]
            and form.get("purpose", [""])[0] in ("gateways", "network-list"))


def _asked_for(form: dict[str, list[str]]) -> tuple[str, str]:
    """User and domain of the question; "" for those that ask for no user (gateways of a domain, ACLs)."""
    def first(name: str) -> str:
        return form.get(name, [""])[0]

    if first("section") != "directory" or first("purpose") in ("gateways", "network-list"):
        return "", ""
    return first("user"), first("domain") or first("key_value")
