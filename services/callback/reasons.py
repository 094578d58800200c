"""Why an attempt failed, in the caller's words (C3); and which of the switch's causes means what.

The causes are those of CAUSE_CHART in switch_channel.c; one that is not listed is "failed", so that a new
version of the switch never leaves an attempt without a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    FIRST_NOT_ANSWERED = "first_not_answered"
    FIRST_BUSY = "first_busy"
    FIRST_REJECTED = "first_rejected"
    FIRST_NOT_REACHABLE = "first_not_reachable"
    FIRST_NOT_CONFIRMED = "first_not_confirmed"
    FIRST_BARRED = "first_barred"
    FIRST_LIMIT = "first_limit"
    FIRST_FAILED = "first_failed"
    HUNG_UP_BEFORE_TARGET = "hung_up_before_target"
    BARRED = "barred"
    TARGET_BUSY = "target_busy"
    TARGET_NO_ANSWER = "target_no_answer"
    TARGET_REJECTED = "target_rejected"
    TARGET_NOT_REACHABLE = "target_not_reachable"
    TARGET_UNKNOWN = "target_unknown"
    TARGET_FAILED = "target_failed"
    NOT_DIALLED_IN_TIME = "not_dialled_in_time"
    OUT_OF_SIGHT = "out_of_sight"


WORDS: Mapping[Reason, Mapping[str, str]] = {
    Reason.FIRST_NOT_ANSWERED: {
        "en": "your telephone was not answered",
        "de": "Ihr Telefon wurde nicht abgenommen",
    },
    Reason.FIRST_BUSY: {
        "en": "your telephone was busy",
        "de": "Ihr Telefon war besetzt",
    },
    Reason.FIRST_REJECTED: {
        "en": "the call was rejected at your telephone",
        "de": "der Anruf wurde an Ihrem Telefon abgewiesen",
    },
    Reason.FIRST_NOT_REACHABLE: {
        "en": "your telephone cannot be reached, or is not registered",
        "de": "Ihr Telefon ist nicht erreichbar oder nicht angemeldet",
    },
    Reason.FIRST_NOT_CONFIRMED: {
        "en": "the call was answered at your number, but nobody pressed 1",
        "de": "der Anruf wurde unter Ihrer Nummer angenommen, aber niemand hat die 1 gedrückt",
    },
    Reason.FIRST_BARRED: {
        "en": "your own number may not be called: it is barred",
        "de": "Ihre eigene Nummer darf nicht angerufen werden: sie ist gesperrt",
    },
    Reason.FIRST_LIMIT: {
        "en": "your own number was not called: a limit for calls to the outside is reached",
        "de": "Ihre eigene Nummer wurde nicht angerufen: eine Grenze für Anrufe nach außen ist erreicht",
    },
    Reason.FIRST_FAILED: {
        "en": "your telephone could not be called",
        "de": "Ihr Telefon konnte nicht angerufen werden",
    },
    Reason.HUNG_UP_BEFORE_TARGET: {
        "en": "you hung up before the other side answered",
        "de": "Sie haben aufgelegt, bevor die Gegenseite abgenommen hat",
    },
    Reason.BARRED: {
        "en": "calls to this number are barred",
        "de": "Anrufe zu dieser Nummer sind gesperrt",
    },
    Reason.TARGET_BUSY: {
        "en": "the number called was busy",
        "de": "die gewählte Nummer war besetzt",
    },
    Reason.TARGET_NO_ANSWER: {
        "en": "the number called did not answer",
        "de": "unter der gewählten Nummer hat niemand abgenommen",
    },
    Reason.TARGET_REJECTED: {
        "en": "the number called rejected the call",
        "de": "die gewählte Nummer hat den Anruf abgewiesen",
    },
    Reason.TARGET_NOT_REACHABLE: {
        "en": "the number called cannot be reached at the moment",
        "de": "die gewählte Nummer ist zurzeit nicht erreichbar",
    },
    Reason.TARGET_UNKNOWN: {
        "en": "the number called does not exist",
        "de": "die gewählte Nummer ist nicht vergeben",
    },
    Reason.TARGET_FAILED: {
        "en": "the number called could not be connected",
        "de": "die gewählte Nummer konnte nicht verbunden werden",
    },
    Reason.NOT_DIALLED_IN_TIME: {
        "en": "the telephone system could not call you in time; nothing was dialled",
        "de": "die Telefonanlage konnte Sie nicht rechtzeitig anrufen; es wurde nichts gewählt",
    },
    Reason.OUT_OF_SIGHT: {
        "en": "the telephone system lost sight of this call; it is not dialled again",
        "de": "die Telefonanlage hat diesen Anruf aus den Augen verloren; er wird nicht noch einmal gewählt",
    },
}


def words(reason: Reason, language: str) -> str:
    """In the subscriber's language, de or en."""
    return WORDS[reason][language]


