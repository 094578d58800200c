"""HTTP: whose list it is, then the same three resources for subscribers (their own) and
administrators (their company's) and operators (anyone's).

    /v1/watched, /v1/lamps, /v1/lamps/events                          subscriber
    /v1/subscribers/<id>/watched, …/lamps, …/lamps/events             administrator, operator
    /v1/operator/…                                                    what operators look at (operator.py)
    /handsets/…                                                       what telephones fetch (handsets.py)

The page for people is in services/presence/web.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response
from flask.views import MethodView
from flask_smorest import Api, Blueprint

from services.presence.api import colleagues, handsets, operator
from services.presence.api.handsets import Addresses
from services.presence.api.operator import Sources
from services.presence.feed import TooManyPages
from services.presence.people import Person
from services.presence.schemas import (
    LAMPS_EXAMPLE,
    REQUEST_EXAMPLE,
    WATCHED_EXAMPLE,
    LampsView,
    WatchedRequest,
    WatchedView,
)
from services.presence.store import replace_watched
from services.presence.switch_events import PEOPLE_READ_AT_MOST_EVERY_S, SwitchEvents
from services.presence.watching import WatchRefused
from services.presence.web import pages
from services.presence.web.door import Door
from shared.api import ApiError, create_app, event_stream, principal, requires
from shared.database import Database, RuleBroken


def make_app(
    presence: SwitchEvents, database: Database, readiness_checks: Mapping[str, Any], services: Mapping[str, str],
    overview: Sources | None = None, addresses: Addresses | None = None,
) -> Flask:
    """services: addresses of the others, whom the page asks as well. overview: what operators look at, addresses: of
    what handsets fetch; each only where it is served."""
    app, api = create_app("presence", database=database, readiness_checks=readiness_checks)
    _Resources(presence, database).register(api)
    api.register_blueprint(pages.blueprint(database, services))
    if overview is not None:
        api.register_blueprint(operator.blueprint(overview))
    if addresses is not None:
        api.spec.components.security_scheme("device", {"type": "http", "scheme": "basic"})
        api.register_blueprint(handsets.blueprint(database, addresses))
    app.wsgi_app = Door(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _Resources:
    def __init__(self, presence: SwitchEvents, database: Database) -> None:
        self._presence = presence
        self._database = database

    def register(self, api: Api) -> None:
        api.register_blueprint(self._blueprint(
            "own", "/v1", ("subscriber",), "The subscriber's own list and lamps."))
        api.register_blueprint(self._blueprint(
            "any", "/v1/subscribers/<int:subscriber_id>", ("administrator", "operator"),
            "Any subscriber's, for administrators of the company and operators."))
        api.register_blueprint(colleagues.blueprint(self._presence, self.watcher))

    def _blueprint(self, name: str, prefix: str, roles: tuple[str, ...], description: str) -> Blueprint:
        resources = self
        blueprint = Blueprint(name, name, url_prefix=prefix, description=description)

        @blueprint.route("/watched")
        class Watched(MethodView):
            @requires(*roles)
            @blueprint.response(200, WatchedView, example=WATCHED_EXAMPLE)
            def get(self, subscriber_id: int | None = None) -> dict[str, Any]:
                """Whom the lamp keys show, in their order"""
                return resources.watched(resources.watcher(subscriber_id))

            @requires(*roles)
            @blueprint.arguments(WatchedRequest, example=REQUEST_EXAMPLE)
            @blueprint.response(200, WatchedView, example=WATCHED_EXAMPLE)
            def put(self, request: dict[str, Any], subscriber_id: int | None = None) -> dict[str, Any]:
                """Replace the list: lamps and pages follow at once, handsets need no change"""
                return resources.replace(resources.watcher(subscriber_id), request)

        @blueprint.route("/lamps")
        class Lamps(MethodView):
            @requires(*roles)
            @blueprint.response(200, LampsView, example=LAMPS_EXAMPLE)
            def get(self, subscriber_id: int | None = None) -> dict[str, Any]:
                """What the lamps show now"""
                return resources.lamps(resources.watcher(subscriber_id))

        @blueprint.route("/lamps/events")
        class LampEvents(MethodView):
            @requires(*roles)
            @blueprint.response(200, content_type="text/event-stream", description=(
                "Server-sent events: `snapshot` with all lamps first and whenever the list changes, then `lamp` with"
                " each one that changes, `night_service` when that is switched, `in_step` when the switch is lost or"
                " back, `ping` every 15 s."))
            def get(self, subscriber_id: int | None = None) -> Response:
                """The lamps as a stream of events"""
                return resources.events(resources.watcher(subscriber_id))

        return blueprint

    def watcher(self, subscriber_id: int | None) -> Person:
        """subscriber_id: from the path of those who answer for others; None: the subscriber himself."""
        wanted = subscriber_id if subscriber_id is not None else principal().subscriber_id
        if wanted is None:
            raise ApiError(403, "forbidden", "this needs the token of a subscriber")
        person = self._presence.board.people.person(wanted)
        if person is None:
            self._presence.read_people(at_most_every_s=PEOPLE_READ_AT_MOST_EVERY_S)
            person = self._presence.board.people.person(wanted)
        if person is None or principal().company_id not in (None, person.company_id):
            raise ApiError(404, "not_found", "there is no such subscriber", field="subscriber_id")
        return person

    def watched(self, watcher: Person) -> dict[str, Any]:
        people = self._presence.board.people.watched_by(watcher.subscriber_id)
        return {"watched": [
            {"position": position, "subscriber_id": person.subscriber_id, "extension": person.extension,
             "name": person.name}
            for position, person in people.items()
        ]}

    def replace(self, watcher: Person, request: dict[str, Any]) -> dict[str, Any]:
        [(field, chosen)] = request.items()
        try:
            replace_watched(self._database, watcher.company_id, watcher.subscriber_id, chosen)
        except WatchRefused as refused:
            place = field if refused.place is None else f"{field}.{refused.place}"
            raise ApiError(422, refused.error, f"{place}: {refused.message}", field=place,
                           hint=refused.hint) from refused
        except RuleBroken as broken:  # a colleague deleted in the same moment
            raise ApiError(409, "conflict", str(broken), field=field, hint="try again") from broken
        self._presence.read_some(watcher.company_id, {watcher.subscriber_id})
        return self.watched(watcher)

    def lamps(self, watcher: Person) -> dict[str, Any]:
        return self._presence.feed.snapshot_of(watcher.subscriber_id)

    def events(self, watcher: Person) -> Response:
        try:
            stream = self._presence.feed.stream(watcher.subscriber_id)
        except TooManyPages as error:
            raise ApiError(429, "too_many_streams", str(error), hint="close one") from error
        return event_stream(stream)
