"""An instance is one running suite: a switch, four services, their workers and a mailbox, under a supervisor
of its own, with its own run folder, ports, database and broker vhost.

    instance = create("test-simulator", switch="simulator")      # folders, secrets, database, <run>/env
    start(instance); restart(instance, "routing"); pid(instance, "routing"); stop(instance)
    load("dev").env["PBX_ESL_PORT"]                              # one that `make up` made

Every process finds what it needs in its environment, and only there; <run>/env holds the same lines.
"""

import hashlib
import os
import shlex
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from operations import demo_company, migrate, places, servers, settings_of_instance, switch_tables
from operations.places import ROOT, VAR
from operations.ports import refuse_taken_ports, udp_port_is_bound
from operations.screen import Trouble
from operations.secrets_file import write_private
from operations.settings_of_instance import LISTENING, OF_FREESWITCH, OF_THE_MAIL_SINK, OF_THE_SWITCH
from operations.supervision import ProcessState, Program, Supervisor, is_alive, last_line

SERVICES = servers.SERVICES
# Each worker and the queue it must be seen to serve.
WORKERS = {"routing-worker": "calls.record", "callback-worker": "callback.dial", "voicemail-worker": "voicemail.store"}
START_TIMEOUT_S = 120
PATIENT_S = "8"
"""Silence of a service no caller waits for (shared/watchdog.py); the dialplan rescues who calls a hung mailbox."""
CODE = ("services", "shared", "freeswitch")

Progress = Callable[[str], AbstractContextManager[None]]


def silent(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Instance:
    name: str
    run: Path
    switch: str                        # freeswitch, simulator, or external (somebody else's, already running)
    env: Mapping[str, str] = field(repr=False)

    def url(self, service: str) -> str:
        """Where the service's HTTP is, without a slash at the end."""
        return f"http://{self.env['PBX_BIND']}:{self.env[f'PBX_{service.upper()}_HTTP_PORT']}"

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.run, programs(self), self.env)


@dataclass(frozen=True)
class ProcessStatus:
    name: str
    state: str
    pid: int
    healthy: bool
    why_not: str


def run_folder(name: str) -> Path:
    return VAR / f"run-{name}"


def find_freeswitch() -> str | None:
    """The switch's program: FREESWITCH_BIN, PATH, the usual prefixes. FREESWITCH_BIN= (empty) hides them all."""
    named = os.environ.get("FREESWITCH_BIN")
    if named is not None:
        if not named:
            return None
        if not os.access(named, os.X_OK):
            raise Trouble(f"FREESWITCH_BIN={named} is not a program", "name FreeSWITCH's own, or leave it unset")
        return named
    usual = [*Path("/usr/local").glob("*/bin/freeswitch"), Path("/usr/local/bin/freeswitch"),
             Path("/usr/bin/freeswitch"), *Path("/opt").glob("*/bin/freeswitch")]
    return shutil.which("freeswitch") or next((str(p) for p in usual if os.access(p, os.X_OK)), None)


def choose_switch() -> str:
    """What `make up` starts: PBX_SWITCH if given, else the real one if it is on this machine."""
    wanted = os.environ.get("PBX_SWITCH")
    if wanted and wanted not in settings_of_instance.SWITCHES:
        raise Trouble(f"PBX_SWITCH={wanted!r} is unknown",
                      "it is one of " + ", ".join(settings_of_instance.SWITCHES))
    if wanted == "freeswitch" and not find_freeswitch():
        raise Trouble("PBX_SWITCH=freeswitch, but there is no FreeSWITCH here", "say where with FREESWITCH_BIN")
    return wanted or ("freeswitch" if find_freeswitch() else "simulator")


# --- making one -------------------------------------------------------------------------------

