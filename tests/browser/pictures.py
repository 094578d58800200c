"""Makes the documentation's pictures: `python -m tests.browser.pictures <instance> <folder>`, with that suite running.

Real telephones of the demo company register and call; what they do is what the pictures show.
"""

from shared import patched  # noqa: F401, I001  (first, as in the services)

import sys
from pathlib import Path

from operations import instance as instances
from tests.browser.browser import Browser, Page, find_browser
from tests.scenarios.stage import Stage, make_stage
from tests.scenarios.test_call_log import newest
from tests.scenarios.test_page import left_message

WATCHED = ("bernd", "clara", "david", "emma", "felix", "greta", "hans")


def main(name: str, folder: str) -> None:
    stage = make_stage(instances.load(name))
    browser = Browser(find_browser() or sys.exit("there is no chromium on this machine"))
    try:
        _Pictures(stage, browser, Path(folder)).all()
    finally:
        browser.stop()
        stage.stop()


class _Pictures:
    def __init__(self, stage: Stage, browser: Browser, folder: Path) -> None:
        self.stage, self.browser, self.folder = stage, browser, folder

    def all(self) -> None:
        stage = self.stage
        for who in ("anna", "bernd", "clara", "david", "emma", "felix", "greta", "ida"):
            stage.telephones[who].register()
        ids = [stage.subscriber_id(who) for who in WATCHED]
        stage.http("presence", "PUT", "/v1/watched", json_body={"subscriber_ids": ids})
        stage.http("routing", "PATCH", "/v1/settings/do_not_disturb", token="emma", json_body={"enabled": True})
        stage.http("routing", "PATCH", "/v1/settings/forwardings", token="felix",
                   json_body={"always": {"enabled": True, "target": "24"}})
        try:
            self._what_was()
            self._what_is()
        finally:
            stage.http("routing", "PATCH", "/v1/settings/do_not_disturb", token="emma", json_body={"enabled": False})
            stage.http("routing", "PATCH", "/v1/settings/forwardings", token="felix",
                       json_body={"always": {"enabled": False}})
            stage.http("presence", "PUT", "/v1/watched", json_body={"subscriber_ids": ids[:2]})
            stage.telephones.reset()

    def _what_was(self) -> None:
        """Calls and messages of a while ago."""
        stage = self.stage
        stage.http("routing", "DELETE", "/v1/call-log")
        for who, taken in (("david", True), ("clara", False)):
            call = stage.telephones[who].dial("21")
            ringing = stage.telephones["anna"].wait_for_ring()
            if taken:
                ringing.answer()
            call.hangup()
        call = stage.telephones.carrier.dial("+49305550021", from_number="+491715550123")
        stage.telephones["anna"].wait_for_ring()
        call.hangup()
        newest(stage, "anna", kind="missed", number="+491715550123")
        left_message(stage, "anna", "Baustoffe Huber")
        left_message(stage, "anna", "Greta Möller")

    def _what_is(self) -> None:
        stage = self.stage
        talk = stage.telephones["clara"].dial("24")
        stage.telephones["david"].wait_for_ring().answer()
        held = stage.telephones["greta"].dial("29")
        stage.telephones["ida"].wait_for_ring().answer()
        held.hold()
        outside = stage.telephones.carrier.dial("+49305550022", from_number="+4989123456")
        stage.telephones["bernd"].wait_for_ring()
        self._of_anna()
        self._of_the_operator()
        for call in (talk, held, outside):
            call.hangup()

    def _of_anna(self) -> None:
        login = self.browser.page()
        login.goto(self.stage.instance.url("presence") + "/")
        login.get_by_role("button", name="Anmelden", exact=True).wait_for()
        self._shoot(login, "login")
        page = self._page("anna")
        page.locator(".person.ringing").wait_for()
        self._ready(page)
        self._shoot(page, "colleagues")
        page.locator("nav a[href='#calls']").click()
        page.locator(".call-line").first.wait_for()
        self._shoot(page, "calls")
        self._shoot(self._ready(self._page("anna", color_scheme="dark")), "dark")
        phone = self._page("anna", viewport={"width": 390, "height": 760}, device_scale_factor=2)
        phone.locator("nav a[href='#mailbox']").click()
        phone.locator(".message").first.wait_for()
        self._shoot(phone, "phone")

    def _of_the_operator(self) -> None:
        page = self._page("operator", viewport={"width": 1280, "height": 1150})
        page.locator("td").first.wait_for()
        page.get_by_text("anna-desk").wait_for()
        page.locator(".tile").first.wait_for()
        self._shoot(page, "system")
        page.locator("nav a[href='#explain']").click()
        page.get_by_label("Firma").select_option(label="Musterbau GmbH")
        page.get_by_label("Wer ruft an").fill("+491715550100")
        page.get_by_label("Wen").fill("26")
        page.get_by_role("button", name="Zeigen").click()
        drawn = "document.querySelector('img.week')?.naturalWidth > 0"
        self.stage.wait_until(lambda: page.evaluate(drawn), 10, "the picture of the week")
        self._shoot(page, "explain", full_page=True)

    def _ready(self, page: Page) -> Page:
        page.locator(".person.on_a_call").first.wait_for()
        page.locator(".small .person").first.wait_for()
        page.locator(".lately .player").first.wait_for()
        return page

    def _page(self, who: str, **context: object) -> Page:
        page = self.browser.page(**context)
        page.goto(self.stage.instance.url("presence") + "/")
        page.get_by_role("button", name="Mit Token anmelden").click()
        page.get_by_label("Zugangstoken").fill(self.stage.secrets["tokens"][who])
        page.get_by_role("button", name="Anmelden", exact=True).click()
        page.locator("nav a[aria-current]").wait_for()
        return page

    def _shoot(self, page: Page, name: str, **more: object) -> None:
        page.screenshot(path=str(self.folder / f"page-{name}.png"), **more)
        print(self.folder / f"page-{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
