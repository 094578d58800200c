"""One mail of one message: claimed, composed, sent, and each step written down before the next. Use case.

    waiting -> sending -> sent
       ^          |-> waiting, later (4xx, unreachable, unclear) ... given_up after five days
       '----------'-> refused (5xx): the message stays in the mailbox, the owner sees the server's words

A recording that is too large for a mail, by our own limit or the server's, goes as a link to it.

Only the claim's holder sends. A worker that dies leaves its claim to run out; was it between "sending" and
the server's word, nobody can know whether the mail went: it is sent again under the same Message-ID, and
counted (deliveries.ambiguous).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import structlog
import tenacity

from services.voicemail import audio, links
from services.voicemail.mail import Audio, MailFacts, MailRules, compose
from services.voicemail.spool import Spool
from shared import smtp
from shared.database import Database, DatabaseUnavailable, Row
from shared.mail_retries import Failure, next_attempt_at
from shared.smtp import SmtpServer

log = structlog.get_logger()

CLAIM_S = 100
"""Longer than a task may run (tasks.py), so that a claim that ran out means a dead worker."""


class ClaimLost(Exception):
    """Another worker holds the delivery now; nothing was sent by this one."""


class Mailer:
    def __init__(self, database: Database, spool: Spool, server: SmtpServer, rules: MailRules,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._spool = spool
        self._server = server
        self._rules = rules
        self._now = now

    def deliver(self, company_id: int, message_id: str, kind: str) -> str:
        """What became of it; "nothing to do" when it is sent, in other hands, or not yet due."""
        delivery = self._claim(company_id, message_id, kind)
        if delivery is None:
            return "nothing to do"
        outcome = self._try(delivery)
        log.info("mail tried", message_id=message_id, kind=kind, outcome=outcome, attempt=delivery.attempts)
        return outcome

    def _try(self, delivery: Row) -> str:
        try:
            mail, as_link = self._mail(delivery)
        except OSError as error:  # the spool is away, or somebody removed the file: not the mail's fault
            return self._failed(delivery, Failure.UNREACHABLE, f"audio: {error}")
        except Exception as error:  # else the claim runs out and it is tried again at once, for ever
            log.exception("mail cannot be made", message_id=str(delivery.message_id), kind=delivery.kind)
            return self._failed(delivery, Failure.UNREACHABLE, f"not made: {type(error).__name__}")
        try:
            reply = smtp.send(
                self._server, self._rules.sender, delivery.recipient, mail,
                lambda: self._about_to_send(delivery),
            )
        except ClaimLost:
            return "claim lost"
        except smtp.TooLarge as error:
            if as_link or delivery.kind == "notification":
                self._note(delivery, "state = 'refused', last_reply = :reply", reply=error.reply)
                return "refused"
            self._note(delivery, "state = 'waiting', as_link = true, last_reply = :reply", keep_claim=True,
                       reply=error.reply)
            return self._try(Row({**delivery, "as_link": True}))
        except smtp.RefusedForGood as error:
            self._note(delivery, "state = 'refused', last_reply = :reply", reply=error.reply)
            return "refused"
        except smtp.RefusedForNow as error:
            return self._failed(delivery, Failure.REFUSED_FOR_NOW, error.reply)
        except smtp.Unreachable as error:
            return self._failed(delivery, Failure.UNREACHABLE, error.reply)
        except smtp.Unclear as error:
            return self._failed(delivery, Failure.UNCLEAR, error.reply)
        self._sent(delivery, reply, as_link=as_link)
        return "sent"

    def _claim(self, company_id: int, message_id: str, kind: str) -> Row | None:
        with self._database.company(company_id) as tx:
            claimed = tx.row(
                f"""
                UPDATE voicemail.deliveries d
                SET claimed_until = now() + interval '{CLAIM_S} seconds', attempts = d.attempts + 1,
                    first_tried_at = coalesce(d.first_tried_at, now()),
                    ambiguous = d.ambiguous + (d.state = 'sending')::int, state = 'waiting'
                FROM (SELECT message_id, kind, state AS was FROM voicemail.deliveries
                      WHERE company_id = :company_id AND message_id = CAST(:message_id AS uuid)
                        AND kind = :kind FOR UPDATE) AS before
                WHERE d.company_id = :company_id AND d.message_id = before.message_id AND d.kind = before.kind
                  AND d.state IN ('waiting', 'sending') AND d.next_attempt_at <= now()
                  AND (d.claimed_until IS NULL OR d.claimed_until < now())
                RETURNING d.company_id, d.message_id, d.kind, d.recipient, d.attempts, d.first_tried_at,
                          d.claimed_until, d.as_link, before.was
                """,
                company_id=company_id, message_id=message_id, kind=kind,
            )
            if claimed is None:
                return None
            if claimed.was == "sending":
                log.warning("mail may go twice", message_id=message_id, kind=kind)
            details = tx.one(
                """
                SELECT m.left_at, m.duration_ms, m.caller_number, m.caller_name, m.reason, m.urgent,
                       m.incomplete, m.subscriber_id, b.audio_format, b.retention_days, s.language, t.time_zone,
                       t.country, trim(s.first_name || ' ' || s.last_name) AS owner_name, c.name AS company_name
                FROM voicemail.messages m
                JOIN voicemail.mailboxes b USING (company_id, subscriber_id)
                JOIN directory.subscribers s USING (company_id, subscriber_id)
                JOIN directory.sites t USING (company_id, site_id)
                JOIN directory.companies c USING (company_id)
                WHERE m.company_id = :company_id AND m.message_id = CAST(:message_id AS uuid)
                """,
                company_id=company_id, message_id=message_id,
            )
        return Row({**claimed, **details})

    def _mail(self, delivery: Row) -> tuple[EmailMessage, bool]:
        """The mail, and whether it carries a link in place of the recording."""
        facts = _facts(delivery, self._rules.sender)
        if delivery.kind == "notification":
            return compose(facts, None), False
        if not delivery.as_link:
            mail = compose(facts, self._audio(delivery))
            if len(mail.as_bytes()) <= self._rules.largest_bytes:
                return mail, False
        until = self._now() + links.KEPT
        if delivery.retention_days is not None:
            until = min(until, delivery.left_at + timedelta(days=delivery.retention_days))
        with self._database.company(delivery.company_id) as tx:
            link = links.new_link(tx, delivery.company_id, delivery.message_id, until, self._rules.public_url)
        return compose(replace(facts, link=link, link_until=until), None), True

    def _audio(self, delivery: Row) -> Audio:
        path = self._spool.audio(str(delivery.message_id))
        if delivery.audio_format == "mp3":
            mp3 = self._spool.mp3(str(delivery.message_id))
            audio.make_mp3(path, mp3)
            path = mp3
        return Audio(delivery.audio_format, path.read_bytes())

    def _about_to_send(self, delivery: Row) -> None:
        if self._note(delivery, "state = 'sending'", keep_claim=True) == 0:
            raise ClaimLost

    def _failed(self, delivery: Row, failure: Failure, reply: str) -> str:
        again_at = next_attempt_at(delivery.attempts, self._now(), delivery.first_tried_at, failure)
        unclear = int(failure is Failure.UNCLEAR)
        if again_at is None:
            self._note(delivery, "state = 'given_up', last_reply = :reply, ambiguous = ambiguous + :unclear",
                       reply=reply, unclear=unclear)
            return "given up"
        self._note(
            delivery,
            "state = 'waiting', next_attempt_at = :again_at, queued_at = NULL, last_reply = :reply,"
            " ambiguous = ambiguous + :unclear",
            again_at=again_at, reply=reply, unclear=unclear,
        )
        return "later"

    def _sent(self, delivery: Row, reply: str, *, as_link: bool) -> None:
        for attempt in tenacity.Retrying(  # the mail is out: this must be written down if it can be at all
            retry=tenacity.retry_if_exception_type(DatabaseUnavailable),
            wait=tenacity.wait_exponential(0.2, max=5), stop=tenacity.stop_after_delay(30), reraise=True,
        ):
            with attempt:
                self._note(delivery, "state = 'sent', sent_at = now(), as_link = :as_link, last_reply = :reply",
                           as_link=as_link, reply=reply)
        if delivery.kind == "forward" and not as_link:  # a link leads to the message: it is still needed
            self._delete_after_mail(delivery)

    def _delete_after_mail(self, delivery: Row) -> None:
        """V5: goes the way of a message deleted by hand, so it can be taken back for a while."""
        with self._database.company(delivery.company_id) as tx:
            tx.execute(
                """
                UPDATE voicemail.messages m SET deleted_at = now()
                FROM voicemail.mailboxes b
                WHERE b.company_id = m.company_id AND b.subscriber_id = m.subscriber_id AND b.delete_after_mail
                  AND m.company_id = :company_id AND m.message_id = :message_id AND m.deleted_at IS NULL
                """,
                company_id=delivery.company_id, message_id=delivery.message_id,
            )

    def _note(self, delivery: Row, change: str, *, keep_claim: bool = False, **values: Any) -> int:
        """change: one of this module's own SET lists. Zero when the claim is no longer ours."""
        claim = "" if keep_claim else ", claimed_until = NULL"
        with self._database.company(delivery.company_id) as tx:
            return tx.execute(
                f"UPDATE voicemail.deliveries SET {change}{claim} WHERE company_id = :company_id"
                " AND message_id = :message_id AND kind = :kind AND claimed_until = :claimed_until",
                company_id=delivery.company_id, message_id=delivery.message_id, kind=delivery.kind,
                claimed_until=delivery.claimed_until, **values,
            )


def _facts(delivery: Row, sender: str) -> MailFacts:
    return MailFacts(
        message_id=str(delivery.message_id), kind=delivery.kind, language=delivery.language, sender=sender,
        sender_name=delivery.company_name, recipient=delivery.recipient, owner_name=delivery.owner_name,
        left_at=delivery.left_at, time_zone=delivery.time_zone, duration_ms=delivery.duration_ms,
        caller_number=delivery.caller_number, caller_name=delivery.caller_name, country=delivery.country,
        reason=delivery.reason, urgent=delivery.urgent, incomplete=delivery.incomplete,
    )
