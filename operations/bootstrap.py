"""From a bare machine to a virtual environment: `python3 -m operations.bootstrap <target> …`.

    packages missing -> apt (root or passwordless sudo) or a list -> .venv from hashed pins -> the target

Standard library only. What is there is found quickly, so every target goes through here. Each step can be
interrupted: the next run looks again at what is there and does the rest.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from operations.places import ROOT, VAR_IN_CLONE, VENV, VENV_PYTHON, is_root, prepare_var
from operations.screen import Trouble, complain, say, step

PINS = ROOT / "requirements-dev.txt"
STAMP = VENV / "complete"
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# business-telephone-system, while it installs packages: start no servers\nexit 101\n"

# Targets that need nothing but the virtual environment.
WITHOUT_PACKAGES = {"lint", "pins", "status", "logs", "down", "call"}


def _any(*patterns: str) -> Callable[[], bool]:
    return lambda: any(any(Path("/").glob(pattern.lstrip("/"))) for pattern in patterns)


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _can_make_venv() -> bool:
    try:
        import ensurepip
        import venv
    except ImportError:
        return False
    return bool(ensurepip and venv)


# Package, and how to see that what we need of it is there (it may have come another way).
PACKAGES: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("postgresql", lambda: _any("/usr/lib/postgresql/*/bin/initdb")() or bool(shutil.which("initdb"))),
    ("rabbitmq-server", _any("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq*/sbin/rabbitmq-server")),
    ("espeak-ng", _command("espeak-ng")),
    ("sox", _command("sox")),
    ("sip-tester", _command("sipp")),
    ("asterisk-core-sounds-en-wav", _any("/usr/share/asterisk/sounds/en*/beep.wav")),
    ("asterisk-moh-opsound-wav", _any("/usr/share/asterisk/moh/*.wav")),
)
# Only for `make test`: the browser that looks at the web page (Ubuntu has it as a snap, which no script should
# install), and what the dashboard asks.
PACKAGES_FOR_TESTS: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("chromium", lambda: _command("chromium", "chromium-browser", "google-chrome")() or not _is_debian()),
    ("prometheus", lambda: bool(os.environ.get("PROMETHEUS_BIN")) or _command("prometheus")()),
)
# Only to make the virtual environment (psycopg2 is compiled).
PACKAGES_FOR_VENV: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("python3-venv", _can_make_venv),
    ("python3-dev", lambda: Path(sysconfig.get_path("include"), "Python.h").exists()),
    ("gcc", _command("gcc", "cc")),
    ("libc6-dev", _any("/usr/include/stdlib.h", "/usr/include/*/stdlib.h")),
    ("libpq-dev", _any("/usr/include/postgresql/libpq-fe.h", "/usr/include/libpq-fe.h",
                       "/usr/local/include/libpq-fe.h")),
)


def _is_debian() -> bool:
    try:
        return "ID=debian" in Path("/etc/os-release").read_text().splitlines()
    except FileNotFoundError:
        return False


def missing_packages(for_venv: bool, for_tests: bool) -> list[str]:
    wanted = PACKAGES + (PACKAGES_FOR_VENV if for_venv else ()) + (PACKAGES_FOR_TESTS if for_tests else ())
    return [package for package, is_there in wanted if not is_there()]


def install_packages(missing: list[str]) -> None:
    remedy = "apt install " + " ".join(missing)
    if not shutil.which("apt-get"):
        raise Trouble(f"These are missing: {', '.join(missing)}", "install them with this system's package manager")
    if is_root():
        sudo = []
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        sudo = ["sudo", "-n"]
    else:
        raise Trouble("These packages are missing and only root may install them", remedy)
    say(f"  installing {', '.join(missing)} (apt)")
    with no_server_starts(sudo):
        if _apt(sudo, ["install", *missing]) != 0:
            _apt(sudo, ["update"])
            if _apt(sudo, ["install", *missing]) != 0:
                raise Trouble("apt could not install what is missing; its last lines are above", remedy)
    if servers := sorted({"postgresql", "rabbitmq-server", "prometheus"} & set(missing)):
        say("  The servers these packages bring are not used as such and were not started; systemd may start them at")
        say(f"  the next boot unless you say `systemctl disable {' '.join(servers)}`.")


def _apt(sudo: list[str], words: list[str]) -> int:
    command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300",
               "-o", "Dpkg::Use-Pty=0", words[0], *(["--no-install-recommends"] if words[0] == "install" else []),
               *words[1:]]
    return follow(command, ("Get:", "Unpacking ", "Setting up "), f"apt-get {words[0]}")


@contextmanager
def no_server_starts(sudo: list[str]) -> Iterator[None]:
    """Debian starts a server it installs unless policy-rc.d says no. One that is there already is left alone,
    unless an interrupted run of ours left it."""
    ours = POLICY.exists() and POLICY.read_text() == POLICY_TEXT
    if POLICY.exists() and not ours:
        yield
        return
    put = [*sudo, "sh", "-c", f"cat > {POLICY} && chmod 755 {POLICY}"]
    subprocess.run(put, input=POLICY_TEXT, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*sudo, "rm", "-f", str(POLICY)], check=True)


def follow(command: list[str], tell: tuple[str, ...], name: str, environment: dict[str, str] | None = None) -> int:
    """Runs it showing progress: one changing line on a terminal, every 20th step elsewhere; all of it if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL, env=environment, errors="replace")
    assert process.stdout is not None
    lines: list[str] = []
    count = 0
    on_terminal = sys.stdout.isatty()
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.lstrip().startswith(tell):
            count += 1
            if on_terminal:
                print(f"\r    {name}: {line.strip()[:90]:90}", end="", flush=True)
            elif count % 20 == 1:
                print(f"    {name}: {line.strip()[:100]}", flush=True)
    if on_terminal and count:
        print("\r" + " " * 110 + "\r", end="", flush=True)
    status = process.wait()
    if status:
        say("\n".join("    " + line for line in lines[-15:]))
    return status


