"""How much may leave, minute by minute, forward by forward, day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.routing.emergencies import Emergencies, EmergencyCall
from services.routing.emergencies_left import read
from services.routing.limits import ALERTS, CallLimits, Limits
from services.routing.plan import Announce, DeviceLeg, Reject, Ring, Step, with_trunks

MOBILE, OTHER, OWN = "+491715550123", "+491715550124", "+493055500021"
END = Announce("not-reachable", "de", "NORMAL_TEMPORARY_FAILURE", "not_reachable")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self.day = date(2026, 8, 12)


class Ward:
    """Limits with a clock that stands."""

    def __init__(self, **limits: object) -> None:
        self.clock = Clock()
        own = CallLimits(**limits)  # type: ignore[arg-type]
        self.limits = Limits(lambda company_id: own, clock_s=lambda: self.clock.now_s, today=lambda: self.clock.day)
        self.calls = 0

    def goes(self, step: Step, call_id: str = "", company_id: int = 7) -> bool:
        self.calls += 1
        return self.limits.admit(step, company_id, call_id or f"call-{self.calls}") is step


def outside(subscriber_id: int = 21, number: str = MOBILE, reason: str = "outside", **more: object) -> Ring:
    plain = Ring(legs=(), ring_timeout_s=60, reason=reason, busy=Reject("USER_BUSY", "busy"),
                 no_answer=Reject("NO_ANSWER", "no_answer"), not_reachable=END)
    ring = with_trunks(("one", "two"), number, OWN, subscriber_id, plain)
    assert ring is not None
    return replace(ring, **more)  # type: ignore[arg-type]


def test_ten_calls_a_minute_and_the_eleventh_only_a_minute_after_the_first() -> None:
    ward = Ward()
    assert all(ward.goes(outside()) for _ in range(10))
    assert not ward.goes(outside())
    assert ward.goes(outside(subscriber_id=22))
    ward.clock.now_s += 59
    assert not ward.goes(outside())
    ward.clock.now_s += 2
    assert ward.goes(outside())


def test_what_would_stop_a_call_is_told_without_counting_it() -> None:
    ward = Ward(per_subscriber_per_minute=1, forwarded_at_once=1)
    assert [ward.limits.would_stop(outside(), 7) for _ in range(3)] == ["", "", ""]
    assert ward.goes(outside())
    assert ward.limits.would_stop(outside(), 7) == "per_subscriber_per_minute"
    assert ward.limits.would_stop(outside(reason="forward_always"), 7) == ""
    assert ward.limits.would_stop(outside(reason="emergency"), 7) == ""
    assert ward.limits.would_stop(END, 7) == ""


def test_the_next_trunk_for_the_same_call_counts_no_second_time() -> None:
    ward = Ward(per_subscriber_per_minute=1)
    first = outside()
    assert ward.goes(first, "call")
    assert ward.goes(first.not_reachable, "call")
    assert not ward.goes(outside(number=OTHER), "call")


def test_the_company_as_a_whole_has_its_own_number_of_calls_a_minute() -> None:
    ward = Ward(per_minute=2)
    assert ward.goes(outside(21))
    assert ward.goes(outside(22))
    assert not ward.goes(outside(23))
    assert ward.goes(outside(23), company_id=8)


def test_a_stopped_caller_hears_that_his_call_is_not_permitted() -> None:
    ward = Ward(per_subscriber_per_minute=1)
    ward.goes(outside())
    stopped = ward.limits.admit(outside(), 7, "call", "en")
    assert stopped == Announce("call-not-permitted", "en", "OUTGOING_CALL_BARRED", "limit_per_subscriber_per_minute")


def test_forwards_are_counted_while_they_are_up_and_no_call_of_ones_own_hinders_them() -> None:
    ward = Ward(forwarded_at_once=2, per_subscriber_per_minute=1)
    forward = outside(reason="forward_unconditional")
    assert ward.goes(outside())
    assert ward.goes(forward, "a")
    assert ward.goes(forward, "b")
    assert not ward.goes(forward, "c")
    ward.limits.ended("a")
    assert ward.goes(forward, "c")


def test_a_stopped_forward_goes_on_to_what_follows_it_and_not_to_its_next_trunk() -> None:
    ward = Ward(forwarded_at_once=0)
    assert ward.limits.admit(outside(reason="forward_user-busy"), 7, "call") == END


def test_a_forward_that_failed_frees_its_place() -> None:
    ward = Ward(forwarded_at_once=1)
    assert ward.goes(outside(reason="forward_unconditional"), "a")
    assert ward.goes(END, "a")
    assert ward.goes(outside(reason="forward_unconditional"), "b")


def test_the_telephones_ring_on_without_the_number_outside() -> None:
    ward = Ward(per_subscriber_per_minute=0)
    desk = DeviceLeg("anna-desk", 21, "21")
    ring = outside(reason="devices", callee_id=21)
    both = replace(ring, legs=(desk, *ring.legs))
    assert ward.limits.admit(both, 7, "call") == replace(both, legs=(desk,))


def ringing_along(*numbers: str, desk: bool = True) -> Ring:
    ring = outside(reason="devices", callee_id=21)
    mobiles = [leg for number in numbers for leg in outside(number=number).legs]
    return replace(ring, legs=(*((DeviceLeg("anna-desk", 21, "21"),) if desk else ()), *mobiles))


NUMBERS = [f"+49171555012{digit}" for digit in range(5)]


def test_every_number_that_rings_along_counts_and_those_too_many_are_left_out() -> None:
    ward = Ward(per_subscriber_per_minute=7)
    ring = ringing_along(*NUMBERS)
    assert ward.goes(ring)
    assert ward.limits.would_stop(ring, 7) == "per_subscriber_per_minute"
    second = ward.limits.admit(ring, 7, "second")
    assert second == replace(ring, legs=ring.legs[:3])
    assert ward.limits.admit(ring, 7, "third") == replace(ring, legs=ring.legs[:1])
    ward.clock.now_s += 61
    assert ward.goes(ring)


def test_what_is_rung_again_over_the_next_trunk_counts_no_second_time() -> None:
    ward = Ward(per_subscriber_per_minute=5)
    assert ward.goes(ringing_along(*NUMBERS), "call")
    assert ward.goes(ringing_along(*NUMBERS[1:3], desk=False), "call")
    assert ward.goes(ringing_along(NUMBERS[4], desk=False), "call")
    assert not ward.goes(ringing_along(MOBILE.replace("123", "199"), desk=False), "call")


def test_the_budget_asks_the_price_of_each_number_that_rings_along() -> None:
    ward = Ward(daily_budget_cents=20, cents_per_minute={"mobile": 10})
    ring = ringing_along("+493055509999", MOBILE)
    assert ward.goes(ring, "a")
    assert ward.limits.spent_today(7) == 0
    ward.clock.now_s += 61
    assert ward.limits.spent_today(7) == 20
    assert ward.limits.admit(ring, 7, "b") == replace(ring, legs=ring.legs[:2])


def test_five_numbers_that_ring_cost_as_one_call() -> None:
    ward = Ward(cents_per_minute={"mobile": 10})
    assert ward.goes(ringing_along(*NUMBERS), "a")
    ward.clock.now_s += 1
    assert ward.limits.spent_today(7) == 10


def test_with_every_number_stopped_and_no_telephone_it_goes_on_as_not_reachable() -> None:
    ward = Ward(per_subscriber_per_minute=0)
    over_two = ringing_along(*NUMBERS[:2], desk=False)
    assert ward.limits.admit(replace(over_two, not_reachable=replace(over_two, not_reachable=END)), 7, "call") is END


@pytest.mark.parametrize("limits", [{"per_minute": 0, "per_subscriber_per_minute": 0, "daily_budget_cents": 0}])
def test_an_emergency_call_is_asked_nothing(limits: dict[str, int]) -> None:
    assert Ward(**limits).goes(outside(0, "112", "emergency"))


def test_the_budget_of_the_day_stops_what_costs_and_begins_anew() -> None:
    ward = Ward(daily_budget_cents=20, cents_per_minute={"mobile": 10})
    ward.limits.charge(7, 10, 61)
    assert not ward.goes(outside())
    assert ward.goes(outside(number="+493055509999"))  # national: costs nothing here
    assert ward.goes(outside(), company_id=8)
    ward.clock.day = date(2026, 8, 13)
    assert ward.goes(outside())


def test_calls_under_way_count_as_if_they_ended_now() -> None:
    ward = Ward(daily_budget_cents=20, cents_per_minute={"mobile": 10})
    assert ward.goes(outside(), "a")
    assert ward.goes(outside(), "b")
    ward.clock.now_s += 61
    assert not ward.goes(outside())
    ward.limits.keep_only({"b"})
    assert ward.limits.spent_today(7) == 20


def test_near_the_budget_there_is_one_alert_a_day() -> None:
    before = ALERTS._value.get()
    ward = Ward(daily_budget_cents=100, alert_percent=80, cents_per_minute={"mobile": 10})
    for _ in range(3):
        ward.limits.charge(7, 40, 60)
    assert ALERTS._value.get() == before + 1


def test_what_is_not_written_yet_is_neither_lost_nor_counted_twice() -> None:
    ward = Ward()
    ward.limits.charge(7, 10, 60)
    taken = ward.limits.take_unwritten()
    assert taken == {(7, date(2026, 8, 12)): 10}
    ward.limits.give_back(taken)
    ward.limits.charge(7, 10, 60)
    assert ward.limits.take_unwritten() == {(7, date(2026, 8, 12)): 20}
    ward.limits.written(7, date(2026, 8, 12), 120)  # another process spent, too
    assert ward.limits.spent_today(7) == 120


def test_an_emergency_caller_is_rung_first_for_an_hour() -> None:
    now = [datetime(2026, 8, 12, 12, 0, tzinfo=UTC)]
    emergencies = Emergencies(lambda: now[0])
    emergencies.called(OWN, 7, 21)
    now[0] += timedelta(minutes=59, seconds=59)
    last = emergencies.to_ring_first(OWN)
    assert last is not None
    assert last.subscriber_id == 21
    now[0] += timedelta(seconds=1)
    assert emergencies.to_ring_first(OWN) is None


def test_of_a_call_made_alone_and_one_known_the_later_counts() -> None:
    now = datetime(2026, 8, 12, 12, 0, tzinfo=UTC)
    emergencies = Emergencies(lambda: now)
    emergencies.took_place(EmergencyCall(OWN, 7, 21, now - timedelta(minutes=9)))
    emergencies.took_place(EmergencyCall(OWN, 7, 22, now - timedelta(minutes=8)))
    emergencies.took_place(EmergencyCall(OWN, 7, 23, now - timedelta(minutes=10)))
    last = emergencies.to_ring_first(OWN)
    assert last is not None
    assert last.subscriber_id == 22
    emergencies.called(OWN, 7, 24)
    emergencies.took_place(EmergencyCall(OWN, 7, 25, now - timedelta(seconds=1)))
    last = emergencies.to_ring_first(OWN)
    assert last is not None
    assert last.subscriber_id == 24


def test_what_the_switch_kept_of_an_emergency_call_is_read_strictly() -> None:
    at = datetime(2026, 8, 12, 12, 0, 0, 17, tzinfo=UTC)
    us, later = int(at.timestamp()) * 1_000_000 + 17, at + timedelta(minutes=5)
    assert read(OWN, f"{us}:7:21:21@a.example", later) == EmergencyCall(OWN, 7, 21, at)
    ahead = read(OWN, f"{us + 900_000_000}:7:21:21@a.example", later)
    assert ahead == EmergencyCall(OWN, 7, 21, later), "a clock that is ahead"
    for number, text in (
        (OWN[1:], f"{us}:7:21:21@a.example"), ("", f"{us}:7:21:21@a.example"),
        (OWN, ""), (OWN, f"{us}:7:21"), (OWN, f"{us}:0:21:21@a.example"),
        (OWN, f"{us}:7:x:21@a.example"),
        (OWN, f"-{us}:7:21:21@a.example"), (OWN, f"{us}:7:21:21@a.example\n"),
        (OWN, f"{us}:7:{'9' * 19}:21@a.example"), (OWN, f"{us}:7:21:21@A.example;x"),
    ):
        assert read(number, text, later) is None, (number, text)
