"""Callers the company does not want, and callers whom nothing keeps away: incoming barring, emergency centres."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import MOBILE, in_the_log, is_told, registered, set_to
from tests.scenarios.stage import Stage

BERND = "+49305550022"
UNWANTED = {
    "name": "Unwanted callers", "outgoing": [], "forwarded": [],
    "incoming": [{"prefix": "+49171", "allowed": False}, {"prefix": MOBILE, "allowed": True}],
}
NOBODY = {"name": "Nobody from outside", "outgoing": [], "forwarded": [],
          "incoming": [{"prefix": "+", "allowed": False}]}


@proves("N5", "L1")
def test_a_barred_caller_hears_so_and_the_longest_prefix_lets_another_in(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "barring_profiles", "company", profiles=[UNWANTED]), set_to(
            stage, "barring", "bernd", profile=UNWANTED["name"]):
        barred = telephones.carrier.dial(BERND, from_number="+491715550777")
        is_told(stage, barred, "caller-barred", "CALL_REJECTED", rung="incoming barring")
        assert telephones["bernd"].stays_silent()
        assert in_the_log(stage, "bernd", "incoming barring")["kind"] == "missed"
        allowed = telephones.carrier.dial(BERND, from_number=MOBILE)
        telephones["bernd"].wait_for_ring().answer()
        allowed.wait_for("answered").hangup()


@proves("N5")
def test_where_every_number_is_barred_a_withheld_one_is_too_and_colleagues_are_not(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "barring_profiles", "company", profiles=[NOBODY]), set_to(
            stage, "barring", "site", profile=NOBODY["name"]):
        is_told(stage, telephones.carrier.dial(BERND, from_number=None), "caller-barred", "CALL_REJECTED",
                rung="incoming barring")
        call = telephones["anna"].dial("22")
        telephones["bernd"].wait_for_ring().answer()
        call.wait_for("answered").hangup()


@proves("N5", "R6")
def test_an_emergency_centre_rings_whoever_it_calls_whatever_he_switched_on(stage: Stage) -> None:
    telephones = registered(stage)
    with set_to(stage, "do_not_disturb", "bernd", enabled=True), set_to(
            stage, "positive_list", "bernd", enabled=True, rules=[]):
        back = telephones.carrier.dial(BERND, from_number="112")
        telephones["bernd"].wait_for_ring().answer()
        back.wait_for("answered").hangup()
