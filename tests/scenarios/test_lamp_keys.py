"""A lamp key that is pressed while its lamp blinks takes the call."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.stage import Stage


@proves("P1")
def test_pressing_a_blinking_lamp_takes_the_call(stage: Stage) -> None:
    anna, bernd, clara = (stage.telephones[who].register() for who in ("anna", "bernd", "clara"))
    call = clara.dial("22")
    at_bernd = bernd.wait_for_ring()
    taken = anna.dial(stage.lamp_address("anna-desk", 1))
    taken.wait_for("answered")
    call.wait_for("answered")
    at_bernd.wait_for("ended")
    taken.hangup()
    call.wait_for("ended")


@proves("P1")
def test_pressing_the_lamp_of_somebody_who_talks_calls_him(stage: Stage) -> None:
    anna, bernd, clara = (stage.telephones[who].register() for who in ("anna", "bernd", "clara"))
    talk = clara.dial("22")
    first = bernd.wait_for_ring()
    first.answer()
    talk.wait_for("answered")
    second = anna.dial(stage.lamp_address("anna-desk", 1))
    waiting = bernd.wait_for_ring()
    assert waiting.shown_number == "21"
    assert first.up
    assert talk.up
    second.hangup()
    waiting.wait_for("ended")
    talk.hangup()
