"""A lamp key, played by SIPp: SUBSCRIBE with digest, then every NOTIFY is answered and read from SIPp's trace.

One on a plain extension registers first, since the switch wants to know where such a watcher lives (freeswitch/conf/
profiles/internal.xml): it says by hand what the telephone would say from its own port.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gevent

from tests.handsets.by_hand import DeviceByHand
from tests.handsets.configuration import Login, Places
from tests.handsets.process import free_port

TRACE_LOOK_S = 0.02
END_S = 5.0
_DIALOG_INFO = "{urn:ietf:params:xml:ns:dialog-info}"
_MESSAGE = re.compile(rb"^-{20,} .*?$\n(UDP|TCP) message (received|sent) .*?$\n", re.MULTILINE)
_LENGTH = re.compile(rb"^Content-Length:\s*(\d+)", re.MULTILINE | re.IGNORECASE)
_STATUS = re.compile(rb"^SIP/2\.0 (\d{3})")


def sipp_binary() -> str | None:
    return shutil.which("sipp")


class LampWatch:
    """One subscription; each NOTIFY becomes a change for the story."""

    def __init__(self, folder: Path, login: Login, places: Places, address: str,
                 on_change: Callable[[Mapping[str, Any]], None]) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._folder = folder / self.id
        self._login = login
        self._places = places
        self._address = address
        self._on_change = on_change
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: gevent.Greenlet[..., None] | None = None
        self._seen = 0

    def start(self) -> None:
        binary = sipp_binary()
        assert binary is not None
        self._folder.mkdir(parents=True)
        scenario = self._folder / "watch.xml"
        scenario.write_text(_SCENARIO.format(
            address=self._address, domain=self._login.domain, device=self._login.device,
            password=self._login.password))
        self._trace = self._folder / "messages"
        self._process = subprocess.Popen(
            [binary, f"{self._places.system_host}:{self._places.system_internal_port}", "-sf", str(scenario),
             "-i", "127.0.0.1", "-p", str(free_port(socket.SOCK_DGRAM)), "-m", "1", "-nostdin",
             "-trace_msg", "-message_file", str(self._trace), "-message_overwrite", "true"],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self._reader = gevent.spawn(self._read)

    def stop(self) -> None:
        """Ends SIPp; the switch's subscription runs out, or its next NOTIFY finds nobody."""
        if self._reader is not None:
            self._reader.kill()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        while True:
            with contextlib.suppress(FileNotFoundError):
                for change in self._news(self._trace.read_bytes()):
                    self._on_change(change)
            gevent.sleep(TRACE_LOOK_S)

    def _news(self, trace: bytes) -> list[dict[str, Any]]:
        """Changes of the messages that came since the last look; one still being written waits."""
        marks = list(_MESSAGE.finditer(trace))
        news = []
        while self._seen < len(marks):
            mark = marks[self._seen]
            end = marks[self._seen + 1].start() if self._seen + 1 < len(marks) else len(trace)
            message = trace[mark.end():end].strip(b"\r\n")
            if self._seen + 1 == len(marks) and not _complete(message):
                break
            self._seen += 1
            if mark.group(2) == b"received":
                change = self._change(message)
                if change is not None:
                    news.append(change)
        return news

    def _change(self, message: bytes) -> dict[str, Any] | None:
        status = _STATUS.match(message)
        told = {"change": "lamp", "watch": self.id, "device": self._login.device, "address": self._address,
                "state": "terminated", "remote_name": "", "remote_number": "", "sip_status": 0}
        if status is not None:
            code = int(status.group(1))
            return {**told, "sip_status": code} if code >= 300 and code not in (401, 407) else None
        if not message.startswith(b"NOTIFY"):
            return None
        # What follows the body may be the beginning of SIPp's next entry.
        body = (message.partition(b"\r\n\r\n")[2] or message.partition(b"\n\n")[2])[:_body_length(message)]
        if b"<dialog-info" not in body:
            return None
        return {**told, **read_dialog_info(body)}


