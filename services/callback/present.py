"""How a call is shown to others, the same over GET, in the event stream and in notices; and as it was at a change."""

from __future__ import annotations

from typing import Any

from services.callback.attempt import State, shown
from services.callback.reasons import Reason, words
from shared.database import Row


def call(row: Row) -> dict[str, Any]:
    """row: of store.view. What only the system itself tells apart is one state."""
    history: list[dict[str, Any]] = []
    for step in row.history:
        state = shown(State(step["state"])).value
        if not history or history[-1]["state"] != state:
            history.append({"state": state, "at": step["at"]})
    reason = Reason(row.reason) if row.reason else None
    return {
        **row, "state": shown(State(row.state)).value, "history": history,
        "message": words(reason, row.language) if reason else None,
    }


def call_as_of(row: Row, change_id: int) -> dict[str, Any] | None:
    """The call as it was when this change was made; None: not a change of this call, or one nobody sees."""
    known = [step for step in row.history if step["id"] <= change_id]
    if not known or known[-1]["id"] != change_id:
        return None
    before = [shown(State(step["state"])) for step in known[:-1]]
    state = State(known[-1]["state"])
    if before and before[-1] is shown(state):
        return None
    is_last = change_id == row.history[-1]["id"]
    return call(Row({**row, "history": known, "state": state.value, "reason": row.reason if is_last else None}))
