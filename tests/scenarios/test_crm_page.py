"""The page of docs/crm in a real browser: its button rings the telephone, its words follow the call (C1, C2, C3)."""

from __future__ import annotations

from operations import places
from operations.story_report import proves
from tests.browser.browser import Browser, Page
from tests.scenarios.stage import Stage

PAGE = places.ROOT / "docs" / "crm" / "click.html"


def opened(stage: Stage, browser: Browser, token: str) -> Page:
    page = browser.page()
    page.goto(stage.instance.url("callback") + "/health")
    page.evaluate("(html) => { document.open(); document.write(html); document.close(); }", PAGE.read_text())
    page.get_by_label("Address").fill(stage.instance.url("callback"))
    page.get_by_label("Token").fill(token)
    return page


def says(page: Page, words: str) -> None:
    page.get_by_role("status").filter(has_text=words).wait_for()


@proves("C1", "C2", "C3")
def test_a_button_of_a_crm_calls_shows_how_it_goes_and_calls_off(stage: Stage, browser: Browser) -> None:
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    page = opened(stage, browser, stage.secrets["tokens"]["anna"])
    page.get_by_role("button", name="Call 22").click()
    first = anna.wait_for_ring(10)
    assert first.shown_number == "22"
    says(page, "please answer")
    first.answer()
    bernd.wait_for_ring(10).answer()
    says(page, "Connected")
    page.get_by_role("button", name="Call off").click()
    first.wait_for("ended")
    says(page, "Called off")
    page.get_by_role("button", name="Call 22").click()
    anna.wait_for_ring(10).reject(486)
    says(page, "war besetzt")
    page.close()


@proves("C1")
def test_a_page_with_a_wrong_token_is_told_so(stage: Stage, browser: Browser) -> None:
    page = opened(stage, browser, "no-such-token-0000")
    page.get_by_role("button", name="Call 22").click()
    says(page, "a valid bearer token is needed")
    page.close()
