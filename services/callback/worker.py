"""The Celery worker of `callback.dial` and `callback.webhook`: takes attempts up and gives the switch their one
command; tells receivers how calls go.

python -m services.callback.worker
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

from uuid import UUID

import structlog
from celery import Celery, Task

from services.callback.ask import DIAL_QUEUE, DIAL_TASK
from services.callback.dial import dial
from services.callback.settings import Settings, read
from services.callback.tell import TOGETHER, Teller
from services.callback.webhooks import QUEUE as WEBHOOK_QUEUE
from services.callback.webhooks import TASK as WEBHOOK_TASK
from services.callback.ways import Routing, RoutingAway
from shared import logs
from shared.broker import celery_app
from shared.database import Database, DatabaseUnavailable, wait_until_reachable
from shared.esl.client import InboundClient
from shared.esl.errors import AuthenticationFailed
from shared.settings import load, stop_start

log = structlog.get_logger()

DIALS_TOGETHER = 20
_AGAIN_AFTER_S = 2
_SWITCH_WAIT_S = 5.0


def build(settings: Settings, database: Database, client: InboundClient) -> Celery:
    app = celery_app("callback", settings.broker_url, [DIAL_QUEUE, WEBHOOK_QUEUE])
    app.conf.worker_redirect_stdouts = False  # our lines are JSON already
    teller = Teller(database, settings.webhook_networks)
    routing = Routing(settings.routing_host, settings.directory_port, settings.directory_secret)

    @app.task(name=DIAL_TASK, bind=True, max_retries=None)
    def dial_attempt(task: Task, attempt_id: str, outside: bool = False) -> None:
        # Asked before the claim: an attempt is taken up only when its command can leave. One that waits too
        # long is no longer claimed (dial_within_s), so this ends.
        if not client.wait_connected(_SWITCH_WAIT_S):
            raise task.retry(countdown=_AGAIN_AFTER_S)
        try:
            dial(UUID(attempt_id), database, client, settings.dial_within_s, routing if outside else None)
        except (DatabaseUnavailable, RoutingAway) as error:
            log.warning("attempt put off", attempt_id=attempt_id, reason=str(error))
            raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error

    @app.task(name=WEBHOOK_TASK, bind=True, max_retries=None)
    def tell_receiver(task: Task, delivery_id: str) -> None:
        try:
            teller.tell(UUID(delivery_id))
        except DatabaseUnavailable as error:
            raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error

    return app


def main() -> None:
    settings = load(read)
    logs.configure("callback-worker", settings.log_level)
    database = Database(settings.database_url)
    wait_until_reachable(database, stop_start)
    client = InboundClient(settings.esl_host, settings.esl_port, settings.esl_password, name="callback-worker")
    client.start()
    try:
        client.wait_connected(_SWITCH_WAIT_S)
    except AuthenticationFailed as error:
        stop_start(str(error))
    build(settings, database, client).worker_main([
        "worker", "--queues", f"{DIAL_QUEUE},{WEBHOOK_QUEUE}", "--pool", "gevent",
        "--concurrency", str(DIALS_TOGETHER + TOGETHER),
        "--hostname", "callback@%h", "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
    ])


if __name__ == "__main__":
    main()
