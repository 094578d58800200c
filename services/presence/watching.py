"""Whom a subscriber may put on his list (P1): up to eight colleagues of the same company, each once.

A list that breaks a rule is refused whole, with the place in it that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WATCHED_MAX = 8


class WatchRefused(Exception):
    """.error is the stable id; .place the index of the wrong entry, None for the list as a whole."""

    def __init__(self, error: str, message: str, *, place: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.place = place
        self.hint = hint


def chosen_ids(
    chosen: Sequence[int] | Sequence[str], *, watcher_id: int, extensions: Mapping[str, int]
) -> list[int]:
    """The subscriber ids of the chosen, given by id or by extension.

    extensions: of the company, at least of those chosen that it has.

    Raises WatchRefused.
    """
    if len(chosen) > WATCHED_MAX:
        raise WatchRefused(
            "too_many_watched", f"at most {WATCHED_MAX} colleagues can be watched, these are {len(chosen)}",
            hint="leave one out")
    known_ids = set(extensions.values())
    found: list[int] = []
    for place, one in enumerate(chosen):
        subscriber_id = extensions.get(one) if isinstance(one, str) else one
        if subscriber_id is None or subscriber_id not in known_ids:
            raise WatchRefused(
                "unknown_subscriber", f"{one} is no subscriber of this company", place=place)
        if subscriber_id == watcher_id:
            raise WatchRefused("cannot_watch_self", "nobody can watch himself", place=place)
        if subscriber_id in found:
            raise WatchRefused("watched_twice", f"{one} is in the list twice", place=place, hint="name each once")
        found.append(subscriber_id)
    return found
