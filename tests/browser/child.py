"""The process that drives the browser: one JSON request a line on stdin, one JSON answer a line on stdout.

    {"page": 1, "chain": [["get_by_role", ["button"], {"name": "Log in"}], ["click", [], {}]]}
    {"new": {"viewport": {…}, "color_scheme": "dark"}}     answers: {"ok": true, "value": …}, {"ok": false, "error": …}

A chain is what is called one after the other, beginning at the page; an element that is a plain string is an attribute.
Playwright runs an event loop of its own, which gevent's patches in the tests would take apart: hence a process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import Browser, Error, Page, sync_playwright

WAIT_MS = 10_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]


def main(executable: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        pages: dict[int, Page] = {}
        _answer({"ok": True, "value": None})
        for line in sys.stdin:
            request = json.loads(line)
            try:
                _answer({"ok": True, "value": _done(request, browser, pages)})
            except Error as error:
                _answer({"ok": False, "error": str(error)})
        browser.close()


def _done(request: dict[str, Any], browser: Browser, pages: dict[int, Page]) -> Any:
    if "new" in request:
        context = browser.new_context(**request["new"])
        context.set_default_timeout(WAIT_MS)
        return _kept(context.new_page(), pages)
    found: Any = pages[request["page"]]
    if request["chain"] == ["tab"]:
        return _kept(found.context.new_page(), pages)
    if request["chain"] == ["asked"]:
        return found.asked
    if request["chain"] == ["said"]:
        return found.said
    if request["chain"] == ["cookies"]:
        return found.context.cookies()
    if request["chain"] == ["close"]:
        return found.context.close()
    for step in request["chain"]:
        if isinstance(step, str):
            found = getattr(found, step)
        else:
            name, positional, named = step
            found = getattr(found, name)(*positional, **named)
    return found if isinstance(found, str | int | float | bool | list | dict) else None


def _kept(page: Page, pages: dict[int, Page]) -> int:
    """Its number; what it says and asks is written down from the start."""
    page.said, page.asked = [], []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.said.append(f"uncaught: {error}"))  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(f"{request.method} {request.url}"))  # type: ignore[attr-defined]
    number = len(pages) + 1
    pages[number] = page
    return number


def _answer(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
