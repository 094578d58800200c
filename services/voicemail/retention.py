"""The end of messages: what is purged, and that nothing of it stays behind. Use case, part of the sweeper's rounds.

    deleted a day ago, or past the mailbox's retention -> row gone -> mark -> files gone -> mark gone
    mailbox gone (a person or company was erased)      -> what the spool still has of it, too
    a link past its time, a file nobody has a row for  -> gone
"""

from __future__ import annotations

import gevent
import structlog

from services.voicemail import links
from services.voicemail.fallback import parse_fallback_name
from services.voicemail.greetings import Greetings
from services.voicemail.mailbox import UnreadableNote
from services.voicemail.spool import Spool
from shared.database import Database
from shared.metrics import Counter

log = structlog.get_logger()

DELETED_KEPT = "24 hours"
ERASED_REMEMBERED = "90 days"
"""Longer than a recording may turn up late in the spool."""
STRAY_S = 3600.0
_AT_ONCE = 500
_NO_MAIL_TO_GO = (
    "NOT EXISTS (SELECT FROM voicemail.deliveries d WHERE d.company_id = m.company_id"
    " AND d.message_id = m.message_id AND d.state IN ('waiting', 'sending'))"
)
_ENDED = {
    "deleted": f"SELECT m.company_id, m.message_id FROM voicemail.messages m"
               f" WHERE m.deleted_at < now() - interval '{DELETED_KEPT}' AND {_NO_MAIL_TO_GO} LIMIT {_AT_ONCE}",
    "retention": "SELECT m.company_id, m.message_id FROM voicemail.mailboxes b JOIN voicemail.messages m"
                 " ON (m.company_id, m.subscriber_id) = (b.company_id, b.subscriber_id)"
                 f" AND m.left_at < now() - make_interval(days => b.retention_days) AND {_NO_MAIL_TO_GO}"
                 f" WHERE b.retention_days IS NOT NULL LIMIT {_AT_ONCE}",
}

PURGED = Counter("pbx_voicemail_purged_total", "Messages that ended, by why", ["why"])


class Retention:
    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    def purge(self) -> None:
        """Deleted and kept long enough, or past the mailbox's retention; never with a mail still to go.

        So many at a time that the statement's time suffices, and by indexes: what is left waits for the next round.
        """
        for why, ended in _ENDED.items():
            with self._database.platform() as tx:
                purged = tx.execute(
                    f"DELETE FROM voicemail.messages WHERE (company_id, message_id) IN ({ended})"
                )
            if purged:
                PURGED.labels(why).inc(purged)
                log.info("messages purged", why=why, messages=purged)

    def erase(self) -> None:
        """Audio whose row is gone: the file first, then the mark."""
        with self._database.platform() as tx:
            marks = tx.rows(f"SELECT message_id FROM voicemail.audio_to_erase ORDER BY since LIMIT {_AT_ONCE}")
        for mark in marks:
            self._spool.erase(str(mark.message_id))
        if marks:
            with self._database.platform() as tx:
                tx.execute(
                    "DELETE FROM voicemail.audio_to_erase WHERE message_id = ANY(:ids)",
                    ids=[mark.message_id for mark in marks],
                )

    def erase_what_was_refused(self) -> None:
        """Recordings kept for the operator whose owner was erased since."""
        refused = list(self._spool.refused_files())
        if refused:
            with self._database.platform() as tx:
                erased = {row.subscriber_id for row in tx.rows("SELECT subscriber_id FROM voicemail.erased_mailboxes")}
            for path in refused:
                name = parse_fallback_name(path.name)
                if name is not None and name.subscriber_id in erased:
                    path.unlink(missing_ok=True)
                elif path.suffix == ".json":
                    try:
                        owner = self._spool.read_note(path).subscriber_id
                    except (UnreadableNote, FileNotFoundError):
                        continue
                    if owner in erased:
                        path.with_suffix(".wav").unlink(missing_ok=True)
                        path.unlink(missing_ok=True)

    def end_links(self) -> None:
        with self._database.platform() as tx:
            links.end_old_ones(tx)
            tx.execute("DELETE FROM voicemail.erased_mailboxes"
                       f" WHERE since < now() - interval '{ERASED_REMEMBERED}'")

    def drop_strays(self) -> None:
        """Half-made files of a killed process; an MP3 that was made while its recording was erased."""
        dropped = gevent.get_hub().threadpool.apply(self._spool.drop_strays, (STRAY_S,))
        dropped += Greetings(self._database, self._spool).drop_orphans()
        if dropped:
            log.info("stray files dropped", files=dropped)
