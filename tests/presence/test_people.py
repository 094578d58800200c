"""The copy of the tables: taken in piece by piece it is the same as read at once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.presence.lamps import NIGHT, LampAddress
from services.presence.people import Availability, Device, People, Person, Site
from shared.schedule import NightService

from .examples import ANNA, BERND, CLARA, DEVICES, DOMAIN, PEOPLE, ULF

IDS = (101, 102, 103, 201)
Rows = tuple[dict[int, Person], dict[str, Device], dict[int, dict[int, int]]]


def people_of(rows: Rows) -> People:
    persons, devices, watched = rows
    return People(persons.values(), devices.values(), watched)


def reading_of(rows: Rows, ids: set[int]) -> People:
    """What the database answers about these people."""
    persons, devices, watched = rows
    return People(
        [one for one in persons.values() if one.subscriber_id in ids],
        [one for one in devices.values() if one.subscriber_id in ids],
        {one: watched[one] for one in watched if one in ids})


def seen(people: People) -> object:
    """Everything anybody asks of it."""
    return (
        {one: (people.person(one), set(people.devices_of(one)), people.watched_by(one), people.watchers_of(one))
         for one in IDS},
        {text: people.person_at(f"{text}@{DOMAIN}") for text in ("21", "22", "23", "24")},
        {device: people.device(device) for device in ("d1", "d2", "d3")},
        {key: people.owner_of(LampAddress(extension, 1, key, DOMAIN))
         for key in ("k1", "k2", "k3") for extension in ("21", "22")},
        set(people.all_addresses()), people.people_of(1), people.people_of(2), people.people_at(0),
        set(people.subscriber_ids),
    )


_CHANGES = st.lists(st.tuples(
    st.sampled_from(["person", "gone", "device", "device gone", "list"]),
    st.sampled_from(IDS),
    st.sampled_from(["21", "22", "23", "24"]),
    st.sampled_from(["1", "2", "3"]),
    st.lists(st.sampled_from(IDS), max_size=3, unique=True),
    st.booleans(),                    # whether it is read at once, or with the next
), max_size=25)


@settings(max_examples=300, deadline=None)
@given(_CHANGES)
def test_pieces_and_the_whole_are_the_same(changes):
    rows: Rows = ({}, {}, {})
    persons, devices, watched = rows
    people = People((), (), {})
    unread: set[int] = set()
    for what, one, extension, number, chosen, read in changes:
        if what == "person":
            if not any(other.extension == extension and other.subscriber_id != one for other in persons.values()):
                persons[one] = Person(1 if one < 200 else 2, one, extension, f"Person {one}", DOMAIN)
        elif what == "gone":
            persons.pop(one, None)
            watched.pop(one, None)
            for device in [each for each in devices.values() if each.subscriber_id == one]:
                del devices[device.device_id]
            for watcher, positions in watched.items():
                watched[watcher] = {at: who for at, who in positions.items() if who != one}
                unread.add(watcher)
        elif what == "device" and one in persons:
            former = devices.get(f"d{number}")
            if former is not None:
                unread.add(former.subscriber_id)
            devices[f"d{number}"] = Device(f"d{number}", one, f"k{number}")
        elif what == "device gone":
            former = devices.pop(f"d{number}", None)
            if former is not None:
                unread.add(former.subscriber_id)
        elif what == "list" and one in persons:
            watched[one] = dict(enumerate((who for who in chosen if who in persons and who != one), start=1))
        unread.add(one)
        if read:
            people.replace(unread, reading_of(rows, unread))
            unread.clear()
    people.replace(unread, reading_of(rows, unread))
    assert seen(people) == seen(people_of(rows))

    everybody = set(persons)
    for one in sorted(everybody):
        people.replace({one}, People((), (), {}))
    persons.clear(), devices.clear(), watched.clear()
    assert seen(people) == seen(People((), (), {}))


def test_a_company_is_replaced_and_the_other_stays():
    night = Site(1, 11, "Berlin", night=NightService("22"))
    people = People((ANNA, BERND, CLARA, ULF), DEVICES, {101: {1: 102}}, [night, Site(2, 21, "Kiel")])
    moved = replace(BERND, extension="29")
    concerned = people.replace_company(1, People((ANNA, moved), DEVICES[:2], {}, [Site(1, 12, "Bonn")]))
    assert concerned == {101, 102, 103}
    assert people.person(103) is None
    assert people.person_at(f"29@{DOMAIN}") == moved
    assert people.person_at(BERND.presence_id) is None
    assert people.person(201) == ULF
    assert sorted(people.sites) == [12, 21]
    assert people.watchers_of(102) == ()


def test_the_lamps_of_a_night_service_are_those_of_its_people_where_it_is_set_up():
    berlin = Site(1, 11, "Berlin", night=NightService("22"))
    here, there = replace(ANNA, site_id=11), replace(BERND, site_id=12)
    people = People((here, there), DEVICES, {}, [berlin, Site(1, 12, "Bonn")])
    lamps = {LampAddress("21", NIGHT, key, DOMAIN) for key in ("annadeskkey", "annasoftkey")}
    assert set(people.night_addresses(11)) == lamps
    assert set(people.all_addresses()) == lamps


def test_settings_come_with_the_person():
    people = People((ANNA, BERND, CLARA, ULF), DEVICES, {101: {1: 102, 2: 103}, 102: {1: 101}})
    assert seen(people) == seen(PEOPLE)
    disturbed = replace(ANNA, availability=Availability(do_not_disturb=True))
    people.replace({101}, People((disturbed,), DEVICES[:2], {101: {1: 102}}))
    assert people.person(101) == disturbed
    assert people.watched_by(101) == {1: BERND}
    assert people.watchers_of(103) == ()
