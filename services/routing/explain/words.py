"""The words of a timetable, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from shared.phone_number import PhoneNumber

Words = Mapping[str, str]

_GERMAN: Words = {
    "title": "Wohin Anrufe an {who} gehen", "week": "Woche {number}, {first} bis {last}",
    "from_outside": "von außen", "from_inside": "intern", "outside": "Nummer außerhalb",
    "devices": "Telefone klingeln", "assistants": "Assistenz klingelt", "remote_office": "Remote Office",
    "forward": "Weiterleitung", "night": "Nachtschaltung", "mailbox": "Mailbox", "announcement": "Ansage",
    "rejected": "abgewiesen", "busy": "besetzt",
    "shorter": "Uhr wird vorgestellt", "longer": "Uhr wird zurückgestellt",
    "then": "nach {seconds} s {what}", "short_devices": "Telefone",
}
_ENGLISH: Words = {
    "title": "Where calls to {who} go", "week": "Week {number}, {first} to {last}",
    "from_outside": "outside", "from_inside": "inside", "outside": "number outside",
    "devices": "telephones ring", "assistants": "assistants ring", "remote_office": "Remote Office",
    "forward": "forwarded", "night": "night service", "mailbox": "mailbox", "announcement": "announcement",
    "rejected": "rejected", "busy": "busy",
    "shorter": "clock goes forward", "longer": "clock goes back",
    "then": "after {seconds} s {what}", "short_devices": "rings",
}
_PLAIN = ("devices", "outside")
"""It rings there: nothing that need be said."""
_DAYS = {
    "de": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def of(language: str) -> Words:
    return _GERMAN if language == "de" else _ENGLISH


def week(timetable: Mapping[str, Any]) -> str:
    language, days = timetable["language"], timetable["days"]
    year, _, number = timetable["week"].partition("-W")
    return of(language)["week"].format(
        number=f"{int(number)}/{year}", first=_date(days[0], language), last=_date(days[-1], language))


def day(one: Mapping[str, Any], language: str) -> str:
    known = "de" if language == "de" else "en"
    return f"{_DAYS[known][date.fromisoformat(one['date']).weekday()]} {_date(one, language)}"


def is_weekend(one: Mapping[str, Any]) -> bool:
    return date.fromisoformat(one["date"]).weekday() >= 5


def labels(one: Mapping[str, Any], language: str) -> list[str]:
    """What may stand in a bar, the longest first: of the narrow one only where it is sent is left."""
    say = of(language)
    kind, to = say[one["kind"]], place(one["to"])
    if one["kind"] == "devices":
        then = [f"{kind}, {_then(one['then'], language)}"] if one["then"] else []
        return [*then, kind, say["short_devices"]]
    if not to:
        return [kind]
    lands = say[one["lands"]] if one["lands"] and one["lands"] not in (*_PLAIN, one["kind"]) else ""
    short = one["to"]["extension"] or to
    return [*([f"{kind} → {to} ({lands})"] if lands else []), f"{kind} → {to}", f"→ {to}", f"→ {short}"]


def stretch(one: Mapping[str, Any], language: str) -> str:
    """One stretch, whole."""
    say = of(language)
    told = f"{_clock(one['begins'])}–{_clock(one['ends'], is_end=True)} {say[one['kind']]}"
    if one["to"]:
        told += f" → {place(one['to'])}"
    if one["lands"] and one["lands"] not in (*_PLAIN, one["kind"]):
        told += f" ({say[one['lands']]})"
    if one["then"]:
        told += f", {_then(one['then'], language)}"
    return f"{told} [{one['rung']}]"


def summary(timetable: Mapping[str, Any]) -> str:
    """The whole picture for those who do not see it."""
    language = timetable["language"]
    lines = []
    for one in timetable["days"]:
        for caller, lane in zip(timetable["callers"], one["lanes"], strict=True):
            told = "; ".join(stretch(part, language) for part in lane)
            holiday = f" ({one['holiday']})" if one["holiday"] else ""
            lines.append(f"{day(one, language)}{holiday}, {of(language)['from_' + caller['kind']]}: {told}.")
    return "\n".join(lines)


def _then(then: Mapping[str, Any], language: str) -> str:
    say = of(language)
    what = say[then["kind"]] + (f" → {place(then['to'])}" if then["to"] and then["kind"] != "mailbox" else "")
    return say["then"].format(seconds=then["after_s"], what=what)


def place(one: Mapping[str, str] | None) -> str:
    if one is None:
        return ""
    if one["number"]:
        return _number(one["number"])
    return " ".join(part for part in (one["extension"], one["name"]) if part)


def _number(text: str) -> str:
    return PhoneNumber(text).international() if text.startswith("+") else text


def _date(one: Mapping[str, Any], language: str) -> str:
    at = date.fromisoformat(one["date"])
    return f"{at.day}.{at.month}." if language == "de" else f"{at.day} {_MONTHS[at.month - 1]}"


def _clock(text: str, *, is_end: bool = False) -> str:
    said = datetime.fromisoformat(text).strftime("%H:%M")
    return "24:00" if is_end and said == "00:00" else said
