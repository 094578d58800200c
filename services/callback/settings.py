"""What callback needs to know to start; names and meanings in the README, "Settings"."""

from __future__ import annotations

from dataclasses import dataclass

from services.callback.receivers import Network
from shared.logs import LEVELS
from shared.settings import Environment


@dataclass(frozen=True)
class Settings:
    database_url: str
    broker_url: str
    bind: str
    http_port: int
    esl_host: str
    esl_port: int
    esl_password: str
    routing_host: str
    directory_port: int
    directory_secret: str
    """Routing's door for our own services is that of the switch's directory."""
    log_level: str
    dial_within_s: int
    """Nobody wants his telephone to ring for a click of minutes ago."""
    keep_days: int
    """How long attempts, and with them their keys, are kept."""
    webhook_networks: tuple[Network, ...]
    """Besides the internet over TLS, notices may go there."""
    allowed_origins: tuple[str, ...]
    """Whose web pages may call this service from a browser."""


def read(env: Environment) -> Settings:
    return Settings(
        database_url=env.text("DATABASE_URL_CALLBACK"),
        broker_url=env.text("BROKER_URL"),
        bind=env.text("BIND", "127.0.0.1"),
        http_port=env.port("CALLBACK_HTTP_PORT"),
        esl_host=env.text("ESL_HOST", "127.0.0.1"),
        esl_port=env.port("ESL_PORT"),
        esl_password=env.text("ESL_PASSWORD"),
        routing_host=env.text("ROUTING_HOST", "127.0.0.1"),
        directory_port=env.port("DIRECTORY_PORT"),
        directory_secret=env.text("DIRECTORY_SECRET", minimum_length=16),
        log_level=env.choice("LOG_LEVEL", LEVELS, "info"),
        dial_within_s=env.whole_number("CALLBACK_DIAL_WITHIN_S", 60, at_least=5, at_most=600),
        keep_days=env.whole_number("CALLBACK_KEEP_DAYS", 30, at_least=1, at_most=3650),
        webhook_networks=env.networks("CALLBACK_WEBHOOK_NETWORKS"),
        allowed_origins=env.web_origins("CALLBACK_ALLOWED_ORIGINS"),
    )
