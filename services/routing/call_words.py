"""Why a call went as it went, in words a person understands; and how much of that he may know. Core.

A person sees what his own settings decided. That somebody else is on do not disturb, or has him on a list, is that
person's matter: the one who called learns what he also heard.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

_EVERYBODYS = frozenset({"devices", "number", "loop guard"})
"""Rungs that tell nothing of anybody's settings."""
_RINGS_ON = frozenset({"devices", "Remote Office", "extension", "external number", "lamp key", "executive filter"})
"""Where it rings: how that ended is the better answer."""

_RUNGS: dict[str, tuple[str, str]] = {
    "loop guard": ("zu oft weitergeleitet", "sent on too often"),
    "intercept": ("Anrufe werden abgefangen", "calls are intercepted"),
    "incoming barring": ("Rufnummer des Anrufers ist gesperrt", "the caller's number is barred"),
    "enterprise rule": ("Regel der Firma", "a rule of the company"),
    "night service": ("Nachtschaltung", "night service"),
    "negative list": ("Anrufer steht auf der Sperrliste", "blocked by the list of unwanted callers"),
    "positive list": ("Anrufer steht nicht auf der Liste erwünschter Anrufer", "not on the list of wanted callers"),
    "anonymous rejection": ("Anrufe ohne Rufnummer werden abgewiesen", "calls without a number are rejected"),
    "selective forwarding": ("selektive Weiterleitung", "selective forwarding"),
    "forward always, mailbox always": ("alle Anrufe umgeleitet", "all calls forwarded"),
    "executive filter": ("Chef-Sekretariat-Filter", "executive filter"),
    "do not disturb": ("nicht stören", "do not disturb"),
    "busy": ("besetzt", "busy"),
    "Remote Office": ("Remote Office", "Remote Office"),
    "devices": ("am Telefon", "at the telephone"),
    "emergency": ("Notruf", "emergency call"),
    "lamp key": ("Namenstaste", "lamp key"),
    "feature code or speed dial": ("Dienstkennzahl oder Kurzwahl", "feature code or speed dial"),
    "barring": ("Rufnummer ist gesperrt", "number is barred"),
    "extension": ("Nebenstelle", "extension"),
    "external number": ("externe Rufnummer", "number outside"),
    "number": ("Rufnummer ist niemandem zugeteilt", "nobody has this number"),
}
_REASONS: dict[str, tuple[str, str]] = {
    "busy": ("besetzt", "busy"),
    "no_answer": ("nicht angenommen", "not answered"),
    "not_reachable": ("nicht erreichbar", "not reachable"),
    "barred": ("Rufnummer ist gesperrt", "number is barred"),
    "unknown_number": ("Rufnummer ist niemandem zugeteilt", "nobody has this number"),
    "no_trunk": ("keine Amtsleitung", "no line to the outside"),
    "emergency_no_trunk": ("keine Amtsleitung", "no line to the outside"),
    "no_number_to_show": ("keine eigene Rufnummer für Anrufe nach außen", "no number of one's own for calls outside"),
    "feature_code_refused": ("Kennzahl nicht ausgeführt", "feature code refused"),
    "lamp_unset": ("Taste ist nicht belegt", "nobody on this key"),
    "rejected": ("abgewiesen", "rejected"),
    "given up": ("aufgelegt, bevor jemand abnahm", "given up before anybody answered"),
    "mailbox": ("Mailbox", "mailbox"),
    "limit": ("Grenze für Anrufe erreicht", "limit of calls reached"),
}
_CAUSES = {
    "USER_BUSY": "busy", "NO_ANSWER": "no_answer", "ALLOTTED_TIMEOUT": "no_answer", "CALL_REJECTED": "rejected",
    "SUBSCRIBER_ABSENT": "not_reachable", "USER_NOT_REGISTERED": "not_reachable", "ORIGINATOR_CANCEL": "given up",
    "UNALLOCATED_NUMBER": "unknown_number", "OUTGOING_CALL_BARRED": "barred",
}


def why(row: Mapping[str, Any], own_places: Collection[str] | None, language: str) -> tuple[str | None, str | None]:
    """The rung that decided, and in words why it ended so, as who owns these places may know them.

    row: rung, trace, later, steps, cause, answered of a call. own_places: extensions and "outgoing" as the trace names
    them; None: everything may be known.
    """
    decision = row if own_places is None else _of_his_own(row, own_places)
    rung = decision["rung"]
    if own_places is not None and rung not in _EVERYBODYS:
        rung = _own_rung(decision["trace"] or (), own_places)
    return rung, _in_words(rung, row, language)


def _of_his_own(row: Mapping[str, Any], own_places: Collection[str]) -> Mapping[str, Any]:
    """The decision that brought the call to these places: of one that was transferred, it may be a later one."""
    later: Sequence[Mapping[str, Any]] = row["later"]
    for decision in (row, *later):
        if any(line["place"] in own_places for line in decision["trace"] or ()):
            return decision
    return row


def _own_rung(trace: Sequence[Mapping[str, Any]], own_places: Collection[str]) -> str | None:
    """Of the last of his own rungs that decided, if nobody else's came after it but those it led to."""
    own = [line["rung"] for line in trace if line["place"] in own_places and line.get("decides")]
    return str(own[-1]) if own else None


def _in_words(rung: str | None, row: Mapping[str, Any], language: str) -> str | None:
    which = 0 if language == "de" else 1
    if rung in _RUNGS and rung not in _RINGS_ON:
        return _RUNGS[rung][which]
    if not row["answered"]:
        reason = _ending(row)
        if reason in _REASONS:
            return _REASONS[reason][which]
    return _RUNGS[rung][which] if rung in _RUNGS else None


def _ending(row: Mapping[str, Any]) -> str | None:
    last = row["steps"][-1] if row["steps"] else {}
    if last.get("do") == "mailbox":
        return "mailbox"
    if row["cause"] == "ORIGINATOR_CANCEL":
        return "given up"
    reason = str(last.get("reason", ""))
    if last.get("do") != "ring" and reason in _REASONS:
        return reason
    if reason.startswith("limit_"):
        return "limit"
    return _CAUSES.get(row["cause"] or "")
