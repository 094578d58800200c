"""A caller is released only when the one who took the call was gone before they were joined."""

from services.routing.pickups import Pickups


def played(*steps):
    ended, clock = [], [0.0]
    pickups = Pickups(ended.append, lambda: clock[0])
    for what, *legs in steps:
        if what == "wait":
            clock[0] += legs[0]
        else:
            getattr(pickups, what)(*legs)
    return ended


def test_given_up_at_once_the_caller_is_released():
    assert played(("begins", "taker", "caller"), ("wait", 0.05), ("ended", "taker")) == ["caller"]


def test_after_a_talk_the_switch_ends_both_itself():
    assert played(("begins", "taker", "caller"), ("wait", 30), ("ended", "taker")) == []


def test_nothing_was_taken_when_the_leg_asks_again():
    assert played(("begins", "taker", "caller"), ("failed", "taker"), ("ended", "taker")) == []


def test_other_legs_end_as_they_like():
    assert played(("begins", "taker", "caller"), ("ended", "other"), ("ended", "caller")) == []
