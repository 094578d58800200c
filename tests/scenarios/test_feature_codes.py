"""Feature codes: dialled at a handset, answered in words, the setting is made, and calls go by it (F1)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.spoken import hears
from tests.scenarios.stage import Stage


@proves("F1", "R6")
def test_do_not_disturb_by_code(stage: Stage) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    hears(bernd.dial("*78"), "en", "do-not-disturb-on")
    hears(anna.dial("*78"), "de", "do-not-disturb-on")
    hears(anna.dial("#78"), "de", "code-unknown")
