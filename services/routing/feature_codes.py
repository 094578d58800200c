"""The feature codes, as data (F1): what is dialled, what it does, what it takes, what is said, since when.

docs/feature-codes.md is the same table for people; a test compares the two. A code whose function comes in a later
version stands here too, so that nobody gets silence, or a colleague's extension, for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache


class Takes(StrEnum):
    """What is dialled behind a code."""

    NOTHING = "nothing"
    NUMBER = "number"
    NUMBER_OR_STORED = "number or stored"
    """Without a number the stored one is meant."""
    TWO_DIGITS = "two digits"
    RINGS = "rings"
    EXTENSION = "extension"
    EXTENSION_OR_OWN_GROUP = "extension or own group"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class FeatureCode:
    function: str
    code: str
    takes: Takes
    row: str
    """Of the product's specification."""
    de: str
    en: str
    prompt: str = ""
    """What is said of the setting: <prompt>-on, <prompt>-off (shared/prompts.yaml); empty: the code makes a call."""
    since: str | None = "0.1.0"
    """None: its function comes in a later version."""

    @property
    def mobile_code(self) -> str | None:
        """As an integrated mobile dials it (N8). The digits of *61* and *610 would be the same in part."""
        digits = self.code[1:]
        if not self.code.startswith("*") or not digits.isdecimal() or self.code == "*610":
            return None
        return MOBILE_STAR + digits


MOBILE_STAR = "788"
_LATER = None

