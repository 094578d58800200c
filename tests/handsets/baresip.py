"""Lamp keys of baresip, a softphone that asks for `presence` (RFC 3856), where desk telephones ask for `dialog`.

It says what a contact does on its standard output, Online, Busy or Offline, but not what it was told first: that stands
in its trace of messages.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from tests.handsets.configuration import Login, Places
from tests.handsets.process import free_port

MODULES = Path("/usr/lib/baresip/modules")
END_S = 5.0
_CHANGED = re.compile(r"<sip:([^@>]+)@[^>]*> changed status from .* to (?:\x1b\[[0-9;]*m)?(\w+)")

_CONFIG = """
sip_listen {host}:{port}
module_path {modules}
module account.so
module_tmp uuid.so
module_app contact.so
module_app presence.so
module_app menu.so
module g711.so
"""


def baresip_binary() -> str | None:
    return shutil.which("baresip") if MODULES.is_dir() else None


class Baresip:
    """One softphone with these addresses as watched contacts."""

    def __init__(self, folder: Path, login: Login, places: Places, addresses: Sequence[str]) -> None:
        folder.mkdir(parents=True)
        system = f"{places.system_host}:{places.system_internal_port}"
        (folder / "config").write_text(_CONFIG.format(
            host=places.system_host, port=free_port(socket.SOCK_DGRAM), modules=MODULES))
        (folder / "accounts").write_text(
            f"<sip:{login.device}@{login.domain};transport=udp>;auth_user={login.device};auth_pass={login.password};"
            f'outbound="sip:{system}";regint=600\n')
        (folder / "contacts").write_text("".join(
            f'"{address}" <sip:{address}@{login.domain}>;presence=p2p\n' for address in addresses))
        self._folder = folder
        self._said = folder / "said"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = baresip_binary()
        assert binary is not None
        with self._said.open("wb") as said:
            # Line by line: what it says goes to a file, which the C library would fill in blocks.
            self._process = subprocess.Popen(
                ["stdbuf", "-oL", binary, "-s", "-f", str(self._folder)], stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, start_new_session=True)

    def told(self) -> set[str]:
        """The addresses whose state it was told at least once."""
        notifies = re.findall(r"^NOTIFY .*?^From: (?:\"[^\"]*\" )?<sip:([^@>]+)@", self.said(), re.S | re.M)
        return {unquote(address) for address in notifies}

    def shown(self) -> dict[str, str]:
        """Address -> Online, Busy or Offline, as it changed last; what never changed is not there."""
        return {found.group(1): found.group(2) for found in _CHANGED.finditer(self.said())}

    def said(self) -> str:
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
