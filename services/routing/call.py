"""One question of the switch from beginning to end: gather the facts, decide, say the route, record it.

    Event -> question.read -> Directory.look_up -> outgoing.route | ladder.decide -> commands.variables_for

Whatever fails here ends in "fallback", which the dialplan understands without us: a call is never left waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from services.routing import commands
from services.routing.codes.doing import Codes
from services.routing.codes.matching import Wrong
from services.routing.codes.meaning import TO_MAILBOX, meaning
from services.routing.codes.saying import not_possible
from services.routing.directory import Directory, NotKnownNow, Unknown
from services.routing.emergencies import Emergencies
from services.routing.facts import (
    Caller,
    CallFacts,
    CodeDialled,
    Dialled,
    EmergencyCall,
    OutgoingFacts,
    Presentation,
    Redirection,
    Subscriber,
)
from services.routing.failed_trunks import FailedTrunks
from services.routing.feature_codes import table_of
from services.routing.heard import OVER, in_words
from services.routing.ladder import decide, shown_as
from services.routing.limits import Limits
from services.routing.memory import Asked, Found
from services.routing.outcomes import is_over, next_step, outcome_of, read_report, trunks_that_failed
from services.routing.outgoing import emergency_step, is_suppressed, route
from services.routing.plan import (
    EMERGENCY,
    Act,
    Announce,
    Decision,
    Looked,
    PickUp,
    Reject,
    Ring,
    Shown,
    Step,
    TrunkLeg,
    landing,
    splashes,
)
from services.routing.plan_state import NotAPlan, Travelling, from_variable, rang_at
from services.routing.question import Question, WhatNext
from services.routing.ringing import Ringing
from services.routing.step_record import rang, step_record, taken_at
from services.routing.trunk_legs import NothingKnown, Outside
from shared.dialling import is_emergency, is_short_for_outside, number_class
from shared.esl.commands import Command
from shared.logs import masked
from shared.phone_number import InvalidNumber, PhoneNumber
from shared.schedule import is_night

log = structlog.get_logger()

Record = dict[str, Any]

# A smaller count a call brings along stays: that is how loops over other systems end.
_MOST_HOPS = 10
_RINGS = ("bridge", "pickup")


@dataclass(frozen=True, slots=True)
class Answer:
    variables: dict[str, str]
    record: Record | None = None
    left: Record | None = None
    """Of a leg that was transferred out of another call: that it was answered there."""
    ring: Ring | None = None
    splash: tuple[Command, ...] = ()
    """Telephones that ring once, shortly, while the call goes on."""
    caller_id: int | None = None
    rung: str = ""
    travelling: Travelling | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    decision: Decision
    company_id: int
    domain: str
    caller: Caller
    found: Found | None = None
    """None: nothing was looked up."""
    code: CodeDialled | None = None


@dataclass
class Answers:
    """Decides questions; everything it touches is given."""

    directory: Directory
    ringing: Ringing
    home_country: str = "DE"
    """Country of a number nobody said the country of: a trunk's caller or called number without +."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    codes: Codes | None = None
    """Does what feature codes ask for. None: nothing can be changed."""
    outside: Outside = field(default_factory=NothingKnown)
    limits: Limits = field(default_factory=Limits)
    emergencies: Emergencies = field(default_factory=Emergencies)
    failed: FailedTrunks = field(default_factory=FailedTrunks)

    def answer(self, question: Question | WhatNext) -> Answer:
        if isinstance(question, WhatNext):
            return self._what_next(question)
        try:
            return self._first(question, self.decided(question))
        except NotKnownNow:
            log.warning("nothing known, left to the switch", call_id=question.leg_uuid)
            return Answer(dict(commands.FALLBACK), rung="fallback")
        except Unknown:
            step = Announce("number-not-assigned", "de", "UNALLOCATED_NUMBER", "unknown_number")
            log.info("nobody has this number", call_id=question.leg_uuid, dialled=masked(question.dialled))
            travelling = Travelling(question.leg_uuid, 0, "", 1, step)
            return Answer(commands.variables_for(travelling, answered=question.answered), rung="unknown")

    def decided(self, question: Question) -> Decided:
        """What a first question is answered with, and by which facts. It changes nothing: explain.py asks for calls
        that nobody makes. Raises Unknown, NotKnownNow."""
        country = question.country or self.home_country
        if not question.from_trunk and is_emergency(question.dialled, country) and question.gateway:
            # No look-up can hold an emergency call up or fail it: its trunks as they now stand are in memory, and that
            # of the channel, from when the telephone registered, is there when nothing else is.
            trunks = tuple(dict.fromkeys((
                *self.outside.of_company(question.company_id), question.gateway,
                *self.directory.trunks_known(question.company_id))))
            trunks = self.failed.last(trunks, only_silent=True)
            step = emergency_step(question.dialled, trunks, question.site_number, "de")
            saw = (("emergency", True), ("trunks", len(trunks)))
            trace = (Looked("outgoing", EMERGENCY, saw, "decided", decides=True),)
            return Decided(
                Decision(step, EMERGENCY, trace), question.company_id or 0, "", Caller(question.subscriber_id))
        calls_from = "" if question.calls_as else self._from_carrier(question.caller_number, question)
        dialled = Dialled(question.dialled, self._from_carrier(question.dialled, question)) if (
            question.from_trunk) else _dialled(question, country)
        asked = _asked(question, dialled, calls_from)
        found = self._called(question, asked) if question.from_trunk else self._look_up(asked)
        code = None
        if question.from_trunk:
            caller = self._outside_caller(question, found, calls_from)
            decision = self._incoming(caller, dialled, found)
        else:
            code = self._night_key(question, found) if question.night_lamp else _code(dialled, found)
            if code is not None and code.number:
                question = replace(question, dialled=code.number)
                # Nobody is called at the number of a mailbox, so 112 is no emergency there.
                dialled = Dialled(code.number) if code.function == TO_MAILBOX else replace(
                    _dialled(question, country), presentation=code.presentation)
                found = self._look_up(_asked(question, dialled, calls_from))
            found = _as_chosen(question, found)
            dialled = self._with_lamp(dialled, found, plain=question.plain_lamp)
            caller = _colleague(found.caller, dialled.presentation) if found.caller else (
                self._outside_caller(question, found, calls_from))
            decision = route(OutgoingFacts(
                now=self.now(), company=found.company, caller=caller, dialled=dialled,
                subscriber=None if question.leg_subscriber_id is not None else found.caller,
                owner_id=dialled.lamp_owner_id if dialled.is_lamp else found.owner_id,
                people=found.people, owners=found.owners, code=code, handed_on_by=_handed_on_by(question),
            ))
        return Decided(decision, found.company.company_id, found.company.domain, caller, found, code)

    def _from_carrier(self, text: str, question: Question) -> str:
        """E.164; "" when it is no number. National and international form, with or without the +."""
        if not text:
            return ""
        trunk = self.outside.trunk(question.trunk) if question.trunk else None
        plain = trunk is not None and trunk.number_format == "plain"
        try:
            return PhoneNumber.from_carrier(text, self.home_country, plain=plain).e164
        except InvalidNumber:
            return ""

    def _outside_caller(self, question: Question, found: Found, number: str) -> Caller:
        """number: E.164, or "" where it cannot be told."""
        return Caller(
            number=number or question.caller_number, name=found.caller_name,
            withheld=question.withheld or not question.caller_number,
            calls_back_an_emergency_call=is_emergency(question.caller_number, self.home_country),
        )

    def _look_up(self, asked: Asked) -> Found:
        """With the trunks in the order they are to be tried now. Raises Unknown, NotKnownNow."""
        found = self.directory.look_up(asked)
        trunks = self.failed.last(found.company.trunks)
        if trunks is found.company.trunks:
            return found
        return replace(found, company=replace(found.company, trunks=trunks))

    def _called(self, question: Question, asked: Asked) -> Found:
        """Who is called from outside. Whom an emergency centre is to reach we know ourselves, before it is written and
        while nothing can be looked up. Raises Unknown, NotKnownNow."""
        last = self.emergencies.to_ring_first(asked.dialled_number or "")
        if last is None:
            return self._look_up(asked)
        if question.trunk and question.trunk not in self.outside.of_company(last.company_id):
            raise Unknown
        person = self._look_up(Asked(
            acting_subscriber_id=last.subscriber_id, company_id=last.company_id, caller_number=asked.caller_number))
        try:
            found = self._look_up(asked)
        except (Unknown, NotKnownNow):
            found = replace(person, caller=None, owner_id=None)
        if person.caller is None or found.company.company_id != last.company_id:
            return found
        site = replace(person.caller.site, last_emergency_call=EmergencyCall(last.subscriber_id, last.called_at))
        return replace(found, called_site=site, people={**person.people, **found.people})

    def _incoming(self, caller: Caller, dialled: Dialled, found: Found) -> Decision:
        last_call = found.called_site.last_emergency_call if found.called_site else None
        if found.owner_id is None and last_call is None and found.nobody is None:
            step = Announce("number-not-assigned", "de", "UNALLOCATED_NUMBER", "unknown_number")
            return Decision(step, "number", (Looked("company", "number", (("owner", None),), "decided", decides=True),))
        return decide(CallFacts(
            now=self.now(), company=found.company, caller=caller, callee_id=found.owner_id, people=found.people,
            owners=found.owners, dialled=dialled.number, called_site=found.called_site, nobody=found.nobody,
        ))

    def _with_lamp(self, dialled: Dialled, found: Found, *, plain: bool) -> Dialled:
        """plain: the lamp is that of the extension that was dialled, else one of a list."""
        lamp_owner_id = found.owner_id if plain else found.lamp_owner_id
        if not dialled.is_lamp or lamp_owner_id is None:
            return dialled
        own_id = found.caller.subscriber_id if found.caller else None
        rings = self.ringing.at(lamp_owner_id, other_than_from=own_id)
        return replace(dialled, lamp_owner_id=lamp_owner_id, pick_up_leg_uuid=rings)

    def _night_key(self, question: Question, found: Found) -> CodeDialled:
        """P3: the key switches what its lamp shows, as the codes do; whoever may not hears so."""
        person = found.caller
        if person is None or person.extension != question.night_lamp:
            return CodeDialled("", refused=Wrong.NOT_AVAILABLE.value)
        on = bool(person.site.night.target) and is_night(person.site, self.now())
        return CodeDialled("night_service_off" if on else "night_service_on")

    def _first(self, question: Question, decided: Decided) -> Answer:
        decision, caller = decided.decision, decided.caller
        step, redirections = landing(decision.step)
        if isinstance(step, Act):
            step = self._done(step, decided)
        elif decided.code and decided.code.function == "call_waiting_off_once" and isinstance(step, Ring):
            self._waiting_is_off_while_it_is_up(question.leg_uuid, decided)
        language = decided.found.caller.language if decided.found and decided.found.caller else "de"
        step, redirections = self._admitted(step, redirections, decided.company_id, question.leg_uuid, language)
        if question.answered:
            step = in_words(step, question.language or language)
        if decision.rung == EMERGENCY and caller.subscriber_id is not None:
            self.emergencies.called(_site_number(question, decided.found), decided.company_id, caller.subscriber_id)
        shown = shown_as(caller)
        travelling = Travelling(
            question.leg_uuid, decided.company_id, decided.domain, 1, step, decision.rung, redirections,
            shown, None if shown.withheld else caller.subscriber_id)
        variables = commands.variables_for(
            travelling, exported=question.exported, outside=self.outside, answered=question.answered)
        if handed_on_by := _handed_on_by(question):
            variables["pbx_handed_on"] = ",".join(sorted(handed_on_by))
        if question.hops_left > _MOST_HOPS and variables["pbx_step"] in _RINGS:
            variables["max_forwards"] = str(_MOST_HOPS)
        if question.answered and not question.asked_before:
            variables["pbx_was_answered"] = "true"  # ends.py: then its own answer is not the call's
        record = _first_record(question, decided, step, self.now())
        return Answer(
            variables, record, _left_record(question, decided, self.now()), step if isinstance(step, Ring) else None,
            _splash_of(decision.step, shown, decided.domain), caller.subscriber_id, decision.rung,
            travelling)

    def _admitted(
        self, step: Step, redirections: tuple[Redirection, ...], company_id: int, call_id: str,
        language: str = "de",
    ) -> tuple[Step, tuple[Redirection, ...]]:
        """What may be done of it: every step that rings outside is looked at, first or later."""
        admitted = self.limits.admit(step, company_id, call_id, language)
        return (step, redirections) if admitted is step else landing(admitted, redirections)

    def _done(self, act: Act, decided: Decided) -> Step:
        """What the code changed or found, in words: also that nothing can be changed now."""
        person = decided.found.caller if decided.found else None
        if self.codes is None or person is None or self.directory.away:
            return not_possible(act)
        return self.codes.done(act, decided.company_id, person)

    def _waiting_is_off_while_it_is_up(self, leg_uuid: str, decided: Decided) -> None:
        if self.codes is not None and decided.caller.subscriber_id is not None and not self.directory.away:
            self.codes.waiting_off(decided.company_id, decided.caller.subscriber_id, leg_uuid)

    def _what_next(self, question: WhatNext) -> Answer:
        try:
            travelling = from_variable(question.plan)
        except NotAPlan as error:
            log.error("plan not readable, left to the switch", call_id=question.leg_uuid, reason=str(error))
            return Answer(dict(commands.FALLBACK), rung="fallback")
        report = read_report(
            question.disposition, question.originate_causes, question.invite_failure_status,
            travelling.step.legs if isinstance(travelling.step, Ring) else ())
        outcome = ""
        if isinstance(travelling.step, Ring):
            if is_over(report, travelling.step, answered=question.answered):
                onward: Step = Reject("NORMAL_CLEARING", OVER)
            else:
                outcome = outcome_of(report, travelling.step.legs).value
                self.failed.note(trunks_that_failed(report, travelling.step.legs))
                onward = next_step(travelling.step, report)
        elif isinstance(travelling.step, PickUp):
            onward = travelling.step.otherwise
        elif isinstance(travelling.step, Announce) and travelling.step.then is not None:
            onward = travelling.step.then
        else:
            onward = Reject("NORMAL_CLEARING", OVER)
        step, redirections = self._admitted(
            *landing(onward, travelling.redirections), travelling.company_id, travelling.call_id)
        if question.answered:
            step = in_words(step, question.language or "de")
        travelling = replace(travelling, step=step, redirections=redirections, asked=travelling.asked + 1)
        variables = commands.variables_for(
            travelling, exported=question.exported, outside=self.outside, answered=question.answered)
        record = {
            "kind": "went_on", "call_id": travelling.call_id, "company_id": travelling.company_id,
            "at": self.now().isoformat(), "question": travelling.asked, "outcome": outcome,
            "causes": [report.disposition, *report.leg_causes], "step": step_record(step), "rang": rang(step),
            "answered_at": taken_at(question.answered, step, self.now()),
        } if travelling.company_id else None
        return Answer(
            variables, record, None, step if isinstance(step, Ring) else None,
            _splash_of(onward, travelling.caller, travelling.domain), None, outcome, travelling)


