"""Plays one case against plain greenswitch in a process of its own, since some of them end the process.

python -m tests.shared.esl.run_plain CASE prints the outcome: holds, wrong, hangs, spins or ends.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402

from tests.shared.esl.cases import CASES  # noqa: E402
from tests.shared.esl.subjects import Plain  # noqa: E402

CASE_LIMIT_S = 3.0


def _spins(_signal: int, _frame: object) -> None:
    """The hub has not come round to the gevent timeout below: nothing else runs in this process."""
    print("spins", flush=True)
    os._exit(0)


def outcome(case: str) -> str:
    signal.signal(signal.SIGALRM, _spins)
    signal.setitimer(signal.ITIMER_REAL, CASE_LIMIT_S + 1.5)
    limit = gevent.Timeout(CASE_LIMIT_S)
    limit.start()
    try:
        CASES[case](Plain())
    except gevent.Timeout as timeout:
        return "hangs" if timeout is limit else "wrong"
    except SystemExit:
        return "ends"
    except BaseException as error:
        logging.exception("%s", error)
        return "wrong"
    finally:
        limit.close()
    return "holds"


if __name__ == "__main__":
    print(outcome(sys.argv[1]), flush=True)
    os._exit(0)
