"""Scheduling classes as the system really gives them; each in a process of its own, so that this one stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

MAY_BE_REAL_TIME = os.geteuid() == 0


def run(body: str, *, as_nobody: bool = False) -> list[str]:
    """What the lines print. as_nobody: as a user the system grants nothing."""
    lines = ["import os, resource"]
    if as_nobody:
        lines.append("resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))")
        lines += ["os.setgid(65534)", "os.setuid(65534)"] if MAY_BE_REAL_TIME else []
    program = "from shared.priority import CallsFirst\n" + "\n".join(lines) + textwrap.dedent("""
        names = {os.SCHED_OTHER: "ordinary", os.SCHED_FIFO: "real-time"}
        def now():
            return names[os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK]
        first = CallsFirst()
        """) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("20")]  # log lines begin with the year


needs_root = pytest.mark.skipif(not MAY_BE_REAL_TIME, reason="only root may be in the real-time class here")


@needs_root
def test_it_goes_first_and_steps_back_for_what_takes_long() -> None:
    assert run("""
        print(first.begin(), now())
        with first.behind():
            print(now())
            with first.behind():
                print(now())
            print(now())
        print(now())
        """) == ["True real-time", "ordinary", "ordinary", "ordinary", "real-time"]


@needs_root
def test_threads_and_children_are_ordinary() -> None:
    assert run("""
        import subprocess, sys, threading
        first.begin()
        thread = threading.Thread(target=lambda: print(now())); thread.start(); thread.join()
        print(subprocess.run([sys.executable, "-c", "import os; print(os.sched_getscheduler(0) == os.SCHED_OTHER)"],
                             capture_output=True, text=True, check=True).stdout.strip())
        print(now())
        """) == ["ordinary", "True", "real-time"]


@needs_root
def test_a_request_is_served_behind_calls_to_its_last_byte_also_when_it_fails() -> None:
    assert run("""
        def app(environ, start_response):
            yield now().encode()
            if environ["fails"]:
                raise ValueError
            yield now().encode()
        first.begin()
        print(b" ".join(first.wsgi(app)({"fails": False}, None)).decode(), now())
        try:
            list(first.wsgi(app)({"fails": True}, None))
        except ValueError:
            print(now())
        half_read = first.wsgi(app)({"fails": False}, None)
        next(half_read)
        half_read.close()
        print(now())
        """) == ["ordinary ordinary real-time", "real-time", "real-time"]


def test_where_the_system_does_not_let_it_everything_stays_as_it_was() -> None:
    assert run("""
        print(first.begin(), now())
        with first.behind():
            print(now())
        print(now())
        """, as_nobody=True) == ["False ordinary", "ordinary", "ordinary"]