def _as_chosen(question: Question, found: Found) -> Found:
    """O2: the number chosen for this one call, while it is one of his own."""
    if found.caller is None or question.shown_number not in found.caller.numbers:
        return found
    return replace(found, caller=replace(found.caller, shown_number=question.shown_number))


def _handed_on_by(question: Question) -> frozenset[str]:
    """Told on the leg itself, so that it holds however often he is transferred."""
    return question.handed_on | rang_at(question.plan)


def _site_number(question: Question, found: Found | None) -> str:
    person = found.caller if found else None
    return question.site_number or (person.site.main_number or person.main_number if person else "")


def _asked(question: Question, dialled: Dialled, calls_from: str) -> Asked:
    lamp = question.lamp
    device_id = None if question.from_trunk else question.device_id
    acting = None if question.from_trunk else question.acting_subscriber_id or question.leg_subscriber_id
    return Asked(
        device_id=device_id,
        acting_subscriber_id=acting,
        company_id=question.company_id,
        trunk=question.trunk if question.from_trunk else None,
        dialled=question.dialled,
        dialled_number=dialled.number or None,
        caller_number=calls_from or None if device_id is None and acting is None else None,
        lamp=(lamp.extension, lamp.position, lamp.key) if lamp else None,
    )


def _dialled(question: Question, country: str) -> Dialled:
    digits = question.dialled
    if question.lamp or question.plain_lamp:
        return Dialled(digits, is_lamp=True)
    if question.night_lamp:
        return Dialled(digits)
    if is_emergency(digits, country):
        return Dialled(digits, is_emergency=True)
    # O1: outside numbers are dialled in national or international form; what is shorter is for inside, but for 115 and
    # the like. An extension of the company goes before them: what was dialled is looked up first.
    if not digits.startswith(("+", "0")) and len(digits) <= 6 and not is_short_for_outside(digits, country):
        return Dialled(digits, presentation=question.presentation)
    number = _e164(digits, country, question.area_code)
    return Dialled(digits, number, number_class(number, country).value if number else "",
                   presentation=question.presentation)


