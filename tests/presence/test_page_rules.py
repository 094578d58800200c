"""Which requests are the page's own, what it may ask of others, and how much there is of it."""

from __future__ import annotations

import re

import pytest

from services.presence.web import rules
from services.presence.web.door import session_of
from services.presence.web.files import FOLDER
from services.presence.web.forward import allowed
from services.presence.web.rules import foreign

MARKED = {"x-pbx-page": "1", "host": "pbx.example"}
UUID = "0b1f7ac2-54a5-4c3e-9f0e-3f3f8a2b6d11"


@pytest.mark.parametrize(("method", "headers"), [
    ("GET", {}),
    ("GET", {"sec-fetch-site": "same-origin"}),
    ("GET", {"sec-fetch-site": "none"}),
    ("HEAD", {"origin": "https://pbx.example", "host": "pbx.example"}),
    ("POST", MARKED),
    ("POST", {**MARKED, "sec-fetch-site": "same-origin"}),
    ("DELETE", {**MARKED, "origin": "http://pbx.example"}),
    # A proxy may have asked us under another name: the browser's own word counts more.
    ("PUT", {**MARKED, "sec-fetch-site": "same-origin", "origin": "https://outside.example"}),
])
def test_the_pages_own_requests_pass(method, headers):
    assert foreign(method, headers) is None


@pytest.mark.parametrize(("method", "headers"), [
    ("GET", {"sec-fetch-site": "cross-site"}),
    ("GET", {"sec-fetch-site": "same-site"}),
    ("GET", {"origin": "https://evil.example", "host": "pbx.example"}),
    ("GET", {"origin": "null", "host": "pbx.example"}),
    ("POST", {"host": "pbx.example"}),
    ("POST", {"sec-fetch-site": "same-origin"}),
    ("POST", {**MARKED, "sec-fetch-site": "none"}),
    ("POST", {**MARKED, "sec-fetch-site": "cross-site"}),
    ("PATCH", {**MARKED, "origin": "http://pbx.example:8000"}),
    ("DELETE", {**MARKED, "origin": "null"}),
])
def test_what_another_page_asks_is_refused(method, headers):
    assert foreign(method, headers) is not None


@pytest.mark.parametrize(("service", "method", "path"), [
    ("routing", "GET", "/v1/call-log"), ("routing", "DELETE", f"/v1/call-log/{UUID}"),
    ("routing", "GET", "/v1/subscribers/7/timetable.svg"), ("callback", "POST", "/v1/calls"),
    ("callback", "GET", f"/v1/calls/{UUID}/events"), ("voicemail", "GET", f"/v1/messages/{UUID}/audio"),
])
def test_what_the_page_shows_it_may_ask(service, method, path):
    assert allowed(service, method, path)


@pytest.mark.parametrize(("service", "method", "path"), [
    ("routing", "GET", "/v1/tokens"), ("routing", "POST", "/v1/login"), ("routing", "PUT", "/v1/password"),
    ("routing", "GET", "/metrics"), ("routing", "POST", "/v1/call-log"), ("routing", "GET", "/v1/call-log/../tokens"),
    ("routing", "GET", "/v1/call-log\n"), ("routing", "DELETE", "/v1/subscribers/7/call-log"),
    ("callback", "GET", "/openapi.json"), ("voicemail", "PATCH", "/v1/mailbox"), ("nobody", "GET", "/v1/calls"),
])
def test_anything_else_it_may_not(service, method, path):
    assert not allowed(service, method, path)


@pytest.mark.parametrize(("cookies", "session"), [
    ("", ""), ("pbx_session=abc", "abc"), ("a=1; pbx_session=abc; b=2", "abc"), ("pbx_sessionx=abc", ""),
    ("pbx_session=", ""), ("\x00", ""), ("pbx_session", ""),
])
def test_the_session_is_read_from_the_cookies(cookies, session):
    assert session_of(cookies) == session


def test_nothing_may_run_but_the_pages_own_files():
    assert "default-src 'none'" in rules.POLICY
    assert "script-src 'self';" in rules.POLICY
    assert "frame-ancestors 'none'" in rules.POLICY
    assert "require-trusted-types-for 'script'" in rules.POLICY
    assert "unsafe" not in rules.POLICY


def test_the_whole_page_stays_below_150_kb():
    assert 0 < sum(path.stat().st_size for path in FOLDER.iterdir()) < 150_000


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_no_file_turns_text_into_markup_or_loads_from_elsewhere(file):
    text = file.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\son\w+=\"", text)
    for address in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"\s//.*", "", text)):
        assert address == "http://www.w3.org"  # the name of SVG, loaded by nobody


def test_every_word_is_there_in_both_languages():
    text = re.sub(r"\"\s*\+ \"", "", (FOLDER / "words.js").read_text())
    string = r"\"(?:[^\"\\]|\\.)*\""
    pairs = re.findall(rf"\b\w+: \[\s*{string},\s*{string}\]", text)
    assert len(pairs) == len(re.findall(r"\b\w+: \[", text)) > 150


def test_every_word_that_is_used_is_there():
    text = (FOLDER / "words.js").read_text()
    known = set(re.findall(r"\b(\w+): \[", text))
    used = {name for file in FOLDER.glob("*.js") for name in re.findall(r"\bt\(\"(\w+)\"", file.read_text())}
    assert used
    assert used - known == set()