def create(name: str, *, switch: str | None = None, given: Mapping[str, str] | None = None, fresh: bool = False,
           progress: Progress = silent) -> Instance:
    """Everything an instance needs before it starts; what is there already is kept, unless `fresh`.

    given: settings other than usual (settings_of_instance.MAY_BE_GIVEN).
    """
    places.prepare_var()
    servers.start(wait_for_broker=fresh)
    run = run_folder(name)
    database = servers.database_name(name)
    if fresh:
        Supervisor(run, [], {}).stop()
        shutil.rmtree(run, ignore_errors=True)
        servers.drop_database(database)
        servers.empty_vhost(database)
    for folder in ("", "logs", "spool", "switch"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)            # recordings, mail, passwords
    instance = Instance(name, run, switch := switch or choose_switch(),
                        settings_of_instance.settings(name, run, switch, given or {}))
    servers.ensure_database(database)
    if migrate.current(instance.env["PBX_ADMIN_DATABASE_URL"]) != migrate.newest():
        with progress(f"migrating the database {database}"):
            migrate.up(instance.env["PBX_ADMIN_DATABASE_URL"])
    demo_company.ensure(instance.env)
    write_private(run / "env", "".join(f"{key}={shlex.quote(value)}\n" for key, value in instance.env.items()))
    return instance


def load(name: str) -> Instance:
    """One that was created before."""
    run = run_folder(name)
    try:
        lines = (run / "env").read_text().splitlines()
    except FileNotFoundError:
        raise Trouble(f"There is no instance {name} yet", "start it with `make up`") from None
    env = dict(shlex.split(line)[0].split("=", 1) for line in lines if line)
    return Instance(name, run, env["PBX_SWITCH"], env)


def environment(instance: Instance) -> dict[str, str]:
    """For a process beside the instance's own, a test for example: this environment plus the instance's."""
    return {**os.environ, **instance.env, "PYTHONPATH": str(ROOT)}


# --- its processes ----------------------------------------------------------------------------

def programs(instance: Instance) -> list[Program]:
    python = str(places.VENV_PYTHON)
    found = []
    if _has_mail_sink(instance.env):
        found.append(Program("mail-sink", [python, "-m", "operations.mail_sink"]))
    if instance.switch == "freeswitch":
        found.append(Program("switch", freeswitch_command(instance), stop_wait_s=15))
    elif instance.switch == "simulator":
        found.append(Program("switch", [python, "-m", "freeswitch.simulator"]))
    for service in SERVICES:
        limit = [] if service == "routing" else ["--limit", PATIENT_S]
        watched = [python, "-m", "shared.watchdog", *limit, "--", python, "-m", f"services.{service}"]
        found.append(Program(service, watched, stop_wait_s=15))
    for worker in WORKERS:
        service = worker.removesuffix("-worker")
        # What can wait a moment gives way to calls: conversion, mails, the log.
        found.append(Program(worker, ["nice", "-n", "10", python, "-m", f"services.{service}.worker"], stop_wait_s=15))
    return found


def _folder_of_switch(instance: Instance) -> Path:
    return instance.run / "switch"


def freeswitch_command(instance: Instance) -> list[str]:
    program = find_freeswitch()
    if not program:
        raise Trouble("There is no FreeSWITCH on this machine any more", "say where with FREESWITCH_BIN")
    own = _folder_of_switch(instance)
    for folder in ("log", "db", "run", "storage", "tmp", "recordings", "cache", "certs"):
        (own / folder).mkdir(parents=True, exist_ok=True)
    # Without -nf it would put itself into the background, out of the supervisor's sight (switch.c).
    return [
        program, "-nf", "-nc", "-nonat",
        "-conf", instance.env["PBX_SWITCH_CONF"], "-log", str(own / "log"), "-db", str(own / "db"),
        "-run", str(own / "run"), "-storage", str(own / "storage"), "-temp", str(own / "tmp"),
        "-recordings", str(own / "recordings"), "-cache", str(own / "cache"), "-certs", str(own / "certs"),
        "-sounds", str(places.SOUNDS),
    ]


