"""The simulator's settings: the event socket's, where files are, and the configuration to interpret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared import logs
from shared.settings import Environment, load

CONFIGURATION = Path(__file__).resolve().parent.parent / "conf"


@dataclass(frozen=True)
class SimulatorSettings:
    esl_port: int
    esl_password: str
    run: Path
    sounds: Path
    spool: Path
    log_level: str
    trunk_port: int = 0
    """Where the first simulated carrier is, the second at the next port; 0: every gateway leads to the first."""
    configuration: Path = CONFIGURATION
    esl_host: str = "127.0.0.1"


def from_environment() -> SimulatorSettings:
    def read(environment: Environment) -> SimulatorSettings:
        return SimulatorSettings(
            esl_port=environment.port("ESL_PORT"),
            esl_password=environment.text("ESL_PASSWORD", minimum_length=8),
            run=environment.folder("RUN"),
            sounds=environment.folder("SOUNDS"),
            spool=environment.folder("SPOOL"),
            trunk_port=environment.whole_number("TRUNK_PORT", 0, at_least=0, at_most=65534),
            log_level=environment.choice("LOG_LEVEL", logs.LEVELS, "info"),
        )

    return load(read)

