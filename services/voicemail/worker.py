"""python -m services.voicemail.worker: the Celery worker for voicemail.store and voicemail.mail."""

from __future__ import annotations

from services.voicemail.store import MAIL_QUEUE, STORE_QUEUE
from services.voicemail.tasks import SETTINGS, app
from shared import logs

# Several, because a slow mail server holds one for up to a minute.
_PROCESSES = 4


def main() -> None:
    logs.configure("voicemail-worker", SETTINGS.log_level)
    app.worker_main([
        "worker", "--queues", f"{STORE_QUEUE},{MAIL_QUEUE}", "--concurrency", str(_PROCESSES),
        "--hostname", "voicemail@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
    ])


if __name__ == "__main__":
    main()
