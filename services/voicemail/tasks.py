"""The worker's tasks, idempotent by message (and kind of mail). Shell: Celery.

Each process of the pool has its own connection to the database, made after the fork.
"""

from __future__ import annotations

from functools import lru_cache

import structlog
from celery import Task

from services.voicemail import audio
from services.voicemail.deliver import Mailer
from services.voicemail.settings import WorkerSettings, read_worker
from services.voicemail.spool import Spool
from services.voicemail.store import MAIL_QUEUE, MAIL_TASK, STORE_QUEUE, STORE_TASK
from shared import settings as start
from shared.broker import celery_app
from shared.database import Database, DatabaseUnavailable

log = structlog.get_logger()

SETTINGS: WorkerSettings = start.load(read_worker)
app = celery_app("voicemail", SETTINGS.broker_url, [STORE_QUEUE, MAIL_QUEUE])
app.conf.worker_redirect_stdouts = False  # our lines are JSON already


@lru_cache(maxsize=1)
def _database() -> Database:
    return Database(SETTINGS.database_url, pool_size=2)


# A task that found no database is not done: else nobody would ask again before the sweeper takes it for lost.
_AGAIN_AFTER_S = 5


# A mail server that drips is left after a minute; the claim (deliver.CLAIM_S) outlasts both limits.
@app.task(name=MAIL_TASK, bind=True, max_retries=None, soft_time_limit=60, time_limit=90)
def send_mail(task: Task, company_id: int, message_id: str, kind: str) -> str:
    mailer = Mailer(_database(), Spool(SETTINGS.spool), SETTINGS.smtp, SETTINGS.mail)
    try:
        return mailer.deliver(company_id, message_id, kind)
    except DatabaseUnavailable as error:
        raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error


@app.task(name=STORE_TASK, bind=True, max_retries=None, soft_time_limit=60, time_limit=90)
def prepare_audio(task: Task, company_id: int, message_id: str) -> str:
    try:
        return prepare(_database(), Spool(SETTINGS.spool), company_id, message_id)
    except DatabaseUnavailable as error:
        raise task.retry(countdown=_AGAIN_AFTER_S, exc=error) from error


def prepare(database: Database, spool: Spool, company_id: int, message_id: str) -> str:
    """Level and, where mails carry it, MP3. The recording itself is only read."""
    with database.company(company_id) as tx:
        message = tx.row(
            """
            SELECT b.audio_format, m.level_dbfs, m.has_mp3 FROM voicemail.messages m
            JOIN voicemail.mailboxes b USING (company_id, subscriber_id)
            WHERE m.company_id = :company_id AND m.message_id = CAST(:message_id AS uuid)
            """,
            company_id=company_id, message_id=message_id,
        )
    wants_mp3 = message is not None and message.audio_format == "mp3"
    if message is None or (message.level_dbfs is not None and message.has_mp3 == wants_mp3):
        return "nothing to do"
    level = audio.level_dbfs(spool.audio(message_id))
    if wants_mp3:
        audio.make_mp3(spool.audio(message_id), spool.mp3(message_id))
    with database.company(company_id) as tx:
        tx.execute(
            "UPDATE voicemail.messages SET level_dbfs = :level, has_mp3 = :has_mp3"
            " WHERE company_id = :company_id AND message_id = CAST(:message_id AS uuid)",
            level=level, has_mp3=wants_mp3, company_id=company_id, message_id=message_id,
        )
    log.info("recording prepared", message_id=message_id, level_dbfs=round(level, 1), mp3=wants_mp3)
    return "done"
