"""One lab for all live tests: a FreeSWITCH with the real configuration and the telephones at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operations.instance import find_freeswitch
from tests.live.lab import Lab, nobody
from tests.scenarios.telephones import Telephones


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_freeswitch() is None:
        for item in items:
            if item.get_closest_marker("live"):
                item.add_marker(pytest.mark.skip(reason="there is no FreeSWITCH on this machine"))


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Telephones]]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield lab, lab.start()
    finally:
        lab.stop()


@pytest.fixture
def lab(running_lab: tuple[Lab, Telephones]) -> Iterator[Lab]:
    lab, telephones = running_lab
    for device in ("anna-desk", "bernd-desk"):
        if not telephones[device].registered:
            telephones[device].register()
    lab.answer = nobody
    lab.questions.clear()
    yield lab
    telephones.reset()
    lab.close_routing()


@pytest.fixture
def telephones(lab: Lab, running_lab: tuple[Lab, Telephones]) -> Telephones:
    return running_lab[1]
