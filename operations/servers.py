"""The private PostgreSQL and RabbitMQ in var/, shared by all instances of this clone.

Own ports, own data, own epmd, own supervisor: a PostgreSQL, RabbitMQ or epmd of the machine is neither
needed nor touched. Whatever is made in several steps is made aside and renamed, or marked when complete,
so that an interrupted first start is simply made again.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import amqp
import psycopg2
from psycopg2 import sql

from operations import places
from operations.places import SERVERS_RUN, VAR
from operations.ports import refuse_taken_ports
from operations.screen import Trouble, step
from operations.secrets_file import keep_secrets, write_private
from operations.supervision import ProcessState, Program, Supervisor, is_alive, last_line

SERVICES = ("routing", "callback", "voicemail", "presence")
LOGIN_ROLES = ("pbx_admin", *(f"pbx_{service}" for service in SERVICES))
INSTANCES = (
    "dev", "test-simulator", "test-simulator-2", "test-freeswitch", "test-freeswitch-2", "bench", "faults",
)
CLUSTER = VAR / "postgres"
BROKER = VAR / "rabbitmq"
BROKER_COMPLETE = BROKER / "complete"
START_TIMEOUT_S = 90


def database_name(instance: str) -> str:
    return "pbx_" + instance.replace("-", "_")


def server_secrets() -> dict[str, str]:
    return keep_secrets(VAR / "server-secrets.json", ["postgres", *LOGIN_ROLES, "broker", "cookie"])


def database_url(role: str, database: str) -> str:
    secret = server_secrets()["postgres" if role == "postgres" else role]
    return f"postgresql://{role}:{secret}@127.0.0.1:{places.postgres_port()}/{database}"


def broker_url(vhost: str) -> str:
    return f"amqp://pbx:{server_secrets()['broker']}@127.0.0.1:{places.broker_port()}/{quote(vhost, safe='')}"


@contextmanager
def one_at_a_time(name: str, wait_s: float = 300) -> Iterator[None]:
    """Held while something shared is made; freed by the kernel if its holder dies."""
    places.prepare_var()
    with (VAR / f"{name}.lock").open("a+") as file:
        deadline = time.monotonic() + wait_s
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    print(f"  waiting for another `make` at work here ({name}) …", flush=True)
                    told = True
                if time.monotonic() > deadline:
                    raise Trouble(f"Another `make` has held {VAR}/{name}.lock for {wait_s:.0f} s",
                                  "wait for it or end it, then try again") from None
                time.sleep(0.1)
        yield


# --- which user, which programs ---------------------------------------------------------------

def _user(preferred: str) -> str | None:
    """The system user a server runs as: only root may and must choose one."""
    if not places.is_root():
        return None
    try:
        pwd.getpwnam(preferred)
    except KeyError:
        raise Trouble(f"There is no system user {preferred!r}, which the server is to run as",
                      "install the package that brings it (`make up` as root does)") from None
    return preferred


def _give_to(path: Path, user: str | None) -> None:
    if user:
        owner = pwd.getpwnam(user)
        for each in (path, *path.rglob("*")):
            os.chown(each, owner.pw_uid, owner.pw_gid)


def postgres_programs() -> Path:
    """The folder with PostgreSQL's programs; the one that made our cluster if there is one."""
    found = {folder.parent.name: folder for folder in Path("/usr/lib/postgresql").glob("*/bin")
             if (folder / "initdb").exists()}
    on_path = shutil.which("initdb")
    if on_path:
        words = subprocess.run([on_path, "--version"], capture_output=True, text=True, check=True).stdout.split()
        found.setdefault(words[-1 if words[-1][0].isdigit() else 2].split(".")[0], Path(on_path).resolve().parent)
    version_file = CLUSTER / "PG_VERSION"
    if version_file.exists():
        version = version_file.read_text().strip()
        if version not in found:
            raise Trouble(f"{CLUSTER} was made by PostgreSQL {version}, which is not installed any more",
                          f"install postgresql-{version}, or remove {CLUSTER} to begin anew")
        return found[version]
    if not found:
        raise Trouble("PostgreSQL is not installed", "apt install postgresql")
    return found[max(found, key=int)]


