"""A dialled string -> what it asks for, once the company's codes and the speed dials are known. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.routing.codes import matching
from services.routing.facts import CodeDialled
from services.routing.feature_codes import CodeTable

CALLS = frozenset({"suppress_number_once", "show_number_once", "call_waiting_off_once"})
"""Codes that call the number behind them."""
OWN_MAILBOX, ANY_MAILBOX, TO_MAILBOX = "own_mailbox", "voice_portal", "to_mailbox"
MAILBOXES = frozenset({OWN_MAILBOX, ANY_MAILBOX, TO_MAILBOX})
"""Codes that lead to the mailbox service: to listen, or to leave a message there."""
SPEED_DIAL_EMPTY = "speed-dial-nothing-stored"


def meaning(dialled: str, table: CodeTable, *, mobile: bool, speed_dials: Mapping[str, str]) -> CodeDialled | None:
    """None: no code. speed_dials: two digits -> number or code, his own before his site's."""
    if not matching.is_code(dialled, mobile=mobile):
        return None
    read = matching.read(dialled, table, mobile=mobile)
    if isinstance(read, matching.Refused):
        return CodeDialled(read.code.function if read.code else "", refused=read.why.value)
    function, argument = read.code.function, read.argument
    if function in CALLS or function == TO_MAILBOX:
        return CodeDialled(function, argument, number=argument)
    if function != "speed_dial":
        return CodeDialled(function, argument)
    stored = speed_dials.get(argument)
    if stored is None:
        return CodeDialled(function, argument, refused=SPEED_DIAL_EMPTY)
    # A code may be stored, too; that it leads to a further speed dial would have no end.
    behind = meaning(stored, table, mobile=False, speed_dials={})
    return behind or CodeDialled(function, argument, number=stored)
