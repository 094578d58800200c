"""Remote Office: one number elsewhere stands for the whole desk (R9)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, registered, set_to, wait_until_on_a_call
from tests.scenarios.stage import Stage
from tests.scenarios.test_simultaneous_ring import SECOND_MOBILE, numbers

HOME = "+493312345678"


@proves("R9", "R14")
def test_only_the_remote_number_rings_for_every_number_of_his(stage: Stage) -> None:
    telephones = registered(stage, "anna", "clara", "david", "emma")
    with set_to(stage, "remote_office", "emma", enabled=True, number=HOME), \
            set_to(stage, "simultaneous_ring", "emma", **numbers(MOBILE, SECOND_MOBILE)):
        for caller, dialled in (("anna", "25"), ("carrier", "+49305550025")):
            call = telephones[caller].dial(dialled, from_number=MOBILE) if caller == "carrier" else (
                telephones[caller].dial(dialled))
            ringing = telephones.carrier.wait_for_ring()
            assert ringing.number == HOME
            ringing.answer()
            call.wait_for("answered").hangup()
            ringing.wait_for("ended")
            wait_until_on_a_call(stage, "emma", 0)
        assert telephones["emma"].stays_silent()


@proves("R9", "R7")
def test_a_second_call_gets_busy(stage: Stage) -> None:
    telephones = registered(stage, "anna", "clara", "david", "emma")
    with set_to(stage, "remote_office", "emma", enabled=True, number=HOME), \
            set_to(stage, "mailbox_conditions", "emma", busy=False):
        first = telephones["anna"].dial("25")
        ringing = telephones.carrier.wait_for_ring().answer()
        first.wait_for("answered")
        wait_until_on_a_call(stage, "emma")
        assert telephones["david"].dial("25").wait_for("ended").end_cause == "USER_BUSY"
        first.hangup()
        ringing.wait_for("ended")


@proves("R9", "R2")
def test_an_unreachable_remote_number_is_not_reachable(stage: Stage) -> None:
    telephones = registered(stage, "anna", "clara", "david", "emma")
    with set_to(stage, "remote_office", "emma", enabled=True, number=HOME), \
            set_to(stage, "forwardings", "emma", not_reachable={"enabled": True, "target": "23"}):
        call = telephones["anna"].dial("25")
        telephones.carrier.wait_for_ring().reject(503)
        telephones["clara"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("R9", "R2")
def test_forwarding_on_no_answer_takes_it_back_from_the_remote_number(stage: Stage) -> None:
    telephones = registered(stage, "anna", "clara", "david", "emma")
    with set_to(stage, "remote_office", "emma", enabled=True, number=HOME), \
            set_to(stage, "forwardings", "emma", no_answer={"enabled": True, "target": "23", "rings": 2}):
        call = telephones["anna"].dial("25")
        ringing = telephones.carrier.wait_for_ring()
        telephones["clara"].wait_for_ring(timeout_s=20).answer()
        ringing.wait_for("ended")
        call.wait_for("answered").hangup()
