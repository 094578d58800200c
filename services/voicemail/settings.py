"""What voicemail needs to know to start; names and meanings in the README, "Settings"."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.voicemail.mail import MailRules
from shared.logs import LEVELS
from shared.settings import Environment
from shared.smtp import SmtpServer, read_server


@dataclass(frozen=True)
class Settings:
    database_url: str
    broker_url: str
    bind: str
    http_port: int
    call_port: int
    esl_host: str
    esl_port: int
    esl_password: str
    spool: Path
    sounds: Path
    log_level: str


@dataclass(frozen=True)
class WorkerSettings:
    database_url: str
    broker_url: str
    spool: Path
    smtp: SmtpServer
    mail: MailRules
    log_level: str


def read(env: Environment) -> Settings:
    return Settings(
        database_url=env.text("DATABASE_URL_VOICEMAIL"),
        broker_url=env.text("BROKER_URL"),
        bind=env.text("BIND", "127.0.0.1"),
        http_port=env.port("VOICEMAIL_HTTP_PORT"),
        call_port=env.port("VOICEMAIL_CALL_PORT"),
        esl_host=env.text("ESL_HOST", "127.0.0.1"),
        esl_port=env.port("ESL_PORT"),
        esl_password=env.text("ESL_PASSWORD"),
        spool=env.folder("SPOOL"),
        sounds=env.folder("SOUNDS"),
        log_level=env.choice("LOG_LEVEL", LEVELS, "info"),
    )


def read_worker(env: Environment) -> WorkerSettings:
    return WorkerSettings(
        database_url=env.text("DATABASE_URL_VOICEMAIL"),
        broker_url=env.text("BROKER_URL"),
        spool=env.folder("SPOOL"),
        smtp=read_server(env),
        mail=_read_mail_rules(env),
        log_level=env.choice("LOG_LEVEL", LEVELS, "info"),
    )


def _read_mail_rules(env: Environment) -> MailRules:
    bind, port = env.text("BIND", "127.0.0.1"), env.port("VOICEMAIL_HTTP_PORT")
    host = "127.0.0.1" if bind in ("0.0.0.0", "::") else bind
    return MailRules(
        sender=env.text("MAIL_FROM", minimum_length=3),
        largest_bytes=env.whole_number("MAIL_LARGEST_MB", 10, at_least=1, at_most=100) * 1_000_000,
        public_url=env.web_address("VOICEMAIL_PUBLIC_URL", f"http://{host}:{port}"),
    )
