"""The web page in a real browser, beside real telephones: lamps that follow, a click that calls, what was missed, and
what operators look at (P4, X2, L1, C1, V2)."""

from __future__ import annotations

import uuid
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from operations import instance as instances
from operations.story_report import proves
from tests.browser.browser import Browser, Page
from tests.scenarios.stage import Stage
from tests.scenarios.test_call_log import emptied, newest
from tests.scenarios.test_lamps import wait_for_state, watch
from tests.scenarios.test_voicemail import delete_all, mailbox_of

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def everybody_is_there(stage: Stage) -> Iterator[None]:
    for name in ("anna", "bernd", "clara"):
        stage.telephones[name].register()
    watch(stage, "bernd", "clara")
    for name in ("bernd", "clara"):
        wait_for_state(stage, name, "idle")
    yield
    watch(stage, "bernd", "clara")


def page_of(stage: Stage, browser: Browser, who: str, page: Page | None = None, **context: object) -> Page:
    """Logged in with a token, as a person does it; on this page, or a new one."""
    page = page or browser.page(**context)
    page.goto(stage.instance.url("presence") + "/")
    page.get_by_role("button", name="Mit Token anmelden").click()
    page.get_by_label("Zugangstoken").fill(stage.secrets["tokens"][who])
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.locator("nav a[aria-current]").wait_for()
    return page


def person(page: Page, name: str, state: str = "") -> Page:
    found: Page = page.locator(f".people:not(.small) .person{f'.{state}' if state else ''}").filter(has_text=name)
    return found


def hidden(page: Page, is_hidden: bool) -> None:
    """Another tab lies over it, or no more: what a browser then says to the page."""
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{configurable: true, get: () => {str(is_hidden).lower()}"
                  "}); document.dispatchEvent(new Event('visibilitychange'))")


def quiet(page: Page) -> None:
    """Nothing on the console but the one question before logging in."""
    assert [line for line in page.said() if "401" not in line] == []


