"""/v1/subscribers/{id}/timetable: where his calls go in a week, as data and as a picture; /v1/timetable: one's own."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.api.explain import not_now, refused
from services.routing.directory import NotKnownNow
from services.routing.explain.imagined import NotUnderstood
from services.routing.explain.picture import POLICY, svg
from services.routing.explain.weekly import Timetable, Timetables
from services.routing.schemas.explain import TIMETABLE_EXAMPLE, TimetableQuery, TimetableView
from shared import whose
from shared.api import ErrorView, principal, requires
from shared.database import Database, NotFound

_SVG = "image/svg+xml"


def blueprint(database: Database, timetables: Timetables) -> Blueprint:
    one = Blueprint("timetable", "timetable", url_prefix="/v1", description="Where calls go hour by hour (R15, G6).")

    def timetable(subscriber_id: int | None, query: dict[str, Any]) -> Timetable:
        owner = whose.person(database, subscriber_id)
        try:
            found = timetables.of(
                owner.company_id, owner.subscriber_id, **query, others_shown=principal().role != "subscriber")
        except NotUnderstood as error:
            raise refused(error) from error
        except NotKnownNow as error:
            raise not_now() from error
        if found is None:
            raise NotFound("no such subscriber")
        return found

    def in_wanted_form(told: Timetable) -> Any:
        wanted = request.accept_mimetypes.best_match(["application/json", _SVG])
        return picture(told) if wanted == _SVG else told

    @one.route("/subscribers/<int:subscriber_id>/timetable")
    class OfSubscriber(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.arguments(TimetableQuery, location="query")
        @one.response(200, TimetableView, example=TIMETABLE_EXAMPLE,
                      description="day by day; as a picture with `Accept: image/svg+xml`")
        @one.alt_response(404, schema=ErrorView, description="no such subscriber, or nobody one may ask about")
        @one.alt_response(422, schema=ErrorView, description="a week or caller that cannot be read")
        def get(self, query: dict[str, Any], subscriber_id: int) -> Any:
            """Where a subscriber's calls go in a week"""
            return in_wanted_form(timetable(subscriber_id, query))

    @one.route("/subscribers/<int:subscriber_id>/timetable.svg")
    class PictureOfSubscriber(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.arguments(TimetableQuery, location="query")
        @one.response(200, content_type=_SVG)
        @one.alt_response(404, schema=ErrorView, description="no such subscriber, or nobody one may ask about")
        @one.alt_response(422, schema=ErrorView, description="a week or caller that cannot be read")
        def get(self, query: dict[str, Any], subscriber_id: int) -> Any:
            """The same as a picture"""
            return picture(timetable(subscriber_id, query))

    @one.route("/timetable")
    class Own(MethodView):
        @requires("subscriber")
        @one.arguments(TimetableQuery, location="query")
        @one.response(200, TimetableView, example=TIMETABLE_EXAMPLE,
                      description="day by day; as a picture with `Accept: image/svg+xml`")
        def get(self, query: dict[str, Any]) -> Any:
            """Where one's own calls go in a week"""
            return in_wanted_form(timetable(None, query))

    @one.route("/timetable.svg")
    class OwnPicture(MethodView):
        @requires("subscriber")
        @one.arguments(TimetableQuery, location="query")
        @one.response(200, content_type=_SVG)
        def get(self, query: dict[str, Any]) -> Any:
            """One's own as a picture"""
            return picture(timetable(None, query))

    return one


def picture(told: Timetable) -> Response:
    return Response(svg(told), content_type=f"{_SVG}; charset=utf-8", headers={"Content-Security-Policy": POLICY})
