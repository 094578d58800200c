"""What the database said last, for the time it is away: bounded, oldest out first.

Filled by every answer, and ahead of need for every device that registers; so calls among people whose
telephones work are routed whether the database answers or not. Settings changed meanwhile show when it is back.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from services.routing.facts import MAILBOX, MOST_REDIRECTIONS, CallerRule, Company, Intercept, Site, Subscriber

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up for one call."""

    device_id: str | None = None
    acting_subscriber_id: int | None = None
    company_id: int | None = None
    trunk: str | None = None
    dialled: str = ""
    dialled_number: str | None = None
    caller_number: str | None = None
    lamp: tuple[str, int, str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    company: Company
    caller: Subscriber | None
    owner_id: int | None
    people: dict[int, Subscriber]
    owners: dict[str, int] = field(default_factory=dict)
    lamp_owner_id: int | None = None
    caller_name: str = ""
    from_memory: bool = False
    from_mobile: bool = False
    """Asked by a device that is an integrated mobile, in a company that has switched those on (N8)."""
    called_site: Site | None = None
    """Asked from outside, by the main number of this site."""
    nobody: Subscriber | None = None
    """Asked from outside, by a number of a site that nobody has: whose settings hold for it are the site's."""


class Bounded(OrderedDict[Key, Value], Generic[Key, Value]):
    """Forgets what was written longest ago."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, key: Key, value: Value) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)


class Memory:
    def __init__(self, people: int = 20_000) -> None:
        self._companies: Bounded[int, Company] = Bounded(1_000)
        self._people: Bounded[int, tuple[int, Subscriber]] = Bounded(people)
        self._devices: Bounded[str, tuple[int, int]] = Bounded(2 * people)
        self._owners: Bounded[tuple[int, str], int] = Bounded(6 * people)
        self._companies_of_numbers: Bounded[str, int] = Bounded(5 * people)
        self._lamps: Bounded[tuple[int, str, int, str], int] = Bounded(4 * people)

    def __len__(self) -> int:
        return len(self._people)

    def trunks_of(self, company_id: int | None) -> tuple[str, ...]:
        company = self._companies.get(company_id or 0)
        return company.trunks if company else ()

    def remember(self, asked: Asked, found: Found) -> None:
        company_id = found.company.company_id
        self._companies.keep(company_id, found.company)
        for person in found.people.values():
            if person.calls_up:  # true now; who is remembered by it later would stay busy
                person = replace(person, calls_up=0, call_waiting_off_once=False)
            self._people.keep(person.subscriber_id, (company_id, person))
            self._owners.keep((company_id, person.extension), person.subscriber_id)
            for number in person.numbers:
                self._owners.keep((company_id, number), person.subscriber_id)
                self._companies_of_numbers.keep(number, company_id)
        if asked.device_id and found.caller:
            self._devices.keep(asked.device_id, (company_id, found.caller.subscriber_id))
        if found.owner_id is None:  # what used to be somebody's is nobody's now
            self._owners.pop((company_id, asked.dialled), None)
            self._owners.pop((company_id, asked.dialled_number or ""), None)
        if asked.lamp:
            if found.lamp_owner_id is None:
                self._lamps.pop((company_id, *asked.lamp), None)
            else:
                self._lamps.keep((company_id, *asked.lamp), found.lamp_owner_id)

    def recall(self, asked: Asked) -> Found | None:
        """None when who calls, or the company that is called, was never met, or when an extension is not known."""
        company_id, caller_id = self._scope(asked)
        company = self._companies.get(company_id or 0)
        caller = self._people.get(caller_id or 0)
        if company is None or company_id is None or (caller_id is not None and caller is None):
            return None
        owner_id = self._owner(company_id, asked.dialled) or self._owner(company_id, asked.dialled_number or "")
        if owner_id is None and asked.dialled_number is None and asked.dialled.isdigit():
            return None  # it may well exist: the switch's own directory knows better
        lamp_owner_id = self._lamps.get((company_id, *asked.lamp)) if asked.lamp else None
        people: dict[int, Subscriber] = {}
        owners: dict[str, int] = {}
        frontier = {one for one in (owner_id, lamp_owner_id) if one is not None}
        for _ in range(MOST_REDIRECTIONS + 2):
            frontier = self._gather(company_id, frontier, people, owners)
        if caller:
            people[caller[1].subscriber_id] = caller[1]
        if owner_id is not None and owner_id not in people:
            return None
        called_site = people[owner_id].site if owner_id is not None and caller is None else None
        if called_site is not None and called_site.main_number != asked.dialled_number:
            called_site = None
        return Found(company, caller[1] if caller else None, owner_id, people, owners, lamp_owner_id,
                     from_memory=True, called_site=called_site)

    def _scope(self, asked: Asked) -> tuple[int | None, int | None]:
        if asked.acting_subscriber_id is not None:
            known = self._people.get(asked.acting_subscriber_id)
            if known is None or asked.company_id not in (None, known[0]):
                return None, None
            return known[0], asked.acting_subscriber_id
        if asked.device_id is not None:
            return self._devices.get(asked.device_id, (None, None))
        if asked.company_id is not None:
            return asked.company_id, None
        company_id = self._companies_of_numbers.get(asked.dialled_number or "")
        company = self._companies.get(company_id or 0)
        if company is None or (asked.trunk and asked.trunk not in company.trunks):
            return None, None
        return company_id, None

    def _owner(self, company_id: int, dialled: str) -> int | None:
        dialled = dialled.removeprefix(MAILBOX)
        owner_id = self._owners.get((company_id, dialled))
        person = self._people.get(owner_id or 0)
        if person is None or dialled not in (person[1].extension, *person[1].numbers):
            return None  # it changed hands since
        return owner_id

    def _gather(
        self, company_id: int, frontier: set[int], people: dict[int, Subscriber], owners: dict[str, int],
    ) -> set[int]:
        onward: set[int] = set()
        for subscriber_id in frontier:
            known = self._people.get(subscriber_id)
            if known is None or known[0] != company_id or subscriber_id in people:
                continue
            people[subscriber_id] = known[1]
            for target in forward_targets(known[1]):
                owner_id = self._owner(company_id, target)
                if owner_id is not None:
                    owners[target] = owner_id
                    onward.add(owner_id)
        return onward


def forward_targets(person: Subscriber) -> tuple[str, ...]:
    """Every place his calls can be sent on to: forwards of all kinds, night service, rules, intercepts."""
    forwards = (
        person.forward_always, person.forward_busy, person.forward_no_answer, person.forward_not_reachable)
    intercepts: tuple[Intercept | None, ...] = (
        person.intercept_incoming, person.intercept_outgoing, person.site.intercept_incoming,
        person.site.intercept_outgoing)
    rules: tuple[CallerRule, ...] = (
        *person.selective_forwarding, *person.enterprise_incoming, *person.enterprise_outgoing)
    targets = [one.target for one in (*forwards, *intercepts) if one]
    targets += [rule.target for rule in rules]
    targets += [person.selective_forwarding_target, person.site.night.target]
    return tuple(target for target in targets if target)
