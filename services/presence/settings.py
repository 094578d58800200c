"""What presence needs to know to start; names and meanings in the README, "Settings"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.logs import LEVELS
from shared.settings import Environment


@dataclass(frozen=True)
class Settings:
    database_url: str
    bind: str
    http_port: int
    esl_host: str
    esl_port: int
    esl_password: str
    broker_url: str
    handsets_sip_server: str
    """host:port that handsets are told to send their SIP to."""
    handsets_url: str
    """Where handsets reach this service's HTTP."""
    run_folder: Path | None
    """Where errors are kept for the operator's page."""
    log_level: str
    services: Mapping[str, str]
    """Where the page asks the other services, and we whether they are ready: name -> http://host:port."""


def read(env: Environment) -> Settings:
    bind, sip_ip = env.text("BIND", "127.0.0.1"), env.text("SIP_IP", "127.0.0.1")
    # Handsets that reach the switch reach us, unless only this machine does.
    reached_at = sip_ip if bind in ("0.0.0.0", "::") else bind
    return Settings(
        database_url=env.text("DATABASE_URL_PRESENCE"),
        bind=bind,
        http_port=env.port("PRESENCE_HTTP_PORT"),
        esl_host=env.text("ESL_HOST", "127.0.0.1"),
        esl_port=env.port("ESL_PORT"),
        esl_password=env.text("ESL_PASSWORD"),
        broker_url=env.text("BROKER_URL"),
        handsets_sip_server=env.server_address(
            "HANDSETS_SIP_SERVER", f"{sip_ip}:{env.text('SIP_INTERNAL_PORT', '5060')}"),
        handsets_url=env.web_address("HANDSETS_URL", f"http://{reached_at}:{env.port('PRESENCE_HTTP_PORT')}"),
        run_folder=env.folder("RUN") if env.is_set("RUN") else None,
        log_level=env.choice("LOG_LEVEL", LEVELS, "info"),
        services={
            "routing": env.web_address("ROUTING_URL", "http://127.0.0.1:17080"),
            "callback": env.web_address("CALLBACK_URL", "http://127.0.0.1:17081"),
            "voicemail": env.web_address("VOICEMAIL_URL", "http://127.0.0.1:17082"),
        },
    )
