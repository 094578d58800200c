"""Health and readiness of a service.

/health says that the process answers; /ready asks each dependency and names the ones that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gevent import Timeout

Check = Callable[[], object]
"""Raises, or returns False, when the dependency is not usable; bounded by CHECK_LIMIT_S."""

CHECK_LIMIT_S = 2.0


@dataclass(frozen=True)
class Readiness:
    ready: bool
    checks: Mapping[str, str]
    """By dependency: "ok" or why not."""


def readiness(checks: Mapping[str, Check]) -> Readiness:
    results = {name: _outcome(check) for name, check in checks.items()}
    return Readiness(all(result == "ok" for result in results.values()), results)


def _outcome(check: Check) -> str:
    limit = Timeout(CHECK_LIMIT_S)
    limit.start()
    try:
        return "not ready" if check() is False else "ok"
    except Timeout as expired:
        if expired is not limit:
            raise
        return f"no answer within {CHECK_LIMIT_S:g} s"
    except Exception as error:  # whatever a dependency raises, /ready's answer is its text
        return " ".join(str(error).split()) or type(error).__name__
    finally:
        limit.close()
