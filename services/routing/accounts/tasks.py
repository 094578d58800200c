"""Tasks of `routing.mail`: who a wish is about, and the mail itself. Idempotent by the wish. Shell: Celery."""

from __future__ import annotations

import structlog
from celery import Celery, Task
from gevent.lock import BoundedSemaphore

from services.routing.accounts import resets
from services.routing.accounts.mailer import ResetMailer
from services.routing.accounts.reset_mail import Secret
from shared.database import Database, DatabaseUnavailable

log = structlog.get_logger()

_MAILS_AT_ONCE = 2
"""Fewer than the worker does at once: a mail server that drips must not hold up the record of calls."""
_AGAIN_AFTER_S = 5


def register(app: Celery, database: Database, mailer: ResetMailer) -> None:
    free = BoundedSemaphore(_MAILS_AT_ONCE)

    @app.task(name=resets.START_TASK, bind=True, max_retries=None)
    def start_reset(task: Task, request_id: str, typed: str, secret: Secret) -> None:
        try:
            started = resets.start(database, request_id, typed, secret)
        except DatabaseUnavailable as error:
            raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error
        log.info("reset asked for", secret=secret, accounts=started)

    @app.task(name=resets.SEND_TASK, bind=True, max_retries=None)
    def send_reset(task: Task, reset_id: str) -> None:
        if not free.acquire(blocking=False):
            raise task.retry(countdown=_AGAIN_AFTER_S)
        try:
            again_after_s = mailer.send(reset_id)
        except DatabaseUnavailable as error:
            raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error
        finally:
            free.release()
        if again_after_s is not None:
            raise task.retry(countdown=again_after_s)
