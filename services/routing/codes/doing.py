"""Does what a feature code asks for, and says what became of it. Settings change as over HTTP: features.change.

The caller waits with the handset at his ear: what the database does not bring about in time is not possible now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from gevent import Timeout

from services.routing import features
from services.routing.codes import saying
from services.routing.facts import Subscriber
from services.routing.feature_codes import BY_FUNCTION, Takes
from services.routing.features import Actor, Refused, Whose
from services.routing.plan import Act, Say
from shared.database import Database, DatabaseError, DatabaseUnavailable, Transaction
from shared.messages import Message

log = structlog.get_logger()

Prompts = tuple[str, ...]
_LIMIT_S = 0.6


@dataclass
class Doing:
    """One code being done, within its transaction."""

    tx: Transaction
    company_id: int
    person: Subscriber
    prompt: str
    argument: str
    notices: list[Message]

    @property
    def own(self) -> Whose:
        return Whose(self.company_id, subscriber_id=self.person.subscriber_id)

    @property
    def site(self) -> Whose:
        return Whose(self.company_id, site_id=self.person.site.site_id)

    def change(self, name: str, changes: dict[str, Any], whose: Whose | None = None) -> dict[str, Any]:
        whose = whose or self.own
        actor = Actor("subscriber", self.person.subscriber_id, "code")
        changed = features.change(self.tx, name, whose, changes, actor)
        self.notices.append(features.notice(name, whose))
        return changed


Does = Callable[[Doing], Prompts]


def _switch(name: str, field: str, on: bool, doing: Doing) -> Prompts:
    doing.change(name, {field: on})
    return saying.switched(doing.prompt, on)


def _tell(name: str, field: str, doing: Doing) -> Prompts:
    return saying.switched(doing.prompt, bool(features.read(doing.tx, name, doing.own)[field]))


def _forward_on(kind: str, doing: Doing) -> Prompts:
    target = {"target": doing.argument} if doing.argument else {}
    return _forward(doing, kind, doing.change("forwardings", {kind: {"enabled": True, **target}}))


def _forward_off(kind: str, doing: Doing) -> Prompts:
    return _forward(doing, kind, doing.change("forwardings", {kind: {"enabled": False}}))


def _forward_told(kind: str, doing: Doing) -> Prompts:
    return _forward(doing, kind, features.read(doing.tx, "forwardings", doing.own))


def _forward(doing: Doing, kind: str, resource: dict[str, Any]) -> Prompts:
    return saying.forward(doing.prompt, resource[kind], doing.person.site.country)


def _rings(doing: Doing) -> Prompts:
    changed = doing.change("forwardings", {"no_answer": {"rings": int(doing.argument)}})
    return "forward-no-answer-rings-set-to", saying.count(changed["no_answer"]["rings"])


def _remote_office_on(doing: Doing) -> Prompts:
    number = {"number": doing.argument} if doing.argument else {}
    changed = doing.change("remote_office", {"enabled": True, **number})
    return ("remote-office-is-set-to", *saying.number(changed["number"], doing.person.site.country),
            "remote-office-warning")


def _night(on: bool, doing: Doing) -> Prompts:
    doing.change("night_service", {"by_hand": on}, doing.site)
    return saying.switched(doing.prompt, on)


def _clear_message_lamp(doing: Doing) -> Prompts:
    """The messages stay new; the next one lights it again. The lamp is voicemail's."""
    if not doing.tx.one("SELECT voicemail.clear_lamp(:company_id, :id) AS done",
                        company_id=doing.company_id, id=doing.person.subscriber_id).done:
        raise Refused("no_mailbox", "there is no mailbox", None, "ask an administrator for one")
    return ("message-lamp-cleared",)


def _of_forward(kind: str) -> dict[str, Does]:
    return {
        f"forward_{kind}_on": partial(_forward_on, kind),
        f"forward_{kind}_off": partial(_forward_off, kind),
        f"forward_{kind}_query": partial(_forward_told, kind),
    }


def _of_switch(function: str, name: str, field: str) -> dict[str, Does]:
    return {
        f"{function}_on": partial(_switch, name, field, True),
        f"{function}_off": partial(_switch, name, field, False),
        f"{function}_query": partial(_tell, name, field),
    }


_DOES: dict[str, Does] = {
    **_of_forward("always"), **_of_forward("busy"), **_of_forward("no_answer"), **_of_forward("not_reachable"),
    "forward_no_answer_rings": _rings,
    **_of_switch("selective_forwarding", "selective_forwarding", "enabled"),
    **_of_switch("mailbox_always", "mailbox_conditions", "always"),
    **_of_switch("mailbox_busy", "mailbox_conditions", "busy"),
    **_of_switch("mailbox_no_answer", "mailbox_conditions", "no_answer"),
    **_of_switch("do_not_disturb", "do_not_disturb", "enabled"),
    **_of_switch("anonymous_rejection", "anonymous_rejection", "enabled"),
    **_of_switch("call_waiting", "call_waiting", "enabled"),
    **_of_switch("suppress_number", "shown_number", "suppressed"),
    **_of_switch("remote_office", "remote_office", "enabled"),
    "remote_office_on": _remote_office_on,
    "clear_message_lamp": _clear_message_lamp,
    "night_service_on": partial(_night, True),
    "night_service_off": partial(_night, False),
}
DOES: dict[str, Does] = {function: does for function, does in _DOES.items() if function in BY_FUNCTION}
"""Function -> what it does: each that is there and calls no number."""


class Codes:
    def __init__(self, database: Database, publish: Callable[[Message], None], *, limit_s: float = _LIMIT_S) -> None:
        self._database = database
        self._publish = publish
        self._limit_s = limit_s

    def done(self, act: Act, company_id: int, person: Subscriber) -> Say:
        """Never raises: whatever happens is said."""
        notices: list[Message] = []
        try:
            with Timeout(self._limit_s), self._database.company(company_id) as tx:
                prompts = DOES[act.function](Doing(
                    tx, company_id, person, BY_FUNCTION[act.function].prompt, act.argument, notices))
        except Refused as refused:
            log.info("feature code refused", function=act.function, subscriber=person.subscriber_id,
                     error=refused.error, reason=refused.message)
            takes_number = BY_FUNCTION[act.function].takes is Takes.NUMBER_OR_STORED
            prompt = saying.what_is_wrong(refused.error, takes_number=takes_number)
            return Say((prompt,), act.language, "feature_code_refused")
        except (DatabaseUnavailable, DatabaseError, Timeout) as error:
            log.warning("feature code not done", function=act.function, reason=" ".join(str(error).split()))
            return saying.not_possible(act)
        for notice in notices:
            self._publish(notice)
        return Say(prompts, act.language, act.reason)

    def waiting_off(self, company_id: int, subscriber_id: int, leg_uuid: str) -> None:
        """R7: no call waiting while this call is up. The call is made in any case."""
        try:
            with Timeout(self._limit_s), self._database.company(company_id) as tx:
                tx.execute(
                    """INSERT INTO routing.call_settings (company_id, subscriber_id, waiting_off_for_call)
                       VALUES (:company_id, :subscriber_id, :leg_uuid)
                       ON CONFLICT (company_id, subscriber_id)
                       DO UPDATE SET waiting_off_for_call = excluded.waiting_off_for_call""",
                    company_id=company_id, subscriber_id=subscriber_id, leg_uuid=leg_uuid)
        except (DatabaseUnavailable, DatabaseError, Timeout) as error:
            log.warning("call waiting stays on", call_id=leg_uuid, reason=" ".join(str(error).split()))
