"""The real configuration in a real FreeSWITCH, with telephones, and as little behind it as a test needs.

The lab answers for the services: a directory of four devices over HTTP, and an outbound server that gives
every call the variables a test wrote down. So what is tested is the switch's side alone.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import quoteattr

from gevent.pywsgi import WSGIServer

from services.routing.gateway_xml import domain
from services.routing.trunks import Trunk
from shared.esl import commands
from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.server import OutboundServer
from tests.handsets.configuration import Login, Places
from tests.handsets.driver import HandsetDriver
from tests.handsets.process import AudioPorts, FreeSwitch, free_port
from tests.scenarios.telephones import Telephones

CONF = Path(__file__).resolve().parents[2] / "freeswitch" / "conf"
DOMAIN = "musterbau.example"
# device -> extension, number, mailbox
DEVICES = {
    "anna-desk": ("21", "+49305550021", "1"),
    "bernd-desk": ("22", "+49305550022", "2"),
    "clara-desk": ("23", "+49305550023", "3"),
    "anna-soft": ("21", "+49305550021", "1"),
}
Answer = Callable[[OutboundCall], Mapping[str, str] | None]


def nobody(call: OutboundCall) -> Mapping[str, str] | None:
    return None


class Directory:
    """What mod_xml_curl asks: devices with digest, and cached dial strings for the way without routing."""

    def __init__(self, secret: str, passwords: Mapping[str, str]) -> None:
        self._expected = "Basic " + base64.b64encode(f"switch:{secret}".encode()).decode()
        self._passwords = passwords
        self.questions: list[dict[str, str]] = []
        self.port = free_port()
        self.open()

    def open(self) -> None:
        self.server = WSGIServer(("127.0.0.1", self.port), self._answer, log=None)
        self.server.start()

    def close(self) -> None:
        self.server.stop()

    def _answer(self, environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        if environ.get("HTTP_AUTHORIZATION") != self._expected:
            start_response("401 Unauthorized", [])
            return [b""]
        body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
        question = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.questions.append(question)
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [self._document(question.get("user", ""), question.get("domain", "")).encode()]

    def _document(self, user: str, domain: str) -> str:
        entry = self._entry(user, domain)
        if entry is None:
            return ('<document type="freeswitch/xml"><section name="result"><result status="not found"/></section>'
                    "</document>")
        return (f'<document type="freeswitch/xml"><section name="directory"><domain name={quoteattr(domain)}>'
                f"{entry}</domain></section></document>")

    def _entry(self, user: str, domain: str) -> str | None:
        if user in DEVICES and domain == DOMAIN:
            extension, _, _ = DEVICES[user]
            ha1 = hashlib.md5(f"{user}:{domain}:{self._passwords[user]}".encode()).hexdigest()
            return _user(user, {"a1-hash": ha1}, {
                "user_context": "internal", "pbx_company": "1", "pbx_device": user, "pbx_subscriber": "1",
                "presence_id": f"{extension}@{domain}", "pbx_site_number": "+49305550000",
                "pbx_gateway": "musterbau-1", "pbx_language": "de"})
        for extension, number, mailbox in DEVICES.values():
            if (user, domain) in ((extension, DOMAIN), (number, "numbers.invalid")):
                legs = ",".join(f"[presence_id={extension}@{DOMAIN}]sofia/internal/{device}%{DOMAIN}"
                                for device, place in DEVICES.items() if place[0] == extension)
                return _user(user, {"dial-string": legs, "allow-empty-password": "false"},
                             {"pbx_mailbox": mailbox, "pbx_company": "1", "pbx_language": "de"})
        return None


def _user(user: str, params: Mapping[str, str], variables: Mapping[str, str]) -> str:
    params_text = "".join(f"<param name={quoteattr(n)} value={quoteattr(v)}/>" for n, v in params.items())
    variables_text = "".join(f"<variable name={quoteattr(n)} value={quoteattr(v)}/>" for n, v in variables.items())
    return (f'<user id={quoteattr(user)} cacheable="forever"><params>{params_text}</params>'
            f"<variables>{variables_text}</variables></user>")


class Lab:
    """Ports, folders and life of one system switch and its telephones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer: Answer = nobody
        self.questions: list[OutboundCall] = []
        self.bad_lines_at_start: list[str] = []
        secret = secrets.token_hex(16)
        self.passwords = {device: secrets.token_hex(8) for device in DEVICES}
        self.directory = Directory(secret, self.passwords)
        self.routing_port = free_port()
        self.audio = [AudioPorts() for _ in ("the switch", "the handsets")]
        self.environment = {
            "PBX_ESL_PASSWORD": secrets.token_hex(16), "PBX_ESL_PORT": str(free_port()),
            "PBX_ROUTING_CALL_PORT": str(self.routing_port), "PBX_ROUTING_CALL_PORT_2": str(free_port()),
            "PBX_VOICEMAIL_CALL_PORT": str(free_port()), "PBX_DIRECTORY_PORT": str(self.directory.port),
            "PBX_DIRECTORY_SECRET": secret, "PBX_SIP_IP": "127.0.0.1",
            "PBX_SIP_INTERNAL_PORT": str(free_port()), "PBX_SIP_EXTERNAL_PORT": str(free_port()),
            "PBX_RTP_START": str(self.audio[0].first),
            "PBX_RTP_END": str(self.audio[0].last),
            "PBX_TRUNK_HOST": "127.0.0.1", "PBX_TRUNK_PORT": str(free_port()),
            "PBX_SOUNDS": str(folder / "sounds"), "PBX_SPOOL": str(folder / "spool"), "PBX_LOG_LEVEL": "info",
        }
        self.environment["PBX_RUN"] = str(folder / "run")
        (folder / "run").mkdir()
        trunk = Trunk("musterbau-1", host="127.0.0.1", port=int(self.environment["PBX_TRUNK_PORT"]))
        (folder / "run" / "trunks.xml").write_text(domain([trunk], {"127.0.0.1": ("127.0.0.1",)}))
        (folder / "spool" / "fallback").mkdir(parents=True)
        (folder / "sounds" / "music").mkdir(parents=True)
        self.switch = FreeSwitch(CONF, folder / "switch", int(self.environment["PBX_ESL_PORT"]),
                                 self.environment["PBX_ESL_PASSWORD"], self.environment)
        self.places = Places(
            "127.0.0.1", int(self.environment["PBX_SIP_INTERNAL_PORT"]),
            int(self.environment["PBX_SIP_EXTERNAL_PORT"]), free_port(), int(self.environment["PBX_TRUNK_PORT"]),
            free_port(), secrets.token_hex(16), self.audio[1].first, self.audio[1].last)
        self.routing: OutboundServer | None = None
        self.client: InboundClient | None = None
        self.handsets: HandsetDriver | None = None

    def start(self) -> Telephones:
        self.switch.start()
        self.bad_lines_at_start = self.switch.bad_log_lines()
        self.client = self.switch.client("lab")
        self.client.start()
        self.client.wait_connected(10)
        self.handsets = HandsetDriver(
            self.folder / "handsets", self.places,
            [Login(device, DOMAIN, password) for device, password in self.passwords.items()])
        self.handsets.start()
        return Telephones(self.handsets)

    def open_routing(self) -> None:
        if self.routing is None:
            self.routing = OutboundServer("127.0.0.1", self.routing_port, self._serve)
            self.routing.start()

    def close_routing(self) -> None:
        """From now on routing refuses."""
        if self.routing is not None:
            self.routing.stop()
            self.routing = None

    def _serve(self, call: OutboundCall) -> None:
        self.questions.append(call)
        variables = self.answer(call)
        if variables:
            call.finish(commands.set_variables(variables))  # as routing does

    def api(self, *words: str) -> str:
        assert self.client is not None
        return self.client.api(words[0], *words[1:])

    def stop(self) -> None:
        if self.handsets is not None:
            self.handsets.stop()
        if self.client is not None:
            self.client.stop()
        self.close_routing()
        self.switch.stop()
        self.directory.close()
        for ports in self.audio:
            ports.give_back()