@proves("P4", "P2")
def test_a_call_lights_the_lamp_on_the_page(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Bernd", "idle").wait_for()
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    ringing = stage.telephones["bernd"].wait_for_ring()
    person(page, "Bernd", "ringing").wait_for(timeout=2000)
    person(page, "Clara", "on_a_call").wait_for(timeout=2000)
    ringing.answer()
    person(page, "Bernd", "on_a_call").wait_for(timeout=2000)
    assert "Im Gespräch" in person(page, "Bernd").inner_text()
    call.hangup()
    person(page, "Bernd", "idle").wait_for(timeout=2000)
    quiet(page)
    page.close()


@proves("C1", "P4")
def test_a_click_calls_and_the_page_says_how_far_it_is(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Bernd").get_by_role("button", name="Bernd Köhler anrufen").click()
    first = stage.telephones["anna"].wait_for_ring()
    assert first.shown_number == stage.extension("bernd")
    bar = page.locator(".callbar")
    bar.get_by_text("Ihr Telefon klingelt").wait_for()
    first.answer()
    target = stage.telephones["bernd"].wait_for_ring()
    bar.get_by_text("Es klingelt bei Bernd Köhler").wait_for()
    target.answer()
    bar.get_by_text("Verbunden mit Bernd Köhler").wait_for()
    bar.get_by_role("button", name="Auflegen").click()
    first.wait_for("ended")
    target.wait_for("ended")
    bar.get_by_text("Anruf abgebrochen").wait_for()
    quiet(page)
    page.close()


@proves("C1", "C3")
def test_the_page_says_why_a_call_was_not_made(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    field = page.get_by_role("combobox")
    field.fill("0900 1234567")
    page.get_by_role("option", name="0900 1234567 anrufen").click()
    page.locator(".callbar.failed").get_by_text("Nicht verbunden").wait_for()
    assert stage.telephones["anna"].stays_silent()
    person(page, "Bernd").get_by_role("button", name="Bernd Köhler anrufen").click()
    stage.telephones["anna"].wait_for_ring().reject(486)
    page.locator(".callbar.failed").get_by_text("Bernd Köhler").first.wait_for()
    assert stage.telephones["bernd"].stays_silent()
    page.close()


@proves("P4", "P1")
def test_what_rings_at_a_colleague_is_picked_up_from_the_page(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    calling = stage.telephones["clara"].dial(stage.extension("bernd"))
    ringing = stage.telephones["bernd"].wait_for_ring()
    person(page, "Bernd", "ringing").get_by_role("button", name="Anruf von Bernd Köhler heranholen").click()
    mine = stage.telephones["anna"].wait_for_ring().answer()
    calling.wait_for("answered")
    ringing.wait_for("ended")
    person(page, "Bernd", "idle").wait_for()
    mine.send_digits("7")
    calling.wait_for_digits("7")
    mine.hangup()
    page.close()


@proves("P4", "C7")
def test_anybody_is_found_and_put_on_the_list_by_keyboard_alone(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    person(page, "Clara", "idle").wait_for()
    page.keyboard.press("/")
    field = page.get_by_role("combobox")
    page.keyboard.type("köh")
    page.get_by_role("option", name="Bernd Köhler").wait_for()
    assert page.locator("#found [aria-selected=true]").count() == 1
    page.keyboard.press("Escape")
    field.fill("weiß")
    page.get_by_role("option", name="Emma Weiß").wait_for()
    assert "auf die Liste" in field.get_attribute("aria-description")
    page.keyboard.press("Shift+Enter")
    person(page, "Emma").wait_for()
    watched = stage.http("presence", "GET", "/v1/watched").body["watched"]
    assert [one["extension"] for one in watched] == [stage.extension(name) for name in ("bernd", "clara", "emma")]
    # Up and off the list again, by keys.
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Liste ändern").press("Enter")
    page.get_by_role("button", name="Emma Weiß nach vorn").press("Enter")
    page.locator("[data-position='2']").filter(has_text="Emma").wait_for()
    page.get_by_role("button", name="Emma Weiß nicht mehr beobachten").press("Enter")
    person(page, "Emma").wait_for(state="detached")
    page.get_by_role("button", name="Fertig").press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    stage.telephones["anna"].wait_for_ring().hangup()
    quiet(page)
    page.close()


@proves("L1", "P4")
def test_a_missed_call_is_counted_listed_and_called_back(stage: Stage, browser: Browser) -> None:
    emptied(stage, "anna")
    page = page_of(stage, browser, "anna")
    call = stage.telephones.carrier.dial("+49305550021", from_number="+491715550123")
    stage.telephones["anna"].wait_for_ring()
    call.hangup()
    newest(stage, "anna", kind="missed", number="+491715550123")
    page.locator("nav a[href='#calls'] .count").wait_for(timeout=20000)
    page.locator("nav a[href='#calls']").click()
    line = page.locator(".call-line.missed")
    line.wait_for()
    assert "0171" in line.inner_text()
    line.get_by_role("button", name="anrufen").click()
    first = stage.telephones["anna"].wait_for_ring()
    assert first.shown_number == "+491715550123"
    first.hangup()
    page.locator(".callbar.failed").wait_for()
    page.get_by_role("button", name="Verpasst").click()
    page.locator(".call-line.placed").wait_for(state="detached")
    page.get_by_role("button", name="Anruf löschen").first.click()
    page.locator(".blank").wait_for()
    assert stage.http("routing", "GET", "/v1/call-log?kind=missed").body["entries"] == []
    quiet(page)
    page.close()


def left_message(stage: Stage, owner: str, caller_name: str) -> str:
    """A message as the deposit leaves it: the recording in the spool, the row in the database."""
    message_id = str(uuid.uuid4())
    path = Path(stage.env["PBX_SPOOL"]) / "recordings" / f"{message_id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = (numpy.sin(numpy.arange(3 * 8000) * 440 * 2 * numpy.pi / 8000) * 8000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone.tobytes())
    with stage.database.platform() as tx:
        tx.execute(
            "INSERT INTO voicemail.messages (company_id, message_id, subscriber_id, left_at, duration_ms, sample_rate,"
            " audio_bytes, caller_number, caller_name, reason)"
            " VALUES (:company, CAST(:id AS uuid), :owner, now(), 3000, 8000, :bytes, '+491715550123', :name,"
            " 'no_answer')",
            company=stage.company_id(), id=message_id, owner=stage.subscriber_id(owner), bytes=path.stat().st_size,
            name=caller_name)
    return message_id


@proves("V2", "P4")
def test_a_message_is_heard_on_the_page_and_its_caller_is_only_text(stage: Stage, browser: Browser) -> None:
    delete_all(stage, "anna")
    with mailbox_of(stage, "anna", deliver_as_mail=False):
        message_id = left_message(stage, "anna", NASTY)
        page = page_of(stage, browser, "anna")
        page.locator("nav a[href='#mailbox']").click()
        line = page.locator(f"[data-message='{message_id}']")
        line.get_by_text(NASTY).first.wait_for()
        assert page.locator("img[src=x]").count() == 0
        line.get_by_role("button", name="abspielen").click()
        page.locator(".message.saved").wait_for()
        heard = "[...document.querySelectorAll('audio')].some(one => one.currentTime > 0.2)"
        stage.wait_until(lambda: page.evaluate(heard), 5, "the sound of the message")
        state = stage.http("voicemail", "GET", f"/v1/messages/{message_id}").body["state"]
        assert state == "saved"
        line.get_by_role("button", name="Nachricht löschen").click()
        page.locator(".blank").wait_for()
        assert stage.http("voicemail", "GET", f"/v1/messages/{message_id}").status == 404
        quiet(page)
        page.close()


@proves("R6", "P4")
def test_do_not_disturb_is_set_on_the_page_and_seen_on_the_colleagues(stage: Stage, browser: Browser) -> None:
    watch(stage, "anna", who="bernd")
    mine, others = page_of(stage, browser, "anna"), page_of(stage, browser, "bernd")
    person(others, "Anna", "idle").wait_for()
    sign = mine.get_by_role("switch")
    try:
        sign.click()
        mine.locator(".sign.do_not_disturb").wait_for()
        person(others, "Anna", "do_not_disturb").wait_for()
    finally:
        stage.http("routing", "PATCH", "/v1/settings/do_not_disturb", json_body={"enabled": False})
        watch(stage, who="bernd")
    mine.close()
    others.close()


@proves("X2", "R15")
def test_operators_see_the_calls_that_are_up_with_the_rung_and_why(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "operator")
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    stage.telephones["bernd"].wait_for_ring().answer()
    row = page.locator("tr").filter(has_text="Clara Schäfer").filter(has_text="Bernd Köhler")
    row.get_by_text("im Gespräch").wait_for()
    row.locator(".tag.rung").wait_for()
    page.locator(".tile.good").get_by_text("läuft").wait_for()
    page.get_by_role("row").filter(has_text="anna-desk").get_by_text("läuft").wait_for()
    page.get_by_role("row").filter(has_text="voicemail.mail").first.wait_for()
    for service in ("routing", "callback", "voicemail"):
        assert page.locator(".parts").get_by_text(service, exact=True).count() == 1
    row.get_by_role("link", name="Warum?").click()
    page.locator(".ladder .decides").first.wait_for()
    call.hangup()
    page.goto(stage.instance.url("presence") + "/#explain")
    page.get_by_label("Firma").select_option(label="Musterbau GmbH")
    page.get_by_label("Wer ruft an").fill("+491715550100")
    page.get_by_label("Wen").fill(stage.extension("bernd"))
    page.get_by_role("button", name="Zeigen").click()
    page.locator(".ladder .decides").first.wait_for()
    drawn = "document.querySelector('img.week')?.naturalWidth > 0"
    stage.wait_until(lambda: page.evaluate(drawn), 10, "the picture of the week")
    page.get_by_label("Wen").fill("99")
    page.get_by_role("button", name="Zeigen").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Wen").get_attribute("aria-invalid") == "true"
    page.close()


@proves("X2", "P5", "X7")
def test_the_system_is_shown_to_operators_only_and_a_session_ends(stage: Stage, browser: Browser) -> None:
    page = page_of(stage, browser, "anna")
    assert page.locator("nav a[href='#system']").count() == 0
    page.goto(stage.instance.url("presence") + "/#system")
    page.get_by_role("heading", name="Kollegen", exact=True).wait_for()
    asked = "fetch('page/api/presence/v1/operator/overview', {headers: {'X-Pbx-Page': '1'}}).then(one => one.status)"
    assert page.evaluate(asked) == 403
    assert page.evaluate("document.cookie") == "", "no script reads the session"
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_role("heading", name="Willkommen").wait_for()
    assert page.evaluate(asked) == 401
    assert [cookie for cookie in page.cookies() if cookie["name"] == "pbx_session"] == []
    page.get_by_label("Anmeldename").fill("anna@musterbau.example")
    page.get_by_label("Passwort").fill("wrong")
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.get_by_role("alert").get_by_text("ist falsch").wait_for()
    page.close()


@proves("P4")
def test_the_page_speaks_both_languages_fits_a_telephone_and_finds_its_way_back(
    stage: Stage, browser: Browser
) -> None:
    page = page_of(stage, browser, "anna", viewport={"width": 360, "height": 740}, color_scheme="dark")
    person(page, "Bernd", "idle").wait_for()
    for view in ("calls", "mailbox", "explain", "colleagues"):
        page.locator(f"nav a[href='#{view}']").click()
        page.locator(f"main[data-view='{view}'] h1").wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{view} is {wide} wide"
    page.locator("details.me summary").click()
    page.locator("[data-control='language']").click()
    page.get_by_role("heading", name="Colleagues", exact=True).wait_for()
    assert page.evaluate("document.documentElement.lang") == "en"
    instances.restart(stage.instance, "presence")
    instances.wait_until_healthy(stage.instance, ["presence"])
    call = stage.telephones["clara"].dial(stage.extension("bernd"))
    stage.telephones["bernd"].wait_for_ring()
    person(page, "Bernd", "ringing").wait_for(timeout=15000)
    call.hangup()
    page.close()
