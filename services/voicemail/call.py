"""A call that came to a mailbox: performs the deposit's commands on the switch. Shell.

    connect data -> DepositRequest -> mailbox (database) -> Deposit <-> switch -> Keep -> store
                                                               '-> * during the greeting: the portal

The dialplan has put a time-out before the socket that records without us; sched_cancel takes it away first
thing. Whatever raises here closes the socket, and the dialplan goes on with its own recording.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import gevent
import structlog
from gevent import Timeout

from services.voicemail import record
from services.voicemail.closed import when_closed
from services.voicemail.deposit import (
    FULL,
    NOT_NOW,
    SWITCHED_OFF,
    Ask,
    Beep,
    Began,
    CallerLeft,
    Command,
    Deposit,
    Discard,
    EndedBy,
    Event,
    Forget,
    HandOver,
    HangUp,
    Keep,
    MarkUrgent,
    NoRoom,
    Play,
    Played,
    Pressed,
    Record,
    Recorded,
    TakeNew,
    TheRecording,
)
from services.voicemail.mailbox import (
    UNKNOWN_CALLER,
    Caller,
    Language,
    LeftMessage,
    Mailbox,
    Reason,
    caller_from,
    reason_from,
)
from services.voicemail.recording import Recording, is_short, was_cut_off
from services.voicemail.spool import Spool
from services.voicemail.store import NoSuchMailbox, mailbox_for_deposit, store
from services.voicemail.welcome import OwnRecording, Sound
from shared.database import Database, DatabaseError, DatabaseUnavailable
from shared.esl import commands
from shared.esl.call import OutboundCall
from shared.esl.errors import CallEnded, EslError, MissingHeader
from shared.esl.events import Event as SwitchEvent
from shared.logs import masked
from shared.metrics import Counter

log = structlog.get_logger()

_LOOK_UP_S = 1.5
# No prompt, greeting or message is as long as this (mailboxes.max_message_s).
_PLAYBACK_LIMIT_S = 660.0
_ANSWER_WITHIN_MS = 5000
_REFUSALS: dict[Sound, str] = {FULL: "mailbox full", NOT_NOW: "not now", SWITCHED_OFF: "switched off"}
_BEEP = "tone_stream://%(400,100,1000)"
# The keys that end a playback or a recording (on_dtmf in mod_dptools.c); one pressed early waits for the next.
_GREETING_KEYS, _RECORDING_KEYS, _ANY_KEY = "#*", "#", "any"
_RECORDING_VARIABLES = {"playback_terminators": _GREETING_KEYS, **record.VARIABLES}

DEPOSITS = Counter("pbx_voicemail_deposits_total", "Calls to a mailbox", ["outcome"])


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """What the switch says about the call."""

    leg_uuid: str
    call_id: str
    company_id: int
    subscriber_id: int
    language: Language
    reason: Reason
    caller: Caller


def request_from(channel: SwitchEvent) -> DepositRequest:
    """Raises MissingHeader when routing did not say whose mailbox this is."""
    company_id, subscriber_id = _id(channel, "pbx_company"), _id(channel, "pbx_mailbox")
    call_id = channel.variable("pbx_call_id") or channel.leg_uuid
    return DepositRequest(
        leg_uuid=channel.leg_uuid,
        call_id=call_id if commands.UUID.fullmatch(call_id) else channel.leg_uuid,
        company_id=company_id,
        subscriber_id=subscriber_id,
        language="en" if channel.variable("pbx_language") == "en" else "de",
        reason=reason_from(channel.variable("pbx_reason")),
        caller=_caller(channel),
    )


def _caller(channel: SwitchEvent) -> Caller:
    """As routing said, which knows whose leg it is and how a carrier writes numbers; by the caller id alone where
    routing was not there to be asked. A colleague is looked up by his id (store.py)."""
    number = channel.variable("pbx_caller")
    if number is None:
        withheld = (channel.get("Caller-Privacy-Hide-Number") or channel.variable("privacy_hide_number")) == "true"
        return caller_from(
            channel.get("Caller-Caller-ID-Number"), channel.get("Caller-Caller-ID-Name"), withheld=withheld)
    caller = caller_from(number, channel.variable("pbx_caller_name"), withheld=number == UNKNOWN_CALLER)
    colleague = channel.variable("pbx_caller_subscriber")
    if caller.number is not None and colleague and colleague.isdecimal() and len(colleague) <= 18:
        return replace(caller, subscriber_id=int(colleague))
    return caller


def _id(channel: SwitchEvent, name: str) -> int:
    value = channel.variable(name)
    if value is None or not value.isdecimal() or len(value) > 18:
        raise MissingHeader(f"variable_{name}")
    return int(value)


class DepositCalls:
    """Handles calls of the outbound server.

    .in_progress are messages a call is still about, each with the mailbox it is for. portal takes over a caller who
    presses * during the greeting: whoever knows the PIN is at home.
    """

    def __init__(
        self, database: Database, spool: Spool, sounds: Path, *,
        stored: Callable[[LeftMessage, Recording], None],
        portal: Callable[[OutboundCall, DepositRequest], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._spool = spool
        self._sounds = sounds
        self._stored = stored
        self._portal = portal
        self._now = now
        self.in_progress: dict[str, tuple[int, int]] = {}

    def handle(self, call: OutboundCall) -> None:
        call.start_execute("sched_cancel")
        request = request_from(call.channel)
        # The last events of a caller who hangs up tell what was recorded.
        call.command(commands.linger(10))
        call.set_variables(_RECORDING_VARIABLES)
        mailbox = self._mailbox(request)
        if OneDeposit(self, call, request, mailbox).run() == "to the portal" and self._portal is not None:
            self._portal(call, request)

    def _mailbox(self, request: DepositRequest) -> Mailbox:
        """From the database, or with usual limits while it is away: a message can always be left."""
        try:
            with Timeout(_LOOK_UP_S, DatabaseUnavailable("no answer in time for a caller")):
                found = mailbox_for_deposit(self._database, request.company_id, request.subscriber_id)
        except (DatabaseUnavailable, DatabaseError) as error:
            log.warning("mailbox not looked up", call_id=request.call_id, reason=str(error))
            return Mailbox(request.company_id, request.subscriber_id, language=request.language)
        if found is None:
            return Mailbox(request.company_id, request.subscriber_id, language=request.language, enabled=False)
        # Who is being listened to just now counts, too: two callers at once must not be one too many.
        under_way = list(self.in_progress.values()).count((request.company_id, request.subscriber_id))
        return replace(found, messages_left_to_quota=found.messages_left_to_quota - under_way)

    def store_soon(self, message: LeftMessage, recording: Recording, *, incomplete: bool) -> None:
        """The audio and its note are on the disk: the caller need not wait for the database."""
        gevent.spawn(self._store, message, recording, incomplete)

    def _store(self, message: LeftMessage, recording: Recording, incomplete: bool) -> None:
        try:
            result = store(self._database, message, recording, incomplete=incomplete)
            self._spool.drop_note(message.message_id)
        except (DatabaseUnavailable, DatabaseError, NoSuchMailbox, OSError) as error:
            log.warning("message waits in the spool", message_id=message.message_id, call_id=message.call_id,
                        reason=str(error))
            return
        finally:
            self.in_progress.pop(message.message_id, None)
        if result.new:
            self._stored(message, recording)


class OneDeposit:
    """The hands of one Deposit."""

    def __init__(self, calls: DepositCalls, call: OutboundCall, request: DepositRequest, mailbox: Mailbox) -> None:
        self._calls = calls
        self._spool = calls._spool
        self._call = call
        self._request = request
        self._mailbox = mailbox
        self._sounds = calls._sounds / mailbox.language
        self._message_id = str(uuid.uuid4())
        self._message: LeftMessage | None = None
        self._take = self._spool.audio(self._message_id)
        self._keys = _GREETING_KEYS
        self._outcome = "left before the tone"

    def run(self) -> str:
        """What became of it: kept, to the portal, or why not."""
        dialogue = Deposit()
        event: Event | None = Began(
            self._mailbox, self._request.reason, self._spool.free_bytes(), portal=self._calls._portal is not None
        )
        self._calls.in_progress[self._message_id] = (self._request.company_id, self._request.subscriber_id)
        try:
            while event is not None:
                event = self._perform_all(dialogue.handle(event))
        except EslError:
            self._outcome = "switch lost"
            raise
        finally:
            # Nobody's any more when it was neither kept nor discarded: the sweeper's.
            if self._outcome != "kept":
                self._calls.in_progress.pop(self._message_id, None)
            DEPOSITS.labels(self._outcome).inc()
            log.info(
                "deposit ended", call_id=self._request.call_id, outcome=self._outcome,
                message_id=self._message_id if self._outcome == "kept" else None,
                caller=masked(self._request.caller.number), reason=self._request.reason,
            )
        return self._outcome

    def _perform_all(self, orders: list[Command]) -> Event | None:
        """The event the last order brought; the others bring none."""
        event: Event | None = None
        for order in orders:
            try:
                event = self._perform(order)
            except CallEnded:
                event = self._caller_left(None)
        return event

    def _caller_left(self, ended: SwitchEvent | None) -> CallerLeft | None:
        """None when the switch has not finished the file: then it is the sweeper's to take in, or to drop."""
        if self._message is None:
            return CallerLeft()
        recording = when_closed(self._spool, self._take)
        # A file just opened has a header, too, that agrees with its size: only the end of `record` tells.
        if recording is not None and (not recording.closed or (ended is None and recording.samples == 0)):
            self._outcome = "left to the sweeper"
            return None
        return CallerLeft(recording, recording is not None and is_short(recording, _reported_ms(ended)))

    def _perform(self, order: Command) -> Event | None:
        match order:
            case Play(sounds, instead):
                self._outcome = _REFUSALS.get(sounds[0], self._outcome)
                key, complete = self._play_all(sounds)
                if not complete and instead:
                    key, _ = self._play_all(instead)
                return Played(key)
            case Ask(sounds):
                self._end_with(_ANY_KEY)
                key, _ = self._play_all(sounds)
                return Pressed(key or self._play(f"silence_stream://{_ANSWER_WITHIN_MS}")[0])
            case Beep(urgent, again):
                self._end_with(_RECORDING_KEYS)
                if again:  # its note is there
                    self._take = self._spool.again(self._message_id)
                elif not self._write_note(self._new_message(urgent)):
                    return NoRoom()
                self._play(_BEEP)
                return Played()
            case Record():
                return self._record(order)
            case MarkUrgent(urgent):
                assert self._message is not None
                self._write_note(replace(self._message, urgent=urgent))
            case TakeNew():
                gevent.get_hub().threadpool.apply(self._spool.take_again, (self._message_id,))
            case Forget():
                self._spool.drop_again(self._message_id)
            case Keep():
                self._keep(order)
            case Discard():
                self._outcome = order.why
                self._spool.erase(self._message_id)
            case HandOver():
                self._outcome = "to the portal"
            case HangUp():
                self._call.command(commands.hangup("NORMAL_CLEARING"))
        return None

    def _play_all(self, sounds: tuple[Sound | TheRecording, ...]) -> tuple[str | None, bool]:
        """The key that ended it, and whether every file was there; after a key nothing more is played."""
        for sound in sounds:
            key, there = self._play(self._place(sound))
            if key is not None or (not there and isinstance(sound, OwnRecording)):
                return key, there
        return None, True

    def _place(self, sound: Sound | TheRecording) -> str:
        match sound:
            case OwnRecording(greeting_id):
                return str(self._spool.greeting(greeting_id))
            case TheRecording():
                return str(self._spool.audio(self._message_id))
        return str(self._sounds / f"{sound}.wav")

    def _play(self, what: str) -> tuple[str | None, bool]:
        """The key that ended it, and whether it was there: a missing prompt is passed over, the beep matters more."""
        ended = self._call.execute("playback", what, timeout_s=_PLAYBACK_LIMIT_S)
        if not isinstance(ended, SwitchEvent):
            return None, True
        # Any other answer than this one also comes when the caller hangs up (mod_dptools.c, playback_function).
        there = ended.get("Application-Response") != "FILE NOT FOUND"
        if not there:
            log.error("sound is missing", call_id=self._request.call_id, sound=what)
        return ended.variable("playback_terminator_used") or None, there

    def _end_with(self, keys: str) -> None:
        if self._keys != keys:
            self._call.set_variables({"playback_terminators": keys})
            self._keys = keys

    def _new_message(self, urgent: bool) -> LeftMessage:
        request = self._request
        return LeftMessage(
            message_id=self._message_id, company_id=request.company_id, subscriber_id=request.subscriber_id,
            call_id=request.call_id, left_at=self._calls._now(), reason=request.reason, caller=request.caller,
            urgent=urgent,
        )

    def _write_note(self, message: LeftMessage) -> bool:
        self._message = message
        try:
            gevent.get_hub().threadpool.apply(self._spool.write_note, (message,))
        except OSError as error:
            log.error("note not written", call_id=self._request.call_id, reason=str(error))
            return False
        return True

    def _record(self, order: Record) -> Event | None:
        # From here on the message is safe without us: should we die, the dialplan must not ask for another.
        set_now = self._call.set_variables({"pbx_mailbox": ""})
        channel = set_now if isinstance(set_now, SwitchEvent) else self._call.channel
        # The switch stops at the first whole second of the clock that is past the limit: up to one second later.
        argument = record.argument(self._take, order.max_s - 1, order.silence_end_s, channel)
        ended = self._call.execute("record", argument, timeout_s=order.max_s + 30.0)
        completed = ended if isinstance(ended, SwitchEvent) else None
        if self._call.hung_up or completed is None:
            return self._caller_left(completed)
        recording = when_closed(self._spool, self._take)
        silent_end_ms = 0
        if completed.variable("playback_terminator_used"):
            ended_by: EndedBy = "key"
        else:
            ended_by = "silence" if completed.variable("silence_hits_exhausted") == "true" else "limit"
        short = recording is not None and (
            is_short(recording, _reported_ms(completed))
            or (ended_by == "limit" and was_cut_off(recording, order.max_s, self._spool.free_bytes())))
        if recording is not None and ended_by == "silence":
            silent_end_ms = gevent.get_hub().threadpool.apply(
                self._spool.silent_end_ms, (self._take, recording, order.silence_end_s))
        return Recorded(recording, ended_by=ended_by, short=short, silent_end_ms=silent_end_ms)

    def _keep(self, order: Keep) -> None:
        assert self._message is not None
        gevent.get_hub().threadpool.apply(
            self._spool.make_lasting, (self._spool.audio(self._message_id),)
        )
        self._outcome = "kept"
        self._calls.store_soon(self._message, order.recording, incomplete=order.incomplete)


def _reported_ms(ended: SwitchEvent | None) -> int | None:
    reported = ended.variable("record_ms") if ended is not None else None
    return int(reported) if reported is not None and reported.isdecimal() else None
