"""A supervisord of our own per run folder: starts the programs, restarts them, tells how they are.

Programs inherit its environment. PBX_SUPERVISED marks them, so that those a killed supervisord left
behind are found and ended before new ones start.
"""

import contextlib
import hashlib
import http.client
import os
import shlex
import signal
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

from operations.places import ROOT, VENV_PYTHON, is_root
from operations.screen import Trouble

SOCKET_PATH_LIMIT = 100       # sun_path holds 108 bytes, and supervisord adds a suffix while it binds
CONTROL_ERRORS = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    user: str | None = None
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    stop_whole_group: bool = False


@dataclass(frozen=True)
class ProcessState:
    name: str
    state: str                 # supervisor's word: RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED
    pid: int
    started_at: int
    ended_at: int              # when it last ended, 0 if it never did

    @property
    def running(self) -> bool:
        return self.state == "RUNNING"


class Supervisor:
    def __init__(self, run: Path, programs: Iterable[Program], environment: Mapping[str, str]) -> None:
        self.run = run
        self.programs = tuple(programs)
        self.environment = dict(environment)
        self.socket = run / "supervisor.sock"
        if len(str(self.socket)) > SOCKET_PATH_LIMIT:
            name = hashlib.sha256(str(run).encode()).hexdigest()[:16]
            self.socket = Path(tempfile.gettempdir()) / f"pbx-{os.getuid()}-{name}.sock"

    def log(self, program: str) -> Path:
        return self.run / "logs" / f"{program}.log"

    @property
    def _rpc(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport("", "", f"unix://{self.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)

    def alive(self) -> bool:
        try:
            self._rpc.supervisor.getState()
        except CONTROL_ERRORS:
            return False
        except xmlrpc.client.Fault:     # on its way out: still there, and stop() waits for it
            return True
        return True

    def states(self) -> dict[str, ProcessState]:
        """Every program's state; none when no supervisord is up."""
        try:
            rows = self._rpc.supervisor.getAllProcessInfo()
        except (*CONTROL_ERRORS, xmlrpc.client.Fault):
            return {}
        assert isinstance(rows, list)
        return {
            row["name"]: ProcessState(
                row["name"], row["statename"], row["pid"], row["start"], row["stop"]
            )
            for row in rows
        }

    def runs_otherwise(self) -> bool:
        """Whether the supervisord that is up was started with other programs than these."""
        return (self.run / "supervisord.conf").read_text() != self._conf()

    def start(self) -> None:
        """Starts supervisord, and it every program. The caller looks at states() for how they fare."""
        (self.run / "logs").mkdir(parents=True, exist_ok=True)
        self.end_leftovers()
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        conf = self.run / "supervisord.conf"
        conf.write_text(self._conf())
        environment = {
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin") + ":/usr/sbin:/sbin",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
            "PBX_SUPERVISED": str(self.run),
        }
        with (self.run / "logs" / "supervisord.out").open("wb") as output:
            process = subprocess.Popen(
                [VENV_PYTHON, "-m", "supervisor.supervisord", "-n", "-c", conf],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + 15
        while not self.alive():
            if process.poll() is not None:
                last = last_line(self.run / "logs" / "supervisord.out")
                raise Trouble(f"The supervisor of {self.run.name} did not start: {last}")
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise Trouble(f"The supervisor of {self.run.name} did not answer within 15 s",
                              f"look into {self.run}/logs/supervisord.log")
            time.sleep(0.05)

    def stop(self, timeout_s: float = 40) -> None:
        """Stops every program and supervisord itself, and waits until they are gone."""
        pid = self._pid()
        if pid:
            deadline = time.monotonic() + timeout_s
            with contextlib.suppress(*CONTROL_ERRORS, xmlrpc.client.Fault):
                # All at once; shutdown() alone would stop them one after the other.
                self._rpc.supervisor.stopAllProcesses(False)
                while any(state.pid for state in self.states().values()) and time.monotonic() < deadline:
                    time.sleep(0.05)
                self._rpc.supervisor.shutdown()
            while is_alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        self.end_leftovers()
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()

    def start_program(self, name: str) -> None:
        self._ask("start", name)

    def stop_program(self, name: str) -> None:
        """Stops it for good (no restart until start_program) and waits until it is gone."""
        self._ask("stop", name)

    def restart_program(self, name: str) -> None:
        self.stop_program(name)
        self.start_program(name)

    def _ask(self, what: str, name: str) -> None:
        ask = self._rpc.supervisor.startProcess if what == "start" else self._rpc.supervisor.stopProcess
        try:
            ask(name)
        except xmlrpc.client.Fault as fault:
            if fault.faultString.split(":")[0] in ("ALREADY_STARTED", "NOT_RUNNING"):
                return
            raise Trouble(f"{name} does not {what}: {last_line(self.log(name)) or fault.faultString}") from fault
        except CONTROL_ERRORS as error:
            raise Trouble(f"No supervisor is running in {self.run}", "start it with `make up`") from error

    def _pid(self) -> int:
        try:
            pid = self._rpc.supervisor.getPID()
        except CONTROL_ERRORS:
            return 0
        assert isinstance(pid, int)
        return pid

    def end_leftovers(self) -> None:
        """Ends what a supervisord of this run folder left behind when it was killed."""
        mark = f"PBX_SUPERVISED={self.run}".encode()
        left = [pid for pid in process_ids() if mark in environment_of(pid) and pid != os.getpid()]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + 8
            while left and time.monotonic() < deadline:
                left = [pid for pid in left if is_alive(pid)]
                time.sleep(0.02)

    def _conf(self) -> str:
        def plain(text: object) -> str:
            return str(text).replace("%", "%%")

        user = "user=root\n" if is_root() else ""
        parts = [
            f"[supervisord]\nlogfile={plain(self.run)}/logs/supervisord.log\nlogfile_maxbytes=5MB\n"
            f"pidfile={plain(self.run)}/supervisord.pid\nchildlogdir={plain(self.run)}/logs\nminfds=4096\n{user}",
            f"[unix_http_server]\nfile={plain(self.socket)}\nchmod=0700\n",
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
            f"[supervisorctl]\nserverurl=unix://{plain(self.socket)}\n",
        ]
        for program in self.programs:
            lines = [
                f"[program:{program.name}]",
                f"command={plain(shlex.join(str(word) for word in program.command))}",
                f"directory={plain(program.folder)}",
                "autorestart=true",
                "startsecs=1",
                # A database that is away for an hour must not end the restarts; the wait grows by 1 s a try.
                "startretries=100000",
                f"stopsignal={program.stop_signal}",
                f"stopwaitsecs={program.stop_wait_s}",
                f"stopasgroup={'true' if program.stop_whole_group else 'false'}",
                "killasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile={plain(self.log(program.name))}",
                "stdout_logfile_maxbytes=20MB",
                "stdout_logfile_backups=2",
            ]
            if program.user:
                lines.append(f"user={program.user}")
            if program.environment:
                pairs = (f'{name}="{plain(value)}"' for name, value in program.environment.items())
                lines.append("environment=" + ",".join(pairs))
            parts.append("\n".join(lines) + "\n")
        return "\n".join(parts)


def last_line(log: Path, offset: int = 0) -> str:
    """The last line with something in it, of what was written after `offset`."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(offset if offset <= size else 0, size - 20_000))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def process_ids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:             # gone, or somebody else's
        return []


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False
