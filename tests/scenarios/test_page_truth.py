"""The page never shows as true what it cannot know, and nobody what belongs to another (P2, P4, P5, X2, C1)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.browser.browser import Browser, Page
from tests.scenarios.settings import set_to
from tests.scenarios.stage import Stage
from tests.scenarios.test_call_log import emptied
from tests.scenarios.test_lamps import wait_for_state, watch
from tests.scenarios.test_page import hidden, page_of, person, quiet

AT_ONCE_MS = 2000


@pytest.fixture(autouse=True)
def two_are_watched(stage: Stage) -> Iterator[None]:
    for name in ("anna", "bernd", "clara"):
        stage.telephones[name].register()
    watch(stage, "bernd", "clara")
    for name in ("bernd", "clara"):
        wait_for_state(stage, name, "idle")
    yield
    watch(stage, "bernd", "clara")


def tries(page: Page, name: str) -> int:
    """A click on a button that is off, and how many calls it asked for."""
    before = calls_asked(page)
    page.get_by_role("button", name=name).first.evaluate("one => one.click()")
    return calls_asked(page) - before


def calls_asked(page: Page) -> int:
    return sum(one.startswith("POST") and one.endswith("/page/api/callback/v1/calls") for one in page.asked())


@proves("P2", "P4", "X2")
def test_a_switch_that_is_gone_is_seen_at_once_and_nobody_picks_up_what_rings_no_more(
    stage: Stage, browser: Browser
) -> None:
    page = page_of(stage, browser, "anna")
    stage.telephones["clara"].dial(stage.extension("bernd"))
    stage.telephones["bernd"].wait_for_ring()
    person(page, "Bernd", "ringing").wait_for()
    page.locator(".live.on").wait_for()
    os.kill(instances.pid(stage.instance, "switch"), signal.SIGKILL)
    page.locator(".live.away").get_by_text("Vermittlung nicht erreichbar").wait_for(timeout=AT_ONCE_MS)
    page.locator(".people.old .person.ringing [aria-disabled=true]").wait_for()
    assert tries(page, "Anruf von Bernd Köhler heranholen") == 0
    for path, who in (("/v1/lamps", "anna"), ("/v1/colleagues", "anna"), ("/v1/operator/calls", "operator")):
        assert stage.http("presence", "GET", path, token=who).body["in_step"] is False
    instances.wait_until_healthy(stage.instance, ["switch"], timeout_s=60)
    page.locator(".live.on").wait_for(timeout=30000)
    page.locator(".people:not(.small) .person:not(.ringing)").filter(has_text="Bernd").wait_for()
    assert page.locator(".people.old").count() == 0
    page.close()


@proves("P4", "P2")
def test_a_line_that_died_without_a_word_and_a_tab_that_comes_back_are_not_live(
    stage: Stage, browser: Browser
) -> None:
    page = browser.page()
    page.clock.install()
    page = page_of(stage, browser, "anna", page=page)
    page.locator(".live.on").wait_for()
    streams = sum("/v1/lamps/events" in one for one in page.asked())
    hidden(page, True)
    page.locator(".live.off").wait_for()
    assert tries(page, "Bernd Köhler anrufen") == 0
    hidden(page, False)
    page.locator(".live.on").wait_for()
    # 41 s pass for the page in a moment, in which nobody said anything.
    page.clock.fast_forward(41000)
    page.locator(".live.on").wait_for()
    assert sum("/v1/lamps/events" in one for one in page.asked()) == streams + 2
    quiet(page)
    page.close()


@proves("P5", "C1", "P4")
def test_the_next_at_this_desk_sees_nothing_of_the_last(stage: Stage, browser: Browser) -> None:
    emptied(stage, "anna", "bernd")
    page = page_of(stage, browser, "anna")
    beside = page.tab()
    beside.goto(stage.instance.url("presence") + "/")
    person(beside, "Bernd", "idle").wait_for()
    page.evaluate("window.mine = 'still the page of Anna'")
    page.locator("details.me summary").click()
    page.get_by_label("Zuerst klingelt").select_option(label="mein Mobiltelefon")
    page.context.set_offline(True)
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_role("alert").get_by_text("Sie sind noch angemeldet").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_role("heading", name="Willkommen").wait_for()
    beside.get_by_text("Ihre Sitzung ist zu Ende").wait_for()
    page.get_by_role("button", name="Mit Token anmelden").click()
    page.get_by_label("Zugangstoken").fill(stage.secrets["tokens"]["bernd"])
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.locator("summary[aria-label='You: Bernd Köhler']").wait_for()
    assert page.evaluate("window.mine === undefined"), "begun anew"
    page.locator("details.me summary").click()
    assert page.get_by_label("Rings first").input_value() == "", "Anna's way of being called first is hers"
    # The tab beside has another owner now, and shows it.
    beside.locator("summary[aria-label='You: Bernd Köhler']").wait_for()
    page.close()


@proves("C1", "C2")
def test_a_call_that_is_being_made_stays_in_reach(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Bernd", "idle").wait_for()
    page.get_by_role("button", name="Bernd Köhler anrufen").click()
    first = stage.telephones["anna"].wait_for_ring()
    bar = page.locator(".callbar")
    page.get_by_role("button", name="Clara Schäfer anrufen").click()
    bar.get_by_text("Es wird schon ein Anruf aufgebaut").wait_for()
    assert calls_asked(page) == 1
    page.locator("details.me summary").click()
    page.locator("[data-control='look']").click()
    bar.get_by_text("Bernd Köhler").wait_for()
    page.reload()
    bar.get_by_text("Bernd Köhler").wait_for()
    bar.get_by_role("button", name="Abbrechen").click()
    first.wait_for("ended")
    bar.get_by_text("Anruf abgebrochen").wait_for()
    page.close()


@proves("C1", "X1")
def test_a_click_nobody_answered_is_not_called_failed_and_never_dials_twice(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Bernd", "idle").wait_for()
    page.evaluate("const real = window.fetch; window.keys = []; window.fetch = async (where, how) => {"
                  " const answer = await real(where, how); if (how.method !== 'POST') return answer;"
                  " keys.push(how.headers['Idempotency-Key']); if (keys.length < 3) throw new TypeError('lost');"
                  " return answer; }; null")
    page.get_by_role("button", name="Bernd Köhler anrufen").click()
    bar = page.locator(".callbar")
    bar.get_by_text("ist nicht bekannt").wait_for()
    first = stage.telephones["anna"].wait_for_ring()
    page.get_by_role("button", name="Bernd Köhler anrufen").click()
    bar.get_by_text("Ihr Telefon klingelt").wait_for()
    assert page.evaluate("new Set(keys).size") == 1
    assert page.evaluate("keys.length") == 3
    bar.get_by_role("button", name="Abbrechen").click()
    first.wait_for("ended")
    assert stage.telephones["anna"].stays_silent()
    page.close()


@proves("X2")
def test_the_system_page_says_how_old_it_is_and_leaves_the_focus_where_it_was(
    stage: Stage, browser: Browser
) -> None:
    page = page_of(stage, browser, "operator")
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    stage.telephones["bernd"].wait_for_ring().answer()
    why = page.locator("tr").filter(has_text="Clara Schäfer").get_by_role("link", name="Warum?")
    page.locator("tr").filter(has_text="Clara Schäfer").get_by_text("im Gespräch").wait_for()
    why.focus()
    seconds = "document.activeElement.closest('tr')?.querySelector('time')?.textContent"
    shown = page.evaluate(seconds)
    stage.wait_until(lambda: page.evaluate(seconds) not in (None, shown), 10, "the clock of the call")
    assert page.evaluate("document.activeElement.textContent") == "Warum?"
    assert page.locator("[role=status]").filter(has_text="Stand").count() == 0, "nobody hears the time again and again"
    call.hangup()
    page.locator(".tile.good").get_by_text("läuft").wait_for()
    page.context.set_offline(True)
    page.get_by_text("Keine Antwort, Stand").wait_for()
    page.locator(".tiles.old .tile").first.wait_for()
    page.context.set_offline(False)
    page.locator(".tiles:not(.old) .tile").first.wait_for()
    page.locator(".tile.good").get_by_text("läuft").wait_for()
    instances.stop_process(stage.instance, "voicemail-worker")
    try:
        page.locator(".tile.bad").get_by_text("gestört").wait_for(timeout=15000)
    finally:
        instances.start_process(stage.instance, "voicemail-worker")
        instances.wait_until_healthy(stage.instance, ["voicemail-worker"], timeout_s=60)
    page.close()


@proves("P4")
def test_what_happens_is_said_after_the_language_was_changed_too(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    spoken = "[...document.querySelectorAll('body > .unseen')].map(one => one.textContent).join()"
    field = page.get_by_role("combobox")
    field.fill("köhler")
    stage.wait_until(lambda: "1 gefunden" in page.evaluate(spoken), 5, "what was found is said")
    page.keyboard.press("Escape")
    page.locator("details.me summary").click()
    page.locator("[data-control='language']").click()
    page.get_by_role("heading", name="Colleagues", exact=True).wait_for()
    page.get_by_role("combobox").fill("köhler")
    stage.wait_until(lambda: "1 found" in page.evaluate(spoken), 5, "what was found is said in English")
    page.close()


@proves("R15", "P4")
def test_a_german_page_explains_in_german(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "clara")
    with set_to(stage, "forwardings", "clara", always={"enabled": True, "target": stage.extension("david")}):
        page.locator("nav a[href='#explain']").click()
        page.get_by_label("Wer ruft an").fill("+491715550100")
        page.get_by_role("button", name="Zeigen").click()
        decides = page.locator(".ladder .decides").first
        decides.get_by_text(f"umleiten zu {stage.extension('david')}").wait_for()
        told = page.locator(".account").inner_text()
    for english in ("forward", "true", "false", "passed", "decided", "when ", " rings", "devices", "calls up"):
        assert english not in told, f"{english}: {told}"
    page.get_by_label("Wen").fill("99")
    page.get_by_role("button", name="Zeigen").click()
    page.get_by_role("alert").get_by_text("Das gibt es nicht").wait_for()
    page.close()


@proves("P4")
def test_a_telephone_in_the_hand_shows_whole_names_and_extensions(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna", viewport={"width": 360, "height": 740})
    card = person(page, "Bernd", "idle")
    card.locator(".ext").get_by_text(stage.extension("bernd")).wait_for()
    assert card.locator(".name").get_attribute("title") == "Bernd Köhler"
    hidden(page, True)
    page.locator(".live.off").get_by_text("Verbindung wird gesucht").wait_for()
    page.close()