def _code(dialled: Dialled, found: Found) -> CodeDialled | None:
    if dialled.is_lamp or dialled.is_emergency:
        return None
    return meaning(
        dialled.digits, table_of(found.company.codes), mobile=found.from_mobile,
        speed_dials=found.caller.speed_dials if found.caller else {})


def _e164(text: str, country: str, area_code: str = "") -> str:
    """"" when it is no number."""
    try:
        return PhoneNumber.parse(text, country, area_code).e164
    except InvalidNumber:
        return ""


def _colleague(person: Subscriber, presentation: Presentation) -> Caller:
    return Caller(person.subscriber_id, person.extension, name=person.name, main_number=person.main_number,
                  withheld=is_suppressed(person, presentation))


def _splash_of(step: Step, shown: Shown, domain: str) -> tuple[Command, ...]:
    return tuple(commands.splash(leg, shown, domain) for leg in splashes(step))


def _first_record(question: Question, decided: Decided, step: Step, now: datetime) -> Record | None:
    if not decided.company_id:
        return None
    caller, found = decided.caller, decided.found
    callee_id = (found.owner_id or found.lamp_owner_id) if found else None
    callee = found.people.get(callee_id) if found and callee_id is not None else None
    direction = "incoming" if question.from_trunk else "internal" if callee else "outgoing"
    outside_number = next((leg.number for leg in step.legs if isinstance(leg, TrunkLeg)), "") if (
        isinstance(step, Ring) and callee is None) else ""
    return {
        "kind": "decided_again" if question.asked_before else "decided",
        # The portal calls back for its owner, on a leg on which somebody else may have called (call_log.py).
        "anew": question.asked_before and question.acting_subscriber_id is not None and not question.clicked,
        "call_id": question.leg_uuid, "company_id": decided.company_id,
        "at": now.isoformat(), "direction": direction,
        "device_id": question.device_id,
        "caller_id": caller.subscriber_id,
        "caller_number": caller.extension or caller.number or None,
        "caller_name": caller.name or None, "withheld": caller.withheld,
        "dialled": question.dialled,
        "callee_id": callee.subscriber_id if callee else None,
        "callee_name": callee.name if callee else None,
        "callee_number": callee.extension if callee else outside_number or question.dialled,
        "rung": decided.decision.rung,
        "trace": [line.as_json() for line in decided.decision.trace],
        "step": step_record(step), "rang": rang(step), "answered_at": taken_at(question.answered, step, now),
        "from_memory": found.from_memory if found else False,
    }


def _left_record(question: Question, decided: Decided, now: datetime) -> Record | None:
    if not question.earlier_call_id or question.answered_at is None or not decided.company_id:
        return None
    return {"kind": "leg_answered", "call_id": question.earlier_call_id, "company_id": decided.company_id,
            "at": now.isoformat(), "answered_at": question.answered_at.isoformat(),
            "subscriber_id": question.leg_subscriber_id}
