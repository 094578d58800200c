"""/v1/explain: where a call would ring, and why; /v1/calls/{call_id}/explain: where it rang (R15).

JSON, or for people at a terminal plain text, as the Accept header says.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.routing.directory import NotKnownNow
from services.routing.explain.account import Account, Explainer
from services.routing.explain.imagined import Imagined, NobodyThere, NotUnderstood
from services.routing.explain.text import in_text
from services.routing.schemas.explain import EXAMPLE, PAST_EXAMPLE, ExplainQuery, Explanation
from shared import whose
from shared.api import ApiError, ErrorView, Principal, principal, requires
from shared.database import Database, NotFound

_TEXT = "text/plain; charset=utf-8"


def blueprint(database: Database, explainer: Explainer) -> Blueprint:
    one = Blueprint("explain", "explain", url_prefix="/v1", description="Why a call rings where it rings (R15).")

    @one.route("/explain")
    class ImaginedCall(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.arguments(ExplainQuery, location="query")
        @one.response(200, Explanation, example=EXAMPLE,
                      description="the ladder rung by rung, and the plan; as text with `Accept: text/plain`")
        @one.alt_response(403, schema=ErrorView, description="a subscriber asks about a call to somebody else")
        @one.alt_response(404, schema=ErrorView, description="the company has no such caller or callee")
        @one.alt_response(422, schema=ErrorView, description="a number or time that cannot be read")
        def get(self, query: dict[str, Any]) -> Any:
            """An imagined call: who calls, what is dialled, when"""
            who = principal()
            company_id = company_of(database, query["company"])
            try:
                call = explainer.imagine(company_id, query["caller"], query["callee"])
                _may_ask(who, call)
                account = explainer.account(call, query["at"])
            except NotUnderstood as error:
                raise refused(error) from error
            except NotKnownNow as error:
                raise not_now() from error
            if who.role == "subscriber" and who.subscriber_id is not None:
                account = explainer.seen_by(company_id, who.subscriber_id, account, calls=_is(who, call.caller))
            return _answer(account)

    @one.route("/calls/<uuid:call_id>/explain")
    class PastCall(MethodView):
        @requires("operator", "administrator", "subscriber")
        @one.response(200, Explanation, example=PAST_EXAMPLE,
                      description="the trace stored when it was decided, and what happened; or as text")
        @one.alt_response(404, schema=ErrorView, description="no such call, or not in one's own list")
        def get(self, call_id: UUID) -> Any:
            """A call that was: what decided, what was done, what came of it"""
            who = principal()
            company_id = who.company_id if who.company_id is not None else _company_of_call(database, call_id)
            viewer = who.subscriber_id if who.role == "subscriber" else None
            account = explainer.past(company_id, call_id, viewer) if company_id is not None else None
            if account is None:
                raise NotFound("no such call")
            return _answer(account)

    return one


def company_of(database: Database, named: str | None) -> int:
    """One's own; of operators the one they name by id or SIP domain."""
    who = principal()
    if who.company_id is None:
        if named is None:
            raise ApiError(422, "invalid_field", "company: an operator belongs to none, so it must be named",
                           field="company", hint="its id or SIP domain")
        with database.platform() as tx:
            row = tx.row("SELECT company_id FROM directory.companies WHERE sip_domain = :named"
                         " OR company_id = :id", named=named, id=int(named) if _is_id(named) else None)
        if row is None:
            raise ApiError(404, "not_found", "company: there is no such company", field="company")
        return int(row.company_id)
    if named is None:
        return who.company_id
    with database.company(who.company_id) as tx:
        own = tx.one("SELECT sip_domain FROM directory.companies WHERE company_id = :id", id=who.company_id)
    if named == own.sip_domain:
        return who.company_id
    if not _is_id(named):
        raise ApiError(404, "not_found", "company: there is no such company", field="company")
    return whose.company(int(named))


def refused(error: NotUnderstood) -> ApiError:
    return ApiError(404 if isinstance(error, NobodyThere) else 422, error.error, error.message, field=error.field,
                    hint=error.hint)


def not_now() -> ApiError:
    return ApiError(503, "unavailable", "the database does not answer, and too little is remembered",
                    hint="try again shortly", headers={"Retry-After": "5"})


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _is(who: Principal, person: Any) -> bool:
    return person is not None and person.subscriber_id == who.subscriber_id


def _may_ask(who: Principal, call: Imagined) -> None:
    """Others' lists are their own matter: a subscriber asks about calls to himself, and his own calls to outside."""
    if who.role != "subscriber" or _is(who, call.callee) or (call.callee is None and _is(who, call.caller)):
        return
    raise ApiError(403, "forbidden", "you may ask about calls to yourself, and about your own calls to numbers outside;"
                   " where a colleague's calls go is the colleague's own matter",
                   field="callee", hint="an administrator of the company sees all explanations")


def _company_of_call(database: Database, call_id: UUID) -> int | None:
    with database.platform() as tx:
        row = tx.row("SELECT company_id FROM routing.calls WHERE call_id = :call_id", call_id=call_id)
    return int(row.company_id) if row else None


def _answer(account: Account) -> Any:
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        return Response(in_text(account), content_type=_TEXT)
    return account
