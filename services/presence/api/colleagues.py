"""/v1/colleagues: everybody of one's company with what a lamp of theirs would show; for the page, which has room for
more than eight and need not keep them all right to the tenth of a second."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.presence.people import Person
from services.presence.schemas.colleagues import COLLEAGUES_EXAMPLE, ColleaguesQuery, ColleaguesView
from services.presence.switch_events import SwitchEvents
from shared.api import requires


def blueprint(presence: SwitchEvents, watcher: Callable[[int | None], Person]) -> Blueprint:
    """watcher: who asks, as for his lamps."""
    one = Blueprint("colleagues", "colleagues", url_prefix="/v1", description="The company's people and their states.")

    @one.route("/colleagues")
    class Colleagues(MethodView):
        @requires("subscriber")
        @one.arguments(ColleaguesQuery, location="query")
        @one.response(200, ColleaguesView, example=COLLEAGUES_EXAMPLE)
        def get(self, query: dict[str, Any]) -> dict[str, Any]:
            """One's colleagues by name, each with the state a lamp would show; or those of these ids"""
            asking = watcher(None)
            ids = presence.board.people.people_of(asking.company_id) - {asking.subscriber_id}
            if "subscriber_ids" in query:
                ids &= frozenset(query["subscriber_ids"])
            found = _by_name(person for one in ids if (person := presence.board.people.person(one)) is not None)
            return {"colleagues": [presence.feed.shown(asking, person) for person in found[:query["limit"]]],
                    "total": len(found), "in_step": presence.feed.in_step}

    return one


def _by_name(people: Iterable[Person]) -> list[Person]:
    """Family names first, as in a telephone book; Ä beside A."""
    return sorted(people, key=lambda person: (_plain(person.name.rpartition(" ")[2]), _plain(person.name)))


def _plain(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)).casefold()
