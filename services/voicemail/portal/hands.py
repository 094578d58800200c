"""A call that came to the portal: performs the dialogue's commands on the switch. Shell.

    step-portal of the dialplan, or * during a greeting -> Begin -> dialogue <-> switch, database, spool

Keys come as DTMF events: the switch fires one when a playback, a recording or its idle loop takes the key out of the
queue (switch_channel_dequeue_dtmf), each key once and in order. playback_terminators ends what is being played at the
key itself, without our having to ask. So no PIN ever stands in a channel variable, which every event would carry.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from gevent import Timeout

from services.voicemail import record
from services.voicemail.call import DepositRequest
from services.voicemail.closed import when_closed
from services.voicemail.greetings import GreetingRefused, Greetings
from services.voicemail.mailbox import Language
from services.voicemail.portal import access, box
from services.voicemail.portal.dialogue import Begin, portal
from services.voicemail.portal.words import (
    Box,
    CallBack,
    CheckPin,
    Command,
    Done,
    Draft,
    Event,
    Fetch,
    FindGreeting,
    Found,
    GreetingAudio,
    HangUp,
    Key,
    Mark,
    MessageAudio,
    Messages,
    Missing,
    NotNow,
    RecordDraft,
    Recorded,
    Refused,
    RemoveGreeting,
    SaveDraft,
    SavePin,
    Say,
    Silence,
    Sound,
    Speak,
    Wait,
)
from services.voicemail.spool import Spool
from services.voicemail.store import NoSuchMailbox
from services.voicemail.welcome import SHORTEST_MS
from shared.database import Database, DatabaseError, DatabaseUnavailable
from shared.esl import commands
from shared.esl.call import OutboundCall
from shared.esl.errors import CallEnded, EslError, MissingHeader, ReplyTimeout
from shared.esl.events import Event as SwitchEvent
from shared.metrics import Counter, Histogram

log = structlog.get_logger()

T = TypeVar("T")

_ANY_KEY = "0123456789*#"
_DATABASE_S = 2.0
_PLAYBACK_LIMIT_S = 700.0  # the longest message is 600 s (schemas/mailbox.py)
_KEY_COMES_WITHIN_S = 1.0
_END_COMES_WITHIN_S = 1.0
_SILENCE_END_S = 5
_BEEP = "tone_stream://%(400,100,1000)"
_HEARD = ("DTMF", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE")
_THE_END = ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")
_ID = re.compile(r"[1-9][0-9]{0,17}")

CALLS = Counter("pbx_voicemail_portal_calls_total", "Calls to the voice portal", ["end"])
REACTION_S = Histogram(
    "pbx_voicemail_portal_reaction_seconds",
    "From a key to the beginning of what is said to it, both by the switch's clock",
    buckets=(0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the switch says about the call."""

    call_id: str
    company_id: int
    subscriber_id: int
    """Whose mailbox it is about, unless the caller says another."""
    asks_whose: bool
    language: Language


def entry_from(channel: SwitchEvent) -> Entry:
    """Raises MissingHeader when routing did not say whose telephone this is."""
    numbers = {}
    for name in ("pbx_company", "pbx_mailbox"):
        value = channel.variable(name) or ""
        if not _ID.fullmatch(value):
            raise MissingHeader(f"variable_{name}")
        numbers[name] = int(value)
    return Entry(
        channel.variable("pbx_call_id") or channel.leg_uuid, numbers["pbx_company"], numbers["pbx_mailbox"],
        asks_whose=channel.variable("pbx_portal") == "any",
        language="en" if channel.variable("pbx_language") == "en" else "de",
    )