TABLE: tuple[FeatureCode, ...] = (
    FeatureCode("forward_always_on", "*72", Takes.NUMBER_OR_STORED, "R1",
                "Sofortige Rufumleitung einschalten", "forward always: on", "forward-always"),
    FeatureCode("forward_always_off", "*73", Takes.NOTHING, "R1",
                "Sofortige Rufumleitung ausschalten", "forward always: off", "forward-always"),
    FeatureCode("forward_always_query", "*21*", Takes.NOTHING, "R1",
                "Sofortige Rufumleitung abfragen", "forward always: query", "forward-always"),
    FeatureCode("forward_busy_on", "*90", Takes.NUMBER_OR_STORED, "R2",
                "Rufumleitung bei Besetzt einschalten", "forward busy: on", "forward-busy"),
    FeatureCode("forward_busy_off", "*91", Takes.NOTHING, "R2",
                "Rufumleitung bei Besetzt ausschalten", "forward busy: off", "forward-busy"),
    FeatureCode("forward_busy_query", "*67*", Takes.NOTHING, "R2",
                "Rufumleitung bei Besetzt abfragen", "forward busy: query", "forward-busy"),
    FeatureCode("forward_no_answer_on", "*92", Takes.NUMBER_OR_STORED, "R2",
                "Rufumleitung bei Nichtmelden einschalten", "forward no answer: on", "forward-no-answer"),
    FeatureCode("forward_no_answer_off", "*93", Takes.NOTHING, "R2",
                "Rufumleitung bei Nichtmelden ausschalten", "forward no answer: off", "forward-no-answer"),
    FeatureCode("forward_no_answer_query", "*61*", Takes.NOTHING, "R2",
                "Rufumleitung bei Nichtmelden abfragen", "forward no answer: query", "forward-no-answer"),
    FeatureCode("forward_no_answer_rings", "*610", Takes.RINGS, "R2",
                "Rufzeichen bis zur Rufumleitung bei Nichtmelden", "forward no answer: number of rings",
                "forward-no-answer"),
    FeatureCode("forward_not_reachable_on", "*94", Takes.NUMBER_OR_STORED, "R2",
                "Rufumleitung bei Nichterreichbar einschalten", "forward not reachable: on", "forward-not-reachable"),
    FeatureCode("forward_not_reachable_off", "*95", Takes.NOTHING, "R2",
                "Rufumleitung bei Nichterreichbar ausschalten", "forward not reachable: off", "forward-not-reachable"),
    FeatureCode("forward_not_reachable_query", "*63*", Takes.NOTHING, "R2",
                "Rufumleitung bei Nichterreichbar abfragen", "forward not reachable: query",
                "forward-not-reachable"),
    FeatureCode("selective_forwarding_on", "#76", Takes.NOTHING, "R3",
                "Selektive Rufumleitung einschalten", "selective forwarding: on", "selective-forwarding"),
    FeatureCode("selective_forwarding_off", "#77", Takes.NOTHING, "R3",
                "Selektive Rufumleitung ausschalten", "selective forwarding: off", "selective-forwarding"),
    FeatureCode("mailbox_always_on", "*21", Takes.NOTHING, "R11",
                "Mailbox sofort einschalten", "mailbox always: on", "mailbox-always"),
    FeatureCode("mailbox_always_off", "#21", Takes.NOTHING, "R11",
                "Mailbox sofort ausschalten", "mailbox always: off", "mailbox-always"),
    FeatureCode("mailbox_busy_on", "*40", Takes.NOTHING, "R11",
                "Mailbox bei Besetzt einschalten", "mailbox on busy: on", "mailbox-busy"),
    FeatureCode("mailbox_busy_off", "#40", Takes.NOTHING, "R11",
                "Mailbox bei Besetzt ausschalten", "mailbox on busy: off", "mailbox-busy"),
    FeatureCode("mailbox_no_answer_on", "*41", Takes.NOTHING, "R11",
                "Mailbox bei Nichtmelden einschalten", "mailbox on no answer: on", "mailbox-no-answer"),
    FeatureCode("mailbox_no_answer_off", "#41", Takes.NOTHING, "R11",
                "Mailbox bei Nichtmelden ausschalten", "mailbox on no answer: off", "mailbox-no-answer"),
    FeatureCode("do_not_disturb_on", "*78", Takes.NOTHING, "R6",
                "Anrufschutz einschalten", "do not disturb: on", "do-not-disturb"),
    FeatureCode("do_not_disturb_off", "*79", Takes.NOTHING, "R6",
                "Anrufschutz ausschalten", "do not disturb: off", "do-not-disturb"),
    FeatureCode("anonymous_rejection_on", "*77", Takes.NOTHING, "R5",
                "Abweisen anonymer Anrufe einschalten", "anonymous rejection: on", "anonymous-rejection"),
    FeatureCode("anonymous_rejection_off", "*87", Takes.NOTHING, "R5",
                "Abweisen anonymer Anrufe ausschalten", "anonymous rejection: off", "anonymous-rejection"),
    FeatureCode("anonymous_rejection_query", "*52*", Takes.NOTHING, "R5",
                "Abweisen anonymer Anrufe abfragen", "anonymous rejection: query", "anonymous-rejection"),
    FeatureCode("call_waiting_on", "*43", Takes.NOTHING, "R7",
                "Anklopfen einschalten", "call waiting: on", "call-waiting"),
    FeatureCode("call_waiting_off", "#43", Takes.NOTHING, "R7",
                "Anklopfen ausschalten", "call waiting: off", "call-waiting"),
    FeatureCode("call_waiting_query", "*53*", Takes.NOTHING, "R7",
                "Anklopfen abfragen", "call waiting: query", "call-waiting"),
    FeatureCode("call_waiting_off_once", "*70", Takes.NUMBER, "R7",
                "Anruf ohne Anklopfen", "call waiting: off for this call"),
    FeatureCode("suppress_number_on", "*31", Takes.NOTHING, "O2",
                "Eigene Rufnummer immer unterdrücken", "suppress own number always: on", "suppress-number"),
    FeatureCode("suppress_number_off", "#31", Takes.NOTHING, "O2",
                "Eigene Rufnummer wieder zeigen", "suppress own number always: off", "suppress-number"),
    FeatureCode("suppress_number_query", "*54*", Takes.NOTHING, "O2",
                "Unterdrückung der Rufnummer abfragen", "suppress own number always: query", "suppress-number"),
    FeatureCode("suppress_number_once", "*67", Takes.NUMBER, "O2",
                "Anruf mit unterdrückter Rufnummer", "suppress own number: once"),
    FeatureCode("show_number_once", "*65", Takes.NUMBER, "O2",
                "Anruf mit gezeigter Rufnummer", "show own number: once"),
    FeatureCode("speed_dial", "*80", Takes.TWO_DIGITS, "O3", "Kurzwahl", "speed dial"),
    FeatureCode("night_service_on", "#80", Takes.NOTHING, "G6",
                "Nachtschaltung einschalten", "night service by hand: on", "night-service"),
    FeatureCode("night_service_off", "#81", Takes.NOTHING, "G6",
                "Nachtschaltung ausschalten", "night service by hand: off", "night-service"),
    FeatureCode("remote_office_on", "*84", Takes.NUMBER_OR_STORED, "R9",
                "Remote Office einschalten", "Remote Office: on", "remote-office"),
    FeatureCode("remote_office_off", "*85", Takes.NOTHING, "R9",
                "Remote Office ausschalten", "Remote Office: off", "remote-office"),
    FeatureCode("voice_portal", "*62", Takes.NOTHING, "V2",
                "Sprachportal, jede Mailbox", "voice portal, any mailbox"),
    FeatureCode("own_mailbox", "*86", Takes.NOTHING, "V2", "Eigene Mailbox", "my own mailbox"),
    FeatureCode("to_mailbox", "*55", Takes.EXTENSION, "V2",
                "An eine Mailbox übergeben", "transfer to a mailbox"),
    FeatureCode("clear_message_lamp", "*99", Takes.NOTHING, "V4",
                "Nachrichtenlampe löschen", "clear the message lamp"),

    FeatureCode("pull_call", "*11", Takes.NOTHING, "M2",
                "Eigenes Gespräch hierher holen", "pull my running call here", since=_LATER),
    FeatureCode("join_call", "*15", Takes.NOTHING, "E4",
                "Gespräch der Assistenz oder der gemeinsamen Leitung beitreten",
                "join the call my assistant took, or barge in on my shared line", since=_LATER),
    FeatureCode("pickup_group", "*98", Takes.NOTHING, "G3", "Anruf der Gruppe annehmen", "pickup: group", since=_LATER),
    FeatureCode("pickup_directed", "*97", Takes.EXTENSION, "G3",
                "Anruf einer Nebenstelle annehmen", "pickup: directed", since=_LATER),
    FeatureCode("pickup_barge_in", "*33", Takes.EXTENSION, "G3",
                "Annehmen mit Aufschalten", "pickup: with barge-in", since=_LATER),
    FeatureCode("park", "*68", Takes.EXTENSION, "G4",
                "Gespräch an einer Nebenstelle parken", "park on an extension", since=_LATER),
    FeatureCode("park_group", "#58", Takes.NOTHING, "G4",
                "Gespräch in der eigenen Gruppe parken", "park on my group's place", since=_LATER),
    FeatureCode("retrieve", "*88", Takes.EXTENSION_OR_OWN_GROUP, "G4",
                "Geparktes Gespräch holen", "retrieve from an extension, or from my group's place", since=_LATER),
    FeatureCode("executive_filter_on", "#61", Takes.NOTHING, "E1",
                "Chef-Filter einschalten", "executive filter: on", since=_LATER),
    FeatureCode("executive_filter_off", "#62", Takes.NOTHING, "E1",
                "Chef-Filter ausschalten", "executive filter: off", since=_LATER),
    FeatureCode("push_to_executive", "#63", Takes.NOTHING, "E4",
                "Gespräch an den Chef geben", "push the call to the executive", since=_LATER),
    FeatureCode("call_for_executive", "#64", Takes.NUMBER, "E4",
                "Im Namen des Chefs anrufen", "call in the executive's name", since=_LATER),
    FeatureCode("group_busy_on", "#51", Takes.NOTHING, "G1",
                "Für alle Gruppen besetzt", "busy for all my hunt groups: on", since=_LATER),
    FeatureCode("group_busy_off", "#52", Takes.NOTHING, "G1",
                "Für alle Gruppen wieder frei", "busy for all my hunt groups: off", since=_LATER),
    FeatureCode("group_busy_query", "#53", Takes.NOTHING, "G1",
                "Besetzt für Gruppen abfragen", "busy for all my hunt groups: query", since=_LATER),
    FeatureCode("queue_membership", "*22", Takes.EXTENSION, "G8",
                "In die Warteschlange oder hinaus", "join or leave a queue", since=_LATER),
    FeatureCode("queue_status", "*23", Takes.STATUS, "G8",
                "Eigener Zustand in Warteschlangen", "my queue status", since=_LATER),
    FeatureCode("call_back_when_free", "*66", Takes.NOTHING, "C6",
                "Rückruf, wenn frei", "call back when the busy colleague gets free", since=_LATER),
)

