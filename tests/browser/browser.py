"""The tests' side of a browser: pages that are used as playwright's are.

    page = browser.page(viewport={"width": 390, "height": 844})
    page.goto(url)
    page.get_by_role("button", name="Log in").click()
    assert page.locator(".person").count() == 2
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gevent

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
START_S = 60.0
ANSWER_S = 45.0

_DOES = frozenset({
    "all_inner_texts", "bounding_box", "check", "click", "count", "down", "emulate_media", "evaluate", "fast_forward",
    "fill", "focus", "get_attribute", "goto", "hover", "inner_text", "input_value", "install", "is_checked",
    "is_disabled", "is_visible", "press", "reload", "screenshot", "select_option", "set_offline", "set_viewport_size",
    "text_content", "title", "type", "wait_for", "wait_for_function", "wait_for_selector",
})
"""What is done at once; everything else names a place in the page."""
_ATTRIBUTES = frozenset({"clock", "context", "first", "last", "keyboard", "mouse"})


class BrowserFailed(AssertionError):
    """What the browser said when it could not."""


def find_browser() -> str | None:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    def __init__(self, executable: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.child", executable], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._read(START_S)

    def page(self, **context: Any) -> Page:
        """context: of playwright's new_context; each page has cookies of its own."""
        context.setdefault("viewport", {"width": 1280, "height": 860})
        context.setdefault("locale", "de-DE")
        context.setdefault("reduced_motion", "reduce")
        return Page(self, self.ask({"new": context}), ())

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read(ANSWER_S)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read(self, seconds: float) -> Any:
        assert self._process.stdout is not None
        with gevent.Timeout(seconds, BrowserFailed(f"the browser said nothing for {seconds} s")):
            line = self._process.stdout.readline()
        if not line:
            raise BrowserFailed("the browser's process ended")
        answer = json.loads(line)
        if not answer["ok"]:
            raise BrowserFailed(answer["error"])
        return answer["value"]


class Page:
    """A page, or a place in it: the names are playwright's."""

    def __init__(self, browser: Browser, number: int, chain: tuple[Any, ...]) -> None:
        self._browser = browser
        self._number = number
        self._chain = chain

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _ATTRIBUTES:
            return Page(self._browser, self._number, (*self._chain, name))

        def call(*positional: Any, **named: Any) -> Any:
            chain = (*self._chain, [name, list(positional), named])
            if name in _DOES:
                return self._browser.ask({"page": self._number, "chain": list(chain)})
            return Page(self._browser, self._number, chain)

        return call

    def said(self) -> list[str]:
        """Everything on the console, and errors nobody caught."""
        found: list[str] = self._browser.ask({"page": self._number, "chain": ["said"]})
        return found

    def asked(self) -> list[str]:
        """Every request it made so far, as "GET http://…"."""
        found: list[str] = self._browser.ask({"page": self._number, "chain": ["asked"]})
        return found

    def tab(self) -> Page:
        """Another tab of the same browser: its cookies are the same."""
        return Page(self._browser, self._browser.ask({"page": self._number, "chain": ["tab"]}), ())

    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._browser.ask({"page": self._number, "chain": ["cookies"]})
        return found

    def close(self) -> None:
        self._browser.ask({"page": self._number, "chain": ["close"]})
