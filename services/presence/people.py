"""Who is there, whose telephones they are, who watches whom, and the sites: a copy of the tables.

    rows of the database -> People -> who is meant by a presence id, a device, a lamp's address

A reading of all tables makes a new copy; a change of some people is taken into the one that stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from services.presence.lamps import LAST_KEY, NIGHT, LampAddress
from shared.schedule import NO_NIGHT_SERVICE, NightService

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Availability:
    """The settings of a person that a lamp shows."""

    do_not_disturb: bool = False
    forwarded: bool = False
    mailbox: bool = False
    intercepted: bool = False
    remote_office: bool = False


AVAILABLE = Availability()


@dataclass(frozen=True, slots=True)
class Person:
    company_id: int
    subscriber_id: int
    extension: str
    name: str
    domain: str
    site_id: int = 0
    availability: Availability = AVAILABLE
    pickup_group_id: int | None = None

    @property
    def presence_id(self) -> str:
        return f"{self.extension}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Device:
    device_id: str
    subscriber_id: int
    lamp_key: str


@dataclass(frozen=True, slots=True)
class Site:
    company_id: int
    site_id: int
    name: str
    time_zone: str = "Europe/Berlin"
    country: str = "DE"
    region: str = ""
    night: NightService = NO_NIGHT_SERVICE


class People:
    def __init__(
        self,
        persons: Iterable[Person],
        devices: Iterable[Device],
        watched: Mapping[int, Mapping[int, int]],
        sites: Iterable[Site] = (),
    ) -> None:
        """watched: subscriber id -> position from 1 -> watched subscriber id."""
        self._persons: dict[int, Person] = {}
        self._devices: dict[str, Device] = {}
        self._devices_of: dict[int, list[Device]] = {}
        self._watched: dict[int, dict[int, int]] = {}
        self._by_presence: dict[str, Person] = {}
        self._by_key: dict[str, Device] = {}
        self._watchers: dict[int, set[tuple[int, int]]] = {}
        self._of_company: dict[int, set[int]] = {}
        self._of_site: dict[int, set[int]] = {}
        self.sites = {site.site_id: site for site in sites}
        of_person: dict[int, list[Device]] = {}
        for device in devices:
            of_person.setdefault(device.subscriber_id, []).append(device)
        for person in persons:
            self._put(person, of_person.get(person.subscriber_id, ()), watched.get(person.subscriber_id, {}))

    def replace(self, subscriber_ids: Iterable[int], reading: People) -> None:
        """These people are as the reading says; who is not in it is gone."""
        wanted = set(subscriber_ids)
        for subscriber_id in wanted:
            self._drop(subscriber_id)
        for subscriber_id in wanted:
            person = reading.person(subscriber_id)
            if person is not None:
                self._put(person, reading.devices_of(subscriber_id), reading.list_of(subscriber_id))

    def replace_company(self, company_id: int, reading: People) -> frozenset[int]:
        """All people and sites of a company; answers whom that concerns."""
        wanted = self.people_of(company_id) | reading.people_of(company_id)
        self.sites = {site.site_id: site for site in (
            *(site for site in self.sites.values() if site.company_id != company_id),
            *(site for site in reading.sites.values() if site.company_id == company_id))}
        self.replace(wanted, reading)
        return wanted

    def _put(self, person: Person, devices: Iterable[Device], watched: Mapping[int, int]) -> None:
        subscriber_id = person.subscriber_id
        self._persons[subscriber_id] = person
        self._by_presence[person.presence_id] = person
        self._of_company.setdefault(person.company_id, set()).add(subscriber_id)
        self._of_site.setdefault(person.site_id, set()).add(subscriber_id)
        for device in devices:
            self._devices[device.device_id] = device
            self._by_key[device.lamp_key] = device
            self._devices_of.setdefault(subscriber_id, []).append(device)
        if watched:
            self._watched[subscriber_id] = dict(sorted(watched.items()))
            for position, watched_id in watched.items():
                self._watchers.setdefault(watched_id, set()).add((subscriber_id, position))

    def _drop(self, subscriber_id: int) -> None:
        person = self._persons.pop(subscriber_id, None)
        if person is None:
            return
        # What another one was given meanwhile stays his.
        if self._by_presence.get(person.presence_id) is person:
            del self._by_presence[person.presence_id]
        _discard(self._of_company, person.company_id, subscriber_id)
        _discard(self._of_site, person.site_id, subscriber_id)
        for device in self._devices_of.pop(subscriber_id, ()):
            if self._devices.get(device.device_id) is device:
                del self._devices[device.device_id]
            if self._by_key.get(device.lamp_key) is device:
                del self._by_key[device.lamp_key]
        for position, watched_id in self._watched.pop(subscriber_id, {}).items():
            _discard(self._watchers, watched_id, (subscriber_id, position))

    @property
    def subscriber_ids(self) -> Iterable[int]:
        return self._persons.keys()

    def people_of(self, company_id: int) -> frozenset[int]:
        return frozenset(self._of_company.get(company_id, ()))

    def people_at(self, site_id: int) -> frozenset[int]:
        return frozenset(self._of_site.get(site_id, ()))

    def devices_of(self, subscriber_id: int) -> tuple[Device, ...]:
        return tuple(self._devices_of.get(subscriber_id, ()))

    def list_of(self, watcher_id: int) -> Mapping[int, int]:
        """Position -> subscriber id, as it is kept."""
        return self._watched.get(watcher_id, {})

    def site_of(self, person: Person) -> Site | None:
        return self.sites.get(person.site_id)

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
        return tuple(sorted(self._watchers.get(subscriber_id, ())))

    def owner_of(self, address: LampAddress) -> Person | None:
        """Whose handset carries this lamp; None unless key, extension and domain are of one subscriber."""
        device = self._by_key.get(address.key)
        owner = self._persons.get(device.subscriber_id) if device is not None else None
        if owner is None or (owner.extension, owner.domain) != (address.extension, address.domain):
            return None
        return owner

    def person_on(self, address: LampAddress) -> Person | None:
        """Whom the lamp shows; None where it shows nobody."""
        owner = self.owner_of(address)
        if owner is None or not isinstance(address.shows, int):
            return None
        return self.watched_by(owner.subscriber_id).get(address.shows)

    def may_watch_as(self, user: str, owner: Person) -> bool:
        """Whether the user part of a watcher's From names the owner: a device of his, or his extension."""
        device = self._devices.get(user)
        return user == owner.extension or (device is not None and device.subscriber_id == owner.subscriber_id)

    def addresses_at(self, watcher_id: int, shows: int | str) -> tuple[LampAddress, ...]:
        """The lamps of one position, or of one kind, on each handset of a subscriber."""
        owner = self._persons.get(watcher_id)
        if owner is None:
            return ()
        return tuple(
            LampAddress(owner.extension, shows, device.lamp_key, owner.domain)
            for device in self._devices_of.get(watcher_id, ())
        )

    def addresses_showing(self, subscriber_id: int) -> tuple[LampAddress, ...]:
        return tuple(
            address
            for watcher, position in self.watchers_of(subscriber_id)
            for address in self.addresses_at(watcher, position)
        )

    def addresses_of(self, watcher_id: int) -> Iterator[LampAddress]:
        """Every lamp of his handsets."""
        for shows in (*range(1, LAST_KEY + 1), NIGHT):
            yield from self.addresses_at(watcher_id, shows)

    def night_addresses(self, site_id: int) -> Iterator[LampAddress]:
        """The lamps that show the night service of this site."""
        for subscriber_id in self.people_at(site_id):
            yield from self.addresses_at(subscriber_id, NIGHT)

    def all_addresses(self) -> Iterator[LampAddress]:
        """Every lamp of everybody who has a list, and of night services: first what shows somebody, then the empty
        positions, which may still be lit from a longer list."""
        for with_person in (True, False):
            for watcher in list(self._watched):
                watched = self.watched_by(watcher)
                for position in range(1, LAST_KEY + 1):
                    if (position in watched) is with_person:
                        yield from self.addresses_at(watcher, position)
            if with_person:
                for site in list(self.sites.values()):
                    if site.night.target:
                        yield from self.night_addresses(site.site_id)


def _discard(index: dict[int, set[T]], key: int, one: T) -> None:
    """A set that is empty goes, so that nothing is left of whoever is gone."""
    found = index.get(key)
    if found is not None:
        found.discard(one)
        if not found:
            del index[key]

