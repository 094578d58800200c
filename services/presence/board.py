"""What is shown of whom: calls, registrations, settings and night service folded into one look of each subscriber.

    CallsUp + Registrations + People + nights -> Board.refresh -> the subscribers who look different now
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.presence.lamps import DARK, NIGHT, LampAddress, Picture, picture_of
from services.presence.people import People, Person
from services.presence.registrations import Registrations
from services.presence.states import (
    NOT_REGISTERED,
    State,
    SubscriberFacts,
    because_of,
    night_lamp,
    rings,
    state_of,
)
from shared.calls_up import CallsUp, Leg

_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class Caller:
    """Who rings at somebody; never one who withholds who he is."""

    number: str
    name: str
    """Empty where nobody knows one. Text of a caller: to be shown, never to be run."""


@dataclass(frozen=True, slots=True)
class Look:
    """Two equal looks are no news to anybody."""

    state: State
    because: tuple[str, ...] = ()
    """Names of states.REASONS."""
    caller: Caller | None = None


UNKNOWN = Look(NOT_REGISTERED)


class Board:
    def __init__(self, calls: CallsUp, registrations: Registrations) -> None:
        self._calls = calls
        self._registrations = registrations
        self._looks: dict[int, Look] = {}
        self._nights: frozenset[int] = frozenset()
        self.people = People((), (), {})

    def take_people(self, people: People) -> frozenset[int]:
        """A new reading of all tables; answers who looks different for it."""
        self.people = people
        gone = self._looks.keys() - set(people.subscriber_ids)
        for subscriber_id in gone:
            del self._looks[subscriber_id]
        return self.refresh(people.subscriber_ids) | gone

    def take_some(self, subscriber_ids: Iterable[int], reading: People) -> frozenset[int]:
        """A new reading of these people; answers who looks different for it."""
        wanted = frozenset(subscriber_ids)
        self.people.replace(wanted, reading)
        return self._taken(wanted)

    def take_company(self, company_id: int, reading: People) -> frozenset[int]:
        """A new reading of a company; answers who looks different for it."""
        return self._taken(self.people.replace_company(company_id, reading))

    def _taken(self, subscriber_ids: frozenset[int]) -> frozenset[int]:
        gone = {one for one in subscriber_ids
                if self.people.person(one) is None and self._looks.pop(one, None) is not None}
        return self.refresh(subscriber_ids) | gone

    def take_nights(self, sites: Iterable[int]) -> frozenset[int]:
        """Where it is night now, by site id; answers the sites where that is new."""
        nights = frozenset(sites)
        changed, self._nights = self._nights ^ nights, nights
        return changed

    def is_night_at(self, site_id: int) -> bool:
        return site_id in self._nights

    def look_of(self, subscriber_id: int) -> Look:
        return self._looks.get(subscriber_id, UNKNOWN)

    def state_of(self, subscriber_id: int) -> State:
        return self.look_of(subscriber_id).state

    def refresh(self, subscriber_ids: Iterable[int]) -> frozenset[int]:
        changed = set()
        for subscriber_id in subscriber_ids:
            person = self.people.person(subscriber_id)
            if person is None:
                continue
            look = self._look_now(person)
            if self._looks.get(subscriber_id) != look:
                self._looks[subscriber_id] = look
                changed.add(subscriber_id)
        return frozenset(changed)

    def legs_of(self, subscriber_id: int) -> tuple[int, tuple[Leg, ...]] | None:
        """Company and legs; None for nobody."""
        person = self.people.person(subscriber_id)
        return (person.company_id, self._calls.legs_of(person.presence_id)) if person is not None else None

    def persons_at(self, presence_ids: Iterable[str]) -> frozenset[int]:
        persons = map(self.people.person_at, presence_ids)
        return frozenset(person.subscriber_id for person in persons if person is not None)

    def refresh_presences(self, presence_ids: Iterable[str]) -> frozenset[int]:
        return self.refresh(self.persons_at(presence_ids))

    def refresh_devices(self, device_ids: Iterable[str]) -> frozenset[int]:
        devices = map(self.people.device, device_ids)
        return self.refresh(device.subscriber_id for device in devices if device is not None)

    def picture_at(self, address: LampAddress) -> Picture:
        """P5: whoever rings or talks with the watched person is not shown; the watched person is."""
        if address.shows == NIGHT:
            owner = self.people.owner_of(address)
            return DARK if owner is None else Picture(night_lamp(is_night=self.is_night_at(owner.site_id)))
        person = self.people.person_on(address)
        if person is None:
            return DARK
        return picture_of(self.state_of(person.subscriber_id).lamp, person.extension, person.name)

    def caller_for(self, watcher: Person, person: Person) -> Caller | None:
        """P5: who rings at a person is for those of his own pickup group."""
        if watcher.company_id != person.company_id or watcher.pickup_group_id is None:
            return None
        if watcher.pickup_group_id != person.pickup_group_id:
            return None
        return self.look_of(person.subscriber_id).caller

    def _look_now(self, person: Person) -> Look:
        facts = self._facts(person)
        return Look(state_of(facts), because_of(facts), _caller_of(rings(facts.legs)))

    def _facts(self, person: Person) -> SubscriberFacts:
        devices = self.people.device_ids_of(person.subscriber_id)
        settings = person.availability
        return SubscriberFacts(
            legs=self._calls.legs_of(person.presence_id),
            registered=any(map(self._registrations.is_registered, devices)),
            do_not_disturb=settings.do_not_disturb,
            forwarded=settings.forwarded,
            mailbox=settings.mailbox,
            intercepted=settings.intercepted,
            remote_office=settings.remote_office,
            night_service=self.is_night_at(person.site_id),
        )


def caller_number_of(leg: Leg) -> str | None:
    """None for who withholds his, and for whatever is no number: routing writes `anonymous` then."""
    return None if leg.caller_withheld or not _NUMBER.fullmatch(leg.caller_number or "") else leg.caller_number


def _caller_of(leg: Leg | None) -> Caller | None:
    """None also for a telephone a service rings by itself: what that shows is whom its owner calls (C1), and that is as
    little his group's business as whom he dials."""
    if leg is None or leg.call_uuid == leg.leg_uuid:
        return None
    number = caller_number_of(leg)
    if number is None:
        return None
    name = (leg.caller_name or "").strip()
    return Caller(number, "" if name == number else name[:_NAME_MAX])
