"""Who sits before the page: a token, or login and password, for a session of some hours.

The session is a token like any other, made for this page: shown among one's tokens, taken back there with effect at
once. The browser keeps it where no script can read it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.presence.web.forward import Asked, ask
from shared.api import ApiError, Principal, token_sha256
from shared.database import Database

LONGEST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    value: str
    expires_at: datetime


def begin_with_token(database: Database, token: str) -> Session:
    """Raises ApiError 401."""
    value = secrets.token_urlsafe(32)
    with database.platform() as tx:
        made = tx.row("SELECT expires_at FROM directory.exchange_token(:sha256, :session, :longest)",
                      sha256=token_sha256(token), session=token_sha256(value), longest=LONGEST)
    if made is None:
        raise ApiError(401, "wrong_token", "token: is not valid", field="token")
    return Session(value, made.expires_at)


def begin_with_password(routing: str, login: str, password: str, address: str) -> Session:
    """routing: its address; address: the browser's, by which wrong passwords are counted. Raises ApiError."""
    found = _asked(routing, "/v1/login", {"login": login, "password": password, "label": "web page"}, address)
    return Session(found["token"], datetime.fromisoformat(found["expires_at"]))


def forgotten(routing: str, login: str, address: str) -> None:
    """Raises ApiError."""
    _asked(routing, "/v1/password-reset", {"login": login}, address)


def _asked(routing: str, path: str, body: Mapping[str, str], address: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    asked = Asked("POST", path, "", {}, json.dumps(body).encode())
    connection, answer = ask(routing, "routing", asked, headers)
    try:
        found: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError) as error:
        raise ApiError(503, "unavailable", "routing does not answer", hint="try again shortly") from error
    finally:
        connection.close()
    if answer.status >= 400:
        wait = answer.getheader("Retry-After")
        raise ApiError(answer.status, found["error"], found["message"], field=found.get("field"),
                       hint=found.get("hint"), headers={"Retry-After": wait} if wait else None)
    return found


def end(database: Database, value: str) -> None:
    with database.platform() as tx:
        tx.rows("SELECT directory.end_session(:sha256)", sha256=token_sha256(value))


def seconds_left(session: Session) -> int:
    return max(0, int((session.expires_at - datetime.now(UTC)).total_seconds()))


def whoever(database: Database, who: Principal) -> Mapping[str, Any]:
    """What the page must know of its user: SessionView."""
    told: dict[str, Any] = {"role": who.role, "company": None, "person": None, "language": None}
    if who.company_id is None:
        return told
    with database.company(who.company_id) as tx:
        company = tx.one("SELECT company_id, name, sip_domain, language FROM directory.companies"
                         " WHERE company_id = :id", id=who.company_id)
        told |= {"company": company, "language": company.language}
        if who.subscriber_id is not None:
            person = tx.one(
                "SELECT subscriber_id, extension, btrim(first_name || ' ' || last_name) AS name, language"
                " FROM directory.subscribers WHERE company_id = :company AND subscriber_id = :id",
                company=who.company_id, id=who.subscriber_id)
            devices = tx.rows(
                "SELECT device_id, label FROM directory.devices WHERE company_id = :company AND subscriber_id = :id"
                " ORDER BY device_id", company=who.company_id, id=who.subscriber_id)
            told |= {"person": {**person, "devices": devices}, "language": person.language}
    return told
