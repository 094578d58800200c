"""A small company in a real database, and presence's HTTP on it, for tests of what operators and handsets ask.

The switch is one the test answers for: no process, only what it says.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from services.presence.api import make_app
from services.presence.api.handsets import Addresses
from services.presence.api.operator import Sources
from services.presence.overview.look import Look
from services.presence.store import read_people
from services.presence.switch_events import SwitchEvents
from services.routing.apply.write import sip_ha1
from shared.api import serve, token_sha256
from shared.database import Database
from shared.esl.client import InboundClient
from shared.esl.errors import NotConnected
from shared.esl.events import Event

OPERATOR = "operator-token-of-the-office"
ADMINISTRATOR = "administrator-token-of-the-office"
SUBSCRIBER = "subscriber-token-of-the-office"
SIP_SERVER = "10.0.0.1:5060"
HTTP = "http://10.0.0.1:17083"


@dataclass
class Answer:
    status: int
    content: bytes
    headers: Message

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Switch(InboundClient):
    """Never started: says what the test has put into `answers`, or is away."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 1, "unused", name="office")
        self.answers: dict[str, str] = {}

    def api(self, name: str, *args: str, timeout_s: float | None = None) -> str:
        try:
            return self.answers[" ".join((name, *args))]
        except KeyError:
            raise NotConnected("not connected") from None


class Office:
    def __init__(
        self, owner: Database, database: Database, broker_url: str, run_folder: Path, *,
        domains: tuple[str, str] = ("office-eins.example", "office-zwei.example"),
        prefixes: tuple[str, str] = ("o1", "o2"),
    ) -> None:
        self.owner = owner
        self.switch = Switch()
        self.sequence = 0
        self.domain = domains[0]
        with owner.platform() as tx:
            self.company_id, self.anna = self._company(tx, domains[0], prefixes[0])
            self.other_company_id, _ = self._company(tx, domains[1], prefixes[1])
            for token, role, company, person in ((OPERATOR, "operator", None, None),
                                                 (ADMINISTRATOR, "administrator", self.company_id, None),
                                                 (SUBSCRIBER, "subscriber", self.company_id, self.anna)):
                tx.execute("INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                           " VALUES (:sha, :role, :company, :person) ON CONFLICT (token_sha256) DO UPDATE"
                           " SET company_id = excluded.company_id, subscriber_id = excluded.subscriber_id",
                           sha=token_sha256(token), role=role, company=company, person=person)
        self.presence = SwitchEvents(self.switch, read_people=lambda: read_people(database))
        self.presence.read_people()
        services = {"routing": "http://127.0.0.1:1"}
        self.look = Look(database, self.switch, broker_url=broker_url, services=services)
        app = make_app(self.presence, database, {}, services, Sources(
            database, self.presence, self.look, self.switch.api, run_folder), Addresses(SIP_SERVER, HTTP))
        self.server = serve(app, "127.0.0.1", 0)

    def _company(self, tx: Any, domain: str, prefix: str) -> tuple[int, int]:
        """Anna (21), Bernd (22) and Clara (23) at one site, each with one device; Anna watches Bernd."""
        company_id = tx.one(
            "INSERT INTO directory.companies (name, sip_domain) VALUES (:domain, :domain) RETURNING company_id",
            domain=domain).company_id
        site_id = tx.one("INSERT INTO directory.sites (company_id, name, area_code) VALUES (:id, 'Berlin', '30')"
                         " RETURNING site_id", id=company_id).site_id
        people = []
        for extension, name in (("21", "Anna"), ("22", "Bernd"), ("23", "Clara")):
            person = tx.one(
                "INSERT INTO directory.subscribers (company_id, site_id, first_name, last_name, extension)"
                " VALUES (:company, :site, :name, 'Beispiel', :extension) RETURNING subscriber_id",
                company=company_id, site=site_id, name=name, extension=extension).subscriber_id
            people.append(person)
            tx.execute(
                "INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
                " VALUES (:company, :device, :person, md5('x'), :key)", company=company_id, person=person,
                device=f"{prefix}-{name.lower()}", key=f"lampkey{prefix}{extension}")
        tx.execute("INSERT INTO presence.watched VALUES (:company, :anna, 1, :bernd)",
                   company=company_id, anna=people[0], bernd=people[1])
        return company_id, people[0]

    def give_token(self, device_id: str, token: str) -> str:
        """As routing does; the SIP password that follows is not looked at here."""
        with self.owner.platform() as tx:
            tx.execute("DELETE FROM directory.device_tokens WHERE device_id = :device", device=device_id)
            tx.execute("INSERT INTO directory.device_tokens (company_id, device_id, token_sha256)"
                       " SELECT company_id, device_id, :sha FROM directory.devices WHERE device_id = :device",
                       device=device_id, sha=token_sha256(token))
        return token

    def change_password(self, device_id: str, domain: str) -> None:
        with self.owner.platform() as tx:
            tx.execute("UPDATE directory.devices SET sip_ha1 = :ha1 WHERE device_id = :device", device=device_id,
                       ha1=sip_ha1(device_id, domain, "another password"))

    def ask(self, path: str, token: str | None = None, *, device: tuple[str, str] | None = None,
            headers: Mapping[str, str] | None = None) -> Answer:
        """device: its id and token, as a handset sends them."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.server_port}{path}", headers=dict(
            headers or {}))
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        if device is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(device).encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return Answer(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), error.headers)

    def tell(self, uuid: str, state: str, extension: str | None, *, call: str, direction: str = "outbound",
             number: str = "", withheld: bool = False) -> None:
        """A leg as the switch tells of it."""
        self.sequence += 1
        headers = {
            "Event-Name": "CHANNEL_CALLSTATE", "Core-UUID": "run", "Event-Sequence": str(self.sequence),
            "Unique-ID": uuid, "Channel-Call-State": state, "Call-Direction": direction, "Channel-Call-UUID": call,
            "Caller-Caller-ID-Number": number, "Caller-Privacy-Hide-Name": "false",
            "Caller-Privacy-Hide-Number": "true" if withheld else "false"}
        if extension is not None:
            headers["Channel-Presence-ID"] = f"{extension}@{self.domain}"
        self.presence.take(Event.of(headers))
