"""The rules of the list (P1)."""

from __future__ import annotations

import pytest

from services.presence.watching import WatchRefused, chosen_ids

EXTENSIONS = {str(20 + number): 100 + number for number in range(1, 12)}


def test_eight_are_taken_in_their_order_by_id_or_extension():
    ids = [109, 108, 107, 106, 105, 104, 103, 102]
    assert chosen_ids(ids, watcher_id=101, extensions=EXTENSIONS) == ids
    extensions = ["29", "28", "27", "26", "25", "24", "23", "22"]
    assert chosen_ids(extensions, watcher_id=101, extensions=EXTENSIONS) == ids
    assert chosen_ids([], watcher_id=101, extensions=EXTENSIONS) == []


@pytest.mark.parametrize(("chosen", "error", "place"), [
    (list(range(102, 111)), "too_many_watched", None),
    ([102, 999], "unknown_subscriber", 1),
    (["22", "99"], "unknown_subscriber", 1),
    ([102, 101], "cannot_watch_self", 1),
    ([102, 103, 102], "watched_twice", 2),
])
def test_what_breaks_a_rule_is_refused_and_named(chosen, error, place):
    with pytest.raises(WatchRefused) as refused:
        chosen_ids(chosen, watcher_id=101, extensions=EXTENSIONS)
    assert (refused.value.error, refused.value.place) == (error, place)
