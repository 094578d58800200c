"""Whatever happens, in the end every lamp shows what is true: events lost, doubled, late; lines cut; the switch or this
service started anew; lists, settings and registrations changed at any moment; lamps that did not get through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.presence.board import Board
from services.presence.lamp_sender import REST_S, LampSender
from services.presence.lamps import DARK, LampAddress
from services.presence.people import Availability, People, Person, Site
from services.presence.registrations import Registration, Registrations
from shared.calls_up import TABLE_DELAY_S, CallState, CallsUp, Direction, Leg, LegNews
from shared.esl.commands import Command
from shared.esl.errors import ConnectionLost
from shared.schedule import NightService

from .examples import ANNA, BERND, CLARA, DEVICES, ULF

BERLIN = Site(1, 11, "Berlin", night=NightService("22"))


@dataclass
class World:
    """What is true: at the switch, at the handsets, in the tables."""

    now: float = 0.0
    sequence: int = 0
    run: int = 1
    up: dict[str, Leg] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)
    persons: dict[int, Person] = field(default_factory=lambda: {
        one.subscriber_id: replace(one, site_id=11) for one in (ANNA, BERND, CLARA, ULF)})
    watched: dict[int, dict[int, int]] = field(default_factory=lambda: {101: {1: 102, 2: 103}, 102: {1: 101}})
    night: bool = False
    line_up: bool = True
    shown: dict[str, str] = field(default_factory=dict)

    def people(self) -> People:
        return People(self.persons.values(), DEVICES, self.watched, [BERLIN])

    def leg(self, uuid: str, state: CallState, presence_id: str, direction: Direction) -> LegNews:
        self.sequence += 1
        one = Leg(uuid, state, direction, presence_id)
        if one.is_up:
            self.up[uuid] = one
        else:
            self.up.pop(uuid, None)
        return LegNews(one, self.sequence, f"run-{self.run}")


class Service:
    """Presence as it is wired, in the hands of the test."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls, self.registrations = CallsUp(), Registrations()
        self.board = Board(self.calls, self.registrations)
        self.sender = LampSender(self.send, self.board.picture_at, clock=lambda: world.now)
        self.read_all()
        self.after_gap()

    def send(self, command: Command) -> None:
        if not self.world.line_up:
            raise ConnectionLost("gone")
        headers = dict(command.headers)
        self.world.shown[headers["from"]] = headers["answer-state"]

    def show(self, subscriber_ids: Iterable[int]) -> None:
        for one in subscriber_ids:
            self.sender.wake(self.board.people.addresses_showing(one))

    def read_all(self) -> None:
        before = set(self.board.people.all_addresses())
        self.show(self.board.take_people(self.world.people()))
        self.nights()
        self.sender.wake(before | set(self.board.people.all_addresses()))

    def read_some(self, one: int) -> None:
        people = self.board.people
        before = {*people.addresses_of(one), *people.addresses_showing(one)}
        self.show(self.board.take_some({one}, self.world.people()))
        self.sender.wake(before | {*people.addresses_of(one), *people.addresses_showing(one)})

    def nights(self) -> None:
        for site_id in self.board.take_nights({11} if self.world.night else ()):
            self.sender.wake(self.board.people.night_addresses(site_id))
            self.show(self.board.refresh(self.board.people.people_at(site_id)))

    def after_gap(self) -> None:
        self.calls.contact_lost(self.world.now)
        self.look()
        self.sender.forget_shown()
        self.sender.wake(self.board.people.all_addresses(), patient=True)

    def look(self) -> None:
        now = self.world.now
        changed = self.board.refresh_presences(
            self.calls.resync(self.world.up.values(), asked_at=now, now=now).changed)
        listed = [Registration(one, "token") for one in self.world.registered]
        changed |= self.board.refresh_devices(self.registrations.resync(listed, asked_at=now))
        self.show(changed)

    def take(self, news: LegNews) -> None:
        self.show(self.board.refresh_presences(self.calls.take(news, self.world.now)))

    def registration(self, device: str, present: bool) -> None:
        self.show(self.board.refresh_devices(self.registrations.take(
            Registration(device, "token"), present=present, now=self.world.now)))

    def due(self) -> None:
        self.sender.send_due()


