"""What routing needs from its environment; README.md of this folder lists the variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.logs import LEVELS
from shared.settings import Environment, load
from shared.smtp import SmtpServer, read_server


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str
    broker_url: str
    esl_host: str
    esl_port: int
    esl_password: str
    bind: str
    http_port: int
    call_port: int
    directory_port: int
    directory_secret: str
    home_country: str
    calls_first: bool
    run_folder: Path
    log_level: str


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    database_url: str
    broker_url: str
    smtp: SmtpServer
    mail_from: str
    public_url: str
    """What people reach routing's HTTP under; links in mails begin with it."""
    log_level: str


def read(environment: Environment) -> Settings:
    return Settings(
        database_url=environment.text("DATABASE_URL_ROUTING"),
        broker_url=environment.text("BROKER_URL"),
        esl_host=environment.text("ESL_HOST"),
        esl_port=environment.port("ESL_PORT"),
        esl_password=environment.text("ESL_PASSWORD"),
        bind=environment.text("BIND", "127.0.0.1"),
        http_port=environment.port("ROUTING_HTTP_PORT"),
        call_port=environment.port("ROUTING_CALL_PORT"),
        directory_port=environment.port("DIRECTORY_PORT"),
        directory_secret=environment.text("DIRECTORY_SECRET", minimum_length=16),
        home_country=environment.choice("HOME_COUNTRY", ("DE", "AT", "CH", "FR", "GB", "IT", "NL", "US"), "DE"),
        calls_first=environment.choice("CALLS_FIRST", ("yes", "no"), "yes") == "yes",
        run_folder=environment.folder("RUN"),
        log_level=environment.choice("LOG_LEVEL", LEVELS, "info"),
    )


def read_worker(environment: Environment) -> WorkerSettings:
    bind, port = environment.text("BIND", "127.0.0.1"), environment.port("ROUTING_HTTP_PORT")
    host = "127.0.0.1" if bind in ("0.0.0.0", "::") else bind
    return WorkerSettings(
        database_url=environment.text("DATABASE_URL_ROUTING"),
        broker_url=environment.text("BROKER_URL"),
        smtp=read_server(environment),
        mail_from=environment.text("MAIL_FROM", minimum_length=3),
        public_url=environment.web_address("PUBLIC_URL", f"http://{host}:{port}"),
        log_level=environment.choice("LOG_LEVEL", LEVELS, "info"),
    )


def load_settings() -> Settings:
    return load(read)
