"""The callback service: HTTP, the relay to its worker, and the eye on the switch, in one process.

python -m services.callback
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

import gc
import signal

import gevent
import gevent.event
import structlog

from services.callback import webhooks
from services.callback.api import cross_origin
from services.callback.api.calls import blueprint
from services.callback.api.webhooks import blueprint as webhooks_blueprint
from services.callback.ask import DIAL_QUEUE
from services.callback.feed import Feed
from services.callback.follow import Follower
from services.callback.settings import read
from services.callback.tell import Due
from shared import logs, watchdog
from shared.api import create_app, serve
from shared.broker import celery_app
from shared.database import Database, wait_until_reachable
from shared.esl.errors import AuthenticationFailed
from shared.outbox import Relay
from shared.settings import load, stop_start

log = structlog.get_logger()

_SWITCH_WAIT_S = 2.0


def main() -> None:
    settings = load(read)
    logs.configure("callback", settings.log_level)
    database = Database(settings.database_url)
    wait_until_reachable(database, stop_start)
    relay = Relay(database, "callback", celery_app("callback", settings.broker_url, [DIAL_QUEUE, webhooks.QUEUE]))
    feed = Feed(database)
    due = Due(database, relay.wake)

    def moved_on() -> None:
        feed.wake()
        relay.wake()  # notices of it were written with it

    follower = Follower(
        database, settings.esl_host, settings.esl_port, settings.esl_password,
        dial_within_s=settings.dial_within_s, keep_days=settings.keep_days, moved_on=moved_on,
    )
    app, api = create_app(
        "callback", database=database, readiness_checks={"switch": lambda: follower.client.connected},
        title="Click-to-dial",
    )
    api.register_blueprint(blueprint(database, relay.wake, follower.hang_up, feed, follower.hand_on))
    api.register_blueprint(webhooks_blueprint(database, settings.webhook_networks, relay.wake))
    cross_origin.allow(app, settings.allowed_origins)
    try:
        server = serve(app, settings.bind, settings.http_port)
    except OSError as error:
        stop_start(error.strerror or str(error))
    follower.start()
    try:
        follower.client.wait_connected(_SWITCH_WAIT_S)
    except AuthenticationFailed as error:
        stop_start(str(error))
    parts = (relay, feed, due)
    for part in parts:
        part.start()
    watchdog.beat()
    # What start-up left stays for ever: the collector need not walk it while somebody waits for his click.
    gc.collect()
    gc.freeze()
    log.info("callback is up", port=settings.http_port)

    stopping = gevent.event.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    stopping.wait()
    server.stop(timeout=5)
    for part in reversed(parts):
        part.stop()
    follower.stop()
    database.close()


if __name__ == "__main__":
    main()
