"""The watchdog with real child processes: healthy, stopped, blocked, ended, told to end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared import watchdog

ROOT = Path(__file__).resolve().parent.parent.parent

BEATING = """
from gevent import monkey; monkey.patch_all()
import gevent, os, signal, sys, time
from shared.watchdog import beat
beat()
gevent.sleep(0.3)
print(os.getpid(), flush=True)
"""


def start(then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shared.watchdog", "--", sys.executable, "-c", BEATING + then],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def pid_of_child(parent: subprocess.Popen[str]) -> int:
    assert parent.stdout is not None
    return int(parent.stdout.readline())


def test_a_service_that_is_stopped_is_killed_within_the_limit() -> None:
    parent = start("os.kill(os.getpid(), signal.SIGSTOP)")
    pid = pid_of_child(parent)
    began = time.monotonic()
    _, said = parent.communicate(timeout=10)
    assert parent.returncode == watchdog.EXIT_HUNG
    assert time.monotonic() - began < watchdog.SILENCE_LIMIT_S + 1.5
    assert "did not answer" in said
    assert not Path(f"/proc/{pid}").exists()


def test_a_service_whose_hub_is_blocked_is_killed() -> None:
    parent = start("monkey.get_original('time', 'sleep')(60)")
    pid_of_child(parent)
    parent.communicate(timeout=10)
    assert parent.returncode == watchdog.EXIT_HUNG


def test_a_service_that_keeps_beating_is_left_alone_and_its_exit_status_handed_on() -> None:
    parent = start(f"gevent.sleep({watchdog.SILENCE_LIMIT_S + 1}); sys.exit(3)")
    parent.communicate(timeout=15)
    assert parent.returncode == 3


def test_a_longer_limit_can_be_given() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "shared.watchdog", "--limit", str(watchdog.SILENCE_LIMIT_S + 3), "--", sys.executable,
         "-c", BEATING + f"monkey.get_original('time', 'sleep')({watchdog.SILENCE_LIMIT_S + 1}); sys.exit(4)"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    parent.communicate(timeout=15)
    assert parent.returncode == 4


def test_silence_before_the_first_beat_is_not_held_against_a_slow_start() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "shared.watchdog", "--", sys.executable, "-c",
         f"import time; time.sleep({watchdog.SILENCE_LIMIT_S + 0.7})"], cwd=ROOT)
    assert parent.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_end_is_forwarded_and_waited_for(number: signal.Signals) -> None:
    parent = start(f"""
import gevent.event
asked = gevent.event.Event()
gevent.signal_handler({int(number)}, asked.set)
print("ready", flush=True)
asked.wait()
gevent.sleep(0.5)
sys.exit(5)
""")
    pid_of_child(parent)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    parent.send_signal(number)
    parent.communicate(timeout=10)
    assert parent.returncode == 5


def test_the_service_does_not_outlive_its_watchdog() -> None:
    parent = start("gevent.sleep(60)")
    descriptor = os.pidfd_open(pid_of_child(parent))
    parent.kill()
    parent.communicate(timeout=10)
    import select
    assert select.select([descriptor], [], [], 5)[0], "the child still runs"
    os.close(descriptor)


def test_a_service_ended_by_a_signal_gives_the_shells_exit_status() -> None:
    parent = start("os.kill(os.getpid(), signal.SIGKILL)")
    parent.communicate(timeout=10)
    assert parent.returncode == 128 + signal.SIGKILL


def test_without_a_watchdog_beating_does_nothing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != watchdog.HEARTBEAT_VARIABLE}
    done = subprocess.run([sys.executable, "-c", "from shared.watchdog import beat; beat()"], cwd=ROOT, env=environment)
    assert done.returncode == 0