BY_FUNCTION: Mapping[str, FeatureCode] = {one.function: one for one in TABLE}

# What a company may dial instead: within * or # and two or three digits.
_CHANGED = re.compile(r"[*#][0-9]{2,3}")


class CodeTable:
    """The codes of one company, by what is dialled; made by table_of."""

    def __init__(self, changed: Mapping[str, str]) -> None:
        self.codes: tuple[FeatureCode, ...] = tuple(
            replace(one, code=changed[one.function]) if one.function in changed else one for one in TABLE)
        self._longest_first = sorted(self.codes, key=lambda one: len(one.code), reverse=True)

    def begins(self, dialled: str) -> FeatureCode | None:
        """The longest code at the front of what was dialled."""
        return next((one for one in self._longest_first if dialled.startswith(one.code)), None)

    def begins_mobile(self, dialled: str) -> tuple[FeatureCode, str] | None:
        """The code, and how it was dialled, from an integrated mobile."""
        fitting = [(one, form) for one in self.codes if (form := one.mobile_code) and dialled.startswith(form)]
        return max(fitting, key=lambda pair: len(pair[1]), default=None)


STANDARD = CodeTable({})


@lru_cache(maxsize=256)
def _table(changed: tuple[tuple[str, str], ...]) -> CodeTable:
    return CodeTable(dict(changed))


def table_of(changed: Mapping[str, str]) -> CodeTable:
    """changed: function -> the company's own code. What it no longer knows of this version is left out."""
    if not changed:
        return STANDARD
    return _table(tuple(sorted((function, code) for function, code in changed.items() if function in BY_FUNCTION)))


@dataclass(frozen=True, slots=True)
class Clash:
    function: str
    rule: str


def clashes(changed: Mapping[str, str]) -> Iterator[Clash]:
    """What is wrong with a company's own codes, each with the function it is wrong for."""
    for function, code in changed.items():
        if function not in BY_FUNCTION:
            yield Clash(function, "there is no such function")
        elif code != BY_FUNCTION[function].code and not _CHANGED.fullmatch(code):
            yield Clash(function, f"{code!r} is not * or # and two or three digits")
    table = table_of(changed).codes
    for one in table:
        for other in table:
            if one is other or not other.code.startswith(one.code):
                continue
            # Only *21 and *21*, *67 and *67* may begin alike: what follows * tells them apart.
            if other.code == one.code or other.code[len(one.code)].isdecimal():
                own = next((each for each in (one, other) if each.function in changed), one)
                against = other if own is one else one
                yield Clash(own.function, f"{own.code} clashes with {against.code} ({against.en})")
