"""python -m services.presence: what the lamps show."""

from shared import patched  # noqa: F401, I001  (first)

import signal
from typing import Any

import gevent
import structlog
from gevent.event import Event as Flag

from services.presence import settings as presence_settings
from services.presence.api import make_app
from services.presence.api.handsets import Addresses
from services.presence.api.operator import Sources
from services.presence.calls_up_table import CallsUpTable
from services.presence.overview.look import Look
from services.presence.store import person_at, read_people, read_some
from services.presence.switch_events import SwitchEvents
from services.presence.tables import CHANNEL, TablesFollowed
from shared import logs, settings
from shared.api import serve
from shared.database import Database, wait_until_reachable
from shared.esl.client import InboundClient
from shared.esl.errors import AuthenticationFailed
from shared.notices import Notices
from shared.watchdog import beat

log = structlog.get_logger()


def main() -> None:
    config = settings.load(presence_settings.read)
    logs.configure("presence", config.log_level)
    # A page waits its turn: after a restart of ours every open page comes back in the same seconds.
    database = Database(config.database_url, pool_wait_s=10)
    wait_until_reachable(database, settings.stop_start)
    # Back soon also after a long absence: lamps are to be right 5 s after the switch is (P2).
    client = InboundClient(config.esl_host, config.esl_port, config.esl_password, name="presence",
                           reconnect_delay_s=(0.5, 2.0))
    table: CallsUpTable = CallsUpTable(
        database, legs_of=lambda subscriber_id: presence.board.legs_of(subscriber_id), in_step=lambda: client.synced)
    presence = SwitchEvents(
        client, read_people=lambda: read_people(database),
        read_some=lambda company_id, people: read_some(database, company_id, people),
        person_at=lambda extension, domain: person_at(database, extension, domain), calls_changed=table.changed)
    followed = TablesFollowed(read_all=presence.read_people, read_some=presence.read_some)
    notices = Notices(config.database_url, CHANNEL, heard=followed.heard, gap=followed.gap)
    look = Look(database, client, broker_url=config.broker_url, services=config.services)
    app = make_app(presence, database, {"switch": lambda: client.synced}, config.services,
                   Sources(database, presence, look, client.api, config.run_folder),
                   Addresses(config.handsets_sip_server, config.handsets_url))
    try:
        server = serve(app, config.bind, config.http_port)
    except OSError as error:
        settings.stop_start(str(error))
    # From here on the hub runs; describing the HTTP interface before took it a while.
    beat()
    stop = Flag()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    gevent.signal_handler(signal.SIGINT, stop.set)
    endless: list[Any] = [*presence.start(), gevent.spawn(table.run), gevent.spawn(followed.run),
                          gevent.spawn(notices.run), gevent.spawn(look.run)]
    refusal: Any = gevent.spawn(_refusal, client)
    gevent.wait([stop, refusal], count=1)
    if refusal.value:
        settings.stop_start(f"the switch refused us: {refusal.value}")
    log.info("started", http=f"{config.bind}:{config.http_port}", switch=f"{config.esl_host}:{config.esl_port}")
    gevent.wait([stop, *endless], count=1)
    server.stop(timeout=1)
    client.stop()
    database.close()
    if not stop.is_set():
        raise SystemExit("a part of presence ended that never should")


def _refusal(client: InboundClient) -> str | None:
    """Why the switch does not want us; None when it does, or is not there yet."""
    try:
        client.wait_connected(10)
    except AuthenticationFailed as error:
        return str(error)
    return None


if __name__ == "__main__":
    main()
