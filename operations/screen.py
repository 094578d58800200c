"""What the person at the keyboard sees: one line a step, and one clear line when a step fails.

Standard library only: the first stage runs before there is a virtual environment.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Trouble(Exception):
    """A step failed; `message` says what, `remedy` what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


def say(text: str = "") -> None:
    print(text, flush=True)


def complain(trouble: Trouble) -> None:
    print(f"Stopped: {trouble}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Says what begins and how long it took; quick steps take one line."""
    print(f"  {text} … ", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)
