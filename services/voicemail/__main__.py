"""python -m services.voicemail: deposits by telephone, the HTTP API, message lamps, sweeper and outbox relay."""

from shared import patched  # isort: skip  # noqa: F401  (first: everything after it is cooperative)

import signal
import uuid
from datetime import UTC, datetime

import gevent
import structlog
from gevent.event import Event

from services.voicemail.api import register
from services.voicemail.call import DepositCalls
from services.voicemail.greetings import Greetings
from services.voicemail.lamps import EVENTS, Lamps
from services.voicemail.mailbox import LeftMessage
from services.voicemail.portal.hands import PortalCalls
from services.voicemail.recording import Recording
from services.voicemail.settings import Settings, read
from services.voicemail.spool import Spool
from services.voicemail.store import MAIL_QUEUE, SCHEMA, STORE_QUEUE
from services.voicemail.sweeper import Sweeper
from shared import logs, watchdog
from shared import settings as start
from shared.api import create_app, serve
from shared.broker import EventBus, celery_app
from shared.database import Database, wait_until_reachable
from shared.esl.call import OutboundCall
from shared.esl.client import InboundClient
from shared.esl.errors import AuthenticationFailed
from shared.esl.server import OutboundServer
from shared.messages import VoicemailLeft
from shared.outbox import Relay

log = structlog.get_logger()

_SWITCH_WITHIN_S = 5.0
_DRAIN_S = 10.0


def main() -> None:
    settings = start.load(read)
    logs.configure("voicemail", settings.log_level)
    Service(settings).run()


class Service:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A caller waits for some of these queries, so none may take long.
        self._database = Database(settings.database_url, statement_timeout_ms=2000)
        self._spool = Spool(settings.spool)
        self._bus = EventBus(settings.broker_url)
        self._relay = Relay(
            self._database, SCHEMA, celery_app("voicemail", settings.broker_url, [STORE_QUEUE, MAIL_QUEUE])
        )
        self._lamps = Lamps(self._database)
        self._client = self._lamps.client = InboundClient(
            settings.esl_host, settings.esl_port, settings.esl_password, name="voicemail",
            events=EVENTS, on_event=self._lamps.on_event, on_resync=self._lamps.on_resync,
        )
        self._portal = PortalCalls(self._database, self._spool, settings.sounds, changed=self._changed)
        self._deposits = DepositCalls(
            self._database, self._spool, settings.sounds, stored=self._stored, portal=self._portal.take_over
        )
        self._sweeper = Sweeper(
            self._database, self._spool, in_progress=self._deposits.in_progress, stored=self._stored,
            wake_relay=self._relay.wake,
        )
        self._calls = OutboundServer("127.0.0.1", settings.call_port, self._handle)
        self._app, api = create_app(
            "voicemail", database=self._database, title="Voicemail",
            readiness_checks={"switch": lambda: self._client.connected, "spool": self._spool.free_bytes},
        )
        register(self._app, api, self._database, self._spool, self._changed, self._bus.publish)

    def run(self) -> None:
        settings = self._settings
        wait_until_reachable(self._database, start.stop_start)
        try:
            self._spool.prepare()
            self._calls.start()
            http = serve(self._app, settings.bind, settings.http_port)
            self._client.start()
            watchdog.beat()
            if not self._client.wait_connected(_SWITCH_WITHIN_S):
                log.warning("switch not reached yet", host=settings.esl_host, port=settings.esl_port)
        except AuthenticationFailed as error:
            start.stop_start(f"the switch refuses PBX_ESL_PASSWORD: {error}")
        except OSError as error:
            start.stop_start(str(error))
        for part in (self._bus, self._relay, self._lamps, self._sweeper):
            part.start()
        gevent.spawn(Greetings(self._database, self._spool).drop_orphans)
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        log.info("voicemail is up", http_port=settings.http_port, call_port=settings.call_port)
        stopping.wait()
        self._calls.drain(_DRAIN_S)
        http.stop(timeout=2)
        for running in (self._sweeper, self._lamps, self._relay, self._bus, self._client):
            running.stop()
        self._database.close()

    def _handle(self, call: OutboundCall) -> None:
        """What the dialplan's step sent here: a caller who leaves a message, or an owner who listens to his."""
        if call.channel.variable("pbx_step") == "portal":
            self._portal.handle(call)
        else:
            self._deposits.handle(call)

    def _stored(self, message: LeftMessage, recording: Recording) -> None:
        """After the commit: everybody who wants to know, soon; whoever misses it finds it in the database."""
        self._relay.wake()
        self._changed()
        self._bus.publish(VoicemailLeft(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"voicemail.left:{message.message_id}")),
            at=datetime.now(UTC).isoformat(), company_id=message.company_id,
            subscriber_id=message.subscriber_id, message_id=message.message_id,
            duration_ms=recording.duration_ms,
        ))

    def _changed(self) -> None:
        self._lamps.wake()


if __name__ == "__main__":
    main()
