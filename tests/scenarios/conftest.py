"""The stage of the stories: the suite named by PBX_TEST_INSTANCE, which `make test` starts once per switch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from operations import instance as instances
from tests.browser.browser import Browser, find_browser
from tests.scenarios.outside import plenty_of_calls, plenty_of_clicks
from tests.scenarios.settings import nobody_is_on_a_call
from tests.scenarios.stage import Stage, make_stage
from tests.scenarios.telephones import NeverHappened, Telephones

SECOND_TELEPHONE = "anna-soft"


@pytest.fixture(scope="session")
def whole_stage() -> Iterator[Stage]:
    name = os.environ.get("PBX_TEST_INSTANCE")
    if not name:
        pytest.skip("stories need a running suite: make test (or PBX_TEST_INSTANCE=test-simulator with one running)")
    stage = make_stage(instances.load(name))
    try:
        with plenty_of_calls(stage), plenty_of_clicks(stage):
            yield stage
    finally:
        stage.stop()


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """No call up, nobody's lamp watched, one telephone registered a person; before and after the story."""
    whole_stage.telephones.reset()
    whole_stage.telephones[SECOND_TELEPHONE].unregister()
    # Presence writes who is on a call a moment later: who is still on the last story's would be busy in this one. Not
    # waited for for ever: it may be away in this story.
    with suppress(NeverHappened):
        whole_stage.wait_until(lambda: nobody_is_on_a_call(whole_stage), 3, "the end of the last story's calls")
    yield whole_stage
    whole_stage.telephones.reset()


@pytest.fixture
def telephones(stage: Stage) -> Telephones:
    return stage.telephones


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no chromium on this machine (apt install chromium)")
    browser = Browser(program)
    yield browser
    browser.stop()
