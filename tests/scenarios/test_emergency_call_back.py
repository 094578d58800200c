"""A call back from outside to the site's number, within the hour after an emergency call, rings who made it (N5)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.settings import registered, set_to
from tests.scenarios.stage import Stage

SITE_NUMBER = "+49305550000"
CONTROL_CENTRE = "+493030001100"


@proves("N5", "R6")
def test_the_control_centre_reaches_the_last_who_called_it_whatever_he_has_switched_on(stage: Stage) -> None:
    telephones = registered(stage)
    try:
        call = telephones["clara"].dial("112")
        telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered").hangup()
        stage.wait_until(lambda: _noted(stage), 10, "the emergency call as the site's last")
        with set_to(stage, "do_not_disturb", "clara", enabled=True):
            back = telephones.carrier.dial(SITE_NUMBER, from_number=CONTROL_CENTRE)
            telephones["clara"].wait_for_ring().answer()
            back.wait_for("answered").hangup()
    finally:
        with stage.database.platform() as tx:
            tx.execute("DELETE FROM routing.emergency_calls WHERE company_id = :c", c=stage.company_id())


def _noted(stage: Stage) -> bool:
    with stage.database.platform() as tx:
        return bool(tx.rows("SELECT 1 AS one FROM routing.emergency_calls WHERE subscriber_id = :id",
                            id=stage.subscriber_id("clara")))