def _has_mail_sink(env: Mapping[str, str]) -> bool:
    return env["PBX_SMTP_HOST"] in ("127.0.0.1", "localhost") and env["PBX_SMTP_TLS"] == "none" \
        and not env["PBX_SMTP_USER"]


def _refuse_taken_ports(instance: Instance) -> None:
    wanted = list(LISTENING)
    if instance.switch != "external":
        wanted.append(OF_THE_SWITCH)
    if instance.switch == "freeswitch":
        wanted += OF_FREESWITCH
    if _has_mail_sink(instance.env):
        wanted.append(OF_THE_MAIL_SINK)
    refuse_taken_ports({int(instance.env[key]): purpose for key, purpose, _ in wanted},
                       udp=[int(instance.env[key]) for key, _, udp in wanted if udp])


def _fingerprint(instance: Instance) -> str:
    """Changes when a process would start differently: its settings, its command line, the code."""
    digest = hashlib.sha256(repr((sorted(instance.env.items()), programs(instance))).encode())
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".xml", ".yaml") and file.is_file():
                digest.update(f"{file}{file.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


# --- starting and stopping --------------------------------------------------------------------

def start(instance: Instance, *, progress: Progress = silent) -> None:
    """Starts it and returns when all of it is healthy. One that runs with the same settings and code is left
    alone. A process that ends at once stops the start, with the last line it wrote."""
    with servers.one_at_a_time(f"instance-{instance.name}"):
        supervisor = instance.supervisor
        fingerprint_file = instance.run / "fingerprint"
        fingerprint = _fingerprint(instance)
        if supervisor.alive():
            known = fingerprint_file.read_text() if fingerprint_file.exists() else ""
            if known == fingerprint:
                for name, state in supervisor.states().items():
                    if state.state in ("STOPPED", "FATAL", "EXITED"):
                        supervisor.start_program(name)
                _wait_until_healthy(instance, supervisor, began=time.time())
                return
            with progress("stopping what runs with older settings or code"):
                supervisor.stop()
        fingerprint_file.unlink(missing_ok=True)
        supervisor.end_leftovers()
        _refuse_taken_ports(instance)
        with progress(f"starting {_named(instance.switch)}, four services and their workers"):
            began = time.time()
            sizes = {program.name: _size(supervisor.log(program.name)) for program in supervisor.programs}
            supervisor.start()
            # Now, not when healthy: who is interrupted or loses patience finds it running, and waits on.
            write_private(fingerprint_file, fingerprint)
            servers.wait_until_broker_answers()
            _wait_until_healthy(instance, supervisor, began, sizes)
            if instance.switch == "freeswitch":
                switch_tables.tell_sqlite(_folder_of_switch(instance) / "db")


def _named(switch: str) -> str:
    return {"freeswitch": "FreeSWITCH", "simulator": "the simulator"}.get(switch, "no switch (an existing one is used)")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _wait_until_healthy(instance: Instance, supervisor: Supervisor, began: float,
                        sizes: Mapping[str, int] | None = None) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    waiting = [program.name for program in supervisor.programs]
    why_not = ""
    while waiting:
        for name, state in supervisor.states().items():
            ended = state.ended_at and state.ended_at >= int(began)
            if state.state in ("BACKOFF", "FATAL", "EXITED") or ended:
                said = last_line(supervisor.log(name), (sizes or {}).get(name, 0))
                if sizes is not None:
                    supervisor.stop()
                raise Trouble(f"{name} did not start: {said or 'it ended without a word'}",
                              f"its log is {supervisor.log(name)}")
        still = []
        for name in waiting:
            if said := why_unhealthy(instance, name):
                still.append(name)
                why_not = f"{name}: {said}"
        waiting = still
        if waiting and time.monotonic() > deadline:
            raise Trouble(f"Not healthy within {START_TIMEOUT_S} s: {why_not}",
                          f"see `make status` and {supervisor.run}/logs")
        time.sleep(0.1)


def why_unhealthy(instance: Instance, process: str) -> str:
    """Why it is not ready to work, or nothing when it is."""
    env = instance.env
    if process in SERVICES:
        return _why_not_ready(instance.url(process) + "/ready")
    if process == "mail-sink":
        return _why_no_answer(env["PBX_SMTP_HOST"], int(env["PBX_SMTP_PORT"]))
    if process == "switch":
        if instance.switch == "freeswitch":
            for key, purpose, _ in OF_FREESWITCH:
                if not udp_port_is_bound(int(env[key])):
                    return f"{purpose} is not up (port {env[key]})"
        return _why_no_answer(env["PBX_ESL_HOST"], int(env["PBX_ESL_PORT"]))
    if process in WORKERS and servers.consumers(servers.database_name(instance.name), WORKERS[process]) == 0:
        return f"it does not serve the queue {WORKERS[process]} yet"
    return ""


def _why_not_ready(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:
            return "" if answer.status == 200 else f"answers {answer.status}"
    except urllib.error.HTTPError as error:
        return error.read(500).decode("utf-8", "replace").strip() or f"answers {error.code}"
    except OSError as error:
        return f"{url} does not answer ({getattr(error, 'reason', error)})"


def _why_no_answer(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return f"port {port} does not answer ({error})"
    return ""


def stop(instance: Instance) -> None:
    with servers.one_at_a_time(f"instance-{instance.name}"):
        instance.supervisor.stop()


# --- one process of it ------------------------------------------------------------------------

def status(instance: Instance) -> list[ProcessStatus]:
    states: dict[str, ProcessState] = instance.supervisor.states()
    rows = []
    for program in instance.supervisor.programs:
        state = states.get(program.name)
        if state is None or not state.running:
            said = last_line(instance.supervisor.log(program.name)) if state else ""
            rows.append(ProcessStatus(program.name, state.state if state else "STOPPED", 0, False, said))
        else:
            why = why_unhealthy(instance, program.name)
            rows.append(ProcessStatus(program.name, state.state, state.pid, not why, why))
    return rows


def restart(instance: Instance, process: str) -> None:
    instance.supervisor.restart_program(process)


def start_process(instance: Instance, process: str) -> None:
    instance.supervisor.start_program(process)


def stop_process(instance: Instance, process: str) -> None:
    """Stops it until start_process; its supervisor does not restart it."""
    instance.supervisor.stop_program(process)


def wait_until_healthy(instance: Instance, processes: Iterable[str], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    for process in processes:
        while why := why_unhealthy(instance, process):
            if time.monotonic() > deadline:
                raise Trouble(f"{process} is not healthy after {timeout_s:.0f} s: {why}")
            time.sleep(0.05)


def pid(instance: Instance, process: str) -> int:
    """The process that does the work: of a watched service the service itself, not its watchdog."""
    state = instance.supervisor.states().get(process)
    if state is None or not state.pid or not is_alive(state.pid):
        raise Trouble(f"{process} of {instance.name} is not running")
    if process not in SERVICES:
        return state.pid
    children = Path(f"/proc/{state.pid}/task/{state.pid}/children").read_text().split()
    if not children:
        raise Trouble(f"{process} of {instance.name} is not running")
    return int(children[0])


def watchdog_pid(instance: Instance, service: str) -> int:
    state = instance.supervisor.states().get(service)
    if state is None or not state.pid:
        raise Trouble(f"{service} of {instance.name} is not running")
    return state.pid


def main() -> None:
    """`python -m operations.instance <name> <process>`: the process's id, for shell scripts."""
    try:
        print(pid(load(sys.argv[1]), sys.argv[2]))
    except Trouble as trouble:
        sys.exit(f"Stopped: {trouble}")


if __name__ == "__main__":
    main()

