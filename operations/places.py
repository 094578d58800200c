"""Where things lie and on which ports; the same for every target of the Makefile.

Standard library only: the first stage runs before there is a virtual environment.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from operations.screen import Trouble, say

ROOT = Path(__file__).resolve().parent.parent
VAR_IN_CLONE = ROOT / "var"
# Where it really is: the servers' own users may not be able to follow the link (prepare_var).
VAR = VAR_IN_CLONE.resolve()
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
REPORT = VAR / "report"
SOUNDS = VAR / "sounds"
SERVERS_RUN = VAR / "servers"
DEFAULT_PORTS = 17000

# Where var/ goes when the clone lies in a folder that other users cannot enter (see prepare_var).
VAR_ELSEWHERE = Path("/var/lib/business-telephone-system")


def ports_base() -> int:
    """All ports are counted from here; PBX_PORTS moves a second clone out of the first one's way."""
    text = os.environ.get("PBX_PORTS", str(DEFAULT_PORTS))
    # From 32768 on Linux takes ports for outgoing connections (ip_local_port_range), so one may be gone any time.
    if not text.isdigit() or not 1024 <= int(text) <= 31000:
        raise Trouble(f"PBX_PORTS={text!r} is not a port from 1024 to 31000", "use for example PBX_PORTS=27000")
    return int(text)


def postgres_port() -> int:
    return ports_base() + 432


def broker_port() -> int:
    return ports_base() + 672


def broker_distribution_port() -> int:
    return ports_base() + 673


def epmd_port() -> int:
    return ports_base() + 674


def is_root() -> bool:
    return os.geteuid() == 0


def everyone_may_enter(folder: Path) -> bool:
    """Whether a user without rights of their own can pass through to this folder."""
    folder = folder.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def prepare_var() -> None:
    """Makes var/. PostgreSQL and RabbitMQ refuse to run as root, so root lends them a folder they can
    enter: var/ itself, or, when the clone lies behind a closed door, one it links to."""
    if VAR_IN_CLONE.is_dir() and (not is_root() or everyone_may_enter(VAR_IN_CLONE)):
        return
    if not is_root() or everyone_may_enter(ROOT):
        if VAR_IN_CLONE.is_symlink():        # its target has been removed
            VAR_IN_CLONE.unlink()
        VAR_IN_CLONE.mkdir(mode=0o755, exist_ok=True)
        VAR_IN_CLONE.chmod(0o755)
        return
    elsewhere = VAR_ELSEWHERE / hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    elsewhere.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if VAR_IN_CLONE.is_symlink():
        VAR_IN_CLONE.unlink()
        elsewhere.mkdir(mode=0o755, exist_ok=True)
    elif VAR_IN_CLONE.is_dir():
        shutil.move(str(VAR_IN_CLONE), str(elsewhere))
    else:
        elsewhere.mkdir(mode=0o755, exist_ok=True)
    elsewhere.chmod(0o755)
    VAR_IN_CLONE.symlink_to(elsewhere)
    say(f"  Only root may enter {ROOT}, so var/ is a link to {elsewhere}")