_FIRST: Mapping[str, Reason] = {
    "NO_ANSWER": Reason.FIRST_NOT_ANSWERED,
    "NO_USER_RESPONSE": Reason.FIRST_NOT_ANSWERED,
    "ALLOTTED_TIMEOUT": Reason.FIRST_NOT_ANSWERED,      # several legs, nobody answered (measured)
    "ORIGINATOR_CANCEL": Reason.FIRST_NOT_ANSWERED,
    "UNALLOCATED_NUMBER": Reason.FIRST_NOT_REACHABLE,
    "NO_ROUTE_DESTINATION": Reason.FIRST_NOT_REACHABLE,
    "PROGRESS_TIMEOUT": Reason.FIRST_NOT_REACHABLE,
    "USER_BUSY": Reason.FIRST_BUSY,
    "CALL_REJECTED": Reason.FIRST_REJECTED,
    "NORMAL_CLEARING": Reason.FIRST_REJECTED,  # hung up while it rang
    "USER_NOT_REGISTERED": Reason.FIRST_NOT_REACHABLE,
    "SUBSCRIBER_ABSENT": Reason.FIRST_NOT_REACHABLE,
    "NORMAL_TEMPORARY_FAILURE": Reason.FIRST_NOT_REACHABLE,  # the registered port is dead (measured)
    "RECOVERY_ON_TIMER_EXPIRE": Reason.FIRST_NOT_REACHABLE,
    "DESTINATION_OUT_OF_ORDER": Reason.FIRST_NOT_REACHABLE,
    "REQUESTED_CHAN_UNAVAIL": Reason.FIRST_NOT_REACHABLE,  # it answered with a redirect, which is not followed
    "REDIRECTION_TO_NEW_DESTINATION": Reason.FIRST_NOT_REACHABLE,
}

_TARGET: Mapping[str, Reason | None] = {
    "USER_BUSY": Reason.TARGET_BUSY,
    "NO_ANSWER": Reason.TARGET_NO_ANSWER,
    "NO_USER_RESPONSE": Reason.TARGET_NO_ANSWER,
    "ALLOTTED_TIMEOUT": Reason.TARGET_NO_ANSWER,
    "CALL_REJECTED": Reason.TARGET_REJECTED,
    "USER_NOT_REGISTERED": Reason.TARGET_NOT_REACHABLE,
    "SUBSCRIBER_ABSENT": Reason.TARGET_NOT_REACHABLE,
    "RECOVERY_ON_TIMER_EXPIRE": Reason.TARGET_NOT_REACHABLE,
    "DESTINATION_OUT_OF_ORDER": Reason.TARGET_NOT_REACHABLE,
    "REQUESTED_CHAN_UNAVAIL": Reason.TARGET_NOT_REACHABLE,
    "REDIRECTION_TO_NEW_DESTINATION": Reason.TARGET_NOT_REACHABLE,
    "UNALLOCATED_NUMBER": Reason.TARGET_UNKNOWN,
    "NO_ROUTE_DESTINATION": Reason.TARGET_UNKNOWN,
    "INVALID_NUMBER_FORMAT": Reason.TARGET_UNKNOWN,
    "NUMBER_CHANGED": Reason.TARGET_UNKNOWN,
    "OUTGOING_CALL_BARRED": Reason.BARRED,
    # These say nothing about the target: another of its telephones was faster, or we hung up ourselves.
    "LOSE_RACE": None,
    "ORIGINATOR_CANCEL": None,
    "PICKED_OFF": None,
    "NORMAL_CLEARING": None,
}


def of_first_leg(cause: str) -> Reason:
    return _FIRST.get(cause, Reason.FIRST_FAILED)


def of_target(cause: str) -> Reason | None:
    return _TARGET.get(cause, Reason.TARGET_FAILED)