def rabbitmq_program(name: str) -> str:
    # Not /usr/sbin/rabbitmq*: Debian's wrapper there insists on the system's own data folder.
    for place in (Path("/usr/lib/rabbitmq/bin"), *Path("/opt").glob("rabbitmq*/sbin")):
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if not found:
        raise Trouble("RabbitMQ is not installed", "apt install rabbitmq-server")
    return found


# --- PostgreSQL -------------------------------------------------------------------------------

def _make_cluster() -> None:
    fresh = VAR / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    user = _user("postgres")
    password = VAR / "postgres.password"
    write_private(password, server_secrets()["postgres"] + "\n")
    _give_to(fresh, user)
    _give_to(password, user)
    made = subprocess.run(
        [postgres_programs() / "initdb", "-D", fresh, "-U", "postgres", f"--pwfile={password}",
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        user=user, cwd="/", capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    password.unlink()
    if made.returncode:
        raise Trouble("PostgreSQL's initdb failed: " + (made.stderr.strip().splitlines() or ["no output"])[-1])
    os.sync()
    fresh.rename(CLUSTER)


def _postgres() -> Program:
    settings = {
        "port": places.postgres_port(), "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
        "max_connections": 300, "shared_buffers": "128MB", "log_line_prefix": "%m [%p] %u@%d ",
    }
    command = [str(postgres_programs() / "postgres"), "-D", str(CLUSTER)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    # SIGINT is PostgreSQL's "fast" shutdown; killing its whole group would look like a crash to it.
    return Program("postgres", command, user=_user("postgres"), folder=Path("/"), stop_signal="INT", stop_wait_s=30)


def _end_forgotten_postgres() -> None:
    """A postmaster whose supervisor was killed keeps its pid file and its port: end it, or drop the file."""
    pid_file = CLUSTER / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    try:
        ours = Path(f"/proc/{pid}/cwd").resolve(strict=True) == CLUSTER.resolve()
    except OSError:
        ours = False
    if not ours:
        with contextlib.suppress(FileNotFoundError):
            pid_file.unlink()
        return
    os.kill(pid, 2)
    deadline = time.monotonic() + 30
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise Trouble(f"A PostgreSQL left over in {CLUSTER} (process {pid}) does not end", f"kill -QUIT {pid}")
        time.sleep(0.05)


def connect_postgres(database: str = "postgres", role: str = "postgres") -> "psycopg2.extensions.connection":
    connection = psycopg2.connect(database_url(role, database), connect_timeout=5)
    connection.autocommit = True
    return connection


def _postgres_ready() -> bool:
    try:
        connect_postgres().close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise Trouble(f"The PostgreSQL on port {places.postgres_port()} refuses the password of this clone",
                          "it belongs to another: `make down` there, or move this clone's ports with PBX_PORTS"
                          ) from error
        return False
    return True


def _make_roles() -> None:
    with contextlib.closing(connect_postgres()) as connection, connection.cursor() as cursor:
        for role in LOGIN_ROLES:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            rights = "CREATEROLE CREATEDB" if role == "pbx_admin" else "NOCREATEROLE NOCREATEDB"
            cursor.execute(
                sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD %s").format(sql.Identifier(role), sql.SQL(rights)),
                (server_secrets()[role],),
            )


def ensure_database(name: str) -> None:
    with contextlib.closing(connect_postgres()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not cursor.fetchone():
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER pbx_admin").format(sql.Identifier(name)))


def drop_database(name: str) -> None:
    with contextlib.closing(connect_postgres()) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


# --- RabbitMQ ---------------------------------------------------------------------------------

def _broker_environment() -> dict[str, str]:
    return {
        "HOME": str(BROKER / "home"),
        "RABBITMQ_NODENAME": "pbx@localhost",
        "RABBITMQ_CONF_ENV_FILE": str(BROKER / "none"),
        "RABBITMQ_CONFIG_FILE": str(BROKER / "none"),
        # Erlang's own format: what rabbitmq.conf would be translated into, which takes 2 s at every start.
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(BROKER / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(BROKER / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(BROKER / "data"),
        "RABBITMQ_LOG_BASE": str(BROKER / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": str(places.broker_distribution_port()),
        # Without it Erlang's distribution listens on every address, whatever rabbit's own listeners are told.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(places.epmd_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "LANG": "C.UTF-8",
    }


def _definitions() -> str:
    """User and vhosts as RabbitMQ takes them in at start; SHA-256 over salt and password is its own format."""
    salt = hashlib.sha256(str(BROKER).encode()).digest()[:4]
    digest = salt + hashlib.sha256(salt + server_secrets()["broker"].encode()).digest()
    vhosts = ["/", *(database_name(instance) for instance in INSTANCES)]
    return json.dumps({
        "users": [{"name": "pbx", "password_hash": base64.b64encode(digest).decode(),
                   "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "administrator"}],
        "vhosts": [{"name": name} for name in vhosts],
        "permissions": [{"user": "pbx", "vhost": name, "configure": ".*", "write": ".*", "read": ".*"}
                        for name in vhosts],
    }, indent=1)


def _make_broker_folder() -> None:
    if BROKER.exists() and not BROKER_COMPLETE.exists():
        shutil.rmtree(BROKER)           # its first start was interrupted
    (BROKER / "home").mkdir(parents=True, exist_ok=True)
    (BROKER / "data").mkdir(exist_ok=True)
    (BROKER / "log").mkdir(exist_ok=True)
    cookie = BROKER / "home" / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(server_secrets()["cookie"])
    cookie.chmod(0o400)                 # Erlang refuses one that others may read
    (BROKER / "definitions.json").write_text(_definitions())
    (BROKER / "enabled_plugins").write_text("[].\n")
    (BROKER / "advanced.config").write_text(
        "[{rabbit, [\n"
        f'  {{tcp_listeners, [{{"127.0.0.1", {places.broker_port()}}}]}},\n'
        f'  {{load_definitions, "{BROKER}/definitions.json"}},\n'
        "  {log, [{console, [{enabled, true}, {level, warning}]}]},\n"
        "  {disk_free_limit, 50000000}\n"
        "]}].\n", encoding="utf-8",
    )
    BROKER.chmod(0o700)
    _give_to(BROKER, _user("rabbitmq"))


def _epmd() -> Program:
    program = shutil.which("epmd") or next((str(p) for p in Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
    if not program:
        raise Trouble("Erlang's epmd is not installed", "apt install rabbitmq-server")
    command = [program, "-port", str(places.epmd_port()), "-address", "127.0.0.1"]
    return Program("epmd", command, user=_user("rabbitmq"), folder=Path("/"), stop_signal="KILL")


def _rabbitmq() -> Program:
    return Program("rabbitmq", [rabbitmq_program("rabbitmq-server")], user=_user("rabbitmq"), folder=Path("/"),
                   environment=_broker_environment(), stop_wait_s=20, stop_whole_group=True)


def _rabbitmqctl(*words: str) -> None:
    done = subprocess.run(
        [rabbitmq_program("rabbitmqctl"), "--node", "pbx@localhost", "--quiet", *words],
        user=_user("rabbitmq"), cwd="/", capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"] + ":/usr/sbin", **_broker_environment()},
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise Trouble(f"rabbitmqctl {words[0]} failed: {said[0]}")


def _broker_connection(vhost: str) -> amqp.Connection:
    return amqp.Connection(
        host=f"127.0.0.1:{places.broker_port()}", userid="pbx", password=server_secrets()["broker"],
        virtual_host=vhost, connect_timeout=3,
    )


def _broker_answers(vhost: str = "/") -> bool:
    connection = _broker_connection(vhost)
    try:
        connection.connect()
    except (amqp.exceptions.AMQPError, OSError):
        return False
    connection.close()
    return True


def consumers(vhost: str, queue: str) -> int:
    """How many serve the queue; 0 when it does not exist."""
    connection = _broker_connection(vhost)
    try:
        connection.connect()
        return int(connection.channel().queue_declare(queue, passive=True).consumer_count)
    except (amqp.exceptions.AMQPError, OSError):
        return 0
    finally:
        connection.collect()


def ensure_vhost(name: str) -> None:
    if not _broker_answers(name):
        _rabbitmqctl("add_vhost", name)
        _rabbitmqctl("set_permissions", "-p", name, "pbx", ".*", ".*", ".*")


def empty_vhost(name: str) -> None:
    """A vhost of this name without queues and messages."""
    if _broker_answers(name):
        _rabbitmqctl("delete_vhost", name)
    ensure_vhost(name)


def drop_vhost(name: str) -> None:
    _rabbitmqctl("delete_vhost", name)


# --- both -------------------------------------------------------------------------------------

def supervisor() -> Supervisor:
    return Supervisor(SERVERS_RUN, [_postgres(), _epmd(), _rabbitmq()], {})


def running() -> bool:
    states: dict[str, ProcessState] = {}
    if CLUSTER.exists():
        ours = supervisor()
        states = ours.states()
        if states and ours.runs_otherwise():
            raise Trouble("PostgreSQL and RabbitMQ of this clone run with other ports or programs",
                          "`make down`, then try again")
    return bool(states) and all(state.running for state in states.values()) and _postgres_ready() \
        and _broker_answers()


def start(*, wait_for_broker: bool = True) -> None:
    """Both servers, up and answering; made first where they do not exist yet. Quick when they are up.

    RabbitMQ takes seconds longer: who has other things to do meanwhile calls wait_until_broker_answers() later.
    """
    with one_at_a_time("servers"):
        if running():
            return
        if not CLUSTER.exists():
            with step("making the PostgreSQL cluster in var/postgres"):
                _make_cluster()
        ours = supervisor()
        wanted = {"postgres": _postgres_ready, **({"rabbitmq": _broker_answers} if wait_for_broker else {})}
        if not ours.alive():
            ours.end_leftovers()
            _end_forgotten_postgres()
            _make_broker_folder()
            refuse_taken_ports({
                places.postgres_port(): "PostgreSQL", places.broker_port(): "RabbitMQ",
                places.broker_distribution_port(): "RabbitMQ's distribution", places.epmd_port(): "epmd",
            })
            with step("starting PostgreSQL and RabbitMQ"):
                ours.start()
                _wait_until_ready(ours, wanted)
        else:
            for name, state in ours.states().items():
                if not state.running:
                    ours.start_program(name)
            _wait_until_ready(ours, wanted)
        if wait_for_broker:
            BROKER_COMPLETE.touch()
        _make_roles()


def wait_until_broker_answers() -> None:
    if not _broker_answers():
        _wait_until_ready(supervisor(), {"rabbitmq": _broker_answers})
    BROKER_COMPLETE.touch()


def _wait_until_ready(ours: Supervisor, wanted: Mapping[str, Callable[[], bool]]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    waiting = dict(wanted)
    while waiting:
        for name, state in ours.states().items():
            if state.state in ("BACKOFF", "FATAL", "EXITED"):
                said = last_line(ours.log(name))
                ours.stop()
                raise Trouble(f"{name} ended at once: {said}", f"its log is {ours.log(name)}")
        waiting = {name: ready for name, ready in waiting.items() if not ready()}
        if waiting and time.monotonic() > deadline:
            name = next(iter(waiting))
            raise Trouble(f"{name} did not answer within {START_TIMEOUT_S} s: {last_line(ours.log(name))}",
                          f"its log is {ours.log(name)}")
        time.sleep(0.05)


def stop() -> None:
    with one_at_a_time("servers"):
        supervisor().stop()
        if CLUSTER.exists():
            _end_forgotten_postgres()
