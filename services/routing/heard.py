"""What somebody hears whose call goes no further although he was answered already, by a click or after a transfer.

The tone for busy or for no answer comes from the caller's own network, and only instead of an answer: to an answered
leg the switch can merely hang up. So he is told in words.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.routing.plan import Announce, Reject, Step

OVER = "over"
"""Reason of the end of a call nobody is left to hear about."""

_WORDS: Mapping[str, str] = {
    "USER_BUSY": "callee-busy", "NO_ANSWER": "callee-no-answer", "CALL_REJECTED": "call-not-permitted",
}


def in_words(step: Step, language: str) -> Step:
    """The step, or an announcement in place of the tone it would end with."""
    if not isinstance(step, Reject) or step.reason == OVER:
        return step
    return Announce(_WORDS.get(step.cause, "not-reachable"), language, step.cause, step.reason)
