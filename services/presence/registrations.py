"""Which devices are registered: folded from the switch's register events, put right by its list.

    sofia::register, sofia::unregister, sofia::expire -> Registrations.take
    show registrations                                -> Registrations.resync

A registration is known by its Call-ID (`token` in the list: sofia_reg.c gives switch_core_add_registration the
Call-ID). A telephone that comes back with a new one replaces the old without an event; the list knows.
The list lags behind the events like the list of channels (shared/calls_up.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from shared.calls_up import TABLE_DELAY_S, Headers

REGISTERED = "sofia::register"
GONE = ("sofia::unregister", "sofia::expire")
EVENTS = tuple(f"CUSTOM {name}" for name in (REGISTERED, *GONE))
REGISTRATION_LIST = ("show", "registrations", "as", "json")


class NotARegistrationList(ValueError):
    """The answer to `show registrations as json` is something else."""


@dataclass(frozen=True, slots=True)
class Registration:
    device_id: str
    token: str


def registration_of(event: Headers) -> Registration:
    """sofia_reg.c: register and unregister name the device in `from-user`, expire in `user`."""
    device_id = event.get("from-user") or event.require("user")
    return Registration(device_id, event.require("call-id"))


def rows_of(answer: str) -> list[Registration]:
    try:
        return [Registration(row["reg_user"], row["token"]) for row in json.loads(answer).get("rows", [])]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotARegistrationList(f"not a list of registrations: {answer[:80]!r}") from error


class Registrations:
    def __init__(self, *, table_delay_s: float = TABLE_DELAY_S) -> None:
        self._table_delay_s = table_delay_s
        self._tokens: dict[str, set[str]] = {}
        self._heard: dict[Registration, tuple[bool, float]] = {}

    @property
    def device_count(self) -> int:
        return len(self._tokens)

    def is_registered(self, device_id: str) -> bool:
        return device_id in self._tokens

    def take(self, registration: Registration, *, present: bool, now: float) -> frozenset[str]:
        """Answers the device if it came or went by this."""
        self._heard[registration] = (present, now)
        return self._set(registration, present)

    def resync(self, listed: Iterable[Registration], *, asked_at: float) -> frozenset[str]:
        """Answers the devices that came or went, in the light of the list asked for at asked_at."""
        list_knows_until = asked_at - self._table_delay_s
        for registration, (_present, at) in list(self._heard.items()):
            if at <= list_knows_until:
                del self._heard[registration]
        rows = set(listed)
        known = {Registration(device_id, token) for device_id, tokens in self._tokens.items() for token in tokens}
        before = set(self._tokens)
        for registration in (rows ^ known) - self._heard.keys():
            self._set(registration, registration in rows)
        return frozenset(before ^ set(self._tokens))

    def _set(self, registration: Registration, present: bool) -> frozenset[str]:
        device_id = registration.device_id
        tokens = self._tokens.get(device_id, set())
        was_there = bool(tokens)
        if present:
            tokens.add(registration.token)
            self._tokens[device_id] = tokens
        else:
            tokens.discard(registration.token)
            if not tokens:
                self._tokens.pop(device_id, None)
        return frozenset() if was_there == bool(tokens) else frozenset({device_id})
