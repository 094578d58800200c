"""The Celery worker of `calls.record` and `routing.mail`: writes the record of calls from what routing and the switch
reported, and sends the mails about forgotten passwords and PINs.

python -m services.routing.worker
"""

from shared import patched  # noqa: F401, I001  (before anything that opens a socket)

from typing import Any

import structlog
from celery import Celery, Task

from services.routing import call_log
from services.routing.accounts import resets, tasks
from services.routing.accounts.mailer import ResetMailer
from services.routing.record import QUEUE, TASK
from services.routing.settings import WorkerSettings, read_worker
from shared import logs
from shared.broker import celery_app
from shared.database import Database, DatabaseError, DatabaseUnavailable, wait_until_reachable
from shared.metrics import Counter
from shared.settings import load, stop_start

log = structlog.get_logger()

REFUSED = Counter("pbx_routing_records_refused_total", "Call records the database refuses for good")

_TOGETHER = 4
_AGAIN_AFTER_S = 5
_REFUSALS = (DatabaseError, KeyError, TypeError, ValueError, AttributeError)


def build(settings: WorkerSettings, database: Database) -> Celery:
    app = celery_app("routing", settings.broker_url, [QUEUE, resets.QUEUE])
    tasks.register(app, database, ResetMailer(database, settings.smtp, settings.mail_from, settings.public_url))

    @app.task(name=TASK, bind=True, max_retries=None)
    def record_calls(task: Task, company_id: int, records: list[dict[str, Any]]) -> None:
        """Idempotent: the same records again change nothing."""
        try:
            write_what_is_good(database, company_id, records)
        except DatabaseUnavailable as error:
            raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error

    return app


def write_what_is_good(database: Database, company_id: int, records: list[dict[str, Any]]) -> None:
    """All at once; one by one when one of them is refused. Raises DatabaseUnavailable."""
    try:
        with database.company(company_id) as tx:
            call_log.write(tx, company_id, records)
    except _REFUSALS as error:
        if len(records) == 1:  # its company is gone, and its calls with it; or it is no record of ours
            REFUSED.inc()
            log.error("call record refused", company_id=company_id, reason=f"{type(error).__name__}: {error}")
            return
        for record in records:
            write_what_is_good(database, company_id, [record])


def main() -> None:
    settings = load(read_worker)
    logs.configure("routing-worker", settings.log_level)
    database = Database(settings.database_url)
    wait_until_reachable(database, stop_start)
    build(settings, database).worker_main([
        "worker", "--queues", f"{QUEUE},{resets.QUEUE}", "--pool", "gevent", "--concurrency", str(_TOGETHER),
        "--hostname", "routing@%h", "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
    ])


if __name__ == "__main__":
    main()
