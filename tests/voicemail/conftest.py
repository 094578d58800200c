"""A company of its own for each test, on the real database; a spool in a folder of its own."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.voicemail.api import register
from services.voicemail.mailbox import Caller, LeftMessage
from services.voicemail.recording import Recording
from services.voicemail.retention import Retention
from services.voicemail.spool import Spool
from services.voicemail.store import store
from services.voicemail.sweeper import Sweeper
from shared.api import create_app, token_sha256
from shared.database import Database
from shared.messages import Message
from tests.voicemail.mail_server import MailServer

_COUNTER = itertools.count(1)


@dataclass
class Company:
    """Anna (21, with two devices) and Bernd (22), both with mailboxes."""

    company_id: int
    domain: str
    anna: int
    bernd: int
    tokens: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def admin(admin_database_url: str) -> Iterator[Database]:
    database = Database(admin_database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def database(service_database_urls: Mapping[str, str]) -> Iterator[Database]:
    database = Database(service_database_urls["voicemail"])
    yield database
    database.close()


@pytest.fixture
def company(admin: Database) -> Company:
    return make_company(admin)


def make_company(admin: Database) -> Company:
    tag = f"{next(_COUNTER)}{secrets.token_hex(3)}"
    with admin.platform() as tx:
        company_id = tx.one(
            "INSERT INTO directory.companies (name, sip_domain) VALUES (:name, :domain) RETURNING company_id AS id",
            name=f"Firma {tag}", domain=f"{tag}.example",
        ).id
        site_id = tx.one(
            "INSERT INTO directory.sites (company_id, name, area_code) VALUES (:company, 'Berlin', '30')"
            " RETURNING site_id AS id", company=company_id,
        ).id
        people = {}
        for extension, first, language in (("21", "Anna", "de"), ("22", "Bernd", "en")):
            people[first] = tx.one(
                "INSERT INTO directory.subscribers (company_id, site_id, first_name, last_name, extension, language)"
                " VALUES (:company, :site, :first, 'Test', :extension, :language) RETURNING subscriber_id AS id",
                company=company_id, site=site_id, first=first, extension=extension, language=language,
            ).id
            tx.execute(
                "INSERT INTO voicemail.mailboxes (company_id, subscriber_id, deliver_as_mail, email, audio_format)"
                " VALUES (:company, :subscriber, true, :email, 'wav')",
                company=company_id, subscriber=people[first], email=f"{first.lower()}@{tag}.example",
            )
        for device in ("desk", "soft"):
            tx.execute(
                "INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)"
                " VALUES (:company, :device, :subscriber, :ha1, :key)",
                company=company_id, device=f"anna-{device}-{tag}", subscriber=people["Anna"],
                ha1=secrets.token_hex(16), key=secrets.token_hex(8),
            )
        made = Company(company_id, f"{tag}.example", people["Anna"], people["Bernd"])
        for name, role, subscriber in (
            ("anna", "subscriber", made.anna), ("bernd", "subscriber", made.bernd), ("operator", "operator", None),
            ("admin", "administrator", None), ("anna as admin", "administrator", made.anna),
        ):
            made.tokens[name] = token = secrets.token_urlsafe(32)
            tx.execute(
                "INSERT INTO directory.api_tokens (token_sha256, role, company_id, subscriber_id)"
                " VALUES (:sha, :role, :company, :subscriber)",
                sha=token_sha256(token), role=role, subscriber=subscriber,
                company=company_id if role != "operator" else None,
            )
    return made


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path)
    spool.prepare()
    return spool


def write_wav(path: Path, ms: int, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\x10\x20" * (rate * ms // 1000))


def a_message(company: Company, **changes: Any) -> LeftMessage:
    return LeftMessage(**{
        "message_id": str(uuid.uuid4()), "company_id": company.company_id, "subscriber_id": company.anna,
        "call_id": str(uuid.uuid4()), "left_at": datetime.now(UTC), "reason": "no_answer",
        "caller": Caller("+491715550100", "Max Muster"), **changes,
    })


Leave = Callable[..., LeftMessage]


@pytest.fixture
def leave(database: Database, spool: Spool, company: Company) -> Leave:
    """Leaves a message as a deposit would: audio, note, row."""

    def leave_one(ms: int = 2000, **changes: Any) -> LeftMessage:
        message = a_message(company, **changes)
        write_wav(spool.audio(message.message_id), ms)
        recording = spool.measure(spool.audio(message.message_id))
        assert recording is not None
        assert store(database, message, recording, incomplete=False).new
        return message

    return leave_one


def recorded(spool: Spool, message: LeftMessage) -> Recording:
    recording = spool.measure(spool.audio(message.message_id))
    assert recording is not None
    return recording


def tasks_of(admin: Database, message: LeftMessage) -> list[tuple[str, str]]:
    with admin.platform() as tx:
        return [
            (row.task, row.payload.get("kind", ""))
            for row in tx.rows("SELECT task, payload FROM voicemail.outbox ORDER BY outbox_id")
            if row.payload["message_id"] == message.message_id
        ]


class Swept:
    def __init__(self, database: Database, spool: Spool) -> None:
        self.stored: list[str] = []
        self.woken = 0
        self.in_progress: set[str] = set()
        self.now = time.time
        self.retention = Retention(database, spool)
        self.sweeper = Sweeper(
            database, spool, in_progress=self.in_progress, wake_relay=self._wake,
            stored=lambda message, _: self.stored.append(message.message_id), clock=lambda: self.now(),
        )

    def _wake(self) -> None:
        self.woken += 1

    def end_messages(self) -> None:
        for part in (self.retention.purge, self.retention.erase, self.retention.erase_what_was_refused,
                     self.retention.end_links, self.retention.drop_strays):
            part()


@pytest.fixture
def swept(database: Database, spool: Spool) -> Swept:
    return Swept(database, spool)


@pytest.fixture(scope="session")
def one_mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    server = MailServer(tmp_path_factory.mktemp("mails"))
    yield server
    server.stop()


@pytest.fixture
def mail_server(one_mail_server: MailServer) -> MailServer:
    """It has taken nothing yet and takes what comes."""
    one_mail_server.begin_anew()
    return one_mail_server


class Http:
    def __init__(self, client: FlaskClient, changes: list[None], facts: list[Message]) -> None:
        self._client = client
        self.changes = changes
        self.facts = facts
        self.token = ""

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self._client.open(path, method=method, headers=headers, **more)


@pytest.fixture
def http(database: Database, spool: Spool, company: Company) -> Http:
    app, api = create_app("voicemail", database=database)
    changes: list[None] = []
    facts: list[Message] = []
    register(app, api, database, spool, lambda: changes.append(None), facts.append)
    http = Http(app.test_client(), changes, facts)
    http.token = company.tokens["anna"]
    return http
