"""One mail of one reset: claimed, sent, and each step written down before the next. Use case.

As voicemail's mails go out: only who holds the claim sends; a claim that ran out means a dead worker. The one
difference is that these are soon of no use, so that they are given up after an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from gevent import Timeout

from services.routing.accounts import resets
from services.routing.accounts.reset_mail import ResetMail, compose
from shared import smtp
from shared.database import Database, Row
from shared.mail_retries import Failure, next_attempt_at
from shared.smtp import SmtpServer

log = structlog.get_logger()

CLAIM_S = 100
AT_MOST_S = 60
"""A mail server that drips is left after this; the claim outlasts it."""
GIVE_UP_AFTER = timedelta(hours=1)
_PATHS = {"password": "password-reset", "pin": "pin-reset"}


class ClaimLost(Exception):
    """Another worker holds the mail now; nothing was sent by this one."""


class ResetMailer:
    def __init__(self, database: Database, server: SmtpServer, sender: str, public_url: str,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._server = server
        self._sender = sender
        self._public_url = public_url.rstrip("/")
        self._now = now

    def send(self, reset_id: str) -> float | None:
        """Seconds until it is to be tried again; None when there is nothing more to do."""
        claimed = self._claim(reset_id)
        if isinstance(claimed, float) or claimed is None:
            return claimed
        with self._database.platform() as tx:
            token = resets.new_link(tx, reset_id)
        message = compose(ResetMail(
            message_id=f"{reset_id}.{claimed.mail_attempts}", secret=claimed.secret, language=claimed.language,
            sender=self._sender, sender_name=claimed.company or "Telephone system", recipient=claimed.email,
            name=claimed.name, login_name=claimed.login_name, asked_by_owner=claimed.asked_by == "owner",
            link=f"{self._public_url}/v1/{_PATHS[claimed.secret]}/{token}", at=self._now()))
        try:
            with Timeout(AT_MOST_S, smtp.Unreachable(f"not done within {AT_MOST_S} s")):
                reply = smtp.send(self._server, self._sender, claimed.email, message,
                                  lambda: self._about_to_send(claimed))
        except ClaimLost:
            return None
        except smtp.RefusedForGood as error:
            self._over(claimed, "refused", error.reply)
            return None
        except smtp.RefusedForNow as error:
            return self._later(claimed, Failure.REFUSED_FOR_NOW, error.reply)
        except smtp.Unreachable as error:
            return self._later(claimed, Failure.UNREACHABLE, error.reply)
        except smtp.Unclear as error:
            return self._later(claimed, Failure.UNCLEAR, error.reply)
        self._over(claimed, "sent", reply)
        return None

    def _claim(self, reset_id: str) -> Row | float | None:
        with self._database.platform() as tx:
            known = tx.row("SELECT mail_state, used_at, extract(epoch FROM claimed_until - now()) AS held_s"
                           " FROM directory.resets WHERE reset_id = CAST(:id AS uuid) FOR UPDATE", id=reset_id)
            if known is None or known.used_at is not None or known.mail_state not in ("waiting", "sending"):
                return None
            if known.held_s is not None and known.held_s > 0:
                return float(known.held_s) + 1
            return tx.one(
                f"""UPDATE directory.resets r SET mail_attempts = mail_attempts + 1, mail_state = 'waiting',
                        claimed_until = now() + interval '{CLAIM_S} seconds'
                    FROM directory.logins l
                    LEFT JOIN directory.companies c ON c.company_id = l.company_id
                    LEFT JOIN directory.subscribers s
                        ON (s.company_id, s.subscriber_id) = (l.company_id, l.subscriber_id)
                    WHERE r.reset_id = CAST(:id AS uuid) AND l.login_id = r.login_id
                    RETURNING r.reset_id, r.secret, r.asked_by, r.created_at, r.mail_attempts, r.claimed_until,
                        l.login_name, c.name AS company, coalesce(l.email, s.email) AS email,
                        coalesce(s.language, l.language) AS language,
                        coalesce(l.name, trim(s.first_name || ' ' || s.last_name)) AS name""", id=reset_id)

    def _about_to_send(self, claimed: Row) -> None:
        if not self._note(claimed, "sending", None, keep_claim=True):
            raise ClaimLost

    def _later(self, claimed: Row, failure: Failure, reply: str) -> float | None:
        now = self._now()
        at = next_attempt_at(claimed.mail_attempts, now, claimed.created_at, failure, GIVE_UP_AFTER)
        if at is None:
            self._over(claimed, "given_up", reply)
            return None
        self._note(claimed, "waiting", reply)
        log.info("reset mail later", reset_id=str(claimed.reset_id), reason=reply)
        return (at - now).total_seconds()

    def _over(self, claimed: Row, state: str, reply: str) -> None:
        self._note(claimed, state, reply)
        log.info("reset mail tried", reset_id=str(claimed.reset_id), outcome=state, attempt=claimed.mail_attempts)

    def _note(self, claimed: Row, state: str, reply: str | None, *, keep_claim: bool = False) -> int:
        """Zero when the claim is no longer ours."""
        with self._database.platform() as tx:
            return tx.execute(
                "UPDATE directory.resets SET mail_state = :state, last_reply = coalesce(:reply, last_reply),"
                " claimed_until = CASE WHEN :keep THEN claimed_until END"
                " WHERE reset_id = :id AND claimed_until = :claimed_until",
                state=state, reply=reply, keep=keep_claim, id=claimed.reset_id, claimed_until=claimed.claimed_until)
