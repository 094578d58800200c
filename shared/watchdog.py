"""Kills a service whose hub stands still, so that the dialplan takes its calls.

A call that asks a hung service is freed by nothing on the switch (a sync socket waits for ever), but
the moment the socket closes the dialplan goes on. So a parent process outside the service listens to
its heartbeat, a byte four times a second from a greenlet of the service's hub, and kills it when the
hub has been silent for two seconds; the supervisor then starts a new one. A service no caller waits for is given
longer: on a machine that is overloaded for a moment a new start would only cost more.

    python -m shared.watchdog -- python -m services.routing
    python -m shared.watchdog --limit 8 -- python -m services.presence

The parent forwards SIGTERM and SIGINT, and if it dies itself the kernel ends the service.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from types import FrameType

SILENCE_LIMIT_S = 2.0
BEAT_EVERY_S = 0.25
HEARTBEAT_VARIABLE = "PBX_HEARTBEAT_FD"
EXIT_HUNG = 70

# While the watchdog itself did not run (machine paused or overloaded) the service may not have either:
# of one wait no more than this counts as silence.
LONGEST_COUNTED_WAIT_S = 0.5
_PR_SET_PDEATHSIG = 1               # linux/prctl.h


def beat() -> None:
    """Called once by the service when its hub is up: starts the greenlet that beats. Without a watchdog: nothing."""
    descriptor = os.environ.get(HEARTBEAT_VARIABLE)
    if descriptor is None:
        return
    import gevent

    gevent.spawn(_beat_for_ever, int(descriptor))


def _beat_for_ever(descriptor: int) -> None:
    import gevent

    os.set_blocking(descriptor, False)
    while True:
        try:
            os.write(descriptor, b".")
        except BlockingIOError:     # the watchdog is slow; enough beats wait in the pipe
            pass
        except BrokenPipeError:     # it is gone; the kernel is about to end us
            return
        gevent.sleep(BEAT_EVERY_S)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:      # it died before the request was made
        os.kill(os.getpid(), signal.SIGKILL)


def watch(command: list[str], silence_limit_s: float = SILENCE_LIMIT_S) -> int:
    """Runs the command until it ends or hangs. Its exit status: 128 + n if signal n ended it, 70 if it hung."""
    beats, beats_of_child = os.pipe()
    wakeup, wakeup_of_signals = os.pipe()
    os.set_blocking(beats, False)
    os.set_blocking(wakeup, False)
    os.set_blocking(wakeup_of_signals, False)
    signal.set_wakeup_fd(wakeup_of_signals, warn_on_full_buffer=False)
    asked_to_stop: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        asked_to_stop.append(number)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    signal.signal(signal.SIGCHLD, lambda *_: None)

    me = os.getpid()
    child = subprocess.Popen(
        command,
        pass_fds=(beats_of_child,),
        env={**os.environ, HEARTBEAT_VARIABLE: str(beats_of_child)},
        preexec_fn=lambda: _die_with_parent(me),
    )
    os.close(beats_of_child)

    selector = selectors.DefaultSelector()
    selector.register(beats, selectors.EVENT_READ)
    selector.register(wakeup, selectors.EVENT_READ)
    beaten = False
    silent_s = 0.0
    while child.poll() is None:
        while asked_to_stop:
            child.send_signal(asked_to_stop.pop(0))
        before = time.monotonic()
        ready = {key.fd for key, _ in selector.select(BEAT_EVERY_S)}
        silent_s += min(time.monotonic() - before, LONGEST_COUNTED_WAIT_S)
        if wakeup in ready:
            os.read(wakeup, 4096)
        if beats in ready:
            if os.read(beats, 4096):
                beaten, silent_s = True, 0.0
            else:                   # the child closed it: only its end, or silence, is left
                selector.unregister(beats)
        if beaten and silent_s >= silence_limit_s and child.poll() is None:
            print(f"watchdog: {' '.join(command[-2:])} did not answer for {silent_s:.1f} s and is killed",
                  file=sys.stderr, flush=True)
            child.kill()
            child.wait()
            return EXIT_HUNG
    status = child.returncode
    return 128 - status if status < 0 else status


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m shared.watchdog")
    arguments.add_argument("--limit", type=float, default=SILENCE_LIMIT_S, metavar="S", help="seconds of silence")
    arguments.add_argument("command", nargs="+")
    given = arguments.parse_args()
    if given.command[0] == "python":
        given.command[0] = sys.executable
    sys.exit(watch(given.command, given.limit))


if __name__ == "__main__":
    main()