_STEPS = st.lists(st.tuples(
    st.sampled_from(["ring", "dial", "answer", "hold", "end", "register", "list", "settings", "night",
                     "switch restarts", "service restarts", "line"]),
    st.integers(0, 5),
    st.sampled_from([101, 102, 103]),
    st.sampled_from([0.001, 0.05, 0.2, 1.5]),
    st.sampled_from(["heard", "heard", "heard", "twice", "late", "lost"]),
    st.booleans(),                                      # whether there is time to send what is due
), max_size=40)
_STATE = {"answer": CallState.ACTIVE, "hold": CallState.HELD, "end": CallState.HANGUP}


@settings(max_examples=300, deadline=None)
@given(_STEPS)
def test_no_lamp_is_ever_stuck(steps):
    world = World()
    service = Service(world)
    late: list[LegNews] = []
    for number, (what, which, person_id, wait_s, heard, due) in enumerate(steps):
        world.now += wait_s
        person = world.persons[person_id]
        news: LegNews | None = None
        if what in ("ring", "dial"):
            direction = Direction.OUTBOUND if what == "ring" else Direction.INBOUND
            news = world.leg(f"leg-{number}", CallState.RINGING, person.presence_id, direction)
        elif what in _STATE and world.up:
            leg = world.up[sorted(world.up)[which % len(world.up)]]
            news = world.leg(leg.leg_uuid, _STATE[what], leg.presence_id or "", leg.direction)
        elif what == "register":
            device = DEVICES[which % len(DEVICES)].device_id
            world.registered ^= {device}
            if heard != "lost":
                service.registration(device, device in world.registered)
        elif what == "list":
            world.watched[101] = {at: who for at, who in enumerate((102, 103, 101), start=1) if which & (1 << at)}
            service.read_some(101)
        elif what == "settings":
            world.persons[person_id] = replace(person, availability=Availability(
                do_not_disturb=bool(which & 1), forwarded=bool(which & 2), remote_office=bool(which & 4)))
            service.read_some(person_id)
        elif what == "night":
            world.night = bool(which & 1)
            service.nights()
        elif what == "switch restarts":
            world.run, world.sequence = world.run + 1, 0
            world.up.clear(), late.clear()
            service.after_gap()
        elif what == "service restarts":
            late.clear()
            service = Service(world)
        elif what == "line":
            world.line_up = not world.line_up
            if world.line_up:
                late.clear()
                service.after_gap()
        if news is not None and world.line_up and heard != "lost":
            if heard == "late":
                late.append(news)
            else:
                for one in (news, *([news] if heard == "twice" else []), *late):
                    service.take(one)
                late.clear()
        if due:
            service.due()

    # The line is back, or it never was away: then the next look at the switch, when its list has caught up.
    if not world.line_up:
        world.line_up = True
        service.after_gap()
    for one in late:
        service.take(one)
    world.now += TABLE_DELAY_S + REST_S
    service.look()
    for _ in range(2):
        service.due()
        world.now += REST_S

    truth = Service(replace(world, shown={}))
    for address in (*truth.board.people.all_addresses(), LampAddress("21", 8, "annadeskkey", ANNA.domain)):
        expected = truth.board.picture_at(address)
        shown = world.shown.get(f"{address.user}@{address.domain}", DARK.lamp.value)
        assert shown == expected.lamp.value, address
    for person_id in world.persons:
        assert service.board.look_of(person_id).state is truth.board.look_of(person_id).state
    for uuid in list(world.up):
        leg = world.up[uuid]
        service.take(world.leg(uuid, CallState.HANGUP, leg.presence_id or "", leg.direction))
    assert service.calls.legs == ()


