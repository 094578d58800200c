"""Routing is asked how a number outside is rung that is somebody's own telephone, for barring, caps, trunks and what
carriers get to see are routing's to decide: over HTTP, at the door of the switch's directory.
"""

from __future__ import annotations

import http.client
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.callback.first_leg import Way
from services.callback.reasons import Reason

_ANSWERS_WITHIN_S = 2.0
_REASONS: Mapping[str, Reason] = {
    "barred": Reason.FIRST_BARRED, "limit": Reason.FIRST_LIMIT, "not_reachable": Reason.FIRST_NOT_REACHABLE,
}


class RoutingAway(Exception):
    """No answer, or none that can be read: nothing was dialled, and it may be asked again."""


class NoWay(Exception):
    """The number must not, or cannot, be rung; .reason says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Routing:
    host: str
    port: int
    secret: str

    def ways(
        self, *, company_id: int, subscriber_id: int, number: str, leg_uuid: UUID, confirm: bool, urgent: bool,
    ) -> list[Way]:
        """One for each trunk, in the order they are tried; at least one. Raises NoWay, RoutingAway."""
        said = self._ask({
            "company_id": company_id, "subscriber_id": subscriber_id, "number": number, "leg_uuid": str(leg_uuid),
            "confirm": confirm, "urgent": urgent,
        })
        if "refused" in said:
            raise NoWay(_REASONS.get(str(said["refused"]), Reason.FIRST_FAILED))
        try:
            found = [Way(str(way["trunk"]), str(way["number"]), dict(way["variables"])) for way in said["ways"]]
        except (KeyError, TypeError, ValueError) as error:
            raise RoutingAway(f"its answer cannot be read: {error}") from error
        if not found:
            raise NoWay(Reason.FIRST_NOT_REACHABLE)
        return found

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_ANSWERS_WITHIN_S)
        try:
            connection.request("POST", "/ways", orjson.dumps(question), {
                "Content-Type": "application/json",
                "Authorization": "Basic " + b64encode(f"switch:{self.secret}".encode()).decode(),
            })
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RoutingAway(f"it answers {answer.status}")
            said = orjson.loads(body)
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            raise RoutingAway(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if not isinstance(said, dict):
            raise RoutingAway("its answer cannot be read")
        return said
