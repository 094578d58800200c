"""Facts written as the difference from an ordinary office: everyone has a desk phone and nothing switched on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.routing.facts import (
    Caller,
    CallFacts,
    Company,
    Dialled,
    Forwarding,
    Mailbox,
    OutgoingFacts,
    Site,
    Subscriber,
)

NOON = datetime(2026, 8, 12, 12, 0, tzinfo=UTC)  # a Wednesday
BERLIN = Site(1, "DE", "30", "+49305550000")
NAMES = {21: "Anna Amsel", 22: "Bernd Buche", 23: "Clara Clemens", 24: "David Daus", 25: "Emma Engel",
         26: "Felix Falk", 27: "Greta Grün", 28: "Hans Hase"}


def person(extension: int, **settings: Any) -> Subscriber:
    name = NAMES[extension]
    plain = Subscriber(
        subscriber_id=extension, extension=str(extension), name=name, main_number=f"+493055500{extension:03}",
        site=BERLIN, device_ids=(f"{name.split()[0].lower()}-desk",), mailbox=Mailbox(),
    )
    return replace(plain, **settings)


COMPANY = Company(7, "musterbau.example", ("musterbau-1",), frozenset({"national", "mobile"}))
ANNA = Caller(21, "21", name="Anna Amsel", main_number="+493055500021")
OUTSIDE = Caller(number="+491715550100")
WITHHELD = Caller(withheld=True)


def forward(target: str, rings: int = 0) -> Forwarding:
    return Forwarding(target, rings)


def incoming(callee: Subscriber, *others: Subscriber, caller: Caller = ANNA, **more: Any) -> CallFacts:
    people = {one.subscriber_id: one for one in (callee, *others)}
    owners = {one.extension: one.subscriber_id for one in people.values()}
    owners |= {one.main_number: one.subscriber_id for one in people.values()}
    return CallFacts(
        now=more.pop("now", NOON), company=more.pop("company", COMPANY), caller=caller,
        callee_id=callee.subscriber_id, people=people, owners=owners, **more)


def outgoing(caller: Subscriber | None, dialled: Dialled, *others: Subscriber, **more: Any) -> OutgoingFacts:
    people = {one.subscriber_id: one for one in (caller, *others) if one}
    owners = {one.extension: one.subscriber_id for one in people.values()}
    owners |= {one.main_number: one.subscriber_id for one in people.values()}
    who = Caller(caller.subscriber_id, caller.extension, name=caller.name) if caller else OUTSIDE
    return OutgoingFacts(
        now=NOON, company=more.pop("company", COMPANY), subscriber=caller, caller=who, dialled=dialled,
        owner_id=dialled.lamp_owner_id if dialled.is_lamp else owners.get(dialled.digits) or owners.get(dialled.number),
        people=people, owners=owners, **more)
