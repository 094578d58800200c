"""The lists of the page in a real browser: asked for once, read to the end, changed as they stand (L1, P1, P4)."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from operations.story_report import proves
from tests.browser.browser import Browser, Page
from tests.scenarios.stage import Stage
from tests.scenarios.test_call_log import emptied
from tests.scenarios.test_lamps import wait_for_state, watch
from tests.scenarios.test_page import hidden, page_of, person, quiet


@pytest.fixture(autouse=True)
def two_are_watched(stage: Stage) -> Iterator[None]:
    for name in ("anna", "bernd", "clara"):
        stage.telephones[name].register()
    watch(stage, "bernd", "clara")
    for name in ("bernd", "clara"):
        wait_for_state(stage, name, "idle")
    yield
    watch(stage, "bernd", "clara")


def missed_calls(stage: Stage, who: str, count: int) -> None:
    """As their records leave them, a minute apart."""
    with stage.database.platform() as tx:
        for number in range(count):
            keys = {"company": stage.company_id(), "id": str(uuid.uuid4()), "who": stage.subscriber_id(who)}
            tx.execute(
                "INSERT INTO routing.calls (company_id, call_id, started_at, direction, caller_number, dialled,"
                " callee_subscriber_id, rung, ended_at, cause) VALUES (:company, CAST(:id AS uuid),"
                " now() - make_interval(mins => :number), 'incoming', :caller, '+49305550021', :who, 'devices',"
                " now() - make_interval(mins => :number), 'ORIGINATOR_CANCEL')",
                number=number, caller=f"+4917155510{number:02}", **keys)
            tx.execute("INSERT INTO routing.call_log (company_id, subscriber_id, call_id, placed)"
                       " VALUES (:company, :who, CAST(:id AS uuid), false)", **keys)


def passes(page: Page, milliseconds: int) -> None:
    """So long the page is left alone: what must not happen could happen now."""
    page.evaluate(f"new Promise(done => setTimeout(done, {milliseconds}))")


def looks_at_calls(page: Page) -> int:
    return sum("/page/api/routing/v1/call-log" in one and "kind=missed" not in one for one in page.asked())


@proves("L1", "P4")
def test_the_list_of_calls_is_asked_for_once_and_read_to_its_end(stage: Stage, browser: Browser) -> None:
    emptied(stage, "anna")
    missed_calls(stage, "anna", 3)
    page = page_of(stage, browser, "anna")
    page.locator("nav a[href='#calls'] .count").get_by_text("3", exact=True).wait_for()
    page.locator("nav a[href='#calls']").click()
    page.locator(".call-line").first.wait_for()
    passes(page, 1500)
    assert looks_at_calls(page) <= 2
    assert not page.locator("nav a[href='#calls'] .count").is_visible(), "what is looked at is no news"
    missed_calls(stage, "anna", 42)
    page.goto(stage.instance.url("presence") + "/#colleagues")
    page.goto(stage.instance.url("presence") + "/#calls")
    page.get_by_role("button", name="Ältere zeigen").click()
    # 45, and the record of a story before it that came late.
    listed = stage.http("routing", "GET", "/v1/call-log?limit=100", token="anna").body["entries"]
    assert len(listed) >= 45
    page.locator(".call-line").nth(len(listed) - 1).wait_for()
    passes(page, 1500)
    assert page.locator(".call-line").count() == len(listed), "the last page stays"
    emptied(stage, "anna")
    quiet(page)
    page.close()


@proves("P1", "P4")
def test_a_star_adds_to_the_list_as_it_stands_and_there_is_none_while_it_is_unknown(
    stage: Stage, browser: Browser
) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Clara", "idle").wait_for()
    page.locator(".people.small .person").filter(has_text="Emma").wait_for()
    hidden(page, True)
    watch(stage, "bernd", "clara", "david")
    page.get_by_role("button", name="Emma Weiß beobachten").click()
    names = ("bernd", "clara", "david", "emma")
    stage.wait_until(lambda: watched(stage) == [stage.extension(name) for name in names], 5, f"the list {names}")
    hidden(page, False)
    person(page, "Emma").wait_for()
    page.close()
    with every_stream_taken(stage):
        page = page_of(stage, browser, "anna")
        page.locator(".people.small .person").filter(has_text="Felix").wait_for()
        page.locator(".people:not(.small)").get_by_text("Wird geladen").wait_for()
        page.locator(".live.off").wait_for()
        assert page.get_by_role("button", name="beobachten").count() == 0
        page.get_by_role("combobox").fill("felix")
        page.get_by_role("option", name="Felix").wait_for()
        assert page.get_by_role("button", name="beobachten").count() == 0
        page.close()


def watched(stage: Stage) -> list[str]:
    return [one["extension"] for one in stage.http("presence", "GET", "/v1/watched").body["watched"]]


def pages(stage: Stage) -> int:
    """Open streams, of everybody."""
    overview = stage.http("presence", "GET", "/v1/operator/overview", token="operator").body
    return int(overview["lamps"]["pages"])


@contextmanager
def every_stream_taken(stage: Stage) -> Iterator[None]:
    """As many pages as one person may have open."""
    where = urlsplit(stage.instance.url("presence"))
    lines = [http.client.HTTPConnection(where.hostname or "", where.port, timeout=10) for _ in range(10)]
    before = pages(stage)
    shown = {"Authorization": f"Bearer {stage.secrets['tokens']['anna']}"}
    try:
        for line in lines:
            line.request("GET", "/v1/lamps/events", headers=shown)
            assert line.getresponse().read(8)
        yield
    finally:
        for line in lines:
            line.close()

        def given_back() -> bool:
            # A closed stream is noticed when it is written to.
            watch(stage, "clara")
            watch(stage, "bernd", "clara")
            return pages(stage) <= before

        stage.wait_until(given_back, 15, "the end of the streams")
