"""Who is there, whose telephones they are, and who watches whom: one consistent copy of the tables.

    rows of the database -> People -> who is meant by a presence id, a device, a lamp's address
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.presence.lamps import LAST_KEY, LampAddress


@dataclass(frozen=True, slots=True)
class Person:
    company_id: int
    subscriber_id: int
    extension: str
    name: str
    domain: str

    @property
    def presence_id(self) -> str:
        return f"{self.extension}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Device:
    device_id: str
    subscriber_id: int
    lamp_key: str


class People:
    """Immutable; whatever changes in the tables makes a new reading."""

    def __init__(
        self,
        persons: Iterable[Person],
        devices: Iterable[Device],
        watched: Mapping[int, Mapping[int, int]],
    ) -> None:
        """watched: subscriber id -> position from 1 -> watched subscriber id."""
        self._persons = {person.subscriber_id: person for person in persons}
        self._devices = {device.device_id: device for device in devices}
        self._watched = {watcher: dict(sorted(positions.items())) for watcher, positions in watched.items()}
        self._by_presence = {person.presence_id: person for person in self._persons.values()}
        self._by_key = {device.lamp_key: device for device in self._devices.values()}
        self._devices_of: dict[int, list[Device]] = {}
        for device in self._devices.values():
            self._devices_of.setdefault(device.subscriber_id, []).append(device)
        self._watchers: dict[int, list[tuple[int, int]]] = {}
        for watcher, positions in self._watched.items():
            for position, subscriber_id in positions.items():
                self._watchers.setdefault(subscriber_id, []).append((watcher, position))

    @property
    def subscriber_ids(self) -> Iterable[int]:
        return self._persons.keys()

    def person(self, subscriber_id: int) -> Person | None:
        return self._persons.get(subscriber_id)

    def person_at(self, presence_id: str) -> Person | None:
        return self._by_presence.get(presence_id)

    def device(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    def device_ids_of(self, subscriber_id: int) -> tuple[str, ...]:
        return tuple(device.device_id for device in self._devices_of.get(subscriber_id, ()))

    def watched_by(self, watcher_id: int) -> dict[int, Person]:
        """Position -> person; a position whose person was deleted is missing."""
        return {
            position: self._persons[subscriber_id]
            for position, subscriber_id in self._watched.get(watcher_id, {}).items()
            if subscriber_id in self._persons
        }

    def watchers_of(self, subscriber_id: int) -> tuple[tuple[int, int], ...]:
        """(watcher, position) for each list this subscriber is on."""
        return tuple(self._watchers.get(subscriber_id, ()))

    def owner_of(self, address: LampAddress) -> Person | None:
        """Whose handset carries this lamp; None unless key, extension and domain are of one subscriber."""
        device = self._by_key.get(address.key)
        owner = self._persons.get(device.subscriber_id) if device is not None else None
        if owner is None or (owner.extension, owner.domain) != (address.extension, address.domain):
            return None
        return owner

    def person_on(self, address: LampAddress) -> Person | None:
        """Whom the lamp shows; None where it has to stay dark."""
        owner = self.owner_of(address)
        return self.watched_by(owner.subscriber_id).get(address.position) if owner is not None else None

    def may_watch_as(self, user: str, owner: Person) -> bool:
        """Whether the user part of a watcher's From names the owner: a device of his, or his extension."""
        device = self._devices.get(user)
        return user == owner.extension or (device is not None and device.subscriber_id == owner.subscriber_id)

    def addresses_at(self, watcher_id: int, position: int) -> tuple[LampAddress, ...]:
        """The lamps of one position on each handset of a subscriber."""
        owner = self._persons.get(watcher_id)
        if owner is None:
            return ()
        return tuple(
            LampAddress(owner.extension, position, device.lamp_key, owner.domain)
            for device in self._devices_of.get(watcher_id, ())
        )

    def addresses_showing(self, subscriber_id: int) -> tuple[LampAddress, ...]:
        return tuple(
            address
            for watcher, position in self.watchers_of(subscriber_id)
            for address in self.addresses_at(watcher, position)
        )

    def all_addresses(self) -> Iterator[LampAddress]:
        """Every lamp of everybody who has a list: first those with a person, then the empty positions,
        which may still be lit from a longer list."""
        for with_person in (True, False):
            for watcher in self._watched:
                watched = self.watched_by(watcher)
                for position in range(1, LAST_KEY + 1):
                    if (position in watched) is with_person:
                        yield from self.addresses_at(watcher, position)


NOBODY = People((), (), {})