class PlainWatch:
    """The same for a plain extension, of the telephone's own company or, with @, of any domain. Who is not registered
    watches without registering."""

    def __init__(self, login: Login, places: Places, address: str, on_change: Callable[[Mapping[str, Any]], None], *,
                 registered: bool) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._handset_port = places.handset_port
        self._device = DeviceByHand(login, places, on_notify=self._take)
        self._address = address
        self._on_change = on_change
        self._registered = registered

    def start(self) -> None:
        login = self._device.login
        if self._registered:
            # Where the playing switch has registered it (configuration.py), so that calls still go there, and not quite
            # the same: its next REGISTER would make this one come from its port (sofia_reg.c, update_registration).
            place = f"127.0.0.1:{self._handset_port};transport=udp;gw={login.device};watch={self.id}"
            contact = f"sip:{login.device}@{place}"
            assert self._device.register(contact) == 200
        whom = self._address if "@" in self._address else f"{self._address}@{login.domain}"
        assert self._device.subscribe(whom) == 202

    def stop(self) -> None:
        self._device.close()

    def _take(self, notify: str) -> None:
        body = notify.partition("\r\n\r\n")[2]
        if "<dialog-info" in body:
            self._on_change({
                "change": "lamp", "watch": self.id, "device": self._device.login.device, "address": self._address,
                "state": "terminated", "remote_name": "", "remote_number": "", "sip_status": 0,
                **read_dialog_info(body.encode())})


def _body_length(message: bytes) -> int:
    length = _LENGTH.search(message.partition(b"\r\n\r\n")[0])
    return int(length.group(1)) if length is not None else 0


def _complete(message: bytes) -> bool:
    head, gap, body = message.partition(b"\r\n\r\n")
    if _LENGTH.search(head) is None or _body_length(message) == 0:
        return _LENGTH.search(head) is not None
    return bool(gap) and len(body) >= _body_length(message) - 2      # trailing line breaks were stripped


def read_dialog_info(body: bytes) -> dict[str, str]:
    """The first dialog's state; none at all is an idle lamp (RFC 4235)."""
    root = ElementTree.fromstring(body.strip())
    dialog = root.find(f"{_DIALOG_INFO}dialog")
    if dialog is None:
        return {"state": "terminated"}
    state = dialog.findtext(f"{_DIALOG_INFO}state", "terminated").strip()
    identity = dialog.find(f"{_DIALOG_INFO}remote/{_DIALOG_INFO}identity")
    number = ""
    if identity is not None and identity.text:
        number = unquote(identity.text.strip().removeprefix("sip:").partition("@")[0])
    name = identity.get("display", "") if identity is not None else ""
    return {"state": state, "remote_name": name, "remote_number": number}


# SIPp refuses a scenario whose last command can wait for ever without a label to go back to; a NOTIFY that does
# not come is not an error, so the wait has no timeout.
_SCENARIO = """<?xml version="1.0"?>
<scenario name="lamp">
 <send retrans="500"><![CDATA[
SUBSCRIBE sip:{address}@{domain} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:{device}@{domain}>;tag=[pid]w[call_number]
To: <sip:{address}@{domain}>
Call-ID: [call_id]
CSeq: 1 SUBSCRIBE
Contact: <sip:{device}@[local_ip]:[local_port]>
Event: dialog
Accept: application/dialog-info+xml
Expires: 600
Content-Length: 0

]]></send>
 <recv response="407" auth="true"/>
 <send retrans="500"><![CDATA[
SUBSCRIBE sip:{address}@{domain} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:{device}@{domain}>;tag=[pid]w[call_number]
To: <sip:{address}@{domain}>
Call-ID: [call_id]
CSeq: 2 SUBSCRIBE
Contact: <sip:{device}@[local_ip]:[local_port]>
[authentication username={device} password={password}]
Event: dialog
Accept: application/dialog-info+xml
Expires: 600
Content-Length: 0

]]></send>
 <recv response="202" optional="true"/>
 <recv response="200" optional="true"/>
 <label id="1"/>
 <recv request="NOTIFY" crlf="true"/>
 <send next="1"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""
