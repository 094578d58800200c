"""/v1/call-log: one's own calls; with a call's id why it rang where it rang (L1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing import call_csv, call_log
from services.routing.api.forwardings import of_subscriber
from services.routing.call_log import BadCursor, Key, Wanted
from services.routing.call_words import why
from services.routing.explain.privacy import own_lines, own_steps
from services.routing.schemas.call_log import (
    LINE_EXAMPLE,
    WHOLE_EXAMPLE,
    LogQuery,
    Page,
    PageQuery,
    WholeCall,
)
from shared import whose
from shared.api import ApiError, ErrorView, principal, requires
from shared.database import Database, NotFound, Row, Transaction
from shared.phone_number import InvalidNumber, PhoneNumber

_PAGE_EXAMPLE = {"entries": [LINE_EXAMPLE], "next": None}
_COLUMNS = ("kind", "at", "name", "number", "number_shown", "duration_s", "rung", "why", "call_id")
_CSV_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Reader:
    """How the owner of a list reads it."""

    extension: str
    language: str
    country: str
    time_zone: str


def reader(tx: Transaction, company_id: int, subscriber_id: int) -> Reader:
    return Reader(**tx.one(
        """SELECT s.extension, s.language, trim(t.country) AS country, t.time_zone FROM directory.subscribers s
           JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
           WHERE s.company_id = :company_id AND s.subscriber_id = :id""", company_id=company_id, id=subscriber_id))


def line(row: Row, of: Reader) -> dict[str, Any]:
    """As its owner may see it."""
    own = {of.extension, "outgoing"} if row.placed else {of.extension}
    rung, words = why(row, own, of.language)
    return {**row, "rung": rung, "why": words, "number_shown": shown(row.number, of.country)}


def shown(number: str | None, country: str) -> str | None:
    try:
        return PhoneNumber(number).shown_in(country) if number else None
    except InvalidNumber:  # an extension, a code
        return number


def cursor_of(text: str | None) -> Key | None:
    try:
        return call_log.read_cursor(text) if text else None
    except BadCursor as error:
        raise ApiError(422, "invalid_field", "next: is not one of a page before", field="next") from error


def csv_response(columns: tuple[str, ...], rows: Iterator[tuple[object, ...]], name: str) -> Response:
    """Sent while it is read, so that a million calls need no memory."""
    return Response((text.encode() for text in call_csv.lines(columns, rows)), content_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})


def blueprint(database: Database) -> Blueprint:
    log = Blueprint("call_log", "call_log", url_prefix="/v1", description="Calls placed, received, missed (L1).")

    def page(subscriber_id: int | None, query: dict[str, Any]) -> Any:
        before = cursor_of(query["next"])
        with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
            of = reader(tx, company_id, owner_id)
            rows, following = call_log.page(
                tx, Wanted(company_id, owner_id, query["kind"], query["search"], query["begins"], query["ends"],
                           before, query["limit"]))
        return {"entries": [line(row, of) for row in rows],
                "next": call_log.cursor(following) if following else None}

    def as_csv(subscriber_id: int | None, query: dict[str, Any]) -> Response:
        owner = whose.person(database, subscriber_id)
        with database.company(owner.company_id) as tx:
            of = reader(tx, owner.company_id, owner.subscriber_id)
        wanted = Wanted(owner.company_id, owner.subscriber_id, query["kind"], query["search"], query["begins"],
                        query["ends"], None, _CSV_BATCH)
        zone = ZoneInfo(of.time_zone)

        def rows() -> Iterator[tuple[object, ...]]:
            part, more = wanted, True
            while more:
                with database.company(owner.company_id) as tx:
                    found, following = call_log.page(tx, part)
                for row in found:
                    shown_line = {**line(row, of), "at": row.started_at.astimezone(zone).isoformat(timespec="seconds")}
                    yield tuple(shown_line[column] for column in _COLUMNS)
                part, more = replace(part, before=following), following is not None

        return csv_response(_COLUMNS, rows(), f"calls-{of.extension}.csv")

    @log.route("/call-log")
    class Own(MethodView):
        @requires("subscriber")
        @log.arguments(PageQuery, location="query")
        @log.response(200, Page, example=_PAGE_EXAMPLE)
        def get(self, query: dict[str, Any]) -> Any:
            """One's own calls, newest first"""
            return page(None, query)

        @requires("subscriber")
        @log.response(204)
        def delete(self) -> None:
            """Empty one's own list; the others' lists stay"""
            with of_subscriber(database, None) as (tx, company_id, owner_id):
                call_log.delete(tx, company_id, owner_id)

    @log.route("/call-log.csv")
    class OwnCsv(MethodView):
        @requires("subscriber")
        @log.arguments(LogQuery, location="query")
        @log.response(200, {"type": "string"}, content_type="text/csv")
        def get(self, query: dict[str, Any]) -> Response:
            """One's own calls as CSV, newest first, with the same filter"""
            return as_csv(None, query)

    @log.route("/call-log/<uuid:call_id>")
    class OneCall(MethodView):
        @requires("subscriber", "administrator", "operator")
        @log.response(200, WholeCall, example=WHOLE_EXAMPLE)
        @log.alt_response(404, schema=ErrorView, description="no such call in one's own list")
        def get(self, call_id: UUID) -> Any:
            """A call with its trace: what every rung looked at and said, and what was done

            A subscriber sees his own rungs; what others set is theirs.
            """
            who = principal()
            viewer = who.subscriber_id if who.role == "subscriber" else None
            with database.platform() if who.company_id is None else database.company(who.company_id) as tx:
                found = call_log.one(tx, call_id, viewer)
                if found is None:
                    raise NotFound("no such call")
                return found if viewer is None else _as_seen_by(tx, found, viewer)

        @requires("subscriber")
        @log.response(204)
        @log.alt_response(404, schema=ErrorView, description="no such call in one's own list")
        def delete(self, call_id: UUID) -> None:
            """Take one call off one's own list"""
            with of_subscriber(database, None) as (tx, company_id, owner_id):
                if not call_log.delete(tx, company_id, owner_id, call_id):
                    raise NotFound("no such call")

    @log.route("/subscribers/<int:subscriber_id>/call-log")
    class Others(MethodView):
        @requires("operator", "administrator", "subscriber")
        @log.arguments(PageQuery, location="query")
        @log.response(200, Page, example=_PAGE_EXAMPLE)
        def get(self, query: dict[str, Any], subscriber_id: int) -> Any:
            """A subscriber's calls, newest first"""
            return page(subscriber_id, query)

        @requires("operator", "administrator", "subscriber")
        @log.response(204)
        def delete(self, subscriber_id: int) -> None:
            """Erase a person's list; an entry says that and how much (/v1/company/call-deletions)"""
            with of_subscriber(database, subscriber_id) as (tx, company_id, owner_id):
                call_log.erase(tx, company_id, owner_id, principal().role)

    @log.route("/subscribers/<int:subscriber_id>/call-log.csv")
    class OthersCsv(MethodView):
        @requires("operator", "administrator", "subscriber")
        @log.arguments(LogQuery, location="query")
        @log.response(200, {"type": "string"}, content_type="text/csv")
        def get(self, query: dict[str, Any], subscriber_id: int) -> Response:
            """A subscriber's calls as CSV"""
            return as_csv(subscriber_id, query)

    return log


def _as_seen_by(tx: Transaction, call: Row, subscriber_id: int) -> dict[str, Any]:
    of = reader(tx, call.company_id, subscriber_id)
    own = {of.extension, "outgoing"} if call.caller_subscriber_id == subscriber_id else {of.extension}
    devices = [row.device_id for row in tx.rows(
        "SELECT device_id FROM directory.devices WHERE company_id = :company_id AND subscriber_id = :id",
        company_id=call.company_id, id=subscriber_id)]
    rung, _words = why({**call, "answered": call.answered_at is not None}, own, of.language)
    later = []
    for one in call.later:
        lines = own_lines(one["trace"] or (), own)
        last = next((line["rung"] for line in reversed(lines) if line.get("decides")), None)
        later.append({**one, "rung": last, "trace": lines})
    return {**call, "rung": rung, "trace": own_lines(call.trace or (), own), "later": later,
            "steps": own_steps(call.steps, devices)}
