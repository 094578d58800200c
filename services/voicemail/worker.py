"""python -m services.voicemail.worker: the Celery worker for voicemail.store and voicemail.mail."""

from __future__ import annotations

import psycopg2

from services.voicemail.store import MAIL_QUEUE, STORE_QUEUE
from services.voicemail.tasks import SETTINGS, app
from shared import logs
from shared.settings import stop_start

# Several, because a slow mail server holds one for up to a minute.
_PROCESSES = 4


def main() -> None:
    logs.configure("voicemail-worker", SETTINGS.log_level)
    try:
        # Not through shared.database: nothing of gevent may live in this process before it forks.
        psycopg2.connect(SETTINGS.database_url, connect_timeout=4).close()
    except psycopg2.OperationalError as error:
        stop_start(f"the database does not answer: {' '.join(str(error).split())}")
    app.worker_main([
        "--quiet", "worker", "--queues", f"{STORE_QUEUE},{MAIL_QUEUE}", "--concurrency", str(_PROCESSES),
        "--hostname", "voicemail@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
    ])


if __name__ == "__main__":
    main()