class PortalCalls:
    """changed is called after each commit that may concern a lamp."""

    def __init__(
        self, database: Database, spool: Spool, sounds: Path, *, changed: Callable[[], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.database = database
        self.spool = spool
        self.sounds = sounds
        self.greetings = Greetings(database, spool)
        self.changed = changed
        self.now = now

    def handle(self, call: OutboundCall) -> None:
        """A call routing has sent here."""
        call.start_execute("sched_cancel")
        self._serve(call, entry_from(call.channel))

    def take_over(self, call: OutboundCall, request: DepositRequest) -> None:
        """A caller who pressed * while a greeting was played to him: its owner, if he knows the PIN."""
        while (event := call.wait_event(("DTMF",), 0)) is not None:
            if event.get("DTMF-Digit") == "*":  # what he typed ahead comes behind it
                break
        self._serve(call, Entry(
            request.call_id, request.company_id, request.subscriber_id, asks_whose=False, language=request.language))

    def _serve(self, call: OutboundCall, entry: Entry) -> None:
        call.set_variables({
            "playback_terminators": _ANY_KEY, **record.VARIABLES,
            # Should we die, the dialplan must not take the owner's next words for a message.
            "pbx_mailbox": "",
        })
        OnePortal(self, call, entry).run()


class OnePortal:
    """The hands of one dialogue."""

    def __init__(self, calls: PortalCalls, call: OutboundCall, entry: Entry) -> None:
        self._calls = calls
        self._call = call
        self._entry = entry
        self._language: Language = entry.language
        self._box: Box | None = None
        self._draft: Path | None = None
        self._pressed_at_us: int | None = None
        self._end = "caller hung up"

    def run(self) -> None:
        dialogue = portal(Begin(self._calls.now(), asks_whose=self._entry.asks_whose))
        try:
            command = next(dialogue)
            while not isinstance(command, HangUp | CallBack):
                command = dialogue.send(self._perform(command))
            if isinstance(command, CallBack):
                self._call_back(command.number)
            else:
                self._end = "said goodbye" if self._box else "not let in"
                self._call.command(commands.hangup("NORMAL_CLEARING"))
        except EslError:
            if not self._call.hung_up:
                self._end = "switch lost"
            raise
        finally:
            dialogue.close()
            self._drop_draft()
            CALLS.labels(self._end).inc()
            log.info("portal ended", call_id=self._entry.call_id, end=self._end,
                     mailbox=self._box.subscriber_id if self._box else None)

    def _perform(self, command: Command) -> Event:
        try:
            match command:
                case Say(sounds):
                    return self._say(sounds)
                case Wait(seconds):
                    return self._wait(seconds)
                case RecordDraft(max_s):
                    return self._record(max_s)
                case Speak(language):
                    self._language = language
                    return Done()
            # A broken database must not keep a caller waiting in silence.
            with Timeout(_DATABASE_S, DatabaseUnavailable("no answer in time for a caller")):
                return self._look_up(command)
        except (DatabaseUnavailable, DatabaseError) as error:
            log.warning("portal without its database", call_id=self._entry.call_id, reason=str(error))
            return NotNow()

    def _look_up(self, command: Command) -> Event:
        calls = self._calls
        if isinstance(command, CheckPin):
            return self._check(command)
        assert self._box is not None
        owner = (self._box.company_id, self._box.subscriber_id)
        match command:
            case Fetch(kind):
                return Messages(box.messages(calls.database, self._box, kind))
            case Mark():
                done = box.mark(calls.database, self._box, command)
                calls.changed()
                return Done() if done else Refused()
            case FindGreeting(kind):
                found = calls.greetings.all(*owner).get(kind)
                return Found(found.greeting_id if found else None)
            case SaveDraft(kind):
                assert self._draft is not None
                try:
                    calls.greetings.save(*owner, kind, self._draft, made_by="telephone")
                except (GreetingRefused, NoSuchMailbox, OSError) as error:
                    log.warning("greeting not saved", call_id=self._entry.call_id, reason=str(error))
                    return Refused()
                return Done()
            case RemoveGreeting(kind):
                calls.greetings.remove(*owner, kind)
                return Done()
            case SavePin(pin):
                self._pressed_at_us = None  # hashing takes its time on purpose
                access.change_pin(calls.database, *owner, pin)
                return Done()
        raise AssertionError(f"nobody performs {type(command).__name__}")

    def _check(self, command: CheckPin) -> Event:
        self._pressed_at_us = None  # hashing takes its time on purpose
        entry = self._entry
        self._box = access.let_in(
            self._calls.database, entry.company_id, command.pin, extension=command.extension,
            subscriber_id=None if command.extension else entry.subscriber_id,
        )
        if self._box is None:
            # What was typed for a mailbox is no secret; a PIN typed there by mistake would be: neither is written down.
            log.warning("portal pin refused", call_id=entry.call_id, company_id=entry.company_id,
                        mailbox=None if command.extension else entry.subscriber_id)
            return Refused()
        return self._box

    # Sound and keys

    def _say(self, sounds: tuple[Sound, ...]) -> Event:
        files = [str(self._place(sound)) for sound in sounds]
        # One playback for all of it: no gap between the words, and one key ends them all.
        what = files[0] if len(files) == 1 else "file_string://" + "!".join(files)
        play = str(uuid.uuid4())
        self._call.command(commands.execute("playback", what, event_uuid=play, event_lock=True))
        ends_at = time.monotonic() + _PLAYBACK_LIMIT_S
        while (event := self._call.wait_event(_HEARD, ends_at - time.monotonic())) is not None:
            name = event.get("Event-Name")
            if name == "DTMF":
                return self._pressed(event)
            if event.get("Application-UUID") != play:
                continue
            if name == "CHANNEL_EXECUTE":
                self._began_to_answer(event)
                continue
            used = event.variable("playback_terminator_used")
            if not used:
                return self._played(event.get("Application-Response"), what)
            # The events of one leg may overtake one another when the switch has much to tell (switch_event.c).
            late = self._call.wait_event(("DTMF",), _KEY_COMES_WITHIN_S)
            return Key(used) if late is None else self._pressed(late)
        raise ReplyTimeout(_PLAYBACK_LIMIT_S)

    def _played(self, response: str | None, what: str) -> Event:
        """Only what was played to its end was heard (mod_dptools.c, playback_function)."""
        if response == "FILE PLAYED" and not self._call.hung_up:
            return Done()
        # Also cut off by a hang-up, whose own event may come a little later.
        if self._call.hung_up or (
                response != "FILE NOT FOUND" and self._call.wait_event(_THE_END, _END_COMES_WITHIN_S) is not None):
            raise CallEnded("the caller hung up")
        log.error("sound is missing", call_id=self._entry.call_id, sound=what, response=response)
        return Missing()

    def _wait(self, seconds: float) -> Event:
        event = self._call.wait_event(("DTMF",), seconds)
        return Silence() if event is None else self._pressed(event)

    def _pressed(self, event: SwitchEvent) -> Key:
        at = event.get("Event-Date-Timestamp") or ""
        self._pressed_at_us = int(at) if at.isdecimal() else None
        return Key(event.require("DTMF-Digit"))

    def _began_to_answer(self, event: SwitchEvent) -> None:
        at = event.get("Event-Date-Timestamp") or ""
        if self._pressed_at_us is not None and at.isdecimal():
            REACTION_S.observe(max(0, int(at) - self._pressed_at_us) / 1e6)
        self._pressed_at_us = None

    def _place(self, sound: Sound) -> Path:
        spool = self._calls.spool
        match sound:
            case MessageAudio(message_id):
                return spool.audio(message_id)
            case GreetingAudio(greeting_id):
                return spool.greeting(greeting_id)
            case Draft():
                assert self._draft is not None
                return self._draft
        return self._calls.sounds / self._language / f"{sound}.wav"

    def _record(self, max_s: int) -> Recorded:
        """Any key ends it: the caller is asked afterwards anyway."""
        self._drop_draft()
        self._draft = path = self._calls.spool.draft()
        played = self._call.execute("playback", _BEEP, timeout_s=5.0)
        channel = played if isinstance(played, SwitchEvent) else self._call.channel
        self._call.execute(
            "record", record.argument(path, max_s, _SILENCE_END_S, channel), timeout_s=max_s + 30.0)
        while self._call.wait_event(("DTMF",), 0) is not None:
            pass  # the keys that ended it
        recording = when_closed(self._calls.spool, path)
        return Recorded(recording is not None and recording.duration_ms >= SHORTEST_MS)

    def _drop_draft(self) -> None:
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)
            self._draft = None

    def _call_back(self, number: str) -> None:
        """As if the mailbox's owner had dialled it: his barring, his number shown, at his cost."""
        assert self._box is not None
        self._end = "called back"
        owner = str(self._box.subscriber_id)
        self._call.set_variables({
            "pbx_acting_subscriber": owner, "pbx_subscriber": owner, "pbx_company": str(self._box.company_id),
            "pbx_step": "", "pbx_portal": "", "pbx_mailbox": "", "pbx_reason": "", "playback_terminators": "",
            **dict.fromkeys(record.VARIABLES, ""),
        })
        self._call.start_execute("transfer", f"{number} XML internal")
