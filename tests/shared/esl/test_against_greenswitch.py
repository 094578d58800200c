"""Every defect of plain greenswitch we know of: it shows there, and not in our layer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import gevent
import pytest

from tests.shared.esl.cases import CASES, PLAIN
from tests.shared.esl.subjects import Ours

PROCESS_LIMIT_S = 60


def _play_plain(case: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.shared.esl.run_plain", case],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=PROCESS_LIMIT_S,
        check=False,
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def plain_outcomes() -> Iterator[dict[str, Future[str]]]:
    with ThreadPoolExecutor(3) as pool:
        yield {case: pool.submit(_play_plain, case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_our_layer_stands(case: str) -> None:
    ours = Ours()
    try:
        with gevent.Timeout(10):
            CASES[case](ours)
    finally:
        ours.stop()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_plain_greenswitch_fails(case: str, plain_outcomes: dict[str, Future[str]]) -> None:
    assert plain_outcomes[case].result() == PLAIN[case]
