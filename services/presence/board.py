"""What is shown of whom: calls, registrations and settings of each subscriber folded into one state.

    CallsUp + Registrations + People -> Board.refresh -> the subscribers whose state is another one now
"""

from __future__ import annotations

from collections.abc import Iterable

from services.presence.lamps import DARK, LampAddress, Picture, picture_of
from services.presence.people import NOBODY, People, Person
from services.presence.registrations import Registrations
from services.presence.states import NOT_REGISTERED, State, SubscriberFacts, state_of
from shared.calls_up import CallsUp, Leg


class Board:
    def __init__(self, calls: CallsUp, registrations: Registrations) -> None:
        self._calls = calls
        self._registrations = registrations
        self._states: dict[int, State] = {}
        self.people: People = NOBODY

    def take_people(self, people: People) -> frozenset[int]:
        """A new reading of the tables; answers whose state is another one for it."""
        self.people = people
        gone = self._states.keys() - set(people.subscriber_ids)
        for subscriber_id in gone:
            del self._states[subscriber_id]
        return self.refresh(people.subscriber_ids) | gone

    def state_of(self, subscriber_id: int) -> State:
        return self._states.get(subscriber_id, NOT_REGISTERED)

    def refresh(self, subscriber_ids: Iterable[int]) -> frozenset[int]:
        changed = set()
        for subscriber_id in subscriber_ids:
            person = self.people.person(subscriber_id)
            if person is None:
                continue
            state = state_of(self._facts(person))
            if self._states.get(subscriber_id) is not state:
                self._states[subscriber_id] = state
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
        person = self.people.person_on(address)
        if person is None:
            return DARK
        return picture_of(self.state_of(person.subscriber_id).lamp, person.extension, person.name)

    def _facts(self, person: Person) -> SubscriberFacts:
        devices = self.people.device_ids_of(person.subscriber_id)
        return SubscriberFacts(
            legs=self._calls.legs_of(person.presence_id),
            registered=any(map(self._registrations.is_registered, devices)),
        )
