"""Counts, numbers and times as prompts, one spoken after the other. Core."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.voicemail.mailbox import Language
from services.voicemail.portal.words import Box, GreetingAudio, Message, Sound
from shared.phone_number import PhoneNumber

LARGEST = 59
_ROUND = 50


def count(of: int) -> tuple[str, ...]:
    """Up to 59 exactly; nobody needs to know whether 312 or 313 messages wait."""
    return (f"number-{of}",) if of <= LARGEST else ("portal-more-than", f"number-{_ROUND}")


def how_many_new(new: int) -> tuple[str, ...]:
    if new == 0:
        return ("portal-new-none",)
    if new == 1:
        return ("portal-you-have", "portal-one", "portal-new-one")
    return ("portal-you-have", *count(new), "portal-new-many")


def number(of: str, country: str) -> tuple[str, ...]:
    """Digit by digit, as one writes it in this country."""
    shown = PhoneNumber(of).shown_in(country) if of.startswith("+") else of
    return tuple("plus" if mark == "+" else f"number-{mark}" for mark in shown if mark == "+" or mark.isdecimal())


def sender(message: Message, box: Box) -> tuple[Sound, ...]:
    if message.caller_name_id is not None:
        return ("portal-from", GreetingAudio(message.caller_name_id))
    digits = number(message.caller_number, box.country) if message.caller_number else ()
    return ("portal-from", *digits) if digits else ("portal-from-withheld",)


def when(left_at: datetime, now: datetime, time_zone: str, language: Language) -> tuple[str, ...]:
    """Day and time in the subscriber's zone. Both times aware."""
    zone = ZoneInfo(time_zone)
    at, today = left_at.astimezone(zone), now.astimezone(zone).date()
    if at.date() == today:
        day: tuple[str, ...] = ("today",)
    elif at.date() == today - timedelta(days=1):
        day = ("yesterday",)
    elif language == "de":
        day = (f"day-{at.day}", f"month-{at.month}")
    else:
        day = (f"month-{at.month}", f"day-{at.day}")
    return (*day, "clock-at", *clock(at, language))


def clock(at: datetime, language: Language) -> tuple[str, ...]:
    """14:05: "vierzehn Uhr fünf", "two oh five p m"."""
    minute = at.minute
    if language == "de":
        return (f"clock-hour-{at.hour}", *((f"number-{minute}",) if minute else ()))
    half = "clock-am" if at.hour < 12 else "clock-pm"
    if minute == 0:
        return (f"clock-hour-{at.hour}", half)
    return (f"clock-hour-{at.hour}", *(("clock-oh",) if minute < 10 else ()), f"number-{minute}", half)
