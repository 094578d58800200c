"""What every process of an instance finds in its environment: names, ports, addresses, secrets.

docs/settings.md lists the variables. Those in MAY_BE_GIVEN are taken from the environment of
`make up` when they are set there, to point the suite at an existing switch, trunk or mail server.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from operations import places, servers
from operations.screen import Trouble
from operations.secrets_file import keep_secrets

PORTS_OF_INSTANCE = {
    "dev": 0, "test-simulator": 100, "test-freeswitch": 200, "bench": 300, "test-simulator-2": 400,
    "test-freeswitch-2": 500, "test-freeswitch-3": 600, "faults": 700,
}
SWITCHES = ("freeswitch", "simulator", "external")

MAY_BE_GIVEN = (
    "PBX_BIND", "PBX_LOG_LEVEL", "PBX_SESSIONS_PER_SECOND", "PBX_SWITCH_CONF",
    "PBX_SIP_IP", "PBX_SIP_INTERNAL_PORT", "PBX_SIP_EXTERNAL_PORT", "PBX_RTP_START", "PBX_RTP_END",
    "PBX_TRUNK_HOST", "PBX_TRUNK_PORT",
    "PBX_ESL_HOST", "PBX_ESL_PORT", "PBX_ESL_PASSWORD",
    "PBX_HOME_COUNTRY", "PBX_CALLS_FIRST", "PBX_CALLBACK_DIAL_WITHIN_S", "PBX_CALLBACK_KEEP_DAYS",
    "PBX_CALLBACK_WEBHOOK_NETWORKS", "PBX_CALLBACK_ALLOWED_ORIGINS",
    "PBX_SMTP_HOST", "PBX_SMTP_PORT", "PBX_SMTP_USER", "PBX_SMTP_PASSWORD", "PBX_SMTP_TLS", "PBX_MAIL_FROM",
    "PBX_MAIL_LARGEST_MB", "PBX_PUBLIC_URL", "PBX_ROUTING_URL", "PBX_CALLBACK_URL", "PBX_VOICEMAIL_URL",
    "PBX_VOICEMAIL_PUBLIC_URL", "PBX_HANDSETS_SIP_SERVER", "PBX_HANDSETS_URL",
)

# Everything of an instance that listens, and for what; (variable, purpose, UDP too).
LISTENING: tuple[tuple[str, str, bool], ...] = (
    ("PBX_ROUTING_HTTP_PORT", "routing's HTTP", False),
    ("PBX_CALLBACK_HTTP_PORT", "callback's HTTP", False),
    ("PBX_VOICEMAIL_HTTP_PORT", "voicemail's HTTP", False),
    ("PBX_PRESENCE_HTTP_PORT", "presence's HTTP", False),
    ("PBX_ROUTING_CALL_PORT", "routing's calls", False),
    ("PBX_VOICEMAIL_CALL_PORT", "voicemail's calls", False),
    ("PBX_DIRECTORY_PORT", "the switch's directory", False),
)
OF_THE_SWITCH = ("PBX_ESL_PORT", "the switch's event socket", False)
OF_FREESWITCH = (
    ("PBX_SIP_INTERNAL_PORT", "SIP of the handsets", True),
    ("PBX_SIP_EXTERNAL_PORT", "SIP of the trunks", True),
)
OF_THE_MAIL_SINK = ("PBX_SMTP_PORT", "the local mailbox", False)


def settings(name: str, run: Path, switch: str, given: Mapping[str, str]) -> dict[str, str]:
    if name not in PORTS_OF_INSTANCE:
        raise Trouble(f"There is no instance {name!r}", "there are " + ", ".join(PORTS_OF_INSTANCE))
    base = places.ports_base() + PORTS_OF_INSTANCE[name]
    usual_sip = name == "dev" and places.ports_base() == places.DEFAULT_PORTS
    audio = {"dev": 2000}.get(name, 1000)
    rtp = places.ports_base() + 3000 + (0 if name == "dev" else 2000 + 10 * (PORTS_OF_INSTANCE[name] - 100))
    database = servers.database_name(name)
    bound_to = given.get("PBX_BIND", "127.0.0.1")
    here = "127.0.0.1" if bound_to == "0.0.0.0" else bound_to
    keys = keep_secrets(run / "keys.json", ["esl", "directory"])
    values = {
        "PBX_INSTANCE": name,
        "PBX_RUN": str(run),
        "PBX_SWITCH": switch,
        "PBX_ADMIN_DATABASE_URL": servers.database_url("pbx_admin", database),
        **{f"PBX_DATABASE_URL_{service.upper()}": servers.database_url(f"pbx_{service}", database)
           for service in servers.SERVICES},
        "PBX_BROKER_URL": servers.broker_url(database),
        "PBX_ESL_HOST": "127.0.0.1",
        "PBX_ESL_PORT": str(base + 1),
        "PBX_ESL_PASSWORD": keys["esl"],
        "PBX_BIND": "127.0.0.1",
        "PBX_ROUTING_HTTP_PORT": str(base + 80),
        "PBX_CALLBACK_HTTP_PORT": str(base + 81),
        "PBX_VOICEMAIL_HTTP_PORT": str(base + 82),
        "PBX_PRESENCE_HTTP_PORT": str(base + 83),
        "PBX_ROUTING_URL": f"http://{here}:{base + 80}",
        "PBX_CALLBACK_URL": f"http://{here}:{base + 81}",
        "PBX_VOICEMAIL_URL": f"http://{here}:{base + 82}",
        # A suite on one machine for trying things out: so may be the receiver of its notices.
        "PBX_CALLBACK_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "PBX_CALLBACK_ALLOWED_ORIGINS": "http://127.0.0.1:8000,http://localhost:8000",
        "PBX_ROUTING_CALL_PORT": str(base + 84),
        "PBX_ROUTING_CALL_PORT_2": str(base + 87),
        "PBX_VOICEMAIL_CALL_PORT": str(base + 85),
        "PBX_DIRECTORY_PORT": str(base + 86),
        "PBX_DIRECTORY_SECRET": keys["directory"],
        "PBX_SPOOL": str(run / "spool"),
        "PBX_SOUNDS": str(places.SOUNDS),
        "PBX_SIP_IP": "127.0.0.1",
        "PBX_SIP_INTERNAL_PORT": "5060" if usual_sip else str(base + 60),
        "PBX_SIP_EXTERNAL_PORT": "5080" if usual_sip else str(base + 61),
        "PBX_RTP_START": str(rtp),
        "PBX_RTP_END": str(rtp + audio - 1),
        "PBX_TRUNK_HOST": "127.0.0.1",
        "PBX_TRUNK_PORT": str(base + 70),
        "PBX_SMTP_HOST": "127.0.0.1",
        "PBX_SMTP_PORT": str(base + 2),
        "PBX_SMTP_USER": "",
        "PBX_SMTP_PASSWORD": "",
        "PBX_SMTP_TLS": "none",
        "PBX_MAIL_FROM": "telefon@example.test",
        "PBX_MAILDIR": str(run / "mailbox"),
        "PBX_LOG_LEVEL": "info",
        "PBX_SESSIONS_PER_SECOND": "200",
        "PBX_SWITCH_CONF": str(places.ROOT / "freeswitch" / "conf"),
    }
    wrong = [key for key in given if key not in MAY_BE_GIVEN]
    if wrong:
        raise Trouble(f"{wrong[0]} cannot be given to an instance", "it can be " + ", ".join(MAY_BE_GIVEN))
    values.update(given)
    check(values)
    return values


def given_by_environment() -> dict[str, str]:
    return {key: os.environ[key] for key in MAY_BE_GIVEN if os.environ.get(key)}


def check(values: Mapping[str, str]) -> None:
    """Refuses what no process could start with, by name."""
    ports: dict[str, str] = {}
    for key, value in values.items():
        if key.endswith(("_PORT", "_PORT_2", "_START", "_END")):
            if not value.isdigit() or not 1 <= int(value) <= 65535:
                raise Trouble(f"{key}={value!r} is not a port, 1 to 65535")
            if value in ports and values["PBX_SWITCH"] != "external":
                raise Trouble(f"{key} and {ports[value]} are both {value}", "give one of them another port")
            ports[value] = key
        if "\n" in value:
            raise Trouble(f"{key} has a line break in it")
    if values["PBX_SWITCH"] not in SWITCHES:
        raise Trouble(f"PBX_SWITCH={values['PBX_SWITCH']!r} is unknown", "it is one of " + ", ".join(SWITCHES))
    if values["PBX_SMTP_TLS"] not in ("none", "starttls", "tls"):
        raise Trouble(f"PBX_SMTP_TLS={values['PBX_SMTP_TLS']!r} is unknown", "it is one of none, starttls, tls")
