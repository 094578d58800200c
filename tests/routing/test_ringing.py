"""What rings where, as far as this process handed it out."""

from __future__ import annotations

from services.routing.plan import DeviceLeg, Reject, Ring
from services.routing.ringing import Ringing

END = Reject("NO_ANSWER", "no_answer")


def at(extension: int) -> Ring:
    leg = DeviceLeg(f"amsel-{extension}", extension, str(extension))
    return Ring((leg,), 21, END, END, END, "devices")


def test_the_call_that_rings_longest_is_taken_and_never_ones_own() -> None:
    ringing = Ringing()
    ringing.begins("first", 21, at(22))
    ringing.begins("second", 23, at(22))
    assert ringing.at(22, other_than_from=24) == "first"
    assert ringing.at(22, other_than_from=21) == "second"
    ringing.ends("first")
    assert (ringing.at(22, other_than_from=24), ringing.at(23, other_than_from=24)) == ("second", "")


def test_what_a_switch_that_came_back_does_not_list_rings_no_more() -> None:
    ringing = Ringing()
    ringing.begins("before", 21, at(22))
    ringing.begins("now", 23, at(22))
    ringing.keep_only({"now"})
    assert ringing.at(22, other_than_from=24) == "now"
    ringing.keep_only(())
    assert ringing.at(22, other_than_from=24) == ""
