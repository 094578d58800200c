"""By which telephone somebody is connected (C1, C4): the one he dials with himself, or one that is called back first.

What is asked for counts before what is set; "always call back" before both. Remote Office rings first while it is on,
and at no other time; where calls are forwarded to is no telephone of his.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    CALL_BACK = "call_back"
    THIS_PHONE = "this_phone"
    """The number is told, the telephone dials it itself, and nothing is dialled here."""


class Place(StrEnum):
    DEVICES = "devices"
    MOBILE = "mobile"
    REMOTE_OFFICE = "remote_office"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the subscriber set for all his calls."""

    mode: Mode = Mode.CALL_BACK
    always_call_back: bool = False
    first_leg: Place = Place.DEVICES
    device_id: str | None = None
    """The one that rings; None: all of them."""
    press_1: bool = False
    """Asked of whoever answers outside."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for with this one call; None: nothing."""

    mode: Mode | None = None
    first_leg: Place | None = None
    device_id: str | None = None
    press_1: bool | None = None


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Telephones:
    device_ids: Sequence[str] = ()
    mobile: str | None = None
    remote_office: str | None = None
    """Its number while it is on."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """What rings first: devices together, or the one number outside."""

    place: Place
    device_ids: Sequence[str] = ()
    number: str | None = None
    press_1: bool = False


class NoSuchTelephone(ValueError):
    """.error is for programs, .field the part of the request it is about."""

    def __init__(self, error: str, rule: str, field: str | None, hint: str | None) -> None:
        super().__init__(rule)
        self.error = error
        self.rule = rule
        self.field = field
        self.hint = hint


def mode_of(wishes: Wishes, preferences: Preferences) -> Mode:
    if preferences.always_call_back:
        return Mode.CALL_BACK
    if wishes.mode is not None:
        return wishes.mode
    if wishes.first_leg is not None or wishes.device_id is not None:
        return Mode.CALL_BACK
    return preferences.mode


def ringing(wishes: Wishes, preferences: Preferences, telephones: Telephones) -> Ringing:
    """Raises NoSuchTelephone."""
    if wishes.device_id is not None:
        return Ringing(Place.DEVICES, _chosen(wishes, telephones))
    usual = Place.REMOTE_OFFICE if telephones.remote_office else preferences.first_leg
    place = wishes.first_leg or usual
    press_1 = preferences.press_1 if wishes.press_1 is None else wishes.press_1
    match place:
        case Place.REMOTE_OFFICE:
            if not telephones.remote_office:
                raise NoSuchTelephone("remote_office_off", "Remote Office is off", "first_leg",
                                      "switch it on, or let another telephone ring first")
            return Ringing(place, number=telephones.remote_office, press_1=press_1)
        case Place.MOBILE:
            if not telephones.mobile:
                raise NoSuchTelephone("no_mobile_number", "no mobile number is set", "first_leg",
                                      "set mobile_number, or let another telephone ring first")
            return Ringing(place, number=telephones.mobile, press_1=press_1)
        case Place.DEVICES:
            return Ringing(place, _usual_devices(preferences, telephones))


def _chosen(wishes: Wishes, telephones: Telephones) -> Sequence[str]:
    if wishes.first_leg not in (None, Place.DEVICES):
        raise NoSuchTelephone("invalid_field", "a device cannot be chosen when another telephone is to ring first",
                              "device", "leave out device or first_leg")
    if wishes.device_id is None or wishes.device_id not in telephones.device_ids:
        raise NoSuchTelephone("unknown_device", "is not a device of this subscriber", "device",
                              "leave it out to ring all of them")
    return (wishes.device_id,)


def _usual_devices(preferences: Preferences, telephones: Telephones) -> Sequence[str]:
    if not telephones.device_ids:
        raise NoSuchTelephone("no_device", "the subscriber has no device to ring", None, None)
    if preferences.device_id is not None and preferences.device_id in telephones.device_ids:
        return (preferences.device_id,)
    return telephones.device_ids
