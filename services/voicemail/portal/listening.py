"""Listening to messages: one after the other, and what a key does with the one that plays. Core.

    1 again   2 next   3 delete, or take back   4 previous   5 call back   6 who and when   7 keep as new   0 the keys
    * main menu

A message that was heard to its end, or passed with 2 or 5, is saved from then on; left with *, or by hanging up, it
stays new. What was deleted stays where it is in the list until the caller leaves it, so that 4 leads back to it.
"""

from __future__ import annotations

from datetime import datetime

from services.voicemail.portal.asking import answered, ask, tell
from services.voicemail.portal.spoken import LARGEST, count, sender, when
from services.voicemail.portal.words import (
    Box,
    CallBack,
    Dialogue,
    Done,
    Fetch,
    Key,
    Kind,
    Mark,
    Message,
    MessageAudio,
    Messages,
    Missing,
    OutOfTurn,
    Refused,
    Say,
    Sound,
)

NONE_THERE: dict[Kind, str] = {"new": "portal-no-new", "saved": "portal-no-saved"}
NO_MORE, THE_FIRST = "portal-no-more", "portal-first"
THE_MESSAGE, URGENT, GONE = "portal-message", "portal-urgent", "portal-gone"
MENU = "portal-message-menu"
DELETED, IS_DELETED = "portal-deleted", "portal-is-deleted"
RESTORED, NOT_RESTORED = "portal-restored", "portal-not-restored"
KEPT_NEW = "portal-kept-new"
NO_NUMBER, CALLING_BACK = "portal-no-number", "portal-calling-back"
KEYS = "12345670*"

PROMPTS = (*NONE_THERE.values(), NO_MORE, THE_FIRST, THE_MESSAGE, URGENT, GONE, MENU, DELETED, IS_DELETED, RESTORED,
           NOT_RESTORED, KEPT_NEW, NO_NUMBER, CALLING_BACK)


def listen(box: Box, kind: Kind, now: datetime) -> Dialogue[tuple[str, ...] | CallBack]:
    """Back to the main menu, which begins with saying this."""
    found = yield from answered(Fetch(kind), Messages)
    if not found.messages:
        return (NONE_THERE[kind],)
    return (yield from _Listening(box, kind, now, found.messages).run())


class _Listening:
    def __init__(self, box: Box, kind: Kind, now: datetime, messages: tuple[Message, ...]) -> None:
        self._box = box
        self._now = now
        self._messages = messages
        self._at = 0
        self._new = {message.message_id for message in messages} if kind == "new" else set()
        self._deleted: set[str] = set()

    @property
    def _message(self) -> Message:
        return self._messages[self._at]

    def run(self) -> Dialogue[tuple[str, ...] | CallBack]:
        key = yield from self._play(with_intro=True)
        while True:
            match key:
                case "1":
                    key = yield from self._play(with_intro=False)
                case "2":
                    yield from self._passed()
                    if self._at + 1 == len(self._messages):
                        return (NO_MORE,)
                    self._at += 1
                    key = yield from self._play(with_intro=True)
                case "3":
                    key = yield from self._delete_or_take_back()
                case "4":
                    if self._at == 0:
                        key = yield from self._menu(THE_FIRST)
                    else:
                        self._at -= 1
                        key = yield from self._play(with_intro=True)
                case "5":
                    number = self._message.calls_back
                    if number is None:
                        key = yield from self._menu(NO_NUMBER)
                    else:
                        yield from self._passed()
                        yield from tell(CALLING_BACK)
                        return CallBack(number)
                case "6":
                    key = yield from self._menu(*sender(self._message, self._box), *when(
                        self._message.left_at, self._now, self._box.time_zone, self._box.language))
                case "7":
                    key = yield from self._keep_as_new()
                case "0":
                    key = yield from self._menu()
                case _:
                    return ()

    def _menu(self, *first: Sound) -> Dialogue[str]:
        return (yield from ask(KEYS, (MENU,), first=first))

    def _play(self, *, with_intro: bool) -> Dialogue[str]:
        """To the end and through the menu, to the next key that means something."""
        if with_intro:
            key = yield from tell(*self._intro())
            if key is not None and key.digit in KEYS:
                return key.digit
        heard = yield Say((MessageAudio(self._message.message_id),))
        if isinstance(heard, Missing):
            return (yield from self._menu(GONE))
        if isinstance(heard, Done):
            yield from self._passed()
            return (yield from self._menu())
        if not isinstance(heard, Key):
            raise OutOfTurn(type(heard).__name__)
        return heard.digit if heard.digit in KEYS else (yield from self._menu())

    def _intro(self) -> tuple[str, ...]:
        intro: tuple[str, ...] = (THE_MESSAGE,)
        if self._at < LARGEST:
            intro += count(self._at + 1)
        if self._message.urgent:
            intro += (URGENT,)
        if self._message.message_id in self._deleted:
            intro += (IS_DELETED,)
        return intro

    def _passed(self) -> Dialogue[None]:
        message_id = self._message.message_id
        if message_id in self._new and message_id not in self._deleted:
            self._new.discard(message_id)
            yield from answered(Mark(message_id, "saved"), Done)

    def _delete_or_take_back(self) -> Dialogue[str]:
        message_id = self._message.message_id
        if message_id in self._deleted:
            restored = yield from answered(Mark(message_id, "restored"), Done, Refused)
            if isinstance(restored, Refused):
                return (yield from self._menu(NOT_RESTORED))
            self._deleted.discard(message_id)
            return (yield from self._menu(RESTORED))
        yield from answered(Mark(message_id, "deleted"), Done)
        self._deleted.add(message_id)
        if self._at + 1 == len(self._messages):
            return (yield from self._menu(DELETED))
        key = yield from tell(DELETED)
        if key is not None and key.digit in KEYS:
            return key.digit
        return "2"

    def _keep_as_new(self) -> Dialogue[str]:
        message_id = self._message.message_id
        if message_id in self._deleted:
            return (yield from self._menu(IS_DELETED))
        yield from answered(Mark(message_id, "new"), Done)
        self._new.discard(message_id)  # passed, and new all the same
        return (yield from self._menu(KEPT_NEW))