def venv_is_complete() -> bool:
    return VENV_PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _pins_digest()


def _pins_digest() -> str:
    return hashlib.sha256(PINS.read_bytes()).hexdigest()


def make_venv() -> None:
    """.venv with exactly the pinned packages; the stamp is written last, so half of one is never taken for a whole."""
    STAMP.unlink(missing_ok=True)
    works = VENV_PYTHON.exists() and subprocess.run(
        [VENV_PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], capture_output=True).returncode == 0 \
        and subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    if not works:
        with step("making .venv"):
            shutil.rmtree(VENV, ignore_errors=True)
            made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
            if made.returncode:
                raise Trouble(f"python3 -m venv failed: {(made.stderr or made.stdout).strip().splitlines()[-1]}",
                              "apt install python3-venv")
    say("  installing the pinned Python packages (about 3 minutes the first time)")
    command = [str(VENV_PYTHON), "-m", "pip", "install", "--require-hashes", "--disable-pip-version-check",
               "--no-input", "--progress-bar", "off", "-r", str(PINS)]
    if follow(command, ("Collecting ", "Building ", "Installing "), "pip") != 0:
        raise Trouble("pip could not install the pinned packages; its last lines are above",
                      "is a package index reachable? Then run the same command again")
    STAMP.write_text(_pins_digest())


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with (VAR_IN_CLONE / "bootstrap.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  waiting for another `make` that is installing …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare(target: str) -> None:
    prepare_var()
    for_venv, for_tests = not venv_is_complete(), target == "test"
    needed = [] if target in WITHOUT_PACKAGES and not for_venv else missing_packages(for_venv, for_tests)
    if not needed and not for_venv:
        return
    with one_at_a_time():
        if needed := missing_packages(for_venv, for_tests):
            install_packages(needed)
            still = missing_packages(for_venv, for_tests)
            # A python3-dev or python3-venv of the system does not serve a Python from elsewhere.
            if still and "python3-venv" not in still:
                still = [package for package in still if package != "python3-dev"]
            if still:
                raise Trouble(f"Still missing after apt: {', '.join(still)}", f"{sys.executable} needs them")
        if not venv_is_complete():
            make_venv()


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else "up"
    try:
        prepare(target)
    except Trouble as trouble:
        complain(trouble)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nInterrupted: the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    os.chdir(ROOT)
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), "-m", "operations", *sys.argv[1:]])


if __name__ == "__main__":
    main()
